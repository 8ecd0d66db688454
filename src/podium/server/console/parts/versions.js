// The versions of an agent or a tool: what each does and costs, what differs, and the way back.

import { html, useEffect, useMemo, useState, Asking, Icon, Status, Table, Time, Trouble, Cli } from "../lib/ui.js";
import { at, choose } from "../lib/router.js";
import { can, get, post, query } from "../lib/api.js";
import { useData, refresh } from "../lib/data.js";
import { bare, count, money, shell, who } from "../lib/format.js";
import { Change } from "./change.js";

const declares = (record) => !record.run_id;
const place = (kind, name) => `${kind}/${encodeURIComponent(name)}`;
const named = (kind) => kind[0].toUpperCase() + kind.slice(1);

export function Versions({ kind, name, spend, flow }) {
  const { data: history } = useData(`/v1/history/${place(kind, name)}`, declares);
  const rows = useMemo(() => counted(history?.items ?? [], name, spend?.items ?? [], flow?.items ?? []), [history, spend, flow]);
  const chosen = at.value.with;
  const other = rows.find((row) => row.version === chosen && !row.current);
  const current = rows.find((row) => row.current);
  const columns = [
    ...COLUMNS,
    { name: "", title: "compare", cell: (row) => row.action === "applied" && row.digest !== current?.digest && html`<button class="bare" data-open aria-pressed=${row.version === chosen} onClick=${() => choose({ with: row.version === chosen ? "" : row.version })}>${row.version === chosen ? "Close" : "Compare"}</button>` },
  ];
  return html`<section><div class="title"><h2>Versions</h2><span class="dim">calls and cost of 14 days</span></div>
      <${Table} label="Versions" rows=${rows} id=${(row) => String(row.revision)} columns=${columns} none="No history." /></section>
    ${other && html`<${Back} key=${other.version} kind=${kind} name=${name} to=${other} from=${current} />`}`;
}

const COLUMNS = [
  { name: "version", cell: (row) => html`<span class="strong">${row.version}</span> ${row.current && html`<${Status} status="active" word="current" />`}${row.action !== "applied" && html`<span class="dim">${row.action}</span>`}${row.forced && html` <span class="is-warn">by force</span>`}` },
  { name: "traffic", num: true, title: "share of the calls of 14 days", cell: (row) => (row.share ? `${Math.round(100 * row.share)} %` : html`<span class="dim">–</span>`) },
  { name: "calls", num: true, cell: (row) => (row.calls ? count(row.calls) : html`<span class="dim">–</span>`) },
  { name: "failed", num: true, title: "in the newest and the unfinished runs", cell: (row) => (row.failed ? html`<span class="is-bad">${row.failed}</span>` : html`<span class="dim">–</span>`) },
  { name: "cost", num: true, cell: (row) => (row.cost ? money(row.cost) : html`<span class="dim">–</span>`) },
  { name: "a call", num: true, cell: (row) => (row.calls && row.cost ? money(row.cost / row.calls) : html`<span class="dim">–</span>`) },
  { name: "since", cell: (row) => html`<${Time} at=${row.at} />` },
  { name: "by", cell: (row) => html`<span title=${row.why}>${who(row.principal)}</span>` },
];

const FAILED = new Set(["failed", "dead"]);

/** Revisions with what was asked of their version: calls and cost of 14 days, failures of late. */
function counted(items, name, spend, flow) {
  const found = new Map();
  const of = (agent) => {
    if (!found.has(agent)) found.set(agent, { calls: 0, cost: 0, failed: 0 });
    return found.get(agent);
  };
  for (const one of spend) {
    of(one.agent).calls += one.calls;
    of(one.agent).cost += one.cost_nano;
  }
  for (const one of flow) if (FAILED.has(one.status)) of(one.agent).failed += one.count;
  const all = [...found].reduce((sum, [agent, one]) => sum + (bare(agent) === name ? one.calls : 0), 0);
  // What was declared twice by the same version counts for the newest.
  const seen = new Set();
  return items.map((row) => {
    const counts = seen.has(row.version) ? {} : found.get(`${name}@${row.version}`) ?? {};
    seen.add(row.version);
    return { ...row, ...counts, share: counts.calls ? counts.calls / all : 0 };
  });
}

/** What differs between the version that is current and another, and the way back to that. */
function Back({ kind, name, to, from }) {
  const [plan, setPlan] = useState(null);
  const [resource, setResource] = useState(null);
  const [problem, setProblem] = useState(null);
  const [asking, setAsking] = useState(false);
  useEffect(() => {
    let wanted = true;
    const ask = async () => {
      const found = await get(`/v1/revisions/${place(kind, name)}${query({ which: String(to.revision) })}`);
      const one = { kind: named(kind), name, version: found.version, digest: found.digest, spec: found.spec };
      const made = await post("/v1/plan", { resources: [one] });
      if (wanted) setResource(one), setPlan(made);
    };
    ask().catch((found) => wanted && setProblem(found));
    return () => (wanted = false);
  }, [to.revision, from?.revision]);
  const run = async (why) => {
    await post("/v1/apply", { resources: [resource], why, force: plan.breaks });
    choose({ with: "" });
    refresh();
  };
  return html`<section aria-label=${`Back to ${to.version}`}><div class="title"><h2>From ${from?.version ?? "nothing"} to ${to.version}</h2><span class="gap"></span>
      ${can("declare") && plan?.differs && html`<button onClick=${() => setAsking(true)}><${Icon} name="undo" />Roll back to ${to.version}…</button>`}</div>
    <${Trouble} problem=${problem} />
    ${plan && html`<${Change} plan=${plan} /><${Cli} line=${`podium diff ${name} ${from?.version ?? "current"} ${to.version} --kind ${kind}`} />`}
    ${asking && html`<${Asking} title=${`Roll ${name} back to ${to.version}`} verb=${plan.breaks ? "Roll back by force" : "Roll back"} danger=${plan.breaks} needsReason=${plan.breaks}
      why=${`New work goes to ${to.version} from now on. ${plan.breaks ? "It breaks what is declared beside it: see above. " : ""}What is under way ends as it began; ${from ? `${from.version} stays in the log, and can be rolled forward to.` : ""}`}
      line=${(why) => `podium apply ${kind}-${to.version}.yaml${plan.breaks ? ` --force --reason ${shell(why || "WHY")}` : ""}`}
      run=${run} onClose=${() => setAsking(false)} />`}</section>`;
}
