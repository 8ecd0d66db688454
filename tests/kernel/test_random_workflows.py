"""Workflows made at random: they end, and neither replay, nor crashes, nor jq change what they come to."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import event, given, settings
from hypothesis import strategies as st

from podium.contracts.checking import compile_schema
from podium.facts import events as e
from podium.facts.events import Record
from podium.facts.lifecycles import EFFECT, RUN, TASK
from podium.facts.orders import Perform
from podium.kernel.evolve import evolve
from podium.kernel.state import Shard
from tests.facts.transitions import Transitions
from tests.kernel.conversation import Conversation
from tests.kernel.random_workflows import INPUT, OUTPUT, Made, drive, workflows

_keeps_input, _keeps_output = compile_schema(INPUT), compile_schema(OUTPUT)


CRASHES = st.frozensets(st.integers(0, 8))
"""Deeds of the world before which the hub dies."""


def driven(made: Made, crashes: frozenset[int] = frozenset(), **options: Any) -> Conversation:
    """The workflow, run to its end."""
    talk = made.talk(**options)
    talk.submit({"x": 3})
    drive(talk, made, crashes)
    event(f"{talk.status} after some {len(talk.log) // 10 * 10} records")
    return talk


def outcome(talk: Conversation) -> tuple[str, Any, Any]:
    return talk.status, talk.run.output, talk.run.error


def _reworded(found: tuple[str, Any, Any]) -> tuple[str, Any, Any]:
    """The outcome without what jq and its native part each say in words of their own."""
    status, output, error = found
    return status, output, error and msgspec.structs.replace(error, detail="")


def folded(log: list[Record]) -> Shard:
    shard = Shard()
    for record in log:
        evolve(shard, record)
    return shard


@settings(max_examples=200)
@given(workflows(limited=True), CRASHES)
def test_it_ends_and_leaves_nothing_behind(made: Made, crashes: frozenset[int]) -> None:
    talk = driven(made, crashes)
    assert talk.status in ("completed", "faulted")
    assert not talk.open, "an attempt was neither answered nor abandoned"
    shard = talk.shard
    assert not any(shard.running.values())
    assert not shard.listeners and not shard.pending and not shard.timer_of
    assert not shard.families and not shard.kin
    for run in shard.runs.values():
        assert run.ended and not run.effects and not run.frames and not run.ready and not run.children


@settings(max_examples=150)
@given(workflows(limited=True))
def test_replay_gives_the_same_state_even_if_every_body_was_erased(made: Made) -> None:
    talk = driven(made)
    assert msgspec.json.encode(folded(talk.log).runs) == msgspec.json.encode(talk.shard.runs)
    erased = folded([Record(one.seq, one.run_id, one.at, one.event) for one in talk.log])
    assert erased.runs[talk.run_id].status == talk.status
    assert erased.runs[talk.run_id].ordinal == talk.run.ordinal


@settings(max_examples=150)
@given(workflows(limited=True))
def test_its_transitions_are_in_the_tables_and_contracts_are_kept(made: Made) -> None:
    talk = made.talk()
    asked: list[Perform] = []
    talk.watch = asked.append
    talk.submit({"x": 3})
    drive(talk, made)
    seen = Transitions(talk.log)
    for table, transitions in ((RUN, seen.runs), (TASK, seen.tasks), (EFFECT, seen.effects)):
        assert {(state, name): following for state, name, following in transitions}.items() <= table.items()
    agents = {(one.run_id, one.effect) for one in asked if one.kind == "agent"}
    assert not any(_keeps_input(one.input) for one in asked if one.kind == "agent")
    for record in talk.log:
        one = record.event
        if (
            isinstance(one, e.EffectSettled)
            and one.status == "succeeded"
            and (record.run_id, one.effect) in agents
        ):
            assert isinstance(record.body, e.EffectSettledBody) and not _keeps_output(record.body.output)


@settings(max_examples=200)
@given(workflows(), CRASHES)
def test_crashes_between_two_steps_change_nothing(made: Made, crashes: frozenset[int]) -> None:
    assert outcome(driven(made, crashes)) == outcome(driven(made))


@settings(max_examples=200)
@given(workflows(confluent=True, alone=True), st.data())
def test_a_crash_after_any_record_changes_nothing(made: Made, data: st.DataObject) -> None:
    talk = driven(made)
    before = outcome(talk)
    talk.rewind(data.draw(st.integers(1, len(talk.log))))
    drive(talk, made)
    assert outcome(talk) == before


@settings(max_examples=200)
@given(workflows(confluent=True), st.data())
def test_a_crash_after_any_commit_changes_nothing(made: Made, data: st.DataObject) -> None:
    talk = driven(made)
    before = outcome(talk)
    talk.rewind(data.draw(st.sampled_from(sorted({count for count in talk.commits if count}))))
    drive(talk, made)
    assert outcome(talk) == before


@settings(max_examples=100)
@given(workflows(confluent=True))
def test_native_expressions_and_jq_come_to_the_same(made: Made) -> None:
    asking, native = outcome(driven(made, asks_jq=True)), outcome(driven(made))
    assert _reworded(asking) == _reworded(native)


@settings(max_examples=100)
@given(workflows(limited=True), st.integers(0, 8))
def test_it_can_be_cancelled_whatever_it_is_at(made: Made, deeds: int) -> None:
    talk = made.talk()
    talk.submit({"x": 3})
    drive(talk, made, stop_after=deeds)
    if not talk.run.ended:
        talk.cancel()
        assert talk.status == "cancelled"
    drive(talk, made)
    assert not talk.open and not any(talk.shard.running.values())
    assert not talk.shard.listeners and not talk.shard.timer_of
