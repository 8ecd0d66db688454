"""The page on security claims nothing without a test: what it names is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "security.md"

_NAMED = re.compile(r'\]\(\.\./(tests/[\w/]+\.py) "(\w+)"\)')
_ROWS = [line for line in PAGE.read_text().splitlines() if re.match(r"\| \d+ \|", line)]


def defined(path: Path) -> set[str]:
    """Names of the tests of a file."""
    tree = ast.parse(path.read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_there_are_fifteen() -> None:
    assert [int(line.split("|")[1]) for line in _ROWS] == list(range(1, 16))


@pytest.mark.parametrize("row", _ROWS, ids=lambda row: row.split("**")[1])
def test_each_names_tests_that_are_there(row: str) -> None:
    _, _, _, proven, gaps, _ = re.split(r"(?<!\\)\|", row)
    named = _NAMED.findall(proven)
    assert named, "no test is named"
    assert proven.count("](") == len(named), "a link names no test"
    for path, name in named:
        assert name.startswith("test_")
        assert name in defined(ROOT / path), f"{path} has no {name}"
    assert "](" not in gaps
