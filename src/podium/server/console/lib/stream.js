// One stream of changes for all tabs of a browser: the tab that holds the lock reads it and tells the others.

import { signal } from "../vendor/signals.js";

const CHANNEL = "podium-changes";
const LOCK = "podium-stream";
const AGAIN_MS = 2_000;

/** How the stream is: `live`, `opening` or `lost`; and when something was last heard. */
export const link = signal("opening");
export const heardAt = signal(0);

const listeners = new Set();
const channel = "BroadcastChannel" in globalThis ? new BroadcastChannel(CHANNEL) : null;
let release = null;
let source = null;
let timer = 0;

/** Hear of changes: `{kind, data}`, where the kind is `changes`, `resync` or what the hub publishes. */
export function listen(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Begin, whenever the tab is seen. */
export function begin() {
  document.addEventListener("visibilitychange", attend);
  channel?.addEventListener("message", (event) => tell(event.data));
  attend();
}

export function end() {
  document.removeEventListener("visibilitychange", attend);
  letGo();
}

function attend() {
  if (document.hidden) letGo();
  else if (!release && !source) take();
}

function take() {
  if (!navigator.locks) {
    open();
    return;
  }
  const stop = new AbortController();
  release = () => stop.abort();
  // Whoever does not get the lock hears of everything through the channel, and is next in line.
  navigator.locks
    .request(LOCK, { signal: stop.signal }, () => new Promise((done) => {
      release = done;
      open();
    }))
    .catch(() => {});
  tell({ kind: "resync", data: {} });
}

function letGo() {
  clearTimeout(timer);
  source?.close();
  source = null;
  release?.();
  release = null;
}

function open() {
  source = new EventSource("/v1/events");
  for (const kind of ["changes", "resync", "said", "workers"]) {
    source.addEventListener(kind, (event) => {
      const message = { kind, data: JSON.parse(event.data) };
      tell(message);
      channel?.postMessage(message);
    });
  }
  source.onopen = () => say("live");
  source.onerror = () => {
    say("lost");
    if (source?.readyState !== EventSource.CLOSED) return;
    clearTimeout(timer);
    timer = setTimeout(() => source && open(), AGAIN_MS);
  };
}

function say(state) {
  const message = { kind: "link", data: state };
  tell(message);
  channel?.postMessage(message);
}

function tell(message) {
  if (message.kind === "link") {
    link.value = message.data;
    return;
  }
  if (message.kind !== "resync") link.value = "live";
  heardAt.value = Date.now();
  for (const listener of listeners) listener(message);
}
