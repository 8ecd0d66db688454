// Somebody comes whom the hub does not know: off to where one signs in, and back to the same view afterwards.

import { html, useEffect } from "../lib/ui.js";
import { place } from "../lib/router.js";

export function SignIn() {
  const back = `/sign-in?${new URLSearchParams({ next: location.pathname + location.search })}`;
  useEffect(() => location.replace(back), [place.value.path]);
  return html`<main class="plain"><h1>Sign in to Podium</h1><p><a href=${back}>Sign in</a></p></main>`;
}
