// The live graph of who asks whom, as SVG. Beads run along an edge when calls do.

import { html, useMemo, useRef } from "../lib/ui.js";
import { ICONS } from "../lib/icons.js";
import { gathered, placed } from "../lib/flow.js";
import { clip, count } from "../lib/format.js";

const ICON = { agent: "agent", tool: "tool", workflow: "flow", kind: "globe" };

const href = (node) => ({ agent: `/agents/${encodeURIComponent(node.name)}`, tool: `/agents/${encodeURIComponent(node.name)}?kind=tool`, workflow: `/runs?workflow=${encodeURIComponent(node.name)}`, kind: node.name === "people" ? "/approvals" : "/runs" })[node.kind];

const words = (one) => [`${count(one.calls)} ${one.calls === 1 ? "call" : "calls"}`, one.running && `${one.running} running`, one.held && `${one.held} held`, one.failed && `${one.failed} failed`].filter(Boolean);

export function FlowGraph({ flows }) {
  const graph = useMemo(() => gathered(flows), [flows]);
  // Only what nodes and edges there are decides where they stand, so that figures change in their places.
  const shape = `${graph.nodes.map((node) => node.id).sort().join()}|${graph.edges.map((edge) => edge.key).sort().join()}`;
  const layout = useMemo(() => placed(graph), [shape]);
  const calls = useRef(new Map());
  const busy = new Set(graph.edges.filter((edge) => {
    const before = calls.current.get(edge.key);
    calls.current.set(edge.key, edge.calls);
    return edge.running > 0 || (before !== undefined && before < edge.calls);
  }).map((edge) => edge.key));
  const { places, box } = layout;
  const line = (edge) => {
    const [from, to] = [places.get(edge.from), places.get(edge.to)];
    const [x, y, toX, toY] = [from.x + box.width, from.y + box.height / 2, to.x - 2, to.y + box.height / 2];
    const bend = Math.max((toX - x) / 2, 30);
    return `M${x} ${y}C${x + bend} ${y} ${toX - bend} ${toY} ${toX} ${toY}`;
  };
  return html`<div class="graph" tabindex="0" role="region" aria-label="Who asks whom"><svg class=${layout.columns < 5 ? "fits" : ""} width=${layout.width} height=${layout.height} viewBox=${`0 0 ${layout.width} ${layout.height}`} role="group" aria-label="Agents, and who asks them">
    <defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" markerUnits="userSpaceOnUse" orient="auto-start-reverse"><path d="M0 0L8 4 0 8z" fill="context-stroke" /></marker></defs>
    ${graph.edges.map((edge) => html`<g key=${edge.key}><path id=${`e ${edge.key}`.replace(/\W/g, "-")} class="edge ${edge.held ? "held" : busy.has(edge.key) ? "flows" : ""}" d=${line(edge)} stroke-width=${Math.min(1 + Math.log10(edge.calls + 1) * 0.7, 3.5)} marker-end="url(#arrow)"><title>${words(edge).join(", ")}</title></path>
      ${busy.has(edge.key) && html`<circle class="bead" r="2.5"><animateMotion dur="1.6s" repeatCount="indefinite"><mpath href=${`#${`e ${edge.key}`.replace(/\W/g, "-")}`} /></animateMotion></circle>`}</g>`)}
    ${graph.nodes.map((node) => {
      const { x, y } = places.get(node.id);
      const state = node.held ? "wait" : node.failed && node.failed >= node.calls / 2 ? "bad" : node.running ? "run" : "plain";
      const said = words(node);
      return html`<a key=${node.id} href=${href(node)} class="node is-${state}" aria-label=${`${node.name}: ${said.join(", ")}`}>
        <rect x=${x} y=${y} width=${box.width} height=${box.height} rx="5" />
        <svg class="icon" x=${x + 9} y=${y + 6} width="14" height="14" viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round"><path d=${ICONS[node.name === "people" ? "person" : ICON[node.kind]]} /></svg>
        <text x=${x + 29} y=${y + 17} font-weight="600">${clip(node.name, 20)}</text>
        <text class="small" x=${x + 29} y=${y + 32}>${node.kind === "workflow" && !node.calls ? "workflow" : html`${said[0]}${node.held ? html`<tspan class="is-wait"> · ${node.held} held</tspan>` : ""}${node.running ? html`<tspan class="is-run"> · ${node.running} at work</tspan>` : ""}${node.failed ? html`<tspan class="is-bad"> · ${node.failed} failed</tspan>` : ""}`}</text>
        <title>${node.name}: ${said.join(", ")}</title></a>`;
    })}
  </svg>${graph.hidden > 0 && html`<p class="dim">${graph.hidden} quieter ones are not drawn.</p>`}</div>`;
}
