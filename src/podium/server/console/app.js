// The console: a frame around the page that the address names.

import { html, render, useEffect, useState, Trouble } from "./lib/ui.js";
import { place } from "./lib/router.js";
import { visitor, meet } from "./lib/api.js";
import { begin } from "./lib/stream.js";
import { Frame } from "./parts/frame.js";
import { SignIn } from "./parts/sign_in.js";
import { PAGES } from "./parts/pages.js";

function Page() {
  const { path } = place.value;
  for (const page of PAGES) {
    const found = page.path.exec(path);
    if (found) return html`<${Shown} key=${page.name} page=${page} given=${found.slice(1).map((part) => part && decodeURIComponent(part))} />`;
  }
  return html`<div class="plain"><h1>There is no such page</h1><p><a href="/">Go to what is happening now</a></p></div>`;
}

const loaded = new Map();

/** Loads a page when it is first wanted. */
function Shown({ page, given }) {
  const [View, setView] = useState(() => loaded.get(page.name));
  const [problem, setProblem] = useState(null);
  useEffect(() => {
    document.title = `${page.title} · Podium`;
    if (View) return;
    page.load().then(
      (module) => {
        loaded.set(page.name, module.default);
        setView(() => module.default);
      },
      () => setProblem(new Error("This page could not be loaded: load the console again.")),
    );
  }, [page.name]);
  if (problem) return html`<${Trouble} problem=${problem} />`;
  return View ? html`<${View} given=${given} />` : null;
}

function App() {
  const [problem, setProblem] = useState(null);
  const who = visitor.value;
  useEffect(() => {
    meet().catch(setProblem);
  }, []);
  useEffect(() => {
    if (who) begin();
  }, [Boolean(who)]);
  if (problem) {
    return html`<div class="plain"><h1>The hub does not answer</h1><${Trouble} problem=${problem} />
      <p><button onClick=${() => location.reload()}>Try again</button></p></div>`;
  }
  if (who === undefined) return null;
  if (who === null) return html`<${SignIn} />`;
  return html`<${Frame}><${Page} /><//>`;
}

const theme = localStorage.getItem("podium-theme");
if (theme) document.documentElement.dataset.theme = theme;
const root = document.getElementById("console");
root.replaceChildren();
render(html`<${App} />`, root);
