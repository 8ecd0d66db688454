"""Parts of a page of HTML: sections, lists and tables. What they are given is HTML already, or is escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape


def text(said: str) -> str:
    """Plain text as HTML, with `code` between back quotes."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(said))


def section(title: str, *parts: str, kind: str = "") -> str:
    """A section with a heading; nothing if it has no content."""
    content = "".join(parts)
    if not content:
        return ""
    named = f' class="{kind}"' if kind else ""
    return f"<section{named}><h2>{text(title)}</h2>{content}</section>"


def note(said: str) -> str:
    """A paragraph of explanation."""
    return f'<p class="note">{text(said)}</p>'


def items(entries: Iterable[str], *, kind: str = "", numbered: bool = False, start: int = 1) -> str:
    """A list of HTML entries; nothing if there is none."""
    listed = "".join(f"<li>{entry}</li>" for entry in entries)
    if not listed:
        return ""
    tag = "ol" if numbered else "ul"
    first = f' start="{start}"' if start > 1 else ""
    return f'<{tag} class="{kind}"{first}>{listed}</{tag}>'


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of HTML cells, the first column on the left, numbers on the right."""
    head = "".join(f'<th scope="col">{text(name)}</th>' for name in heads)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def figure(chart: str, *, small: bool = False) -> str:
    """A chart; nothing if there is none."""
    return f'<figure class="{"small" if small else "wide"}">{chart}</figure>' if chart else ""


def folded(summary: str, content: str) -> str:
    """Content that opens on a click."""
    return f"<details><summary>{summary}</summary>{content}</details>"
