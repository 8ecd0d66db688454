"""Remembering: what happened earlier in a run, as far as sequences ask for it."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

import msgspec

from podium.facts.policy import Action
from podium.facts.policy_version import Earlier, Sequence
from podium.policy.findings import Tally, Unevaluable, consequence_of
from podium.policy.limiting import argument
from podium.policy.matching import TOOLS, Shape, matches, named

LABEL = "label:"
"""How marks begin that say which data a run has used."""

_encode = msgspec.json.Encoder(order="deterministic").encode


class SequenceCheck:
    """A sequence, for actions of one shape."""

    __slots__ = ("_earlier", "_name", "_otherwise", "_sequence", "is_later", "is_mark", "is_proof")

    def __init__(self, policy: str, sequence: Sequence, shape: Shape, groups: frozenset[str]) -> None:
        self._sequence, self._name = sequence, f"{policy}/sequences/{sequence.name}"
        earlier = sequence.require or sequence.forbid_after
        assert earlier is not None, "a sequence requires or forbids"
        self._earlier, self._otherwise = earlier, consequence_of(sequence.otherwise)
        is_earlier = _is_earlier(earlier, shape, groups)
        self.is_later = matches(sequence.match, shape, groups)
        self.is_proof = is_earlier and sequence.require is not None
        self.is_mark = is_earlier and sequence.forbid_after is not None

    @property
    def bears(self) -> bool:
        return self.is_later or self.is_proof or self.is_mark

    def weigh(self, action: Action, marks: Mapping[str, int], now: int, tally: Tally) -> None:
        """Look back, and note what to remember. Raises Unevaluable."""
        if self.is_mark or self.is_proof:
            self._note(action, tally)
        if not self.is_later:
            return
        earlier = self._earlier
        texts = (self._name, self._text(action), *(LABEL + label for label in earlier.labels))
        times = [marks[text] for text in texts if text in marks]
        if self._sequence.forbid_after is not None and any(one in action.labels for one in earlier.labels):
            times.append(now)
        found = any(not earlier.within_ms or now - at <= earlier.within_ms for at in times)
        if found == (self._sequence.require is None):
            order = "takes something else before" if self._sequence.require else "must not come after that"
            told = self._sequence.message or f"{self._name}: it {order}"
            tally.findings.append(self._otherwise.finding(self._name, told))

    def _note(self, action: Action, tally: Tally) -> None:
        """Where an argument is missing it proves nothing, and forbids whatever comes after it."""
        try:
            text = self._text(action)
        except Unevaluable:
            text = self._name if self.is_mark else ""
        if text:
            (tally.marks if self.is_mark else tally.proofs).append(text)

    def _text(self, action: Action) -> str:
        """What is remembered; with the arguments that must be the same."""
        same = self._earlier.same
        if not same:
            return self._name
        values = [argument(action, path) for path in same]
        return f"{self._name}|{sha256(_encode(values)).hexdigest()[:32]}"


def _is_earlier(earlier: Earlier, shape: Shape, groups: frozenset[str]) -> bool:
    """Whether actions of a shape are what a sequence looks back for."""
    if shape.kind in TOOLS and (
        named(shape.target, earlier.tools) or not groups.isdisjoint(earlier.tool_groups)
    ):
        return True
    return bool(shape.capability) and named(shape.capability, earlier.capabilities)
