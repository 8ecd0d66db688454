"""The areas of a review: a mark for each, and what was seen."""

from __future__ import annotations

from typing import Any

from phrases import counted, listed
from ranking import SURE

AREAS = {
    "lint": "Correctness",
    "security": "Security",
    "complexity": "Complexity",
    "tests": "Tests",
    "upkeep": "Upkeep",
}
_Parts = dict[str, dict[str, Any]]


def areas_of(survey: dict[str, Any], parts: _Parts, ranking: list[dict[str, Any]]) -> list[dict[str, str]]:
    """A mark for each area: `good`, `fair`, `poor`; `unknown` where nothing could be looked at.

    Args:
        survey: as `schemas/survey.yaml` describes it.
        parts: what each agent handed over, or `{"failed": why}`.
        ranking: findings in their order.
    """
    texts = {
        "lint": lambda: _lint_text(parts["lint"], ranking),
        "security": lambda: _security_text(parts["security"], ranking),
        "complexity": lambda: _complexity_text(parts["complexity"]),
        "tests": lambda: _tests_text(parts["project"], survey["roles"]),
        "upkeep": lambda: _upkeep_text(parts["project"]),
    }
    return [
        {
            "area": area,
            "name": name,
            "mark": _mark(area, parts, ranking),
            "text": "could not be looked at" if "failed" in _part(area, parts) else texts[area](),
        }
        for area, name in AREAS.items()
    ]


def _part(area: str, parts: _Parts) -> dict[str, Any]:
    return parts["project" if area in ("tests", "upkeep") else area]


def _mark(area: str, parts: _Parts, ranking: list[dict[str, Any]]) -> str:
    severities = {
        found["severity"]
        for found in ranking
        if found["area"] == area and (found["certainty"] >= SURE or found["severity"] == "high")
    }
    if "high" in severities:
        return "poor"
    several = area == "upkeep" and sum(found["area"] == area for found in ranking) > 1
    if "medium" in severities or several:
        return "fair"
    return "good" if _was_looked_at(area, _part(area, parts)) else "unknown"


def _was_looked_at(area: str, part: dict[str, Any]) -> bool:
    if "failed" in part:
        return False
    if area in ("lint", "security"):
        return bool(part["files"])
    if area == "complexity":
        return bool(part["functions_total"])
    return area == "upkeep" or bool(part["tests"]["files"])


def _lint_text(part: dict[str, Any], ranking: list[dict[str, Any]]) -> str:
    if not part["files"]:
        return "no Python files; other languages are not linted"
    return f"{counted(part['files'], 'Python file')}, {_tally(ranking, 'lint')}"


def _security_text(part: dict[str, Any], ranking: list[dict[str, Any]]) -> str:
    if not part["files"]:
        return f"searched for secrets and a few known forms, {_tally(ranking, 'security')}"
    return f"{counted(part['files'], 'Python file')} scanned, {_tally(ranking, 'security')}"


def _complexity_text(part: dict[str, Any]) -> str:
    if not part["functions_total"]:
        return "branches estimated by keyword" if part["files_total"] else "nothing to measure"
    hard = part["spread"]["26-50"] + part["spread"]["over 50"]
    own = sum(part["spread"].values())
    return f"{counted(own, 'function')} outside the tests, {f'{hard:,}' if hard else 'none'} hard to follow"


def _tests_text(part: dict[str, Any], roles: dict[str, dict[str, int]]) -> str:
    tests = part["tests"]
    if not tests["files"]:
        return "left out of this package" if part["package"] else "none found"
    ratio = roles["test"]["lines"] / max(roles["source"]["lines"], 1)
    tools = f" ({', '.join(tests['frameworks'])})" if tests["frameworks"] else ""
    cases = f"{counted(tests['cases'], 'case')} in " if tests["cases"] else ""
    return f"{cases}{counted(tests['files'], 'file')}{tools}, {ratio:.1f} lines for a line of code"


def _upkeep_text(part: dict[str, Any]) -> str:
    said = [f"licence {part['licence']}" if part["licence"] else "no licence"]
    if part["package"]:
        said.append("no CI or lock to expect in a package")
    else:
        said.append(f"CI by {listed(part['ci'])}" if part["ci"] else "no CI")
        hashed = [file["path"] for file in part["requirements"] if file["hashed"] == file["total"]]
        locks = [*hashed, *part["locks"]]
        said.append(f"locked by {locks[0]}" if locks else "no lock file")
    return ", ".join(said)


def _tally(ranking: list[dict[str, Any]], area: str) -> str:
    counts = {
        severity: sum(f["count"] for f in ranking if f["area"] == area and f["severity"] == severity)
        for severity in ("high", "medium", "low")
    }
    said = [f"{count:,} {severity}" for severity, count in counts.items() if count]
    return f"places: {listed(said)}" if said else "nothing found"
