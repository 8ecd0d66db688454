"""What a picture shows of a workflow: every task, in its place, and where control goes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from podium.pictures.folding import TASKS_SHOWN, folded
from podium.pictures.mermaid import mermaid
from podium.pictures.outline import outline
from podium.pictures.progress import Progress
from podium.pictures.sketch import Sketch, Step, count, sketch
from podium.workflow.compile import compile_workflow
from tests.pictures.workflows import EVERYTHING, chain, nested, workflow

EXAMPLES = sorted((Path(__file__).resolve().parents[2] / "examples").glob("*/workflow.yaml"))


def all_steps(steps: tuple[Step, ...]) -> list[Step]:
    return [one for step in steps for one in (step, *(all_steps(sum((p.steps for p in step.parts), ()))))]


def references(document: dict[str, Any]) -> set[str]:
    """Of every task that the compiler finds, but for those of functions and the extensions around tasks."""
    program, problems = compile_workflow(document, "sha256:0")
    assert program is not None, problems
    return {node.reference for node in program.nodes if node.name and "/call/" not in node.reference}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.parent.name)
def test_every_task_of_an_example_is_in_its_picture(path: Path) -> None:
    document = YAML(typ="safe", pure=True).load(path)
    drawn = {step.reference for step in all_steps(sketch(document).steps)}
    assert references(document) <= drawn


def test_every_kind_of_task_is_in_the_picture() -> None:
    drawn = all_steps(sketch(EVERYTHING).steps)
    assert references(EVERYTHING) == {step.reference for step in drawn}
    notes = {step.name: f"{step.kind} {step.note}".strip() for step in drawn}
    assert notes["classify"] == "agent ticket.classify"
    assert notes["ask"] == "human Refund?"
    assert notes["look"] == "http GET https://example.com/a"
    assert notes["each"] == "for one in .items"
    assert notes["race"] == "fork the first wins"
    assert notes["pause"] == "wait 5 seconds"
    assert notes["hear"] == "listen any of a, b"
    assert notes["stop"] == "raise teapot"


def test_where_control_goes_is_told() -> None:
    steps = {step.name: step for step in sketch(EVERYTHING).steps}
    assert [(jump.label, jump.target) for jump in steps["route"].jumps] == [
        ("urgent: .level > 3", "race"),
        ("other", "end"),
    ]
    assert not steps["route"].falls
    assert steps["classify"].falls


def test_an_open_switch_falls_through() -> None:
    document = workflow(
        {"route": {"switch": [{"a": {"when": "${ .a }", "then": "end"}}]}}, {"on": {"set": {"a": 1}}}
    )
    assert sketch(document).steps[0].falls


def test_a_graph_stands_in_ranks() -> None:
    nodes = {"d": {"needs": ["b", "c"]}, "b": {"needs": ["a"]}, "c": {"needs": ["a"]}, "a": {}}
    document = workflow({"work": {"call": "graph", "with": {"nodes": nodes}}})
    (step,) = sketch(document).steps
    assert [[one.name for one in part.steps] for part in step.parts] == [["a"], ["b", "c"], ["d"]]
    assert set(step.edges) == {("b", "d"), ("c", "d"), ("a", "b"), ("a", "c")}


# --- folding ----------------------------------------------------------------------------------


def test_sixty_tasks_are_shown_as_they_are() -> None:
    steps = sketch(chain(TASKS_SHOWN)).steps
    assert folded(steps, {}) == steps


@pytest.mark.parametrize(
    "document", [chain(500), nested(40), nested(10, wide=12)], ids=["long", "deep", "wide"]
)
def test_more_are_hidden_but_none_is_lost(document: dict[str, Any]) -> None:
    steps = sketch(document).steps
    shown = folded(steps, {})
    assert count(shown) <= TASKS_SHOWN
    visible = [step for step in all_steps(shown) if step.reference]
    assert len(visible) + sum(step.hidden for step in all_steps(shown)) == count(steps)


def test_what_is_going_on_is_hidden_last() -> None:
    scopes = [{f"scope{n}": {"do": [{f"t{n}-{m}": {"set": {"a": 1}}} for m in range(20)]}} for n in range(5)]
    document = workflow(*scopes)
    live = {"/do/3/scope3": Progress("running"), "/do/3/scope3/do/4/t3-4": Progress("running")}
    shown = folded(sketch(document).steps, live)
    assert [bool(step.parts) for step in shown] == [True, False, False, True, False]


# --- as text ----------------------------------------------------------------------------------


def test_the_outline_names_every_task_once() -> None:
    lines = outline(sketch(EVERYTHING), {"/do/0/classify": Progress("done", 2)})
    names = [line.name for line in lines]
    for step in all_steps(sketch(EVERYTHING).steps):
        assert names.count(step.name) == 1
    assert (lines[0].status, lines[0].times) == ("done", 2)


def test_mermaid_escapes_what_a_document_says() -> None:
    text = mermaid(Sketch("t", (Step("/do/0/a", 'a"]<script>', "set", "x & y"),)))
    assert '"a&quot;]&lt;script&gt;<br/>set x &amp; y"' in text
    assert "<script>" not in text
