"""A sketch as a Mermaid flowchart, for pages that draw it themselves."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

from podium.pictures.progress import Progress
from podium.pictures.sketch import Sketch, Step

_COLOURS = {
    "running": "#dbeafe",
    "queued": "#e0e7ff",
    "waiting": "#fef3c7",
    "retrying": "#ffedd5",
    "in doubt": "#fae8ff",
    "done": "#dcfce7",
    "failed": "#fee2e2",
    "skipped": "#f4f4f5",
    "stopped": "#e4e4e7",
}


def mermaid(sketch: Sketch, states: Mapping[str, Progress] | None = None) -> str:
    """The text of a flowchart."""
    return _Chart(states or {}).text(sketch)


class _Chart:
    def __init__(self, states: Mapping[str, Progress]) -> None:
        self._states = states
        self._numbers = itertools.count(1)
        self._lines: list[str] = []
        self._classes: dict[str, list[str]] = {}

    def text(self, sketch: Sketch) -> str:
        self._lines = ["flowchart TD", "  begin(( )) "]
        first, lasts = self._row(sketch.steps, "  ")
        self._lines.append("  finish((( )))")
        self._arrow("begin", first or "finish")
        for last in lasts:
            self._arrow(last, "finish")
        for status, ids in self._classes.items():
            name = status.replace(" ", "_")
            self._lines.append(f"  classDef {name} fill:{_COLOURS[status]},stroke:#71717a,color:#18181b")
            self._lines.append(f"  class {','.join(ids)} {name}")
        return "\n".join(line.rstrip() for line in self._lines) + "\n"

    def _arrow(self, one: str, other: str, label: str = "", indent: str = "  ") -> None:
        told = f"|{_quoted(label)}|" if label else ""
        self._lines.append(f"{indent}{one} -->{told} {other}")

    def _row(self, steps: tuple[Step, ...], indent: str) -> tuple[str, list[str]]:
        """Draw steps one after the other; gives the first's id, and those from which control leaves."""
        ids = {step.name: f"n{next(self._numbers)}" for step in steps}
        leaving: list[str] = []
        for step in steps:
            self._step(step, ids[step.name], indent)
        for step, following in itertools.zip_longest(steps, steps[1:]):
            if step.falls:
                if following is None:
                    leaving.append(ids[step.name])
                else:
                    self._arrow(ids[step.name], ids[following.name], indent=indent)
            for jump in step.jumps:
                if jump.target in ids:
                    self._arrow(ids[step.name], ids[jump.target], jump.label, indent)
                elif jump.target == "end":
                    self._arrow(ids[step.name], "finish", jump.label, indent)
                else:
                    leaving.append(ids[step.name])
        return (ids[steps[0].name] if steps else ""), leaving

    def _step(self, step: Step, id: str, indent: str) -> None:
        state = self._states.get(step.reference)
        if state is not None:
            self._classes.setdefault(state.status, []).append(id)
        label = _quoted(_label(step, state))
        if not step.parts:
            opening, closing = ("{{", "}}") if step.kind == "switch" else ("[", "]")
            self._lines.append(f"{indent}{id}{opening}{label}{closing}")
            return
        self._lines.append(f"{indent}subgraph {id} [{label}]")
        if step.edges:
            self._graph(step, indent + "  ")
        else:
            for part in step.parts:
                self._part(part.label, part.steps, indent + "  ")
        self._lines.append(f"{indent}end")

    def _part(self, label: str, steps: tuple[Step, ...], indent: str) -> None:
        if not label or not steps:
            self._row(steps, indent)
            return
        self._lines.append(f"{indent}subgraph n{next(self._numbers)} [{_quoted(label)}]")
        self._row(steps, indent + "  ")
        self._lines.append(f"{indent}end")

    def _graph(self, step: Step, indent: str) -> None:
        ids = {one.name: f"n{next(self._numbers)}" for part in step.parts for one in part.steps}
        for part in step.parts:
            for one in part.steps:
                self._step(one, ids[one.name], indent)
        for need, name in step.edges:
            self._arrow(ids[need], ids[name], indent=indent)


def _label(step: Step, state: Progress | None) -> str:
    lines = [step.name, " ".join(word for word in (step.kind, step.note) if word)]
    if step.condition:
        lines.append(f"if {step.condition}")
    if step.hidden:
        lines.append(f"{step.hidden} tasks inside")
    if state is not None:
        lines.append(state.status + (f", {state.times} times" if state.times > 1 else ""))
    return "\n".join(lines)


def _quoted(text: str) -> str:
    escaped = text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;")
    return '"' + escaped.replace("\n", "<br/>") + '"'
