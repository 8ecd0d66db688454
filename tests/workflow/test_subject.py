"""Whom a run is about: an expression in the document that needs no jq."""

from __future__ import annotations

from typing import Any

import pytest

from podium.facts.inputs import SubmitRun
from podium.workflow.compile import compile_workflow


def document(subject: Any) -> dict[str, Any]:
    header = {"dsl": "1.0.3", "namespace": "test", "name": "about", "version": "1.0.0"}
    return {"document": {**header, "metadata": {"subject": subject}}, "do": [{"a": {"set": {"x": 1}}}]}


@pytest.mark.parametrize(
    "subject", ["${ .who }", ".who", "${ .a.b }", r'${ "\(.tenant)/\(.id)" }', "${ .who // .id }"]
)
def test_a_subject_is_an_expression_over_the_raw_input(subject: str) -> None:
    program, problems = compile_workflow(document(subject), "sha256:1")
    assert problems == []
    assert program is not None and program.subject is not None
    assert program.subject.native is not None
    given = {"who": "ada", "id": 7, "tenant": "acme", "a": {"b": "ada"}}
    assert program.subject.native(given, {}) in ("ada", "acme/7")


@pytest.mark.parametrize(
    "subject", [5, ["a"], "${ .who", "${ $context.who }", '${ .who | test("a") | tostring }', "${ input }"]
)
def test_what_is_no_subject_is_refused_with_its_place(subject: Any) -> None:
    program, problems = compile_workflow(document(subject), "sha256:1")
    assert program is None
    assert {problem.path for problem in problems} == {"/document/metadata/subject"}


def test_without_one_runs_are_about_nobody() -> None:
    made = document("x")
    del made["document"]["metadata"]
    program, problems = compile_workflow(made, "sha256:1")
    assert program is not None and program.subject is None and problems == []
    assert SubmitRun(run_id="r", workflow="w").subject == ""
