// What a run cost, by whom.

import { html, useMemo, Table, Trouble } from "../lib/ui.js";
import { useData, ofRun } from "../lib/data.js";
import { count, money, span } from "../lib/format.js";

const MOST = 20000;

export function Cost({ run, id }) {
  const { data, problem } = useData(`/v1/runs/${id}/effects?limit=${MOST}`, ofRun(id));
  const rows = useMemo(() => grouped(data?.items ?? []), [data]);
  if (problem && !data) return html`<${Trouble} problem=${problem} />`;
  if (!data) return null;
  const total = rows.reduce((sum, row) => sum + row.cost, 0);
  const most = Math.max(...rows.map((row) => row.cost), 1);
  return html`<div class="figures"><div><b>${money(run.cost_nano)}</b><span>booked for this run</span></div><div><b>${count(data.items.length)}</b><span>calls</span></div></div>
    <${Table} label="Cost by agent" rows=${rows} id=${(row) => row.name} none="It asked nobody yet." columns=${[
      { name: "who", cell: (row) => html`<span class="strong">${row.name}</span>` },
      { name: "calls", num: true, cell: (row) => count(row.calls) },
      { name: "failed", num: true, cell: (row) => row.failed || html`<span class="dim">–</span>` },
      { name: "time", num: true, cell: (row) => span(row.time) },
      { name: "cost", num: true, cell: (row) => money(row.cost) },
      { name: "a call", num: true, cell: (row) => money(row.cost / row.calls) },
      { name: "part", num: true, cell: (row) => (total ? `${Math.round((100 * row.cost) / total)} %` : "–") },
      { name: "", title: "part of it", cell: (row) => html`<div class="bars"><svg viewBox="0 0 100 12" preserveAspectRatio="none" aria-hidden="true"><rect class="ground" y="4" width="100" height="4" /><rect class="spent" y="4" height="4" width=${(100 * row.cost) / most} /></svg></div>` },
    ]} />`;
}

function grouped(effects) {
  const found = new Map();
  for (const effect of effects) {
    const name = effect.agent || effect.kind;
    const row = found.get(name) ?? { name, calls: 0, failed: 0, time: 0, cost: 0 };
    row.calls += Math.max(effect.attempt, 1);
    row.failed += effect.status === "failed" ? 1 : 0;
    row.time += effect.settled_at ? effect.settled_at - effect.requested_at : 0;
    row.cost += effect.cost_nano;
    found.set(name, row);
  }
  return [...found.values()].sort((one, other) => other.cost - one.cost || other.time - one.time);
}
