"""A hub that dies at any moment while agents fail: what is declared for that goes on all the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from podium.facts import inputs as i
from podium.facts.recovery import BREAKER_CLOSED
from podium.facts.values import standard_error
from tests.kernel.conversation import Conversation, agent, reported

Converse = Callable[..., Conversation]

PROMISES = {"name": "pay", "output": {"type": "string"}}
AGENTS = (
    agent("first", "work", breaker={"failures": 1, "open_ms": 2_000}),
    agent("second", "work", retry={"attempts": 2, "delay_ms": 500}),
    agent(
        "payer", "pay", delivery="at-most-once", probe="pay.status", output={"type": "string"},
        capabilities=[PROMISES, {"name": "pay.status"}],
    ),
)  # fmt: skip

DO = """
- twice:
    for: {in: '[1, 2]'}
    do: [{work: {call: agent, with: {capability: work, reroute: true, onFailure: deadLetter}}}]
- pay: {call: agent, with: {capability: pay, onFailure: deadLetter}}
"""


def play(talk: Conversation, between: Callable[[Conversation], None]) -> None:
    """Everything fails twice before it works; what is kept is tried again."""
    failures: dict[tuple[str, str], int] = {}
    talk.submit()
    between(talk)
    for _ in range(200):
        if talk.run.ended:
            return
        for effect in list(talk.run.effects.values()):
            if effect.status == "dead":
                talk.tell(
                    i.SettleDeadLetter(run_id=talk.run_id, effect=effect.id, verdict="retry", why="go on")
                )
                between(talk)
            elif effect.status == "in_doubt" and not effect.probe and not effect.retry_at:
                talk.resolve("retry")
                between(talk)
        for order in list(talk.open.values()):
            if talk.open.pop((order.run_id, order.effect), None) is not None:
                talk.tell(_outcome(order, failures))
                between(talk)
        talk.wait(500)
        between(talk)
    raise AssertionError(talk.run)


def _outcome(order: Any, failures: dict[tuple[str, str], int]) -> i.Reported:
    key = (order.agent, order.capability)
    failures[key] = failures.get(key, 0) + 1
    broken = standard_error("runtime", "", "out of order")
    if order.capability == "pay.status":
        return reported(order, {"status": "unknown" if failures[key] < 2 else "not_done"})
    if failures[key] <= 2:
        return reported(order, status="lost" if order.capability == "pay" else "failed", error=broken)
    return reported(order, "fine")


def test_all_of_it_ends_well(converse: Converse) -> None:
    talk = converse(DO, agents=AGENTS)
    play(talk, lambda talk: None)
    assert talk.output == "fine"
    assert all(one.status != BREAKER_CLOSED for one in talk.shard.breakers.values())
    told = {type(record.event).__name__ for record in talk.log}
    assert told > {
        "BreakerOpened", "BreakerHalfOpened", "EffectRerouted", "EffectDeadLettered", "EffectRedriven",
        "EffectInDoubt", "EffectProbed", "EffectResolved",
    }  # fmt: skip


def test_a_crash_after_each_of_many_steps_loses_nothing(converse: Converse) -> None:
    talk = converse(DO, agents=AGENTS)
    left = iter(range(60))

    def crash(talk: Conversation) -> None:
        # What must not be done twice is in doubt after each of them, so at some time they have to end.
        if next(left, None) is not None:
            talk.crash()

    play(talk, crash)
    assert talk.output == "fine"


def test_a_crash_at_any_commit_leaves_a_run_that_can_end(converse: Converse) -> None:
    talk = converse(DO, agents=AGENTS)
    play(talk, lambda talk: None)
    for commit in talk.commits[1::3]:
        other = converse(DO, agents=AGENTS)
        play(other, lambda talk: None)
        other.rewind(commit)
        if other.run_id in other.shard.runs:
            play_on(other)
            assert other.output == "fine"


def play_on(talk: Conversation) -> None:
    """From here on everything works."""
    for _ in range(100):
        if talk.run.ended:
            return
        for effect in list(talk.run.effects.values()):
            if effect.status == "dead":
                talk.tell(
                    i.SettleDeadLetter(run_id=talk.run_id, effect=effect.id, verdict="retry", why="go on")
                )
        for order in list(talk.open.values()):
            if talk.open.pop((order.run_id, order.effect), None) is not None:
                status = {"status": "not_done"}
                talk.tell(reported(order, status if order.capability == "pay.status" else "fine"))
        talk.wait(1_000)
    raise AssertionError(talk.run)
