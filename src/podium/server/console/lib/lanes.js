// Spans become lanes: one for each agent, rows where they overlap, and time without the stretches of idleness.

import { moment, span } from "./format.js";

const SPAN = 12;
const ROWS_MAX = 12;
const BINS = 400;
const IDLE_PART = 0.04;
const IDLE_MS = 50;
const FOLD = 0.012;

/**
 * effects: as the API lists them, oldest first.
 * Gives lanes with their spans, in a time whose idle stretches are folded: `x` and `end` of each, up to `width`.
 */
export function laid(effects, now) {
  const spans = effects.map((one) => ({ ...one, until: one.settled_at || Math.max(now, one.requested_at) }));
  const time = folded(spans);
  for (const one of spans) {
    one.x = time.at(one.requested_at);
    one.end = time.at(one.until);
  }
  const lanes = new Map();
  for (const one of spans) {
    const name = one.agent || one.kind;
    if (!lanes.has(name)) lanes.set(name, { name, spans: [], ends: [] });
    lanes.get(name).spans.push(one);
  }
  let top = 0;
  for (const lane of lanes.values()) {
    for (const one of lane.spans) {
      let row = lane.ends.findIndex((end) => end <= one.requested_at);
      if (row < 0) row = lane.ends.length < ROWS_MAX ? lane.ends.length : shortest(lane.ends);
      lane.ends[row] = one.until;
      one.row = row;
    }
    lane.top = top;
    lane.height = Math.max(lane.ends.length * SPAN + 8, 24);
    top += lane.height;
  }
  const crowd = new Array(BINS).fill(0);
  for (const one of spans) crowd[Math.min(Math.floor((one.x / time.width) * BINS), BINS - 1)] += 1;
  const longest = [...spans].sort((one, other) => other.until - other.requested_at - (one.until - one.requested_at)).slice(0, 20);
  return { spans, lanes: [...lanes.values()], height: top, width: time.width, folds: time.folds, ticks: time.ticks, crowd, longest };
}

const shortest = (ends) => ends.indexOf(Math.min(...ends));

/** Time without long idle stretches: each is as short as a fold. */
export function folded(spans) {
  const busy = [];
  for (const one of spans) {
    const last = busy.at(-1);
    if (last && one.requested_at <= last[1]) last[1] = Math.max(last[1], one.until);
    else busy.push([one.requested_at, one.until]);
  }
  const begun = busy[0][0];
  const work = busy.reduce((sum, [from, to]) => sum + to - from, 0) || 1;
  const fold = Math.max(work * FOLD, 1);
  const longIdle = Math.max(work * IDLE_PART, IDLE_MS);
  const pieces = [];
  const folds = [];
  let x = 0;
  busy.forEach(([from, to], index) => {
    if (index) {
      const idle = from - busy[index - 1][1];
      const width = idle > longIdle ? fold : idle;
      if (idle > longIdle) folds.push({ x, width, idle });
      pieces.push([busy[index - 1][1], from, x, width]);
      x += width;
    }
    pieces.push([from, to, x, to - from]);
    x += to - from;
  });
  const width = Math.max(x, 1);
  const at = (time) => {
    let low = 0;
    let high = pieces.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (pieces[middle][0] <= time) low = middle;
      else high = middle - 1;
    }
    const [from, to, start, wide] = pieces[low];
    return to > from ? start + (Math.min(time, to) - from) * (wide / (to - from)) : start;
  };
  const back = (place) => {
    const piece = pieces.findLast(([, , start]) => start <= place) ?? pieces[0];
    const [from, to, start, wide] = piece;
    return wide ? from + ((place - start) / wide) * (to - from) : from;
  };
  const ticks = (from, to, many) => {
    const found = [];
    for (let index = 0; index <= many; index += 1) {
      const place = from + ((to - from) * index) / many;
      const time = back(place);
      found.push({ x: place, text: to - from < 20_000 && !folds.length ? `+${span(time - begun)}` : time - begun < 60_000 ? `+${span(time - begun)}` : moment(time) });
    }
    for (const one of folds) {
      if (one.x >= from && one.x <= to) found.push({ x: one.x, text: `${span(one.idle)} idle` });
    }
    return found.sort((one, other) => one.x - other.x);
  };
  return { at, width, folds, ticks };
}
