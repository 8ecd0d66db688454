"""Whose turn it is: priorities and tenants of runs that wait for the same slots."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from podium.facts import events as e
from podium.facts.inputs import Reported
from podium.facts.values import Accepted, Refused
from podium.kernel.acting import action_for
from podium.workflow.compile import compile_workflow
from tests.kernel.conversation import Conversation, agent

ONE = "[{ask: {call: agent, with: {capability: c}}}]"


class Crowd:
    """Many runs that want the same agent, of which few attempts may run at once."""

    def __init__(self, concurrency: int = 1, do: Any = ONE, **parts: Any) -> None:
        self.talk = Conversation(do, agents=(agent("a", "c", concurrency=concurrency),), **parts)
        self.names: dict[str, str] = {}

    def submit(self, name: str, tenant: str = "", **fields: Any) -> Any:
        run_id = str(UUID(int=len(self.names) + 1))
        self.names[run_id] = name
        labels = {"tenant": tenant} if tenant else {}
        return self.talk.submit({}, run_id=run_id, labels=labels, **fields)

    @property
    def at_work(self) -> list[str]:
        return [self.names[run_id] for run_id, _ in self.talk.open]

    def end(self, name: str) -> None:
        order = next(one for one in self.talk.open.values() if self.names[one.run_id] == name)
        del self.talk.open[order.run_id, order.effect]
        self.talk.tell(
            Reported(
                run_id=order.run_id, effect=order.effect, token=order.token, status="succeeded", output=1
            )
        )

    def ended_in_turn(self) -> list[str]:
        names = []
        while self.at_work:
            names.append(self.at_work[0])
            self.end(names[-1])
        return names


def test_what_is_urgent_goes_before_what_came_first() -> None:
    crowd = Crowd()
    crowd.submit("first")
    crowd.submit("low", priority="low")
    crowd.submit("normal")
    crowd.submit("high", priority="high")
    assert crowd.ended_in_turn() == ["first", "high", "normal", "low"]
    started = [one.reason for one in crowd.talk.events(e.AttemptStarted)]
    assert started[0] == "next of 3 that wait; priority high, before normal and low"
    assert started[-1] == ""


def test_the_workflow_says_how_urgent_its_runs_are_unless_whoever_submits_one_does() -> None:
    talk = Conversation(ONE, agents=(agent("a", "c"),))
    document = {"dsl": "1.0.3", "namespace": "test", "name": "talk", "version": "2.0.0"}
    urgent = {"document": {**document, "metadata": {"priority": "high"}}, "do": [{"x": {"set": {"a": 1}}}]}
    program, problems = compile_workflow(urgent, digest="d")
    assert program is not None and not problems
    assert program.priority == "high"
    urgent["document"]["metadata"] = {"priority": "soon"}  # type: ignore[index]
    _, problems = compile_workflow(urgent, digest="d")
    assert problems[0].path == "/document/metadata/priority"
    talk.submit({}, priority="low")
    assert (talk.run.priority, talk.events(e.RunStarted)[0].priority) == ("low", "low")


def test_whoever_submits_much_waits_behind_itself() -> None:
    crowd = Crowd()
    for number in range(4):
        crowd.submit(f"acme {number}", "acme")
    crowd.submit("globex", "globex")
    crowd.submit("nobody's")
    assert crowd.ended_in_turn() == ["acme 0", "globex", "nobody's", "acme 1", "acme 2", "acme 3"]
    [reason, *_] = [one.reason for one in crowd.talk.events(e.AttemptStarted)]
    assert reason == ("next of 5 that wait; tenant globex has 0 under way; acme has 0, default has 0")


def test_slots_are_shared_and_not_turns() -> None:
    """Attempts of acme are long; that gives it no more slots than globex, whose attempts are short."""
    crowd = Crowd(concurrency=2)
    for number in range(3):
        crowd.submit(f"acme {number}", "acme")
    for number in range(3):
        crowd.submit(f"globex {number}", "globex")
    assert crowd.at_work == ["acme 0", "acme 1"]
    crowd.end("acme 0")
    for number in range(3):
        assert crowd.at_work == ["acme 1", f"globex {number}"]
        crowd.end(f"globex {number}")
    assert crowd.at_work == ["acme 1", "acme 2"]


def test_a_run_below_is_as_urgent_as_the_one_above_and_of_the_same_tenant() -> None:
    talk = Conversation("[{sub: {run: {workflow: {namespace: test, name: below, version: 1.0.0}}}}]")
    talk.declare(below=[{"pause": {"wait": {"seconds": 1}}}])
    talk.submit({}, labels={"tenant": "acme"}, priority="high")
    started = talk.events(e.RunStarted)
    assert [(one.tenant, one.priority) for one in started] == [("acme", "high")] * 2


def test_who_waits_is_known_again_after_a_crash() -> None:
    crowd = Crowd()
    crowd.submit("first", "acme")
    crowd.submit("second", "acme")
    crowd.submit("other", "globex", priority="high")
    crowd.talk.crash()
    crowd.talk.go_on()
    assert crowd.ended_in_turn()[0] == "other"
    assert crowd.talk.shard.queues and not any(map(len, crowd.talk.shard.queues.values()))


def test_one_that_fills_the_line_does_not_keep_others_out() -> None:
    crowd = Crowd()
    crowd.talk.catalog.queue_max = 4
    for number in range(5):
        assert isinstance(crowd.submit(f"acme {number}", "acme"), Accepted)
    assert isinstance(crowd.submit("acme too", "acme"), Refused)
    assert isinstance(crowd.submit("globex 0", "globex"), Accepted)
    assert isinstance(crowd.submit("globex 1", "globex"), Accepted)
    assert isinstance(crowd.submit("globex 2", "globex"), Refused)


def test_policy_knows_the_same_tenant() -> None:
    talk = Conversation(ONE, agents=(agent("a", "c"),))
    for labels, tenant in (({"tenant": "acme"}, "acme"), ({"tenant": "default"}, "default"), ({}, "default")):
        run_id = str(UUID(int=len(tenant) + len(labels)))
        talk.submit({}, run_id=run_id, labels=labels)
        run = talk.shard.runs[run_id]
        action = action_for(talk.catalog, run, "agent", run.effects[1].digest, "c", {})
        assert (action.tenant, run.tenant) == (tenant, tenant if tenant != "default" else "")
