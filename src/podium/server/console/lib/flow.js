// Who asks whom: what the API counts, gathered into nodes and edges, and placed in columns.

import { bare } from "./format.js";

export const NODES_MAX = 60;

const HELD = new Set(["approval", "waiting", "deferred", "in_doubt"]);
const UNDER_WAY = new Set(["running", "queued", "backoff", "nested", "asking", "parked"]);
const FAILED = new Set(["failed", "dead"]);
const KINDS = { human: "people", http: "HTTP", openapi: "HTTP", process: "processes", emit: "events", guard: "checks", workflow: "workflows" };

const target = (kind, agent) => (agent ? `${kind === "tool" ? "tool" : kind === "workflow" ? "workflow" : "agent"}:${bare(agent)}` : `kind:${KINDS[kind] ?? kind}`);

/** Nodes and edges of what the API counts, the busiest first, no more than can be looked at. */
export function gathered(flows) {
  const nodes = new Map();
  const edges = new Map();
  const node = (id) => {
    if (!nodes.has(id)) nodes.set(id, { id, kind: id.split(":")[0], name: id.slice(id.indexOf(":") + 1), calls: 0, running: 0, held: 0, failed: 0, cost: 0, last: 0 });
    return nodes.get(id);
  };
  for (const flow of flows) {
    const from = node(flow.asker_kind ? target(flow.asker_kind, flow.asker) : `workflow:${flow.workflow}`);
    const to = node(target(flow.kind, flow.agent));
    const key = `${from.id} ${to.id}`;
    if (!edges.has(key)) edges.set(key, { key, from: from.id, to: to.id, calls: 0, running: 0, held: 0, failed: 0 });
    for (const one of [to, edges.get(key)]) {
      one.calls += flow.count;
      if (HELD.has(flow.status)) one.held += flow.count;
      if (UNDER_WAY.has(flow.status)) one.running += flow.count;
      if (FAILED.has(flow.status)) one.failed += flow.count;
    }
    to.cost += flow.cost_nano;
    to.last = Math.max(to.last, flow.last_at);
    from.last = Math.max(from.last, flow.last_at);
  }
  const all = [...nodes.values()].sort((one, other) => weight(other) - weight(one));
  const shown = new Set(all.slice(0, NODES_MAX).map((one) => one.id));
  return {
    nodes: all.filter((one) => shown.has(one.id)), hidden: all.length - shown.size,
    edges: [...edges.values()].filter((edge) => shown.has(edge.from) && shown.has(edge.to) && edge.from !== edge.to),
  };
}

const weight = (node) => (node.running + node.held) * 1e6 + (node.kind === "workflow" ? 1e5 : 0) + node.calls;

const WIDTH = 168;
const HEIGHT = 40;
const GAP_X = 56;
const GAP_Y = 14;
const PAD = 10;

/** Places: a column for each step from a workflow, in an order in which lines cross little. Keeps what it can. */
export function placed({ nodes, edges }) {
  const rank = new Map(nodes.map((node) => [node.id, 0]));
  for (let round = 0; round < Math.min(nodes.length, 12); round += 1) {
    let moved = false;
    for (const edge of edges) {
      const least = rank.get(edge.from) + 1;
      if (rank.get(edge.to) < least && least < 8) {
        rank.set(edge.to, least);
        moved = true;
      }
    }
    if (!moved) break;
  }
  const columns = [];
  for (const node of [...nodes].sort((one, other) => one.name.localeCompare(other.name))) (columns[rank.get(node.id)] ??= []).push(node);
  const order = new Map();
  const settle = (column) => column.forEach((node, index) => order.set(node.id, index - (column.length - 1) / 2));
  columns.forEach(settle);
  const mean = (node, side, other) => {
    const near = edges.filter((edge) => edge[side] === node.id).map((edge) => order.get(edge[other]));
    return near.length ? near.reduce((sum, one) => sum + one, 0) / near.length : order.get(node.id);
  };
  for (let round = 0; round < 4; round += 1) {
    for (const column of columns.slice(1)) settle(column.sort((one, other) => mean(one, "to", "from") - mean(other, "to", "from")));
    for (const column of columns.slice(0, -1).reverse()) settle(column.sort((one, other) => mean(one, "from", "to") - mean(other, "from", "to")));
  }
  const tallest = Math.max(...columns.map((column) => column.length), 1);
  const height = tallest * (HEIGHT + GAP_Y) - GAP_Y + 2 * PAD;
  const places = new Map();
  columns.forEach((column, x) => column.forEach((node, index) => {
    const top = (height - column.length * (HEIGHT + GAP_Y) + GAP_Y) / 2;
    places.set(node.id, { x: PAD + x * (WIDTH + GAP_X), y: top + index * (HEIGHT + GAP_Y) });
  }));
  return { places, columns: columns.length, width: columns.length * (WIDTH + GAP_X) - GAP_X + 2 * PAD, height, box: { width: WIDTH, height: HEIGHT } };
}
