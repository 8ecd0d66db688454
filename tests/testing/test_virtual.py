"""A hub by a clock that the test moves, with agents that it scripts."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from podium.sdk import flow
from podium.sdk.agent import agent
from podium.testing.virtual import Dies, Fails, InTurn, Never, Takes, virtual

REFUND = """\
document: {dsl: '1.0.3', namespace: support, name: refund, version: '1.0.0'}
do:
  - classify: {call: agent, with: {capability: ticket.classify}}
  - review:
      if: ${ .amount > 100 }
      call: human
      with: {title: Send the refund?}
      timeout: {after: P14D}
  - done: {set: {sent: true}}
"""

NIGHTLY = """\
apiVersion: podium.dev/v1
kind: Schedule
metadata: {name: nightly}
spec:
  version: "1.0.0"
  workflow: support/refund
  input: {due: '${ .due }', amount: 1}
  cron: 0 3 * * *
  timeZone: Europe/Berlin
"""

RETRYING = """\
document: {dsl: '1.0.3', namespace: test, name: retrying, version: '1.0.0'}
do:
  - ask:
      try: [{call: {call: agent, with: {capability: work}}}]
      catch:
        errors: {with: {status: 500}}
        retry: {delay: PT1H, backoff: {exponential: {}}, limit: {attempt: {count: 3}}}
"""


@agent(name="twice", version="1.0.0")
async def twice(n: int) -> int:
    return 2 * n


double = flow.Workflow(
    "test", "double", "1.0.0", flow.Agent("twice", capability="twice", input=flow.x("{n: .n}"))
)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "refund.yaml").write_text(REFUND)
    return tmp_path


def test_two_weeks_pass_at_once_where_nobody_answers(files: Path) -> None:
    with virtual(files / "refund.yaml", agents={"ticket.classify": {"amount": 900}}) as podium:
        run = podium.start("support/refund", {"text": "my money"})
        assert run.waits_for("human")["task"] == "/do/1/review"
        podium.advance(days=13, hours=23)
        run.waits_for("human", "review")
        podium.advance(hours=1)
        run.faulted("timeout").tells("classify", "review")
        assert podium.inputs("ticket.classify") == [{"text": "my money"}]


def test_a_person_answers_and_the_run_goes_on(files: Path) -> None:
    with virtual(files / "refund.yaml", agents={"ticket.classify": {"amount": 900}}) as podium:
        run = podium.start("support/refund", {})
        run.answer("approve").completed({"sent": True})
        assert run.tasks == ["classify", "review", "done"]
        with pytest.raises(AssertionError, match=r"(?s)its output is .*classify"):
            run.completed({"sent": False})
        with pytest.raises(AssertionError, match="and not for human"):
            run.waits_for("human")


def test_attempts_fail_in_turn_and_pauses_cost_no_time(tmp_path: Path) -> None:
    (tmp_path / "retrying.yaml").write_text(RETRYING)
    answers = InTurn(Fails("busy", retryable=False), Fails("busy", retryable=False), {"well": True})
    with virtual(tmp_path / "retrying.yaml", agents={"work": answers}) as podium:
        began = podium.now
        podium.run("test/retrying").completed({"well": True})
        assert podium.now - began == timedelta(hours=3)
        assert len(podium.inputs("work")) == 3


def test_an_attempt_takes_virtual_time_dies_or_is_silent(tmp_path: Path) -> None:
    (tmp_path / "retrying.yaml").write_text(RETRYING)
    with virtual(tmp_path, agents={"work": Takes(timedelta(seconds=30), {"n": 1})}) as podium:
        began = podium.now
        podium.run("test/retrying").completed({"n": 1})
        assert podium.now - began == timedelta(seconds=30)
        podium.agent("work", Dies())
        podium.run("test/retrying").faulted()
        podium.agent("work", Never())
        podium.run("test/retrying").faulted("timeout")


def test_a_schedule_begins_runs_for_a_year(files: Path) -> None:
    (files / "nightly.yaml").write_text(NIGHTLY)
    began = time.monotonic()
    with virtual(files, agents={"ticket.classify": lambda given: given}) as podium:
        podium.advance(days=365)
        runs = podium.runs("support/refund")
        assert len(runs) == 365
        dues = [given["due"] for given in podium.inputs("ticket.classify")]  # type: ignore[index, call-overload]
        assert {due[11:16] for due in dues} == {"02:00", "01:00"}
        runs[-1].completed({"sent": True})
    assert time.monotonic() - began < 60


def test_agents_that_no_script_is_for_are_called_for_real(tmp_path: Path) -> None:
    with virtual(__file__) as podium:
        podium.run("test/double", {"n": 21}).completed(42)


def test_a_function_sees_the_input_and_its_error_is_the_agents(files: Path) -> None:
    def classify(given: Any) -> Any:
        return {"amount": len(given["text"])}

    with virtual(files / "refund.yaml", agents={"ticket.classify": classify}) as podium:
        podium.run("support/refund", {"text": "short"}).completed({"sent": True})
        podium.run("support/refund", {}).faulted("KeyError")


def test_events_reach_who_listens(tmp_path: Path) -> None:
    (tmp_path / "hear.yaml").write_text(
        "document: {dsl: '1.0.3', namespace: test, name: hear, version: '1.0.0'}\n"
        "do: [{hear: {listen: {to: {one: {with: {type: paid}}}}}}]\n"
    )
    with virtual(tmp_path) as podium:
        run = podium.start("test/hear")
        podium.send("paid", {"amount": 5})
        run.completed([{"amount": 5}]).never_tells("error")


def test_what_cannot_be_declared_fails_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "team.yaml").write_text("apiVersion: podium.dev/v1\nkind: Agnt\n")
    with pytest.raises(AssertionError, match=r"team\.yaml:2"), virtual(tmp_path / "team.yaml"):
        pass
