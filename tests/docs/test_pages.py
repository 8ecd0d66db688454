"""The pages say what the code says."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")])


def _module(path: Path):  # type: ignore[no-untyped-def]
    spec = importlib.util.spec_from_file_location(f"docs_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_of_events_is_made_from_the_code() -> None:
    events = _module(ROOT / "docs" / "events.py")
    assert events.PAGE.read_text() == events.page(), "run: python docs/events.py"


def test_the_page_of_agents_and_tools_is_made_from_the_code() -> None:
    resources = _module(ROOT / "docs" / "resources.py")
    assert resources.PAGE.read_text() == resources.page(), "run: python docs/resources.py"


def test_the_figures_are_those_that_were_measured() -> None:
    figures = _module(ROOT / "docs" / "figures.py")
    assert figures.PAGE.read_text() == figures.page(), "run: python docs/figures.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    text = page.read_text()
    for target in re.findall(r"\]\(([^)#\s]+)", text):
        if not target.startswith(("http:", "https:", "mailto:")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}, which is not there"


def test_every_decision_has_its_number_and_is_unique() -> None:
    numbers = [page.name[:4] for page in (ROOT / "docs" / "decisions").glob("*.md")]
    assert all(number.isdigit() for number in numbers)
    assert len(set(numbers)) == len(numbers)
