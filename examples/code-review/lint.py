"""Lint: what ruff knows to be a mistake, with a fixed choice of rules, whatever the project's own."""

from __future__ import annotations

import json
import re
import time
import tomllib
from pathlib import Path
from typing import Any

from judging.rules import LINT, grouped
from reading.sources import is_test, read, role_of, select
from speaking import Tool, speak

BATCH = 400
TIME_MAX_S = 90
"""Files not reached by then are left out, and the report says how many."""
_BUILTINS = (
    "unicode basestring xrange long unichr raw_input file reduce cmp execfile reload WindowsError get_ipython"
    " reveal_type _".split()
)
"""Names of Python 2, and names that others put there: whoever uses them asks for them first."""
_ANNOTATES = re.compile(r"\s*(async )?def |\s*\**\w+\s*:[^=]|.*->")
"""Names in annotations need not be there when the line runs."""


def lint(given: dict[str, Any]) -> dict[str, Any]:
    """Lint the Python files under a folder.

    Args:
        given: `root`, absolute path of the folder; `out`, absolute path of a folder that is left out.
    Returns:
        What `schemas/findings.yaml` describes.
    Raises:
        CannotWork: ruff is not installed, or broke.
    """
    started = time.monotonic()
    root = Path(given["root"])
    paths = [file.path for file in select(root, Path(given["out"])).files if file.language == "Python"]
    ruff = Tool("ruff", *_options(root))
    entries = [entry for said in ruff.judge(root, paths, BATCH, TIME_MAX_S) for entry in said]
    places = [_place(entry, root) for entry in entries]
    broken = {place["path"]: place for place in reversed(places) if place["rule"] not in LINT}
    return {
        "tool": ruff.version() if paths else "no Python files",
        "files": len(paths),
        "seen": ruff.seen,
        "findings": grouped([place for place in places if _counts(place, root)], LINT, "lint"),
        "unparsable": [
            {"path": path, "line": place["line"], "reason": place["message"]}
            for path, place in broken.items()
        ],
        "took_ms": int((time.monotonic() - started) * 1000),
    }


def _options(root: Path) -> list[str]:
    """Our own rules; of the project's settings only which files it leaves out and what it calls builtins."""
    project = _toml(root / "pyproject.toml")
    own = _toml(root / "ruff.toml") or _toml(root / ".ruff.toml") or project.get("tool", {}).get("ruff", {})
    # Ruff takes some Python 2 for valid 3.14, so only who asks for that gets it.
    asked = str(project.get("project", {}).get("requires-python", ""))
    settings = {
        "extend-exclude": [*own.get("exclude", []), *own.get("extend-exclude", [])],
        "builtins": [*own.get("builtins", []), *_BUILTINS],
    }
    return [
        "check", "--isolated", "--no-cache", "--exit-zero", "--force-exclude", "--output-format=json",
        f"--target-version={'py314' if '3.14' in asked else 'py313'}", f"--select=E902,{','.join(LINT)}",
        "--per-file-ignores=__init__.py:F401,__init__.py:F403,*compat*.py:F401",
        *(f"--config={name}={json.dumps(value)}" for name, value in settings.items()), "--",
    ]  # fmt: skip


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}


def _place(entry: dict[str, Any], root: Path) -> dict[str, Any]:
    path = Path(entry["filename"]).relative_to(root).as_posix()
    return {
        "rule": entry["code"],
        "path": path,
        "role": role_of(path),
        "line": entry["location"]["row"],
        "message": entry["message"],
        "fixable": (entry.get("fix") or {}).get("applicability") == "safe",
    }


def _counts(place: dict[str, Any], root: Path) -> bool:
    """Whether it is news to whoever knows the code: some findings hold only by the letter."""
    rule, message, path = place["rule"], place["message"], place["path"]
    if rule not in LINT or (place["role"] in ("test", "fixture") and not is_test(path)):
        return False
    if rule == "F401":
        return "find_spec" not in message
    if rule == "F811":
        return place["role"] != "test" or "`test" in message
    if rule == "F821":
        return not _ANNOTATES.match(_lines(root, place, 1)[-1])
    if rule == "B015":
        return "raises" not in "".join(_lines(root, place, 4)).lower()
    return rule != "T100" or re.search(r"\bpdb.set_trace` used|`breakpoint` used", message) is not None


def _lines(root: Path, place: dict[str, Any], count: int) -> list[str]:
    """So many lines up to the place."""
    return read(root, place["path"]).split("\n")[max(place["line"] - count, 0) : place["line"]]


if __name__ == "__main__":
    speak(lint)
