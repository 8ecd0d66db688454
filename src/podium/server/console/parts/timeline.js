// Who was at work when: a lane for each agent, on a canvas. Time in which nothing happens is folded.

import { html, useEffect, useLayoutEffect, useMemo, useRef, useState, Table, Trouble, None, Status } from "../lib/ui.js";
import { withQuery, go } from "../lib/router.js";
import { useData, ofRun } from "../lib/data.js";
import { leaf, moment, plural, span, count } from "../lib/format.js";
import { laid } from "../lib/lanes.js";

const MOST = 20000;
const SPAN = 12;
const LABEL = 190;
const AXIS = 22;
const OVERVIEW = 30;
const HEIGHT_MAX = 520;
const STEP = 0.2;

export function Timeline({ run, id }) {
  const { data, problem } = useData(`/v1/runs/${id}/effects?limit=${MOST}`, ofRun(id));
  const plan = useMemo(() => (data?.items.length ? laid(data.items, run.ended_at || Date.now()) : null), [data]);
  if (problem && !data) return html`<${Trouble} problem=${problem} />`;
  if (!data) return null;
  if (!plan) return html`<${None}>It asked nobody yet.<//>`;
  return html`<${Lanes} plan=${plan} id=${id} />
    <p class="row dim"><span>${plural(data.items.length, "span")} in ${plural(plan.lanes.length, "lane")}${plan.folds.length ? `, ${plural(plan.folds.length, "idle stretch", "idle stretches")} folded` : ""}</span>
      <span><kbd>←</kbd> <kbd>→</kbd> move · <kbd>+</kbd> <kbd>-</kbd> zoom · <kbd>0</kbd> all of it · drag, or scroll with Ctrl</span></p>
    <section><div class="title"><h2>The same as a table</h2><span class="dim">longest first</span></div>
      <${Table} label="Longest spans" rows=${plan.longest} id=${(one) => one.effect} href=${(one) => withQuery({ tab: "data", effect: one.effect })} columns=${COLUMNS} /></section>`;
}

const COLUMNS = [
  { name: "#", num: true, cell: (one) => one.effect },
  { name: "task", cell: (one) => leaf(one.task) },
  { name: "who", cell: (one) => one.agent || one.kind },
  { name: "status", cell: (one) => html`<${Status} status=${one.status} />` },
  { name: "began", cell: (one) => moment(one.requested_at) },
  { name: "took", num: true, cell: (one) => span(one.until - one.requested_at) },
];

