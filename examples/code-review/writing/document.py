"""A document of sections, said once and written twice: as Markdown, and as a page of HTML.

Texts may hold `code`, **weight** and [`links`](https://…); everything else in them is plain.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from judging.ranking import is_doubtful

PLACES_OPEN = 3
PLACES_MAX = 12
_MARKS = {"good": "● good", "fair": "◐ fair", "poor": "○ poor", "unknown": "– not rated"}
_ROLES = {"test": "only in tests", "fixture": "only in tests", "example": "only in examples and documents"}
_STYLE = Path(__file__).with_name("report.css")


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands below it; a section without blocks is left out."""

    title: str
    blocks: Sequence[Block]
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph."""

    said: str

    def markdown(self) -> str:
        return _plain(self.said)

    def html(self) -> str:
        return f"<p>{_marked(self.said)}</p>" if self.said else ""


@dataclass(frozen=True, slots=True)
class Items:
    """A list; nothing if it is empty."""

    entries: Sequence[str]
    numbered: bool = False

    def markdown(self) -> str:
        signs = (f"{n}." if self.numbered else "-" for n in range(1, len(self.entries) + 1))
        return "\n".join(f"{sign} {_plain(entry)}" for sign, entry in zip(signs, self.entries, strict=True))

    def html(self) -> str:
        tag = "ol" if self.numbered else "ul"
        listed = "".join(f"<li>{_marked(entry)}</li>" for entry in self.entries)
        return f"<{tag}>{listed}</{tag}>" if listed else ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table; its last columns, as many as `numbers`, stand on the right. Nothing if it has no rows."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: int = 0

    def markdown(self) -> str:
        lines = [self._line(row) for row in self.rows]
        rule = "|" + "---|" * (len(self.heads) - self.numbers) + "---:|" * self.numbers
        return "\n".join((self._line(self.heads), rule, *lines)) if lines else ""

    def html(self) -> str:
        body = "".join(self._row("td", row) for row in self.rows)
        head = self._row("th", self.heads)
        table = f"<table><thead>{head}</thead><tbody>{body}</tbody></table>"
        return f'<div class="scroll">{table}</div>' if body else ""

    def _line(self, cells: Sequence[str]) -> str:
        return "| " + " | ".join(_plain(cell).replace("|", "\\|") for cell in cells) + " |"

    def _row(self, tag: str, cells: Sequence[str]) -> str:
        left = len(cells) - self.numbers
        kinds = ["" if n < left else ' class="number"' for n in range(len(cells))]
        row = (f"<{tag}{kind}>{_marked(cell)}</{tag}>" for kind, cell in zip(kinds, cells, strict=True))
        return f"<tr>{''.join(row)}</tr>"


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing, which only the page can show."""

    svg: str

    def markdown(self) -> str:
        return ""

    def html(self) -> str:
        return f"<figure>{self.svg}</figure>" if self.svg else ""


@dataclass(frozen=True, slots=True)
class Areas:
    """The mark of each area, as tiles."""

    areas: Sequence[dict[str, str]]

    def markdown(self) -> str:
        rows = [[area["name"], _MARKS[area["mark"]], area["text"]] for area in self.areas]
        return Table(["area", "mark", "what was seen"], rows).markdown()

    def html(self) -> str:
        tiles = (
            f'<li class="{area["mark"]}"><b>{escape(area["name"])}</b>'
            f"<span>{_MARKS[area['mark']]}</span><small>{_marked(area['text'])}</small></li>"
            for area in self.areas
        )
        return f'<ul class="areas">{"".join(tiles)}</ul>'


