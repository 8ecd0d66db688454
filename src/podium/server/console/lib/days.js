// Days in words: what one types becomes absolute times, so that a link says the same later.

const DAYS = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
const DAY_MS = 86_400_000;
const PATTERN = /\b(today|yesterday|(?:last |on )?(?:mon|tues|wednes|thurs|fri|satur|sun)day|(?:last|past) (?:hour|week|24 ?h)|\d{4}-\d{2}-\d{2})\b/i;

const midnight = (at) => new Date(at).setHours(0, 0, 0, 0);
const dayAfter = (at) => {
  const date = new Date(at);
  return date.setDate(date.getDate() + 1);
};

/** The words of a search without its day, and that day as `since` and `until`, ms since 1970. */
export function understood(text, now = Date.now()) {
  const found = PATTERN.exec(text);
  if (!found) return { words: text.trim(), since: "", until: "", said: "" };
  const words = text.replace(found[0], " ").replace(/\s+/g, " ").trim();
  const [since, until] = range(found[0].toLowerCase(), now);
  if (Number.isNaN(since)) return { words: text.trim(), since: "", until: "", said: "" };
  return { words, since, until, said: told(since, until) };
}

function range(said, now) {
  if (said === "today") return [midnight(now), dayAfter(midnight(now))];
  if (said === "yesterday") return [midnight(midnight(now) - 1), midnight(now)];
  if (/hour/.test(said)) return [now - 3_600_000, now];
  if (/24/.test(said)) return [now - DAY_MS, now];
  if (/week/.test(said)) return [now - 7 * DAY_MS, now];
  const weekday = DAYS.findIndex((day) => said.endsWith(day));
  if (weekday >= 0) {
    const date = new Date(midnight(now));
    // The last one before today: on a Tuesday, last Tuesday was a week ago.
    const back = (date.getDay() - weekday + 7) % 7 || 7;
    date.setDate(date.getDate() - back);
    return [date.getTime(), dayAfter(date)];
  }
  const date = new Date(`${said}T00:00:00`);
  return [date.getTime(), dayAfter(date)];
}

/** A range of time as people say it. */
export function told(since, until) {
  if (!since && !until) return "";
  const from = since ? new Date(Number(since)) : null;
  const day = (date) => date.toLocaleDateString("en-GB", { weekday: "short", day: "numeric", month: "short" });
  const time = (date) => `${day(date)} ${date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" })}`;
  if (!until) return `since ${time(from)}`;
  const to = new Date(Number(until));
  if (!from) return `until ${time(to)}`;
  if (dayAfter(from) === to.getTime()) return day(from);
  return `${time(from)} – ${time(to)}`;
}

/** The midnight at which so many days ago begins. */
export const daysAgo = (days) => new Date(midnight(Date.now())).setDate(new Date().getDate() - days);