function Lanes({ plan, id }) {
  const canvas = useRef(null);
  const [range, setRange] = useState([0, plan.width]);
  const [top, setTop] = useState(0);
  const [under, setUnder] = useState(null);
  const drag = useRef(null);
  const height = Math.min(plan.height + AXIS + OVERVIEW, HEIGHT_MAX);
  const reach = Math.max(plan.height - (height - AXIS - OVERVIEW), 0);
  useEffect(() => setRange((before) => (before[1] >= plan.width * 0.98 || before[1] > plan.width ? [Math.min(before[0], plan.width), plan.width] : before)), [plan]);
  useLayoutEffect(() => {
    const paint = () => draw(canvas.current, plan, range, top, height);
    paint();
    const watch = new ResizeObserver(paint);
    watch.observe(canvas.current);
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", paint);
    const theme = new MutationObserver(paint);
    theme.observe(document.documentElement, { attributes: true });
    return () => {
      watch.disconnect();
      theme.disconnect();
      scheme.removeEventListener("change", paint);
    };
  }, [plan, range, top, height]);
  useEffect(() => {
    const wheel = (event) => {
      if (event.ctrlKey || event.metaKey) {
        event.preventDefault();
        zoom(event.deltaY < 0 ? 1 - STEP : 1 / (1 - STEP), place(event)[0]);
      } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
        event.preventDefault();
        move(((event.deltaX || event.deltaY) / 800) * (range[1] - range[0]));
      } else if (reach) {
        event.preventDefault();
        setTop((before) => Math.min(Math.max(before + event.deltaY, 0), reach));
      }
    };
    const box = canvas.current;
    box.addEventListener("wheel", wheel, { passive: false });
    return () => box.removeEventListener("wheel", wheel);
  });
  const place = (event) => {
    const box = canvas.current.getBoundingClientRect();
    const x = event.clientX - box.left;
    return [range[0] + ((x - LABEL) / (box.width - LABEL)) * (range[1] - range[0]), event.clientY - box.top];
  };
  const zoom = (by, about = (range[0] + range[1]) / 2) => setRange(kept(plan, about - (about - range[0]) * by, about + (range[1] - about) * by));
  const move = (by) => setRange(kept(plan, range[0] + by, range[1] + by));
  const press = (event) => {
    const wide = range[1] - range[0];
    const act = {
      ArrowLeft: () => move(-STEP * wide), ArrowRight: () => move(STEP * wide), "+": () => zoom(1 - STEP), "=": () => zoom(1 - STEP), "-": () => zoom(1 / (1 - STEP)), 0: () => setRange([0, plan.width]),
      ArrowDown: () => setTop((before) => Math.min(before + 40, reach)), ArrowUp: () => setTop((before) => Math.max(before - 40, 0)), PageDown: () => setTop((before) => Math.min(before + 400, reach)), PageUp: () => setTop((before) => Math.max(before - 400, 0)),
    }[event.key];
    if (act) {
      event.preventDefault();
      act();
    }
  };
  const found = (event) => {
    const [x, y] = place(event);
    if (y < AXIS || y > height - OVERVIEW) return null;
    return hit(plan, x, y - AXIS + top, ((range[1] - range[0]) * 3) / Math.max(canvas.current.clientWidth - LABEL, 1));
  };
  const hover = (event) => {
    if (drag.current) {
      const box = canvas.current.getBoundingClientRect();
      const by = ((drag.current.x - event.clientX) / (box.width - LABEL)) * (drag.current.range[1] - drag.current.range[0]);
      drag.current.far = Math.max(drag.current.far, Math.abs(drag.current.x - event.clientX));
      setRange(kept(plan, drag.current.range[0] + by, drag.current.range[1] + by));
      return;
    }
    const one = found(event);
    const box = canvas.current.getBoundingClientRect();
    setUnder(one ? { one, x: Math.min(event.clientX - box.left + 12, box.width - 320), y: event.clientY - box.top + 14 } : null);
  };
  const release = (event) => {
    const click = drag.current && drag.current.far < 4;
    drag.current = null;
    const one = click && found(event);
    if (one) go(withQuery({ tab: "data", effect: one.effect }));
  };
  return html`<div class="lanes" tabindex="0" role="application" aria-roledescription="timeline" aria-label=${`Timeline: ${count(plan.spans.length)} spans in ${plan.lanes.length} lanes. The table below says the same.`} onKeyDown=${press}
      data-from=${Math.round(range[0])} data-to=${Math.round(range[1])} data-top=${Math.round(top)}>
    <canvas ref=${canvas} height=${height} onPointerDown=${(event) => { drag.current = { x: event.clientX, range, far: 0 }; event.target.setPointerCapture(event.pointerId); }}
      onPointerMove=${hover} onPointerUp=${release} onPointerLeave=${() => setUnder(null)}></canvas>
    ${under && html`<div class="tip" ref=${(box) => box && Object.assign(box.style, { left: `${under.x}px`, top: `${Math.min(under.y, height - 70)}px` })}>
      <b>${leaf(under.one.task)}</b> ${under.one.agent || under.one.kind}<br /><${Status} status=${under.one.status} /> ${span(under.one.until - under.one.requested_at)} <span class="dim">from ${moment(under.one.requested_at)}</span>
      ${under.one.error_title && html`<br /><span class="is-bad">${under.one.error_title}</span>`}</div>`}
  </div>`;
}

const kept = (plan, from, to) => {
  const wide = Math.min(Math.max(to - from, 2), plan.width);
  const start = Math.min(Math.max(from, 0), plan.width - wide);
  return [start, start + wide];
};

function hit(plan, x, y, slack) {
  const lane = plan.lanes.find((one) => y >= one.top && y < one.top + one.height);
  if (!lane) return null;
  const row = Math.floor((y - lane.top - 4) / SPAN);
  let best = null;
  for (const one of lane.spans) {
    if (one.row === row && one.x <= x + slack && one.end >= x - slack) best = one;
  }
  return best;
}

const TONES = { succeeded: "--good", resolved: "--good", failed: "--bad", dead: "--bad", cancelled: "--dim", waiting: "--wait", approval: "--wait", deferred: "--wait", in_doubt: "--warn", backoff: "--warn" };

