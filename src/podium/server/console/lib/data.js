// What pages show: asked for once, shared by all that show it, and asked for again when something changed.

import { signal } from "../vendor/signals.js";
import { useEffect, useRef } from "../vendor/hooks.js";
import { get } from "./api.js";
import { listen } from "./stream.js";

const AGAIN_MS = 700;
const PATIENCE = 8;

const SETTLE_MS = 900;

/** What is counted in tables that follow the log: it may be a moment behind, and is asked for once more. */
const FOLLOWS = /^\/v1\/(overview|flow|spend|overrides|search|acts|runs\/[^/]+\/effects)/;

const kept = new Map();

class Source {
  constructor(path, matters) {
    this.path = path;
    this.matters = matters;
    this.state = signal({ data: undefined, problem: null });
    this.users = 0;
    this.asking = false;
    this.stale = false;
    this.askedAt = 0;
    this.timer = 0;
    this.settling = 0;
    this.pause = AGAIN_MS;
  }

  ask = async () => {
    if (this.asking) {
      this.stale = true;
      return;
    }
    this.asking = true;
    this.stale = false;
    this.askedAt = Date.now();
    try {
      this.state.value = { data: await get(this.path), problem: null };
    } catch (problem) {
      this.state.value = { data: problem.status === 404 ? undefined : this.state.value.data, problem };
    }
    this.asking = false;
    // Whoever is slow to answer is asked less often.
    this.pause = Math.max(AGAIN_MS, PATIENCE * (Date.now() - this.askedAt));
    if (this.stale && this.users) this.soon();
  };

  /** Ask again, but no more often than people can look. */
  soon() {
    clearTimeout(this.timer);
    clearTimeout(this.settling);
    if (FOLLOWS.test(this.path)) this.settling = setTimeout(this.ask, this.pause + SETTLE_MS);
    this.timer = setTimeout(this.ask, Math.max(this.askedAt + this.pause - Date.now(), 0));
  }
}

listen((message) => {
  for (const source of kept.values()) {
    if (!source.users) continue;
    if (message.kind === "said" && source.path.startsWith("/v1/activity")) source.soon();
    if (message.kind === "resync" || (message.kind === "changes" && concerns(message.data, source.matters))) source.soon();
  }
});

function concerns(changes, matters) {
  if (matters === true) return true;
  return Boolean(matters) && (changes.skipped > 0 || changes.records.some(matters));
}

/**
 * What the API gives at a path: `{data, problem}`.
 * matters: whether a record that was committed may have changed it; true for any, false for none.
 */
export function useData(path, matters = true) {
  let source = path ? kept.get(path) : null;
  if (path && !source) {
    source = new Source(path, matters);
    kept.set(path, source);
  }
  useEffect(() => {
    if (!source) return undefined;
    source.users += 1;
    source.ask();
    return () => {
      source.users -= 1;
      if (!source.users) setTimeout(() => source.users || kept.delete(source.path), 30_000);
    };
  }, [path]);
  return source ? source.state.value : { data: undefined, problem: null };
}

/** Ask anew for all that is shown, after something was done. */
export function refresh() {
  for (const source of kept.values()) if (source.users) source.ask();
}

/** Do something every so often while a page is there. */
export function useEvery(ms, work) {
  const latest = useRef(work);
  latest.current = work;
  useEffect(() => {
    const timer = setInterval(() => document.hidden || latest.current(), ms);
    return () => clearInterval(timer);
  }, [ms]);
}

/** Hear of changes while a page is there. */
export function useChanges(hear) {
  const latest = useRef(hear);
  latest.current = hear;
  useEffect(() => listen((message) => message.kind === "changes" && latest.current(message.data)), []);
}

const SETTLES = /^(Approval|ActionEdited|DecisionOverridden|Breaker|Effect(Decided|DeadLettered|InDoubt|Resolved|Redriven|Rerouted)|Run(Faulted|Cancelled|Suspended|Resumed)|AttemptFailed)/;

/** Whether a record may change what waits for people and operators. */
export const forPeople = (record) => SETTLES.test(record.type) || (record.type === "EffectRequested" && (record.kind === "human" || (record.verdict ?? "allow") !== "allow")) || (record.type === "EffectSettled" && Boolean(record.principal));

export const ofRun = (id) => (record) => record.run_id === id;
