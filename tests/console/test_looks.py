"""Every page in both themes: nothing that axe-core finds wrong, and ten thousand spans that are scrolled."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import axe_playwright_python
import pytest
from playwright.sync_api import Page, expect

from tests.console.hub import Hub
from tests.console.walk import places, settled

pytestmark = pytest.mark.xdist_group("console")

SPANS = 10_000

THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")

AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text(encoding="utf-8")

LOOK = """async () => (await axe.run(document, { resultTypes: ["violations"] })).violations.map(
    (one) => `${one.id}: ${one.nodes.map((node) => node.html.slice(0, 200)).slice(0, 3).join(" ")}`
)"""

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
    """All of its rules, in both themes."""
    page.goto("/")
    page.evaluate(AXE)
    found = []
    for place in places(hub):
        place.show(page)
        for theme in THEMES:
            page.emulate_media(color_scheme=theme, reduced_motion="reduce")
            found += [f"{place.name}, {theme}: {one}" for one in page.evaluate(LOOK)]
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
