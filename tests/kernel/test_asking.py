"""What attempts ask for: each an effect below theirs, kept for whoever asks for the same again."""

from __future__ import annotations

from typing import Any

import pytest

from podium.facts import events as e
from podium.facts import inputs as i
from podium.facts.values import ERRORS, Error
from podium.kernel.asking import DEPTH_MAX, REPEATS_MAX
from podium.kernel.rerouting import LOSSES_MAX
from podium.kernel.state import GRACE_MS
from tests.kernel.conversation import START, agent
from tests.kernel.leading import BACK, LEADS, NUMBER, PAY, Converse, again, lead, reported_as, statuses

# --- asking and being told --------------------------------------------------------------------------


def test_what_is_asked_for_is_an_effect_below_the_one_that_asks(converse: Converse) -> None:
    talk = lead(converse)
    talk.ask("lead", 1, "math.add", {"n": 1})
    talk.expect("EffectRequested lead/math.add", "> perform lead/math.add 1")
    requested = talk.events(e.EffectRequested)[-1]
    assert (requested.asker, requested.number, requested.asked) == (1, 1, "tool math.add")
    assert (requested.kind, requested.agent) == ("tool", "math.add@1.0.0")
    order = talk.order("lead/math.add")
    assert (order.effect, order.input, order.key) == (2, {"n": 1}, f"{talk.run_id}/2")
    talk.settle("lead/math.add", 2)
    talk.expect("EffectSettled lead/math.add", "> answer 1 1")
    assert talk.told("lead") == {1: 2}
    talk.settle("lead", "done")
    assert talk.output == "done"


def test_what_is_asked_again_by_its_number_is_asked_once(converse: Converse) -> None:
    talk = lead(converse)
    talk.ask("lead", 1, "math.add", {"n": 1})
    talk.forget()
    talk.ask("lead", 1, "math.add", {"n": 1})
    talk.expect()
    talk.settle("lead/math.add", 2)
    talk.forget()
    talk.ask("lead", 1, "math.add", {"n": 1})
    talk.expect("> answer 1 1")
    assert talk.told("lead") == {1: 2}
    talk.ask("lead", 1, "math.add", {"n": 9})
    assert talk.told("lead")[1].title == "the number 1 stands for tool math.add with other arguments"


def test_who_waits_has_no_slot_and_has_it_back_with_the_last_answer(converse: Converse) -> None:
    both = [{"both": {"fork": {"branches": [{"lead": LEADS}, {"next": LEADS}]}}}]
    talk = lead(converse, do=both, concurrency=1)
    talk.ask("both/lead", 1, "math.add", {"n": 1})
    talk.ask("both/lead", 2, "math.add", {"n": 2})
    assert talk.order("both/next").attempt == 1
    numbers = {order.input["n"]: order for order in talk.open.values() if order.capability == "math.add"}
    for n in (1, 2):
        assert talk.shard.running[talk.order("both/next").digest] == 1
        order = numbers[n]
        del talk.open[order.run_id, order.effect]
        talk.tell(reported_as(order, n))
    assert talk.shard.running[talk.order("both/next").digest] == 2
    assert talk.told("both/lead") == {1: 1, 2: 2}


def test_the_time_of_who_waits_stands_still(converse: Converse) -> None:
    talk = lead(converse, deadline_ms=10_000)
    talk.wait(4_000)
    talk.ask("lead", 1, "math.add", {"n": 1})
    talk.wait(50_000)
    talk.settle("lead/math.add", 2)
    assert talk.answers[-1].deadline_at == START + 60_000
    talk.wait(6_000 + GRACE_MS)
    assert talk.order("lead").attempt == 2


def test_the_tasks_own_limit_counts_all_the_same(converse: Converse) -> None:
    patient = [{"lead": {**LEADS, "timeout": {"after": "PT20S"}}}]
    talk = lead(converse, do=patient, deadline_ms=10_000)
    talk.ask("lead", 1, "math.add", {"n": 1})
    assert talk.order("lead/math.add").deadline_at == START + 20_000
    talk.wait(15_000)
    talk.settle("lead/math.add", 2)
    assert talk.answers[-1].deadline_at == START + 20_000
    talk.wait(5_000)
    assert talk.error.type == f"{ERRORS}timeout"


def test_a_failure_is_told_as_it_is(converse: Converse) -> None:
    talk = lead(converse)
    talk.ask("lead", 1, "pay", {})
    talk.fail("lead/pay", Error(f"{ERRORS}communication", 503, "no bank"))
    told = talk.told("lead")[1]
    assert (told.status, told.title) == (503, "no bank")
    assert statuses(talk) == [("leader", "running")]


