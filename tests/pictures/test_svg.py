"""The picture is a sound SVG in which nothing overlaps, and which says every state in words."""

from __future__ import annotations

from itertools import combinations
from typing import Any
from xml.etree import ElementTree

import pytest

from podium.pictures.folding import folded
from podium.pictures.layout import Box, drawing
from podium.pictures.progress import STATUSES, Progress
from podium.pictures.sketch import Sketch, Step, sketch
from podium.pictures.svg import svg
from tests.pictures.workflows import EVERYTHING, chain, nested, workflow

GRAPH = {name: {"needs": needs} for name, needs in {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}.items()}
DOCUMENTS = {
    "everything": EVERYTHING,
    "long": chain(60),
    "deep": nested(12),
    "graph": workflow({"work": {"call": "graph", "with": {"nodes": GRAPH}}}),
}


def inside(inner: Box, outer: Box) -> bool:
    return (
        outer.x <= inner.x
        and outer.y <= inner.y
        and inner.x + inner.width <= outer.x + outer.width
        and inner.y + inner.height <= outer.y + outer.height
    )


def apart(one: Box, other: Box) -> bool:
    return (
        one.x + one.width <= other.x
        or other.x + other.width <= one.x
        or one.y + one.height <= other.y
        or other.y + other.height <= one.y
    )


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
def test_boxes_stand_apart_or_in_each_other(document: dict[str, Any]) -> None:
    laid = drawing(sketch(document), {})
    for one, other in combinations(laid.boxes, 2):
        if other.step.reference.startswith(one.step.reference + "/"):
            assert inside(other, one), (one.step.name, other.step.name)
        else:
            assert apart(one, other), (one.step.name, other.step.name)


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
def test_everything_is_on_the_paper(document: dict[str, Any]) -> None:
    laid = drawing(sketch(document), {})
    points = [point for wire in laid.wires for point in wire.points]
    points += [(box.x + box.width, box.y + box.height) for box in laid.boxes]
    assert all(0 <= x <= laid.width and 0 <= y <= laid.height for x, y in points)


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
def test_the_picture_is_xml_and_names_every_task(document: dict[str, Any]) -> None:
    drawn = sketch(document)
    root = ElementTree.fromstring(svg(drawn))
    told = {title.text for title in root.iter("{http://www.w3.org/2000/svg}title")}
    assert {box.step.reference for box in drawing(drawn, {}).boxes} <= told


def test_every_status_is_told_in_a_word() -> None:
    steps = tuple(Step(f"/do/{n}/t", f"t{n}", "set") for n in range(len(STATUSES)))
    states = {step.reference: Progress(status, 3) for step, status in zip(steps, STATUSES, strict=True)}
    texts = "".join(ElementTree.fromstring(svg(Sketch("t", steps), states, "running")).itertext())
    for status in STATUSES:
        assert f"{status} ×3" in texts


def test_what_a_document_says_cannot_break_the_picture() -> None:
    name = '</text><script>alert("x")</script>&'
    text = svg(Sketch(name, (Step("/do/0/<a>", name, name, name, name),)))
    root = ElementTree.fromstring(text)
    assert not list(root.iter("{http://www.w3.org/2000/svg}script"))


def test_a_thousand_nodes_are_folded_to_a_box() -> None:
    nodes = {f"n{n}": {"needs": [f"n{n - 1}"] if n else []} for n in range(1_000)}
    document = workflow({"work": {"call": "graph", "with": {"nodes": nodes}}})
    (step,) = folded(sketch(document).steps, {})
    assert (step.parts, step.hidden) == ((), 1_000)
