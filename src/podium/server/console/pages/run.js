// A run: what it is, and tabs that each tell of it in another way.

import { html, useState, Status, Time, Trouble, Icon, Asking, now } from "../lib/ui.js";
import { at, withQuery, go } from "../lib/router.js";
import { can, post } from "../lib/api.js";
import { useData, ofRun, refresh } from "../lib/data.js";
import { bare, money, shell, short, span, who } from "../lib/format.js";
import { Story } from "../parts/story.js";
import { Timeline } from "../parts/timeline.js";
import { Picture } from "../parts/picture.js";
import { Log } from "../parts/log.js";
import { Lineage } from "../parts/lineage.js";
import { Cost } from "../parts/cost.js";
import { Compare } from "../parts/compare.js";
import { Saying } from "../parts/saying.js";

const TABS = [
  ["story", "Story", Story], ["timeline", "Timeline", Timeline], ["graph", "Graph", Picture], ["events", "Events", Log],
  ["data", "Data", Lineage], ["cost", "Cost", Cost], ["compare", "Compare", Compare],
];

export default function Run({ given: [id] }) {
  const { data: run, problem } = useData(`/v1/runs/${id}`, ofRun(id));
  const chosen = at.value.tab ?? "story";
  const [, , Tab] = TABS.find(([name]) => name === chosen) ?? TABS[0];
  if (problem && !run) return html`<div class="head"><h1>Run ${short(id)}</h1></div><${Trouble} problem=${problem} />`;
  if (!run) return null;
  return html`<${Head} run=${run} />
    ${!run.ended_at && html`<${Saying} run=${run.id} />`}
    <nav class="tabs" role="tablist" aria-label="Views of the run">${TABS.map(([name, title]) => html`<a role="tab" id=${`tab-${name}`} aria-controls="tab-shown"
      aria-selected=${name === chosen ? "true" : "false"} href=${withQuery({ tab: name === "story" ? "" : name, effect: "", seq: "" })}>${title}</a>`)}</nav>
    <div role="tabpanel" id="tab-shown" aria-labelledby=${`tab-${chosen}`}><${Tab} run=${run} id=${run.id} key=${run.id} /></div>`;
}

function Head({ run }) {
  const [asking, setAsking] = useState("");
  const ended = run.ended_at > 0;
  const act = (name) => async (why) => {
    await post(`/v1/runs/${run.id}/${name}`, { why });
    refresh();
  };
  const again = async () => {
    const found = await post(`/v1/runs/${run.id}/again`, {});
    go(`/runs/${found.run_id}`);
  };
  const state = run.phase === "waiting" ? "waiting" : run.status;
  return html`<div class="head">
      <h1>${bare(run.workflow)} <span class="mono dim">${short(run.id)}</span></h1><${Status} status=${state} /><span class="gap"></span>
      ${can("run") && html`<div class="row">
        ${!ended && run.status !== "suspended" && html`<button onClick=${() => setAsking("suspend")}><${Icon} name="pause" />Pause…</button>`}
        ${run.status === "suspended" && html`<button onClick=${() => setAsking("resume")}><${Icon} name="play" />Resume…</button>`}
        ${!ended && html`<button onClick=${() => setAsking("cancel")}><${Icon} name="stop" />Cancel…</button>`}
        ${ended && html`<button onClick=${() => setAsking("again")}><${Icon} name="undo" />Run again…</button>`}
      </div>`}
    </div>
    <p class="facts">
      <span>version <b>${run.workflow.split("@")[1]}</b></span>
      ${Object.entries(run.labels).map(([name, value]) => html`<span>${name} <b><a href=${`/runs?label=${encodeURIComponent(`${name}=${value}`)}`}>${value}</a></b></span>`)}
      <span>by <b>${who(run.principal)}</b></span>
      <span>started <b><${Time} at=${run.started_at} /></b></span>
      <span>${ended ? "took" : "for"} <b>${span((run.ended_at || now.value) - run.started_at)}</b></span>
      <span>cost <b>${money(run.cost_nano)}</b></span>
      ${run.parent && html`<span>started by <b><a href=${`/runs/${run.parent}`}>${short(run.parent)}</a></b></span>`}
    </p>
    ${run.error && html`<p class="notice is-bad">${run.error.title}${run.error.detail ? html`: ${run.error.detail}` : ""}</p>`}
    ${["suspend", "resume", "cancel"].includes(asking) && html`<${Asking} title=${TITLES[asking]} why=${WHYS[asking]} verb=${VERBS[asking]}
      line=${(why) => `podium ${asking} ${short(run.id)}${why ? ` --why ${shell(why)}` : ""}`} run=${act(asking)} onClose=${() => setAsking("")} />`}
    ${asking === "again" && html`<${Asking} title="Run again" why="Another run of the same version with the same input. It does again what this one did." verb="Run again"
      line=${`podium run ${run.workflow}`} run=${again} onClose=${() => setAsking("")} />`}`;
}

const TITLES = { suspend: "Pause this run", resume: "Let this run go on", cancel: "Cancel this run" };
const VERBS = { suspend: "Pause", resume: "Resume", cancel: "Cancel the run" };
const WHYS = {
  suspend: "Nothing new begins in it. Attempts that are under way end, and their results are kept.",
  resume: "It goes on where it was.",
  cancel: "It ends now. What is under way is told to stop; what was done stays done.",
};
