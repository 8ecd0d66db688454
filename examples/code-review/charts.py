"""Charts as inline SVG. Colours come from the page's style sheet, so that they follow light and dark."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import sqrt
from typing import Any

_SEGMENTS = 7


def language_bar(languages: Sequence[dict[str, Any]]) -> str:
    """One bar of the lines of code by language, with a legend."""
    shares = _shares(languages)
    if not shares:
        return ""
    parts, legend, x = [], [], 0.0
    for index, (name, lines, share) in enumerate(shares):
        width = share * 1000
        parts.append(
            f'<rect class="c{index}" x="{x:.1f}" y="0" width="{max(width - 2, 1):.1f}" height="22"><title>{escape(name)} {share:.1%}</title></rect>'
        )
        legend.append(
            f'<li><i class="dot c{index}"></i>{escape(name)} <b>{share:.1%}</b> <small>{lines:,} lines</small></li>'
        )
        x += width
    said = ", ".join(f"{name} {share:.0%}" for name, _, share in shares)
    return (
        f'<svg class="bar" viewBox="0 0 1000 22" preserveAspectRatio="none" role="img" aria-label="Lines of code: {escape(said)}">'
        f'{"".join(parts)}</svg><ul class="legend">{"".join(legend)}</ul>'
    )  # fmt: skip


def _shares(languages: Sequence[dict[str, Any]]) -> list[tuple[str, int, float]]:
    code = [(la["name"], la["lines"]) for la in languages if la["code"] and la["lines"]]
    total = sum(lines for _, lines in code)
    if not total:
        return []
    shown, rest = code[:_SEGMENTS], sum(lines for _, lines in code[_SEGMENTS:])
    if rest:
        shown = [*shown, ("Other", rest)]
    return [(name, lines, lines / total) for name, lines in shown]


def columns(items: Sequence[tuple[str, int]], label: str, marked: int = 10_000) -> str:
    """A column for each item with its number above; from the index `marked` on, they are drawn as a warning."""
    if not items:
        return ""
    width, height, most = 560, 150, max(count for _, count in items) or 1
    step = width / len(items)
    drawn = []
    for index, (name, count) in enumerate(items):
        tall = max(count / most * (height - 44), 1 if count else 0)
        x, y = index * step + step * 0.14, height - 22 - tall
        kind = "warn" if index >= marked else "c0"
        drawn.append(
            f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{step * 0.72:.1f}" height="{tall:.1f}" rx="2"/>'
            f'<text x="{x + step * 0.36:.1f}" y="{y - 5:.1f}" class="num">{count:,}</text>'
            f'<text x="{x + step * 0.36:.1f}" y="{height - 6}" class="tick">{escape(name)}</text>'
        )
    said = ", ".join(f"{name}: {count}" for name, count in items)
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(label)}. {escape(said)}">'
        f'<line class="axis" x1="0" x2="{width}" y1="{height - 22}" y2="{height - 22}"/>{"".join(drawn)}</svg>'
    )


_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 760, 380, 52, 44
_LABELS = 6


def scatter(hotspots: dict[str, Any]) -> str:
    """Files by how often they change (or how long they are) and how complex they are; hot ones are named."""
    files = [file for file in hotspots["files"] if file["complexity"] or file["lines"]]
    if len(files) < 3:
        return ""
    key, axis = ("commits", "commits") if hotspots["by"] == "churn" else ("lines", "lines")
    most_x = max(file[key] for file in files) or 1
    most_y = max(file["complexity"] for file in files) or 1
    longest = max(file["lines"] for file in files) or 1
    dots, spots = [], []
    for rank, file in reversed(list(enumerate(files))):
        x = _LEFT + sqrt(file[key] / most_x) * (_WIDTH - _LEFT - 40)
        y = _HEIGHT - _BOTTOM - sqrt(file["complexity"] / most_y) * (_HEIGHT - _BOTTOM - 26)
        radius = 3 + 9 * sqrt(file["lines"] / longest)
        hot = rank < _LABELS and file["heat"] >= 0.12
        text = f"{file['path']}: {file[key]:,} {axis}, {file['complexity']} branches, {file['lines']:,} lines"
        dots.append(
            f'<circle class="{"hot" if hot else "cold"}" cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}"><title>{escape(text)}</title></circle>'
        )
        if hot:
            spots.append((x, y, radius, file["path"]))
    said = f"Scatter of {len(files)} files by {axis} and branches. Hottest: " + ", ".join(
        path for *_, path in spots[::-1]
    )
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(said)}">{_axes(most_x, most_y, axis)}'
        f'{"".join(dots)}{_labels(spots[::-1])}</svg>'
    )  # fmt: skip


def _axes(most_x: int, most_y: int, axis: str) -> str:
    bottom, drawn = _HEIGHT - _BOTTOM, []
    for tick in _ticks(most_x):
        x = _LEFT + sqrt(tick / most_x) * (_WIDTH - _LEFT - 40)
        drawn.append(
            f'<text x="{x:.1f}" y="{bottom + 16}" class="tick">{tick:,}</text><line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="14" y2="{bottom}"/>'
        )
    for tick in _ticks(most_y):
        y = bottom - sqrt(tick / most_y) * (bottom - 26)
        drawn.append(
            f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" class="tick end">{tick:,}</text><line class="grid" x1="{_LEFT}" x2="{_WIDTH - 20}" y1="{y:.1f}" y2="{y:.1f}"/>'
        )
    drawn.append(f'<text x="{(_LEFT + _WIDTH) / 2:.0f}" y="{_HEIGHT - 8}" class="tick">{axis} →</text>')
    drawn.append(
        f'<text x="14" y="{bottom / 2:.0f}" class="tick" transform="rotate(-90 14 {bottom / 2:.0f})">branches →</text>'
    )
    return "".join(drawn)  # fmt: skip


def _ticks(most: int) -> list[int]:
    step = next(
        (s for s in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000) if most / s <= 5), most
    )
    return list(range(0, most + 1, step))


def _labels(spots: list[tuple[float, float, float, str]]) -> str:
    """Names of the hot files beside their dots, the hottest first; one that would lie on another is left out."""
    drawn: list[str] = []
    taken: list[tuple[float, float, float]] = []
    for x, y, radius, path in spots:
        name = "/".join(path.split("/")[-2:])
        width = 6.6 * len(name)
        left = x > _WIDTH / 2
        start = x - radius - 6 - width if left else x + radius + 6
        if any(
            abs(y - other_y) < 14 and start < end and begin < start + width for begin, end, other_y in taken
        ):
            continue
        taken.append((start, start + width, y))
        drawn.append(
            f'<text class="name" x="{start + width if left else start:.1f}" y="{y + 4:.1f}" text-anchor="{"end" if left else "start"}">{escape(name)}</text>'
        )
    return "".join(drawn)