@pytest.mark.parametrize(
    ("target", "args", "kind", "title"),
    [
        ("nothing", {}, "configuration", "no tool is named nothing"),
        ("math.add", {"n": "1"}, "validation", "the arguments break the schema of math.add@1.0.0"),
    ],
)
def test_what_cannot_be_had_is_refused_and_recorded(
    converse: Converse, target: str, args: Any, kind: str, title: str
) -> None:
    talk = lead(converse)
    talk.ask("lead", 1, target, args)
    talk.expect("AskRefused lead", "> answer 1 1")
    told = talk.told("lead")[1]
    assert (told.type, told.title) == (f"{ERRORS}{kind}", title)
    (body,) = talk.bodies(e.AskRefused)
    assert body.args == args
    talk.settle("lead", "well")
    assert talk.output == "well"


def test_a_token_that_is_over_gets_nothing(converse: Converse) -> None:
    talk = lead(converse)
    old = talk.order("lead")
    talk.fail("lead")
    talk.go_on()
    talk.forget()
    talk.tell(
        i.Asked(run_id=old.run_id, effect=1, token=old.token, number=1, kind="tool", target="pay", args={})
    )
    talk.expect("> answer 1 1")
    assert talk.answers[-1].token == old.token and talk.answers[-1].error is not None
    assert len(talk.run.effects) == 1


def test_a_tool_asks_for_nothing(converse: Converse) -> None:
    talk = converse("[{pay: {call: tool, with: {tool: pay}}}]", agents=(PAY, BACK))
    talk.submit({})
    talk.ask("pay", 1, "pay.back", {})
    assert talk.told("pay")[1].type == f"{ERRORS}authorization"


def test_what_is_in_flight_goes_with_who_asked(converse: Converse) -> None:
    talk = lead(converse)
    talk.ask("lead", 1, "pay", {})
    talk.settle("lead", "did not wait")
    assert talk.status == "completed"
    assert [abandon.effect for abandon in talk.abandoned] == [2]
    assert not any(talk.shard.running.values())


def test_a_cancelled_run_lets_go_of_all(converse: Converse) -> None:
    talk = lead(converse)
    talk.ask("lead", 1, "pay", {})
    talk.ask("lead", 2, "math.add", {"n": 1})
    talk.cancel()
    assert sorted(abandon.effect for abandon in talk.abandoned) == [1, 2, 3]
    assert not any(talk.shard.running.values())


def test_a_suspended_run_starts_nothing_that_is_asked_for(converse: Converse) -> None:
    talk = lead(converse)
    talk.suspend()
    talk.ask("lead", 1, "math.add", {"n": 1})
    assert statuses(talk) == [("leader", "asking"), ("math.add", "queued")]
    talk.resume()
    talk.settle("lead/math.add", 3)
    assert talk.told("lead") == {1: 3}


# --- asking again -----------------------------------------------------------------------------------


def test_a_later_attempt_gets_what_there_is(converse: Converse) -> None:
    talk = lead(converse)
    talk.ask("lead", 1, "pay", {"to": "ann"})
    talk.settle("lead/pay", "p-1")
    again(talk)
    talk.ask("lead", 7, "pay", {"to": "ann"})
    talk.expect("AskRepeated lead", "> answer 1 7")
    assert talk.told("lead") == {7: "p-1"}
    assert not [order for order in talk.open.values() if order.capability == "pay"]


def test_the_same_thing_again_in_one_attempt_is_another(converse: Converse) -> None:
    talk = lead(converse)
    for number in (1, 2):
        talk.ask("lead", number, "pay", {})
        talk.settle("lead/pay", f"p-{number}")
    again(talk)
    for number in (1, 2):
        talk.ask("lead", number, "pay", {})
    assert talk.told("lead") == {1: "p-1", 2: "p-2"}
    talk.ask("lead", 3, "pay", {})
    talk.settle("lead/pay", "p-3")
    assert talk.told("lead")[3] == "p-3"


def test_other_arguments_are_another_thing(converse: Converse) -> None:
    talk = lead(converse)
    talk.ask("lead", 1, "pay", {"a": 1, "b": 2})
    talk.settle("lead/pay", "p-1")
    again(talk)
    talk.ask("lead", 1, "pay", {"b": 2, "a": 1})
    assert talk.told("lead") == {1: "p-1"}
    talk.ask("lead", 2, "pay", {"a": 2})
    talk.settle("lead/pay", "p-2")
    assert talk.told("lead")[2] == "p-2"


