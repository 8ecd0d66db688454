// What waits for people: the exact action, why they are asked, and what each answer does.

import { html, useState, Status, Time, Trouble, Cli, Icon, Json, Pairs, None, now } from "../lib/ui.js";
import { place, go } from "../lib/router.js";
import { can, post } from "../lib/api.js";
import { useData, refresh, forPeople } from "../lib/data.js";
import { ago, bare, leaf, money, plural, shell, short, span, who } from "../lib/format.js";

export default function Approvals({ given: [run, effect] }) {
  const { data, problem } = useData("/v1/approvals", forPeople);
  const { data: escalations } = useData("/v1/escalations", forPeople);
  const waiting = [...(data?.items ?? [])].sort((one, other) => (one.deadline_at || Infinity) - (other.deadline_at || Infinity) || one.since - other.since);
  const others = (escalations?.items ?? []).filter((one) => !["approval", "question", "undo"].includes(one.kind));
  const id = run ? `${run}/${effect}` : waiting[0]?.id ?? (others[0] && `${others[0].run_id || others[0].agent}/${others[0].effect ?? 0}`);
  const chosen = waiting.find((one) => one.id === id);
  const stuck = !chosen && others.find((one) => `${one.run_id || one.agent}/${one.effect ?? 0}` === id);
  if (problem && !data) return html`<${Trouble} problem=${problem} />`;
  if (!data) return null;
  return html`<div class="head"><h1>Approvals</h1><span class="dim">${plural(waiting.length, "thing")} for people, ${plural(others.length, "thing")} for operators</span><span class="gap"></span><${Cli} line="podium approvals" /></div>
    ${!waiting.length && !others.length && !run && html`<${None}>Nothing waits for anybody.<//>`}
    <div class="split"><div>
      ${waiting.length > 0 && html`<ul class="needs" data-walk aria-label="Waiting for people">${waiting.map((one) => html`<li key=${one.id} data-follow data-chosen=${one.id === id ? "" : undefined}><a href=${`/approvals/${one.id}`} aria-current=${one.id === id ? "true" : undefined}>
        <${Icon} name=${one.kind === "human" ? "question" : "hand"} tone="wait" label=${one.kind === "human" ? "question" : "approval"} />
        <span class="clip strong">${one.target}</span><span class=${one.deadline_at && one.deadline_at - now.value < 3_600_000 ? "is-warn" : "dim"}>${one.deadline_at ? `${span(Math.max(one.deadline_at - now.value, 0))} left` : ago(one.since, now.value)}</span>
        <small>${one.kind === "human" ? bare(one.workflow) : one.message || one.rules.join(", ")}</small></a></li>`)}</ul>`}
      ${others.length > 0 && html`<section><div class="title"><h2>For operators</h2></div><ul class="needs">${others.map((one) => html`<li data-chosen=${stuck === one ? "" : undefined}><a href=${`/approvals/${one.run_id || one.agent}/${one.effect ?? 0}`}>
        <${Icon} name=${one.kind === "breaker" ? "bolt" : one.kind === "dead_letter" ? "inbox" : "question"} tone="bad" label=${one.kind} /><span class="clip strong">${one.what}</span><span class="dim">${ago(one.since, now.value)}</span><small>${one.why}</small></a></li>`)}</ul></section>`}
    </div>
    <div>${chosen ? html`<${Asked} key=${chosen.id} one=${chosen} following=${waiting[waiting.indexOf(chosen) + 1] ?? waiting[0]} />` : stuck ? html`<${Stuck} key=${id} one=${stuck} />` : run && html`<${Decided} run=${run} effect=${effect} />`}</div></div>`;
}

function Asked({ one, following }) {
  const [reason, setReason] = useState("");
  const [problem, setProblem] = useState(null);
  const [busy, setBusy] = useState(false);
  const [editing, setEditing] = useState(null);
  const { data: run } = useData(`/v1/runs/${one.run_id}`, false);
  const human = one.kind === "human";
  const act = async (work) => {
    setBusy(true);
    setProblem(null);
    try {
      await work();
      refresh();
      if (place.value.path !== "/approvals") go(following && following.id !== one.id ? `/approvals/${following.id}` : "/approvals", true);
    } catch (found) {
      setProblem(found);
    }
    setBusy(false);
  };
  const decide = (decision) => act(() => (human
    ? post(`/v1/runs/${one.run_id}/answer`, { task: String(one.effect), decision, why: reason })
    : post(`/v1/approvals/${one.run_id}/${one.effect}/decide`, { verdict: decision, action: one.action, why: reason })));
  const edit = () => act(() => post(`/v1/approvals/${one.run_id}/${one.effect}/edit`, { input: JSON.parse(editing), action: one.action, why: reason }));
  const command = human
    ? `podium answer ${short(one.run_id)} --task ${one.effect} --decision ${one.decisions.join("|")}`
    : `podium approve ${short(one.run_id)}/${one.effect}${reason ? ` --reason ${shell(reason)}` : ""}`;
  const allowed = can("approve");
  return html`<article aria-label=${one.target}>
    <div class="title"><h2>${human ? one.target : html`Do ${one.target}?`}</h2><span class="gap"></span><a href=${`/runs/${one.run_id}`}>${bare(one.workflow)} ${short(one.run_id)}</a></div>
    ${human ? one.input?.description && html`<p>${one.input.description}</p>` : html`<p><${Icon} name="shield" tone="wait" /> ${one.message || "Policy asks people first."} <span class="dim">by</span> <code>${one.rules.join(", ")}</code></p>`}
    ${!human && html`<section><div class="title"><h3>Exactly this is done, once</h3><span class="gap"></span>${allowed && (editing === null ? html`<button class="bare" onClick=${() => setEditing(JSON.stringify(one.input, null, 2))}>Change it…</button>` : html`<button class="bare" onClick=${() => setEditing(null)}>Leave it</button>`)}</div>
      ${editing === null ? html`<${Json} value=${one.input} label="Arguments" />` : html`<textarea class="mono" rows="7" aria-label="Arguments" value=${editing} onInput=${(event) => setEditing(event.target.value)} />`}</section>`}
    <section><${Pairs} of=${[
      [human ? "an answer" : "a yes", one.if_yes.replace(one.task, leaf(one.task))], [human ? "" : "a no", human ? "" : one.if_no.replace(one.task, leaf(one.task))],
      ["silence", html`${one.if_silent}${one.deadline_at ? html` at <${Time} at=${one.deadline_at} />` : ""}`],
      ["may decide", html`${one.roles.length ? one.roles.join(" or ") : "anybody"}${one.quorum > 1 ? `, ${one.quorum} people` : ""}${one.not_requester ? ", but not who started it" : ""}`],
      one.votes.length > 0 && ["said already", one.votes.map((vote) => `${who(vote.principal)}: ${vote.decision ?? "yes"}`).join("; ")],
      ["started by", html`${who(one.requester)} ${Object.entries(one.labels).map(([name, value]) => html`<span class="mono">${name}=${value}</span> `)}`],
      ["cost so far", run ? money(run.cost_nano) : ""], ["waits since", html`<${Time} at=${one.since} relative />`],
    ].filter((pair) => pair && pair[0])} /></section>
    ${allowed ? html`<section class="stack">
      <label class="field"><span>Reason <span class="dim">(goes into the audit; may be left out)</span></span><input value=${reason} onInput=${(event) => setReason(event.target.value)} /></label>
      <p class="row">${editing !== null ? html`<button class="first" disabled=${busy} onClick=${edit}>Change it, and have it decided anew</button>` : human ? one.decisions.map((decision, index) => html`<button class=${index ? "" : "first"} disabled=${busy} data-key=${index ? undefined : "a"} onClick=${() => decide(decision)}>${decision}</button>`)
        : html`<button class="first" data-key="a" title="a" disabled=${busy} onClick=${() => decide("approve")}>Approve</button><button data-key="d" title="d" disabled=${busy} onClick=${() => decide("deny")}>Deny</button>`}</p>
    </section>` : html`<p class="notice">You may look at this, but not decide it.</p>`}
    <${Trouble} problem=${problem} />
    <${Cli} line=${command} />
  </article>`;
}

function Stuck({ one }) {
  const [why, setWhy] = useState("");
  const [problem, setProblem] = useState(null);
  const [busy, setBusy] = useState(false);
  const act = async (work) => {
    setBusy(true);
    try {
      await work();
      refresh();
      go("/approvals", true);
    } catch (found) {
      setProblem(found);
      setBusy(false);
    }
  };
  const settle = (verdict) => act(() => post(`/v1/dead-letters/${one.run_id}/${one.effect}`, { verdict, why }));
  const resolve = (verdict) => act(() => post(`/v1/runs/${one.run_id}/resolve`, { effect: one.effect, verdict, why }));
  const reset = () => act(() => post(`/v1/breakers/${encodeURIComponent(one.agent)}/reset`, { why }));
  return html`<article aria-label=${one.what}>
    <div class="title"><h2>${one.what}</h2><${Status} status=${one.kind} /><span class="gap"></span>${one.run_id && html`<a href=${`/runs/${one.run_id}`}>${bare(one.workflow)} ${short(one.run_id)}</a>`}</div>
    <p>${one.why}</p>
    <${Pairs} of=${[["task", one.task && leaf(one.task)], ["asked of", one.agent], ["since", html`<${Time} at=${one.since} relative />`]]} />
    ${can("operate") && html`<section class="stack"><label class="field"><span>Reason <span class="dim">(goes into the audit)</span></span><input value=${why} onInput=${(event) => setWhy(event.target.value)} /></label>
    <p class="row">${one.kind === "dead_letter" && html`<button class="first" disabled=${busy} onClick=${() => settle("retry")}>Try again</button><button disabled=${busy} onClick=${() => settle("drop")}>Drop it: the task fails</button>`}
      ${one.kind === "in_doubt" && html`<button disabled=${busy} onClick=${() => resolve("succeeded")}>It was done</button><button disabled=${busy} onClick=${() => resolve("failed")}>It was not</button><button disabled=${busy} onClick=${() => resolve("retry")}>Do it again</button>`}
      ${one.kind === "breaker" && html`<button disabled=${busy} onClick=${reset}>It works again</button>`}</p></section>`}
    <${Trouble} problem=${problem} /><${Cli} line=${one.command} />
  </article>`;
}

const Decided = ({ run, effect }) => html`<article><div class="title"><h2>Nothing waits here any more</h2></div>
  <p>It was decided, it expired, or its run ended. <a href=${`/runs/${run}?tab=data&effect=${effect}`}>See what became of it</a>.</p></article>`;
