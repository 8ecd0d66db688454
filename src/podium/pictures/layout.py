"""Where everything of a sketch stands: boxes, lines between them, and texts; in pixels, from the top left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from podium.pictures.progress import Progress
from podium.pictures.sketch import Jump, Part, Sketch, Step

WIDTH = 236
LINE = 17
PAD = 12
GAP = 30
BESIDE = 22
LANE = 16
HEAD = 34
"""Height of a box that has a name and nothing else to say."""


@dataclass(slots=True)
class Box:
    """A step. `lines` stand below its name; `inside` says that other boxes stand in it."""

    x: float
    y: float
    width: float
    height: float
    step: Step
    lines: list[str]
    state: Progress | None
    inside: bool = False


@dataclass(slots=True)
class Wire:
    """A line through these points, with an arrow at its end; `jumps` where it leaves out what is between."""

    points: list[tuple[float, float]]
    jumps: bool = False


@dataclass(slots=True)
class Caption:
    """A text in the middle of a width."""

    x: float
    y: float
    text: str


@dataclass(slots=True)
class Drawing:
    """All of it."""

    width: float = 0
    height: float = 0
    boxes: list[Box] = field(default_factory=list)
    wires: list[Wire] = field(default_factory=list)
    captions: list[Caption] = field(default_factory=list)
    begin: tuple[float, float] = (0, 0)
    finish: tuple[float, float] = (0, 0)

    def shift(self, x: float, y: float) -> None:
        """Move everything."""
        for box in self.boxes:
            box.x, box.y = box.x + x, box.y + y
        for caption in self.captions:
            caption.x, caption.y = caption.x + x, caption.y + y
        for wire in self.wires:
            wire.points = [(at + x, down + y) for at, down in wire.points]

    def take(self, other: Drawing, x: float, y: float) -> None:
        """Put another drawing's things at a place of this one."""
        other.shift(x, y)
        self.boxes += other.boxes
        self.wires += other.wires
        self.captions += other.captions


def drawing(sketch: Sketch, states: Mapping[str, Progress]) -> Drawing:
    """Lay out a sketch: what follows stands below, what may happen at once stands side by side."""
    return _Layout(states).whole(sketch)


