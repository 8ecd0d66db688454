// One act in full; of a change of what is declared, what it was before and after.

import { html, useMemo, Pairs, Time, Trouble } from "../lib/ui.js";
import { withQuery } from "../lib/router.js";
import { query } from "../lib/api.js";
import { useData } from "../lib/data.js";
import { exact, who } from "../lib/format.js";
import { about } from "./acts.js";
import { Difference } from "./difference.js";
import { Said } from "./said.js";

const EFFECT = /^([0-9a-f]{8}-[0-9a-f-]{27})\/(\d+)$/;
const RESOURCE = /^(agent|tool|policy|workflow|schedule)\/(.+)@([^@]+)$/;

export function Act({ act }) {
  const effect = EFFECT.exec(act.target);
  const resource = act.about === "resources" && RESOURCE.exec(act.target);
  return html`<aside aria-label="In full">
    <div class="title"><h2>${act.act}</h2><span class="gap"></span><a href=${withQuery({ act: "" })}>Close</a></div>
    <${Pairs} of=${[
      ["who", act.people ? who(act.principal) : "the hub, by itself"], ["to", about(act.target)], ["when", html`<${Time} at=${act.at} /> <span class="dim">${exact(act.at)}</span>`],
      ["why", act.why], ["known by", act.people && (act.via || "the log")], ["record", `${act.seq} of log ${act.shard}`],
      act.noted && ["came to", html`<span class="dim">nothing else in the log: it was refused, or leaves no other trace</span>`],
    ]} />
    ${effect && html`<${Said} run=${effect[1]} effect=${Number(effect[2])} />`}
    ${resource && html`<${Changed} kind=${resource[1]} name=${resource[2]} version=${resource[3]} at=${act.at} deleted=${act.act.startsWith("deleted")} />`}
  </aside>`;
}

/** What a change of a resource changed: its spec before, and after. */
function Changed({ kind, name, version, at, deleted }) {
  const { data: history, problem } = useData(`/v1/history/${kind}/${encodeURIComponent(name)}`, false);
  const [now, then] = useMemo(() => around(history?.items ?? [], version, at), [history, version, at]);
  const after = useData(now && !deleted ? place(kind, name, now) : null, false);
  const before = useData(then ? place(kind, name, then) : null, false);
  if (problem) return html`<${Trouble} problem=${problem} />`;
  if (!now || (!deleted && !after.data) || (then && !before.data)) return null;
  return html`<section><div class="title"><h2>${then ? "Before and after" : "What was declared"}</h2><span class="dim">${then ? then.version : "new"} → ${deleted ? "nothing" : version}</span></div>
    <${Difference} before=${before.data?.spec} after=${deleted ? undefined : after.data.spec} label="Before and after" /></section>`;
}

const place = (kind, name, one) => `/v1/revisions/${kind}/${encodeURIComponent(name)}${query({ which: String(one.revision) })}`;

/** The revision of a change, and the one that was declared before it. History has the newest first. */
function around(items, version, at) {
  const index = items.findIndex((one) => one.version === version && one.at === at);
  const before = items.slice(index + 1).find((one) => one.action === "applied");
  return index < 0 ? [null, null] : [items[index], before ?? null];
}
