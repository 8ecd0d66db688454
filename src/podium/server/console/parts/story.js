// The story of a run: what happened and why, and where it first went another way than it usually does.

import { html, useEffect, useMemo, useRef, Icon, Trouble } from "../lib/ui.js";
import { at, withQuery } from "../lib/router.js";
import { query } from "../lib/api.js";
import { useData, ofRun } from "../lib/data.js";
import { bare, leaf, moment } from "../lib/format.js";
import { What } from "./what.js";

const ICONS = {
  run: "flow", task: "right", asked: "agent", routed: "right", policy: "shield", attempt: "run", answer: "check", error: "cross",
  cost: "coin", person: "person", event: "event", waiting: "hand",
};
const TONES = { error: "bad", answer: "good", waiting: "wait", person: "wait" };
const WRONG = /\b(denied|refused|failed|faulted|timed out|lost|in doubt|dead letter|cancelled|held back)\b/i;

export function Story({ run, id }) {
  const { data, problem } = useData(`/v1/runs/${id}/story`, ofRun(id));
  const usual = useUsual(run);
  const lines = data?.items;
  const marks = useMemo(() => marked(lines, usual?.lines), [lines, usual?.lines]);
  const chosen = Number(at.value.seq ?? 0);
  const list = useRef(null);
  useEffect(() => {
    if (chosen) list.current?.querySelector(`[data-seq="${chosen}"]`)?.scrollIntoView({ block: "center" });
  }, [chosen, Boolean(lines)]);
  if (problem && !lines) return html`<${Trouble} problem=${problem} />`;
  if (!lines) return null;
  const first = marks.first >= 0 ? lines[marks.first] : null;
  return html`${first && html`<p class="notice is-warn row"><span><b>Here it went another way</b>${marks.differs ? html` than the <a href=${`/runs/${usual.run.run_id}`}>last one that is like it</a>` : ""}:</span>
      <a href=${withQuery({ seq: first.seq })} data-key="w">${moment(first.at)} ${said(first)}</a></p>`}
    <div class=${chosen ? "split told" : ""}>
      <ol class="story" ref=${list} data-walk>${lines.map((line, index) => html`<li key=${index} data-seq=${line.seq} class="${line.at ? "" : "added"} ${line.seq === chosen ? "marked" : ""} ${marks.all.has(index) ? "gone-wrong" : ""}">
        <span class="at">${line.at ? moment(line.at) : ""}</span>
        <${Icon} name=${marks.all.has(index) && line.kind !== "error" ? "warn" : ICONS[line.kind] ?? "right"} tone=${marks.all.has(index) ? (line.kind === "error" ? "bad" : "warn") : line.at ? TONES[line.kind] ?? "off" : "off"}
          label=${marks.all.has(index) ? "out of the ordinary" : undefined} />
        <span class=${`d${Math.min(line.depth, 4)}`} title=${line.task || undefined}>${line.seq && line.at ? html`<a class="quiet" href=${withQuery({ seq: line.seq })}>${said(line)}</a>` : said(line)}</span>
      </li>`)}</ol>
      ${chosen > 0 && html`<${What} id=${id} seq=${chosen} />`}
    </div>`;
}

/** A line with the name of its task in place of the whole reference. */
const said = (line) => (line.task && line.text.includes(line.task) ? line.text.replace(line.task, leaf(line.task)) : line.text).trim();

/** The story of the last run of this workflow that came to a good end, to hold this one against. */
function useUsual(run) {
  const ended = run.ended_at > 0;
  const { data } = useData(ended ? `/v1/search/runs${query({ workflow: run.workflow, status: "completed", until: run.started_at + 1, limit: 6 })}` : null, false);
  const { data: later } = useData(ended && data && data.items.every((one) => one.run_id === run.id) ? `/v1/search/runs${query({ workflow: run.workflow, status: "completed", limit: 6 })}` : null, false);
  const other = [...(data?.items ?? []), ...(later?.items ?? [])].find((one) => one.run_id !== run.id && one.workflow === bare(run.workflow));
  const { data: story } = useData(other ? `/v1/runs/${other.run_id}/story` : null, false);
  return other && story ? { run: other, lines: story.items } : null;
}

/** Lines that say that something went wrong, or that the usual run does not have. */
export function marked(lines, usual) {
  const all = new Set();
  let differs = false;
  if (!lines) return { all, first: -1, differs };
  lines.forEach((line, index) => {
    if (line.kind === "error" || (line.at && line.kind !== "run" && WRONG.test(line.text))) all.add(index);
  });
  let first = all.size ? Math.min(...all) : -1;
  if (usual) {
    const known = new Set(usual.map(shape));
    const index = lines.findIndex((line) => line.at && DECIDES.has(line.kind) && !known.has(shape(line)));
    if (index >= 0 && (first < 0 || index < first)) {
      all.add(index);
      first = index;
      differs = true;
    }
  }
  return { all, first, differs };
}

const DECIDES = new Set(["task", "asked", "routed", "policy", "person", "answer", "error", "event"]);

/** What a line says, but for the figures and texts in which runs differ anyway. */
const shape = (line) => `${line.kind} ${line.task} ${line.text.replace(/[“"{[(].*$/s, "").replace(/gave .*$/s, "gave").replace(/[\d.,:]+( ?(ms|s|min|h))?/g, "#").trim()}`;
