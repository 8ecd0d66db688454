"""Charts as inline SVG. Colours come from the page's style sheet, so that they follow light and dark."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import sqrt
from typing import Any

_SEGMENTS = 7


def _element(tag: str, content: str = "", **attributes: object) -> str:
    """An SVG element; numbers are rounded, `kind` is its class."""
    said = "".join(
        f' {"class" if name == "kind" else name.replace("_", "-")}="{_value(value)}"'
        for name, value in attributes.items()
    )
    return f"<{tag}{said}>{content}</{tag}>" if content else f"<{tag}{said}/>"


def _value(value: object) -> str:
    return f"{value:.1f}" if isinstance(value, float) else escape(str(value))


def _title(said: str) -> str:
    return f"<title>{escape(said)}</title>"


def _picture(width: int, height: int, said: str, content: str) -> str:
    return _element("svg", content, viewBox=f"0 0 {width} {height}", role="img", aria_label=said)


# --- languages --------------------------------------------------------------------------------


def language_bar(languages: Sequence[dict[str, Any]]) -> str:
    """One bar of the lines of code by language, with a legend; nothing if there is no code."""
    shares = _shares(languages)
    if not shares:
        return ""
    segments, legend, x = [], [], 0.0
    for index, (name, lines, share) in enumerate(shares):
        width = max(share * 1000 - 2, 1.0)
        segments.append(
            _element(
                "rect", _title(f"{name} {share:.1%}"), kind=f"c{index}", x=x, y=0, width=width, height=22
            )
        )
        legend.append(
            f'<li><i class="dot c{index}"></i>{escape(name)} <b>{share:.1%}</b> '
            f"<small>{lines:,} lines</small></li>"
        )
        x += share * 1000
    said = "Lines of code: " + ", ".join(f"{name} {share:.0%}" for name, _, share in shares)
    bar = _element(
        "svg", "".join(segments),
        kind="bar", viewBox="0 0 1000 22", preserveAspectRatio="none", role="img", aria_label=said,
    )  # fmt: skip
    return f'{bar}<ul class="legend">{"".join(legend)}</ul>'


def _shares(languages: Sequence[dict[str, Any]]) -> list[tuple[str, int, float]]:
    """Name, lines and share of each language; those below a hundredth are taken together."""
    code = [(la["name"], la["lines"]) for la in languages if la["code"] and la["lines"]]
    total = sum(lines for _, lines in code)
    shown = [(name, lines) for name, lines in code[:_SEGMENTS] if lines * 100 >= total]
    rest = total - sum(lines for _, lines in shown)
    if rest:
        shown = [*shown, ("Other", rest)]
    return [(name, lines, lines / total) for name, lines in shown]


# --- columns ----------------------------------------------------------------------------------


def columns(items: Sequence[tuple[str, int]], label: str, marked: int = 10_000) -> str:
    """A column for each item, with its number above.

    Args:
        items: name and count.
        label: what is shown, for those who do not see it.
        marked: from this index on, columns are drawn as a warning.
    """
    if not items:
        return ""
    width, height, most = 560, 150, max(count for _, count in items) or 1
    step, floor = width / len(items), height - 22
    drawn = [_element("line", kind="axis", x1=0, x2=width, y1=floor, y2=floor)]
    for index, (name, count) in enumerate(items):
        tall = max(count / most * (floor - 22), 1.0 if count else 0.0)
        x, top = index * step + step * 0.14, floor - tall
        middle = x + step * 0.36
        kind = "warn" if index >= marked else "c0"
        drawn += [
            _element("rect", kind=kind, x=x, y=top, width=step * 0.72, height=tall, rx=2),
            _element("text", f"{count:,}", kind="num", x=middle, y=top - 5),
            _element("text", escape(name), kind="tick", x=middle, y=height - 6),
        ]
    said = ", ".join(f"{name}: {count}" for name, count in items)
    return _picture(width, height, f"{label}. {said}", "".join(drawn))


# --- scatter ----------------------------------------------------------------------------------

_WIDTH, _HEIGHT = 760, 380
_LEFT, _RIGHT, _TOP, _FLOOR = 52, 720, 26, 336
_LABELS = 6
_HOT = 0.12
_CHARACTER = 6.8
"""Width of a character of a label."""


class _Scale:
    """Numbers along an axis, by their square root: most files are small, and would lie on one heap."""

    def __init__(self, most: int, start: float, end: float) -> None:
        self._most, self._start, self._end = most or 1, start, end

    def at(self, number: int) -> float:
        return self._start + sqrt(number / self._most) * (self._end - self._start)

    def ticks(self) -> list[int]:
        steps = [digit * 10**power for power in range(6) for digit in (1, 2, 5)]
        step = next((step for step in steps if self._most / step <= 5), self._most)
        return list(range(0, self._most + 1, step))


def scatter(hotspots: dict[str, Any]) -> str:
    """Files by how often they change (or how long they are) and by their branches; hot ones are named."""
    files = [file for file in hotspots["files"] if file["complexity"] or file["lines"]]
    if len(files) < 3:
        return ""
    axis = "commits" if hotspots["by"] == "churn" else "lines"
    across = _Scale(max(file[axis] for file in files), _LEFT, _RIGHT)
    up = _Scale(max(file["complexity"] for file in files), _FLOOR, _TOP)
    longest = max(file["lines"] for file in files) or 1
    dots, hot = [], []
    for rank, file in enumerate(files):
        x, y, radius = across.at(file[axis]), up.at(file["complexity"]), 3 + 9 * sqrt(file["lines"] / longest)
        is_hot = rank < _LABELS and file["heat"] >= _HOT
        said = (
            f"{file['path']}: {file[axis]:,} {axis}, {file['complexity']:,} branches, {file['lines']:,} lines"
        )
        dots.append(_element("circle", _title(said), kind="hot" if is_hot else "cold", cx=x, cy=y, r=radius))
        if is_hot:
            hot.append((x, y, radius, file["path"]))
    said = f"{len(files)} files by {axis} and branches. Hottest: {', '.join(path for *_, path in hot)}"
    content = _axes(across, up, axis) + "".join(reversed(dots)) + _names(hot)
    return _picture(_WIDTH, _HEIGHT, said, content)


def _axes(across: _Scale, up: _Scale, axis: str) -> str:
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
    drawn.append(_element("text", f"{axis} →", kind="tick", x=(_LEFT + _RIGHT) / 2, y=_HEIGHT - 8))
    drawn.append(
        _element("text", "branches →", kind="tick", x=14, y=middle, transform=f"rotate(-90 14 {middle})")
    )
    return "".join(drawn)


def _names(spots: list[tuple[float, float, float, str]]) -> str:
    """Names beside the dots of hot files, the hottest first; one that would lie on another is left out."""
    drawn: list[str] = []
    taken = [(x - radius, x + radius, y) for x, y, radius, _ in spots]
    for x, y, radius, path in spots:
        name = "/".join(path.split("/")[-2:])
        width = _CHARACTER * len(name)
        sides = (("start", x + radius + 4), ("end", x - radius - 4 - width))
        for anchor, start in sides if x < _WIDTH / 2 else reversed(sides):
            end = start + width
            if start < 0 or end > _WIDTH or _overlaps(start, end, y, taken):
                continue
            taken.append((start, end, y))
            edge = start if anchor == "start" else end
            drawn.append(_element("text", escape(name), kind="name", x=edge, y=y + 4, text_anchor=anchor))
            break
    return "".join(drawn)


def _overlaps(start: float, end: float, y: float, taken: list[tuple[float, float, float]]) -> bool:
    return any(abs(y - other) < 14 and start < right and left < end for left, right, other in taken)
