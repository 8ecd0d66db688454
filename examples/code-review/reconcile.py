"""Reconciling: what the others found, brought into one order, with one verdict."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from judging.areas import areas_of
from judging.judgement import of_functions, of_hotspots, of_project, of_unparsable
from judging.ranking import ranked
from judging.verdict import first_steps, verdict_of
from reading.sources import read, role_of

FINDINGS_MAX = 60
SPOTS_MAX = 250
_SECRET = frozenset({"B105", "private-key", "access-token", "hidden-text"})
_Json = dict[str, Any]


def reconcile(
    survey: _Json, lint: _Json, security: _Json, complexity: _Json, project: _Json, **others: _Json
) -> _Json:
    """Bring the parts of a review together.

    Args:
        survey: as `schemas/survey.yaml` describes it.
        lint, security, complexity, project: as their schemas describe them; or `{"failed": why}`
            for a part that could not be done.
        others: whatever else brings `findings`.
    Returns:
        What `schemas/review.yaml` describes.
    """
    parts = {"lint": lint, "security": security, "complexity": complexity, "project": project}
    parts |= others
    hotspots = hotspots_of(survey["git"], complexity.get("measured", []))
    unparsable = _unparsable(lint, complexity)
    findings = [
        *(found for part in parts.values() for found in part.get("findings", [])),
        *of_unparsable(unparsable),
        *of_functions(complexity.get("functions", [])),
        *of_hotspots(hotspots, survey["git"]),
        *(() if "failed" in project else of_project(project, survey)),
    ]
    ranking = ranked(findings, {spot["path"] for spot in hotspots["files"][:10] if spot["commits"]})
    return {
        **{key: survey[key] for key in ("name", "root", "out", "files", "languages", "roles", "git")},
        "at": int(time.time() * 1000),
        "verdict": verdict_of(survey, ranking, parts),
        "areas": areas_of(survey["roles"], parts, ranking),
        "findings": _with_code(ranking[:FINDINGS_MAX], Path(survey["root"])),
        "findings_total": len(ranking),
        "first": first_steps(ranking),
        "hotspots": hotspots,
        "functions": complexity.get("functions", [])[:8],
        "spread": complexity.get("spread", {}),
        "unparsable": unparsable,
        "degraded": list(_degraded(survey, parts)),
        "parts": [_part(name, part) for name, part in {"survey": survey, **parts}.items()],
    }


def hotspots_of(git: _Json, measured: list[_Json]) -> _Json:
    """The project's own files by churn times branches; by size times branches where there is no history.

    Returns:
        `by`: `commits` or `lines`; `files`: path, lines, branches, commits, fixes, people, and `heat` from 0
        to 1, the hottest first.
    """
    changed = {change["path"]: change for change in git.get("changed", [])}
    quiet = {"commits": 0, "fixes": 0, "people": 0}
    files = [
        {**quiet, **changed.get(file["path"], {}), **file} for file in measured if file["role"] == "source"
    ]
    by = "commits" if any(file["commits"] for file in files) else "lines"
    most, hardest = (max((file[what] for file in files), default=0) or 1 for what in (by, "branches"))
    for file in files:
        file["heat"] = round(file[by] / most * file["branches"] / hardest, 4)
    files.sort(key=lambda file: (-file["heat"], -file["branches"], file["path"]))
    return {"by": by, "files": files[:SPOTS_MAX]}


def _unparsable(lint: _Json, complexity: _Json) -> list[_Json]:
    """Files that do not parse, those that should first.

    Where ruff, which knows newer Python than the interpreter here, reads such a file, it is only newer.
    """
    refused = {file["path"]: file for file in lint.get("unparsable", [])}
    judges = "failed" not in lint and lint["seen"] == lint["files"]
    if "failed" in complexity:
        files = [{**file, "role": role_of(path), "newer": False} for path, file in refused.items()]
    else:
        files = [
            {**file, "newer": judges and file["path"] not in refused} for file in complexity["unparsable"]
        ]
    return sorted(files, key=lambda file: (file["role"] == "fixture", file["newer"], file["path"]))[:100]


def _degraded(survey: _Json, parts: dict[str, _Json]) -> Iterator[str]:
    """What this review does not cover, in sentences."""
    for name, part in parts.items():
        if "failed" in part:
            yield f"{name.capitalize()} is missing: {part['failed']}"
        elif part.get("seen", 0) < part.get("files", 0):
            looked = f"{name.capitalize()} looked at {part['seen']:,} of {part['files']:,} files"
            yield f"{looked}; the others took too long, or broke it."
    if caught := parts["complexity"].get("caught"):
        yield f"Complexity covers the files that parse ({caught})."
    if survey["files"]["cut"]:
        yield f"The folder is larger than what is read: {survey['files']['total']:,} files count."
    if not survey["git"]["present"]:
        yield f"There is no history to look at: {survey['git']['reason']}."
    elif survey["git"]["shallow"]:
        yield "The clone is shallow, so the history is cut short (git fetch --unshallow)."


def _part(name: str, part: _Json) -> _Json:
    status = "failed" if "failed" in part else "partial" if part.get("caught") else "done"
    return {"name": name, "status": status, "tool": part.get("tool", ""), "took_ms": part.get("took_ms", 0)}


def _with_code(findings: list[_Json], root: Path) -> list[_Json]:
    """The findings with the line of code that their first place names, unless it would show a secret."""
    hidden = {
        (place["path"], place["line"])
        for found in findings
        if found["rule"] in _SECRET
        for place in found["places"]
    }
    for found in findings:
        place = found["places"][0] if found["places"] and found["area"] in ("lint", "security") else None
        if place and (place["path"], place["line"]) not in hidden:
            lines = read(root, place["path"]).split("\n")
            found["code"] = "".join(lines[place["line"] - 1 : place["line"]]).strip()[:160]
    return findings
