// The keyboard: every page by two keys, every list by j and k.

import { html, useLayoutEffect, Dialog } from "../lib/ui.js";
import { go } from "../lib/router.js";
import { NAMED } from "./pages.js";

const CHORD_MS = 1200;

const typing = (target) => target.closest?.("input, textarea, select, [contenteditable]");

/** Listen for keys that mean something on every page, from the moment that it is there. */
export function useKeys(open, busy) {
  useLayoutEffect(() => {
    let chordAt = 0;
    const hear = (event) => {
      if (event.defaultPrevented || event.altKey || (busy && event.key !== "Escape")) return;
      if ((event.ctrlKey || event.metaKey) && event.key === "k") {
        event.preventDefault();
        open("seek");
        return;
      }
      if (event.ctrlKey || event.metaKey || typing(event.target)) return;
      if (Date.now() - chordAt < CHORD_MS) {
        chordAt = 0;
        const page = NAMED.find((one) => one.key === event.key);
        if (page) {
          event.preventDefault();
          go(page.href);
          return;
        }
      }
      if (event.key === "g") chordAt = Date.now();
      else if (event.key === "/") {
        event.preventDefault();
        open("seek");
      } else if (event.key === "?") open("keys");
      else if (event.key === "j" || event.key === "k") walk(event.key === "j" ? 1 : -1, event);
      else if (event.key === "Enter") enter(event);
      else press(event);
    };
    addEventListener("keydown", hear);
    return () => removeEventListener("keydown", hear);
  }, [busy]);
}

const rows = () => [...document.querySelectorAll("main [data-walk] tbody tr, main ul[data-walk] > li")];

function walk(by, event) {
  const all = rows();
  if (!all.length) return;
  event.preventDefault();
  const before = all.findIndex((row) => row.getAttribute("aria-selected") === "true");
  const next = all[Math.min(Math.max(before + by, 0), all.length - 1)];
  all[before]?.removeAttribute("aria-selected");
  next.setAttribute("aria-selected", "true");
  next.scrollIntoView({ block: "nearest" });
  if (next.hasAttribute("data-follow")) (next.querySelector("a") ?? next).click();
}

function enter(event) {
  if (event.target.closest("a, button, summary")) return;
  const row = rows().find((one) => one.getAttribute("aria-selected") === "true");
  if (!row) return;
  event.preventDefault();
  (row.querySelector("[data-open]") ?? row.querySelector("a, button") ?? row).click();
}

/** Buttons say by which key they can be pressed. */
function press(event) {
  if (!/^[a-z.]$/.test(event.key)) return;
  const button = document.querySelector(`main [data-key="${event.key}"]:not(:disabled)`);
  if (button) {
    event.preventDefault();
    button.click();
  }
}

export const Keys = ({ onClose }) => html`<${Dialog} label="Keys" onClose=${onClose}><div class="stack">
  <h1>Keys</h1>
  <dl class="pairs">
    <dt><kbd>/</kbd></dt><dd>search</dd>
    ${NAMED.map((page) => html`<dt><kbd>g</kbd> <kbd>${page.key}</kbd></dt><dd>${page.title}</dd>`)}
    <dt><kbd>j</kbd> <kbd>k</kbd></dt><dd>next and previous row</dd>
    <dt><kbd>Enter</kbd></dt><dd>open the row</dd>
    <dt><kbd>a</kbd> <kbd>d</kbd></dt><dd>approve, deny</dd>
    <dt><kbd>←</kbd> <kbd>→</kbd> <kbd>+</kbd> <kbd>-</kbd></dt><dd>move and zoom in a timeline</dd>
    <dt><kbd>Esc</kbd></dt><dd>close a dialog</dd>
  </dl>
  <div class="row"><button class="first" onClick=${onClose}>Close</button></div>
</div><//>`;
