"""A sketch as lines of text: the tree of its steps, for terminals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from podium.pictures.progress import Progress
from podium.pictures.sketch import Sketch, Step


class Line(NamedTuple):
    """One line: the branches of the tree, the task or the label of a part, what it is, and how it does."""

    tree: str
    name: str
    about: str = ""
    status: str = ""
    times: int = 0


def outline(sketch: Sketch, states: Mapping[str, Progress] | None = None) -> list[Line]:
    """The lines below the title, in order."""
    return list(_row(sketch.steps, states or {}, ""))


def _row(steps: tuple[Step, ...], states: Mapping[str, Progress], indent: str) -> Iterator[Line]:
    for step in steps:
        is_last = step is steps[-1]
        state = states.get(step.reference)
        status, times = (state.status, state.times) if state is not None else ("", 0)
        yield Line(indent + ("└─ " if is_last else "├─ "), step.name, _about(step), status, times)
        yield from _inside(step, states, indent + ("   " if is_last else "│  "))


def _inside(step: Step, states: Mapping[str, Progress], indent: str) -> Iterator[Line]:
    if step.edges:
        needs: dict[str, list[str]] = {}
        for need, name in step.edges:
            needs.setdefault(name, []).append(need)
        nodes = [one for part in step.parts for one in part.steps]
        for line, node in zip(_row(tuple(nodes), states, indent), nodes, strict=True):
            after = f", after {', '.join(needs[node.name])}" if node.name in needs else ""
            yield line._replace(about=line.about + after)
        return
    if all(not part.label for part in step.parts):
        yield from _row(tuple(one for part in step.parts for one in part.steps), states, indent)
        return
    parts = [part for part in step.parts if part.steps or part.label.startswith("catch")]
    for part in parts:
        is_last = part is parts[-1]
        yield Line(indent + ("└─ " if is_last else "├─ "), part.label)
        yield from _row(part.steps, states, indent + ("   " if is_last else "│  "))


def _about(step: Step) -> str:
    told = [" ".join(word for word in (step.kind, step.note) if word)]
    if step.condition:
        told.append(f"if {step.condition}")
    if step.hidden:
        told.append(f"{step.hidden} tasks inside")
    told += [f"{jump.label} → {jump.target}" if jump.label else f"→ {jump.target}" for jump in step.jumps]
    return "; ".join(told)
