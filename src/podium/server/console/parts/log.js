// The records of a run as the log has them, each folded to a line.

import { html, useMemo, useState, Json, Trouble, None, Select, Cli } from "../lib/ui.js";
import { at, choose } from "../lib/router.js";
import { useData, ofRun } from "../lib/data.js";
import { inline, leaf, moment, plural, short } from "../lib/format.js";

const PAGE = 500;
const HIDDEN = new Set(["seq", "at", "run_id", "type", "version", "body", "ordinal", "previous", "torn", "task", "frame", "parent", "node", "slot", "digest", "policy"]);

export function Log({ id }) {
  const { data, problem } = useData(`/v1/runs/${id}/events`, ofRun(id));
  const [shown, setShown] = useState(PAGE);
  const { type = "", word = "" } = at.value;
  const types = useMemo(() => [...new Set(data?.items.map((one) => one.type))].sort(), [data]);
  const rows = useMemo(() => (data?.items ?? []).filter((one) => (!type || one.type === type) && (!word || JSON.stringify(one).toLowerCase().includes(word.toLowerCase()))), [data, type, word]);
  if (problem && !data) return html`<${Trouble} problem=${problem} />`;
  if (!data) return null;
  const save = (event) => {
    event.preventDefault();
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([JSON.stringify(data.items, null, 1)], { type: "application/json" }));
    link.download = `${short(id)}.events.json`;
    link.click();
    URL.revokeObjectURL(link.href);
  };
  return html`<div class="filters">
      <${Select} label="Type of record" value=${type} options=${[["", `every type (${data.items.length})`], ...types.map((one) => [one, one])]} onChange=${(value) => choose({ type: value })} />
      <input aria-label="Words in a record" placeholder="words in a record" value=${word} onInput=${(event) => choose({ word: event.target.value })} />
      <span class="dim">${plural(rows.length, "record")}</span><button onClick=${save}>Save as JSON</button><${Cli} line=${`podium events ${short(id)}`} />
    </div>
    ${!rows.length && html`<${None}>No record is like that.<//>`}
    <div class="log">${rows.slice(0, shown).map((record) => html`<details key=${record.seq}><summary>
      <span class="dim num">${record.seq}</span><span class="dim">${moment(record.at)}</span><span>${record.type}</span><span class="clip long dim">${leaf(record.task ?? "")} ${told(record)}</span></summary>
      <${Json} value=${record} label=${`Record ${record.seq}`} /></details>`)}</div>
    ${rows.length > shown && html`<p><button onClick=${() => setShown(shown + PAGE)}>${plural(rows.length - shown, "more record")}</button></p>`}`;
}

const told = (record) => inline(Object.fromEntries(Object.entries(record).filter(([name, value]) => !HIDDEN.has(name) && value && value !== "allow" && !(Array.isArray(value) && !value.length))), 140);
