// Who did what, and why; and whether the log is whole.

import { html, useState, Status, Table, Time, Trouble, Cli, Pairs, Icon } from "../lib/ui.js";
import { at, withQuery } from "../lib/router.js";
import { can, get, post, query } from "../lib/api.js";
import { useData, refresh } from "../lib/data.js";
import { count, plural, short, who } from "../lib/format.js";

const PAGE = 100;

export default function Audit() {
  const { principal = "", before = "" } = at.value;
  const { data, problem } = useData(`/v1/acts${query({ principal, before, limit: PAGE })}`, !before && ((record) => !record.run_id));
  const { data: stated } = useData("/v1/audit/checkpoints?limit=1000", false);
  const { data: overrides } = useData("/v1/overrides", true);
  const rows = data?.items ?? [];
  return html`<div class="head"><h1>Audit</h1><span class="gap"></span><${Cli} line="podium audit verify" /></div>
    <div class="split"><div>
      <${Integrity} stated=${stated?.items ?? []} />
      ${overrides?.items.length > 0 && html`<section><div class="title"><h2>Broken glass</h2></div><ul class="needs">${overrides.items.map((one) => html`<li><a href=${`/runs/${one.run_id}?tab=data&effect=${one.effect}`}><${Icon} name="warn" tone="warn" label="override" /><span class="strong">${who(one.principal)}</span><${Time} at=${one.at} /><small>${one.reason}</small></a></li>`)}</ul></section>`}
    </div><section>
      <div class="title"><h2>What people did</h2><span class="gap"></span>${principal && html`<span class="dim">only ${who(principal)}</span><a href="/audit">everybody</a>`}</div>
      <${Trouble} problem=${problem} />
      ${data && html`<${Table} label="What people did" rows=${rows} id=${(row) => row.seq} columns=${COLUMNS} none="Nobody did anything yet." />`}
      <p class="row">${before && html`<a class="button" href=${withQuery({ before: "" })}>Newest</a>`}${rows.length >= PAGE && html`<a class="button" href=${withQuery({ before: rows.at(-1).seq })}>Older</a>`}</p>
    </section></div>`;
}

const COLUMNS = [
  { name: "when", cell: (row) => html`<${Time} at=${row.at} />` },
  { name: "who", cell: (row) => html`<a href=${`/audit?principal=${encodeURIComponent(row.principal)}`}>${who(row.principal)}</a>` },
  { name: "did", cell: (row) => html`<span class="strong">${row.act.replaceAll("_", " ")}</span>` },
  { name: "to", cell: (row) => html`<span class="clip">${target(row)}</span>` },
  { name: "why", grow: true, cell: (row) => html`<span class="clip" title=${row.why}>${row.why || html`<span class="dim">–</span>`}</span>` },
  { name: "known by", cell: (row) => html`<span class="dim">${row.via || "the log"}</span>` },
  { name: "record", num: true, cell: (row) => row.seq },
];

const RUN = /^([0-9a-f]{8}-[0-9a-f-]{27})(?:\/(\d+))?$/;

function target(row) {
  const found = RUN.exec(row.target);
  return found ? html`<a href=${`/runs/${found[1]}${found[2] ? `?tab=data&effect=${found[2]}` : ""}`}>run ${short(found[1])}${found[2] ? `/${found[2]}` : ""}</a>` : row.target || html`<span class="dim">–</span>`;
}

function Integrity({ stated }) {
  const [found, setFound] = useState(null);
  const [busy, setBusy] = useState("");
  const [problem, setProblem] = useState(null);
  const may = can("audit");
  const last = stated.at(-1);
  const act = (name, work) => async () => {
    setBusy(name);
    setProblem(null);
    try {
      await work();
    } catch (failure) {
      setProblem(failure);
    }
    setBusy("");
  };
  return html`<section><div class="title"><h2>Integrity</h2></div>
    <${Pairs} of=${[
      ["checkpoints", count(stated.length)],
      last && ["the last", html`number ${last.number} <${Time} at=${last.at} />`],
      found && ["checked", html`<${Status} status=${found.sound ? "sound" : "broken"} /> ${found.shards.map((shard) => plural(shard.records, "record")).join(" and ")}`],
      found?.findings?.length > 0 && ["found", found.findings.map((one) => one.message ?? JSON.stringify(one)).join("; ")],
      ...(found?.shards ?? []).map((shard) => [`log ${shard.shard}`, html`<code>${shard.root.slice(0, 24)}…</code>${shard.break ? html` <span class="is-bad">broken at ${shard.break.seq}: ${shard.break.reason}</span>` : ""}`]),
    ]} />
    <p class="row">
      <button disabled=${!may || busy} onClick=${act("verify", async () => setFound(await get("/v1/audit/verify")))}>${busy === "verify" ? "Checking …" : "Check the whole log"}</button>
      <button disabled=${!may || busy} onClick=${act("state", async () => { await post("/v1/audit/checkpoint"); refresh(); })}>Sign a checkpoint</button>
      ${may && html`<a class="button" href="/v1/audit/export" download>Export</a>`}</p>
    ${!may && html`<p class="dim">Checking, signing and exporting take the scope audit.</p>`}
    <${Trouble} problem=${problem} />
    <p class="dim">An export is checked without Podium, by <code>tools/verify_podium.py</code>.</p></section>`;
}
