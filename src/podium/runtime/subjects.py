"""Whom a run is about, as it is submitted: by its workflow, or by whoever submits it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from msgspec.structs import replace

from podium.facts.inputs import Input, SubmitRun
from podium.facts.values import Problem, Refused
from podium.kernel.catalog import Catalog
from podium.store.interface import StoreError
from podium.workflow.program import ExpressionFailed, Program

NAME_CHARACTERS_MAX = 1_000


class Keys(Protocol):
    def keys_of(self, names: Iterable[str]) -> dict[str, str]:
        """The key of each subject; those that have none get one. Raises StoreError."""


class _Undetermined(Exception):
    """Whom a run is about cannot be told; the message says why."""


def with_keys(
    inputs: Sequence[Input], catalog: Catalog, keys: Keys | None
) -> tuple[list[Input], list[tuple[int, Refused]]]:
    """Inputs with keys in the place of subjects, and refusals where there is none to be had, by ticket."""
    kept: list[Input] = []
    refused: list[tuple[int, Refused]] = []
    named: dict[int, str] = {}
    for told in inputs:
        if type(told) is SubmitRun:
            try:
                name = _subject_of(told, catalog)
            except _Undetermined as error:
                refused.append((told.ticket, Refused("usage", (Problem("subject", "/subject", str(error)),))))
                continue
            if name:
                named[len(kept)] = name
        kept.append(told)
    if not named:
        return kept, refused
    try:
        if keys is None:
            raise StoreError("this hub seals nothing")
        found = keys.keys_of(named.values())
    except StoreError as error:
        refusal = Refused("refused", (Problem("no-key", "/subject", f"{error}; nothing was accepted"),))
        refused += [(kept[at].ticket, refusal) for at in named]
        return [told for at, told in enumerate(kept) if at not in named], refused
    for at, name in named.items():
        kept[at] = replace(kept[at], subject=found[name])
    return kept, refused


def _subject_of(told: SubmitRun, catalog: Catalog) -> str:
    """The name of the subject; "" if there is none. Raises _Undetermined."""
    digest = catalog.current("Workflow", told.workflow)
    program = catalog.program(digest) if digest else None
    if program is None or program.subject is None:
        return _checked(told.subject) if told.subject else ""
    name = _evaluated(program, told)
    if told.subject and told.subject != name:
        raise _Undetermined(
            f"{program.label} says itself whom its runs are about, and it is not who was named"
        )
    return name


def _evaluated(program: Program, told: SubmitRun) -> str:
    expression = program.subject
    assert expression is not None and expression.native is not None
    try:
        value = expression.native(told.input, {})
    except ExpressionFailed as error:
        raise _Undetermined(f"whom a run of {program.label} is about: {error}") from None
    if type(value) is int:
        value = str(value)
    if not isinstance(value, str) or not value:
        raise _Undetermined(f"{expression.text} of {program.label} names nobody: it must give a text")
    return _checked(value)


def _checked(name: str) -> str:
    if len(name) > NAME_CHARACTERS_MAX:
        raise _Undetermined(f"a subject has at most {NAME_CHARACTERS_MAX} characters")
    return name
