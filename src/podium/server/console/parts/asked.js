// One thing that waits for people: exactly what, by which rule, and what each answer does.

import { html, useState, Time, Trouble, Cli, Icon, Json, Pairs } from "../lib/ui.js";
import { place, go } from "../lib/router.js";
import { can, post, visitor } from "../lib/api.js";
import { useData, refresh } from "../lib/data.js";
import { bare, leaf, money, shell, short, who } from "../lib/format.js";
import { Form, beginning, placed } from "./form.js";
import { Said } from "./said.js";
import { Delegating, Overriding, breaksGlass } from "./letting.js";

const NOTHING = new Map();

export function Asked({ one, following }) {
  const [reason, setReason] = useState("");
  const [problem, setProblem] = useState(null);
  const [busy, setBusy] = useState(false);
  const [editing, setEditing] = useState(null);
  const [asking, setAsking] = useState("");
  const [data, setData] = useState(() => (one.form ? beginning(one.form) ?? {} : undefined));
  const { data: run } = useData(`/v1/runs/${one.run_id}`, false);
  const human = one.kind === "human";
  const wrong = problem && one.form ? placed(problem.problems ?? []) : NOTHING;
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
    ? post(`/v1/runs/${one.run_id}/answer`, { task: String(one.effect), decision, why: reason, ...(one.form && decision !== "deny" ? { data } : {}) })
    : post(`/v1/approvals/${one.run_id}/${one.effect}/decide`, { verdict: decision, action: one.action, why: reason })));
  const edit = () => act(() => post(`/v1/approvals/${one.run_id}/${one.effect}/edit`, { input: JSON.parse(editing), action: one.action, why: reason }));
  const command = human
    ? `podium answer ${short(one.run_id)} --task ${one.effect} --decision ${one.decisions.join("|")}${one.form ? ` --data ${shell(JSON.stringify(data))}` : ""}`
    : `podium approve ${short(one.run_id)}/${one.effect}${reason ? ` --reason ${shell(reason)}` : ""}`;
  const allowed = can("approve");
  const may = one.roles.length ? one.roles.join(" or ") : "anybody";
  const asker = one.not_requester && one.requester === visitor.value.principal;
  return html`<article aria-label=${one.target}>
    <div class="title"><h2>${human ? one.target : html`Do ${one.target}?`}</h2><span class="gap"></span><a href=${`/runs/${one.run_id}`}>${bare(one.workflow)} ${short(one.run_id)}</a></div>
    ${human ? one.input?.description && html`<p>${one.input.description}</p>` : html`<p><${Icon} name="shield" tone="wait" /> ${one.message || "Policy asks people first."} <span class="dim">by</span> <code>${one.rules.join(", ")}</code></p>`}
    ${!human && html`<section><div class="title"><h3>Exactly this is done, once</h3><span class="gap"></span>${allowed && (editing === null ? html`<button class="bare" onClick=${() => setEditing(JSON.stringify(one.input, null, 2))}>Change it…</button>` : html`<button class="bare" onClick=${() => setEditing(null)}>Leave it</button>`)}</div>
      ${editing === null ? html`<${Json} value=${one.input} label="Arguments" />` : html`<textarea class="mono" rows="7" aria-label="Arguments" value=${editing} onInput=${(event) => setEditing(event.target.value)} />`}</section>`}
    <section><${Pairs} of=${[
      [human ? "an answer" : "a yes", one.if_yes.replace(one.task, leaf(one.task))], [human ? "" : "a no", human ? "" : one.if_no.replace(one.task, leaf(one.task))],
      ["silence", html`${one.if_silent}${one.deadline_at ? html` at <${Time} at=${one.deadline_at} />` : ""}`],
      ["may decide", html`${may}${one.quorum > 1 ? `, ${one.quorum} people` : ""}${one.not_requester ? ", but not who started it" : ""}${Object.keys(one.delegates ?? {}).length ? `; let in: ${Object.keys(one.delegates).map(who).join(", ")}` : ""}`],
      one.quorum > 1 && ["said so far", `${one.votes.length} of ${one.quorum}${one.votes.length ? `: ${one.votes.map((vote) => `${who(vote.principal)} ${vote.verdict}`).join("; ")}` : ""}`],
      ["started by", html`${who(one.requester)} ${Object.entries(one.labels).map(([name, value]) => html`<span class="mono">${name}=${value}</span> `)}`],
      ["cost so far", run ? money(run.cost_nano) : ""], ["waits since", html`<${Time} at=${one.since} relative />`],
    ].filter((pair) => pair && pair[0])} /></section>
    ${asker && html`<p class="notice is-warn">You started it: somebody else must decide.</p>`}
    ${allowed ? html`<section class="stack">
      ${one.form && html`<${Form} schema=${one.form} value=${data} onChange=${setData} wrong=${wrong} />`}
      <label class="field"><span>Reason <span class="dim">(goes into the audit; may be left out)</span></span><input value=${reason} onInput=${(event) => setReason(event.target.value)} /></label>
      <p class="row">${editing !== null ? html`<button class="first" disabled=${busy} onClick=${edit}>Change it, and have it decided anew</button>` : human ? one.decisions.map((decision, index) => html`<button class=${index ? "" : "first"} disabled=${busy} data-key=${index ? undefined : "a"} onClick=${() => decide(decision)}>${decision}</button>`)
        : html`<button class="first" data-key="a" title="a" disabled=${busy} onClick=${() => decide("approve")}>Approve</button><button data-key="d" title="d" disabled=${busy} onClick=${() => decide("deny")}>Deny</button>`}
        <span class="gap"></span>
        ${(!human || one.roles.length > 0) && html`<button class="bare" onClick=${() => setAsking("delegate")}>Let somebody else decide…</button>`}
        ${!human && breaksGlass() && html`<button class="bare is-warn" onClick=${() => setAsking("override")}>Override…</button>`}</p>
    </section>` : html`<p class="notice">You may look at this, but not decide it.</p>`}
    ${problem && (wrong.size ? html`<p class="notice is-bad trouble" role="alert">The answer is not as it must be: see the fields above.</p>` : html`<${Trouble} problem=${problem} />`)}
    <${Cli} line=${command} />
    <${Said} run=${one.run_id} effect=${one.effect} />
    ${asking === "delegate" && html`<${Delegating} one=${one} onClose=${() => setAsking("")} />`}
    ${asking === "override" && html`<${Overriding} one=${one} onClose=${() => setAsking("")} />`}
  </article>`;
}
