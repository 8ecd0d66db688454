// Parts that every page is made of.

import { h, render, Fragment } from "../vendor/preact.js";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "../vendor/hooks.js";
import { signal } from "../vendor/signals.js";
import htm from "../vendor/htm.js";
import { ICONS } from "./icons.js";
import { ago, exact, moment } from "./format.js";
import { go } from "./router.js";

export const html = htm.bind(h);
export { h, render, Fragment, useEffect, useLayoutEffect, useMemo, useRef, useState };

/** Now, in ms since 1970, each second. */
export const now = signal(Date.now());
setInterval(() => document.hidden || (now.value = Date.now()), 1000);

export const Icon = ({ name, label, tone }) => html`<svg class="icon ${tone ? `is-${tone}` : ""}" viewBox="0 0 16 16"
  fill="none" stroke="currentColor" stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round"
  role=${label ? "img" : undefined} aria-label=${label} aria-hidden=${label ? undefined : "true"}><path d=${ICONS[name] ?? ICONS.circle} /></svg>`;

const STATES = {
  completed: ["check", "good"], succeeded: ["check", "good"], done: ["check", "good"], allow: ["check", "good"],
  approved: ["check", "good"], answered: ["check", "good"], overrode: ["warn", "warn"], edited: ["tool", "off"], let: ["person", "off"], sound: ["check", "good"], live: ["check", "good"], closed: ["check", "good"], active: ["check", "good"],
  resolved: ["check", "good"], ready: ["check", "good"], serving: ["check", "good"], enforce: ["shield", "good"],
  running: ["run", "run"], pending: ["clock", "off"], queued: ["clock", "off"], opening: ["run", "run"], draining: ["run", "warn"],
  faulted: ["cross", "bad"], failed: ["cross", "bad"], denied: ["stop", "bad"], deny: ["stop", "bad"], lost: ["cross", "bad"],
  dead: ["cross", "bad"], broken: ["cross", "bad"], open: ["cross", "bad"], over: ["cross", "bad"], stale: ["warn", "warn"],
  exhausted: ["cross", "bad"], gone: ["cross", "bad"],
  cancelled: ["dash", "off"], skipped: ["dash", "off"], observe: ["dash", "off"], off: ["dash", "off"],
  waiting: ["hand", "wait"], approval: ["hand", "wait"], approve: ["hand", "wait"], human: ["question", "wait"], question: ["question", "wait"],
  in_doubt: ["question", "warn"], dead_letter: ["inbox", "bad"], deferred: ["clock", "wait"], backoff: ["undo", "warn"], retry: ["undo", "warn"],
  suspended: ["pause", "warn"], paused: ["pause", "warn"], near: ["warn", "warn"], half_open: ["warn", "warn"], "half-open": ["warn", "warn"],
  nested: ["flow", "run"], undone: ["undo", "warn"], undo: ["undo", "wait"], breaker: ["cross", "bad"],
};
const WORDS = { in_doubt: "in doubt", dead_letter: "dead letter", half_open: "half open" };

export const tone = (status) => (STATES[status] ?? ["circle", "off"])[1];
export const glyph = (status) => (STATES[status] ?? ["circle", "off"])[0];

/** A state, by colour, shape and word. */
export const Status = ({ status, word }) => {
  const [icon, colour] = STATES[status] ?? ["circle", "off"];
  return html`<span class="status is-${colour}"><${Icon} name=${icon} />${word ?? WORDS[status] ?? status}</span>`;
};

export const Time = ({ at, relative }) =>
  at ? html`<time datetime=${new Date(at).toISOString()} title=${exact(at)}>${relative ? ago(at, now.value) : moment(at, now.value)}</time>` : html`<span class="dim">–</span>`;

/** A line for the shell that does the same. */
export const Cli = ({ line }) => {
  const [copied, setCopied] = useState(false);
  const copy = () => navigator.clipboard?.writeText(line).then(() => setCopied(true) || setTimeout(() => setCopied(false), 1500));
  return html`<p class="cli"><code title=${line}>${line}</code><button type="button" class="bare" onClick=${copy} aria-label="Copy the command line">
    <${Icon} name=${copied ? "check" : "copy"} /></button></p>`;
};

export const Trouble = ({ problem }) => problem && html`<p class="notice is-bad trouble" role="alert">${problem.message ?? String(problem)}</p>`;

export const None = ({ children }) => html`<p class="none">${children}</p>`;

