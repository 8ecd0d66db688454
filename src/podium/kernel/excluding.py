"""Agents that let only so many attempts be at work on the same: a hold in the ledger, like any other."""

from __future__ import annotations

import hmac
from collections.abc import Iterable

import msgspec

from podium.facts.catalog import Exclusive
from podium.facts.policy import Decision, Hold
from podium.facts.values import JSON
from podium.kernel.step import Step
from podium.policy.ledger import CALLS, IN_FLIGHT, UNBOUND

RULE = "exclusive"
"""How the rules begin by which attempts are held back that others are in the way of."""

_encode = msgspec.json.Encoder(order="deterministic").encode


def excluded(
    step: Step, decision: Decision, terms: Exclusive, agent: str, given: JSON, own: Iterable[Hold] = ()
) -> Decision:
    """The decision, with what the attempt holds of its key; or another one, where others hold that.

    Args:
        decision: lets it go ahead.
        agent: name of the agent.
        given: its input.
        own: what the effect holds already.
    """
    found, value = _at(given, terms.key)
    if not found:
        message = f"the input has nothing at {terms.key}, by which {agent} tells what it is at work on"
        return _instead(decision, "deny", f"{RULE}/{agent}", message)
    digest = hmac.digest(step.view.digest_key, _encode(value), "sha256").hex()[:32]
    counter = f"{IN_FLIGHT}{CALLS}{UNBOUND}:{RULE}/{agent}|{digest}@0"
    taken = step.shard.ledger.held.get(counter, 0) - sum(one.counter == counter for one in own)
    if taken < terms.limit:
        return msgspec.structs.replace(decision, holds=(*decision.holds, Hold(counter, 1)))
    message = f"{agent} is at work on the same for somebody else; {terms.limit} at once"
    verdict = "defer" if terms.on_conflict == "queue" else "deny"
    return _instead(decision, verdict, f"{RULE}/{agent}", message)


def _instead(decision: Decision, verdict: str, rule: str, message: str) -> Decision:
    return msgspec.structs.replace(
        decision, verdict=verdict, rules=(rule,), message=message, holds=(), counts=(), marks=(), proofs=(),
        until=0, terms=None,
    )  # fmt: skip


def _at(value: JSON, pointer: str) -> tuple[bool, JSON]:
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if not isinstance(value, dict) or name not in value:
            return False, None
        value = value[name]
    return value is not None, value
