// What acts are about, as links.

import { html } from "../lib/ui.js";
import { short } from "../lib/format.js";

const RUN = /^([0-9a-f]{8}-[0-9a-f-]{27})(?:\/(\d+))?$/;
const RESOURCE = /^(agent|tool|policy|workflow|schedule)\/(.+)@[^@]+$/i;
const PAGES = { agent: (name) => `/agents/${name}`, tool: (name) => `/agents/${name}?kind=tool`, policy: (name) => `/policies/${name}`, workflow: (name) => `/runs?workflow=${name}`, schedule: () => "/schedules" };

/** A run, an effect of one, a resource, or whatever else something was done to. */
export function about(target) {
  const run = RUN.exec(target);
  if (run) return html`<a class="mono" href=${`/runs/${run[1]}${run[2] ? `?tab=data&effect=${run[2]}` : ""}`}>${short(run[1])}${run[2] ? `/${run[2]}` : ""}</a>`;
  const resource = RESOURCE.exec(target);
  if (resource) return html`<a href=${PAGES[resource[1].toLowerCase()](encodeURIComponent(resource[2]))}>${target}</a>`;
  return target || html`<span class="dim">–</span>`;
}
