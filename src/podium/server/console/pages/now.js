// What is happening now, and what needs somebody.

import { html, useMemo, Trouble, Icon, None, now } from "../lib/ui.js";
import { useData, forPeople } from "../lib/data.js";
import { ago, amount, bare, count, money, plural, short, span } from "../lib/format.js";
import { FlowGraph } from "../parts/flow_graph.js";

const MOST = 8;

export default function Now() {
  const { data: seen, problem } = useData("/v1/overview", true);
  const { data: flow } = useData("/v1/flow", true);
  if (problem && !seen) return html`<${Trouble} problem=${problem} />`;
  if (!seen) return null;
  const { runs } = seen;
  return html`<h1 class="unseen">Now</h1><div class="split">
    <div><${Needs} /><${Hour} minutes=${seen.minutes} /></div>
    <div>
      <div class="figures">
        <div><b>${count(runs.running)}</b><span>running</span></div><div><b>${count(runs.waiting)}</b><span>waiting</span></div>
        ${runs.queued > 0 && html`<div><b>${count(runs.queued)}</b><span>queued</span></div>`}
        ${runs.suspended > 0 && html`<div><b>${count(runs.suspended)}</b><span><a href="/runs?status=suspended">paused</a></span></div>`}
        <div><b>${count(runs.completed)}</b><span>completed</span></div><div><b>${count(runs.faulted)}</b><span>faulted</span></div>
        <div><b>${money(seen.spent_today_nano)}</b><span>spent today, ${plural(seen.calls_today, "call")}</span></div>
      </div>
      <section><div class="title"><h2>Who asks whom</h2><span class="dim">in the newest and the unfinished runs</span></div>
        ${flow?.items.length ? html`<${FlowGraph} flows=${flow.items} />` : flow && html`<${None}>Nothing ran yet. <code>podium run</code> starts a workflow.<//>`}</section>
    </div></div>`;
}

function Needs() {
  const { data: waiting } = useData("/v1/approvals", forPeople);
  const { data: escalations } = useData("/v1/escalations", forPeople);
  const { data: budgets } = useData("/v1/budgets?limit=50", true);
  const { data: faulted } = useData("/v1/runs?status=faulted&limit=3", (record) => record.type === "RunFaulted");
  const { data: workers } = useData("/v1/workers", false);
  const items = useMemo(() => needs(waiting, escalations, budgets, faulted, workers, now.peek()), [waiting, escalations, budgets, faulted, workers]);
  if (!waiting || !escalations) return null;
  return html`<section aria-label="Needs somebody"><div class="title"><h2>Needs somebody</h2><span class="gap"></span><span class="dim">${items.length || ""}</span></div>
    ${items.length ? html`<ul class="needs" data-walk>${items.slice(0, MOST).map((one) => html`<li key=${one.key}><a href=${one.href}><${Icon} name=${one.icon} tone=${one.tone} label=${one.kind} /><span class="clip strong">${one.title}</span><span class="dim">${one.when}</span><small>${one.why}</small></a></li>`)}</ul>
      ${items.length > MOST && html`<p><a href="/approvals">${items.length - MOST} more</a></p>`}` : html`<${None}><${Icon} name="check" tone="good" /> Nothing needs anybody.<//>`}</section>`;
}

function needs(waiting, escalations, budgets, faulted, workers, at) {
  const found = (waiting?.items ?? []).map((one) => ({
    key: one.id, href: `/approvals/${one.id}`, icon: one.kind === "human" ? "question" : "hand", tone: "wait", kind: one.kind === "human" ? "question" : "approval",
    title: one.target, why: one.kind === "human" ? one.input?.description || bare(one.workflow) : one.message || one.rules.join(", "),
    when: one.deadline_at ? `${span(Math.max(one.deadline_at - at, 0))} left` : ago(one.since, at), order: one.deadline_at || Number.MAX_SAFE_INTEGER,
  }));
  found.sort((one, other) => one.order - other.order);
  for (const one of escalations?.items ?? []) {
    if (["approval", "question"].includes(one.kind)) continue;
    found.push({ key: one.id ?? one.agent, href: `/approvals/${one.run_id || one.agent}/${one.effect ?? 0}`, icon: one.kind === "dead_letter" ? "inbox" : one.kind === "breaker" ? "bolt" : "question", tone: "bad", kind: one.kind.replace("_", " "), title: one.what, why: one.why, when: ago(one.since, at) });
  }
  for (const row of budgets?.items ?? []) {
    const part = row.ceiling ? (row.spent + row.held) / row.ceiling : 0;
    if (part < 0.8 || (row.ends_at && row.ends_at < at)) continue;
    const of = Object.entries(row.scope).map(([name, value]) => `${name} ${value.slice(0, 20)}`).join(", ");
    found.push({ key: `budget ${row.budget} ${of}`, href: "/budgets", icon: "coin", tone: part >= 1 ? "bad" : "warn", kind: "budget", title: `${row.budget}${of ? ` of ${of}` : ""}`, why: `${amount(row.unit, row.spent + row.held)} of ${amount(row.unit, row.ceiling)} is spent or held`, when: `${Math.floor(part * 100)} %` });
  }
  for (const worker of workers?.items ?? []) {
    if (worker.status === "stale" || worker.status === "lost") found.push({ key: worker.id, href: "/fleet", icon: "server", tone: "warn", kind: "worker", title: worker.name ?? worker.id, why: "has not been heard of", when: worker.status });
  }
  for (const run of faulted?.items ?? []) {
    if (at - run.ended_at > 3_600_000) continue;
    found.push({ key: run.id, href: `/runs/${run.id}`, icon: "cross", tone: "bad", kind: "faulted", title: `${bare(run.workflow)} ${short(run.id)}`, why: run.error?.title ?? "faulted", when: ago(run.ended_at, at) });
  }
  return found;
}

function Hour({ minutes }) {
  const most = Math.max(...minutes.map((one) => one.ended + one.faulted), 1);
  const total = minutes.reduce((sum, one) => sum + one.ended + one.faulted, 0);
  const wide = 600 / minutes.length;
  return html`<section class="strip"><div class="title"><h2>Last hour</h2><span class="gap"></span><span class="dim">${plural(total, "run")} ended, at most ${count(most)} a minute</span></div>
    <svg viewBox="0 0 600 56" preserveAspectRatio="none" role="img" aria-label=${`${total} runs ended in the last hour`}>
      <line x1="0" x2="600" y1="55.5" y2="55.5" />
      ${minutes.map((one, index) => {
        const high = (one.ended / most) * 52;
        const bad = (one.faulted / most) * 52;
        return html`${high > 0 && html`<rect x=${index * wide + 1} width=${wide - 2} y=${55 - high} height=${high} />`}${bad > 0 && html`<rect class="bad" x=${index * wide + 1} width=${wide - 2} y=${55 - high - Math.max(bad, 2)} height=${Math.max(bad, 2)} />`}`;
      })}</svg></section>`;
}
