"""Certainty: what surely breaks where a schema says only part of what its values are.

A producer that says nothing of a member, or of how long a text may be, has not promised it, and has not
denied it either. Here a break is told only where what *is* said does not fit, whatever the rest may be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from podium.contracts.cases import Case, cases_of
from podium.contracts.compatibility import (
    FINDINGS_MAX,
    FITS,
    Compatibility,
    Finding,
    gaps_between,
    unknown_of,
    witnessed,
)
from podium.contracts.examples import hints_of
from podium.contracts.fragments import Fragment, Library
from podium.contracts.proving import Prover, TooLong
from podium.facts.values import JSON
from podium.resources.troubles import parts_of

_GUESS = "at most these values, and perhaps fewer"

_BOUNDED: dict[str, Callable[[Case], bool]] = {
    **dict.fromkeys(("minimum", "exclusiveMinimum"), lambda case: case.lower is not None),
    **dict.fromkeys(("maximum", "exclusiveMaximum"), lambda case: case.upper is not None),
    "multipleOf": lambda case: bool(case.multiples),
    "minLength": lambda case: case.length_min > 0,
    "maxLength": lambda case: case.length_max < float("inf"),
    "pattern": lambda case: bool(case.patterns),
    "format": lambda case: bool(case.formats),
    "minItems": lambda case: case.items_min > 0,
    "maxItems": lambda case: case.items_max < float("inf"),
    "uniqueItems": lambda case: False,
    "contains": lambda case: False,
}
"""Whether a producer says anything in the direction of a keyword; one that lists its values does."""


def guessed(fragment: Fragment) -> Fragment:
    """A schema whose values are not all known to come about: told from what stands around, not promised."""
    if isinstance(fragment, bool) or fragment.get("$comment") == _GUESS:
        return fragment
    return {"allOf": [fragment], "$comment": _GUESS}


def handed(library: Library, producer: Fragment, consumer: Fragment) -> Compatibility:
    """Whether what is known of a value is enough for who takes it.

    Returns:
        `breaks` where the value cannot fit, or where one that the producer clearly allows does not.
    """
    gaps = gaps_between(library, producer, consumer)
    if not gaps:
        return FITS
    try:
        likely = [value for gap in gaps if not gap.path for value in gap.examples]
        breaks = list(_Judge(library, producer, consumer).breaks(likely))
    except (TooLong, RecursionError):
        breaks = []
    unknown = [unknown_of(gap) for gap in gaps]
    return Compatibility("breaks", tuple(breaks)) if breaks else Compatibility("unknown", tuple(unknown))


class _Judge:
    """One producer and one consumer."""

    def __init__(self, library: Library, producer: Fragment, consumer: Fragment) -> None:
        self._library, self._producer, self._consumer = library, producer, consumer
        self._prover = Prover(library)
        self._names = sorted(hints_of(library, consumer).names)

    def breaks(self, likely: list[JSON]) -> Iterator[Finding]:
        shown = list(witnessed(self._library, self._producer, self._consumer, likely))
        if self._never_fits(True):
            if not self._prover.is_empty([self._producer]):
                yield shown[0] if shown else Finding("breaks", "", "", "no value that can come fits")
            return
        told: set[tuple[str, str]] = set()
        for finding in shown[:FINDINGS_MAX]:
            for path, restriction in self._restrictions(finding):
                if (path, finding.keyword) not in told and self._never_fits(restriction):
                    told.add((path, finding.keyword))
                    yield Finding("breaks", path, finding.keyword, finding.message, finding.witness)
                    break

    def _never_fits(self, restriction: Fragment) -> bool:
        return self._prover.is_empty([self._producer, restriction, self._consumer])

    def _restrictions(self, finding: Finding) -> Iterator[tuple[str, Fragment]]:
        """What a witness shows of the producer, one thing at a time, by its place."""
        parts = parts_of(finding.path)
        found = _at(finding.witness, parts)
        yield from self._of(finding.path, parts, found, finding)
        if isinstance(found, dict | list):
            for more, value in _leaves(found):
                path = finding.path + "".join(f"/{part}" for part in more)
                yield from self._of(path, [*parts, *more], value, finding)

    def _of(
        self, path: str, parts: list[str], value: JSON, finding: Finding
    ) -> Iterator[tuple[str, Fragment]]:
        whole = finding.witness
        cases = self._cases(parts, whole)
        if cases is None or not all(_speaks_of(case, finding.keyword) for case in cases):
            return
        if isinstance(value, dict):
            if not any(case.names_nothing for case in cases):
                for name in self._names:
                    if name not in value:
                        yield path, _placed(parts, whole, {"properties": {name: False}})
            named = {name for case in cases for name in case.named} & value.keys()
            for name in sorted(named):
                yield path, _placed(parts, whole, {"type": "object", "required": [name]})
        elif isinstance(value, list):
            if not any(case.says_nothing for case in cases):
                yield path, _placed(parts, whole, {"minItems": len(value), "maxItems": len(value)})
        elif not any(case.says_nothing for case in cases):
            yield path, _placed(parts, whole, {"const": value})

    def _cases(self, parts: list[str], whole: JSON) -> list[Case] | None:
        """The cases at a place; None where the producer is silent of it, or only guessed."""
        schemas: list[Fragment] = [self._producer]
        value = whole
        for part in (*parts, None):
            cases = cases_of(self._library, schemas)
            if any(case.says_nothing or is_guess(case.parts) for case in cases):
                return None
            if part is None:
                return cases
            if isinstance(value, list):
                inner = [case.item(int(part)) for case in cases if "array" in case.atoms]
                value = value[int(part)]
            else:
                inner = [case.member(part) for case in cases if "object" in case.atoms]
                value = value[part]
            schemas = [{"anyOf": [{"allOf": one} if one else True for one in inner]}]
        return None


def _speaks_of(case: Case, keyword: str) -> bool:
    return case.values is not None or keyword not in _BOUNDED or _BOUNDED[keyword](case)


def is_guess(parts: list[dict[str, Any]]) -> bool:
    """Whether the parts of a case are marked as a guess."""
    return any(part.get("$comment") == _GUESS for part in parts)


def _at(value: JSON, parts: list[str]) -> JSON:
    for part in parts:
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value


def _leaves(value: JSON, above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], JSON]]:
    """Everything inside, with what leads to it."""
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    for part, inner in inside:
        yield (*above, str(part)), inner
        if isinstance(inner, dict | list):
            yield from _leaves(inner, (*above, str(part)))


def _placed(parts: list[str], whole: JSON, schema: Fragment) -> Fragment:
    """A schema of a value that has this inside, at a place."""
    if not parts:
        return schema
    part, rest = parts[0], parts[1:]
    if isinstance(whole, list):
        place = int(part)
        inner = _placed(rest, whole[place], schema)
        return {"type": "array", "minItems": place + 1, "prefixItems": [*([True] * place), inner]}
    inner = _placed(rest, whole[part], schema)
    return {"type": "object", "required": [part], "properties": {part: inner}}
