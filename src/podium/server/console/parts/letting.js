// Letting somebody else decide, and breaking the glass.

import { html, useState, Asking } from "../lib/ui.js";
import { post, visitor } from "../lib/api.js";
import { refresh } from "../lib/data.js";
import { shell, short } from "../lib/format.js";

const GLASS = "approver:break-glass";
const MINUTES = 30;
const MINUTE_MS = 60_000;

/** Whether whoever is signed in may override decisions. */
export const breaksGlass = () => visitor.value?.roles?.includes(GLASS) ?? false;

const place = (one) => `/v1/approvals/${one.run_id}/${one.effect}`;
const id = (one) => `${short(one.run_id)}/${one.effect}`;
const because = (why) => (why ? ` --reason ${shell(why)}` : "");

export function Delegating({ one, onClose }) {
  const [name, setName] = useState("");
  const run = async (why) => {
    await post(`${place(one)}/delegate`, { to: name.includes(":") ? name.trim() : `user:${name.trim()}`, action: one.action, why });
    refresh();
  };
  return html`<${Asking} title="Let somebody else decide" why="Whoever you name may decide on this too, and cannot let others in." verb="Let them decide"
    line=${(why) => `podium approval delegate ${id(one)} --to ${name.trim() || "NAME"}${because(why)}`} run=${run} onClose=${onClose}>
    <label class="field"><span>Whom</span><input value=${name} required placeholder="name of an account" onInput=${(event) => setName(event.target.value)} /></label><//>`;
}

export function Overriding({ one, onClose }) {
  const [minutes, setMinutes] = useState(MINUTES);
  const run = async (why) => {
    await post(`${place(one)}/override`, { action: one.action, expires_at: Date.now() + minutes * MINUTE_MS, why });
    refresh();
  };
  return html`<${Asking} title="Override the decision" danger needsReason verb="Override"
    why="This breaks the glass: exactly this action goes through once, whatever policy says. It stands out in the log, in the story and in the audit. Some rules take a second person."
    line=${(why) => `podium override ${id(one)} --reason ${shell(why || "WHY")} --minutes ${minutes}`} run=${run} onClose=${onClose}>
    <label class="field"><span>Holds for <span class="dim">(minutes; a day at most)</span></span><input type="number" min="1" max="1440" value=${minutes} onInput=${(event) => setMinutes(Number(event.target.value))} /></label><//>`;
}
