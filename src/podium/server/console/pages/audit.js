// Who did what, people and the hub by itself, and why; what a change changed; and whether the log is whole.

import { html, useEffect, useState, Table, Time, Trouble, Cli, Icon, Select } from "../lib/ui.js";
import { at, choose, withQuery } from "../lib/router.js";
import { query } from "../lib/api.js";
import { useData } from "../lib/data.js";
import { who } from "../lib/format.js";
import { told, daysAgo } from "../lib/days.js";
import { about } from "../parts/acts.js";
import { Act } from "../parts/act.js";
import { Integrity } from "../parts/integrity.js";

const PAGE = 100;
const BY = [["", "people"], ["hub", "the hub by itself"]];
const ABOUT = [["", "about anything"], ["approvals", "about approvals"], ["runs", "about runs"], ["resources", "about what is declared"], ["agents", "about agents"], ["schedules", "about schedules"], ["people", "about accounts and sign-ins"], ["hub", "about the hub"]];
const DAYS = [["", "at any time"], ["1", "since yesterday"], ["7", "in 7 days"], ["30", "in 30 days"]];

export default function Audit() {
  const { by = "", principal = "", about: kind = "", since = "", until = "", before = "", act = "" } = at.value;
  const { data, problem } = useData(`/v1/acts${query({ by, principal, about: kind, since, until, before, limit: PAGE })}`, !before);
  const { data: overrides } = useData("/v1/overrides?limit=20", true);
  const rows = data?.items ?? [];
  const chosen = rows.find((row) => row.cursor === act);
  const filtered = by || principal || kind || since || until;
  return html`<div class="head"><h1>Audit</h1><span class="gap"></span><${Cli} line="podium audit verify" /></div>
    <div class="filters">
      <${Select} label="By whom" value=${by} options=${BY} onChange=${(value) => choose({ by: value, principal: "", before: "", act: "" })} />
      <${Select} label="About what" value=${kind} options=${ABOUT} onChange=${(value) => choose({ about: value, before: "", act: "" })} />
      ${by !== "hub" && html`<${Who} value=${principal} />`}
      ${since || until ? html`<span class="row"><${Icon} name="calendar" />${told(since, until)}<button class="bare" onClick=${() => choose({ since: "", until: "", before: "", act: "" })}>any time</button></span>`
        : html`<${Select} label="When" value="" options=${DAYS} onChange=${(value) => choose({ since: value && String(daysAgo(Number(value))), before: "", act: "" })} />`}
      ${filtered && html`<a href="/audit">Clear</a>`}
    </div>
    <${Trouble} problem=${problem} />
    <div class="split acts"><section>
      ${data && html`<${Table} label="What was done" rows=${rows} id=${(row) => row.cursor} chosen=${act} onChoose=${(row) => choose({ act: row.cursor === act ? "" : row.cursor })} columns=${COLUMNS} none=${filtered ? "Nothing like that was done." : "Nobody did anything yet."} />`}
      <p class="row">${before && html`<a class="button" href=${withQuery({ before: "", act: "" })}>Newest</a>`}${rows.length >= PAGE && html`<a class="button" href=${withQuery({ before: rows.at(-1).cursor, act: "" })}>Older</a>`}</p>
    </section><div>
      ${chosen ? html`<${Act} key=${act} act=${chosen} />` : html`<${Integrity} />
      ${overrides?.items.length > 0 && html`<section><div class="title"><h2>Broken glass</h2></div><ul class="needs">${overrides.items.map((one) => html`<li><a href=${`/runs/${one.run_id}?tab=data&effect=${one.effect}`}><${Icon} name="warn" tone="warn" label="override" /><span class="strong">${who(one.principal)}</span><${Time} at=${one.at} /><small>${one.reason}</small></a></li>`)}</ul></section>`}`}
    </div></div>`;
}

const COLUMNS = [
  { name: "when", cell: (row) => html`<${Time} at=${row.at} />` },
  { name: "who", cell: (row) => (row.people ? html`<a href=${withQuery({ principal: row.principal, before: "", act: "" })}>${who(row.principal)}</a>` : html`<span class="dim">the hub</span>`) },
  { name: "did", cell: (row) => html`<button class="bare first-link" data-open aria-label=${`${row.act}: in full`} onClick=${() => choose({ act: row.cursor })}>${row.act}</button>` },
  { name: "to", cell: (row) => html`<span class="clip">${about(row.target)}</span>` },
  { name: "why", grow: true, cell: (row) => html`<span class="clip" title=${row.why}>${row.why || html`<span class="dim">–</span>`}</span>` },
];

function Who({ value }) {
  const [text, setText] = useState(who(value) === "–" ? "" : who(value));
  useEffect(() => setText(value ? who(value) : ""), [value]);
  const say = () => choose({ principal: text.trim() && (text.includes(":") ? text.trim() : `user:${text.trim()}`), before: "", act: "" });
  return html`<input aria-label="Who" placeholder="who" size="14" value=${text} onInput=${(event) => setText(event.target.value)} onChange=${say} />`;
}
