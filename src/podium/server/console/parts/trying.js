// A draft of a policy, tried on what was done: what would have been said otherwise.

import { html, useState, Status, Table, Time, Cli, Select, Icon } from "../lib/ui.js";
import { at, choose } from "../lib/router.js";
import { post } from "../lib/api.js";
import { count, inline, leaf, moment, money, plural, short } from "../lib/format.js";

const DAY_MS = 86_400_000;
const BACK = [["1", "the last day"], ["7", "the last 7 days"], ["30", "the last 30 days"], ["", "all that is kept"]];
const SAID = { denied: "deny", asked: "approve", "put off": "defer", "let through": "allow" };

export function Trying({ policy }) {
  const days = at.value.days ?? "7";
  const [text, setText] = useState("");
  const [alone, setAlone] = useState(false);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState(null);
  const [found, setFound] = useState(null);
  const run = async (event) => {
    event.preventDefault();
    setBusy(true);
    setProblem(null);
    try {
      setFound(await post("/v1/policies/replay", { text, alone, since: days ? Date.now() - Number(days) * DAY_MS : 0 }));
    } catch (failure) {
      setFound(null);
      setProblem(failure);
    }
    setBusy(false);
  };
  const read = async (event) => {
    const [file] = event.target.files;
    if (file) setText(await file.text());
  };
  return html`<section aria-label="Try a draft"><div class="title"><h2>Try a draft on what was done</h2><span class="dim">nothing is changed, and nothing is declared</span></div>
    <form class="stack" onSubmit=${run}>
      <label class="field"><span>The policy <span class="dim">as in its file; it stands in the place of the one of its name</span></span>
        <textarea class="mono" rows="8" required spellcheck=${false} placeholder=${example(policy.name)} value=${text} onInput=${(event) => setText(event.target.value)} /></label>
      <p class="row"><label class="button">A file…<input class="unseen" type="file" accept=".yaml,.yml,.json" onChange=${read} /></label>
        <${Select} label="How far back" value=${days} options=${BACK} onChange=${(value) => choose({ days: value })} />
        <label class="check"><input type="checkbox" checked=${alone} onChange=${(event) => setAlone(event.target.checked)} />without the others in force</label>
        <button type="submit" class="first" disabled=${busy || !text.trim()}>${busy ? "Deciding again …" : "Try it"}</button></p></form>
    ${problem && html`<div class="notice is-bad" role="alert">${(problem.problems.length ? problem.problems : [problem]).map((one) => html`<p>${one.line ? html`<code>${one.line}:${one.column}</code> ` : ""}${one.path ? html`<code>${one.path}</code> ` : ""}${one.message}</p>`)}</div>`}
    ${found && html`<${Found} found=${found} />`}
    <${Cli} line=${`podium policy replay ${policy.name}.yaml${days ? ` --since ${days}d` : " --since 2000-01-01"}${alone ? " --alone" : ""}`} /></section>`;
}

function Found({ found }) {
  const sums = Object.entries(found.sums).filter(([, one]) => one.actions);
  return html`<div role="status"><p class="facts"><span><b>${count(found.actions)}</b> ${found.actions === 1 ? "action" : "actions"} decided again</span>
      ${found.changed ? sums.map(([said, one]) => html`<span><${Status} status=${SAID[said]} word=${`${count(one.actions)} ${said}`} />${one.cost_nano ? ` ${said === "let through" ? "at worst" : "which cost"} ${money(one.cost_nano)}` : ""}</span>`) : html`<span><${Icon} name="check" tone="good" /> of none anything else would have been said</span>`}</p>
    ${found.begins_at > 0 && html`<p class="dim">Looked at were the newest records, from ${moment(found.begins_at)}; runs that began before are left out.</p>`}
    ${found.unknown > 0 && html`<p class="dim">${plural(found.unknown, "action")} cannot be decided again: what they were about was erased.</p>`}
    ${found.rows.length > 0 && html`<${Table} label="What would have been said otherwise" rows=${[...found.rows].reverse()} id=${(row) => `${row.seq}`} href=${(row) => `/runs/${row.run_id}?tab=data&effect=${row.effect}`} columns=${COLUMNS} />
      ${found.changed > found.rows.length && html`<p class="dim">The newest ${count(found.rows.length)} of ${count(found.changed)}.</p>`}`}</div>`;
}

const COLUMNS = [
  { name: "when", cell: (row) => html`<${Time} at=${row.at} />` },
  { name: "run", cell: (row) => html`<a class="mono" href=${`/runs/${row.run_id}?tab=data&effect=${row.effect}`}>${short(row.run_id)}</a>` },
  { name: "task", cell: (row) => leaf(row.task) },
  { name: "action", cell: (row) => html`<span class="strong">${row.target}</span>${row.actor ? html` <span class="dim">by ${row.actor}</span>` : ""}` },
  { name: "was", cell: (row) => html`<${Status} status=${row.was} word=${row.overridden ? `${row.was}, overridden` : undefined} />` },
  { name: "would be", cell: (row) => html`<${Status} status=${row.now} word=${row.tier ? `${row.now}, tier ${row.tier}` : undefined} />` },
  { name: "by", cell: (row) => html`<code>${(row.rules ?? []).join(", ") || "no rule"}</code>` },
  { name: "having read", grow: true, cell: (row) => html`<code class="clip long">${row.reads ? inline(row.reads, 120) : ""}</code>` },
  { name: "cost", num: true, cell: (row) => (row.cost_nano ? money(row.cost_nano) : html`<span class="dim">–</span>`) },
];

const example = (name) => `apiVersion: podium.dev/v1
kind: Policy
metadata: {name: ${name}}
spec:
  version: …
  rules:
    - {id: …, effect: deny, match: {tools: […]}, when: args.amount > 2000}`;
