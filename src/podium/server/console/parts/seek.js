// Search: words find runs by what they are about, and agents, workflows and pages by name; days may be said.

import { html, useEffect, useMemo, useRef, useState, Dialog, Icon, glyph, tone } from "../lib/ui.js";
import { get, query } from "../lib/api.js";
import { go } from "../lib/router.js";
import { moment, short } from "../lib/format.js";
import { understood } from "../lib/days.js";
import { NAMED } from "./pages.js";

const WAIT_MS = 120;

export function Seek({ onClose }) {
  const [text, setText] = useState("");
  const [found, setFound] = useState([]);
  const [chosen, setChosen] = useState(0);
  const [problem, setProblem] = useState("");
  const list = useRef(null);
  const asked = useMemo(() => understood(text), [text]);
  useEffect(() => {
    let stale = false;
    const timer = setTimeout(async () => {
      try {
        const things = text.trim() ? await get(`/v1/search${query({ text: asked.words, since: asked.since, until: asked.until })}`) : { items: [], runs: [] };
        if (!stale) {
          setFound(choices(text, asked, things));
          setChosen(0);
          setProblem("");
        }
      } catch (failure) {
        if (!stale) setProblem(failure.message);
      }
    }, text ? WAIT_MS : 0);
    return () => {
      stale = true;
      clearTimeout(timer);
    };
  }, [text]);
  const open = (choice) => {
    onClose();
    go(choice.href);
  };
  const press = (event) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by) {
      event.preventDefault();
      const next = Math.min(Math.max(chosen + by, 0), found.length - 1);
      setChosen(next);
      list.current?.children[next]?.scrollIntoView({ block: "nearest" });
    } else if (event.key === "Enter" && found[chosen]) {
      event.preventDefault();
      open(found[chosen]);
    }
  };
  return html`<${Dialog} kind="seek" label="Search" onClose=${onClose}>
    <input type="text" role="combobox" aria-expanded="true" aria-controls="seek-found" aria-activedescendant=${found.length ? `seek-${chosen}` : undefined}
      aria-label="Search" placeholder="customer acme last tuesday · a run's id · an agent · a page" autocomplete="off" spellcheck=${false} autofocus value=${text}
      onInput=${(event) => setText(event.target.value)} onKeyDown=${press} />
    <ul id="seek-found" role="listbox" aria-label="Found" ref=${list}>${found.map((choice, at) => html`<li id=${`seek-${at}`} role="option" aria-selected=${at === chosen ? "true" : "false"}
      onClick=${() => open(choice)} onMouseMove=${() => setChosen(at)}><${Icon} name=${choice.icon} tone=${choice.tone} /><span class="clip">${choice.name}</span><span class="dim">${choice.about}</span></li>`)}</ul>
    <p class="dim">${problem || (asked.said ? `Days understood: ${asked.said}` : "Days may be said: today, yesterday, last tuesday, 2026-11-17")}</p>
  <//>`;
}

function choices(text, asked, things) {
  const words = asked.words.toLowerCase();
  const pages = NAMED.filter((page) => !words || page.title.toLowerCase().startsWith(words)).map((page) => ({ icon: page.icon, name: page.title, about: `g ${page.key}`, href: page.href }));
  if (!text.trim()) return pages;
  const span = { since: asked.since, until: asked.until };
  const found = things.items.map((one) => {
    if (one.kind === "label") {
      return { icon: "runs", name: `Runs of ${one.name}`, about: asked.said || "all days", href: `/runs${query({ label: one.name, ...span })}` };
    }
    if (one.kind === "workflow") return { icon: "flow", name: `Runs of workflow ${one.name}`, about: asked.said || one.about, href: `/runs${query({ workflow: one.name, ...span })}` };
    return { icon: ICON[one.kind], name: one.name, about: one.about || one.kind, href: HREF[one.kind](one.name) };
  });
  const runs = things.runs.map((run) => ({ icon: glyph(run.status), tone: tone(run.status), name: `${short(run.run_id)}  ${run.workflow} ${about(run)}`, about: `${run.status} ${moment(run.started_at)}`, href: `/runs/${run.run_id}` }));
  const all = asked.words || asked.said ? [{ icon: "search", name: `Runs that match “${text.trim()}”`, about: asked.said, href: `/runs${query({ text: asked.words, ...span })}` }] : [];
  return [...found, ...runs, ...pages, ...all];
}

const ICON = { agent: "agent", tool: "tool", policy: "shield", schedule: "calendar" };
const HREF = {
  agent: (name) => `/agents/${encodeURIComponent(name)}`,
  tool: (name) => `/agents/${encodeURIComponent(name)}?kind=tool`,
  policy: (name) => `/policies/${encodeURIComponent(name)}`,
  schedule: (name) => `/schedules/${encodeURIComponent(name)}`,
};

const about = (run) => Object.entries(run.labels).slice(0, 3).map(([name, value]) => `${name}=${value}`).join(" ");
