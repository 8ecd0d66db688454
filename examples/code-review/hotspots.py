"""Hotspots: files that change often and are hard to follow; work on them pays first."""

from __future__ import annotations

from typing import Any

POINTS_MAX = 250


def hotspots_of(git: dict[str, Any], complexity: dict[str, Any] | None) -> dict[str, Any]:
    """The project's own files by churn times complexity; by size times complexity where there is no history.

    Returns:
        `by`: `churn` or `lines`; `files`: path, lines, complexity, commits, fixes, authors, last_at and
        `heat` from 0 to 1, the hottest first.
    """
    if complexity is None:
        return {"by": "churn" if git["present"] else "lines", "files": []}
    changed = {change["path"]: change for change in git.get("changed", [])}
    files = [
        _spot(file, changed.get(file["path"])) for file in complexity["files"] if file["role"] == "source"
    ]
    by = "churn" if any(file["commits"] for file in files) else "lines"
    measure = "commits" if by == "churn" else "lines"
    most = max((file[measure] for file in files), default=0) or 1
    hardest = max((file["complexity"] for file in files), default=0) or 1
    for file in files:
        file["heat"] = round(file[measure] / most * file["complexity"] / hardest, 4)
    files.sort(key=lambda file: (-file["heat"], -file["complexity"], file["path"]))
    return {"by": by, "files": files[:POINTS_MAX]}


def _spot(file: dict[str, Any], change: dict[str, Any] | None) -> dict[str, Any]:
    change = change or {}
    return {
        "path": file["path"],
        "lines": file["lines"],
        "complexity": file["complexity"],
        "commits": change.get("commits", 0),
        "fixes": change.get("fixes", 0),
        "authors": change.get("authors", 0),
        "last_at": change.get("last_at", 0),
        "heat": 0.0,
    }
