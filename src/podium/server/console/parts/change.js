// What declaring something would change and break, as `podium plan` tells it.

import { html, Icon, Status, None } from "../lib/ui.js";
import { inline } from "../lib/format.js";

const MOST = 40;
const WEIGHTS = { breaks: ["breaks", "bad", "cross"], unknown: ["not known", "warn", "question"], warns: ["worth a look", "warn", "warn"] };
const COMPATIBLE = { full: ["good", "old and new can do with each other"], backward: ["good", "whoever relied on it still can"], forward: ["warn", "not for those who relied on it"], none: ["bad", "not for those who relied on it"], unknown: ["warn", "nobody can tell"] };

export function Change({ plan }) {
  const change = plan.changes.find((one) => one.action !== "none");
  if (!change) return html`<${None}>Nothing would change.<//>`;
  return html`${change.contract.length > 0 && html`<section><div class="title"><h3>Its contract</h3></div><ul>${change.contract.map((one) => {
    const [tone, says] = COMPATIBLE[one.compatibility];
    const found = [...one.input.map((finding) => ["takes", finding]), ...one.output.map((finding) => ["gives", finding])];
    return html`<li><p><span class="strong">${one.capability || "the workflow"}</span> <span class="status is-${tone}"><${Icon} name=${tone === "good" ? "check" : tone === "bad" ? "cross" : "warn"} />${one.removed ? "is no longer offered" : says}</span></p>
      ${found.slice(0, 8).map(([way, finding]) => html`<p class="notice">${way}: ${finding.message ?? inline(finding)}</p>`)}</li>`;
  })}</ul></section>`}
    ${plan.remarks.length > 0 && html`<section><div class="title"><h3>What to know</h3></div><ul>${plan.remarks.slice(0, MOST).map((one) => {
    const [word, tone, icon] = WEIGHTS[one.weight];
    return html`<li><p class="notice is-${tone}"><span class="status is-${tone}"><${Icon} name=${icon} />${word}</span> <code>${one.resource}${one.path}</code> ${one.message}</p></li>`;
  })}</ul></section>`}
    ${change.differences.length > 0 && html`<section><div class="title"><h3>What is declared otherwise</h3></div><div class="wide" tabindex="0" role="region" aria-label="Differences"><table aria-label="Differences"><thead><tr><th scope="col">place</th><th scope="col">now</th><th scope="col">then</th></tr></thead>
      <tbody>${change.differences.slice(0, MOST).map((one) => html`<tr><td><code>${one.path}</code></td><td>${one.action === "add" ? html`<span class="dim">not there</span>` : html`<code class="clip long">${inline(one.before, 90)}</code>`}</td><td>${one.action === "remove" ? html`<span class="dim">not there</span>` : html`<code class="clip long">${inline(one.after, 90)}</code>`}</td></tr>`)}</tbody></table></div></section>`}
    <p class="row"><${Status} status=${plan.breaks ? "broken" : "sound"} word=${plan.breaks ? "it breaks something" : "nothing breaks"} /></p>`;
}
