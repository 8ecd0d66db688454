"""`run: workflow`: what a child gets and gives, and what those above and below it feel."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from podium.facts import events as e
from podium.facts import inputs as i
from podium.facts.identity import child_run_id_of
from podium.facts.orders import Abandon
from podium.facts.values import ERRORS, Refused
from podium.kernel import nesting
from podium.kernel.state import Run
from tests.kernel.conversation import Conversation, agent, workflow

Converse = Callable[..., Conversation]

AGENTS = (agent("helper", retry={"attempts": 1}),)
PARENT = "[{below: {run: {workflow: {namespace: test, name: child, version: '1.0.0'}}}}]"
HELPED = "[{work: {call: agent, with: {agent: helper}}}]"


def run_of(name: str, **more: str) -> str:
    """A task that runs a workflow."""
    fields = "".join(f", {field}: {text}" for field, text in more.items())
    return f"{{run: {{workflow: {{namespace: test, name: {name}, version: latest}}{fields}}}}}"


CHILD = run_of("child")


def family(converse: Converse, do: str, **below: str) -> Conversation:
    """A conversation about a run of these tasks, with further workflows and an agent."""
    return converse(do, agents=(*AGENTS, *(workflow(text, name=name) for name, text in below.items())))


def child(talk: Conversation, *path: int) -> Run:
    """The run that the run's effect started, and so on."""
    run_id = talk.run_id
    for effect in path or (1,):
        run_id = child_run_id_of(run_id, effect)
    return talk.shard.runs[run_id]


# --- to its end -------------------------------------------------------------------------------------


def test_a_child_gets_the_input_and_gives_the_output(converse: Converse) -> None:
    talk = family(
        converse,
        """
    - below:
        run: {workflow: {namespace: test, name: child, version: '1.0.0', input: {n: '${ .n * 2 }'}}}
        output: {as: '{got: .}'}
        export: {as: '{seen: .got}'}
    - last: {set: '${ [., $context.seen] }'}
    """,
        child="[{add: {set: {n: '${ .n + 1 }', me: '${ $workflow.definition.document.name }'}}}]",
    )
    talk.submit({"n": 5}, principal="user:ann")
    gave = {"n": 11, "me": "child"}
    assert talk.output == [{"got": gave}, gave]
    assert (child(talk).status, child(talk).principal) == ("completed", "user:ann")


def test_what_is_recorded(converse: Converse) -> None:
    talk = family(Conversation, PARENT, child="[{add: {set: {n: 1}}}]")
    talk.submit({"a": 1})
    talk.expect(
        "RunStarted", "EffectRequested below", "RunStarted", "TaskCompleted add", "RunCompleted",
        "EffectSettled below", "RunCompleted",
    )  # fmt: skip
    [requested] = talk.events(e.EffectRequested)
    _, started = talk.events(e.RunStarted)
    assert (requested.kind, requested.agent, requested.digest) == (
        "workflow", "test/child@1.0.0", started.digest,
    )  # fmt: skip
    assert requested.key == child_run_id_of(talk.run_id, 1)
    assert (started.parent, started.parent_task, started.parent_effect) == (talk.run_id, "/do/0/below", 1)
    assert (started.root, started.depth) == (talk.run_id, 1)


def test_without_an_input_it_gets_what_the_task_gets(converse: Converse) -> None:
    talk = family(
        converse,
        """
    - below: {run: {workflow: {namespace: test, name: child, version: latest}}, input: {from: .inner}}
    """,
        child="[{tell: {set: {got: '${ . }'}}}]",
    )
    talk.submit({"inner": [1]})
    assert talk.output == {"got": [1]}


def test_nothing_may_be_returned(converse: Converse) -> None:
    talk = family(
        converse,
        f"[{{below: {run_of('child', **{'return': 'none'})}}}, {{last: {{set: {{got: '${{ . }}'}}}}}}]",
        child="[{add: {set: {n: 1}}}]",
    )
    talk.submit({})
    assert talk.output == {"got": None}


def test_the_version_is_the_one_that_is_current_when_it_starts(converse: Converse) -> None:
    talk = family(
        converse,
        f"""
    - nap: {{wait: PT1M}}
    - now: {run_of("child")}
    - then: {run_of("child").replace("latest", "1.0.0")[:-1]}, input: {{from: '{{first: .}}'}}}}
    """,
        child="[{one: {set: {old: '${ . }'}}}]",
    )
    talk.submit({})
    talk.apply(workflow("[{one: {set: {new: true}}}]", name="child", version="2.0.0"))
    talk.wait(60_000)
    assert talk.output == {"old": {"first": {"new": True}}}
    assert [started.workflow for started in talk.events(e.RunStarted)] == [
        "test/talk@1.0.0", "test/child@2.0.0", "test/child@1.0.0",
    ]  # fmt: skip


