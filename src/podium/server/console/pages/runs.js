// Runs: a table that the address describes.

import { html, useState, useEffect, Table, Status, Time, Trouble, Select, Cli, Icon, now } from "../lib/ui.js";
import { at, choose, withQuery } from "../lib/router.js";
import { get, query } from "../lib/api.js";
import { useData } from "../lib/data.js";
import { bare, money, short, span, who } from "../lib/format.js";
import { told } from "../lib/days.js";

const STATUSES = [["", "any status"], ["unfinished", "unfinished"], ["waiting", "waiting for people"], ["running", "running"], ["suspended", "suspended"], ["completed", "completed"], ["faulted", "faulted"], ["cancelled", "cancelled"]];
const PAGE = 100;

export default function Runs() {
  const { status = "", workflow = "", label = "", text = "", since = "", until = "", before = "" } = at.value;
  const searched = Boolean(text || since || until);
  const asked = searched
    ? `/v1/search/runs${query({ text, label, status, workflow, since, until, before, limit: PAGE })}`
    : `/v1/runs${query({ status, workflow, label, before, limit: PAGE })}`;
  const { data, problem } = useData(asked, before || until ? false : changesRuns);
  const rows = data?.items.map(normal) ?? [];
  const filtered = status || workflow || label || searched;
  const following = data?.next ? new URLSearchParams(data.next.split("?")[1]).get("before") : "";
  return html`<div class="head"><h1>Runs</h1><span class="gap"></span><${Cli} line=${line(status, workflow)} /></div>
    <div class="filters">
      <${Select} label="Status" value=${status} options=${STATUSES} onChange=${(value) => choose({ status: value, before: "" })} />
      <${Field} label="Workflow" hint="workflow" value=${workflow} name="workflow" />
      <${Field} label="Label" hint="label, such as customer=acme" value=${label} name="label" />
      <${Field} label="Words" hint="words in labels, keys, people" value=${text} name="text" />
      ${(since || until) && html`<span class="row"><${Icon} name="calendar" />${told(since, until)}<button class="bare" onClick=${() => choose({ since: "", until: "", before: "" })}>any time</button></span>`}
      ${filtered && html`<a href="/runs">Clear</a>`}
    </div>
    <${Trouble} problem=${problem} />
    ${data && html`<${Table} label="Runs" rows=${rows} columns=${COLUMNS} href=${(run) => `/runs/${run.id}`}
      none=${following ? "None is like that among those that were looked at; older ones may be." : filtered ? "No run is like that." : html`No run yet. <code>podium run WORKFLOW</code> starts one.`} />`}
    <p class="row">${before && html`<a class="button" href=${withQuery({ before: "" })}>Newest</a>`}${following && html`<a class="button" href=${withQuery({ before: following })}>Older</a>`}</p>`;
}

const changesRuns = (record) => record.run_id !== "";

/** Rows of the list and of a search have some names apart. */
const normal = (run) => ({ ...run, id: run.id ?? run.run_id, phase: run.phase ?? run.status });

const COLUMNS = [
  { name: "status", cell: (run) => html`<${Status} status=${waits(run) ?? run.status} word=${waits(run) ? "waiting" : undefined} />` },
  { name: "run", cell: (run) => html`<a class="first-link mono" href=${`/runs/${run.id}`}>${short(run.id)}</a>` },
  { name: "workflow", cell: (run) => html`<span class="clip" title=${run.workflow}>${bare(run.workflow)}</span>` },
  { name: "about", grow: true, cell: (run) => html`<span class="clip long">${about(run)}</span>` },
  { name: "by", cell: (run) => html`<span class="clip less" title=${run.principal}>${who(run.principal)}</span>` },
  { name: "started", cell: (run) => html`<${Time} at=${run.started_at} />` },
  { name: "took", num: true, cell: (run) => span((run.ended_at || now.value) - run.started_at) },
  { name: "cost", num: true, cell: (run) => (run.cost_nano ? money(run.cost_nano) : html`<span class="dim">–</span>`) },
];

const waits = (run) => {
  const kinds = (run.waiting_for ?? []).map((one) => one.kind);
  return ["dead_letter", "in_doubt", "approval", "human"].find((kind) => kinds.includes(kind)) ?? (run.phase === "waiting" ? "waiting" : undefined);
};

function about(run) {
  const labels = Object.entries(run.labels ?? {}).map(([name, value]) => html`<span class="mono">${name}=${value}</span> `);
  const waiting = [...new Set((run.waiting_for ?? []).map((one) => (STILL.has(one.kind) && one.message) || (WAITS[one.kind] ?? one.kind)))].join(", ");
  const title = run.error_title ?? run.error?.title;
  return html`${labels}${waiting && html`<span class="dim">${waiting}</span>`}${title && html`<span class="is-bad">${title}</span>`}`;
}

/** What these wait for the hub says in a sentence, where there is more to say. */
const STILL = new Set(["queue", "retry"]);

const WAITS = {
  human: "asks a person", approval: "wants approval", in_doubt: "in doubt", dead_letter: "dead letter", attempt: "at work", queue: "queued",
  retry: "will try again", event: "listens", timer: "pauses", run: "waits for a run", deferred: "deferred",
};

function Field({ label, hint, value, name }) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  return html`<input aria-label=${label} placeholder=${hint} value=${text} size="24" onInput=${(event) => setText(event.target.value)}
    onChange=${() => choose({ [name]: text.trim(), before: "" })} />`;
}

const line = (status, workflow) => ["podium get runs", status && `--status ${status}`, workflow && `--workflow ${workflow}`].filter(Boolean).join(" ");
