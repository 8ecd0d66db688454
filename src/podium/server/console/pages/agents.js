// Agents and tools: what they offer, how they do, what they cost; and one of them in full.

import { html, useMemo, Status, Table, Time, Trouble, Cli, Json, Pairs } from "../lib/ui.js";
import { at } from "../lib/router.js";
import { useData } from "../lib/data.js";
import { bare, count, money, span, who } from "../lib/format.js";
import { gathered } from "../lib/flow.js";

export default function Agents({ given: [name] }) {
  return name ? html`<${Agent} name=${name} kind=${at.value.kind === "tool" ? "tool" : "agent"} />` : html`<${List} />`;
}

function List() {
  const { data: agents, problem } = useData("/v1/agents?limit=1000", declares);
  const { data: tools } = useData("/v1/tools?limit=1000", declares);
  const { data: flow } = useData("/v1/flow", true);
  const { data: spend } = useData("/v1/spend?days=7", true);
  const does = useMemo(() => new Map(gathered(flow?.items ?? []).nodes.map((node) => [node.id, node])), [flow]);
  const costs = useMemo(() => booked(spend?.items ?? []), [spend]);
  if (problem && !agents) return html`<${Trouble} problem=${problem} />`;
  if (!agents) return null;
  const columns = (kind) => [
    { name: "state", cell: (row) => html`<${State} row=${row} does=${does.get(`${kind}:${row.name}`)} />` },
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

const State = ({ row, does }) => {
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

function Agent({ name, kind }) {
  const { data: agent, problem } = useData(`/v1/resources/${kind}/${encodeURIComponent(name)}`, declares);
  const { data: history } = useData(`/v1/history/${kind}/${encodeURIComponent(name)}`, declares);
  const { data: spend } = useData("/v1/spend?days=14", true);
  if (problem && !agent) return html`<div class="head"><h1>${name}</h1></div><${Trouble} problem=${problem} />`;
  if (!agent) return null;
  const days = (spend?.items ?? []).filter((one) => bare(one.agent) === name);
  return html`<div class="head"><h1>${agent.name} <span class="dim">${agent.version}</span></h1>${agent.breaker?.status && html`<${Status} status=${agent.breaker.status} word=${`breaker ${agent.breaker.status}`} />`}<span class="gap"></span><${Cli} line=${`podium describe ${kind} ${name}`} /></div>
    <p>${agent.description}</p>
    ${agent.deprecated && html`<p class="notice is-warn">Deprecated: ${agent.deprecated}</p>`}
    ${agent.breaker?.reason && html`<p class="notice is-bad">Its breaker: ${agent.breaker.reason}. <a href=${`/approvals/${encodeURIComponent(`${agent.name}@${agent.version}`)}/0`}>See to it</a></p>`}
    <div class="split"><div>
      <section><div class="title"><h2>How it is asked</h2></div><${Pairs} of=${[
        ["runs as", `${agent.runtime?.type ?? ""}${agent.runtime?.isolation && agent.runtime.isolation !== "none" ? `, ${agent.runtime.isolation}` : ""}`], ["delivery", agent.delivery],
        ["deadline", agent.deadline_ms ? span(agent.deadline_ms) : ""], ["attempts", agent.retry?.attempts], ["at once", agent.concurrency],
        ["a call costs at most", agent.cost_nano ? money(agent.cost_nano) : agent.cost?.nano ? money(agent.cost.nano) : ""], ["roles", agent.roles?.join(", ")], ["effect on the world", agent.side_effect], ["risk", agent.risk], ["undone by", agent.undo?.tool],
        ["digest", html`<code>${agent.digest.slice(0, 23)}…</code>`],
      ]} /></section>
      <section><div class="title"><h2>Versions</h2></div><${Table} label="Versions" rows=${history?.items ?? []} id=${(row) => `${row.revision}`} columns=${VERSIONS} none="No history." /></section>
      <section><div class="title"><h2>Spend by day</h2></div><${Table} label="Spend" rows=${days} id=${(row) => row.day + row.agent} columns=${DAYS} none="It was not called yet." /></section>
    </div><div>${(agent.capabilities ?? [{ name: "takes and gives", input: agent.args, output: agent.result }]).map((one) => html`<section><div class="title"><h2>${one.name}</h2><span class="dim">its contract</span></div>${one.description && html`<p>${one.description}</p>`}<h3>It takes</h3><${Json} value=${one.input} label="Input schema" /><h3>It gives</h3><${Json} value=${one.output} label="Output schema" /></section>`)}</div></div>`;
}

const VERSIONS = [
  { name: "version", cell: (row) => html`<span class="strong">${row.version}</span>` },
  { name: "", title: "current", cell: (row) => row.current && html`<${Status} status="active" word="current" />` },
  { name: "did", cell: (row) => `${row.action}${row.forced ? ", by force" : ""}` },
  { name: "when", cell: (row) => html`<${Time} at=${row.at} />` },
  { name: "who", cell: (row) => who(row.principal) },
  { name: "why", cell: (row) => html`<span class="clip less">${row.why}</span>` },
];
const DAYS = [
  { name: "day", cell: (row) => row.day }, { name: "version", cell: (row) => row.agent.split("@")[1] },
  { name: "calls", num: true, cell: (row) => count(row.calls) }, { name: "cost", num: true, cell: (row) => money(row.cost_nano) },
];