def test_children_may_have_children(converse: Converse) -> None:
    talk = family(converse, PARENT, child=f"[{{below: {run_of('grandchild')}}}]", grandchild=HELPED)
    talk.submit({"n": 1})
    assert talk.shard.families == {talk.run_id: 2}
    talk.settle("work", "done")
    assert talk.output == "done"
    assert not talk.shard.families
    assert [run.depth for run in talk.shard.runs.values()] == [0, 1, 2]
    assert {run.root for run in talk.shard.runs.values()} == {"", talk.run_id}


def test_in_a_fork_and_in_a_loop(converse: Converse) -> None:
    talk = family(
        converse,
        f"""
    - both: {{fork: {{branches: [{{a: {run_of("child")}}}, {{b: {run_of("child")}}}]}}}}
    - each:
        for: {{in: .}}
        do: [{{one: {run_of("child")[:-1]}, input: {{from: '{{n: $item.n}}'}}}}}}]
    """,
        child="[{add: {set: {n: '${ .n + 1 }'}}}]",
    )
    talk.submit({"n": 1})
    assert talk.output == {"n": 3}
    assert len(talk.shard.runs) == 5


def test_what_it_costs_its_parent_costs(converse: Converse) -> None:
    talk = family(converse, PARENT, child=f"[{{below: {run_of('grandchild')}}}]", grandchild=HELPED)
    talk.submit({})
    talk.settle("work", "done", cost_nano=7)
    assert [run.cost_nano for run in talk.shard.runs.values()] == [7, 7, 7]


def test_a_person_answers_the_child(converse: Converse) -> None:
    talk = family(converse, PARENT, child="[{ask: {call: human, with: {title: Well}}}]")
    talk.submit({})
    talk.answer_human(run_id=child(talk).id)
    assert talk.output["decision"] == "approve"


# --- errors -----------------------------------------------------------------------------------------


def test_its_error_is_the_error_of_the_task(converse: Converse) -> None:
    talk = family(
        converse,
        PARENT,
        child="""
    - no: {raise: {error: {type: https://example.com/no, status: 418, title: No, detail: Because}}}
    """,
    )
    talk.submit({})
    assert (talk.error.type, talk.error.status) == ("https://example.com/no", 418)
    assert (talk.error.title, talk.error.detail, talk.error.instance) == ("No", "Because", "/do/0/below")
    below = child(talk).error
    assert below is not None and below.instance == "/do/0/no"


def test_it_can_be_caught_and_tried_again(converse: Converse) -> None:
    talk = family(
        converse,
        f"""
    - attempt:
        try: [{{below: {run_of("child")}}}]
        catch: {{errors: {{with: {{status: 500}}}}, retry: {{limit: {{attempt: {{count: 1}}}}, delay: PT1S}}}}
    """,
        child=HELPED,
    )
    talk.submit({})
    talk.fail("work")
    talk.wait(1_000)
    assert [run.status for run in talk.shard.runs.values()] == ["running", "faulted", "running"]
    talk.settle("work", 5)
    assert talk.output == 5


def test_an_input_that_it_does_not_take_is_an_error_of_the_task(converse: Converse) -> None:
    schema = {"schema": {"document": {"type": "object", "required": ["n"]}}}
    talk = converse(PARENT, agents=(workflow("[{one: {set: {x: 1}}}]", name="child", input=schema),))
    talk.submit({})
    assert (talk.error.type, talk.error.instance) == (f"{ERRORS}validation", "/do/0/below")
    assert talk.error.title == "the input of test/child@1.0.0 does not keep its schema"
    assert len(talk.shard.runs) == 1


def test_its_own_timeout_is_an_error_of_the_task(converse: Converse) -> None:
    talk = converse(
        PARENT, agents=(workflow("[{nap: {wait: PT1H}}]", name="child", timeout={"after": "PT1M"}),)
    )
    talk.submit({})
    talk.wait(60_000)
    assert (talk.error.status, talk.error.title) == (408, "the workflow took longer than its timeout")


def test_a_workflow_that_is_not_there_is_refused() -> None:
    talk = Conversation()
    refused = talk.catalog.declare(i.Apply(resources=(workflow(PARENT),)), dict)
    assert isinstance(refused, Refused)
    assert [(problem.rule, problem.path) for problem in refused.problems] == [
        ("missing-workflow", "/do/0/below/run/workflow")
    ]
    together = (workflow(PARENT), workflow("[{one: {set: {x: 1}}}]", name="child"))
    assert not isinstance(talk.catalog.declare(i.Apply(resources=together), dict), Refused)


