"""Workflows in Python make the documents that YAML makes, and nothing else."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from ruamel.yaml import YAML

from podium.sdk import flow
from podium.sdk.reading import read_workflow
from podium.workflow.compile import compile_workflow

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted((ROOT / "examples").glob("*/*workflow*.yaml"))


def load(text: str | Path) -> Any:
    return YAML(typ="safe", pure=True).load(text)


class Ticket(BaseModel):
    text: str
    level: int = 1


REFUND = flow.Workflow(
    "support", "refund", "1.0.0",
    flow.Agent("classify", capability="ticket.classify", input={"text": flow.x(".text")}),
    flow.Switch("route", (flow.Case("urgent", ".level > 3", "ask"), flow.Case("other", then="end"))),
    flow.Try(
        "care",
        (flow.Human("ask", title="Refund?", decisions=("yes", "no"), timeout=timedelta(days=1, seconds=3)),),
        (flow.Set("silence", {"decision": "no"}),),
        errors={"status": 408},
        retry={"limit": {"attempt": {"count": 2}}},
    ),
    flow.Fork(
        "both",
        (flow.Wait("pause", timedelta(seconds=90)), flow.Do("rest", (flow.Set("a", {"b": 1}),))),
    ),
    flow.For("each", "${ .items }", (flow.Set("one", {"n": "${ $item }"}, if_="$item > 1"),), while_="true"),
    flow.Raise("no", {"type": "https://example.com/no", "status": 400}, then="end"),
    title="Refunds",
    input_schema=Ticket,
    timeout="PT1H",
)  # fmt: skip

REFUND_YAML = """
document: {dsl: 1.0.3, namespace: support, name: refund, version: 1.0.0, title: Refunds}
input:
  schema:
    document:
      type: object
      title: Ticket
      required: [text]
      properties: {text: {type: string}, level: {type: integer, default: 1}}
timeout: {after: PT1H}
do:
  - classify: {call: agent, with: {capability: ticket.classify, input: {text: '${ .text }'}}}
  - route: {switch: [{urgent: {when: .level > 3, then: ask}}, {other: {then: end}}]}
  - care:
      try:
        - ask:
            call: human
            with: {title: Refund?, decisions: ['yes', 'no']}
            timeout: {after: {days: 1, seconds: 3}}
      catch:
        errors: {with: {status: 408}}
        retry: {limit: {attempt: {count: 2}}}
        do: [silence: {set: {decision: 'no'}}]
  - both:
      fork:
        branches:
          - pause: {wait: {minutes: 1, seconds: 30}}
          - rest: {do: [a: {set: {b: 1}}]}
  - each:
      for: {in: '${ .items }'}
      while: 'true'
      do: [one: {if: $item > 1, set: {n: '${ $item }'}}]
  - no: {raise: {error: {type: https://example.com/no, status: 400}}, then: end}
"""


def test_python_makes_the_document_that_yaml_makes() -> None:
    assert REFUND.document() == load(REFUND_YAML)


def test_its_yaml_reads_back_as_the_same_document() -> None:
    assert load(REFUND.yaml()) == REFUND.document()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.parent.name)
def test_every_example_goes_through_the_typed_tasks_unchanged(path: Path) -> None:
    document = load(path)
    assert read_workflow(document).document() == document


def test_what_was_written_is_read_as_it_was() -> None:
    again = read_workflow(REFUND.document())
    assert again.document() == REFUND.document()
    classify = again.do[0]
    assert isinstance(classify, flow.Agent)
    assert classify.capability == "ticket.classify"


def test_a_part_without_a_field_is_told_by_its_place() -> None:
    document = {
        "document": {"dsl": "1.0.3", "namespace": "a", "name": "b", "version": "1.0.0"},
        "do": [{"outer": {"do": [{"inner": {"set": {"a": 1}, "unheard": {"of": 1}}}]}}],
    }
    with pytest.raises(ValueError, match="/do/0/outer/do/0/inner has unheard"):
        read_workflow(document)


def test_every_kind_of_task_that_compiles_alone_does() -> None:
    small = flow.Workflow(
        "a", "b", "1.0.0",
        flow.Http("get", "get", "https://example.com/{id}", output="response"),
        flow.Listen("hear", any=[{"with": {"type": "a"}}]),
        flow.Human("ask", title="Well?"),
    )  # fmt: skip
    program, problems = compile_workflow(small.document(), "sha256:0")
    assert program is not None, problems


@pytest.mark.parametrize(
    ("span", "told"),
    [
        (timedelta(0), {"seconds": 0}),
        (timedelta(hours=25, milliseconds=1), {"days": 1, "hours": 1, "milliseconds": 1}),
        ("PT5S", "PT5S"),
        ({"minutes": 2}, {"minutes": 2}),
    ],
)
def test_spans(span: flow.Duration, told: Any) -> None:
    assert flow.Wait("w", span).definition() == {"wait": told}
