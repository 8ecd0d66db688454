// Two runs of a workflow, step by step: what is the same, and where they part.

import { html, useMemo, Status, Trouble, None, Icon } from "../lib/ui.js";
import { at, choose } from "../lib/router.js";
import { query } from "../lib/api.js";
import { useData } from "../lib/data.js";
import { bare, inline, leaf, money, moment, short, span } from "../lib/format.js";

export function Compare({ run, id }) {
  const { data: others } = useData(`/v1/search/runs${query({ workflow: bare(run.workflow), limit: 30 })}`, false);
  const choices = (others?.items ?? []).filter((one) => one.run_id !== id && one.workflow === bare(run.workflow));
  const chosen = at.value.with ?? choices.find((one) => one.status === "completed" && one.started_at <= run.started_at)?.run_id ?? choices[0]?.run_id;
  if (!others) return null;
  if (!chosen) return html`<${None}>There is no other run of this workflow yet.<//>`;
  return html`<div class="filters"><label>with <select value=${chosen} onChange=${(event) => choose({ with: event.target.value })}>
      ${choices.map((one) => html`<option value=${one.run_id} selected=${one.run_id === chosen}>${short(one.run_id)} ${one.status} ${moment(one.started_at)} ${Object.values(one.labels).join(" ")}</option>`)}
      ${!choices.some((one) => one.run_id === chosen) && html`<option value=${chosen} selected>${short(chosen)}</option>`}</select></label></div>
    <${Both} run=${run} other=${chosen} />`;
}

function Both({ run, other }) {
  const one = useData(`/v1/runs/${run.id}/explanation`, false);
  const two = useData(`/v1/runs/${other}/explanation`, false);
  const rows = useMemo(() => (one.data && two.data ? steps(one.data, two.data) : []), [one.data, two.data]);
  if (one.problem || two.problem) return html`<${Trouble} problem=${one.problem ?? two.problem} />`;
  if (!one.data || !two.data) return null;
  const parts = rows.findIndex((row) => row.parts);
  return html`<div class="wide" tabindex="0" role="region" aria-label="The two runs"><table class="facing" aria-label="The two runs">
    <thead><tr><th scope="col">step</th><th scope="col">this run ${short(run.id)}</th><th scope="col"><a href=${`/runs/${other}`}>run ${short(other)}</a></th></tr></thead>
    <tbody>
      <${Line} name="status" left=${html`<${Status} status=${one.data.status} />`} right=${html`<${Status} status=${two.data.status} />`} />
      <${Line} name="took" left=${span(one.data.ended_at - one.data.started_at)} right=${span(two.data.ended_at - two.data.started_at)} />
      <${Line} name="cost" left=${money(one.data.run_cost_nano ?? 0)} right=${money(two.data.run_cost_nano ?? 0)} />
      <${Line} name="input" left=${html`<code>${inline(one.data.input, 200)}</code>`} right=${html`<code>${inline(two.data.input, 200)}</code>`} differs=${differ(one.data.input, two.data.input)} />
      ${rows.map((row, index) => html`<${Line} name=${html`${leaf(row.task)}${index === parts ? html` <span class="is-warn"><${Icon} name="warn" /> here they part</span>` : ""}`} left=${row.left} right=${row.right} differs=${row.differs} />`)}
      <${Line} name="output" left=${html`<code>${inline(one.data.value, 200)}</code>`} right=${html`<code>${inline(two.data.value, 200)}</code>`} differs=${differ(one.data.value, two.data.value)} />
    </tbody></table></div>`;
}

const Line = ({ name, left, right, differs }) => html`<tr><th scope="row">${differs && html`<${Icon} name="warn" tone="warn" label="differs" /> `}${name}</th><td>${left}</td><td>${right}</td></tr>`;

const differ = (left, right) => JSON.stringify(left) !== JSON.stringify(right);

/** What each of two runs did, step by step; they part where one goes another way, not where figures differ. */
function steps(one, two) {
  const left = deeds(one);
  const right = deeds(two);
  const tasks = [...left.keys(), ...[...right.keys()].filter((task) => !left.has(task))];
  return tasks.map((task) => {
    const [mine, theirs] = [left.get(task), right.get(task)];
    return { task, left: told(mine), right: told(theirs), differs: differ(mine?.key, theirs?.key) || differ(mine?.output, theirs?.output), parts: differ(mine?.key, theirs?.key), order: Math.min(mine?.order ?? 1e9, theirs?.order ?? 1e9) };
  }).sort((a, b) => a.order - b.order);
}

function deeds(explanation) {
  const found = new Map();
  for (const deed of explanation.deeds ?? []) {
    const before = found.get(deed.task);
    found.set(deed.task, { order: before?.order ?? deed.effect, key: [deed.agent, deed.status, deed.failures], text: `${deed.agent || deed.kind} ${deed.status === "succeeded" ? "gave" : deed.status}`, output: deed.output, times: (before?.times ?? 0) + 1 });
  }
  // A choice stands behind the last thing that it looked at.
  for (const way of explanation.ways ?? []) {
    const looked = Math.max(...(way.sources ?? []).map((one) => one.effect ?? 0), 0);
    found.set(way.task, { order: looked + 0.5, key: way.way, text: `${way.way}${way.because ? `, by ${way.because}` : ""}` });
  }
  return found;
}

const told = (step) => (step ? html`${step.text}${step.times > 1 ? ` ×${step.times}` : ""} ${step.output !== undefined && html`<code>${inline(step.output, 120)}</code>`}` : html`<span class="dim">not there</span>`);
