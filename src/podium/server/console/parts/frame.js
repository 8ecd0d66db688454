// What is around every page: where one can go, how live it is, what is spent, and how to stop all of it.

import { html, useEffect, useRef, useState, Icon, Status, now } from "../lib/ui.js";
import { place } from "../lib/router.js";
import { visitor, can } from "../lib/api.js";
import { useData } from "../lib/data.js";
import { link, heardAt } from "../lib/stream.js";
import { money, span, who } from "../lib/format.js";
import { NAMED, PAGES } from "./pages.js";
import { Seek } from "./seek.js";
import { Keys, useKeys } from "./keys.js";
import { Banner, Pausing, Resuming, useHeld } from "./pause.js";

export function Frame({ children }) {
  const [open, setOpen] = useState("");
  const main = useRef(null);
  useKeys(setOpen, Boolean(open));
  const here = PAGES.find((page) => page.path.test(place.value.path));
  const seen = useData("/v1/overview", true).data;
  useEffect(() => {
    main.current?.focus({ preventScroll: true });
  }, [place.value.path]);
  const waiting = seen ? seen.approvals : 0;
  const held = useHeld();
  const [lifted, setLifted] = useState("");
  const lift = (agent) => {
    setLifted(agent);
    setOpen("lift");
  };
  const all = held[0]?.agent === "";
  return html`<div class="frame">
    <a class="skip" href="#main" onClick=${(event) => { event.preventDefault(); main.current.focus(); }}>Skip to what is shown</a>
    <nav class="side" aria-label="Pages">
      <a class="brand" href="/"><img src=${new URL("../icon.svg", import.meta.url).href} alt="" />Podium</a>
      <ul>${NAMED.map((page) => html`<li class=${page.apart ? "apart" : ""}><a href=${page.href} title=${`g ${page.key}`}
        aria-current=${here && (here.name === page.name || here.within === page.name) ? "page" : undefined}>
        <${Icon} name=${page.icon} />${page.title}${page.name === "approvals" && waiting > 0 && html`<span class="count" aria-label=${`${waiting} waiting`}>${waiting}</span>`}</a></li>`)}</ul>
      <footer>
        <div>${who(visitor.value.principal)}</div>
        <div class="row"><${Theme} /><button class="bare" onClick=${() => setOpen("keys")}>Keys <kbd>?</kbd></button></div>
      </footer>
    </nav>
    <header class="top">
      <div class="seek"><button onClick=${() => setOpen("seek")}><${Icon} name="search" />Search runs, agents, customers …<kbd>/</kbd></button></div>
      <span class="gap"></span>
      <${Beat} />
      ${seen && html`<a class="meter" href="/budgets" title="What was booked today (UTC); see what nears its ceiling">today <b>${money(seen.spent_today_nano)}</b></a>`}
      ${can("operate") && (all ? html`<button onClick=${() => lift("")}><${Icon} name="play" />Resume all…</button>` : html`<button onClick=${() => setOpen("pause")}><${Icon} name="pause" />Pause all…</button>`)}
    </header>
    <main id="main" tabindex="-1" ref=${main} data-path=${place.value.path}>
      <${Banner} held=${held} onLift=${lift} />
      ${children}
    </main>
    ${open === "seek" && html`<${Seek} onClose=${() => setOpen("")} />`}
    ${open === "keys" && html`<${Keys} onClose=${() => setOpen("")} />`}
    ${open === "pause" && html`<${Pausing} onClose=${() => setOpen("")} />`}
    ${open === "lift" && html`<${Resuming} agent=${lifted} onClose=${() => setOpen("")} />`}
  </div>`;
}

function Beat() {
  const state = link.value;
  if (state === "lost") return html`<span class="beat" role="status"><${Status} status="stale" word="not live: connecting again" /></span>`;
  if (state === "opening") return html`<span class="beat" role="status"><${Status} status="opening" word="connecting" /></span>`;
  const age = heardAt.value ? `, last change ${span(Math.max(now.value - heardAt.value, 0))} ago` : "";
  return html`<span class="beat" title=${`Changes are shown as they happen${age}`}><${Status} status="live" /></span>`;
}

function Theme() {
  const [theme, setTheme] = useState(localStorage.getItem("podium-theme") ?? "");
  const next = { "": "light", light: "dark", dark: "" }[theme];
  const choose = () => {
    if (next) localStorage.setItem("podium-theme", next);
    else localStorage.removeItem("podium-theme");
    document.documentElement.dataset.theme = next;
    setTheme(next);
  };
  return html`<button class="bare" onClick=${choose} title="Light, dark, or as the system has it"><${Icon} name="theme" />${theme || "system"}</button>`;
}
