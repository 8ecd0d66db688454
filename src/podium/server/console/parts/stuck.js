// What waits for an operator, and what settles it.

import { html, useState, Status, Time, Trouble, Cli, Pairs } from "../lib/ui.js";
import { go } from "../lib/router.js";
import { can, post } from "../lib/api.js";
import { refresh } from "../lib/data.js";
import { bare, leaf, short } from "../lib/format.js";

export function Stuck({ one }) {
  const [why, setWhy] = useState("");
  const [problem, setProblem] = useState(null);
  const [busy, setBusy] = useState(false);
  const act = async (work) => {
    setBusy(true);
    try {
      await work();
      refresh();
      go("/approvals", true);
    } catch (found) {
      setProblem(found);
      setBusy(false);
    }
  };
  const settle = (verdict) => act(() => post(`/v1/dead-letters/${one.run_id}/${one.effect}`, { verdict, why }));
  const resolve = (verdict) => act(() => post(`/v1/runs/${one.run_id}/resolve`, { effect: one.effect, verdict, why }));
  const reset = () => act(() => post(`/v1/breakers/${encodeURIComponent(one.agent)}/reset`, { why }));
  return html`<article aria-label=${one.what}>
    <div class="title"><h2>${one.what}</h2><${Status} status=${one.kind} /><span class="gap"></span>${one.run_id && html`<a href=${`/runs/${one.run_id}`}>${bare(one.workflow)} ${short(one.run_id)}</a>`}</div>
    <p>${one.why}</p>
    <${Pairs} of=${[["task", one.task && leaf(one.task)], ["asked of", one.agent], ["since", html`<${Time} at=${one.since} relative />`]]} />
    ${can("operate") && html`<section class="stack"><label class="field"><span>Reason <span class="dim">(goes into the audit)</span></span><input value=${why} onInput=${(event) => setWhy(event.target.value)} /></label>
    <p class="row">${one.kind === "dead_letter" && html`<button class="first" disabled=${busy} onClick=${() => settle("retry")}>Try again</button><button disabled=${busy} onClick=${() => settle("drop")}>Drop it: the task fails</button>`}
      ${one.kind === "in_doubt" && html`<button disabled=${busy} onClick=${() => resolve("succeeded")}>It was done</button><button disabled=${busy} onClick=${() => resolve("failed")}>It was not</button><button disabled=${busy} onClick=${() => resolve("retry")}>Do it again</button>`}
      ${one.kind === "breaker" && html`<button disabled=${busy} onClick=${reset}>It works again</button>`}</p></section>`}
    <${Trouble} problem=${problem} /><${Cli} line=${one.command} />
  </article>`;
}
