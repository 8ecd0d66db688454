"""What is wrong with a document; which rules there are, and how grave each is, stands in rules.toml."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import chain, groupby, pairwise
from pathlib import Path
from typing import Any, Literal

from pages.markdown import Document, target_of
from pages.sources import leads_somewhere

RULES = Path(__file__).resolve().parents[1] / "rules.toml"
_SENTENCE = re.compile(r"(?<=[.!?:;])\s+")
_VOWELS = re.compile(r"[aeiouy]+")


@dataclass
class Finding:
    """One thing that is wrong; the line counts from 1, and 0 stands for the whole document."""

    rule: str
    severity: Literal["error", "warning"]
    line: int
    message: str


@cache
def rules() -> dict[str, Any]:
    """The rules as the file has them."""
    return tomllib.loads(RULES.read_text("utf-8"))


def validate(document: Document, root: Path, path: str) -> list[Finding]:
    """Does it hold together: front matter, code fences, links and images."""
    return _graded(chain(_structure(document), _targets(document, root, path)))


def comply(document: Document) -> list[Finding]:
    """May it be published: words, secrets, licences, and images for those who cannot see them."""
    return _graded(chain(_words(document), _secrets(document), _images(document)))


def review(document: Document) -> list[Finding]:
    """Will people read it: headings in order, sentences of a length that one can hold in mind."""
    return _graded(chain(_headings(document), _style(document)))


def readability(document: Document) -> int | None:
    """How easy the prose is by Flesch's formula, from 0 to 100; None where there is too little of it."""
    if document.words < rules()["review"]["words_min"]:
        return None
    words = [word for text, _ in document.prose for word in re.findall(r"[a-z']+", text.lower())]
    sentences = sum(len(_SENTENCE.split(text)) for text, _ in document.prose)
    syllables = sum(max(1, len(_VOWELS.findall(re.sub(r"e$|es$|ed$", "", word)))) for word in words)
    return round(
        min(100.0, max(0.0, 206.835 - 1.015 * len(words) / sentences - 84.6 * syllables / len(words)))
    )


_Raw = tuple[str, int, str]


def _graded(found: Iterable[_Raw]) -> list[Finding]:
    """One finding for each rule that is not `off`, at the first place where it is broken."""
    made: list[Finding] = []
    for rule, group in groupby(sorted(found), key=lambda raw: raw[0]):
        (_, line, message), *others = group
        also = f", and {len(others)} more like it" if others else ""
        if (severity := rules()["severity"][rule]) != "off":
            made.append(Finding(rule, severity, line, message + also))
    return made


def _structure(document: Document) -> Iterator[_Raw]:
    if document.trouble:
        yield "front-matter", 1, f"the front matter cannot be read: {document.trouble}"
    for line in document.unclosed:
        yield "open-fence", line, "this code block is never closed"


def _targets(document: Document, root: Path, path: str) -> Iterator[_Raw]:
    images = ((source, line) for source, _, line in document.images)
    for href, line in [*document.links, *images]:
        target = target_of(path, href)
        if target and not leads_somewhere(root, target):
            yield "dead-link", line, f"`{href}` leads nowhere"


def _words(document: Document) -> Iterator[_Raw]:
    for rule in ("word", "licence"):
        for pattern, advice in rules()[f"{rule}s"].items():
            for text, line in document.prose:
                if found := re.search(pattern, text, re.IGNORECASE):
                    yield rule, line, f"“{found[0]}”: {advice}"


def _secrets(document: Document) -> Iterator[_Raw]:
    """A finding names the kind and never the secret."""
    for pattern, kind in rules()["secrets"].items():
        for found in re.finditer(pattern, document.text):
            yield "secret", document.text.count("\n", 0, found.start()) + 1, f"what looks like {kind}"


def _images(document: Document) -> Iterator[_Raw]:
    for source, alternative, line in document.images:
        if not alternative:
            yield "image-text", line, f"`{source}` says nothing to those who cannot see it"


def _headings(document: Document) -> Iterator[_Raw]:
    firsts = [line for level, _, _, line in document.headings if level == 1]
    if not firsts and "title" not in document.meta:
        yield "no-title", 1, "no heading of the first level, and no title in the front matter"
    for line in firsts[1:]:
        yield "second-title", line, "a second heading of the first level; a page has one title"
    for (before, *_), (level, text, _, line) in pairwise(document.headings):
        if level > before + 1:
            yield "heading-jump", line, f"“{text}” is {level - before} levels below the heading before it"


def _style(document: Document) -> Iterator[_Raw]:
    limits = rules()["review"]
    for text, line in document.prose:
        longest = max((len(sentence.split()) for sentence in _SENTENCE.split(text)), default=0)
        if longest > limits["sentence_words_max"]:
            yield "long-sentence", line, f"a sentence of {longest} words"
    ease = readability(document)
    if ease is not None and ease < limits["ease_min"]:
        yield "hard-to-read", 0, f"reading ease is {ease} of 100, and should be {limits['ease_min']} or more"