class _Layout:
    def __init__(self, states: Mapping[str, Progress]) -> None:
        self._states = states

    def whole(self, sketch: Sketch) -> Drawing:
        row, tops = self._row(sketch.steps)
        drawn = Drawing(row.width + 2 * PAD, row.height + 2 * GAP + 2 * PAD)
        axis = tops.axis + PAD
        drawn.take(row, PAD, PAD + GAP)
        drawn.begin, drawn.finish = (axis, PAD), (axis, drawn.height - PAD)
        if sketch.steps:
            drawn.wires.append(Wire([(axis, PAD + 5), (axis, PAD + GAP)]))
            if sketch.steps[-1].falls:
                drawn.wires.append(Wire([(axis, PAD + GAP + row.height), (axis, drawn.height - PAD - 6)]))
        return drawn

    # --- steps one below the other ----------------------------------------------------------------

    def _row(self, steps: tuple[Step, ...]) -> tuple[Drawing, _Tops]:
        drawn = [self._step(step) for step in steps]
        widest = max((one.width for one in drawn), default=0)
        axis, y = widest / 2, 0.0
        places: list[float] = []
        whole = Drawing(widest)
        for one in drawn:
            places.append(y)
            y += one.height + GAP
        sizes = [(one.width, one.height) for one in drawn]
        for one, top in zip(drawn, places, strict=True):
            whole.take(one, axis - one.width / 2, top)
        whole.height = max(y - GAP, 0)
        for at, step in enumerate(steps[:-1]):
            if step.falls:
                whole.wires.append(Wire([(axis, places[at] + sizes[at][1]), (axis, places[at + 1])]))
        lanes = self._jumps(whole, steps, places, sizes, axis)
        whole.width += lanes
        return whole, _Tops(axis)

    def _jumps(
        self, whole: Drawing, steps: tuple[Step, ...], places: list[float],
        sizes: list[tuple[float, float]], axis: float,
    ) -> float:  # fmt: skip
        """Lines at the right of a row, in lanes of their own where they pass each other.

        Returns:
            how much wider they make the row.
        """
        index = {step.name: at for at, step in enumerate(steps)}
        jumps = [
            (at, index[jump.target], _height_of(step, jump))
            for at, step in enumerate(steps)
            for jump in step.jumps
            if jump.target in index
        ]
        lanes: list[list[tuple[int, int]]] = []
        for at, to, height in sorted(jumps, key=lambda jump: (abs(jump[1] - jump[0]), jump)):
            first, last = sorted((at, to))
            base = axis + max(width for width, _ in sizes[first : last + 1]) / 2
            lane = next((lane for lane in lanes if all(last < one or first > end for one, end in lane)), None)
            if lane is None:
                lanes.append(lane := [])
            lane.append((first, last))
            x = base + LANE * (lanes.index(lane) + 1)
            start = (axis + sizes[at][0] / 2, places[at] + height)
            end = (axis + sizes[to][0] / 2, places[to] + HEAD / 2)
            whole.wires.append(Wire([start, (x, start[1]), (x, end[1]), end], jumps=True))
        return LANE * (len(lanes) + 1) if lanes else 0

    # --- one step ---------------------------------------------------------------------------------

    def _step(self, step: Step) -> Drawing:
        state = self._states.get(step.reference)
        lines = _lines(step)
        head = HEAD + LINE * len(lines)
        if not step.parts:
            return Drawing(WIDTH, head, [Box(0, 0, WIDTH, head, step, lines, state)])
        if step.edges:
            inner = self._ranks(step)
        elif step.kind == "try":
            inner = self._below(step.parts)
        else:
            inner = self._beside(step.parts)
        width = max(inner.width + 2 * PAD, WIDTH)
        height = head + inner.height + PAD
        whole = Drawing(width, height, [Box(0, 0, width, height, step, lines, state, inside=True)])
        whole.take(inner, (width - inner.width) / 2, head)
        return whole

    def _beside(self, parts: tuple[Part, ...]) -> Drawing:
        drawn = [(part, self._row(part.steps)) for part in parts]
        label = LINE + 4 if any(part.label for part in parts) else 0
        whole = Drawing()
        x = 0.0
        for part, (row, tops) in drawn:
            width = max(row.width, min(len(part.label) * 6.6, WIDTH) if part.label else 0, 40)
            if part.label:
                whole.captions.append(Caption(x + (tops.axis or width / 2), LINE - 4, part.label))
            whole.take(row, x, label)
            whole.height = max(whole.height, row.height + label)
            x += width + BESIDE
        whole.width = max(x - BESIDE, 0)
        return whole

    def _below(self, parts: tuple[Part, ...]) -> Drawing:
        """A try, and what is done when it fails below it."""
        drawn = [(part, self._row(part.steps)) for part in parts]
        whole = Drawing(max(row.width for _, (row, _) in drawn))
        for number, (part, (row, _)) in enumerate(drawn):
            if number:
                whole.captions.append(Caption(whole.width / 2, whole.height + LINE, part.label))
                whole.height += LINE + PAD if part.steps else LINE
            height = row.height
            whole.take(row, (whole.width - row.width) / 2, whole.height)
            whole.height += height
        return whole

    def _ranks(self, step: Step) -> Drawing:
        """The nodes of a graph: a row for each rank, and a line for each need."""
        whole = Drawing()
        rows = [[self._step(one) for one in part.steps] for part in step.parts]
        whole.width = max(sum(one.width + BESIDE for one in row) - BESIDE for row in rows)
        placed: dict[str, tuple[float, float, float]] = {}
        y = 0.0
        for part, row in zip(step.parts, rows, strict=True):
            x = (whole.width - sum(one.width + BESIDE for one in row) + BESIDE) / 2
            tallest = max(one.height for one in row)
            for one, node in zip(row, part.steps, strict=True):
                placed[node.name] = (x + one.width / 2, y, y + one.height)
                whole.take(one, x, y)
                x += one.width + BESIDE
            y += tallest + GAP + LINE
        whole.height = y - GAP - LINE
        for need, name in step.edges:
            (from_x, _, bottom), (to_x, top, _) = placed[need], placed[name]
            middle = top - GAP / 2
            whole.wires.append(Wire([(from_x, bottom), (from_x, middle), (to_x, middle), (to_x, top)]))
        return whole


@dataclass(frozen=True, slots=True)
class _Tops:
    """Where the middle of a row's boxes is."""

    axis: float


def _lines(step: Step) -> list[str]:
    """What stands below a step's name; what it jumps to by what case comes last."""
    lines = [" ".join(word for word in (step.kind, step.note) if word)]
    if step.condition:
        lines.append(f"if {step.condition}")
    if step.hidden and step.reference:
        lines.append(f"{step.hidden} tasks inside")
    return lines + [_told(jump) for jump in step.jumps if _told(jump)]


def _told(jump: Jump) -> str:
    if jump.target in ("end", "exit"):
        return f"{jump.label} → {jump.target}" if jump.label else f"→ {jump.target}"
    return jump.label


def _height_of(step: Step, jump: Jump) -> float:
    """Where in a step's box a jump begins: beside the line that tells of it."""
    lines = _lines(step)
    if not _told(jump):
        return HEAD / 2 + LINE
    number = len(lines) - sum(1 for one in step.jumps if _told(one))
    number += [one for one in step.jumps if _told(one)].index(jump)
    return HEAD + LINE * number
