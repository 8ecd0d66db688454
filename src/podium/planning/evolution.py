"""Evolution: what a new version of a contract means for those who relied on the old one."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec

from podium.contracts.certainty import handed
from podium.contracts.compatibility import Compatibility, Finding, Verdict, compare
from podium.contracts.fragments import Library
from podium.facts.catalog import AgentVersion, Capability, ToolVersion, WorkflowVersion
from podium.facts.values import JSON
from podium.planning.declarations import ends_of

Class: TypeAlias = Literal["full", "backward", "forward", "none", "unknown"]


class Evolution(msgspec.Struct, frozen=True):
    """How the contract of a capability, or of a workflow, changed.

    What an open object may hold beside the members it names is left out of account here: nobody was promised
    anything about it.

    Attributes:
        capability: its name; "" for a workflow.
        compatibility: `backward`: whoever relied on the old version can rely on the new one. `forward`:
            whoever is written for the new one can do with the old one. `full`: both. `none`: neither.
            `unknown`: it could not be told.
        backward: whether the new version takes all that the old one took, and gives nothing it did not give.
        forward: the same the other way about.
        input: why the new input is narrower than the old one; output: why the new output is wider.
        narrows: whether something that was clearly taken is refused now.
        widens: whether something is clearly given that never was.
        removed: whether it is no longer offered.
    """

    capability: str
    compatibility: Class
    backward: Verdict
    forward: Verdict
    input: tuple[Finding, ...] = ()
    output: tuple[Finding, ...] = ()
    narrows: bool = False
    widens: bool = False
    removed: bool = False


def evolution_of(capability: str, before: tuple[JSON, JSON], after: tuple[JSON, JSON]) -> Evolution:
    """How a contract changed.

    Args:
        before: schemas of input and output; None says nothing.
    """
    taken, given = _replaced(before[0], after[0]), _replaced(after[1], before[1])
    taken_back, given_back = _replaced(after[0], before[0]), _replaced(before[1], after[1])
    backward, forward = _both(taken, given), _both(taken_back, given_back)
    return Evolution(
        capability, _class(backward, forward), backward, forward, taken.findings, given.findings,
        _clearly_breaks(before[0], after[0]), _clearly_breaks(after[1], before[1]),
    )  # fmt: skip


def evolution(before: Any, after: Any) -> tuple[Evolution, ...]:
    """How the contracts of a resource changed; nothing where its kind has none.

    Args:
        before, after: versions of it, as the catalog has them.
    """
    if isinstance(before, AgentVersion):
        return evolutions(before, after)
    if isinstance(before, ToolVersion):
        return evolutions(before.performer(), after.performer())
    return workflow_evolution(before, after) if isinstance(before, WorkflowVersion) else ()


def evolutions(before: AgentVersion, after: AgentVersion) -> tuple[Evolution, ...]:
    """How the contracts of an agent's capabilities changed; only of those that did."""
    kept = {capability.name: capability for capability in after.capabilities}
    found = []
    for old in before.capabilities:
        new = kept.get(old.name)
        if new is None:
            found.append(Evolution(old.name, "none", "breaks", "fits", removed=True))
        elif (old.input, old.output) != (new.input, new.output):
            found.append(evolution_of(old.name, _contract(old), _contract(new)))
    return tuple(found)


def workflow_evolution(before: WorkflowVersion, after: WorkflowVersion) -> tuple[Evolution, ...]:
    """How a workflow's input and output changed; nothing where they did not."""
    old, new = ends_of(before), ends_of(after)
    return () if old == new else (evolution_of("", old, new),)


def _contract(capability: Capability) -> tuple[JSON, JSON]:
    return capability.input, capability.output


def _replaced(producer: JSON, consumer: JSON) -> Compatibility:
    """Whether all that one allows keeps the other; one without a schema has promised nothing."""
    if producer is None and consumer is not None:
        remark = Finding("unknown", "", "", "one of the versions has no schema")
        return Compatibility("unknown", (remark,))
    return compare(producer, consumer, named_only=True)


def _clearly_breaks(producer: JSON, consumer: JSON) -> bool:
    if producer is None or consumer is None:
        return False
    library = Library()
    return handed(library, library.embed(producer), library.embed(consumer)).verdict == "breaks"


def _both(one: Compatibility, other: Compatibility) -> Verdict:
    verdicts = (one.verdict, other.verdict)
    return "breaks" if "breaks" in verdicts else "unknown" if "unknown" in verdicts else "fits"


def _class(backward: Verdict, forward: Verdict) -> Class:
    if backward == "fits":
        return "full" if forward == "fits" else "backward"
    if "unknown" in (backward, forward):
        return "unknown"
    return "forward" if forward == "fits" else "none"
