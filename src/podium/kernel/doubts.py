"""Effects in doubt and their probes, folded into the state. Called by `evolve`, and by who wants to know."""

from __future__ import annotations

from typing import Any

from podium.facts.lifecycles import EFFECT
from podium.facts.values import JSON
from podium.kernel.leaving import drop_probe
from podium.kernel.state import Effect, Run, Shard

PROBE = "probe"
"""What is asked for in place of an effect that is in doubt."""


def probe_of(view: Any, effect: Effect) -> str:
    """Who can say what became of an effect: a tool, or a capability of its own agent; "" for nobody."""
    if effect.probe_for:
        return ""
    tool = view.tools.get(effect.digest)
    if tool is not None:
        return tool.probe.tool if tool.probe is not None else ""
    agent = view.agents.get(effect.digest)
    return agent.probe if agent is not None else ""


def doubt(shard: Shard, run: Run, effect: Effect, event: Any, at: int) -> None:
    """Note that an effect is in doubt, and whether somebody is to be asked at once."""
    effect.deadline_at = 0
    effect.probes, effect.said = 0, None
    if event.probe:
        effect.retry_at = at
        shard.wake(run.id, at)


def asked(doubtful: Effect, probe: Effect) -> None:
    """A probe is being asked."""
    probe.probe_for = doubtful.id
    doubtful.probe, doubtful.retry_at = probe.id, 0
    doubtful.probes += 1


def answered(shard: Shard, run: Run, probe: Effect, event: Any, body: Any, at: int) -> None:
    """A probe has said something, or could not be asked."""
    doubtful = run.effects.get(probe.probe_for)
    if doubtful is None or doubtful.probe != probe.id:
        return
    doubtful.probe = 0
    output: JSON = body and body.output
    said = dict(output) if event.status == "succeeded" and isinstance(output, dict) else {}
    if event.status != "succeeded" and body is not None and body.error is not None:
        said = {"why": body.error.title}
    doubtful.said = {**said, "by": probe.agent}
    shard.wake(run.id, at)


def probed(shard: Shard, run: Run, event: Any, body: Any, record: Any) -> None:
    """A probe did not know: it is asked again, or an operator must say."""
    effect = run.effects[event.effect]
    effect.status = EFFECT[effect.status, "EffectProbed"]
    effect.said, effect.retry_at = None, event.next_at
    effect.message = body.why if body else ""
    if event.next_at:
        shard.wake(run.id, event.next_at)


def resolved(shard: Shard, run: Run, effect: Effect) -> None:
    """Nobody needs to be asked about it any more."""
    drop_probe(shard, run, effect)
    effect.said, effect.retry_at, effect.message = None, 0, ""