/** Paints what is seen, and an overview of everything below it. */
function draw(canvas, plan, [from, to], top, height) {
  const scale = devicePixelRatio || 1;
  const width = canvas.clientWidth;
  canvas.width = width * scale;
  canvas.height = height * scale;
  canvas.style.height = `${height}px`;
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  const style = getComputedStyle(canvas);
  const probe = document.createElement("i");
  canvas.parentElement.append(probe);
  const colours = {};
  for (const name of ["--good", "--bad", "--dim", "--wait", "--warn", "--accent", "--text", "--line", "--line-firm", "--side", "--ground"]) {
    probe.style.color = `var(${name})`;
    colours[name] = getComputedStyle(probe).color;
  }
  probe.remove();
  pen.font = `12px ${style.fontFamily}`;
  pen.textBaseline = "middle";
  const ground = height - OVERVIEW;
  const toX = (x) => LABEL + ((x - from) / (to - from)) * (width - LABEL);
  pen.fillStyle = colours["--ground"];
  pen.fillRect(0, 0, width, height);
  pen.save();
  pen.beginPath();
  pen.rect(0, AXIS, width, ground - AXIS);
  pen.clip();
  for (const lane of plan.lanes) {
    const y = lane.top + AXIS - top;
    if (y > ground || y + lane.height < AXIS) continue;
    pen.strokeStyle = colours["--line"];
    line(pen, 0, y + lane.height - 0.5, width, y + lane.height - 0.5);
    let drawnTo = [];
    for (const one of lane.spans) {
      if (one.end < from || one.x > to) continue;
      const left = Math.max(toX(one.x), LABEL);
      const right = Math.max(toX(one.end), left + 1.5);
      // What would be drawn into the same pixels is drawn once.
      if (right <= (drawnTo[one.row] ?? -1) && one.status === "succeeded") continue;
      drawnTo[one.row] = right;
      const colour = colours[TONES[one.status] ?? "--accent"];
      pen.fillStyle = colour;
      pen.globalAlpha = one.status === "succeeded" ? 0.72 : 1;
      const at = y + 4 + one.row * SPAN;
      pen.fillRect(left, at, right - left > 4 ? right - left - 1 : right - left, SPAN - 3);
      pen.globalAlpha = 1;
      if (one.status === "failed" || one.status === "dead") {
        pen.fillStyle = colours["--ground"];
        if (right - left > 7) pen.fillRect(left + 2, at + 4, right - left - 4, 1.5);
      }
    }
    pen.fillStyle = colours["--ground"];
    pen.fillRect(0, y, LABEL - 6, lane.height - 1);
    pen.fillStyle = colours["--text"];
    pen.fillText(fitted(pen, lane.name, LABEL - 60), 8, y + 12);
    pen.fillStyle = colours["--dim"];
    pen.textAlign = "right";
    pen.fillText(String(lane.spans.length), LABEL - 14, y + 12);
    pen.textAlign = "left";
  }
  for (const fold of plan.folds) {
    if (fold.x < from || fold.x > to) continue;
    const x = toX(fold.x + fold.width / 2);
    pen.setLineDash([2, 3]);
    pen.strokeStyle = colours["--line-firm"];
    line(pen, x, AXIS, x, ground);
    pen.setLineDash([]);
  }
  pen.restore();
  pen.strokeStyle = colours["--line-firm"];
  line(pen, 0, AXIS - 0.5, width, AXIS - 0.5);
  axis(pen, plan, from, to, toX, colours, width);
  overview(pen, plan, from, to, ground, width, colours);
}

function axis(pen, plan, from, to, toX, colours, width) {
  pen.fillStyle = colours["--dim"];
  let free = LABEL;
  const ticks = plan.ticks(from, to, Math.max(Math.floor((width - LABEL) / 110), 2));
  for (const tick of ticks) {
    const x = toX(tick.x);
    if (x < free || x > width - 50) continue;
    pen.fillText(tick.text, x + 3, AXIS / 2);
    pen.strokeStyle = colours["--line"];
    line(pen, x, AXIS - 6, x, AXIS);
    free = x + pen.measureText(tick.text).width + 16;
  }
}

function overview(pen, plan, from, to, ground, width, colours) {
  const left = LABEL;
  const wide = width - LABEL;
  pen.fillStyle = colours["--side"];
  pen.fillRect(0, ground, width, OVERVIEW);
  const most = Math.max(...plan.crowd, 1);
  pen.fillStyle = colours["--accent"];
  plan.crowd.forEach((many, index) => {
    if (!many) return;
    const high = Math.max((many / most) * (OVERVIEW - 8), 1.5);
    pen.fillRect(left + (index / plan.crowd.length) * wide, ground + OVERVIEW - 3 - high, wide / plan.crowd.length, high);
  });
  pen.strokeStyle = colours["--text"];
  pen.strokeRect(left + (from / plan.width) * wide + 0.5, ground + 1.5, Math.max(((to - from) / plan.width) * wide - 1, 3), OVERVIEW - 3);
  pen.fillStyle = colours["--dim"];
  pen.fillText("all of it", 8, ground + OVERVIEW / 2);
}

function line(pen, x, y, toX, toY) {
  pen.beginPath();
  pen.moveTo(x, y);
  pen.lineTo(toX, toY);
  pen.stroke();
}

function fitted(pen, text, width) {
  if (pen.measureText(text).width <= width) return text;
  let cut = text;
  while (cut && pen.measureText(`${cut}…`).width > width) cut = cut.slice(0, -1);
  return `${cut}…`;
}
