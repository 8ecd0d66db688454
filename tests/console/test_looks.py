"""Every page in both themes: nothing that axe-core finds wrong, and ten thousand spans that are scrolled."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, StorageState, expect

from tests.console.hub import Hub
from tests.console.walk import places, settled

pytestmark = pytest.mark.xdist_group("console")

SPANS = 10_000

COLOURS = """() => {
    const canvas = document.querySelector(".lanes canvas");
    const { data } = canvas.getContext("2d").getImageData(200, 24, 900, 100);
    const seen = new Set();
    for (let at = 0; at < data.length; at += 4) {
        seen.add((data[at] << 16) | (data[at + 1] << 8) | data[at + 2]);
    }
    return seen.size;
}"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(theme: str, hub: Hub, browser: Browser, signed_in: StorageState) -> None:
    context = browser.new_context(
        base_url=hub.url, storage_state=signed_in, viewport={"width": 1360, "height": 820},
        color_scheme="dark" if theme == "dark" else "light", reduced_motion="reduce",
    )  # fmt: skip
    page, found = context.new_page(), []
    for place in places(hub):
        place.show(page)
        results = Axe().run(page).response["violations"]
        found += [f"{place.name}: {one['id']}: {one['nodes'][0]['html'][:200]}" for one in results]
    context.close()
    assert not found, "\n".join(found)


def test_ten_thousand_spans_are_scrolled(page: Page, hub: Hub) -> None:
    run = hub.submit("claims/scan", {"pages": SPANS})
    assert hub.client.wait(run, timeout_ms=60_000).status == "completed"
    page.goto(f"/runs/{run}?tab=timeline")
    lanes = page.locator(".lanes")
    expect(page.get_by_text("10,000 spans")).to_be_visible()
    settled(page)
    box = lanes.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 700, box["y"] + 60)
    page.keyboard.down("Control")
    for _ in range(12):
        page.mouse.wheel(0, -120)
    page.keyboard.up("Control")
    zoomed = width(page)
    lanes.focus()
    before = int(lanes.get_attribute("data-from") or 0)
    for _ in range(30):
        page.keyboard.press("ArrowRight")
    expect(lanes).not_to_have_attribute("data-from", str(before))
    assert zoomed < width_of_all(page)
    # The picture is not empty: what is drawn has more than the colours of ground and lines.
    colours = page.evaluate(COLOURS)
    assert colours > 2


def width(page: Page) -> int:
    lanes = page.locator(".lanes")
    return int(lanes.get_attribute("data-to") or 0) - int(lanes.get_attribute("data-from") or 0)


def width_of_all(page: Page) -> int:
    page.keyboard.press("0")
    return width(page)