def test_a_key_finds_its_result_whatever_comes_before(converse: Converse) -> None:
    talk = lead(converse)
    for number, key in ((1, "rent"), (2, "food")):
        talk.ask("lead", number, "pay", {}, key=key)
        assert talk.order("lead/pay").key == f"{talk.run_id}/1/{key}"
        talk.settle("lead/pay", key)
    again(talk)
    for number, key in ((1, "food"), (2, "rent"), (3, "food")):
        talk.ask("lead", number, "pay", {}, key=key)
    assert talk.told("lead") == {1: "food", 2: "rent", 3: "food"}


def test_a_key_stands_for_one_thing(converse: Converse) -> None:
    talk = lead(converse)
    talk.ask("lead", 1, "pay", {}, key="rent")
    talk.ask("lead", 2, "pay", {}, key="rent")
    assert "twice at once" in talk.told("lead")[2].title
    talk.settle("lead/pay", "ok")
    talk.ask("lead", 3, "pay", {"more": 1}, key="rent")
    assert talk.told("lead")[1] == "ok"
    assert "stands for" in talk.told("lead")[3].title


def test_what_is_still_in_flight_is_waited_for(converse: Converse) -> None:
    talk = lead(converse)
    talk.ask("lead", 1, "pay", {})
    again(talk)
    assert statuses(talk) == [("leader", "running"), ("pay", "running")]
    talk.ask("lead", 4, "pay", {})
    talk.expect("AskRepeated lead")
    assert statuses(talk)[0] == ("leader", "asking")
    talk.settle("lead/pay", "p-1")
    assert talk.told("lead") == {4: "p-1"}


def test_an_attempt_that_failed_takes_the_failures_with_it(converse: Converse) -> None:
    talk = lead(converse)
    talk.ask("lead", 1, "math.add", {"n": 1})
    talk.fail("lead/math.add")
    again(talk)
    talk.ask("lead", 1, "math.add", {"n": 1})
    talk.settle("lead/math.add", 5)
    assert talk.told("lead") == {1: 5}


def test_an_attempt_that_was_lost_leaves_its_failures(converse: Converse) -> None:
    talk = lead(converse)
    talk.ask("lead", 1, "math.add", {"n": 1})
    talk.fail("lead/math.add")
    talk.crash()
    talk.ask("lead", 1, "math.add", {"n": 1})
    assert isinstance(talk.told("lead")[1], Error)


@pytest.mark.parametrize("asks_jq", [False, True])
def test_a_hub_that_dies_repeats_nothing_that_was_done(converse: Converse, asks_jq: bool) -> None:
    talk = lead(converse)
    talk.ask("lead", 1, "pay", {"to": "ann"})
    talk.settle("lead/pay", "p-1")
    talk.ask("lead", 2, "math.add", {"n": 1})
    talk.crash()
    assert talk.order("lead/math.add").attempt == 2
    talk.settle("lead/math.add", 2)
    assert talk.order("lead").attempt == 2
    talk.ask("lead", 1, "pay", {"to": "ann"})
    talk.ask("lead", 2, "math.add", {"n": 1})
    assert talk.told("lead") == {1: "p-1", 2: 2}
    talk.settle("lead", "done")
    assert talk.output == "done"


def test_what_is_done_once_is_in_doubt_and_who_asked_waits(converse: Converse) -> None:
    talk = lead(converse)
    talk.ask("lead", 1, "pay", {})
    talk.crash()
    assert statuses(talk) == [("leader", "parked"), ("pay", "in_doubt")]
    talk.resolve("succeeded", "p-1")
    talk.ask("lead", 1, "pay", {})
    assert talk.told("lead") == {1: "p-1"}


def test_who_only_waits_may_be_lost_as_often_as_hubs_die(converse: Converse) -> None:
    talk = lead(converse)
    talk.ask("lead", 1, "pay", {})
    talk.crash()
    for _ in range(LOSSES_MAX + 1):
        talk.crash()
    talk.resolve("succeeded", "p-1")
    assert (talk.order("lead").attempt, talk.run.effects[1].losses) == (2, 0)


# --- waiting long -----------------------------------------------------------------------------------


def test_who_waits_long_is_parked_and_made_again_when_it_is_there(converse: Converse) -> None:
    talk = lead(converse, park_ms=30_000)
    talk.ask("lead", 1, "pay", {})
    talk.ask("lead", 2, "math.add", {"n": 1})
    talk.wait(29_999)
    talk.forget()
    talk.wait(1)
    talk.expect("AttemptParked lead", "> abandon 1")
    talk.settle("lead/pay", "p-1")
    assert statuses(talk) == [("leader", "parked"), ("math.add", "running")]
    talk.crash()
    talk.settle("lead/math.add", 4)
    assert talk.order("lead").attempt == 2
    talk.ask("lead", 1, "pay", {})
    talk.ask("lead", 2, "math.add", {"n": 1})
    assert talk.told("lead") == {1: "p-1", 2: 4}


