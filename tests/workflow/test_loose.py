"""`evaluate.mode: loose`: a text is an expression if it has a value, and else a text."""

from __future__ import annotations

from typing import Any

import jq
import pytest

from podium.workflow.compile import compile_workflow
from podium.workflow.jq_builtins import BUILTINS
from podium.workflow.program import CallHttp, Set
from tests.kernel.conversation import Conversation
from tests.workflow.documents import document, problems_of

LOOSE = {"mode": "loose", "language": "jq"}


def made(template: Any, input: Any = None, **parts: Any) -> Any:
    """What a `set` of a loose document makes of an input, by Python and by jq."""
    outputs = []
    for asks_jq in (False, True):
        talk = Conversation([{"a": {"set": template}}], asks_jq=asks_jq, evaluate=LOOSE, **parts)
        talk.submit(input)
        outputs.append(talk.output)
    assert outputs[0] == outputs[1]
    return outputs[0]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (".a", 1), (".a + 1", 2), ("$input.list", [1, 2]), (".list | length", 2), ("null", None), ("42", 42),
        ("[.a, .b]", [1, None]), ('"\\(.a)!"', "1!"), (".list | map(. + 1)", [2, 3]), ("empty", None),
        ("def f: .a; f", 1), ("length", 2), (".list[]", 1), ('$workflow.input.a', 1),
    ],
)  # fmt: skip
def test_a_text_that_has_a_value_gives_it(text: str, value: Any) -> None:
    assert made({"x": text}, {"a": 1, "list": [1, 2]}) == {"x": value}


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "available", "red", "Hello, world!", "https://example.com/x?a=b", "application/json",
        "1.2.3", "2030-01-31T12:00:00Z", "a b", "it's", ".a | ", "(", '"', "now", "env", "input", "debug",
        "$x", "$secrets.x", ".a.b", ".list.b", "error", 'error("x")', ".a + .list", "first(", "@nothing",
        "f(.a)", "add first", "limit", "include \"x\"; .a", "reduce . as $x", "halt", "$__loc__", "ü", ".[",
        "{", "a: b",
    ],
)  # fmt: skip
def test_a_text_that_has_none_is_a_text(text: str) -> None:
    assert made({"x": [text]}, {"a": 1, "list": [1, 2]}) == {"x": [text]}


def test_what_stands_in_braces_is_an_expression_as_ever() -> None:
    assert made({"x": "a ${ .a } .a", "y": "${ .a }"}, {"a": 1}) == {"x": "a 1 .a", "y": 1}
    talk = Conversation([{"a": {"set": {"x": "${ .a.b }"}}}], evaluate=LOOSE)
    talk.submit({"a": 1})
    assert talk.error.type.endswith("/expression")
    task = {"a": {"set": {"x": "${ now }"}}}
    assert problems_of(document(task, evaluate=LOOSE)) == [("expression", "/do/0/a/set/x")]


def test_every_text_of_a_template_is_told_apart() -> None:
    template = {"a": ".a", "b": {"a": ".b", "c": [".a", "nothing", ".a.b"]}, "d": ".a"}
    given = {"a": 1, "b": {"a": "two", "c": [1, "nothing", ".a.b"]}, "d": 1}
    assert made(template, {"a": 1, "b": "two"}) == given


def test_a_text_may_be_all_that_is_set() -> None:
    assert made("${ . }", {"a": 1}) == {"a": 1}


def test_input_and_output_are_made_loosely_too() -> None:
    tasks = [
        {
            "a": {
                "input": {"from": {"x": ".n", "y": "n"}},
                "set": {"x": ".x", "y": ".y"},
                "output": {"as": {"x": ".x", "y": ".y", "z": "gone"}},
            }
        }
    ]
    talk = Conversation(tasks, evaluate=LOOSE)
    talk.submit({"n": 3})
    assert talk.output == {"x": 3, "y": "n", "z": "gone"}


def test_requests_are_made_loosely_but_for_their_endpoint() -> None:
    call = {
        "method": "post", "endpoint": "https://example.com/{id}", "headers": {"Accept": "text/plain"},
        "query": {"status": "available", "page": ".page"}, "body": {"n": ".page + 1", "text": "hello"},
    }  # fmt: skip
    talk = Conversation([{"a": {"call": "http", "with": call}}], evaluate=LOOSE)
    talk.submit({"id": "7", "page": 2})
    request = talk.order("a").input
    assert request["endpoint"] == "https://example.com/7"
    assert request["headers"] == {"Accept": "text/plain"}
    assert request["query"] == {"status": "available", "page": 2}
    assert request["body"] == {"n": 3, "text": "hello"}


def test_conditions_are_expressions_in_any_mode() -> None:
    talk = Conversation([{"a": {"if": ".a.b", "set": {"x": 1}}}], evaluate=LOOSE)
    talk.submit({"a": 1})
    assert talk.error.type.endswith("/expression")


def test_secrets_are_placeholders_in_any_mode() -> None:
    task = {"a": {"input": {"from": {"x": "$secrets.key", "y": "$secrets"}}, "set": {"x": ".x"}}}
    talk = Conversation([task], evaluate=LOOSE, use={"secrets": ["key"]})
    talk.submit({})
    assert "secret:key" in talk.output["x"]
    task["a"]["input"] = {"from": {"x": "$secrets.other"}}
    flow = document(task, evaluate=LOOSE, use={"secrets": ["key"]})
    assert problems_of(flow) == [("unknown-secret", "/do/0/a/input/from/x")]


def test_literals_need_no_evaluation() -> None:
    call = {
        "method": "get",
        "endpoint": "https://x",
        "headers": {"A": "text/plain"},
        "body": ["hello", 1, "7"],
    }
    flow = document({"a": {"set": {"x": "red"}}}, {"b": {"call": "http", "with": call}}, evaluate=LOOSE)
    program, _ = compile_workflow(flow, "sha256:0")
    assert program is not None
    expressions = [
        node.detail.value if isinstance(node.detail, Set) else node.detail.request
        for node in program.nodes
        if isinstance(node.detail, Set | CallHttp)
    ]
    assert all(one.native is not None and not one.loose and not one.arguments for one in expressions)


def test_strict_documents_stay_as_they_are() -> None:
    talk = Conversation([{"a": {"set": {"x": ".a", "y": "42"}}}], evaluate={"mode": "strict"})
    talk.submit({"a": 1})
    assert talk.output == {"x": ".a", "y": "42"}


def test_the_language_is_jq() -> None:
    flow = document({"a": {"set": {"x": 1}}}, evaluate={"language": "javascript", "mode": "loose"})
    assert problems_of(flow) == [("configuration", "/evaluate/language")]
    flow = document({"a": {"set": {"x": 1}}}, evaluate={"mode": "sloppy"})
    assert problems_of(flow) == [("wrong-value", "/evaluate/mode")]


def test_the_builtins_are_those_of_jq() -> None:
    listed = jq.compile("builtins").input_value(None).first()
    assert {name.partition("/")[0] for name in listed} == BUILTINS
