"""A bug to seed: text replacements in the sources, and what must catch it."""

from __future__ import annotations

from typing import NamedTuple


class Edit(NamedTuple):
    """One replacement; `old` occurs exactly once in the file, which is named below `src/podium`."""

    file: str
    old: str
    new: str


class Mutation(NamedTuple):
    """A bug.

    Attributes:
        breaks: what no longer holds, for the table in docs/testing.md.
        caught_by: the guarantees (or exceptions) that the simulator may name when it finds it.
        tests: node ids of the tests that find it, where the simulator is not the one to.
        first: the first world that is looked at; where few worlds show it, one of these is not far.
    """

    name: str
    breaks: str
    edits: tuple[Edit, ...]
    caught_by: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    first: int = 0


def one(
    name: str, breaks: str, file: str, old: str, new: str, *caught_by: str,
    tests: tuple[str, ...] = (), first: int = 0,
) -> Mutation:  # fmt: skip
    return Mutation(name, breaks, (Edit(file, old, new),), caught_by, tests, first)
