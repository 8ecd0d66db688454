"""How the code review writes: charts, Markdown and HTML."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import pytest
from writing.charts import columns, scatter
from writing.document import Areas, Chart, Findings, Items, Section, Table, Text, html_of, markdown_of
from writing.report import Link


def spot(path: str, commits: int, branches: int, heat: float, lines: int = 100) -> dict[str, Any]:
    return {"path": path, "commits": commits, "branches": branches, "heat": heat, "lines": lines}


def hotspots(*files: dict[str, Any]) -> dict[str, Any]:
    return {"by": "commits", "files": list(files)}


def names(svg: str) -> list[tuple[float, float, float, str]]:
    """Left, right, height and text of each name in a chart."""
    found = []
    for element in ElementTree.fromstring(svg).iter("text"):
        if element.get("class") == "name":
            start, width = float(element.get("x", "")), float(element.get("textLength", ""))
            found.append((start, start + width, float(element.get("y", "")), str(element.text)))
    return found


def test_the_scatter_names_what_is_hot_and_no_name_lies_on_another() -> None:
    close = [spot(f"src/package/a_long_name_{n}.py", 20 - n % 2, 90 + n, 1 - n / 10) for n in range(6)]
    drawn = scatter(hotspots(*close, spot("cold.py", 1, 1, 0.01)))
    shown = names(drawn)
    assert shown[0][3] == "package/a_long_name_0.py"
    assert len(shown) >= 3
    for index, (left, right, y, _) in enumerate(shown):
        assert left >= 0 and right <= 760
        for other_left, other_right, other_y, _ in shown[:index]:
            assert abs(y - other_y) >= 14 or left >= other_right or right <= other_left
    circles = [circle.get("class") for circle in ElementTree.fromstring(drawn).iter("circle")]
    assert sorted(map(str, circles)) == ["cold"] + ["hot"] * 6


@pytest.mark.parametrize("most", [1, 7, 100, 12_345])
def test_the_scatter_has_few_ticks_and_none_beyond_its_frame(most: int) -> None:
    drawn = ElementTree.fromstring(scatter(hotspots(*(spot("a", most, most, 0.1) for _ in range(3)))))
    grid = [line for line in drawn.iter("line") if line.get("class") == "grid"]
    assert 4 <= len(grid) <= 12
    assert all(0 <= float(line.get("x1", "")) <= 740 for line in grid)


def test_charts_of_nothing_are_nothing() -> None:
    assert scatter(hotspots(spot("a", 1, 1, 1), spot("b", 1, 1, 1))) == ""
    assert columns([], "Nothing", marked=0) == ""


def test_columns_are_as_tall_as_their_numbers() -> None:
    drawn = ElementTree.fromstring(columns([("low", 10), ("none", 0), ("high", 40)], "Label", marked=2))
    low, none, high = (float(bar.get("height", "")) for bar in drawn.iter("rect"))
    assert high == pytest.approx(4 * low, rel=0.02)
    assert none == 0
    assert [bar.get("class") for bar in drawn.iter("rect")] == ["cold", "cold", "hot"]
    assert drawn.get("aria-label") == "Label. low: 10, none: 0, high: 40"


# --- documents --------------------------------------------------------------------------------

EVIL = "<script>alert('x')</script> & \"y\""


def document() -> list[Section]:
    rows = [[f"`{EVIL}`", "1"], [EVIL, "2"]]
    areas = [{"name": EVIL, "mark": "good", "text": EVIL}]
    finding = {
        "rank": 1, "rule": EVIL, "severity": "high", "certainty": 1.0, "area": "lint", "title": EVIL,
        "advice": EVIL, "role": "source", "count": 1, "places": [{"path": EVIL, "line": 1, "message": EVIL}],
        "code": EVIL,
    }  # fmt: skip
    blocks = [
        Text(EVIL), Items([EVIL]), Table([EVIL, "n"], rows, 1), Areas(areas), Findings([finding], Link({})),
    ]  # fmt: skip
    return [Section(EVIL, blocks), Section("Empty", [Items([]), Table(["a"], []), Chart("")])]


def test_nothing_from_outside_becomes_markup() -> None:
    page = html_of(EVIL, document())
    assert "<script" not in page
    ElementTree.fromstring(re.sub(r"<!doctype html>|<meta[^>]*>", "", page))
    markdown = re.sub(r"`[^`]*`", "", markdown_of(EVIL, document()))
    assert "<script" not in markdown


def test_a_section_without_content_is_left_out() -> None:
    assert "Empty" not in html_of("T", document())
    assert "Empty" not in markdown_of("T", document())


def test_texts_are_marked_up() -> None:
    said = "Use **`eval` with care** in [`a.py:1`](https://example.org/a.py#L1), `<b>` and [x](javascript:y)."
    page = html_of("T", [Section("", [Text(said)])])
    assert (
        "<p>Use <b><code>eval</code> with care</b> in "
        '<a href="https://example.org/a.py#L1"><code>a.py:1</code></a>, <code>&lt;b&gt;</code> '
        "and [x](javascript:y).</p>"
    ) in page
    assert markdown_of("T", [Section("", [Text(said)])]) == f"# T\n\n{said}\n"


def test_tables() -> None:
    table = Table(["Name", "Count"], [["a|b", "1,000"]], numbers=1)
    assert table.markdown() == "| Name | Count |\n|---|---:|\n| a\\|b | 1,000 |"
    assert '<td>a|b</td><td class="number">1,000</td>' in table.html()


@pytest.mark.parametrize(
    ("count", "named", "shown", "more"),
    [(1, 1, 1, 0), (3, 3, 3, 0), (4, 4, 3, 1), (12, 12, 3, 9), (40, 40, 3, 37), (900, 40, 3, 897)],
)
def test_places_beyond_the_first_are_counted(count: int, named: int, shown: int, more: int) -> None:
    places = [{"path": f"{number}.py", "line": 7, "message": "the same"} for number in range(named)]
    finding = {
        "rank": 1, "rule": "R", "severity": "low", "certainty": 1.0, "area": "lint", "title": "T",
        "advice": "A.", "role": "test", "count": count, "places": places,
    }  # fmt: skip
    findings = Findings([finding], Link({}))
    markdown = findings.markdown()
    assert len(re.findall(r"`\d+\.py:7`", markdown)) == shown
    assert (f"- and {more:,} more" in markdown) is (more > 0)
    assert (f"<summary>{more:,} more</summary>" in findings.html()) is (more > 0)
    assert "A. Only in tests." in markdown
    assert ("the same" in markdown) is (count == 1)


def test_links_lead_to_the_forge_if_there_is_one() -> None:
    place = {"path": "a b/[x].py", "line": 3}
    assert Link({})(place) == "`a b/[x].py:3`"
    assert Link({"web": "https://h/c/"})(place) == "[`a b/[x].py:3`](https://h/c/a%20b/%5Bx%5D.py#L3)"
    assert Link({"web": "https://h/c/"})({"path": "a.py"}) == "[`a.py`](https://h/c/a.py)"
