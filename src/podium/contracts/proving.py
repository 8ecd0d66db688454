"""Proving: that every value of one schema keeps another, keyword by keyword; what cannot be shown is a gap.

A proof may lean on itself where it has gone down into a value meanwhile: values are finite, so this is
induction. Nothing is proven by running out of steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from podium.contracts.cases import Case, cases_of, clusters
from podium.contracts.fragments import Fragment, Library, Unresolved, canonical
from podium.contracts.keywords import CHECKS, Gap
from podium.facts.values import JSON
from podium.resources.troubles import pointer

T = TypeVar("T")

STEPS_MAX = 5_000
"""A comparison that takes more steps is given up."""
SPLITS_MAX = 3
"""So often is a case divided to fit into alternatives."""
VALUES_MAX = 16
"""A case is divided by a member that has no more values than this."""


class TooLong(Exception):
    """The comparison takes more steps than it may."""


class Prover:
    """Proofs within one library. Every method may raise TooLong.

    Args:
        named_only: see `cases_of`; of the producer's values only these are looked at.
    """

    def __init__(
        self, library: Library, *, named_only: bool = False, steps_max: int = STEPS_MAX
    ) -> None:  # fmt: skip
        self._library = library
        self._named_only = named_only
        self._steps_left = steps_max
        self._depth = 0
        self._splits = 0
        self._open: dict[tuple[frozenset[bytes], bytes], int] = {}
        """Goals under way, and how deep in a value each began."""

    def gaps(self, producer: Sequence[Fragment], consumer: Fragment, path: str = "") -> list[Gap]:
        """What is missing to a proof that whatever keeps all of `producer` keeps `consumer`; none: proven."""
        found = [gap for case in self._cases(producer) for gap in self._case(case, consumer, path)]
        return list({(gap.path, gap.keyword): gap for gap in found}.values())

    def inside(
        self, producer: Sequence[Fragment], consumer: Fragment, path: str, part: str | int
    ) -> list[Gap]:
        """The gaps of a member or an item."""
        if consumer is True:
            return []
        return self._below(lambda: self.gaps(producer, consumer, path + pointer((part,))))

    def is_empty(self, schemas: Sequence[Fragment]) -> bool:
        """Whether it is shown that no value keeps all of these."""
        return all(map(self._allows_nothing, self._cases(schemas)))

    def _cases(self, schemas: Sequence[Fragment]) -> list[Case]:
        return cases_of(self._library, schemas, self._named_only)

    # --- one case ------------------------------------------------------------------------------------

    def _case(self, case: Case, consumer: Fragment, path: str) -> list[Gap]:
        if consumer is True or consumer == {} or self._allows_nothing(case):
            return []
        if consumer is False:
            return [Gap(path, "false", False)]
        wanted = canonical(consumer)
        if wanted in case.implied:
            return []
        known = self._begin(case, wanted)
        if known is not None:
            return [] if known else [Gap(path, "$ref", compared=False)]
        try:
            return list(self._keywords(case, consumer, path))
        finally:
            self._end(case, wanted)

    def _keywords(self, case: Case, consumer: dict[str, Any], path: str) -> Iterator[Gap]:
        values = case.finite()
        if values is not None:
            yield from self._one_by_one(case, values, consumer, path)
            return
        for name, bound in consumer.items():
            if (check := CHECKS.get(name)) is not None:
                yield from check(self, case, consumer, bound, path)
            elif (combine := _COMBINED.get(name)) is not None:
                yield from combine(self, case, consumer, bound, path)

    def _one_by_one(
        self, case: Case, values: list[JSON], consumer: dict[str, Any], path: str
    ) -> Iterator[Gap]:
        allowed, taken = self._library.check_of(case.whole()), self._library.check_of(consumer)
        for value in values:
            if allowed(value) is False:
                continue
            kept = taken(value)
            if not kept:
                names = [name for name in consumer if name in CHECKS or name in _COMBINED]
                first = next((name for name in ("enum", "const", "type", *names) if name in consumer), "enum")
                yield Gap(path, first, consumer.get(first), kept is not None, (value,))
                return

    def _allows_nothing(self, case: Case) -> bool:
        if not case.atoms:
            return True
        known = self._begin(case, b"")
        if known is not None:
            return known
        try:
            return self._is_denied(case) or all(self._is_hollow(case, atom) for atom in case.atoms)
        finally:
            self._end(case, b"")

    def _is_denied(self, case: Case) -> bool:
        """Whether the case lies within something that it must not be."""
        plain = [{name: bound for name, bound in part.items() if name != "not"} for part in case.parts]
        for denied in case.nots:
            others = [{"not": other} for other in case.nots if other is not denied]
            if not self.gaps([*plain, *others], denied):
                return True
        return False

    def _is_hollow(self, case: Case, atom: str) -> bool:
        """Whether something that must stand inside cannot be."""
        if atom == "object":
            inside: Iterable[list[Fragment]] = map(case.member, sorted(case.required))
        elif atom == "array":
            inside = map(case.item, range(min(case.items_min, case.prefix + 1)))
        else:
            return False
        return self._below(lambda: any(map(self.is_empty, inside)))

    # --- goals ---------------------------------------------------------------------------------------

    def _begin(self, case: Case, wanted: bytes) -> bool | None:
        """Note a goal; where it is under way already, whether it may be taken for granted here."""
        self._steps_left -= 1
        if self._steps_left < 0:
            raise TooLong
        goal = (frozenset(case.implied), wanted)
        known = self._open.get(goal)
        if known is not None:
            return known < self._depth
        self._open[goal] = self._depth
        return None

    def _end(self, case: Case, wanted: bytes) -> None:
        del self._open[frozenset(case.implied), wanted]

    def _below(self, work: Callable[[], T]) -> T:
        self._depth += 1
        try:
            return work()
        finally:
            self._depth -= 1

    # --- combined schemas ----------------------------------------------------------------------------

    def _reference(self, case: Case, consumer: dict[str, Any], bound: Any, path: str) -> list[Gap]:
        try:
            return self._case(case, self._library.resolve(bound), path)
        except Unresolved as unresolved:
            return [Gap(path, unresolved.keyword, compared=False)]

    def _all_of(self, case: Case, consumer: dict[str, Any], bound: Any, path: str) -> list[Gap]:
        return [gap for one in bound for gap in self._case(case, one, path)]

    def _any_of(self, case: Case, consumer: dict[str, Any], bound: Any, path: str) -> list[Gap]:
        tried = [self._case(case, one, path) for one in bound]
        if not all(tried) or self._holds_divided(case, {"anyOf": bound}, path):
            return []
        return _nearest(tried, Gap(path, "anyOf", bound))

    def _one_of(self, case: Case, consumer: dict[str, Any], bound: Any, path: str) -> list[Gap]:
        tried = [self._case(case, one, path) for one in bound]
        for number, gaps in enumerate(tried):
            others = [one for at, one in enumerate(bound) if at != number]
            if not gaps and all(self.is_empty([*case.parts, other]) for other in others):
                return []
        if self._holds_divided(case, {"oneOf": bound}, path):
            return []
        return _nearest(tried, Gap(path, "oneOf", bound)) if all(tried) else [Gap(path, "oneOf", bound)]

    def _not(self, case: Case, consumer: dict[str, Any], bound: Any, path: str) -> list[Gap]:
        return [] if self.is_empty([*case.parts, bound]) else [Gap(path, "not", bound)]

    def _if(self, case: Case, consumer: dict[str, Any], bound: Any, path: str) -> list[Gap]:
        if canonical(clusters(consumer)["if"]) in case.clusters:
            return []
        then, otherwise = consumer.get("then", True), consumer.get("else", True)
        if self.gaps([*case.parts, bound], then, path):
            return [Gap(path, "if", bound, compared=False)]
        if self.gaps([*case.parts, {"not": bound}], otherwise, path):
            return [Gap(path, "if", bound, compared=False)]
        return []

    def _holds_divided(self, case: Case, consumer: Fragment, path: str) -> bool:
        """Whether every piece of the case keeps it, where the whole of it fits into no alternative."""
        if self._splits >= SPLITS_MAX:
            return False
        self._splits += 1
        try:
            return any(
                not any(self.gaps([*case.parts, piece], consumer, path) for piece in pieces)
                for pieces in _divisions(case)
            )
        finally:
            self._splits -= 1


_COMBINED: dict[str, Callable[[Prover, Case, dict[str, Any], Any, str], Iterable[Gap]]] = {
    "$ref": Prover._reference,
    "allOf": Prover._all_of,
    "anyOf": Prover._any_of,
    "oneOf": Prover._one_of,
    "not": Prover._not,
    "if": Prover._if,
}

_ATOM_SCHEMAS: dict[str, Fragment] = {
    **{name: {"type": name} for name in ("null", "boolean", "integer", "string", "array", "object")},
    "fraction": {"type": "number", "not": {"type": "integer"}},
}


def _divisions(case: Case) -> Iterator[list[Fragment]]:
    """Ways to divide a case into pieces that together are all of it."""
    if len(case.atoms) > 1:
        yield [_ATOM_SCHEMAS[atom] for atom in sorted(case.atoms)]
        return
    if case.atoms == {"object"}:
        for name in sorted(case.required):
            listed = [one["enum"] for one in case.member(name) if isinstance(one, dict) and "enum" in one]
            for values in listed:
                if 1 < len(values) <= VALUES_MAX:
                    yield [{"properties": {name: {"const": value}}} for value in values]


def _nearest(tried: list[list[Gap]], whole: Gap) -> list[Gap]:
    """The gaps of the alternative that was meant, if one clearly was: the only one of the right kind."""
    inside = [gaps for gaps in tried if all(gap.path != whole.path for gap in gaps)]
    return inside[0] if len(inside) == 1 else [whole]
