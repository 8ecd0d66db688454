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

SHOWN = {
    "light": {
        "now", "search", "run-story", "run-timeline", "run-graph", "run-data", "run-compare", "approvals",
        "approvals-form", "budgets", "policies", "policies-try", "pause", "audit", "audit-change",
        "agent-versions", "fleet",
    },
    "dark": {"now", "approvals", "audit-change"},
}  # fmt: skip
"""What the guide shows, by theme."""


def main(folder: Path, everything: bool) -> None:
    """What the guide shows, or every place."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as state, sync_playwright() as playwright:
        hub = Hub(Path(state) / "state")
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        try:
            hub.fill()
            hub.staff()
            signed_in = sign_in(browser, hub)
            for theme in THEMES:
                context = browser.new_context(
                    base_url=hub.url, storage_state=signed_in, viewport=SIZE,  # type: ignore[arg-type]
                    color_scheme="dark" if theme == "dark" else "light", reduced_motion="reduce",
                )  # fmt: skip
                page = context.new_page()
                for place in places(hub):
                    if everything or place.name in SHOWN[theme]:
                        place.show(page)
                        suffix = "-dark" if theme == "dark" else ""
                        page.screenshot(path=folder / f"console-{place.name}{suffix}.png")
                context.close()
        finally:
            browser.close()
            hub.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]), "--all" in sys.argv)
