// Pausing everything, and letting it go on. Nothing is killed: what is under way ends, nothing more begins.

import { html, useEffect, useState, Dialog, Trouble, Cli, Icon } from "../lib/ui.js";
import { get, post } from "../lib/api.js";
import { refresh } from "../lib/data.js";
import { plural } from "../lib/format.js";

const AT_ONCE = 16;
const PAGE = 1000;

export const PauseAll = ({ onClose }) => html`<${EachRun} onClose=${onClose} title="Pause everything" verb="Pause" act="suspend" statuses=${["running", "queued"]}
  about="Nothing new begins in these runs. Attempts that are under way end, and their results are kept. Nothing is killed." />`;

export const Lift = ({ onClose }) => html`<${EachRun} onClose=${onClose} title="Let suspended runs go on" verb="Resume" act="resume" statuses=${["suspended"]}
  about="These runs go on where they were." />`;

export const Resuming = ({ suspended, onLift }) => html`<div class="banner" role="status"><span class="status is-warn"><${Icon} name="pause" />${plural(suspended, "run is", "runs are")} paused</span>
  <span class="gap"></span><a href="/runs?status=suspended">Show them</a><button onClick=${onLift}>Resume…</button></div>`;

/** Does the same to all runs of some statuses, and says what became of each that would not. */
function EachRun({ title, verb, act, statuses, about, onClose }) {
  const [runs, setRuns] = useState(null);
  const [reason, setReason] = useState("");
  const [done, setDone] = useState(0);
  const [failed, setFailed] = useState([]);
  const [problem, setProblem] = useState(null);
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    found(statuses).then(setRuns, setProblem);
  }, []);
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    const left = [...runs];
    const refused = [];
    const work = async () => {
      for (let run = left.pop(); run; run = left.pop()) {
        try {
          await post(`/v1/runs/${run.id}/${act}`, { why: reason });
          setDone((before) => before + 1);
        } catch (problem) {
          // It may have ended by itself meanwhile; that is no failure.
          if (problem.status !== 409) refused.push(`${run.id.slice(0, 8)}: ${problem.message}`);
        }
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    refresh();
    setBusy(false);
    if (refused.length) setFailed(refused);
    else onClose();
  };
  const by = runs && Object.entries(Object.groupBy ? Object.groupBy(runs, (run) => run.phase ?? run.status) : {});
  return html`<${Dialog} label=${title} onClose=${onClose}><form onSubmit=${submit}>
    <h1>${title}</h1>
    ${runs === null && !problem && html`<p class="dim">Counting what is under way …</p>`}
    ${runs && html`<p><b>${plural(runs.length, "run")}</b>${by.length > 0 && `: ${by.map(([phase, some]) => `${some.length} ${phase}`).join(", ")}`}. ${about}</p>`}
    <label class="field"><span>Reason <span class="dim">(goes into the audit; may be left out)</span></span><textarea rows="2" value=${reason} onInput=${(event) => setReason(event.target.value)} /></label>
    <${Cli} line=${`podium get runs --status ${statuses[0]} -o json | jq -r '.[].id' | xargs -n1 podium ${act}`} />
    <${Trouble} problem=${problem} />
    ${failed.length > 0 && html`<div class="notice is-bad" role="alert">${failed.slice(0, 5).map((line) => html`<p>${line}</p>`)}</div>`}
    <div class="row">${busy && html`<span class="dim" role="status">${done} of ${runs.length}</span>`}
      <button type="button" onClick=${onClose}>Cancel</button>
      <button class="first" disabled=${busy || !runs?.length}>${verb}${runs ? ` ${runs.length}` : ""}</button></div>
  </form><//>`;
}

async function found(statuses) {
  const all = [];
  for (const status of statuses) {
    let path = `/v1/runs?status=${status}&nested=true&limit=${PAGE}`;
    while (path) {
      const page = await get(path);
      all.push(...page.items);
      path = page.next;
    }
  }
  return all;
}
