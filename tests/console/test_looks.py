"""Every page in both themes: nothing that axe-core finds wrong, and ten thousand spans that are scrolled."""

from __future__ import annotations

from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.console.hub import Hub
from tests.console.walk import places, settled

pytestmark = pytest.mark.xdist_group("console")

SPANS = 10_000

RULES: dict[Literal["light", "dark"], dict[str, list[str]] | None] = {
    "light": None,
    "dark": {"runOnly": ["color-contrast", "link-in-text-block"]},
}
"""By theme: what has nothing to do with colours is the same in both."""

COLOURS = """() => {
    const canvas = document.querySelector(".lanes canvas");
    const { data } = canvas.getContext("2d").getImageData(200, 24, 900, 100);
    const seen = new Set();
    for (let at = 0; at < data.length; at += 4) {
        seen.add((data[at] << 16) | (data[at + 1] << 8) | data[at + 2]);
    }
    return seen.size;
}"""


def test_axe_finds_nothing_in_either_theme(page: Page, hub: Hub) -> None:
    found = []
    for place in places(hub):
        page.emulate_media(color_scheme="light", reduced_motion="reduce")
        place.show(page)
        for theme, options in RULES.items():
            page.emulate_media(color_scheme=theme, reduced_motion="reduce")
            wrong = Axe().run(page, options=options).response["violations"]
            found += [f"{place.name}, {theme}: {one['id']}: {one['nodes'][0]['html'][:200]}" for one in wrong]
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
