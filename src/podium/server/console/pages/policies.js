// Policies: their rules, what these decided of late, and what else limits actions.

import { html, useMemo, Status, Table, Time, Trouble, Cli, Json } from "../lib/ui.js";
import { useData } from "../lib/data.js";
import { amount, count, span, unitName, who } from "../lib/format.js";
import { Trying } from "../parts/trying.js";

const declares = (record) => !record.run_id;

export default function Policies({ given: [name] }) {
  const { data, problem } = useData("/v1/policies?limit=1000", declares);
  if (problem && !data) return html`<${Trouble} problem=${problem} />`;
  if (!data) return null;
  const chosen = name ?? data.items[0]?.name;
  return html`<div class="head"><h1>Policies</h1><span class="dim">deny before approve before allow; what nothing allows is denied</span><span class="gap"></span><${Cli} line="podium get policies" /></div>
    <${Table} label="Policies" rows=${data.items} id=${(row) => row.name} chosen=${chosen} href=${(row) => `/policies/${row.name}`} columns=${COLUMNS} none="Only the built-in policy for development is in force." />
    ${chosen && html`<${Policy} key=${chosen} name=${chosen} />`}`;
}

const COLUMNS = [
  { name: "mode", cell: (row) => html`<${Status} status=${row.mode} word=${row.mode === "enforce" ? "in force" : row.mode} />` },
  { name: "policy", cell: (row) => html`<a class="first-link" href=${`/policies/${row.name}`}>${row.name}</a>` },
  { name: "version", cell: (row) => row.version },
  { name: "rules", num: true, cell: (row) => row.rules }, { name: "tests", num: true, cell: (row) => row.tests },
  { name: "limits", cell: (row) => row.limits.join(", ") || html`<span class="dim">–</span>` },
  { name: "what for", grow: true, cell: (row) => html`<span class="clip long dim">${row.description}</span>` },
];

function Policy({ name }) {
  const { data: policy, problem } = useData(`/v1/resources/policy/${encodeURIComponent(name)}`, declares);
  const { data: hits } = useData("/v1/hits", false);
  const counted = useMemo(() => counts(hits?.items ?? [], name), [hits, name]);
  const { data: history } = useData(`/v1/history/policy/${encodeURIComponent(name)}`, declares);
  if (problem && !policy) return html`<${Trouble} problem=${problem} />`;
  if (!policy) return null;
  const limits = ["rates", "quotas", "sequences", "windows", "egress", "data"].flatMap((kind) => (policy[kind] ?? []).map((one, index) => ({ kind, ...one, name: one.name ?? `${kind} ${index + 1}` })));
  return html`<section><div class="title"><h2>Rules of ${policy.name}</h2><span class="dim">hits in the newest records</span></div>
      <${Table} label="Rules" rows=${policy.rules} id=${(rule) => rule.id} columns=${[
        { name: "effect", cell: (rule) => html`<${Status} status=${rule.effect} />` },
        { name: "rule", cell: (rule) => html`<span class="strong">${rule.id}</span>` },
        { name: "of", cell: (rule) => html`<span class="clip">${matched(rule.match)}</span>` },
        { name: "when", cell: (rule) => (rule.when ? html`<code class="clip">${rule.when}</code>` : html`<span class="dim">always</span>`) },
        { name: "tier", cell: (rule) => (rule.effect === "approve" ? rule.tier : "") },
        { name: "says", cell: (rule) => html`<span class="clip dim">${rule.message ?? rule.message_expression ?? ""}</span>` },
        { name: "hits", num: true, cell: (rule) => (hits ? count(counted.get(rule.id) ?? 0) : "") },
      ]} none="It has no rules of its own." /></section>
    <div class="split"><div>
      ${policy.budgets?.length > 0 && html`<section><div class="title"><h2>Budgets</h2><span class="gap"></span><a href="/budgets">what is spent</a></div>
        <${Table} label="Budgets of the policy" rows=${policy.budgets} id=${(one) => one.name} columns=${[
          { name: "budget", cell: (one) => html`<span class="strong">${one.name}</span>` },
          { name: "for each", cell: (one) => one.scope.join(", ") || "everything together" },
          { name: "limit", cell: (one) => Object.entries(one.limit).map(([unit, value]) => `${amount(unit, value)}${unit === "nano" || unit === "ms" ? "" : ` ${unitName(unit)}`}`).join(", ") },
          { name: "per", cell: (one) => one.window?.per ?? "for ever" },
          { name: "then", cell: (one) => one.on_exhausted ?? "deny" },
        ]} /></section>`}
      ${limits.length > 0 && html`<section><div class="title"><h2>Other limits</h2></div>${limits.map((one) => html`<details><summary><b>${one.name}</b> <span class="dim">${one.kind}${one.message ? `: ${one.message}` : ""}</span></summary><${Json} value=${one} label=${one.name} /></details>`)}</section>`}
    </div><div>
      <section><div class="title"><h2>Who is asked</h2></div><${Table} label="Tiers" rows=${Object.entries(policy.tiers ?? {})} id=${([tier]) => tier} none="Nobody is asked." columns=${[
        { name: "tier", cell: ([tier]) => tier }, { name: "who", cell: ([, one]) => one.approvers?.join(" or ") || "anybody" },
        { name: "people", num: true, cell: ([, one]) => one.quorum ?? 1 }, { name: "within", num: true, cell: ([, one]) => (one.timeout_ms ? span(one.timeout_ms) : "any time") }, { name: "silence", cell: ([, one]) => one.on_timeout ?? "deny" },
      ]} /></section>
      <section><div class="title"><h2>Versions</h2></div><${Table} label="Versions" rows=${history?.items ?? []} id=${(row) => String(row.revision)} columns=${[
        { name: "version", cell: (row) => html`<span class="strong">${row.version}</span>` }, { name: "did", cell: (row) => row.action }, { name: "when", cell: (row) => html`<${Time} at=${row.at} />` }, { name: "who", cell: (row) => who(row.principal) },
      ]} /></section>
    </div></div>
    <${Trying} policy=${policy} />`;
}

const matched = (match = {}) => Object.entries(match).map(([name, values]) => `${name}: ${Array.isArray(values) ? values.join(", ") : JSON.stringify(values)}`).join("; ") || "anything";

function counts(items, policy) {
  const found = new Map();
  for (const one of items) {
    for (const rule of one.rules) {
      if (rule.startsWith(`${policy}/`)) found.set(rule.slice(policy.length + 1), (found.get(rule.slice(policy.length + 1)) ?? 0) + one.count);
    }
  }
  return found;
}
