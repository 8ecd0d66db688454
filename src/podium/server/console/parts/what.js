// One moment of a run, in full: the record, what was asked and given, and by which rules.

import { html, Json, Pairs, Trouble, Time } from "../lib/ui.js";
import { withQuery } from "../lib/router.js";
import { useData, ofRun } from "../lib/data.js";
import { span, leaf } from "../lib/format.js";
import { Deed } from "./deed.js";

export function What({ id, seq }) {
  const { data, problem } = useData(`/v1/runs/${id}/events?after=${seq - 1}`, ofRun(id));
  const record = data?.items.find((one) => one.seq === seq);
  if (!record) return html`<${Trouble} problem=${problem} />`;
  return html`<aside aria-label="In full">
    <div class="title"><h2>${record.type}</h2><span class="dim">${leaf(record.task ?? "")}</span><span class="gap"></span><a href=${withQuery({ seq: "" })}>Close</a></div>
    ${record.effect ? html`<${Deed} id=${id} effect=${record.effect} />` : html`<${Pairs} of=${[["when", html`<${Time} at=${record.at} />`], ["task", record.task]]} /><${Json} value=${record.body ?? {}} label="What it says" />`}
    <details><summary class="dim">Record ${record.seq}</summary><${Json} value=${record} label="The record" /></details>
  </aside>`;
}
