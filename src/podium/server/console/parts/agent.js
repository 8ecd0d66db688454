// One agent or tool in full: its contract, its versions, what it does and costs.

import { html, useState, Icon, Status, Table, Trouble, Cli, Json, Pairs } from "../lib/ui.js";
import { useData } from "../lib/data.js";
import { bare, count, money, span } from "../lib/format.js";
import { can } from "../lib/api.js";
import { Pausing, Resuming, useHeld } from "./pause.js";
import { Versions } from "./versions.js";

const declares = (record) => !record.run_id;

export function Agent({ name, kind }) {
  const { data: agent, problem } = useData(`/v1/resources/${kind}/${encodeURIComponent(name)}`, declares);
  const { data: spend } = useData("/v1/spend?days=14", true);
  const { data: flow } = useData("/v1/flow", true);
  const [asking, setAsking] = useState("");
  const held = useHeld().filter((one) => one.agent.split("@")[0] === name);
  if (problem && !agent) return html`<div class="head"><h1>${name}</h1></div><${Trouble} problem=${problem} />`;
  if (!agent) return null;
  const days = (spend?.items ?? []).filter((one) => bare(one.agent) === name);
  return html`<div class="head"><h1>${agent.name} <span class="dim">${agent.version}</span></h1>${agent.breaker?.status && html`<${Status} status=${agent.breaker.status} word=${`breaker ${agent.breaker.status}`} />`}${held.length > 0 && html`<${Status} status="paused" />`}<span class="gap"></span><${Cli} line=${`podium describe ${kind} ${name}`} />
      ${can("operate") && (held.length ? html`<button onClick=${() => setAsking("resume")}><${Icon} name="play" />Resume…</button>` : html`<button onClick=${() => setAsking("pause")}><${Icon} name="pause" />Pause…</button>`)}</div>
    ${asking === "pause" && html`<${Pausing} agent=${name} onClose=${() => setAsking("")} />`}
    ${asking === "resume" && held[0] && html`<${Resuming} agent=${held[0].agent} onClose=${() => setAsking("")} />`}
    <p>${agent.description}</p>
    ${agent.deprecated && html`<p class="notice is-warn">Deprecated: ${agent.deprecated}</p>`}
    ${agent.breaker?.reason && html`<p class="notice is-bad">Its breaker: ${agent.breaker.reason}. <a href=${`/approvals/${encodeURIComponent(`${agent.name}@${agent.version}`)}/0`}>See to it</a></p>`}
    <${Versions} kind=${kind} name=${name} spend=${spend} flow=${flow} />
    <div class="split"><div>
      <section><div class="title"><h2>How it is asked</h2></div><${Pairs} of=${[
        ["runs as", `${agent.runtime?.type ?? ""}${agent.runtime?.isolation && agent.runtime.isolation !== "none" ? `, ${agent.runtime.isolation}` : ""}`], ["delivery", agent.delivery],
        ["deadline", agent.deadline_ms ? span(agent.deadline_ms) : ""], ["attempts", agent.retry?.attempts], ["at once", agent.concurrency],
        ["a call costs at most", agent.cost_nano ? money(agent.cost_nano) : agent.cost?.nano ? money(agent.cost.nano) : ""], ["roles", agent.roles?.join(", ")], ["effect on the world", agent.side_effect], ["risk", agent.risk], ["undone by", agent.undo?.tool],
        ["digest", html`<code>${agent.digest.slice(0, 23)}…</code>`],
      ]} /></section>
      <section><div class="title"><h2>Spend by day</h2></div><${Table} label="Spend" rows=${days} id=${(row) => row.day + row.agent} columns=${DAYS} none="It was not called yet." /></section>
    </div><div>${(agent.capabilities ?? [{ name: "takes and gives", input: agent.args, output: agent.result }]).map((one) => html`<section><div class="title"><h2>${one.name}</h2><span class="dim">its contract</span></div>${one.description && html`<p>${one.description}</p>`}<h3>It takes</h3><${Json} value=${one.input} label="Input schema" /><h3>It gives</h3><${Json} value=${one.output} label="Output schema" /></section>`)}</div></div>`;
}

const DAYS = [
  { name: "day", cell: (row) => row.day }, { name: "version", cell: (row) => row.agent.split("@")[1] },
  { name: "calls", num: true, cell: (row) => count(row.calls) }, { name: "cost", num: true, cell: (row) => money(row.cost_nano) },
];
