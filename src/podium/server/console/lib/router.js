// The address bar holds the view: where one is, and what is chosen there.

import { signal, computed } from "../vendor/signals.js";

const here = () => ({ path: decodeURI(location.pathname), query: Object.fromEntries(new URLSearchParams(location.search)) });

export const place = signal(here());
export const at = computed(() => place.value.query);

addEventListener("popstate", () => (place.value = here()));

/** Go to a view; `replace` leaves no step to come back to. */
export function go(href, replace = false) {
  if (replace) history.replaceState(null, "", href);
  else history.pushState(null, "", href);
  const before = place.value.path;
  place.value = here();
  if (place.value.path !== before) document.querySelector("main")?.scrollTo(0, 0);
}

/** The address of this view with some of what is chosen changed; "" takes it away. */
export function withQuery(changes, path = place.value.path) {
  const query = { ...place.value.query, ...changes };
  const left = Object.entries(query).filter(([, value]) => value !== "" && value !== undefined && value !== null);
  return left.length ? `${path}?${new URLSearchParams(left)}` : path;
}

export const choose = (changes, replace = true) => go(withQuery(changes), replace);

addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]");
  if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
  if (link.origin !== location.origin || link.target || link.hasAttribute("download")) return;
  if (/^\/(v1|sign-in|sign-out|decide|assets)\b/.test(link.pathname)) return;
  event.preventDefault();
  go(link.pathname + link.search + link.hash);
});
