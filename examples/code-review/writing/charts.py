"""Charts as inline SVG. Colours come from the page's style sheet, so that they follow light and dark."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import sqrt
from typing import Any


def _element(tag: str, content: str = "", **attributes: object) -> str:
    """An SVG element; numbers are rounded, `kind` is its class."""
    said = "".join(
        f' {"class" if name == "kind" else name.replace("_", "-")}="{_value(value)}"'
        for name, value in attributes.items()
    )
    return f"<{tag}{said}>{content}</{tag}>"


def _value(value: object) -> str:
    return f"{value:.1f}" if isinstance(value, float) else escape(str(value))


def _picture(width: int, height: int, said: str, parts: Sequence[str]) -> str:
    style = f"max-width: {width}px"
    return _element(
        "svg", "".join(parts), viewBox=f"0 0 {width} {height}", role="img", aria_label=said, style=style
    )


def columns(items: Sequence[tuple[str, int]], label: str, marked: int) -> str:
    """A column for each item, with its number above; nothing if there are no items.

    Args:
        items: name and count.
        label: what is shown, for those who do not see it.
        marked: from this index on, columns are drawn as a warning.
    """
    width, height, most = 560, 150, max((count for _, count in items), default=0) or 1
    step, floor = width / max(len(items), 1), height - 22
    drawn = []
    for index, (name, count) in enumerate(items):
        tall = max(count / most * (floor - 22), 1.0 if count else 0.0)
        left, middle = (index + 0.14) * step, (index + 0.5) * step
        kind = "hot" if index >= marked else "cold"
        drawn += [
            _element("rect", kind=kind, x=left, y=floor - tall, width=step * 0.72, height=tall, rx=2),
            _element("text", f"{count:,}", kind="number", x=middle, y=floor - tall - 5),
            _element("text", escape(name), kind="tick", x=middle, y=height - 6),
        ]
    said = ", ".join(f"{name}: {count}" for name, count in items)
    return _picture(width, height, f"{label}. {said}", drawn) if items else ""


# --- scatter ----------------------------------------------------------------------------------

_WIDTH, _HEIGHT = 760, 380
_LEFT, _RIGHT, _TOP, _FLOOR = 52, 720, 26, 336
_NAMED = 6
_HOT = 0.12
_CHARACTER = 6.8
"""Width of a character of a name."""


class _Scale:
    """Numbers along an axis, by their square root: most files are small, and would lie on one heap."""

    def __init__(self, most: int, start: float, end: float) -> None:
        self._most, self._start, self._end = most or 1, start, end

    def at(self, number: int) -> float:
        return self._start + sqrt(number / self._most) * (self._end - self._start)

    def ticks(self) -> range:
        steps = (digit * 10**power for power in range(7) for digit in (1, 2, 5))
        return range(0, self._most + 1, next(step for step in steps if self._most / step <= 5))


def scatter(hotspots: dict[str, Any]) -> str:
    """Files by how often they change (or how long they are) and by their branches; hot ones are named."""
    files = [file for file in hotspots["files"] if file["branches"]]
    if len(files) < 3:
        return ""
    by = hotspots["by"]
    across = _Scale(max(file[by] for file in files), _LEFT, _RIGHT)
    up = _Scale(max(file["branches"] for file in files), _FLOOR, _TOP)
    longest = max(file["lines"] for file in files) or 1
    dots, hot = [], []
    for rank, file in enumerate(files):
        x, y, radius = across.at(file[by]), up.at(file["branches"]), 3 + 9 * sqrt(file["lines"] / longest)
        is_hot = rank < _NAMED and file["heat"] >= _HOT
        said = f"{file['path']}: {file[by]:,} {by}, {file['branches']:,} branches, {file['lines']:,} lines"
        title = _element("title", escape(said))
        dots.append(_element("circle", title, kind="hot" if is_hot else "cold", cx=x, cy=y, r=radius))
        if is_hot:
            hot.append((x, y, radius, file["path"]))
    said = f"{len(files)} files by {by} and branches. Hottest: {', '.join(path for *_, path in hot)}"
    return _picture(_WIDTH, _HEIGHT, said, [*_axes(across, up, by), *reversed(dots), *_names(hot)])


def _axes(across: _Scale, up: _Scale, by: str) -> list[str]:
    drawn = []
    for tick in across.ticks():
        x = across.at(tick)
        drawn.append(_element("line", kind="grid", x1=x, x2=x, y1=14, y2=_FLOOR))
        drawn.append(_element("text", f"{tick:,}", kind="tick", x=x, y=_FLOOR + 16))
    for tick in up.ticks():
        y = up.at(tick)
        drawn.append(_element("line", kind="grid", x1=_LEFT, x2=_RIGHT + 20, y1=y, y2=y))
        drawn.append(_element("text", f"{tick:,}", kind="tick end", x=_LEFT - 8, y=y + 4))
    middle = _FLOOR // 2
    turned = f"rotate(-90 14 {middle})"
    drawn.append(_element("text", f"{by} →", kind="tick", x=(_LEFT + _RIGHT) / 2, y=_HEIGHT - 8))
    drawn.append(_element("text", "branches →", kind="tick", x=14, y=middle, transform=turned))
    return drawn


def _names(spots: list[tuple[float, float, float, str]]) -> list[str]:
    """Names beside the dots of hot files, the hottest first; one that would lie on another is left out."""
    drawn = []
    taken = [(x - radius, x + radius, y) for x, y, radius, _ in spots]
    for x, y, radius, path in spots:
        name = "/".join(path.split("/")[-2:])
        width, above = _CHARACTER * len(name), radius + 8
        right, left, centred = x + radius + 4, x - radius - 4 - width, min(x, _WIDTH - width / 2) - width / 2
        for start, at in ((right, y), (left, y), (centred, y - above), (centred, y + above)):
            end = start + width
            if start >= 0 and end <= _WIDTH and not _overlaps(start, end, at, taken):
                taken.append((start, end, at))
                drawn.append(_element("text", escape(name), kind="name", x=start, y=at + 4, textLength=width))
                break
    return drawn


def _overlaps(start: float, end: float, y: float, taken: list[tuple[float, float, float]]) -> bool:
    return any(abs(y - other) < 14 and start < right and left < end for left, right, other in taken)