@dataclass(frozen=True, slots=True)
class Findings:
    """Findings in their order; further ones are folded.

    Attributes:
        link: a place as a text.
    """

    found: Sequence[dict[str, Any]]
    link: Callable[[dict[str, Any]], str]
    further: bool = False

    def markdown(self) -> str:
        return "\n".join(
            self._in_short(found) if self.further else self._in_full(found) for found in self.found
        )

    def html(self) -> str:
        listed = "".join(map(self._item, self.found))
        ordered = f'<ol class="findings">{listed}</ol>'
        return _folded("Show them", ordered) if self.further else ordered

    def _in_short(self, found: dict[str, Any]) -> str:
        first = f", {self.link(found['places'][0])}" if found["places"] else ""
        return f"- {found['severity']}: {_plain(found['title'])}{_count(found)} `{found['rule']}`{first}"

    def _in_full(self, found: dict[str, Any]) -> str:
        opened, hidden = self._places(found)
        advice = ". ".join((found["advice"].rstrip("."), *map(str.capitalize, _tags(found))))
        title = f"**{found['severity']}: {_plain(found['title'])}**{_count(found)} `{found['rule']}`"
        lines = [f"{found['rank']}. {title}  ", f"   {_plain(advice)}."]
        lines += [f"   - {_plain(place)}" for place in opened]
        more = len(hidden) + _unnamed(found)
        return "\n".join([*lines, f"   - and {more:,} more"] if more else lines)

    def _item(self, found: dict[str, Any]) -> str:
        severity, title, count = found["severity"], _marked(found["title"]), _count(found)
        opened, hidden = self._places(found)
        more = len(hidden) + _unnamed(found)
        if hidden and _unnamed(found):
            hidden.append(f"and {_unnamed(found):,} more")
        folded = _folded(f"{more:,} more", Items(hidden).html()) if hidden else ""
        tags = escape(" · ".join((found["rule"], *_tags(found))))
        code = f"<pre>{escape(found['code'])}</pre>" if found.get("code") else ""
        return (
            f'<li class="{severity}"><h3><span>{severity}</span> {title}<small>{count}</small></h3>'
            f"<p>{_marked(found['advice'])} <small>{tags}</small></p>"
            f"{Items(opened).html()}{folded}{code}</li>"
        )

    def _places(self, found: dict[str, Any]) -> tuple[list[str], list[str]]:
        """Those that are shown at once, and those that are not."""
        # What a rule says of every place alike stands in its title already.
        telling = found["count"] == 1 or len({place["message"] for place in found["places"]}) > 1
        said = [
            self.link(place) + (f" – {place['message']}" if telling and place["message"] else "")
            for place in found["places"][:PLACES_MAX]
        ]
        return said[:PLACES_OPEN], said[PLACES_OPEN:]


Block = Text | Items | Table | Chart | Areas | Findings


def markdown_of(title: str, sections: Iterable[Section]) -> str:
    """The document as Markdown, for a pull request or a terminal."""
    parts = [f"# {_plain(title)}"]
    for section in sections:
        blocks = list(filter(None, (block.markdown() for block in section.blocks)))
        parts += [*([f"## {_plain(section.title)}"] if section.title else []), *blocks] if blocks else []
    return "\n\n".join(parts) + "\n"


def html_of(title: str, sections: Iterable[Section]) -> str:
    """The document as one page: no script, nothing loaded from elsewhere, readable in print."""
    body = ""
    for section in sections:
        if blocks := "".join(block.html() for block in section.blocks):
            heading = f"<h2>{_marked(section.title)}</h2>" if section.title else ""
            body += f'<section class="{section.kind}">{heading}{blocks}</section>\n'
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE.read_text('utf-8')}</style></head>\n"
        f"<body><main><h1>{escape(title)}</h1>\n{body}</main></body></html>\n"
    )


_MARKUP = re.compile(r"\[`([^`]+)`\]\((https://[^\s)]+)\)|`([^`]+)`|\*\*(.+?)\*\*")


def _marked(said: str) -> str:
    """A text as HTML."""
    parts, end = [], 0
    for match in _MARKUP.finditer(said):
        parts.append(escape(said[end : match.start()]))
        label, address, code, weight = match.groups()
        shown = f"<b>{_marked(weight)}</b>" if weight else f"<code>{escape(label or code)}</code>"
        parts.append(f'<a href="{escape(address)}">{shown}</a>' if address else shown)
        end = match.end()
    return "".join((*parts, escape(said[end:])))


def _plain(said: str) -> str:
    """A text as Markdown: angle brackets outside code are no tags."""
    return re.sub(r"`[^`]*`|<", lambda match: "&lt;" if match[0] == "<" else match[0], said)


def _folded(summary: str, content: str) -> str:
    return f"<details><summary>{summary}</summary>{content}</details>"


def _count(found: dict[str, Any]) -> str:
    return f" ({found['count']:,} places)" if found["count"] > 1 else ""


def _unnamed(found: dict[str, Any]) -> int:
    return int(found["count"] - min(len(found["places"]), PLACES_MAX)) if found["places"] else 0


def _tags(found: dict[str, Any]) -> list[str]:
    doubt = ["check before you act"] if is_doubtful(found) else []
    return [*([_ROLES[found["role"]]] if found["role"] in _ROLES else []), *doubt]