/**
 * A table whose rows can be walked with j and k and opened with Enter.
 * columns: [{name, cell, num, grow, title}]; one that grows takes what the others leave; href(row) is where a row leads.
 */
export function Table({ label, columns, rows, id = (row) => row.id, href, chosen, none = "Nothing here.", onChoose }) {
  if (!rows?.length) return html`<${None}>${none}<//>`;
  const open = (event, row) => {
    if (event.target.closest("a, button, input, select, label") || getSelection()?.toString()) return;
    if (onChoose) onChoose(row);
    else if (href) go(href(row));
  };
  return html`<div class="wide" tabindex="0" role="region" aria-label=${label}><table aria-label=${label} data-walk>
    <thead><tr>${columns.map((one) => html`<th scope="col" class=${one.num ? "num" : one.grow ? "grow" : ""} title=${one.title}>${one.name || html`<span class="unseen">${one.title ?? "more"}</span>`}</th>`)}</tr></thead>
    <tbody>${rows.map((row) => html`<tr key=${id(row)} data-href=${href?.(row)} data-chosen=${chosen === id(row) ? "" : undefined} onClick=${(event) => open(event, row)}>
      ${columns.map((one) => html`<td class=${one.num ? "num" : one.grow ? "grow" : ""}>${one.cell(row)}</td>`)}</tr>`)}</tbody>
  </table></div>`;
}

/** A dialog that is open as long as it is there. */
export function Dialog({ label, onClose, children, kind = "" }) {
  const box = useRef(null);
  useLayoutEffect(() => {
    const before = document.activeElement;
    box.current.showModal();
    return () => before?.focus?.();
  }, []);
  const outside = (event) => event.target === box.current && onClose();
  return html`<dialog ref=${box} class=${kind} aria-label=${label} onClick=${outside} onCancel=${(event) => { event.preventDefault(); onClose(); }}>${children}</dialog>`;
}

/** Asks for a reason before something is done. `run(reason)` does it. */
export function Asking({ title, why, verb, line, needsReason, run, onClose, children, danger }) {
  const [reason, setReason] = useState("");
  const [problem, setProblem] = useState(null);
  const [busy, setBusy] = useState(false);
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    try {
      await run(reason);
      onClose(true);
    } catch (found) {
      setProblem(found);
      setBusy(false);
    }
  };
  return html`<${Dialog} label=${title} onClose=${() => onClose(false)}><form onSubmit=${submit}>
    <h1>${title}</h1>
    ${why && html`<p class="dim">${why}</p>`}
    ${children}
    <label class="field"><span>Reason ${!needsReason && html`<span class="dim">(goes into the audit; may be left out)</span>`}</span>
      <textarea rows="2" value=${reason} required=${needsReason} onInput=${(event) => setReason(event.target.value)} /></label>
    ${line && html`<${Cli} line=${typeof line === "function" ? line(reason) : line} />`}
    <${Trouble} problem=${problem} />
    <div class="row"><button type="button" onClick=${() => onClose(false)}>Cancel</button>
      <button type="submit" class="first" disabled=${busy} data-danger=${danger}>${verb}</button></div>
  </form><//>`;
}

/** A value as indented JSON, coloured by what it is. */
export function Json({ value, label = "Value" }) {
  const text = useMemo(() => JSON.stringify(value, null, 2) ?? "nothing", [value]);
  return html`<pre class="json" tabindex="0" role="region" aria-label=${label}>${text.length > 60_000 ? text : painted(text)}</pre>`;
}

const TOKEN = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(true|false|null)\b|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)/g;

function painted(text) {
  const parts = [];
  let at = 0;
  for (const found of text.matchAll(TOKEN)) {
    parts.push(text.slice(at, found.index));
    const [whole, string, colon, word] = found;
    if (colon) parts.push(html`<span class="key">${string}</span>`, colon);
    else parts.push(string ? html`<span class="text">${string}</span>` : word ? html`<span class="word">${word}</span>` : whole);
    at = found.index + whole.length;
  }
  parts.push(text.slice(at));
  return parts;
}

/** Pairs of a name and a value. */
export const Pairs = ({ of }) => html`<dl class="pairs">${of.filter((one) => one && one[1] !== "" && one[1] !== null && one[1] !== undefined && one[1] !== false)
  .map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`;

export const Select = ({ label, value, options, onChange }) => html`<select aria-label=${label} value=${value} onChange=${(event) => onChange(event.target.value)}>
  ${options.map(([key, word]) => html`<option value=${key} selected=${key === value}>${word}</option>`)}</select>`;
