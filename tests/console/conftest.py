"""One hub and one browser for all tests here; whoever changes much has a hub of his own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, StorageState, sync_playwright

from tests.console.hub import Hub

INSTALL = "apt-get install -y chromium"


def chromium() -> str:
    """Where the browser is."""
    named = os.environ.get("PODIUM_CHROMIUM", "")
    found = (
        named or shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    )
    if not found:
        pytest.fail(
            f"there is no Chromium for the browser tests: `{INSTALL}`, or name one in PODIUM_CHROMIUM"
        )
    return found


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    path = chromium()
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture(scope="package")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    made = Hub(tmp_path_factory.mktemp("hub") / "state")
    try:
        made.fill()
        made.staff()
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="package")
def signed_in(hub: Hub, browser: Browser) -> StorageState:
    """The cookies of somebody who used the link that the hub printed."""
    return sign_in(browser, hub)


def sign_in(browser: Browser, hub: Hub, link: str = "") -> StorageState:
    """The cookies of somebody who uses a link: the one that the hub printed, or another."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(link or hub.link)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "/sign-in" not in url)
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def context(browser: Browser, hub: Hub, signed_in: StorageState) -> Iterator[BrowserContext]:
    made = browser.new_context(
        base_url=hub.url, storage_state=signed_in, viewport={"width": 1360, "height": 820},
        reduced_motion="reduce",
    )  # fmt: skip
    made.set_default_timeout(10_000)
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page of the console; nothing that goes wrong in it stays unnoticed."""
    opened = context.new_page()
    wrong: list[str] = []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on(
        "console",
        lambda said: wrong.append(said.text) if said.type == "error" and "422" not in said.text else None,
    )
    yield opened
    opened.close()
    assert not wrong, f"the console complains: {wrong}"
