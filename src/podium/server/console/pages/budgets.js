// Budgets, those first whose ceiling is nearest in time; and which of several binds.

import { html, useMemo, useState, Status, Table, Time, Trouble, Cli, now } from "../lib/ui.js";
import { useData } from "../lib/data.js";
import { Raising } from "../parts/raising.js";
import { amount, clip, short, span, unitName } from "../lib/format.js";

/** So many rows are drawn at first: more take longer than anybody wants to wait. */
const MOST = 200;

export default function Budgets() {
  const { data, problem } = useData("/v1/budgets?limit=1000", true);
  const { data: policies } = useData("/v1/policies", false);
  const rows = useMemo(() => ranked(data?.items ?? [], now.peek()), [data]);
  const [raising, setRaising] = useState(null);
  const [whole, setWhole] = useState(false);
  if (problem && !data) return html`<${Trouble} problem=${problem} />`;
  if (!data) return null;
  const columns = [...COLUMNS, { name: "", title: "raise", cell: (row) => row.policy && html`<button class="bare" aria-label=${`Raise ${row.budget}`} onClick=${() => setRaising(row)}>Raise…</button>` }];
  return html`<div class="head"><h1>Budgets</h1><span class="dim">by the time until they are used up, as it goes now</span><span class="gap"></span><${Cli} line="podium get budgets" /></div>
    <${Table} label="Budgets" rows=${whole ? rows : rows.slice(0, MOST)} id=${(row) => row.id} columns=${columns} none=${policies?.items.length ? "Nothing was taken of any budget yet." : "No policy sets a budget."} />
    ${!whole && rows.length > MOST && html`<p><button onClick=${() => setWhole(true)}>Show all ${rows.length}</button></p>`}
    <p class="dim">What is held is set aside for attempts under way. Marks stand at 80, 95 and 100 %. A ceiling is raised for one action by whoever lets that pass, and for all in the policy.</p>
    ${raising && html`<${Raising} row=${raising} onClose=${() => setRaising(null)} />`}`;
}

const COLUMNS = [
  { name: "state", cell: (row) => html`<${Status} status=${row.state} word=${row.word} />` },
  { name: "budget", cell: (row) => html`<span class="strong">${row.policy ? html`<a href=${`/policies/${row.policy}`}>${row.policy}/${row.budget}</a>` : row.budget}</span>` },
  { name: "of", cell: (row) => html`<span class="clip">${scope(row)}</span>` },
  { name: "used", num: true, cell: (row) => `${Math.floor(row.part * 100)} %` },
  { name: "", title: "used, and held", cell: (row) => html`<${Bar} row=${row} />` },
  { name: "spent", num: true, cell: (row) => amount(row.unit, row.spent) },
  { name: "held", num: true, cell: (row) => (row.held ? amount(row.unit, row.held) : html`<span class="dim">–</span>`) },
  { name: "ceiling", num: true, cell: (row) => html`${amount(row.unit, row.ceiling)}${row.unit === "nano" || row.unit === "ms" ? "" : ` ${unitName(row.unit)}`}${row.raised ? html` <span class="dim">(+${amount(row.unit, row.raised)})</span>` : ""}` },
  { name: "used up in", num: true, cell: (row) => (row.part >= 1 ? html`<span class="is-bad">now</span>` : Number.isFinite(row.leftMs) ? span(row.leftMs) : html`<span class="dim" title="not in this window, as it goes now">–</span>`) },
  { name: "what binds", cell: (row) => (row.binding ? html`<span title="Of the budgets that what is done here counts for, this one is reached first">this one</span>` : html`<span class="dim" title=${`reached before: ${row.parent}`}>${row.parent}</span>`) },
  { name: "until", cell: (row) => (row.ends_at ? html`<${Time} at=${row.ends_at} />` : html`<span class="dim">no end</span>`) },
];

const scope = (row) => {
  const parts = Object.entries(row.scope);
  return parts.length ? parts.map(([name, value]) => html`${name} <a href=${where(name, value)}>${name === "run" ? short(value) : clip(value, 24)}</a> `) : "everything";
};

const where = (name, value) => ({ run: `/runs/${value}`, agent: `/agents/${encodeURIComponent(value.split("@")[0])}`, workflow: `/runs?workflow=${encodeURIComponent(value)}` })[name] ?? `/runs?text=${encodeURIComponent(value)}`;

function Bar({ row }) {
  const spent = Math.min((100 * row.spent) / row.ceiling, 100) || 0;
  const held = Math.min((100 * row.held) / row.ceiling, 100 - spent) || 0;
  const kind = row.part >= 1 ? "over" : row.part >= 0.8 ? "near" : "";
  return html`<div class="bars"><svg viewBox="0 0 100 12" preserveAspectRatio="none" role="img" aria-label=${`${Math.floor(row.part * 100)} % used`}>
    <rect class="ground" y="3" width="100" height="6" /><rect class="spent ${kind}" y="3" height="6" width=${spent} /><rect class="spent ${kind}" opacity=".45" x=${spent} y="3" height="6" width=${held} />
    ${[80, 95, 100].map((mark) => html`<line class="mark" x1=${mark - 0.4} x2=${mark - 0.4} y1="1" y2="11" vector-effect="non-scaling-stroke" />`)}</svg></div>`;
}

const WINDOW_MS = { minute: 60_000, hour: 3_600_000, day: 86_400_000, week: 604_800_000, month: 2_629_800_000, year: 31_557_600_000 };

/** Rows with how long they last as it goes now, and which of those that count the same is reached first. */
function ranked(rows, at) {
  const found = rows.filter((row) => !row.ends_at || row.ends_at > at).map((row) => {
    const taken = row.spent + row.held;
    const part = row.ceiling > 0 ? taken / row.ceiling : taken > 0 ? 1 : 0;
    const window = WINDOW_MS[row.window.split(" ")[0]];
    const passed = window && row.ends_at ? Math.max(window - (row.ends_at - at), 60_000) : 0;
    const rate = passed && row.spent ? row.spent / passed : 0;
    const left = rate ? (row.ceiling - taken) / rate : Infinity;
    const leftMs = row.ends_at && left > row.ends_at - at ? Infinity : left;
    const state = part >= 1 ? "over" : part >= 0.8 ? "near" : "active";
    const word = part >= 1 ? "used up" : part >= 0.95 ? "over 95 %" : part >= 0.8 ? "over 80 %" : "in bounds";
    return { ...row, id: `${row.policy}/${row.budget}/${row.unit}/${JSON.stringify(row.scope)}/${row.ends_at}`, part, leftMs: part >= 1 ? 0 : leftMs, state, word };
  });
  found.sort((one, other) => one.leftMs - other.leftMs || other.part - one.part);
  for (const row of found) {
    // What counts for a narrow budget counts for every wider one: the first of them to be reached binds.
    const wider = found.filter((other) => other.unit === row.unit && Object.entries(other.scope).every(([name, value]) => row.scope[name] === value));
    const first = wider.reduce((best, other) => (other.leftMs < best.leftMs || (other.leftMs === best.leftMs && other.ceiling - other.spent - other.held < best.ceiling - best.spent - best.held) ? other : best), row);
    row.binding = first === row;
    row.parent = first.budget;
  }
  return found;
}
