// The public API, and nothing else, as JSON.

import { signal } from "../vendor/signals.js";

/** Why a call came to nothing: a problem document. */
export class Problem extends Error {
  constructor(status, document) {
    super(document.detail || document.title || `the hub answered ${status}`);
    this.status = status;
    this.problems = document.problems ?? [];
    this.type = document.type ?? "";
  }
}

/** Who is signed in: undefined until it is known, null for nobody. */
export const visitor = signal(undefined);

export const can = (scope) => visitor.value?.scopes?.includes(scope) ?? false;

export const get = (path) => call("GET", path);
export const post = (path, body = {}) => call("POST", path, body);

export async function call(method, path, body, headers = {}) {
  const sent = { accept: "application/json", ...headers };
  if (body !== undefined) sent["content-type"] = "application/json";
  if (method !== "GET" && visitor.value?.csrf) sent["x-podium-csrf"] = visitor.value.csrf;
  let answer;
  try {
    answer = await fetch(path, { method, headers: sent, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch {
    throw new Problem(0, { detail: "the hub cannot be reached" });
  }
  const text = await answer.text();
  const isJSON = (answer.headers.get("content-type") ?? "").includes("json");
  const value = isJSON && text ? JSON.parse(text) : text;
  if (answer.status === 401) visitor.value = null;
  if (!answer.ok) throw new Problem(answer.status, isJSON ? value : {});
  return value;
}

/** Find out who is signed in. */
export async function meet() {
  try {
    visitor.value = await get("/v1/whoami");
  } catch (problem) {
    if (problem.status === 401) visitor.value = null;
    else throw problem;
  }
}

/** A query string of what is not empty. */
export function query(values) {
  const given = Object.entries(values).filter(([, value]) => value !== "" && value !== undefined && value !== null);
  return given.length ? `?${new URLSearchParams(given)}` : "";
}
