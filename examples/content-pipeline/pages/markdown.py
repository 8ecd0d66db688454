"""Markdown taken apart: what a document says, and where it leads."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from html import unescape
from typing import Any
from urllib.parse import unquote, urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

_FRONT_MATTER = re.compile(r"---[ \t]*\n(.*?)^---[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_MKDOCS_NOTE = re.compile(r'^( *)(?:!!!|\?\?\?\+?) *(\w+)(?: +"(.*)")? *$')
_GITHUB_NOTE = re.compile(r"^( *> *)\[!(\w+)\] *$")
_FENCE = re.compile(r"^[ >]*(`{3,}|~{3,})")
_ID = re.compile(r"""\b(?:id|name)=["']([^"']+)["']""")
_IMAGE = re.compile(r"<img\b[^>]*>", re.IGNORECASE)


@dataclass
class Document:
    """A document taken apart. Lines count from 1.

    Attributes:
        meta: its front matter; `trouble` says why that cannot be read.
        headings: level, text, anchor and line of each.
        links: where each leads, as it is written, and its line.
        images: source, alternative text and line of each.
        prose: paragraphs as a reader hears them, without code, and their lines.
        unclosed: lines of code blocks that nothing closes.
    """

    tokens: list[Token]
    text: str
    meta: dict[str, Any]
    trouble: str
    summary: str = ""
    headings: list[tuple[int, str, str, int]] = field(default_factory=list)
    links: list[tuple[str, int]] = field(default_factory=list)
    images: list[tuple[str, str, int]] = field(default_factory=list)
    prose: list[tuple[str, int]] = field(default_factory=list)
    unclosed: list[int] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)

    @property
    def anchors(self) -> frozenset[str]:
        return frozenset(self.ids | {anchor for _, _, anchor, _ in self.headings})

    @property
    def title(self) -> str:
        """What the front matter says, or else the first heading of the first level."""
        first = next((text for level, text, _, _ in self.headings if level == 1), "")
        return str(self.meta.get("title") or first)

    @property
    def words(self) -> int:
        return sum(len(text.split()) for text, _ in self.prose)


@cache
def markdown() -> MarkdownIt:
    """The dialect: CommonMark with tables and strike-through."""
    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def parse(text: str) -> Document:
    """Take a document apart; whatever a text holds, it is some Markdown."""
    meta, trouble, above = _front_matter(text)
    body = text[above:]
    document = Document(markdown().parse(_with_notes(body)), text, meta, trouble)
    first, lines, used = text.count("\n", 0, above) + 1, body.splitlines(), Counter[str]()
    for before, token in zip([None, *document.tokens], document.tokens, strict=False):
        line = first + (token.map[0] if token.map else 0)
        if token.type == "inline" and before and before.type == "heading_open":
            _add_heading(document, before, token, line, used)
        if token.type == "inline":
            _add_inline(document, token, line, bool(before and before.type == "paragraph_open"))
        elif token.type == "html_block":
            _add_html(document, token.content, line)
        elif token.type == "fence" and not _closed(token, lines):
            document.unclosed.append(line)
    return document


def _front_matter(text: str) -> tuple[dict[str, Any], str, int]:
    """The front matter, what is wrong with it, and how many characters it has."""
    if not (found := _FRONT_MATTER.match(text)):
        return {}, "", 0
    try:
        meta = YAML(typ="safe", pure=True).load(found[1]) or {}
    except YAMLError as error:
        return {}, str(error).partition("\n")[0], found.end()
    return (meta, "", found.end()) if isinstance(meta, dict) else ({}, "it has no names", found.end())


def _with_notes(text: str) -> str:
    """Notes as MkDocs (`!!! note`) and GitHub (`> [!NOTE]`) write them become quotations, line for line."""
    made: list[str] = []
    inside, fence = "", ""
    for line in text.splitlines():
        if inside and line.strip() and not line.startswith(inside):
            inside = ""
        if quoted := bool(inside):
            line = f"{inside[:-4]}> {line[len(inside) :]}"
        if marks := _FENCE.match(line):
            fence = "" if fence and marks[1].startswith(fence) else fence or marks[1]
        elif not (fence or quoted) and (note := _MKDOCS_NOTE.match(line)):
            inside, line = note[1] + "    ", f"{note[1]}> **{note[3] or note[2].capitalize()}.** "
        elif not fence and (note := _GITHUB_NOTE.match(line)):
            line = f"{note[1]}**{note[2].capitalize()}.** "
        made.append(line)
    return "\n".join(made)


def _closed(fence: Token, lines: list[str]) -> bool:
    start, end = fence.map or [0, 0]
    last = lines[end - 1].lstrip("> \t").rstrip() if end - start > 1 else ""
    return last.startswith(fence.markup) and not last.strip(fence.markup[0])


def _add_heading(document: Document, opening: Token, inline: Token, line: int, used: Counter[str]) -> None:
    text = _heard(inline, code=True)
    anchor = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
    again, used[anchor] = used[anchor], used[anchor] + 1
    opening.attrSet("id", f"{anchor}-{again}" if again else anchor)
    document.headings.append((int(opening.tag[1]), text, str(opening.attrs["id"]), line))


def _add_inline(document: Document, token: Token, line: int, prose: bool) -> None:
    if prose and (heard := _heard(token, code=False)):
        document.prose.append((heard, line))
        if not document.summary and len(heard.split()) > 3:
            document.summary = _heard(token, code=True)
    for child in token.children or []:
        if child.type == "link_open":
            document.links.append((str(child.attrs["href"]), line))
        elif child.type == "image":
            document.images.append((str(child.attrs["src"]), child.content.strip(), line))
        elif child.type == "html_inline":
            _add_html(document, child.content, line)
        line += child.type in ("softbreak", "hardbreak")


def _add_html(document: Document, html: str, line: int) -> None:
    document.ids.update(_ID.findall(html))
    for image in _IMAGE.finditer(html):
        source, text = (re.search(rf"""\b{name}=["']([^"']*)""", image[0]) for name in ("src", "alt"))
        place = line + html.count("\n", 0, image.start())
        document.images.append(
            (unescape(source[1]) if source else "", text[1].strip() if text else "", place)
        )


def _heard(inline: Token, code: bool) -> str:
    """An inline's text; code in it as it is, or as one word that says nothing."""
    words = []
    for child in inline.children or []:
        if child.type == "code_inline":
            words.append(child.content if code else "code")
        else:
            words.append(
                " " if child.type.endswith("break") else child.content if child.type == "text" else ""
            )
    return " ".join("".join(words).split())


def target_of(path: str, href: str) -> str:
    """What a link or image of a document means, `path#anchor` seen from the root; empty on another site."""
    try:
        parts = urlsplit(href)
    except ValueError:
        return ""
    if parts.scheme or parts.netloc:
        return ""
    place, folder = unquote(parts.path), posixpath.dirname(path)
    joined = place.lstrip("/") if place.startswith("/") else posixpath.join(folder, place)
    whole = posixpath.normpath(joined) if place else path
    return f"{whole}#{unquote(parts.fragment)}" if parts.fragment else whole
