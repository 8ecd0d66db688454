// Whether the log is whole: checkpoints, checks, and the export.

import { html, useState, Status, Time, Trouble, Pairs } from "../lib/ui.js";
import { can, get, post } from "../lib/api.js";
import { useData, refresh } from "../lib/data.js";
import { count, plural } from "../lib/format.js";

export function Integrity() {
  const { data } = useData("/v1/audit/checkpoints?limit=1000", false);
  const stated = data?.items ?? [];
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
