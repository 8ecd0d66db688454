"""A sketch as an SVG that stands alone: light and dark, states by sign and word as well as by colour."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from podium.pictures.layout import HEAD, LINE, Box, Drawing, Wire, drawing
from podium.pictures.progress import STATUSES, Progress
from podium.pictures.sketch import Sketch

_SIGNS = {
    "running": "▶",
    "queued": "⋯",
    "waiting": "◔",
    "retrying": "↻",
    "in doubt": "?",
    "done": "✓",
    "failed": "✕",
    "skipped": "–",
    "stopped": "■",
}
_TITLE = 40
_LEGEND = 34
_NAME_CHARACTERS = 26
_LINE_CHARACTERS = 33

_STYLE = """
svg { --paper:#fff; --box:#fafafa; --group:#f4f4f599; --line:#a1a1aa; --text:#18181b; --soft:#71717a;
 --done:#15803d; --running:#1d4ed8; --queued:#6366f1; --waiting:#a16207; --retrying:#c2410c; --doubt:#a21caf;
 --failed:#b91c1c; --skipped:#a1a1aa; --stopped:#71717a;
 font:12px/1.3 ui-sans-serif,system-ui,"Segoe UI",Roboto,Helvetica,Arial,sans-serif; background:var(--paper) }
@media (prefers-color-scheme:dark) { svg { --paper:#131316; --box:#1c1c20; --group:#ffffff0a; --line:#63636e;
 --text:#f4f4f5; --soft:#a1a1aa; --done:#4ade80; --running:#60a5fa; --queued:#a5b4fc; --waiting:#facc15;
 --retrying:#fb923c; --doubt:#e879f9; --failed:#f87171; --skipped:#71717a; --stopped:#a1a1aa } }
text { fill:var(--text) } .title { font-size:15px; font-weight:600 } .name { font-size:13px; font-weight:600 }
.soft { fill:var(--soft) } .box { fill:var(--box); stroke:var(--line) } .group { fill:var(--group) }
.hidden { stroke-dasharray:4 3 } .wire { fill:none; stroke:var(--line); stroke-width:1.25 }
.jump { stroke-dasharray:5 3 } .dot { fill:var(--soft) } .ring { fill:none; stroke:var(--soft) }
.state { font-size:11px; font-weight:600; text-anchor:end }
"""
_STATES = "".join(
    f".s-{status.split()[-1]} .edge{{stroke:var(--{status.split()[-1]});stroke-width:2}}"
    f".s-{status.split()[-1]} .state,.s-{status.split()[-1]}.state{{fill:var(--{status.split()[-1]})}}"
    for status in STATUSES
)


def svg(sketch: Sketch, states: Mapping[str, Progress] | None = None, status: str = "") -> str:
    """The text of the picture.

    Args:
        states: how each task of a run does, by reference; none for a workflow by itself.
        status: of the whole run; shown beside the title.
    """
    known = states or {}
    laid = drawing(sketch, known)
    present = [one for one in STATUSES if any(box.state and box.state.status == one for box in laid.boxes)]
    title = sketch.title + (f"  {status}" if status else "")
    width = max(laid.width, len(title) * 8.5 + 24, sum(len(one) * 7 + 34 for one in present) + 24)
    height = laid.height + _TITLE + (_LEGEND if present else 0)
    laid.shift((width - laid.width) / 2, _TITLE)
    move = (width - laid.width) / 2
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" role="img">',
        f"<title>{escape(title)}</title><style>{_STYLE}{_STATES}</style>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto"><path d="M0 0L8 4L0 8z" class="dot"/></marker></defs>',
        f'<text class="title" x="12" y="25">{escape(sketch.title)}',
        f'<tspan class="soft" dx="10">{escape(status)}</tspan></text>' if status else "</text>",
        *(_box(box) for box in laid.boxes),
        *(_wire(wire) for wire in laid.wires),
        *(
            f'<text class="soft" x="{one.x:.1f}" y="{one.y:.1f}" text-anchor="middle">'
            f"{escape(_cut(one.text, _LINE_CHARACTERS))}</text>"
            for one in laid.captions
        ),
        *_ends(laid, move),
        *_legend(present, height),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _box(box: Box) -> str:
    step, state = box.step, box.state
    told = step.reference + (f": {_said(state)}" if state is not None else "")
    name = ["box edge", "group" if box.inside else "", "hidden" if step.hidden else ""]
    parts = [
        f'<g class="s-{state.status.split()[-1]}">' if state is not None else "<g>",
        f"<title>{escape(told)}</title>",
        f'<rect class="{" ".join(filter(None, name))}" x="{box.x:.1f}" y="{box.y:.1f}" '
        f'width="{box.width:.1f}" height="{box.height:.1f}" rx="6"/>',
        f'<text class="name" x="{box.x + 12:.1f}" y="{box.y + 21:.1f}">{escape(_name(box))}</text>',
    ]
    for number, line in enumerate(box.lines):
        y = box.y + HEAD + 4 + LINE * number
        room = int((box.width - 24) / 6.4) if box.inside else _LINE_CHARACTERS
        parts.append(f'<text class="soft" x="{box.x + 12:.1f}" y="{y:.1f}">{escape(_cut(line, room))}</text>')
    if state is not None:
        parts.append(
            f'<text class="state" x="{box.x + box.width - 10:.1f}" y="{box.y + 21:.1f}">'
            f"{_SIGNS[state.status]} {escape(_said(state))}</text>"
        )
    return "".join(parts) + "</g>"


def _said(state: Progress) -> str:
    return state.status + (f" ×{state.times}" if state.times > 1 else "")


def _name(box: Box) -> str:
    room = int((box.width - 24) / 7.4) if box.inside else _NAME_CHARACTERS
    if box.state is not None:
        room -= len(_said(box.state)) + 2
    return _cut(box.step.name, room)


def _wire(wire: Wire) -> str:
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in wire.points)
    classes = "wire jump" if wire.jumps else "wire"
    return f'<path class="{classes}" d="{path}" marker-end="url(#tip)"/>'


def _ends(laid: Drawing, move: float) -> list[str]:
    (x, y), (end_x, end_y) = laid.begin, laid.finish
    return [
        f'<circle class="dot" cx="{x + move:.1f}" cy="{y + _TITLE:.1f}" r="5"/>',
        f'<circle class="ring" cx="{end_x + move:.1f}" cy="{end_y + _TITLE:.1f}" r="6"/>'
        f'<circle class="dot" cx="{end_x + move:.1f}" cy="{end_y + _TITLE:.1f}" r="3"/>',
    ]


def _legend(present: list[str], height: float) -> list[str]:
    drawn, x = [], 12.0
    for status in present:
        drawn.append(
            f'<text class="state s-{status.split()[-1]}" style="text-anchor:start" x="{x:.1f}" '
            f'y="{height - 14:.1f}">{_SIGNS[status]} {status}</text>'
        )
        x += len(status) * 7 + 34
    return drawn


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: max(most - 1, 1)] + "…"
