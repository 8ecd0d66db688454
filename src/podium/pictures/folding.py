"""Folding a sketch to a size that can be looked at: inner steps are hidden behind those that hold them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from podium.pictures.progress import ACTIVE, Progress
from podium.pictures.sketch import Part, Step, count

TASKS_SHOWN = 60
"""More tasks than this are not taken in at one glance."""

_Place = tuple[int, ...]


def folded(
    steps: tuple[Step, ...], states: Mapping[str, Progress], most: int = TASKS_SHOWN
) -> tuple[Step, ...]:
    """The same steps with at most `most` of them shown; those with something going on stay longest."""
    while count(steps) > most:
        holders = sorted(_holders(steps, states, 0), reverse=True)
        if not holders:
            return _elided(steps, most)
        reference = holders[0][-1]
        steps = tuple(_without(step, reference) for step in steps)
    return steps


def _holders(
    steps: tuple[Step, ...], states: Mapping[str, Progress], depth: int
) -> Iterator[tuple[bool, int, int, str]]:
    for step in steps:
        if step.parts:
            state = states.get(step.reference)
            quiet = state is None or state.status not in (*ACTIVE, "failed")
            size = sum(count(part.steps) for part in step.parts)
            yield quiet, depth, size, step.reference
            for part in step.parts:
                yield from _holders(part.steps, states, depth + 1)


def _without(step: Step, reference: str) -> Step:
    """The step with what is inside the one of that reference hidden."""
    if step.reference == reference:
        hidden = step.hidden + sum(_hidden(part.steps) for part in step.parts)
        return replace(step, parts=(), edges=(), hidden=hidden)
    if not reference.startswith(step.reference + "/"):
        return step
    parts = (Part(part.label, tuple(_without(one, reference) for one in part.steps)) for part in step.parts)
    return replace(step, parts=tuple(parts))


def _hidden(steps: tuple[Step, ...]) -> int:
    return sum(1 + step.hidden + sum(_hidden(part.steps) for part in step.parts) for step in steps)


def _elided(steps: tuple[Step, ...], most: int) -> tuple[Step, ...]:
    """The first and the last of a long row of steps, and one that stands for those between them."""
    first = most * 2 // 3
    last = most - first - 1
    between = steps[first : len(steps) - last]
    stand_in = Step("", f"{len(between)} more tasks", "…", hidden=_hidden(between))
    return (*steps[:first], stand_in, *steps[len(steps) - last :])
