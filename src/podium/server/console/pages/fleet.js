// The hub and the workers: who hosts what, how much is under way, and how fresh everything is.

import { html, useState, Status, Table, Trouble, Cli, Pairs, None, Asking, now } from "../lib/ui.js";
import { can, post, query } from "../lib/api.js";
import { useData, refresh, useEvery } from "../lib/data.js";
import { ago, count, plural, span } from "../lib/format.js";
import { progressed } from "../parts/saying.js";

const LOOK_MS = 2000;

export default function Fleet() {
  const { data: hub, problem } = useData("/v1/status", true);
  const { data: workers, problem: missing } = useData("/v1/workers", true);
  const { data: activity } = useData("/v1/activity", true);
  const [asking, setAsking] = useState(null);
  useEvery(LOOK_MS, refresh);
  if (problem && !hub) return html`<${Trouble} problem=${problem} />`;
  if (!hub) return null;
  const under = activity?.items ?? [];
  const columns = can("operate") ? [...COLUMNS, { name: "", title: "do", cell: (row) => row.status === "live" && html`<button class="bare" onClick=${() => setAsking(row)}>Drain…</button>` }] : COLUMNS;
  return html`<div class="head"><h1>Fleet</h1><span class="gap"></span><${Cli} line="podium get workers" /></div>
    <div class="split"><section><div class="title"><h2>The hub</h2><${Status} status=${hub.status} /></div>
      <${Pairs} of=${[
        ["process", hub.pid], ["trouble", hub.trouble && html`<span class="is-bad">${hub.trouble}</span>`],
        ["runs in memory", count(hub.runs_in_memory)], ["going on", count(hub.runs_active)],
        ["effects", Object.entries(hub.effects).filter(([, many]) => many).map(([status, many]) => `${many} ${status.replace("_", " ")}`).join(", ") || "none open"],
        ["log", `${count(hub.seq)} records, epoch ${hub.epoch}`], ["catalog", `revision ${hub.revision}`],
        ["tables behind by", plural(Math.max(hub.seq - hub.views.seq, 0), "record")], ["tables", hub.views.trouble && html`<span class="is-bad">${hub.views.trouble}</span>`],
        ["clock", hub.clock_jump_ms ? html`<span class="is-warn">off by ${span(Math.abs(hub.clock_jump_ms))}</span>` : "as expected"],
      ]} /></section>
    <section><div class="title"><h2>Attempts under way</h2><span class="dim">${under.length || ""}</span></div>
      <${Table} label="Attempts under way" rows=${under.slice(0, 100)} id=${(one) => `${one.run_id}/${one.effect}`} href=${(one) => `/runs/${one.run_id}`} columns=${ATTEMPTS} none="None." /></section></div>
    <section><div class="title"><h2>Workers elsewhere</h2><span class="gap"></span><span class="dim">agents of the hub itself need none</span></div>
      ${missing ? html`<${Trouble} problem=${missing} />` : html`<${Table} label="Workers" rows=${[...(workers?.items ?? [])].sort((one, other) => STANDINGS.indexOf(one.status) - STANDINGS.indexOf(other.status))} columns=${columns} none=${html`No worker joined. <code>podium worker MODULE:AGENTS --hub ${location.origin}</code> is one.`} />`}</section>
    ${asking && html`<${Asking} title=${`Drain ${asking.name ?? asking.id}`} why="It gets nothing more, ends what it has, and leaves." verb="Drain" run=${async (why) => { await post(`/v1/workers/${asking.id}/drain${query({ why })}`); refresh(); }} onClose=${() => setAsking(null)} />`}`;
}

const STANDINGS = ["live", "draining", "stale", "left"];

const ATTEMPTS = [
  { name: "agent", cell: (one) => html`<span class="strong">${one.agent}</span>` },
  { name: "run", cell: (one) => html`<a class="mono" href=${`/runs/${one.run_id}`}>${one.run_id.slice(0, 8)}</a>` },
  { name: "attempt", num: true, cell: (one) => one.attempt },
  { name: "for", num: true, cell: (one) => (one.started_at ? span(Math.max(now.value - one.started_at, 0)) : "") },
  { name: "says", grow: true, cell: (one) => html`<span class="clip dim">${progressed(one.progress) || one.lines?.at(-1) || ""}</span>` },
];

const COLUMNS = [
  { name: "status", cell: (row) => html`<${Status} status=${row.status} />` },
  { name: "worker", cell: (row) => html`<span class="strong">${row.name ?? row.id}</span>` },
  { name: "hosts", cell: (row) => html`<span class="clip">${row.agents.map((one) => one.agent).join(", ")}</span>` },
  { name: "region", cell: (row) => row.region || html`<span class="dim">–</span>` },
  { name: "labels", cell: (row) => html`<span class="clip mono">${Object.entries(row.labels ?? {}).map(([name, value]) => `${name}=${value}`).join(" ")}</span>` },
  { name: "under way", num: true, cell: (row) => `${row.attempts}${row.concurrency ? ` of ${row.concurrency}` : ""}` },
  { name: "done", num: true, cell: (row) => count(row.succeeded) },
  { name: "failed", num: true, cell: (row) => (row.failed ? html`<span class="is-bad">${count(row.failed)}</span>` : html`<span class="dim">–</span>`) },
  { name: "heard of", num: true, cell: (row) => (row.heard_at ? ago(row.heard_at, now.value) : html`<span class="dim">–</span>`) },
];
