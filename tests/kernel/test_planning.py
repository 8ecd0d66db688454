"""`call: plan`: what an agent plans is looked at, and runs as a run below, within what is allowed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from podium.facts import events as e
from podium.facts import inputs as i
from podium.facts.policy_version import Match, Rule, Tier
from podium.facts.values import JSON, Accepted, Refused
from podium.kernel.state import Run
from podium.kernel.step import program_of
from podium.workflow.planned import ERASED
from tests.kernel.conversation import Conversation, agent, reported
from tests.policies import policy

Converse = Callable[..., Conversation]
TEXT = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}}}
AGENTS = (
    agent("planner", "plan.make"),
    agent("ann", "text.write", input=TEXT, output=TEXT, priced=True, cost_nano=400_000_000),
    agent("bob", "text.check", input=TEXT),
    agent("eve", "mail.send"),
)
INPUT = {"topic": "tea"}
MAY = Rule("all", "allow", Match(kinds=("agent", "workflow")))
ALLOW = {"calls": ["agent"], "capabilities": ["text.*"]}
SET = {"set": {"x": 1}}
GIVEN = {"text": "${ $workflow.input.topic }"}
WRITE = {"call": "agent", "with": {"capability": "text.write", "input": GIVEN}}


def planning(**more: JSON) -> list[dict[str, JSON]]:
    return [{"research": {"call": "plan", "with": {"capability": "plan.make", "allow": ALLOW, **more}}}]


def begin(converse: Converse, tasks: JSON = None, **parts: Any) -> Conversation:
    talk = converse(tasks or planning(), agents=parts.pop("agents", AGENTS), **parts)
    talk.submit(INPUT)
    return talk


def order(talk: Conversation) -> Any:
    (one,) = talk.open.values()
    return one


def tell(talk: Conversation, output: JSON = None, **fields: Any) -> None:
    one = order(talk)
    del talk.open[one.run_id, one.effect]
    talk.tell(reported(one, output, **fields))


def planned(converse: Converse, tasks: JSON, *, more: JSON = None, **parts: Any) -> Conversation:
    """A conversation in which these tasks were planned."""
    talk = begin(converse, planning(**(more or {})), **parts)
    tell(talk, {"do": tasks})
    return talk


def refusal(talk: Conversation) -> str:
    assert (talk.error.type.rpartition("/")[2], talk.error.status) == ("validation", 400)
    assert talk.error.title == "the plan of plan.make is refused"
    assert len(talk.events(e.RunStarted)) == 1
    return str(talk.error.detail)


def test_what_was_planned_runs_below(converse: Converse) -> None:
    talk = begin(converse)
    assert (order(talk).agent, order(talk).input) == ("planner@1.0.0", INPUT)
    talk.crash()
    tell(talk, {"do": [{"write": WRITE}, {"last": {"set": {"done": "${ .text }"}}}]})
    talk.crash()
    assert (order(talk).agent, order(talk).input) == ("ann@1.0.0", {"text": "tea"})
    assert order(talk).run_id != talk.run_id
    tell(talk, {"text": "on tea"})
    assert talk.output == {"done": "on tea"}
    _, started = talk.events(e.RunStarted)
    assert (started.workflow, started.planned, started.parent) == ("test/talk.plan@1.0.0", True, talk.run_id)
    asked = talk.events(e.EffectRequested)[1]
    assert (asked.kind, asked.digest) == ("workflow", started.digest)
    assert asked.reason == "waits for it: 2 tasks that plan.make planned"


def test_the_document_is_in_the_log_under_the_name_of_who_asked_for_it(converse: Converse) -> None:
    talk = begin(converse)
    header = {"dsl": "1.0.3", "namespace": "bank", "name": "pay", "version": "9.0.0", "title": "t"}
    document = {"document": header, "do": [{"a": {"set": {"x": "${ .y }"}}}]}
    tell(talk, {"workflow": document, "input": {"y": 1}})
    assert talk.output == {"x": 1}
    body: Any = next(
        one.body for one in talk.log if isinstance(one.event, e.RunStarted) and one.event.planned
    )
    assert body.document["document"] == {
        "dsl": "1.0.3", "namespace": "test", "name": "talk", "version": "1.0.0", "title": "t",
    }  # fmt: skip
    assert body.input == {"y": 1}


@pytest.mark.parametrize(
    "answer",
    [None, "do it", [], {}, {"workflow": None}, {"workflow": {"workflow": {"do": []}}}],
    ids=str,
)
def test_what_is_no_document_is_refused(converse: Converse, answer: JSON) -> None:
    talk = begin(converse)
    tell(talk, answer)
    assert refusal(talk).startswith("wrong-type at /: ")


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({"do": []}, "missing-field at /do: "),
        ({"do": [{"a": {"sett": {}}}]}, "unknown-task at /do/0/a"),
        ({"do": [{"a": {"set": "${ . + }"}}]}, "expression at /do/0/a/set: "),
        ({"do": [{"a": {"set": "${ [limit(1; .[] | select(nonsense))] }"}}]}, "expression at /do/0/a/set: "),
        ({"do": [{"a": SET}], "schedule": {"every": "PT1H"}}, "not-allowed at /schedule: "),
        ({"do": [{"a": SET}], "document": []}, "wrong-type at /document: "),
        (
            {"do": [{"a": SET}], "document": {"metadata": {"subject": "${ .x }"}}},
            "not-allowed at /document/metadata: ",
        ),
        ({"do": [{"a": SET}], "use": {"secrets": ["key"]}}, "not-allowed at /use/secrets: "),
        (
            {"do": [{"a": SET}], "input": {"schema": {"document": {}}}},
            "not-allowed at /input/schema: ",
        ),
        ({"do": [{"a": {"set": {"x": "y" * 300_000}}}]}, "too-large at /: "),
    ],
)
def test_what_does_not_compile_is_refused(converse: Converse, document: JSON, told: str) -> None:
    talk = begin(converse)
    tell(talk, document)
    assert refusal(talk).startswith(told)


def call(kind: str, **given: JSON) -> dict[str, JSON]:
    return {"call": kind, "with": given}


MAIL = call("agent", capability="mail.send")


@pytest.mark.parametrize(
    "task",
    [
        {"run": {"shell": {"command": "id"}}},
        {"run": {"workflow": {"namespace": "test", "name": "talk", "version": "latest"}}},
        {"emit": {"event": {"with": {"type": "a.b"}}}},
        {"listen": {"to": {"any": []}}},
        call("plan", capability="plan.make", allow=ALLOW),
        call("http", method="get", endpoint="https://example.com/x"),
        call("human", title="may I?"),
        call("tool", tool="pay"),
        call("agent", agent="ann"),
        MAIL,
        call("agent", capability="text.write", input={"text": "x"}, idempotencyKey="k"),
        {"try": [{"b": call("tool", tool="pay")}], "catch": {}},
        {"do": [{"b": MAIL}]},
        call("map", **{"in": "${ [1] }", "function": MAIL}),
        call("agent", capability="text.write", compensate={"function": MAIL}),
        call("agent", capability="text.write", select={"by": "mail.send"}),
        {"set": {"x": 1}, "input": {"schema": {"document": {"type": "object"}}}},
    ],
    ids=str,
)
def test_what_is_not_allowed_is_refused(converse: Converse, task: JSON) -> None:
    talk = planned(converse, [{"first": WRITE}, {"a": task}])
    assert "not-allowed at /do/1/a" in refusal(talk)


@pytest.mark.parametrize(
    ("endpoint", "fits"),
    [
        ("https://api.example.com/{topic}", True),
        ({"uri": "https://api.example.com/x"}, True),
        ("https://example.org/x", False),
        ("https://{topic}/x", False),
        ("https://api.example.com@example.org/x", False),
        ('${ "https://api.example.com/" }', False),
    ],
    ids=str,
)
def test_only_hosts_that_are_allowed_are_called(converse: Converse, endpoint: JSON, fits: bool) -> None:
    allow = {"calls": ["http"], "hosts": ["api.example.com"]}
    get = call("http", method="get", endpoint=endpoint)
    talk = planned(converse, [{"get": get}], more={"allow": allow})
    if fits:
        assert order(talk).kind == "http"
    else:
        assert refusal(talk).startswith("not-allowed at /do/0/get: ")


@pytest.mark.parametrize(
    ("tasks", "told"),
    [
        ([{f"t{n}": SET} for n in range(4)], "too-many-tasks at /do: The plan has 4 tasks; 3"),
        ([{"a": {"do": [{"b": {"do": [{"c": SET}]}}]}}], "too-deep at /do/0/a/do/0/b/do/0/c: "),
        (
            [
                {
                    "a": {
                        "try": [{"b": SET}],
                        "catch": {"do": [{"c": {"do": [{"d": SET}]}}]},
                    }
                }
            ],
            "too-many-tasks at /do: ",
        ),
    ],
)
def test_limits_hold_for_the_document(converse: Converse, tasks: JSON, told: str) -> None:
    talk = planned(converse, tasks, more={"limits": {"tasks": 3, "depth": 2}})
    assert told in refusal(talk)


def test_functions_count_as_often_as_they_are_called(converse: Converse) -> None:
    talk = begin(converse, planning(limits={"tasks": 3}))
    twice = {"do": [{"a": SET}, {"b": SET}]}
    do = [{"x": {"call": "twice"}}, {"y": {"call": "twice"}}]
    tell(talk, {"use": {"functions": {"twice": twice}}, "do": do})
    assert refusal(talk).startswith("too-many-tasks at /do: ")


@pytest.mark.parametrize(
    ("task", "told"),
    [
        (call("agent", capability="text.translate"), "missing-agent at /do/0/a/with: "),
        (call("agent", capability="text.write", input={"text": 5}), "handoff at /do/0/a/with/input: "),
        (call("agent", capability="text.write", input={"words": "x"}), "handoff at /do/0/a/with/input: "),
    ],
    ids=str,
)
def test_contracts_are_looked_at_before(converse: Converse, task: JSON, told: str) -> None:
    assert refusal(planned(converse, [{"a": task}])).startswith(told)


def test_policy_is_looked_at_before(converse: Converse) -> None:
    rules = (MAY, Rule("no-checks", "deny", Match(capabilities=("text.check",))))
    talk = planned(
        converse, [{"w": WRITE}, {"c": call("agent", capability="text.check")}],
        agents=(*AGENTS, policy(rules=rules)),
    )  # fmt: skip
    told = refusal(talk)
    assert told.startswith("policy at /do/1/c: ") and "no-checks" in told


def test_a_refused_plan_can_be_caught(converse: Converse) -> None:
    caught = {"errors": {"with": {"type": "https://serverlessworkflow.io/spec/1.0.0/errors/validation"}}}
    tasks = [{"t": {"try": planning(), "catch": {**caught, "do": [{"s": {"set": "${ $error.detail }"}}]}}}]
    talk = begin(converse, tasks)
    tell(talk, {"do": [{"a": call("tool", tool="pay")}]})
    assert talk.output.startswith("not-allowed at /do/0/a: ")


def test_documents_that_unfold_without_end_are_refused(converse: Converse) -> None:
    deep: JSON = SET
    for _ in range(90):
        deep = {"do": [{"a": deep}]}
    functions = {
        f"f{n}": {"do": [{"a": {"call": f"f{n + 1}"}}, {"b": {"call": f"f{n + 1}"}}]} for n in range(20)
    }
    for document in (
        {"do": [{"a": deep}]},
        {"do": [{"a": {"call": "f0"}}], "use": {"functions": {**functions, "f20": SET}}},
        {"do": [{f"t{n}": SET} for n in range(5_000)]},
        {"do": [{"a": {"set": {f"x{n}": f"${{ [limit({n}; .[])] }}" for n in range(600)}}}]},
    ):
        talk = begin(converse)
        tell(talk, document)
        assert refusal(talk)


def test_a_plan_that_does_not_end_is_ended(converse: Converse) -> None:
    loop = [{"a": SET}, {"b": {"set": {"x": 1}, "then": "a"}}]
    talk = planned(converse, loop, more={"limits": {"steps": 100}})
    assert (talk.status, talk.error.title) == ("faulted", "the plan took more than 100 steps")
    assert len(talk.log) < 130


# --- money ------------------------------------------------------------------------------------------


def usd(text: str) -> JSON:
    return {"limits": {"money": {"usd": text}}}


def test_what_its_calls_may_cost_is_looked_at_before(converse: Converse) -> None:
    talk = planned(converse, [{"a": WRITE}, {"b": WRITE}, {"c": WRITE}], more=usd("1.00"))
    assert refusal(talk) == "too-expensive at /do: The calls may cost $1.20; $1.00 is allowed."
    talk = planned(converse, [{"a": call("agent", capability="text.check")}], more=usd("1.00"))
    assert refusal(talk).startswith("unknown-price at /do/0/a: ")


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({}, "$0.40"),
        ({"fanout": {"to": "all"}}, "$0.70"),
        ({"fanout": {"to": 2}}, "$0.70"),
        ({"reroute": True}, "$0.70"),
    ],
    ids=str,
)
def test_all_who_may_be_asked_are_added_up(converse: Converse, more: JSON, told: str) -> None:
    other = agent("zoe", "text.write", priced=True, cost_nano=150_000_000, retry={"attempts": 2})
    talk = planned(
        converse, [{"a": call("agent", capability="text.write", input=GIVEN, **more)}], more=usd("0.10"),
        agents=(*AGENTS, other),
    )  # fmt: skip
    assert refusal(talk) == f"too-expensive at /do: The calls may cost {told}; $0.10 is allowed."


def test_the_money_holds_for_loops_and_what_they_lead_to(converse: Converse) -> None:
    loop = [{"l": {"for": {"in": "${ [1, 2, 3, 4] }"}, "do": [{"w": WRITE}]}}]
    talk = planned(converse, loop, more=usd("1.00"))
    for _ in range(2):
        tell(talk, {"text": "x"}, cost_nano=400_000_000)
    assert (talk.status, talk.error.status) == ("faulted", 402)
    assert talk.error.type == "https://podium.dev/errors/budget"
    assert not talk.shard.ledger.spent and not talk.shard.ledger.held


def test_what_a_lost_attempt_may_have_cost_counts(converse: Converse) -> None:
    talk = planned(converse, [{"a": WRITE}, {"b": WRITE}], more=usd("1.00"))
    talk.crash()
    tell(talk, {"text": "x"})
    assert (talk.status, talk.error.status) == ("faulted", 402)


def test_what_is_only_held_is_waited_for(converse: Converse) -> None:
    items = {"in": "${ [1, 2, 3, 4] }", "function": {"input": {"from": '${ {text: "x"} }'}, **WRITE}}
    talk = planned(converse, [{"m": call("map", **items)}], more=usd("1.00"))
    assert len(talk.open) == 2
    for _ in range(4):
        one = next(iter(talk.open.values()))
        del talk.open[one.run_id, one.effect]
        talk.tell(reported(one, {"text": "x"}, cost_nano=100_000_000))
    assert talk.status == "completed"


def test_workflows_that_a_plan_runs_are_held_to_its_money(converse: Converse) -> None:
    allow = {"calls": ["workflow"], "workflows": ["test/write"]}
    talk = converse(planning(allow=allow, **usd("0.50")), agents=AGENTS)
    talk.declare(write=[{"a": WRITE}, {"b": WRITE}])
    talk.submit(INPUT)
    below = {"namespace": "test", "name": "write", "version": "latest", "input": INPUT}
    tell(talk, {"do": [{"w": {"run": {"workflow": below}}}]})
    tell(talk, {"text": "x"}, cost_nano=400_000_000)
    assert (talk.status, talk.error.status) == ("faulted", 402)


def test_what_its_agents_ask_for_is_held_to_its_money(
    converse: Converse,
) -> None:
    lead = agent("leader", "text.lead", priced=True, cost_nano=200_000_000)
    talk = planned(
        converse, [{"l": call("agent", capability="text.lead")}], more=usd("0.50"), agents=(*AGENTS, lead)
    )
    talk.ask("/do/0/l", 1, "text.write", {"text": "x"}, kind="call")
    assert talk.told("/do/0/l")[1].status == 402
    tell(talk, {"text": "without"}, cost_nano=0)
    assert talk.output == {"text": "without"}


def test_what_is_left_of_an_erased_plan_does_nothing() -> None:
    talk = Conversation()
    run = Run("r", "test/talk.plan@1.0.0", "sha256:0", "cancelled", planned=True)
    assert program_of(talk.catalog, run) is ERASED


# --- people -----------------------------------------------------------------------------------------

TIERS = {"1": Tier(approvers=("operator",))}


def asked(converse: Converse) -> Conversation:
    agents = (*AGENTS, policy(rules=(MAY,), tiers=TIERS))
    return planned(converse, [{"w": WRITE}], more={"approval": {"tier": 1}}, agents=agents)


def waiting(talk: Conversation) -> Any:
    (one,) = [one for one in talk.shard.runs[talk.run_id].effects.values() if one.status == "approval"]
    return one


def decide(talk: Conversation, verdict: Any = "approve") -> None:
    decided = i.DecideApproval(
        run_id=talk.run_id, verdict=verdict, action=waiting(talk).approval.action, principal="user:ann",
        roles=("operator",), via="test",
    )  # fmt: skip
    reply = talk.tell(decided)
    assert isinstance(reply, Accepted), reply


def test_people_see_the_plan_and_agree_to_that_one(converse: Converse) -> None:
    talk = asked(converse)
    assert not talk.open
    effect = waiting(talk)
    assert effect.input["document"]["do"] == [{"w": WRITE}]
    talk.crash()
    decide(talk)
    assert order(talk).agent == "ann@1.0.0"
    (decided,) = talk.events(e.EffectDecided)
    assert decided.granted and decided.kind == "workflow"
    tell(talk, {"text": "x"})
    assert talk.status == "completed"


def test_people_can_say_no(converse: Converse) -> None:
    talk = asked(converse)
    decide(talk, "deny")
    assert (talk.status, talk.error.status) == ("faulted", 403)
    assert len(talk.events(e.RunStarted)) == 1


def test_a_plan_cannot_be_edited(converse: Converse) -> None:
    talk = asked(converse)
    edited = i.EditAction(
        run_id=talk.run_id, action=waiting(talk).approval.action, input={}, principal="user:ann",
        roles=("operator",), via="test",
    )  # fmt: skip
    reply = talk.tell(edited)
    assert isinstance(reply, Refused) and reply.problems[0].rule == "not-an-action"


def test_it_is_looked_at_again_when_it_begins(converse: Converse) -> None:
    talk = asked(converse)
    deny = Rule("none", "deny", Match(capabilities=("text.write",)))
    talk.apply(policy(rules=(MAY, deny), tiers=TIERS))
    decide(talk)
    assert talk.error.detail.startswith("policy at /do/0/w: ")


def test_it_ends_with_who_asked_for_it(converse: Converse) -> None:
    talk = planned(converse, [{"w": WRITE}])
    talk.cancel()
    assert {run.status for run in talk.shard.runs.values()} == {"cancelled"}
