// What the attempts of a run say while they are made: how far they are, and the lines of their log.

import { html, useEffect, useState, Icon, now } from "../lib/ui.js";
import { listen } from "../lib/stream.js";
import { useData, ofRun } from "../lib/data.js";
import { inline, leaf, span } from "../lib/format.js";

const MOST = 8;
const LINES = 40;

/** How far something is, in a line: what it says, or its figures. */
export const progressed = (progress) => (progress === null || progress === undefined ? "" : typeof progress === "object" ? progress.message ?? inline(progress, 120) : String(progress));

const key = (one) => `${one.effect}/${one.attempt}`;

/** Lines that attempts of a run have not ended yet, as far as they go. */
function useTails(run) {
  const [tails, setTails] = useState({});
  useEffect(() => listen((message) => {
    if (message.kind !== "said" || message.data.run_id !== run || message.data.tail === undefined) return;
    setTails((before) => ({ ...before, [key(message.data)]: message.data.tail }));
  }), [run]);
  return tails;
}

export function Saying({ run }) {
  const { data } = useData(`/v1/activity?run_id=${run}`, ofRun(run));
  const tails = useTails(run);
  const under = (data?.items ?? []).filter((one) => one.lines?.length || one.progress || tails[key(one)]);
  if (!under.length) return null;
  return html`<section aria-label="At work now" class="saying">${under.slice(0, MOST).map((one) => html`<div key=${key(one)}>
    <p><${Icon} name="run" tone="run" /> <b>${one.agent}</b> <span class="dim">${leaf(one.task)}, for ${span(Math.max(now.value - one.started_at, 0))}</span> ${progressed(one.progress)}</p>
    ${(one.lines?.length > 0 || tails[key(one)]) && html`<pre class="json log-lines" tabindex="0" role="log" aria-label=${`What ${one.agent} says`}>${[...(one.lines ?? []).slice(-LINES), ...(tails[key(one)] ? [tails[key(one)]] : [])].join("\n")}</pre>`}</div>`)}
    ${under.length > MOST && html`<p class="dim">and ${under.length - MOST} more</p>`}</section>`;
}
