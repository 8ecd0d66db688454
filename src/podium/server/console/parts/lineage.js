// What the output of a run rests on, place by place; and every effect with what it was given and gave.

import { html, Json, Status, Table, Trouble, Cli, None, Icon } from "../lib/ui.js";
import { at, withQuery } from "../lib/router.js";
import { useData, ofRun } from "../lib/data.js";
import { inline, leaf, money, short } from "../lib/format.js";
import { Deed, sources } from "./deed.js";

export function Lineage({ run, id }) {
  const chosen = Number(at.value.effect ?? 0);
  const { data, problem } = useData(`/v1/runs/${id}/explanation`, ofRun(id));
  const { data: described } = useData(`/v1/runs/${id}/describe`, ofRun(id));
  if (problem && !data) return html`<${Trouble} problem=${problem} />`;
  if (!data) return null;
  const deeds = data.deeds ?? [];
  return html`<div class="split">
    <div>
      <section><div class="title"><h2>Input</h2></div><${Json} value=${described?.input ?? data.input ?? null} label="Input of the run" /></section>
      <section><div class="title"><h2>${run.error ? "Error" : "Output"}</h2></div>${run.ended_at ? html`<${Json} value=${run.error ?? run.output} label="Output of the run" />` : html`<${None}>It has not ended.<//>`}</section>
      ${data.parts?.length > 0 && html`<section><div class="title"><h2>The output is made of</h2></div><ul>${data.parts.map((part) => html`<li><code>${part.path || "all of it"}</code> ${sources(part.sources)}</li>`)}</ul></section>`}
      ${data.ways?.length > 0 && html`<section><div class="title"><h2>Why it went this way</h2></div><ul>${data.ways.map((way) => html`<li><b>${leaf(way.task)}</b>: ${way.way} ${way.because && html`<span class="dim">by</span> <code>${way.because}</code>`} ${way.sources?.length > 0 && html`<br /><small>${sources(way.sources)}</small>`}</li>`)}</ul></section>`}
      ${data.complete === false && html`<p class="notice is-warn">Some of it was erased: this is not the whole of it.</p>`}
      <${Cli} line=${`podium explain ${short(id)}`} />
    </div>
    <div>
      <section><div class="title"><h2>What it asked of others</h2><span class="dim">those that the output rests on come with a mark</span></div>
        <${Table} label="Effects" rows=${deeds} id=${(deed) => deed.effect} chosen=${chosen} href=${(deed) => withQuery({ effect: deed.effect })} columns=${COLUMNS} none="Nothing yet." /></section>
      ${chosen > 0 && html`<section><div class="title"><h2>Effect ${chosen}</h2><span class="gap"></span><a href=${withQuery({ effect: "" })}>Close</a></div><${Deed} id=${id} effect=${chosen} /></section>`}
    </div>
  </div>`;
}

const COLUMNS = [
  { name: "", title: "rests on it", cell: (deed) => deed.role !== "other" && html`<${Icon} name="check" label="the output rests on it" />` },
  { name: "#", num: true, cell: (deed) => deed.effect },
  { name: "task", cell: (deed) => html`<a class="first-link" href=${withQuery({ effect: deed.effect })}>${leaf(deed.task)}</a>` },
  { name: "who", cell: (deed) => html`<span class="clip">${deed.agent || deed.kind}</span>` },
  { name: "status", cell: (deed) => html`<${Status} status=${deed.status || "running"} />` },
  { name: "gave", cell: (deed) => html`<span class="clip less mono">${inline(deed.output, 60)}</span>` },
  { name: "cost", num: true, cell: (deed) => (deed.cost_nano ? money(deed.cost_nano) : html`<span class="dim">–</span>`) },
];
