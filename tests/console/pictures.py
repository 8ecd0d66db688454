"""Takes the pictures of the console for the documentation.

python -m tests.console.pictures docs/images
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.console.conftest import chromium, sign_in
from tests.console.hub import Hub
from tests.console.walk import places

THEMES = ("light", "dark")
SIZE = {"width": 1280, "height": 760}


def main(folder: Path, both: bool) -> None:
    """Every place in the light theme, and some, or with `both` all of them, in the dark one."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as state, sync_playwright() as playwright:
        hub = Hub(Path(state) / "state")
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        try:
            hub.fill()
            signed_in = sign_in(browser, hub)
            for theme in THEMES:
                context = browser.new_context(
                    base_url=hub.url, storage_state=signed_in, viewport=SIZE,  # type: ignore[arg-type]
                    color_scheme="dark" if theme == "dark" else "light", reduced_motion="reduce",
                )  # fmt: skip
                page = context.new_page()
                for place in places(hub):
                    if both or theme == "light" or place.name in ("now", "approvals", "run-story"):
                        place.show(page)
                        suffix = "-dark" if theme == "dark" else ""
                        page.screenshot(path=folder / f"console-{place.name}{suffix}.png")
                context.close()
        finally:
            browser.close()
            hub.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]), "--both" in sys.argv)