# --- not waited for ---------------------------------------------------------------------------------


def test_one_that_is_not_waited_for_passes_the_input_on(converse: Converse) -> None:
    below = run_of("child", **{"await": "false"})
    talk = family(converse, f"[{{below: {below}}}, {{last: {{set: {{had: '${{ . }}'}}}}}}]", child=HELPED)
    talk.submit({"n": 1})
    assert talk.output == {"had": {"n": 1}}
    left = child(talk)
    assert (left.status, left.parent, left.root, left.depth) == ("running", talk.run_id, "", 1)
    assert not talk.shard.families
    talk.settle("work", 5)
    assert left.output == 5


def test_cancelling_does_not_reach_one_that_is_not_waited_for(converse: Converse) -> None:
    talk = family(
        converse,
        f"[{{below: {run_of('child', **{'await': 'false'})}}}, {{nap: {{wait: PT1H}}}}]",
        child=HELPED,
    )
    talk.submit({})
    talk.suspend()
    assert child(talk).status == "running"
    talk.cancel()
    assert child(talk).status == "running"


# --- from above -------------------------------------------------------------------------------------


def _three(converse: Converse, do: str = PARENT) -> Conversation:
    """A run, its child and its grandchild, which waits for an agent."""
    talk = family(converse, do, child=f"[{{below: {run_of('grandchild')}}}]", grandchild=HELPED)
    talk.submit({})
    talk.forget()
    return talk


def _statuses(talk: Conversation) -> list[str]:
    return [run.status for run in talk.shard.runs.values()]


def test_cancelling_reaches_all_below(converse: Converse) -> None:
    talk = _three(converse)
    talk.cancel()
    talk.expect("RunCancelled", "RunCancelled", "RunCancelled", "> abandon 1")
    assert _statuses(talk) == ["cancelled"] * 3
    assert [event.principal for event in talk.events(e.RunCancelled)] == [
        "user:ann", f"run:{talk.run_id}", f"run:{child(talk).id}",
    ]  # fmt: skip


def test_the_timeout_of_the_task_reaches_all_below(converse: Converse) -> None:
    talk = _three(
        converse,
        f"""
    - guarded:
        try: [{{below: {run_of("child")[:-1]}, timeout: {{after: PT1M}}}}}}]
        catch: {{errors: {{with: {{status: 408}}}}, do: [{{late: {{set: {{late: true}}}}}}]}}
    """,
    )
    talk.wait(60_000)
    assert _statuses(talk) == ["completed", "cancelled", "cancelled"]
    assert talk.output == {"late": True}
    assert isinstance(talk.abandoned[-1], Abandon)


def test_a_lost_race_reaches_all_below(converse: Converse) -> None:
    talk = _three(
        converse,
        f"[{{both: {{fork: {{compete: true, branches: [{{a: {CHILD}}}, {{b: {{wait: PT1S}}}}]}}}}}}]",
    )
    talk.wait(1_000)
    assert _statuses(talk) == ["completed", "cancelled", "cancelled"]


def test_the_end_of_the_run_reaches_all_below(converse: Converse) -> None:
    talk = _three(
        converse,
        f"[{{both: {{fork: {{branches: [{{a: {CHILD}}}, {{b: {{set: {{x: 1}}, then: end}}}}]}}}}}}]",
    )
    assert _statuses(talk) == ["completed", "cancelled", "cancelled"]
    assert talk.output == {"x": 1}


def test_suspending_and_resuming_reach_all_below(converse: Converse) -> None:
    talk = _three(converse)
    talk.suspend()
    assert _statuses(talk) == ["suspended"] * 3
    talk.settle("work", 5)
    assert _statuses(talk) == ["suspended"] * 3
    talk.resume()
    assert talk.output == 5


def test_what_is_below_a_suspended_run_may_be_cancelled(converse: Converse) -> None:
    talk = _three(converse)
    talk.suspend()
    talk.cancel()
    assert _statuses(talk) == ["cancelled"] * 3


def test_time_that_passes_while_suspended_below(converse: Converse) -> None:
    talk = family(converse, PARENT, child="[{nap: {wait: PT1M}}]")
    talk.submit({})
    talk.suspend()
    talk.wait(120_000)
    assert _statuses(talk) == ["suspended"] * 2
    talk.resume()
    assert _statuses(talk) == ["completed"] * 2


