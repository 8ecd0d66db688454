// The workflow of a run, drawn, with how each of its tasks does now.

import { html, Trouble, glyph, tone } from "../lib/ui.js";
import { ICONS } from "../lib/icons.js";
import { useData, ofRun } from "../lib/data.js";
import { clip } from "../lib/format.js";

const STATE = { running: "running", queued: "queued", waiting: "waiting", retrying: "retry", "in doubt": "in_doubt", done: "completed", failed: "failed", skipped: "skipped", stopped: "cancelled" };

export function Picture({ id }) {
  const { data, problem } = useData(`/v1/runs/${id}/picture`, ofRun(id));
  if (problem && !data) return html`<${Trouble} problem=${problem} />`;
  if (!data) return null;
  const { width, height } = data;
  return html`<div class="graph" tabindex="0" role="region" aria-label="The workflow, drawn">
    <svg width=${width} height=${height} viewBox=${`0 0 ${width} ${height}`} role="img" aria-label=${told(data)}>
      <defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" markerUnits="userSpaceOnUse" orient="auto-start-reverse"><path d="M0 0L8 4 0 8z" fill="context-stroke" /></marker></defs>
      ${data.wires.map((wire) => html`<path class="edge" d=${`M${wire.points.map((point) => point.join(" ")).join("L")}`} marker-end="url(#tip)" stroke-dasharray=${wire.jumps ? "3 3" : undefined} />`)}
      <circle class="edge" cx=${data.begin[0]} cy=${data.begin[1]} r="5" /><circle class="edge" cx=${data.finish[0]} cy=${data.finish[1]} r="5" />
      ${data.boxes.map((box) => html`<${Box} box=${box} />`)}
      ${data.captions.map((caption) => html`<text class="small" x=${caption.x} y=${caption.y} text-anchor="middle">${caption.text}</text>`)}
    </svg></div>`;
}

function Box({ box }) {
  const state = STATE[box.status];
  const colour = state ? tone(state) : "";
  return html`<g class="node is-${["run", "bad", "wait", "warn"].includes(colour) ? colour : "plain"}">
    <rect x=${box.x} y=${box.y} width=${box.width} height=${box.height} rx="5" fill-opacity=${box.inside ? 0 : 1} />
    ${state && html`<svg class="icon is-${colour}" x=${box.x + box.width - 22} y=${box.y + 9} width="14" height="14" viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="1.6" stroke-linecap="round"><path d=${ICONS[glyph(state)]} /></svg>`}
    <text x=${box.x + 12} y=${box.y + 21}><tspan font-weight="600">${clip(box.name, 26)}</tspan>${box.times > 1 ? ` ×${box.times}` : ""}${box.hidden ? ` +${box.hidden}` : ""}</text>
    ${box.lines.map((line, index) => html`<text class="small" x=${box.x + 12} y=${box.y + 38 + 17 * index}>${clip(line, 36)}</text>`)}
    <title>${`${box.task}: ${box.kind}${box.status ? `, ${box.status}` : ""}`}</title></g>`;
}

const told = (data) => `${data.title}: ${data.boxes.map((box) => `${box.name}${box.status ? ` ${box.status}` : ""}`).join(", ")}`;
