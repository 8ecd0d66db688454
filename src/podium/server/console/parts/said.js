// What policy and people said of one action, in the order in which they did.

import { html, useState, Icon, Table, Time } from "../lib/ui.js";
import { can } from "../lib/api.js";
import { useData, ofRun } from "../lib/data.js";
import { moment, who } from "../lib/format.js";
import { Overriding, breaksGlass } from "./letting.js";

/** Who asked, who was asked, who answered, and who did not. */
export function Said({ run, effect }) {
  const { data } = useData(`/v1/runs/${run}/explanation?effect=${effect}`, ofRun(run));
  const words = data?.deeds?.find((one) => one.effect === effect)?.words ?? [];
  if (!words.length) return null;
  return html`<section><div class="title"><h2>So far</h2></div><${Table} label="What was said of it" rows=${words} id=${(word) => `${word.seq}${word.kind}`} columns=${COLUMNS} /></section>`;
}

const COLUMNS = [
  { name: "when", cell: (word) => html`<${Time} at=${word.at} />` },
  { name: "who", cell: (word) => html`<span class="strong">${word.principal ? who(word.principal) : word.kind === "escalated" || word.kind === "expired" ? "nobody" : "policy"}</span>` },
  { name: "said", cell: (word) => html`<${Icon} name=${ICONS[word.kind] ?? "person"} tone=${word.kind === "override" ? "warn" : undefined} /> ${told(word)}` },
  { name: "why", grow: true, cell: (word) => html`<span class="clip long" title=${word.why || word.message}>${word.why || word.message || (word.rules?.length ? html`<code>${word.rules.join(", ")}</code>` : html`<span class="dim">–</span>`)}</span>` },
];

const ICONS = { policy: "shield", escalated: "clock", expired: "clock", override: "warn", edited: "tool" };
const POLICY = { allow: "let it through", deny: "denied it", approve: "asked people", defer: "put it off" };

function told(word) {
  switch (word.kind) {
    case "policy": return `${POLICY[word.verdict] ?? word.verdict}${word.tier ? `, tier ${word.tier}` : ""}`;
    case "vote": return `${{ approve: "said yes", deny: "said no" }[word.verdict] ?? `answered ${word.verdict}`}${word.outcome ? `: ${word.outcome}` : ""}`;
    case "delegated": return `let ${who(word.to)} decide, too`;
    case "escalated": return `answered in time: tier ${word.tier} is asked`;
    case "expired": return "answered in time: it counts as a no";
    case "edited": return "made another action of it";
    case "override": return `${word.outcome ? "overrode it" : "asked to override it"}, until ${moment(word.until)}`;
    case "answer": return `answered ${word.verdict}`;
    default: return `${word.kind} ${word.verdict ?? ""}`;
  }
}

/** What was denied can be let through once by whoever may break the glass. */
export function Denied({ run, effect }) {
  const [asking, setAsking] = useState(false);
  const { data } = useData(breaksGlass() && can("approve") ? `/v1/runs/${run}/held-back` : null, ofRun(run));
  const one = data?.items.find((held) => held.effect === effect);
  if (!one) return null;
  return html`<p class="row"><button onClick=${() => setAsking(true)}><${Icon} name="warn" tone="warn" />Override…</button><span class="dim">It is ${one.status === "approval" ? "held back" : one.status} by <code>${one.rules.join(", ")}</code>; let through, it is done when it is asked for again.</span></p>
    ${asking && html`<${Overriding} one=${one} onClose=${() => setAsking(false)} />`}`;
}
