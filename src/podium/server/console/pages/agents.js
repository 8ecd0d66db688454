// Agents and tools: what they offer, how they do, what they cost.

import { html, useMemo, Status, Table, Trouble, Cli } from "../lib/ui.js";
import { at } from "../lib/router.js";
import { useData } from "../lib/data.js";
import { bare, count, money } from "../lib/format.js";
import { gathered } from "../lib/flow.js";
import { Agent } from "../parts/agent.js";
import { useHeld } from "../parts/pause.js";

export default function Agents({ given: [name] }) {
  return name ? html`<${Agent} name=${name} kind=${at.value.kind === "tool" ? "tool" : "agent"} />` : html`<${List} />`;
}

function List() {
  const { data: agents, problem } = useData("/v1/agents?limit=1000", declares);
  const { data: tools } = useData("/v1/tools?limit=1000", declares);
  const { data: flow } = useData("/v1/flow", true);
  const { data: spend } = useData("/v1/spend?days=7", true);
  const held = useHeld();
  const does = useMemo(() => new Map(gathered(flow?.items ?? []).nodes.map((node) => [node.id, node])), [flow]);
  const costs = useMemo(() => booked(spend?.items ?? []), [spend]);
  if (problem && !agents) return html`<${Trouble} problem=${problem} />`;
  if (!agents) return null;
  const columns = (kind) => [
    { name: "state", cell: (row) => html`<${State} row=${row} held=${held} does=${does.get(`${kind}:${row.name}`)} />` },
    { name: kind, cell: (row) => html`<a class="first-link" href=${link(kind, row)}>${row.name}</a>` },
    { name: "version", cell: (row) => row.version },
    { name: kind === "tool" ? "effect on the world" : "offers", cell: (row) => html`<span class="clip">${kind === "tool" ? `${row.side_effect}${row.risk ? `, risk ${row.risk}` : ""}` : row.capabilities.join(", ")}</span>` },
    { name: "calls", num: true, title: "in the newest and the unfinished runs", cell: (row) => count(does.get(`${kind}:${row.name}`)?.calls ?? 0) },
    { name: "at work", num: true, cell: (row) => does.get(`${kind}:${row.name}`)?.running || html`<span class="dim">–</span>` },
    { name: "failed", num: true, cell: (row) => failed(does.get(`${kind}:${row.name}`)) },
    { name: "cost, 7 days", num: true, cell: (row) => money(costs.get(row.name)?.cost ?? 0) },
    { name: "what it does", grow: true, cell: (row) => html`<span class="clip long dim">${row.deprecated ? html`<span class="is-warn">deprecated: ${row.deprecated}</span>` : row.description}</span>` },
  ];
  return html`<div class="head"><h1>Agents</h1><span class="gap"></span><${Cli} line="podium get agents" /></div>
    <${Table} label="Agents" rows=${agents.items} id=${(row) => row.name} href=${(row) => link("agent", row)} columns=${columns("agent")} none=${html`No agent is declared. <code>podium apply</code> declares them.`} />
    ${tools?.items.length > 0 && html`<section><div class="title"><h2>Tools</h2></div><${Table} label="Tools" rows=${tools.items} id=${(row) => row.name} href=${(row) => link("tool", row)} columns=${columns("tool")} /></section>`}`;
}

const declares = (record) => !record.run_id;
const link = (kind, row) => `/agents/${encodeURIComponent(row.name)}${kind === "tool" ? "?kind=tool" : ""}`;
const failed = (node) => (node?.failed ? html`<span class="is-bad">${node.failed} (${Math.round((100 * node.failed) / node.calls)} %)</span>` : html`<span class="dim">–</span>`);

const State = ({ row, does, held }) => {
  if (held.some((one) => one.agent.split("@")[0] === row.name)) return html`<${Status} status="paused" />`;
  const breaker = row.breaker?.status ?? row.breaker;
  if (breaker && breaker !== "closed") return html`<${Status} status=${breaker} word=${`breaker ${breaker.replace("_", " ")}`} />`;
  if (does?.held) return html`<${Status} status="approval" word=${`${does.held} held`} />`;
  if (does?.failed && does.failed >= does.calls / 2) return html`<${Status} status="failed" word="failing" />`;
  if (does?.running) return html`<${Status} status="running" word="at work" />`;
  return html`<${Status} status="ready" />`;
};

function booked(items) {
  const found = new Map();
  for (const one of items) {
    const row = found.get(bare(one.agent)) ?? { calls: 0, cost: 0 };
    row.calls += one.calls;
    row.cost += one.cost_nano;
    found.set(bare(one.agent), row);
  }
  return found;
}
