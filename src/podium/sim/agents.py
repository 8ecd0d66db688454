"""The agents of a world: each attempt succeeds, fails, dies, is late or silent, as chance has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from podium.facts import inputs as i
from podium.facts.orders import Perform
from podium.facts.values import standard_error

if TYPE_CHECKING:
    from podium.sim.hub import HubProcess
    from podium.sim.world import World

PADDING = "x" * 5_000
"""Makes an output so big that it is kept apart from its record."""


class Agents:
    """Plays them all."""

    def __init__(self, world: World) -> None:
        self._world = world

    def play(self, hub: HubProcess, order: Perform) -> None:
        """Make an attempt, and report to the hub that ordered it."""
        world = self._world
        strikes, random = world.dice.strikes, world.chance[f"agents {order.run_id}"]
        world.note("perform", order.task, order.token, order.delivery)
        takes = random.randrange(5, 3_000)
        report = self._report(order)
        if strikes("mute"):
            return
        if strikes("die"):
            report = _outcome(order, "lost")
        if strikes("late"):
            takes += 40_000
        left = order.deadline_at - hub.clock.now()
        if order.deadline_at and takes > left:
            world.after(max(left, 1), lambda: hub.told(_timed_out(order)))
        world.after(takes, lambda: hub.told(report))
        if strikes("twice"):
            world.after(takes + random.randrange(1, 2_000), lambda: hub.told(report))

    def _report(self, order: Perform) -> i.Reported:
        strikes = self._world.dice.strikes
        if strikes("unstarted"):
            return _outcome(order, "unstarted", "the simulated agent was busy")
        if strikes("fail"):
            return _outcome(order, "failed", "the simulated agent failed")
        if order.kind == "agent" and strikes("breach"):
            return _outcome(order, "succeeded", output={"rubbish": True})
        output: dict[str, Any] = {"token": order.token}
        if self._world.chance["padding"].random() < 0.05:
            output["padding"] = PADDING
        self._world.auditor.answers[order.run_id, order.effect, order.token] = output
        return _outcome(order, "succeeded", output=output)


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
        cost_nano=1_000,
    )


def _timed_out(order: Perform) -> i.Reported:
    error = standard_error("timeout", order.task, "the attempt took longer than its deadline")
    status: Status = "lost" if order.delivery == "at-most-once" else "failed"
    return i.Reported(run_id=order.run_id, effect=order.effect, token=order.token, status=status, error=error)
