// One effect, as `podium explain RUN/EFFECT` tells it: who did what, from what, by whose leave, at what cost.

import { html, Json, Pairs, Status, Trouble, Cli, Icon, Time } from "../lib/ui.js";
import { withQuery } from "../lib/router.js";
import { useData, ofRun } from "../lib/data.js";
import { leaf, money, short, span, who } from "../lib/format.js";
import { Denied } from "./said.js";

export function Deed({ id, effect }) {
  const { data, problem } = useData(`/v1/runs/${id}/explanation?effect=${effect}`, ofRun(id));
  const deed = data?.deeds?.find((one) => one.effect === effect);
  if (problem && !deed) return html`<${Trouble} problem=${problem} />`;
  if (!deed) return null;
  return html`<div class="stack">
    <${Pairs} of=${[
      ["asked of", html`${deed.agent || deed.kind} ${deed.capability && html`<span class="dim">for</span> ${deed.capability}`}`],
      ["which is", deed.description],
      ["chosen", deed.reason],
      ["status", html`<${Status} status=${deed.status || "running"} />`],
      ["took", deed.ended_at ? span(deed.ended_at - deed.asked_at) : ""],
      ["cost", deed.cost_nano ? money(deed.cost_nano) : ""],
      ["attempts", deed.attempts > 1 ? deed.attempts : ""],
      ["went wrong", deed.failures?.join("; ")],
      ["run", deed.run && html`<a href=${`/runs/${deed.run}`}>${short(deed.run)}</a>`],
    ]} />
    ${deed.words?.map((word) => html`<${Word} word=${word} />`)}
    <${Denied} run=${id} effect=${effect} />
    ${deed.inputs?.length > 0 && html`<section><div class="title"><h2>Where its input came from</h2></div><ul>${deed.inputs.map((part) => html`<li><code>${part.path || "all of it"}</code> ${sources(part.sources)}</li>`)}</ul></section>`}
    ${deed.input !== undefined && html`<section><div class="title"><h2>It was given</h2></div><${Json} value=${deed.input} label="Input" /></section>`}
    ${deed.logged?.length > 0 && html`<section><div class="title"><h2>It logged</h2><span class="dim">the end of it</span></div><pre class="json log-lines" tabindex="0" role="region" aria-label="Log">${deed.logged.join("\n")}</pre></section>`}
    ${deed.output !== undefined && html`<section><div class="title"><h2>It gave</h2></div><${Json} value=${deed.output} label="Output" /></section>`}
    <${Cli} line=${`podium explain ${short(id)}/${effect}`} />
  </div>`;
}

/** Where a value came from, in words, with links to who gave it. */
export function sources(given = []) {
  if (!given.length) return html`<span class="dim">from what the workflow says</span>`;
  return given.map((one, index) => html`${index > 0 && ", "}<span class="dim">${one.how === "choice" ? "decided by" : "from"}</span> ${
    one.kind === "effect" || one.effect ? html`<a href=${withQuery({ tab: "data", effect: one.effect })}>${one.effect} ${leaf(one.task)}</a>`
    : one.kind === "input" ? "the run's input" : one.text || one.kind} ${one.path && html`<code>${one.path}</code>`}`);
}

const SAID = { allow: "Policy allowed it", deny: "Policy denied it", approve: "Policy asked people first", defer: "Policy put it off" };

export function Word({ word }) {
  const policy = word.kind === "policy" || word.kind === "decided" || word.verdict;
  return html`<p class="notice ${word.verdict === "deny" ? "is-bad" : word.verdict === "approve" ? "is-wait" : ""}">
    <${Icon} name=${policy ? "shield" : "person"} /> ${policy ? SAID[word.verdict] ?? word.verdict : `${word.kind.replaceAll("_", " ")}${word.outcome ? `: ${word.outcome}` : ""}`}
    ${word.principal && html` <b>${who(word.principal)}</b>`}${word.rules?.length > 0 && html` by <code>${word.rules.join(", ")}</code>`}
    ${word.message && html`: ${word.message}`}${word.why && html`, because: ${word.why}`} <span class="dim"><${Time} at=${word.at} /></span>
    ${Object.keys(word.reads ?? {}).length > 0 && html`<details><summary class="dim">looking at</summary><${Json} value=${word.reads} label="What the rules looked at" /></details>`}</p>`;
}
