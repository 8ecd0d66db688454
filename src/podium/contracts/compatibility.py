"""Compatibility: does whatever one schema allows also keep another?

`fits` is proven, `breaks` shown by a value that one validator takes and the other refuses, and the rest is
`unknown`: neither was possible, and the keywords at fault are named.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import Literal, TypeAlias

import msgspec

from podium.contracts.checking import SchemaInvalid, compile_schema
from podium.contracts.examples import Examples, hints_of
from podium.contracts.fragments import Fragment, Library, canonical
from podium.contracts.keywords import Gap
from podium.contracts.proving import Prover, TooLong
from podium.facts.values import JSON

Verdict: TypeAlias = Literal["fits", "breaks", "unknown"]

FINDINGS_MAX = 10


class Finding(msgspec.Struct, frozen=True):
    """Why one schema does not fit, or cannot be shown to fit, another.

    Attributes:
        verdict: `breaks` or `unknown`.
        path: JSON pointer into the value; `*` is any member or item that nothing names.
        keyword: of the consumer's schema.
        message: what is wrong, in a sentence.
        witness: of a break: a value that the producer allows and the consumer refuses.
    """

    verdict: Verdict
    path: str
    keyword: str
    message: str
    witness: JSON = None


class Compatibility(msgspec.Struct, frozen=True):
    """A verdict, and why it is not `fits`."""

    verdict: Verdict
    findings: tuple[Finding, ...] = ()


FITS = Compatibility("fits")


def compare(producer: JSON, consumer: JSON, *, named_only: bool = False) -> Compatibility:
    """Whether every value that one JSON Schema 2020-12 allows keeps another.

    Args:
        producer: whose values they are; None allows anything.
        consumer: who takes them; None takes anything.
        named_only: leave out of account what an open object may hold beside the members it names.
    Returns:
        `breaks` only with a witness; where something breaks, what is unknown beside it is told too.
    """
    try:
        return _compared(canonical(producer), canonical(consumer), named_only)
    except (RecursionError, OverflowError, TypeError, UnicodeEncodeError):
        return Compatibility("unknown", (Finding("unknown", "", "", "the schemas are no plain JSON"),))


@lru_cache(maxsize=1024)
def _compared(producer: bytes, consumer: bytes, named_only: bool) -> Compatibility:
    if producer == consumer:
        return FITS
    library = Library()
    given, wanted = msgspec.json.decode(producer), msgspec.json.decode(consumer)
    return compare_fragments(library, library.embed(given), library.embed(wanted), named_only=named_only)


def compare_fragments(
    library: Library, producer: Fragment, consumer: Fragment, *, named_only: bool = False
) -> Compatibility:
    """The same of fragments of a library."""
    gaps = gaps_between(library, producer, consumer, named_only=named_only)
    if not gaps:
        return FITS
    likely = [value for gap in gaps if not gap.path for value in gap.examples]
    breaks = list(witnessed(library, producer, consumer, likely, named_only=named_only))
    unknown = [unknown_of(gap) for gap in gaps if not (breaks and gap.compared)]
    return Compatibility("breaks" if breaks else "unknown", tuple((*breaks, *unknown)[:FINDINGS_MAX]))


def gaps_between(
    library: Library, producer: Fragment, consumer: Fragment, *, named_only: bool = False
) -> list[Gap]:
    """What keeps it from being shown that the producer fits."""
    try:
        return Prover(library, named_only=named_only).gaps([producer], consumer)
    except (TooLong, RecursionError):
        return [Gap("", "", compared=False)]


def unknown_of(gap: Gap) -> Finding:
    """A gap in words."""
    if not gap.keyword:
        message = "the schemas are too large to be compared"
    elif gap.compared:
        message = f"it could not be shown that `{gap.keyword}` holds"
    else:
        message = f"`{gap.keyword}` is not compared"
    return Finding("unknown", gap.path, gap.keyword, message)


def witnessed(
    library: Library, producer: Fragment, consumer: Fragment, likely: Sequence[JSON] = (), *,
    named_only: bool = False,
) -> Iterator[Finding]:  # fmt: skip
    """The ways in which examples of the producer break the consumer, each with its first witness.

    Args:
        likely: values to begin with.
    """
    try:
        allows, takes = (compile_schema(library.whole(of)) for of in (producer, consumer))
    except SchemaInvalid:
        return
    seen: set[tuple[str, str, str]] = set()
    examples = Examples(library, hints_of(library, consumer), named_only=named_only)
    for value in chain(likely, examples.of([producer])):
        breaches = takes(value)
        if not breaches or allows(value):
            continue
        for breach in breaches:
            message = breach.message if breach.rule == "required" else ""
            key = (_general(breach.path), breach.rule, message)
            if key not in seen and len(seen) < FINDINGS_MAX:
                seen.add(key)
                yield Finding("breaks", breach.path, breach.rule, breach.message, value)


def _general(path: str) -> str:
    """A path that is the same for all items of an array."""
    return "/".join("*" if part.isdigit() else part for part in path.split("/"))