def test_a_reply_of_who_was_parked_is_stale(converse: Converse) -> None:
    talk = lead(converse, park_ms=1_000)
    order = talk.order("lead")
    talk.ask("lead", 1, "pay", {})
    talk.wait(1_000)
    talk.forget()
    talk.tell(reported_as(order, "late"))
    talk.expect("StaleReply lead")


def test_what_must_be_made_once_is_never_parked(converse: Converse) -> None:
    talk = lead(converse, park_ms=1_000, delivery="at-most-once")
    talk.ask("lead", 1, "math.add", {"n": 1})
    talk.wait(50_000)
    assert statuses(talk)[0] == ("leader", "asking")


def test_a_parked_one_in_a_suspended_run_goes_on_when_that_does(converse: Converse) -> None:
    talk = lead(converse, park_ms=1_000)
    talk.ask("lead", 1, "pay", {})
    talk.wait(1_000)
    talk.suspend()
    talk.settle("lead/pay", "p-1")
    assert statuses(talk) == [("leader", "queued")]
    talk.resume()
    assert talk.order("lead").attempt == 2


# --- agents that ask agents -------------------------------------------------------------------------


def test_an_agent_asks_another_by_capability(converse: Converse) -> None:
    talk = lead(converse, agent("writer", "text.write", input=NUMBER))
    talk.ask("lead", 1, "text.write", {"n": 1}, kind="agent")
    requested = talk.events(e.EffectRequested)[-1]
    assert (requested.agent, requested.reason) == ("writer@1.0.0", "leader@1.0.0 asks for it; only agent")
    talk.settle("lead/text.write", "text")
    assert talk.told("lead") == {1: "text"}


@pytest.mark.parametrize(
    ("fields", "title"),
    [
        ({"target": "text.read"}, "no agent offers text.read"),
        ({"target": "", "agent": "reader"}, "no agent is named reader"),
        ({"target": "text.read", "agent": "writer"}, "writer does not offer text.read"),
        (
            {"target": "text.write", "args": {}},
            "the input breaks the contract of text.write (writer@1.0.0)",
        ),
    ],
)
def test_an_agent_that_cannot_be_asked_is_refused(
    converse: Converse, fields: dict[str, Any], title: str
) -> None:
    talk = lead(converse, agent("writer", "text.write", input=NUMBER))
    talk.ask("lead", 1, **{"args": {"n": 1}, "kind": "agent", **fields})
    assert talk.told("lead")[1].title == title


def test_two_that_share_one_slot_wait_for_each_other_in_vain_nowhere(converse: Converse) -> None:
    talk = lead(converse, agent("helper", "help", concurrency=1), concurrency=1)
    talk.ask("lead", 1, "help", 1, kind="agent")
    talk.ask("lead/help", 1, "test.leader", 2, kind="agent")
    talk.ask("lead/help/test.leader", 1, "help", 3, kind="agent")
    for task, output in (("lead/help/test.leader/help", 4), ("lead/help/test.leader", 5), ("lead/help", 6)):
        talk.settle(task, output)
    assert talk.told("lead") == {1: 6}


def test_the_same_hand_off_again_is_refused(converse: Converse) -> None:
    talk = lead(converse, agent("helper", "help"))
    talk.ask("lead", 1, "help", {"q": 1}, kind="agent")
    talk.ask("lead/help", 1, "test.leader", {}, kind="agent")
    told = talk.told("lead/help")[1]
    assert told.title == "leader@1.0.0 would be asked for what it was asked for already: test.leader"


def test_nobody_is_asked_again_and_again_in_one_line(converse: Converse) -> None:
    talk = lead(converse)
    task = "lead"
    for turn in range(1, REPEATS_MAX):
        talk.ask(task, 1, "test.leader", turn, kind="agent")
        task += "/test.leader"
    talk.ask(task, 1, "test.leader", "once more", kind="agent")
    assert "in one line" in talk.told(task)[1].title


def test_agents_ask_each_other_so_deep_and_no_deeper(converse: Converse) -> None:
    chain = [agent(f"a{number}", f"ask.a{number}") for number in range(DEPTH_MAX + 2)]
    talk = lead(converse, *chain)
    task = "lead"
    for number in range(DEPTH_MAX):
        talk.ask(task, 1, f"ask.a{number}", number, kind="agent")
        task += f"/ask.a{number}"
    talk.ask(task, 1, f"ask.a{DEPTH_MAX}", 0, kind="agent")
    assert f"more than {DEPTH_MAX} deep" in talk.told(task)[1].title
    talk.ask(task, 2, "math.add", {"n": 1})
    assert talk.order(f"{task}/math.add").effect == DEPTH_MAX + 2
