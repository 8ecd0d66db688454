// How a ceiling is raised: for one action by an approval, for all by another version of the policy.

import { html, useState, Cli, Dialog } from "../lib/ui.js";
import { can } from "../lib/api.js";
import { useData } from "../lib/data.js";
import { amount, unitName } from "../lib/format.js";

const NANO = 1_000_000_000;
const HALF_MORE = 1.5;
/** What a unit is called in a policy's file. */
const WRITTEN = { nano: "usd", calls: "calls", tool_calls: "toolCalls", agent_calls: "agentCalls", model_calls: "modelCalls", input_tokens: "inputTokens", output_tokens: "outputTokens", tokens: "tokens", ms: "wallTime" };

const written = (unit, value) => (unit === "nano" ? `"${(value / NANO).toFixed(2)}"` : unit === "ms" ? `PT${Math.ceil(value / 1000)}S` : String(Math.ceil(value)));

export function Raising({ row, onClose }) {
  const base = row.ceiling - row.raised;
  const [next, setNext] = useState(() => String(row.unit === "nano" ? ((base * HALF_MORE) / NANO).toFixed(2) : Math.ceil(base * HALF_MORE)));
  const { data: policy } = useData(`/v1/resources/policy/${encodeURIComponent(row.policy)}`, false);
  const { data: waiting } = useData("/v1/approvals", false);
  const declared = policy?.budgets?.find((one) => one.name === row.budget);
  const asks = /^approve/.test(declared?.on_exhausted ?? "");
  const rule = `${row.policy}/${row.budget}`;
  const held = (waiting?.items ?? []).filter((one) => one.rules.some((name) => name === rule || name.startsWith(`${row.policy}/budgets/${row.budget}`)));
  const value = Number(next) * (row.unit === "nano" ? NANO : 1);
  const file = `${row.policy}.yaml`;
  return html`<${Dialog} label=${`Raise ${row.budget}`} onClose=${onClose}><div class="stack">
    <h1>Raise ${row.budget}</h1>
    <p class="dim">${amount(row.unit, row.spent)} of ${amount(row.unit, row.ceiling)} ${row.unit === "nano" || row.unit === "ms" ? "" : unitName(row.unit)} is spent, ${amount(row.unit, row.held)} held.</p>
    <section class="stack"><h2>For one action</h2>${asks
      ? html`<p>Where it is used up, people are asked (<code>${declared.on_exhausted}</code>): whoever says yes raises it by what that action takes.</p>
        ${held.length > 0 ? html`<p><a href=${`/approvals/${held[0].id}`} onClick=${onClose}>${held.length === 1 ? "One action waits" : `${held.length} actions wait`} for that</a></p>` : html`<p class="dim">Nothing waits for that now.</p>`}`
      : html`<p>What would pass it is ${declared?.on_exhausted === "queue" ? "put off to the next window" : "denied"}: nobody is asked. The policy says so, and may say <code>onExhausted: approve:1</code>.</p>`}</section>
    <section class="stack"><h2>For all</h2>
      <p>The ceiling stands in the policy <code>${row.policy}@${policy?.version ?? ""}</code>, which is changed in its file, as other people see and can try it.</p>
      <label class="field"><span>New ceiling <span class="dim">(${row.unit === "nano" ? "dollars" : unitName(row.unit)})</span></span><input inputmode="decimal" value=${next} onInput=${(event) => setNext(event.target.value)} /></label>
      ${value > 0 && html`<p>In <code>${file}</code>: another <code>version</code>, and</p>
      <pre class="json" tabindex="0" role="region" aria-label="What to write">- {name: ${row.budget}, …, limit: {${WRITTEN[row.unit] ?? row.unit}: ${written(row.unit, value)}}}</pre>
      <${Cli} line=${`podium policy replay ${file} --since 7d`} /><${Cli} line=${`podium plan ${file}`} /><${Cli} line=${`podium apply ${file}`} />`}
      <p class="dim">${can("policy") ? "You may do that." : "It takes somebody who may declare policies (policy-admin); such a person approves nothing."}</p></section>
    <div class="row"><a class="button" href=${`/policies/${row.policy}`} onClick=${onClose}>The policy</a><button class="first" onClick=${onClose}>Close</button></div>
  </div><//>`;
}
