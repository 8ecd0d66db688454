// What waits for people, by deadline; what waits for operators; and what was decided.

import { html, Status, Table, Time, Trouble, Cli, Icon, None, now } from "../lib/ui.js";
import { at, withQuery } from "../lib/router.js";
import { query } from "../lib/api.js";
import { useData, forPeople } from "../lib/data.js";
import { ago, bare, plural, span, who } from "../lib/format.js";
import { Asked } from "../parts/asked.js";
import { Stuck } from "../parts/stuck.js";
import { Said, Denied } from "../parts/said.js";
import { about } from "../parts/acts.js";

const PAGE = 100;

export default function Approvals({ given: [run, effect] }) {
  const { data, problem } = useData("/v1/approvals", forPeople);
  const { data: escalations } = useData("/v1/escalations", forPeople);
  const waiting = [...(data?.items ?? [])].sort((one, other) => (one.deadline_at || Infinity) - (other.deadline_at || Infinity) || one.since - other.since);
  const others = (escalations?.items ?? []).filter((one) => !["approval", "question", "undo"].includes(one.kind));
  const past = at.value.view === "past" && !run;
  if (problem && !data) return html`<${Trouble} problem=${problem} />`;
  if (!data) return null;
  return html`<div class="head"><h1>Approvals</h1><span class="dim">${plural(waiting.length, "thing")} for people, ${plural(others.length, "thing")} for operators</span><span class="gap"></span><${Cli} line="podium approvals" /></div>
    <nav class="tabs" aria-label="Waiting, or decided"><a href="/approvals" aria-current=${past ? undefined : "page"}>Waiting</a><a href="/approvals?view=past" aria-current=${past ? "page" : undefined}>Decided</a></nav>
    ${past ? html`<${Past} />` : html`<${Waiting} waiting=${waiting} others=${others} run=${run} effect=${effect} />`}`;
}

const key = (one) => `${one.run_id || one.agent}/${one.effect ?? 0}`;

function Waiting({ waiting, others, run, effect }) {
  const id = run ? `${run}/${effect}` : waiting[0]?.id ?? (others[0] && key(others[0]));
  const chosen = waiting.find((one) => one.id === id);
  const stuck = !chosen && others.find((one) => key(one) === id);
  if (!waiting.length && !others.length && !run) return html`<${None}>Nothing waits for anybody.<//>`;
  return html`<div class="split"><div>
      ${waiting.length > 0 && html`<ul class="needs" data-walk aria-label="Waiting for people">${waiting.map((one) => html`<li key=${one.id} data-follow data-chosen=${one.id === id ? "" : undefined}><a href=${`/approvals/${one.id}`} aria-current=${one.id === id ? "true" : undefined}>
        <${Icon} name=${one.kind === "human" ? "question" : "hand"} tone="wait" label=${one.kind === "human" ? "question" : "approval"} />
        <span class="clip strong">${one.target}</span><span class=${one.deadline_at && one.deadline_at - now.value < 3_600_000 ? "is-warn" : "dim"}>${one.deadline_at ? `${span(Math.max(one.deadline_at - now.value, 0))} left` : ago(one.since, now.value)}</span>
        <small>${one.kind === "human" ? bare(one.workflow) : one.message || one.rules.join(", ")}</small></a></li>`)}</ul>`}
      ${others.length > 0 && html`<section><div class="title"><h2>For operators</h2></div><ul class="needs">${others.map((one) => html`<li data-chosen=${stuck === one ? "" : undefined}><a href=${`/approvals/${key(one)}`}>
        <${Icon} name=${one.kind === "breaker" ? "bolt" : one.kind === "dead_letter" ? "inbox" : "question"} tone="bad" label=${one.kind} /><span class="clip strong">${one.what}</span><span class="dim">${ago(one.since, now.value)}</span><small>${one.why}</small></a></li>`)}</ul></section>`}
    </div>
    <div>${chosen ? html`<${Asked} key=${chosen.id} one=${chosen} following=${waiting[waiting.indexOf(chosen) + 1] ?? waiting[0]} />` : stuck ? html`<${Stuck} key=${id} one=${stuck} />` : run && html`<${Decided} run=${run} effect=${Number(effect)} />`}</div></div>`;
}

const Decided = ({ run, effect }) => html`<article><div class="title"><h2>Nothing waits here any more</h2></div>
  <p>It was decided, it expired, or its run ended. <a href=${`/runs/${run}?tab=data&effect=${effect}`}>See what became of it</a>.</p>
  <${Said} run=${run} effect=${effect} /><${Denied} run=${run} effect=${effect} /></article>`;

/** What people decided, newest first. */
function Past() {
  const { before = "" } = at.value;
  const { data, problem } = useData(`/v1/acts${query({ about: "approvals", before, limit: PAGE })}`, before ? false : forPeople);
  if (problem && !data) return html`<${Trouble} problem=${problem} />`;
  if (!data) return null;
  return html`<${Table} label="Decided" rows=${data.items} id=${(row) => row.cursor} columns=${COLUMNS} href=${(row) => `/approvals/${row.target}`} none="Nobody decided anything yet." />
    <p class="row">${before && html`<a class="button" href=${withQuery({ before: "" })}>Newest</a>`}${data.items.length >= PAGE && html`<a class="button" href=${withQuery({ before: data.items.at(-1).cursor })}>Older</a>`}</p>`;
}

const COLUMNS = [
  { name: "when", cell: (row) => html`<${Time} at=${row.at} />` },
  { name: "who", cell: (row) => html`<a href=${`/audit${query({ principal: row.principal })}`}>${who(row.principal)}</a>` },
  { name: "said", cell: (row) => html`<${Status} status=${row.act.split(" ")[0]} word=${row.act} />` },
  { name: "of", cell: (row) => about(row.target) },
  { name: "why", grow: true, cell: (row) => html`<span class="clip long" title=${row.why}>${row.why || html`<span class="dim">–</span>`}</span>` },
  { name: "known by", cell: (row) => html`<span class="dim">${row.via || "the log"}</span>` },
];
