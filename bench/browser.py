"""A browser that is signed in at a hub, where the machine has one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext


@contextmanager
def signed_in(address: dict[str, str]) -> Iterator[BrowserContext | None]:
    """Somebody who used the `link` of the hub at `url`; None without a browser."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        yield None
        return
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        context = browser.new_context(base_url=address["url"], viewport={"width": 1360, "height": 820})
        page = context.new_page()
        page.goto(f"/sign-in?link={address['link']}")
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(lambda url: "/sign-in" not in url)
        page.close()
        yield context
        browser.close()
