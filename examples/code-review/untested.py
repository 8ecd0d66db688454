"""Modules that no test names."""

from __future__ import annotations

import re

from sources import Selection, Source

LINES_MIN_BYTES = 3_000
"""A smaller module may well be tested along with another."""
_TOO_COMMON = frozenset(
    "base utils util common helpers types main core const constants version compat".split()
)


def unmentioned(selection: Selection, tests: dict[str, str]) -> list[str]:
    """Python modules of some size whose name occurs in no test, neither as import nor as file name.

    Args:
        tests: text of each test file, by its path.
    """
    words = _words(tests)
    if not words:
        return []
    return [
        file.path
        for file in selection.of("Python")
        if file.role == "source" and file.size >= LINES_MIN_BYTES and not _named(file, words)
    ][:100]


def _words(tests: dict[str, str]) -> set[str]:
    words: set[str] = set()
    for path, text in tests.items():
        words.update(re.findall(r"\w+", text))
        words.update(re.findall(r"[a-z0-9]+(?:_[a-z0-9]+)*", path.rpartition("/")[2].removeprefix("test_")))
    return words


def _named(file: Source, words: set[str]) -> bool:
    *folders, name = file.path.removesuffix(".py").split("/")
    name = name.strip("_")
    if name in ("init", "main") or name in _TOO_COMMON:
        name = folders[-1] if folders else name
    return name in words
