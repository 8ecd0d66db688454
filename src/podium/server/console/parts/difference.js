// Two values side by side in one: what went, and what came.

import { html, useMemo } from "../lib/ui.js";
import { differing } from "../lib/diff.js";

const KINDS = { "+": ["came", "added: "], "-": ["went", "removed: "], "…": ["same", ""], " ": ["same", ""] };

export function Difference({ before, after, label }) {
  const lines = useMemo(() => differing(before, after), [before, after]);
  if (!lines.some((line) => line.sign !== " ")) return html`<p class="dim">Nothing differs.</p>`;
  return html`<pre class="json difference" tabindex="0" role="region" aria-label=${label}>${lines.map(({ sign, text }) => {
    const [kind, said] = KINDS[sign];
    return html`<span class=${kind}><i aria-hidden="true">${sign}</i>${said && html`<span class="unseen">${said}</span>`}${text}
</span>`;
  })}</pre>`;
}
