// How times, amounts and names are written.

const NANO = 1_000_000_000;

/** A time of day, with the date where it is another day: `14:03:22`, `18 Nov 14:03:22`. */
export function moment(at, now = Date.now()) {
  if (!at) return "–";
  const date = new Date(at);
  const time = date.toLocaleTimeString("en-GB");
  if (date.toDateString() === new Date(now).toDateString()) return time;
  const day = date.toLocaleDateString("en-GB", { day: "numeric", month: "short" });
  return date.getFullYear() === new Date(now).getFullYear() ? `${day} ${time}` : `${day} ${date.getFullYear()}`;
}

/** A time that says the same wherever it is read. */
export const exact = (at) => (at ? new Date(at).toISOString().replace("T", " ").replace("Z", " UTC") : "");

/** How long something takes: `340 ms`, `4.2 s`, `3 min`, `2 h 5 min`, `6 d 3 h`. */
export function span(ms) {
  if (ms < 0) return `-${span(-ms)}`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 90_000) return `${Math.round(ms / 1000)} s`;
  const minutes = Math.round(ms / 60_000);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  const days = Math.floor(hours / 24);
  return hours % 24 ? `${days} d ${hours % 24} h` : `${days} d`;
}

/** How long ago. */
export const ago = (at, now) => (at ? `${span(Math.max(now - at, 0))} ago` : "–");

/** Money of nano-units: `$0.0021`, `$14.20`. */
export function money(nano) {
  const amount = nano / NANO;
  if (!amount) return "$0";
  if (Math.abs(amount) >= 0.1) return `$${amount.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;
  return `$${Number(amount.toPrecision(2)).toFixed(12).replace(/0+$/, "")}`;
}

/** An amount of a budget's unit. */
export function amount(unit, value) {
  if (unit === "nano") return money(value);
  if (unit === "ms") return span(value);
  return value.toLocaleString("en-US");
}

export const unitName = (unit) => ({ nano: "money", ms: "time" })[unit] ?? unit.replaceAll("_", " ");

export const count = (number) => number.toLocaleString("en-US");

export const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;

/** The part of an id that people read. */
export const short = (id) => (id || "").slice(0, 8);

const SCAFFOLD = new Set(["do", "try", "catch", "fork", "branches", "foreach", "function", "with"]);

/** The last name in a task's reference. */
export const leaf = (reference) => (reference || "").split("/").filter((part) => !SCAFFOLD.has(part) && !/^\d+$/.test(part)).at(-1) ?? reference;

/** A workflow or an agent without its version. */
export const bare = (name) => (name || "").split("@")[0];

export const clip = (text, length) => (text.length > length ? `${text.slice(0, length - 1)}…` : text);

/** A person or a process, as people say it. */
export const who = (principal) => (principal || "").replace(/^user:/, "") || "–";

/** A value of JSON in one line. */
export const inline = (value, length = 160) =>
  value === undefined || value === null ? "" : clip(typeof value === "string" ? value : JSON.stringify(value), length);

/** A text as one word of a command line. */
export const shell = (text) => `'${text.replaceAll("'", "'\\''")}'`;
