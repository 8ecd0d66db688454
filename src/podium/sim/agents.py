"""The agents of a world: each attempt succeeds, fails, dies, is late or silent, as chance has it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

from podium.facts import inputs as i
from podium.facts.orders import Answer, Perform
from podium.facts.values import standard_error
from podium.sim.documents import COST_NANO
from podium.sim.leaders import PLANS, Leader
from podium.sim.ledger import Attempt
from podium.sim.mending import chosen, fails, said_by_probe
from podium.sim.stage import Stage

PADDING = "x" * 5_000
"""Makes an output so big that it is kept apart from its record."""


class Agents:
    """Plays them all."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._leaders: dict[Attempt, tuple[Leader, Callable[[i.Reported], None], bool]] = {}

    def play(self, order: Perform, now: int, report: Callable[[i.Input], None]) -> None:
        """Make an attempt.

        Args:
            now: what the clock of the hub that ordered it says.
            report: tells that hub.
        """
        stage = self._stage
        strikes, random = stage.dice.strikes, stage.chance[f"agents {order.run_id}"]
        stage.note("perform", order.task, order.token, order.delivery)
        takes = random.randrange(5, 3_000)
        outcome = self._wearied(order, self._outcome(order))
        tell = partial(self._tell, report)
        if order.capability in PLANS and order.kind == "agent":
            self._lead(Leader(order, random, report), takes, now, tell)
            return
        if strikes("mute"):
            return
        if strikes("die"):
            outcome = _outcome(order, "lost")
        if strikes("late"):
            takes += 40_000
        left = order.deadline_at - now
        if order.deadline_at and takes > left:
            stage.after(max(left, 1), lambda: tell(_timed_out(order)))
        stage.after(takes, lambda: tell(outcome))
        if strikes("twice"):
            stage.after(takes + random.randrange(1, 2_000), lambda: tell(outcome))

    def _lead(self, leader: Leader, takes: int, now: int, tell: Callable[[i.Reported], None]) -> None:
        """Let an attempt that asks begin; one that is mute asks, and then never goes on."""
        order = leader.order
        mute = self._stage.dice.strikes("mute")
        self._leaders[order.run_id, order.effect, order.token] = leader, tell, mute
        self._go_on(leader, takes, now, tell)

    def hear(self, answer: Answer, now: int) -> None:
        """An attempt is told what came of something that it asked for."""
        known = self._leaders.get((answer.run_id, answer.effect, answer.token))
        if known is not None:
            leader, tell, mute = known
            if leader.hear(answer) and not mute:
                random = self._stage.chance[f"agents {answer.run_id}"]
                self._go_on(leader, random.randrange(5, 1_000), now, tell)

    def _go_on(self, leader: Leader, takes: int, now: int, tell: Callable[[i.Reported], None]) -> None:
        stage, order, phase = self._stage, leader.order, leader.phase

        def next_turn() -> None:
            if leader.phase != phase:
                return
            if leader.done:
                leader.phase += 1
                tell(self._outcome(order))
            elif stage.dice.strikes("die"):
                leader.phase += 1
                tell(_outcome(order, "lost"))
            else:
                leader.go_on()

        def too_late() -> None:
            if leader.phase == phase and not leader.waits:
                leader.phase += 1
                tell(_timed_out(order))

        left = leader.deadline_at - now
        if leader.deadline_at and takes > left:
            stage.after(max(left, 1), too_late)
        else:
            stage.after(takes, next_turn)

    def _tell(self, report: Callable[[i.Input], None], told: i.Reported) -> None:
        said = self._stage.ledger.said.setdefault((told.run_id, told.effect, told.token), set())
        said.add(told.status)
        report(told)

    def _outcome(self, order: Perform) -> i.Reported:
        strikes = self._stage.dice.strikes
        if strikes("unstarted"):
            return _outcome(order, "unstarted", "the simulated agent was busy")
        if strikes("fail") or fails(order, self._stage.chance[f"near {order.run_id}"]):
            return _outcome(order, "failed", "the simulated agent failed")
        if order.kind == "agent" and strikes("breach"):
            return _outcome(order, "succeeded", output={"rubbish": True})
        output: dict[str, Any] = {"token": order.token}
        if order.capability == "paid.status":
            output = said_by_probe(order, self._stage.chance[f"probe {order.run_id}"])
        if order.capability == "picker.do":
            output = chosen(order, self._stage.chance[f"picks {order.run_id}"])
        if self._stage.chance["padding"].random() < 0.05:
            output["padding"] = PADDING
        self._stage.ledger.answers[order.run_id, order.effect, order.token] = output
        return _outcome(order, "succeeded", output=output)

    def _wearied(self, order: Perform, told: i.Reported) -> i.Reported:
        """What becomes of an attempt; some servers ask for a pause with it."""
        random = self._stage.chance[f"pauses {order.run_id}"]
        if order.kind == "http" and random.random() < 0.3:
            told.provenance["retry_after_ms"] = random.randrange(500, 20_000)
        return told


Status = Literal["succeeded", "failed", "lost", "unstarted"]


def _outcome(order: Perform, status: Status, title: str = "", output: Any = None) -> i.Reported:
    error = standard_error("runtime", order.task, title) if title else None
    return i.Reported(
        run_id=order.run_id,
        effect=order.effect,
        token=order.token,
        status=status,
        output=output,
        error=error,
        cost_nano=COST_NANO,
    )


def _timed_out(order: Perform) -> i.Reported:
    error = standard_error("timeout", order.task, "the attempt took longer than its deadline")
    status: Status = "lost" if order.delivery == "at-most-once" else "failed"
    return i.Reported(run_id=order.run_id, effect=order.effect, token=order.token, status=status, error=error)
