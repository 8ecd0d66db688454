"""A document as HTML: code coloured, links leading to pages, and nothing that could run."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from html import escape, unescape
from typing import Any, TypeAlias

from markdown_it import MarkdownIt
from markdown_it.token import Token
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

from pages.markdown import Document, markdown

Rewrite: TypeAlias = Callable[[str], str]
"""Where a link or image leads on the site; empty if to no part of it."""

_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)\b([^<>]*)>")
_ATTRIBUTE = re.compile(r"""([a-z]+)\s*=\s*["']([^"']*)["']""", re.IGNORECASE)
_TAGS = frozenset(
    "a abbr b br center dd del details div dl dt em figcaption figure i img ins kbd li mark ol p picture q s"
    " small strong sub summary sup table tbody td th thead tr u ul".split()
)
_ATTRIBUTES = frozenset("align alt colspan height id name rowspan title width".split())


def html_of(document: Document, rewrite: Rewrite) -> str:
    """A document as the inside of a page."""
    for token in document.tokens:
        _settle(token, rewrite)
    return str(_renderer().renderer.render(document.tokens, _renderer().options, {}))


def _settle(token: Token, rewrite: Rewrite) -> None:
    for child in token.children or []:
        _settle(child, rewrite)
    for name in ("href", "src"):
        if name in token.attrs:
            target = rewrite(str(token.attrs.pop(name)))
            token.attrs |= {name: target} if target else {"class": "elsewhere"}
    if token.type in ("html_block", "html_inline"):
        token.content = _harmless(token.content, rewrite)


def _harmless(html: str, rewrite: Rewrite) -> str:
    """HTML of which only what arranges is left; everything else can be read, and does nothing."""
    text, *rest = _TAG.split(_COMMENT.sub("", html))
    made = [text.replace("<", "&lt;")]
    for slash, tag, attributes, text in zip(*[iter(rest)] * 4, strict=True):
        known = tag.lower() in _TAGS
        made.append(
            f"<{slash}{tag}{_kept(attributes, rewrite)}>" if known else f"&lt;{slash}{tag}{attributes}&gt;"
        )
        made.append(text.replace("<", "&lt;"))
    return "".join(made)


def _kept(attributes: str, rewrite: Rewrite) -> str:
    kept = []
    for name, value in _ATTRIBUTE.findall(attributes):
        target = rewrite(unescape(value)) if name in ("href", "src") else unescape(value)
        if target and name in _ATTRIBUTES | {"href", "src"}:
            kept.append(f' {name}="{escape(target)}"')
    return "".join(kept)


@cache
def _renderer() -> MarkdownIt:
    made = MarkdownIt("commonmark", {**markdown().options, "highlight": _coloured})
    made.add_render_rule("heading_close", _heading_close)
    return made


def _heading_close(self: Any, tokens: list[Token], index: int, *_: Any) -> str:
    anchor = escape(str(tokens[index - 2].attrs["id"]))
    return f'<a class="here" href="#{anchor}" aria-label="Link to this place">#</a></{tokens[index].tag}>\n'


def _coloured(code: str, language: str, _: str) -> str:
    try:
        return str(highlight(code, get_lexer_by_name(language), HtmlFormatter(nowrap=True)))
    except ClassNotFound:
        return escape(code)