# --- from below -------------------------------------------------------------------------------------


def test_a_child_that_is_cancelled_is_an_error_of_its_task(converse: Converse) -> None:
    talk = _three(converse)
    talk.tell(i.CancelRun(run_id=child(talk).id, principal="user:bob"))
    assert _statuses(talk) == ["faulted", "cancelled", "cancelled"]
    assert (talk.error.title, talk.error.detail) == (
        "the run of test/child@1.0.0 was cancelled", f"run {child(talk).id}",
    )  # fmt: skip


def test_a_child_that_ends_while_its_parent_is_suspended(converse: Converse) -> None:
    talk = _three(converse)
    talk.suspend()
    talk.tell(i.ResumeRun(run_id=child(talk).id))
    assert _statuses(talk) == ["suspended", "running", "running"]
    talk.settle("work", 5)
    assert _statuses(talk) == ["suspended", "completed", "completed"]
    assert not talk.run.effects and not talk.run.children
    talk.resume()
    assert talk.output == 5


def test_a_reply_for_a_child_that_is_gone_is_stale(converse: Converse) -> None:
    talk = _three(converse)
    order = talk.order("work")
    talk.cancel()
    talk.tell(i.Reported(run_id=order.run_id, effect=1, token=order.token, status="succeeded", output=1))
    assert talk.events(e.StaleReply)


# --- crashes ----------------------------------------------------------------------------------------


def test_a_family_survives_a_crash(converse: Converse) -> None:
    talk = _three(converse)
    talk.crash()
    assert _statuses(talk) == ["running"] * 3
    talk.go_on()
    talk.settle("work", 5)
    assert talk.output == 5
    assert talk.run.cost_nano == 0


def test_a_child_that_waits_for_jq_survives_a_crash() -> None:
    talk = family(Conversation, PARENT, child="[{slow: {set: {n: '${ tostring | test(\"a\") }'}}}]")
    talk.holds = True
    talk.submit({})
    assert talk.questions
    talk.crash()
    talk.holds = False
    talk.wait(0)
    while talk.questions:
        talk.answer_question()
    assert talk.output == {"n": False}


# --- how many ---------------------------------------------------------------------------------------


def test_a_workflow_that_runs_itself_is_stopped() -> None:
    talk = Conversation(f"[{{again: {run_of('talk')}}}]")
    talk.checks = False
    talk.submit({})
    talk.go_on()
    assert talk.error.title == f"runs are nested more than {nesting.NESTING_MAX} deep"
    assert "does a workflow run itself?" in talk.error.detail
    assert len(talk.shard.runs) == nesting.NESTING_MAX + 1
    assert set(_statuses(talk)) == {"faulted"} and not talk.shard.families


def test_a_workflow_that_runs_itself_without_waiting_is_stopped() -> None:
    talk = Conversation(f"[{{again: {run_of('talk', **{'await': 'false'})}}}]")
    talk.checks = False
    talk.submit({})
    talk.go_on()
    assert _statuses(talk) == ["completed"] * nesting.NESTING_MAX + ["faulted"]


def test_a_workflow_may_run_itself_so_often(converse: Converse) -> None:
    talk = converse("""
    - look: {switch: [{enough: {when: .n == 0, then: end}}]}
    - again: {run: {workflow: {namespace: test, name: talk, version: latest, input: {n: '${ .n - 1 }'}}}}
    """)
    talk.submit({"n": 20})
    assert talk.output == {"n": 0}
    assert len(talk.shard.runs) == 21


def test_a_family_cannot_grow_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nesting, "FAMILY_MAX", 50)
    talk = Conversation(
        f"""
    - both:
        try: [{{two: {{fork: {{branches: [{{a: {run_of("talk")}}}, {{b: {run_of("talk")}}}]}}}}}}]
        catch: {{errors: {{with: {{title: nothing}}}}}}
    """
    )
    talk.checks = False
    talk.submit({})
    talk.go_on()
    assert talk.error.title == "more than 50 runs would be unfinished below one"
    assert not talk.shard.families
    assert len(talk.shard.runs) < 1_000


def test_children_without_end_let_others_go_on() -> None:
    branches = ", ".join(f"{{b{n}: {run_of('child')}}}" for n in range(250))
    talk = family(
        Conversation, f"[{{all: {{fork: {{branches: [{branches}]}}}}}}]", child="[{one: {set: {x: 1}}}]"
    )
    talk.checks = False
    talk.submit({})
    assert [run.status for run in talk.shard.runs.values()].count("completed") < 250
    talk.go_on()
    assert talk.output == [{"x": 1}] * 250
