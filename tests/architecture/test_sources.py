"""Sources keep the house's shape: small files, silent packages, nothing that only one place knows."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "podium"
OPEN = ("src", "tests", "docs", "examples", "bench", ".ci", ".github")
"""Folders that hold our own text."""
KINDS = {"", ".cfg", ".css", ".html", ".ini", ".js", ".json", ".md", ".mjs", ".py", ".sh", ".sql", ".toml"}
KINDS |= {".txt", ".yaml", ".yml"}
LINES_MAX = 600

# Written in pieces, so that this file keeps the rule it states.
HOSTS = ("py" + "pi.org", "python" + "hosted.org", "npm" + "js.org", "npm" + "js.com", "crates" + ".io")
FORBIDDEN = {
    "the word for one sitting of work": re.compile(r"\bsess" + r"ions?\b", re.IGNORECASE),
    "a path of one machine": re.compile(r"(?<![\w.}/])/(?:wo" + r"rk|op" + r"t)(?![\w-])"),
    "an issue's number": re.compile(r"(?<![\w&#/])#\d{1,2}(?![\w-])|\bissue\s+\d", re.IGNORECASE),
    "the host of a package registry": re.compile("|".join(map(re.escape, HOSTS))),
}


def texts() -> Iterator[Path]:
    """Our own text files; a folder below the root with a licence of its own is someone else's."""
    yield from (path for path in ROOT.iterdir() if path.is_file() and is_text(path))
    for folder in OPEN:
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and is_text(path) and not is_foreign(path):
                yield path


def is_text(path: Path) -> bool:
    hidden = any(part.startswith(".") and part not in OPEN for part in path.relative_to(ROOT).parts)
    return path.suffix in KINDS and path.name != "LICENSE" and not hidden


def is_foreign(path: Path) -> bool:
    below = [folder for folder in path.parents if folder.is_relative_to(ROOT) and folder != ROOT]
    return any((folder / "LICENSE").exists() for folder in below) or "node_modules" in path.parts


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("rule", FORBIDDEN)
def test_no_file_mentions(rule: str) -> None:
    found = []
    for path in texts():
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if match := FORBIDDEN[rule].search(line):
                found.append(f"{shown(path)}:{number}: {match[0]!r}")
    assert found == [], f"{rule} does not belong into the repository"


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("in this Sess" + "ion we", "the word for one sitting of work"),
        ('open("/wo' + 'rk/main")', "a path of one machine"),
        ("see " + "#" + "12.", "an issue's number"),
        ("as iss" + "ue 7 says", "an issue's number"),
        ("from https://" + HOSTS[0] + "/simple", "the host of a package registry"),
    ],
)
def test_the_rules_see_what_they_forbid(text: str, rule: str) -> None:
    assert FORBIDDEN[rule].search(text)


@pytest.mark.parametrize(
    "text",
    [
        "ClientSess" + "ion()",
        "/workflows/1",
        "${HOME}/wo" + "rk",
        "color: #123456",
        "#111",
        "&#39;",
        "#/do/0",
    ],
)
def test_the_rules_leave_other_text_alone(text: str) -> None:
    assert [rule for rule, pattern in FORBIDDEN.items() if pattern.search(text)] == []


def test_no_file_is_long() -> None:
    files = [path for path in texts() if path.suffix == ".py"]
    counts = {shown(path): len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert {name: count for name, count in counts.items() if count >= LINES_MAX} == {}


def test_every_module_says_its_duty() -> None:
    silent = [path for path in PACKAGE.rglob("*.py") if not ast.get_docstring(ast.parse(path.read_bytes()))]
    assert [shown(path) for path in silent] == []


def test_packages_hold_a_docstring_only() -> None:
    assert [shown(path) for path in PACKAGE.rglob("__init__.py") if not is_silent(path)] == []


def is_silent(path: Path) -> bool:
    """Whether a package holds a docstring, and beyond it only what `allowed` names."""
    docstring, *rest = ast.parse(path.read_bytes()).body
    return isinstance(docstring, ast.Expr) and all(allowed(path.parent, statement) for statement in rest)


def allowed(package: Path, statement: ast.stmt) -> bool:
    """The root states the version; the command line has its door, which the installed script names."""
    if package == PACKAGE:
        return isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "__version__"
    if package == PACKAGE / "cli":
        return isinstance(statement, ast.FunctionDef) and statement.name == "main"
    return False
