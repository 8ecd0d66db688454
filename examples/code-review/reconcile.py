"""Reconciling: what the others found, brought into one order, with one verdict."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from areas import areas_of
from hotspots import hotspots_of
from judgement import judged
from ranking import ranked
from sources import read, role_of
from verdict import first_steps, strengths, verdict_of

FINDINGS_MAX = 60
SNIPPETS_MAX = 25
_NEVER_SHOWN = frozenset({"B105", "private-key", "access-token", "hidden-text"})
_PARTS = ("lint", "security", "complexity", "project")


def reconcile(
    survey: dict[str, Any],
    lint: dict[str, Any],
    security: dict[str, Any],
    complexity: dict[str, Any],
    project: dict[str, Any],
) -> dict[str, Any]:
    """Bring the parts of a review together.

    Args:
        survey: as `schemas/survey.yaml` describes it.
        lint, security, complexity, project: as their schemas describe them; or `{"failed": why}`
            for a part that could not be done.
    Returns:
        What `schemas/review.yaml` describes.
    """
    parts = {"lint": lint, "security": security, "complexity": complexity, "project": project}
    sound = {name: part for name, part in parts.items() if "failed" not in part}
    hotspots = hotspots_of(survey["git"], sound.get("complexity"))
    unparsable = _unparsable(sound)
    findings = [
        *sound.get("lint", {}).get("findings", []),
        *sound.get("security", {}).get("findings", []),
        *judged(survey, sound.get("complexity"), sound.get("project"), hotspots, unparsable),
    ]
    ranking = ranked(findings, {spot["path"] for spot in hotspots["files"][:10] if spot["commits"]})
    shown = _with_code(ranking[:FINDINGS_MAX], Path(survey["root"]))
    areas = areas_of(survey, parts, ranking)
    return {
        "name": survey["name"],
        "root": survey["root"],
        "out": survey["out"],
        "at": int(time.time() * 1000),
        "verdict": verdict_of(survey, ranking, parts),
        "areas": areas,
        "findings": shown,
        "findings_total": len(ranking),
        "first": first_steps(ranking),
        "strengths": strengths(survey, sound),
        "hotspots": hotspots,
        "functions": sound.get("complexity", {}).get("functions", [])[:12],
        "spread": sound.get("complexity", {}).get("spread", {}),
        "unparsable": unparsable,
        "degraded": _degraded(survey, parts),
        "parts": [_part("survey", survey), *(_part(name, parts[name]) for name in _PARTS)],
        "survey": {name: survey[name] for name in ("files", "languages", "roles", "largest", "notes", "git")},
    }


def _unparsable(sound: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Files that do not parse, those that should first.

    Where ruff, which knows newer Python than the interpreter here, reads such a file, it is only newer.
    """
    linted = sound.get("lint", {})
    judges = "unparsable" in linted and linted["seen"] == linted["files"]
    refused = {file["path"] for file in linted.get("unparsable", [])}
    if "complexity" in sound:
        files = [
            {**file, "newer": judges and file["path"] not in refused}
            for file in sound["complexity"]["unparsable"]
        ]
    else:
        files = [
            {**file, "role": role_of(file["path"]), "newer": False} for file in linted.get("unparsable", [])
        ]
    return sorted(files, key=lambda file: (file["role"] == "fixture", file["newer"], file["path"]))[:100]


def _degraded(survey: dict[str, Any], parts: dict[str, dict[str, Any]]) -> list[str]:
    """What this review does not cover, in sentences."""
    said = [
        f"{name.capitalize()} is missing: {part['failed']}"
        for name, part in parts.items()
        if "failed" in part
    ]
    if parts["complexity"].get("caught"):
        said.append(f"Complexity covers the files that parse ({parts['complexity']['caught']}).")
    for name in ("lint", "security", "complexity"):
        part = parts[name]
        files = part.get("files_total", part.get("files", 0))
        if part.get("seen", 0) < files:
            said.append(f"{name.capitalize()} ran out of time after {part['seen']:,} of {files:,} files.")
    if survey["files"]["cut"]:
        said.append(f"The folder is larger than what is read: {survey['files']['total']:,} files count.")
    git = survey["git"]
    if not git["present"]:
        said.append(f"There is no history to look at: {git['reason']}.")
    elif git["shallow"]:
        said.append("The clone is shallow, so the history is cut short (git fetch --unshallow).")
    return said


def _part(name: str, part: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "status": "failed" if "failed" in part else "partial" if part.get("caught") else "done",
        "tool": part.get("tool", ""),
        "took_ms": part.get("took_ms", 0),
    }


def _with_code(findings: list[dict[str, Any]], root: Path) -> list[dict[str, Any]]:
    """The first findings with the line of code that their first place names."""
    for finding in findings[:SNIPPETS_MAX]:
        if finding["rule"] in _NEVER_SHOWN or finding["area"] not in ("lint", "security"):
            continue
        place = finding["places"][0]
        try:
            lines = read(root, place["path"]).splitlines()
            finding["code"] = lines[place["line"] - 1].strip()[:160]
        except (OSError, IndexError):
            continue
    return findings
