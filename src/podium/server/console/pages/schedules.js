// What begins by itself.

import { html, useState, Status, Table, Time, Trouble, Cli, Asking } from "../lib/ui.js";
import { can, post } from "../lib/api.js";
import { useData, refresh } from "../lib/data.js";
import { shell, who } from "../lib/format.js";

export default function Schedules() {
  const { data, problem } = useData("/v1/schedules?limit=1000", true);
  const [asking, setAsking] = useState(null);
  if (problem && !data) return html`<${Trouble} problem=${problem} />`;
  if (!data) return null;
  const act = (name) => async (why) => {
    await post(`/v1/schedules/${asking.row.name}`, { action: name, why });
    refresh();
  };
  const columns = [
    ...COLUMNS,
    { name: "", title: "do", cell: (row) => can("operate") && html`<span class="row"><button class="bare" onClick=${() => setAsking({ row, act: "trigger" })}>Now…</button><button class="bare" onClick=${() => setAsking({ row, act: row.status === "paused" ? "resume" : "pause" })}>${row.status === "paused" ? "Resume…" : "Pause…"}</button></span>` },
  ];
  return html`<div class="head"><h1>Schedules</h1><span class="gap"></span><${Cli} line="podium get schedules" /></div>
    <${Table} label="Schedules" rows=${data.items} id=${(row) => row.name} columns=${columns} none=${html`Nothing begins by itself. <code>podium apply</code> declares a Schedule.`} />
    ${asking && html`<${Asking} title=${`${TITLES[asking.act]} ${asking.row.name}`} verb=${TITLES[asking.act]} line=${(why) => `podium schedule ${asking.act} ${asking.row.name}${why && asking.act !== "trigger" ? ` --why ${shell(why)}` : ""}`} run=${act(asking.act)} onClose=${() => setAsking(null)} />`}`;
}

const TITLES = { trigger: "Begin now:", pause: "Pause", resume: "Resume" };

const COLUMNS = [
  { name: "status", cell: (row) => html`<${Status} status=${row.status} />` },
  { name: "schedule", cell: (row) => html`<span class="strong">${row.name}</span>` },
  { name: "runs", cell: (row) => html`<a href=${`/runs?workflow=${encodeURIComponent(row.workflow)}`}>${row.workflow}</a>` },
  { name: "when", cell: (row) => row.summary },
  { name: "next", cell: (row) => html`<${Time} at=${row.next_at} />` },
  { name: "last", cell: (row) => (row.last_run ? html`<a href=${`/runs/${row.last_run}`}><${Time} at=${row.fired_at || row.last_at} /></a>` : html`<span class="dim">–</span>`) },
  { name: "begun", num: true, cell: (row) => row.fired },
  { name: "left out", num: true, title: "firings that were missed and not made up for", cell: (row) => row.passed || html`<span class="dim">–</span>` },
  { name: "remark", grow: true, cell: (row) => html`<span class="clip">${row.trouble ? html`<span class="is-bad">${row.trouble}</span>` : row.paused_at ? `paused by ${who(row.paused_by)}${row.why ? `: ${row.why}` : ""}` : row.description}</span>` },
];
