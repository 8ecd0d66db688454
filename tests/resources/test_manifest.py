"""Texts declare resources; what is wrong with one is told with its rule, path, line and column."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podium.resources.manifest import Document, digest_of, read_text
from podium.resources.troubles import Trouble

AGENT = """\
apiVersion: podium.dev/v1
kind: Agent
metadata:
  name: triage
  labels: {team: support}
spec:
  version: 1.0.0
  capabilities:
    - name: ticket.classify
      input:
        type: object
        properties: {title: {type: string}}
      output: {type: object}
  timing: {deadline: PT30S}
  retry:
    attempts: 3
    delay: {seconds: 1}
  cost: {perCall: {usd: "0.002"}}
  runtime:
    function:
      callable: triage:run
"""

WORKFLOW = """\
document:
  dsl: '1.0.3'
  namespace: support
  name: refund
  version: 1.2.0
do:
  - wait:
      wait: {seconds: 1}
  - on: {set: {answer: yes}}
"""


def read(text: str | bytes, files: dict[str, bytes] | None = None) -> tuple[list[Document], list[Trouble]]:
    def open_file(name: str) -> bytes:
        if files is None or name not in files:
            raise FileNotFoundError(2, "No such file or directory")
        return files[name]

    return read_text(text, "team/agents.yaml", "/team", open_file)


def changed(old: str, new: str, text: str = AGENT) -> str:
    assert old in text
    return text.replace(old, new, 1)


def test_an_agent_and_a_workflow_of_one_text() -> None:
    [agent, workflow], troubles = read(AGENT + "---\n" + WORKFLOW)
    assert troubles == []
    assert (agent.kind, agent.name, agent.version) == ("Agent", "triage", "1.0.0")
    assert agent.spec["deadline_ms"] == 30_000
    assert agent.digest == digest_of(agent.spec)
    assert (workflow.kind, workflow.name, workflow.version) == ("Workflow", "support/refund", "1.2.0")
    assert workflow.spec["namespace"] == "support"
    assert workflow.spec["name"] == "refund"
    assert workflow.spec["document"]["do"][1] == {"on": {"set": {"answer": "yes"}}}


def test_a_digest_is_of_the_content_not_of_its_form() -> None:
    [first], _ = read("document: {dsl: '1.0.3', namespace: a, name: b, version: 1.0.0}\ndo: []\n")
    [second], _ = read(
        '{"do": [], "document": {"version": "1.0.0", "name": "b", "namespace": "a", "dsl": "1.0.3"}}'
    )
    assert first.digest == second.digest
    assert first.digest.startswith("sha256:")
    assert digest_of({"a": 1}) != digest_of({"a": 2})


def test_places_of_a_workflow_for_whoever_compiles_it() -> None:
    [workflow], _ = read(WORKFLOW)
    assert workflow.place("/do/0/wait/wait/seconds") == (8, 23)
    assert workflow.place("/do/1/on") == (9, 9)
    assert workflow.place("/do/1/on", key=True) == (9, 5)


BAD = [
    # text, rule, path, line, column, words
    (changed("version: 1.0.0", "version: 1.0"), "wrong-type", "/spec/version", 7, 12, 'quotes: "1.0"'),
    (changed("version: 1.0.0", "version: v1"), "version", "/spec/version", 7, 12, '"1.0.0"'),
    (changed("timing", "timings"), "unknown-field", "/spec/timings", 14, 3, "Did you mean `timing`?"),
    (changed("PT30S", "30"), "duration", "/spec/timing/deadline", 14, 22, "PT30S"),
    (changed("PT30S", "PT0S"), "duration", "/spec/timing/deadline", 14, 22, "longer than 0"),
    (changed("seconds: 1", "second: 1"), "duration", "/spec/retry/delay", 17, 12, "`seconds`"),
    (changed("attempts: 3", "attempts: 0"), "out-of-range", "/spec/retry/attempts", 16, 15, "at least 1"),
    (changed("attempts: 3", "attempts: '3'"), "wrong-type", "/spec/retry/attempts", 16, 15, "whole number"),
    (
        changed("attempts: 3", "backoff: expo"),
        "unknown-value",
        "/spec/retry/backoff",
        16,
        14,
        "`exponential`",
    ),
    (changed('"0.002"', "0.002"), "money", "/spec/cost/perCall/usd", 18, 25, "as text"),
    (changed("usd", "eur"), "missing-field", "/spec/cost/perCall/usd", 18, 19, "`usd` is missing"),
    (changed("function:", "functoin:"), "unknown-field", "/spec/runtime/functoin", 20, 5, "`function`"),
    (
        changed("triage:run", "triage"),
        "callable",
        "/spec/runtime/function/callable",
        21,
        17,
        "module:function",
    ),
    (AGENT + "    process: {command: [a]}\n", "one-runtime", "/spec/runtime", 19, 3, "exactly one"),
    (changed("name: triage", "name: Triage!"), "name", "/metadata/name", 4, 9, "lower-case"),
    (changed("  name: triage\n", ""), "missing-field", "/metadata/name", 3, 1, "`name` is missing"),
    (changed("team: support", "team: 7"), "wrong-type", "/metadata/labels/team", 5, 18, "must be text"),
    (changed("team: support", "'a b': x"), "name", "/metadata/labels/a b", 5, 12, "label's name"),
    (changed("ticket.classify", "Ticket"), "name", "/spec/capabilities/0/name", 9, 13, "`ticket.classify`"),
    (
        changed("type: object\n", "type: objct\n"),
        "schema",
        "/spec/capabilities/0/input/type",
        11,
        15,
        "`object`",
    ),
    (
        changed("output: {type: object}", "output: 3"),
        "schema",
        "/spec/capabilities/0/output",
        13,
        15,
        "object",
    ),
    (
        changed("output: {type: object}", "output: out.json"),
        "schema-file",
        "/spec/capabilities/0/output",
        13,
        15,
        "No such file",
    ),
    (
        changed("output: {type: object}", "output: object"),
        "schema-file",
        "/spec/capabilities/0/output",
        13,
        15,
        "no schema",
    ),
    (
        changed("  timing", "    - name: ticket.classify\n  timing"),
        "duplicate-capability",
        "/spec/capabilities/1/name",
        14,
        13,
        "capabilities[0]",
    ),
    (changed("kind: Agent", "kind: Agnt"), "unknown-kind", "/kind", 2, 7, "Did you mean `Agent`?"),
    (changed("kind: Agent", "kind: Workflow"), "unknown-kind", "/kind", 2, 7, "`document` at the top"),
    (changed("v1", "v2"), "unknown-version", "/apiVersion", 1, 13, "podium.dev/v1"),
    (changed("apiVersion: podium.dev/v1\n", ""), "missing-field", "/apiVersion", 1, 1, "podium.dev/v1"),
    (changed("spec:", "metadata: {}\nspec:"), "duplicate-key", "/metadata", 6, 1, "line 3"),
    ("documnt: {}\n", "unknown-document", "", 1, 1, "Did you mean `document`?"),
    ("- 1\n", "unknown-document", "", 1, 1, "declares nothing"),
    (changed("do:", "doo:", WORKFLOW), "unknown-field", "/doo", 6, 1, "Did you mean `do`?"),
    (changed("  name: refund\n", "", WORKFLOW), "missing-field", "/document/name", 1, 1, "`name` is missing"),
    (changed("1.2.0", "1.2", WORKFLOW), "wrong-type", "/document/version", 5, 12, "quotes"),
    ("document: 3\ndo: []\n", "wrong-type", "/document", 1, 11, "an object"),
]


@pytest.mark.parametrize(("text", "rule", "path", "line", "column", "words"), BAD)
def test_a_bad_manifest_is_refused_at_its_place(
    text: str, rule: str, path: str, line: int, column: int, words: str
) -> None:
    documents, troubles = read(text)
    assert documents == []
    assert (rule, path, line, column) in [(t.rule, t.path, t.line, t.column) for t in troubles]
    assert words in " ".join(trouble.message for trouble in troubles if trouble.rule == rule)
    assert {trouble.file for trouble in troubles} == {"team/agents.yaml"}


def test_all_that_is_wrong_is_told_in_the_order_of_the_file() -> None:
    text = (
        AGENT.replace("Agent", "Agent").replace("triage\n", "T\n", 1).replace("PT30S", "x").replace("3", "-3")
    )
    _, troubles = read(text + "---\nnothing: 1\n")
    assert [trouble.rule for trouble in troubles] == ["name", "duration", "out-of-range", "unknown-document"]
    assert [trouble.line for trouble in troubles] == sorted(trouble.line for trouble in troubles)


def test_schemas_come_from_files_beside_the_manifest() -> None:
    text = changed("output: {type: object}", "output: schemas/out.yaml")
    [agent], troubles = read(text, {"schemas/out.yaml": b"type: object\nrequired: [a]\n"})
    assert troubles == []
    assert agent.spec["capabilities"][0]["output"] == {"type": "object", "required": ["a"]}


@pytest.mark.parametrize(
    ("content", "file", "rule", "line", "column"),
    [
        (b'{"type":\n  "objct"}', "team/schemas/out.json", "schema", 2, 3),
        (b'{"type":\n  "object', "team/schemas/out.json", "yaml-syntax", 2, 10),
        (b"\xff", "team/schemas/out.json", "not-utf-8", 1, 1),
        (b"", "team/agents.yaml", "schema-file", 13, 15),
        (b"{}\n---\n{}", "team/agents.yaml", "schema-file", 13, 15),
    ],
)
def test_troubles_in_a_schema_file_are_told_there(
    content: bytes, file: str, rule: str, line: int, column: int
) -> None:
    text = changed("output: {type: object}", "output: schemas/out.json")
    documents, [trouble] = read(text, {"schemas/out.json": content})
    assert documents == []
    assert (trouble.file, trouble.rule, trouble.line, trouble.column) == (file, rule, line, column)


def test_one_bad_document_leaves_the_others() -> None:
    documents, troubles = read(changed("PT30S", "x") + "---\n" + WORKFLOW)
    assert [document.kind for document in documents] == ["Workflow"]
    assert [trouble.rule for trouble in troubles] == ["duration"]


JUNK: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats()
    | st.sampled_from(["", "x", "PT1S", "a.json", "1.0.0"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "function", "seconds", "$ref", "type", "x"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)
PATHS = [
    ("apiVersion",),
    ("kind",),
    ("metadata",),
    ("metadata", "labels"),
    ("spec",),
    ("spec", "version"),
    ("spec", "capabilities"),
    ("spec", "capabilities", 0),
    ("spec", "capabilities", 0, "input"),
    ("spec", "timing"),
    ("spec", "timing", "deadline"),
    ("spec", "retry"),
    ("spec", "retry", "jitter"),
    ("spec", "cost"),
    ("spec", "concurrency"),
    ("spec", "delivery"),
    ("spec", "runtime"),
    ("spec", "runtime", "function"),
    ("spec", "runtime", "http"),
    ("spec", "runtime", "process"),
    ("document",),
]


@settings(max_examples=300)
@given(st.lists(st.tuples(st.sampled_from(PATHS), JUNK), min_size=1, max_size=4))
def test_no_value_anywhere_raises(junk: list[tuple[tuple[str | int, ...], Any]]) -> None:
    resource: dict[str, Any] = {
        "apiVersion": "podium.dev/v1",
        "kind": "Agent",
        "metadata": {"name": "a", "labels": {}},
        "spec": {
            "version": "1.0.0",
            "capabilities": [{"name": "a"}],
            "timing": {},
            "retry": {},
            "runtime": {"function": {"callable": "a:b"}},
        },
    }
    for path, value in junk:
        _put(resource, path, value)
    documents, troubles = read(repr_json(resource))
    assert bool(documents) != bool(troubles)
    assert all(trouble.line == 1 and trouble.column >= 1 for trouble in troubles)


def _put(target: Any, path: tuple[str | int, ...], value: Any) -> None:
    for part in path[:-1]:
        try:
            target = target[part]
        except (KeyError, IndexError, TypeError):
            return
    if isinstance(target, dict) and isinstance(path[-1], str):
        target[path[-1]] = value


def repr_json(value: Any) -> str:
    """JSON, but with YAML's words for numbers that JSON does not have."""
    import json

    return json.dumps(value).replace("NaN", ".nan").replace("-Infinity", "-.inf").replace("Infinity", ".inf")


@settings(max_examples=200)
@given(
    st.integers(0, len(AGENT + WORKFLOW)), st.integers(0, 12), st.text("{}[]:,-&*!'\" \n\tax1.", max_size=4)
)
def test_no_edit_of_a_good_text_raises(start: int, length: int, put: str) -> None:
    text = AGENT + "---\n" + WORKFLOW
    documents, troubles = read(text[:start] + put + text[start + length :])
    assert documents or troubles
    assert all(trouble.rule != "invalid" for trouble in troubles), "every error has words of its own"
