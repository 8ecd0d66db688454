"""The survey: how large the project is, in which languages, and where it changes."""

from __future__ import annotations

import json
import re
import time
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from history import history
from sources import CODE, Selection, Source, read, select

LARGE_BYTES = 5_000_000
_MARKER = re.compile(r"(?:#|//|/\*|<!--)\s*(?:TODO|FIXME|XXX|HACK)\b")


class NoSuchFolder(Exception):
    """What is to be reviewed is not there, or is no folder."""


def survey(repo: str, out: str = "podium-review") -> dict[str, Any]:
    """Look a folder over, and settle what everyone else is to work on.

    Args:
        repo: the folder to review, relative to the current folder.
        out: the folder that the report goes to, relative to the current folder.
    Returns:
        What `schemas/survey.yaml` describes; `root` and `out` are absolute.
    Raises:
        NoSuchFolder: there is no such folder.
    """
    started = time.monotonic()
    root, target = Path(repo).expanduser().resolve(), Path(out).expanduser().resolve()
    if not root.is_dir():
        what = "is a file" if root.exists() else "does not exist"
        raise NoSuchFolder(f"{root} {what}; give a folder, --input repo=PATH")
    selection = select(root, target)
    lines, notes, conflicts = _read_all(selection)
    return {
        "root": str(root),
        "out": str(target),
        "name": _name(root),
        "files": {
            "total": len(selection.files),
            "code": sum(file.is_code for file in selection.files),
            "lines": sum(lines.values()),
            "cut": selection.cut,
            "skipped": {reason: count for reason, count in selection.skipped.items() if count},
        },
        "languages": _languages(selection, lines),
        "roles": _roles(selection, lines),
        "largest": _largest(selection, lines),
        "heavy": [
            {"path": file.path, "bytes": file.size} for file in selection.files if file.size > LARGE_BYTES
        ][:20],
        "notes": notes,
        "conflicts": conflicts[:20],
        "git": history(root),
        "took_ms": int((time.monotonic() - started) * 1000),
    }


def _name(root: Path) -> str:
    """What the project calls itself, or else the folder's name."""
    try:
        stated = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]["name"]
    except (OSError, ValueError, KeyError, TypeError):
        try:
            stated = json.loads((root / "package.json").read_text("utf-8"))["name"]
        except (OSError, ValueError, KeyError, TypeError):
            stated = ""
    return stated if stated and isinstance(stated, str) else root.name or str(root)


def _read_all(selection: Selection) -> tuple[dict[str, int], int, list[dict[str, Any]]]:
    """Lines of each file, how many notes to self there are, and merges that were never finished."""
    lines: dict[str, int] = {}
    notes = 0
    conflicts = []
    for file, text in _texts(selection):
        lines[file.path] = text.count("\n") + (not text.endswith("\n") and text != "")
        if file.is_code:
            notes += len(_MARKER.findall(text))
            if line := _conflict(text):
                conflicts.append({"path": file.path, "line": line})
    return lines, notes, conflicts


def _texts(selection: Selection) -> Iterator[tuple[Source, str]]:
    for file in selection.files:
        if file.readable:
            try:
                yield file, read(selection.root, file.path)
            except OSError:
                selection.skipped["unreadable"] += 1


def _conflict(text: str) -> int:
    """The line where an unfinished merge begins: its three markers stand in order; 0 if there is none."""
    if "\n=======\n" not in text or "<<<<<<< " not in text:
        return 0
    begun = parted = 0
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("<<<<<<< "):
            begun, parted = number, 0
        elif line == "=======" and begun:
            parted = number
        elif line.startswith(">>>>>>> ") and parted:
            return begun
    return 0


def _languages(selection: Selection, lines: dict[str, int]) -> list[dict[str, Any]]:
    files: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for file in selection.files:
        name = file.language or "Other"
        files[name] += 1
        total[name] += lines.get(file.path, 0)
    return [
        {"name": name, "files": files[name], "lines": count, "code": name in CODE}
        for name, count in total.most_common()
    ]


def _roles(selection: Selection, lines: dict[str, int]) -> dict[str, dict[str, int]]:
    """Files and lines of code for each role."""
    roles = {role: {"files": 0, "lines": 0} for role in ("source", "test", "fixture", "example")}
    for file in selection.files:
        if file.is_code:
            roles[file.role]["files"] += 1
            roles[file.role]["lines"] += lines.get(file.path, 0)
    return roles


def _largest(selection: Selection, lines: dict[str, int]) -> list[dict[str, Any]]:
    code = [file for file in selection.files if file.is_code]
    code.sort(key=lambda file: -lines.get(file.path, 0))
    return [
        {"path": file.path, "lines": lines.get(file.path, 0), "language": file.language} for file in code[:15]
    ]
