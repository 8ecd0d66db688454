// Holding everything still, or one agent, and letting it go on. It is one call, and holds for what begins later, too.

import { html, useState, Asking, Icon, Time } from "../lib/ui.js";
import { can, post } from "../lib/api.js";
import { useData, refresh } from "../lib/data.js";
import { count, plural, shell } from "../lib/format.js";

const EVERYTHING = "everything";

/** Whether a record changes what is held still. */
export const holds = (record) => /^Work(Suspended|Resumed)$/.test(record.type);

export const useHeld = () => useData("/v1/suspensions", holds).data?.items ?? [];

const named = (agent) => agent || EVERYTHING;
const flag = (agent) => (agent ? `--agent ${agent}` : "--all");
const because = (why) => (why ? ` --why ${shell(why)}` : "");

/** Asks before everything, or an agent, is held still. To stop what is under way, too, one types what that is. */
export function Pausing({ agent = "", onClose }) {
  const { data: seen } = useData(agent ? null : "/v1/overview", false);
  const { data: activity } = useData("/v1/activity", false);
  const [cancel, setCancel] = useState(false);
  const [typed, setTyped] = useState("");
  const under = (activity?.items ?? []).filter((one) => !agent || one.agent.split("@")[0] === agent.split("@")[0]).length;
  const run = async (why) => {
    if (cancel && typed.trim() !== named(agent)) throw new Error(`To stop what is under way, type “${named(agent)}”.`);
    await post("/v1/suspend", { agent, cancel, why });
    refresh();
  };
  return html`<${Asking} title=${`Pause ${named(agent)}`} verb=${agent ? "Pause it" : "Pause everything"} danger=${cancel}
    why="No attempt begins until it is resumed, by whatever run. What is under way ends, and its result is kept. Nothing is killed; runs can still be started, and people can still decide."
    line=${(why) => `podium suspend ${flag(agent)}${cancel ? " --cancel" : ""}${because(why)}`} run=${run} onClose=${onClose}>
    <p class="facts">${seen && html`<span><b>${count(seen.runs.running)}</b> running</span><span><b>${count(seen.runs.waiting)}</b> waiting</span>`}<span><b>${count(under)}</b> ${under === 1 ? "attempt" : "attempts"} under way</span></p>
    <label class="check"><input type="checkbox" checked=${cancel} onChange=${(event) => setCancel(event.target.checked)} />Stop what is under way, too</label>
    ${cancel && html`<label class="field"><span>Type “${named(agent)}” <span class="dim">(${plural(under, "attempt is", "attempts are")} stopped, and may be done by half)</span></span>
      <input value=${typed} required onInput=${(event) => setTyped(event.target.value)} /></label>`}<//>`;
}

/** Asks before something goes on. */
export function Resuming({ agent, onClose }) {
  const run = async (why) => {
    await post("/v1/resume", { agent, why });
    refresh();
  };
  return html`<${Asking} title=${`Let ${agent || "everything"} go on`} verb="Resume" why="What waits begins in the order in which it waits."
    line=${(why) => `podium resume ${flag(agent)}${because(why)}`} run=${run} onClose=${onClose} />`;
}

/** Says on every page what is held still, by whom, why and since when; the way on is beside it. */
export function Banner({ held, onLift }) {
  const [first, ...others] = held;
  if (!first) return null;
  const all = first.agent === "";
  const agents = all ? others : held;
  return html`<div class="banner is-held" role="status">
    ${all && html`<span class="status is-warn strong"><${Icon} name="pause" />Everything is paused</span><${By} one=${first} />`}
    ${agents.length > 0 && html`<span class="status is-warn"><${Icon} name="pause" />${agents.slice(0, 3).map((one, index) => html`${index > 0 && ", "}<a href=${`/agents/${encodeURIComponent(one.agent.split("@")[0])}`}>${one.agent}</a>`)}${agents.length > 3 && ` and ${agents.length - 3} more`} ${agents.length > 1 ? "are" : "is"} paused</span>${!all && agents.length === 1 && html`<${By} one=${agents[0]} />`}`}
    <span class="gap"></span>
    ${can("operate") && (all || agents.length === 1) && html`<button onClick=${() => onLift(all ? "" : agents[0].agent)}><${Icon} name="play" />Resume…</button>`}</div>`;
}

const By = ({ one }) => html`<span class="clip long">by <b>${one.principal.replace(/^user:/, "") || "somebody"}</b>${one.why ? html`: ${one.why}` : ""}</span><span class="dim"><${Time} at=${one.at} relative /></span>`;
