"""How pages look: what stands around a document, the contents, and the index."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from html import escape
from itertools import groupby
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import quote

from pages.sources import INDEX

LOOK = Path(__file__).resolve().parents[1] / "look"
COMMON = 4
"""A heading that so many pages have leads nowhere in particular, and is left out of the index."""

Parts = dict[str, dict[str, Any]]
"""What is known of each document, by its path, in the order of the contents."""


def page_of(path: str) -> str:
    """The page that a document becomes."""
    folder, name = posixpath.split(path)
    return posixpath.join(folder, "index.html" if name in INDEX else name.removesuffix(".md") + ".html")


def relative(page: str, other: str) -> str:
    """How one page names another."""
    return posixpath.relpath(other, posixpath.dirname(page) or ".")


def site_of(title: str, parts: Parts) -> dict[str, str]:
    """All files of the site but what documents link to, by their names."""
    bodies = {page_of(path): (part["title"], _body(part), part) for path, part in parts.items()}
    _, home, about = bodies.get("index.html", (title, f"<h1>{escape(title)}</h1>", {}))
    bodies["index.html"] = (title, home + _contents(parts), about)
    bodies["a-z.html"] = ("Index", _index(parts), {})
    template = Template((LOOK / "page.html").read_text("utf-8"))
    pages = {page: _page(template, title, page, parts, *body) for page, body in bodies.items()}
    return {**pages, "site.css": (LOOK / "site.css").read_text("utf-8")}


def _body(part: dict[str, Any]) -> str:
    return str(part["html"] if part["titled"] else f"<h1>{escape(part['title'])}</h1>{part['html']}")


def _page(
    template: Template, site: str, page: str, parts: Parts, title: str, body: str, part: dict[str, Any]
) -> str:
    places = [(text, anchor) for level, text, anchor in part.get("headings", ()) if level == 2]
    listed = "".join(f"<li>{_link('#' + anchor, text)}</li>" for text, anchor in places)
    return template.substitute(
        title=escape(title), site=escape(site), body=body, navigation=_navigation(parts, page),
        home=relative(page, "index.html"), index=relative(page, "a-z.html"), style=relative(page, "site.css"),
        about=f"{part['minutes']} min to read · last changed {part['changed']}" if part else "",
        places=f"<h2>On this page</h2><ul>{listed}</ul>" if len(places) > 1 else "",
    )  # fmt: skip


def _link(target: str, text: str, more: str = "") -> str:
    return f'<a href="{escape(quote(target, safe="/#"))}"{more}>{escape(text)}</a>'


def _folders(parts: Parts) -> list[tuple[str, list[str]]]:
    """The documents of each folder, under what the folder is called."""
    grouped = [(folder, list(paths)) for folder, paths in groupby(parts, key=posixpath.dirname)]
    return [(" / ".join(map(str.capitalize, re.split("/", folder))), paths) for folder, paths in grouped]


def _navigation(parts: Parts, page: str) -> str:
    made = []
    for name, paths in _folders(parts):
        made.append(f"<h2>{escape(name)}</h2><ul>" if name else "<ul>")
        for path in paths:
            here = ' aria-current="page"' if page_of(path) == page else ""
            made.append(f"<li>{_link(relative(page, page_of(path)), parts[path]['title'], here)}</li>")
        made.append("</ul>")
    return "".join(made)


def _contents(parts: Parts) -> str:
    """All pages, with a line on each."""
    made = ['<h2 id="contents">Contents</h2>']
    for name, paths in _folders(parts):
        made.append(f"<h3>{escape(name)}</h3><dl>" if name else "<dl>")
        for path in paths:
            part = parts[path]
            more = (
                part["summary"][:200].rpartition(" ")[0] + " …"
                if len(part["summary"]) > 200
                else part["summary"]
            )
            if page_of(path) != "index.html":
                link = _link(page_of(path), part["title"])
                made.append(f"<dt>{link} <small>{part['minutes']} min</small></dt><dd>{escape(more)}</dd>")
        made.append("</dl>")
    return "".join(made)


def _index(parts: Parts) -> str:
    """Every heading under its first letter: what one looks for is found without a search."""
    places = {
        (re.sub(r"^[\W\d_]+", "", text).lower(), text, f"{page_of(path)}#{anchor}", part["title"])
        for path, part in parts.items()
        for level, text, anchor in part["headings"]
        if level <= 3
    }
    often = Counter(key for key, *_ in places)
    rare = sorted(place for place in places if place[0] and often[place[0]] < COMMON)
    made = ["<h1>Index</h1>"]
    for letter, group in groupby(rare, key=lambda place: place[0][0].upper()):
        rows = (
            f"<li>{_link(page, text)} <small>{escape(title if title != text else '')}</small></li>"
            for _, text, page, title in group
        )
        made.append(f"<h2>{escape(letter)}</h2><ul>{''.join(rows)}</ul>")
    return f'<div class="index">{"".join(made)}</div>'
