"""`$secrets`: where it may stand, and that an expression gives what stands for the secret."""

from __future__ import annotations

from typing import Any

import pytest

from podium.facts.secrets import inert, only, placeholder
from podium.workflow.compile import compile_workflow
from podium.workflow.expressions import compile_expression
from tests.workflow.documents import document, problems_of

TOKEN = placeholder("api-token")
PASSWORD = placeholder("db", ["user", "pass/word"])


def using(source: Any, *names: str) -> dict[str, Any]:
    """A workflow whose one task makes its input so."""
    return document({"a": {"input": {"from": source}, "set": {"x": "${ . }"}}}, use={"secrets": list(names)})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('$secrets["api-token"]', TOKEN),
        ('$secrets."api-token"', TOKEN),
        ('$secrets.db.user["pass/word"]', PASSWORD),
        ('"Bearer \\($secrets["api-token"])"', f"Bearer {TOKEN}"),
        ('"Bearer " + $secrets."api-token" + ""', f"Bearer {TOKEN}"),
        ('{token: $secrets."api-token", other: .b}', {"token": TOKEN, "other": 2}),
        ('[.b, $secrets."api-token"]', [2, TOKEN]),
        ('.b | $secrets."api-token"', TOKEN),
        ('if .b then $secrets."api-token" else null end', TOKEN),
        ('.c // $secrets."api-token"', TOKEN),
        ('${ $secrets."api-token" }', TOKEN),
    ],
)
def test_an_expression_gives_a_placeholder_by_python_as_it_is(text: str, value: Any) -> None:
    expression = compile_expression(text)
    assert expression.native is not None and expression.arguments == ()
    assert expression.native({"b": 2}, {}) == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("$secrets", "a name right after"),
        ("$secrets.x | length", "`length`"),
        ("$secrets.x == .a", "be compared"),
        (".a < $secrets.x", "be compared"),
        ("$secrets.x * 2", "computed"),
        ("$secrets[.a]", "a name right after"),
        ("$secrets.x[0:3]", "computed"),
        ("($secrets.x) | @base64", "`@base64`"),
        ('@base64 "\\($secrets.x)"', "`@base64`"),
        ("{a: $secrets.x} | tojson", "`tojson`"),
        ("$secrets.x as $y | $y", "computed"),
        ("{$secrets}", "a name right after"),
        ("$secrets | .x", "a name right after"),
        ('$secrets.x + "a" | test("b")', "`test`"),
        ('"\\($secrets.x | length)"', "`length`"),
    ],
)
def test_what_would_look_into_a_secret_is_refused(text: str, said: str) -> None:
    program, problems = compile_workflow(using(text, "x"), "sha256:0")
    assert program is None
    assert [problem.rule for problem in problems] == ["expression"]
    assert problems[0].path == "/do/0/a/input/from" and said in problems[0].message


def test_secrets_are_there_in_the_input_of_workflow_and_task_only() -> None:
    flow = using("${ $secrets.x }", "x")
    flow["input"] = {"from": {"token": "${ $secrets.x }"}}
    program, _ = compile_workflow(flow, "sha256:0")
    assert program is not None and program.secrets == ("x",)
    elsewhere: list[dict[str, Any]] = [
        {"set": {"x": "${ $secrets.x }"}},
        {"if": "$secrets.x", "set": {"x": 1}},
        {"set": {"x": 1}, "output": {"as": "$secrets.x"}},
        {"set": {"x": 1}, "export": {"as": "$secrets.x"}},
        {"call": "http", "with": {"method": "get", "endpoint": "${ $secrets.x }"}},
    ]
    for task in elsewhere:
        (problem,) = problems_of(document({"a": task}, use={"secrets": ["x"]}))
        assert problem[0] == "unknown-variable"


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        (using("$secrets.typo", "typos"), "unknown-secret"),
        (using("$secrets.x"), "unknown-secret"),
        (document({"a": {"set": {"x": 1}}}, use={"secrets": ["a b"]}), "wrong-value"),
        (document({"a": {"set": {"x": 1}}}, use={"secrets": [1]}), "wrong-type"),
        (document({"a": {"set": {"x": 1}}}, use={"secrets": "x"}), "wrong-type"),
    ],
)
def test_secrets_are_named_where_they_are_used(value: Any, rule: str) -> None:
    assert [problem[0] for problem in problems_of(value)] == [rule]


def test_what_comes_from_outside_is_made_inert() -> None:
    clean = {"a": ["x", {"b": 1.5, "c": None}]}
    assert inert(clean) is clean
    made = inert({"a": f"x{TOKEN}", TOKEN: [PASSWORD[:3]]})
    assert "\ufdd0" not in str(made) and "\ufdd1" not in str(made)
    assert "secret:api-token" in made["a"]


def test_only_placeholders_that_were_there_before_stay() -> None:
    clean = {"a": 1}
    assert only(clean, ()) is clean
    made = only([TOKEN, f"{PASSWORD}!", "\ufdd0"], [f'{{"d": "{TOKEN}"}}'.encode(), b"1"])
    assert made[0] == TOKEN
    assert "\ufdd0" not in "".join(made[1:])
