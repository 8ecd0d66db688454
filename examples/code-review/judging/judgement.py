"""What is a finding in the complexity, in the history, and in the project around the code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from judging.rules import OWN, finding

HARD = 25
"""Cognitive complexity above which a function is hard to follow."""
LONG = 120
HOT = 0.2
"""Of the heat of a file that changed as often as any, and has as many branches as any."""
BRANCHES_MIN = 40
SMALL_LINES = 300
"""A project below this needs no tests or continuous integration to be sound."""
LARGE_LINES = 2_000

_Json = dict[str, Any]


def of_unparsable(files: list[_Json]) -> Iterator[_Json]:
    """Files that do not parse; `newer` are those that only the interpreter here is too old for."""
    # Names in braces are those of templates, which are no Python until they are filled in.
    wrong = [file | {"message": file["reason"]} for file in files if "{{" not in file["path"]]
    for role in ("source", "test", "example"):
        if broken := [file for file in wrong if file["role"] == role and not file["newer"]]:
            yield _own("unparsable", "lint", broken, role=role)
    if newer := [file for file in wrong if file["role"] != "fixture" and file["newer"]]:
        yield _own("newer-syntax", "lint", newer)


def of_functions(functions: list[_Json]) -> Iterator[_Json]:
    """Functions that are hard to follow, or only long; they come hardest first."""
    own = [
        function | {"message": _effort(function)} for function in functions if function["role"] == "source"
    ]
    if hard := [function for function in own if function["cognitive"] > HARD]:
        severity = "medium" if hard[0]["cognitive"] > 2 * HARD else "low"
        yield _own("hard-function", "complexity", hard, severity=severity)
    if long := [function for function in own if function["length"] > LONG and function["cognitive"] <= HARD]:
        yield _own("long-function", "complexity", long)


def of_hotspots(hotspots: _Json, git: _Json) -> Iterator[_Json]:
    """The hottest files, where there is enough history to tell."""
    if hotspots["by"] == "commits" and git["commits"] >= 30:
        often = [spot for spot in hotspots["files"] if spot["heat"] >= HOT and spot["commits"] >= 5]
        if hot := [spot for spot in often if spot["branches"] >= BRANCHES_MIN][:3]:
            places = [{"path": spot["path"], "line": 0, "message": _heat(spot)} for spot in hot]
            severity = "medium" if any(_keeps_breaking(spot) for spot in hot) else "low"
            yield _own("hotspot", "complexity", places, severity=severity)


def of_project(project: _Json, survey: _Json) -> Iterator[_Json]:
    """What is missing around the code, and what may change without being asked."""
    # A library must leave its users room; what is installed and run must not be left to chance.
    if project["loose"] and not project["library"] and not project["locks"]:
        yield _own("unpinned", "upkeep", project["loose"])
    if project["loose_npm"]:
        yield _own("unpinned-npm", "upkeep", project["loose_npm"])
    if project["insecure"]:
        yield _own("insecure-index", "security", project["insecure"])
    for rule, branch in (("action-branch", True), ("action-tag", False)):
        if actions := [action for action in project["actions"] if action["branch"] is branch]:
            yield _own(rule, "security", actions)
    if not project["partial"]:
        yield from _of_absence(project, survey)


def _of_absence(project: _Json, survey: _Json) -> Iterator[_Json]:
    lines, tests = survey["roles"]["source"], survey["roles"]["test"]
    if lines > SMALL_LINES:
        if not project["tests"]["files"]:
            yield _own("no-tests", "tests", [], severity="high" if lines > LARGE_LINES else "medium")
        elif tests < 0.15 * lines:
            yield _own("few-tests", "tests", [])
        if not project["ci"] and survey["git"]["present"]:
            yield _own("no-ci", "upkeep", [])
    if not project["licence"]:
        yield _own("no-licence", "upkeep", [])


def _own(code: str, area: str, places: list[_Json], *, role: str = "source", severity: str = "") -> _Json:
    return finding(code, OWN[code], area, places, role=role, severity=severity)


def _effort(function: _Json) -> str:
    return f"`{function['name']}`: cognitive complexity {function['cognitive']}, {function['length']} lines"


def _keeps_breaking(spot: _Json) -> bool:
    return bool(spot["branches"] >= 100 and spot["fixes"] >= 4 and spot["fixes"] >= 0.3 * spot["commits"])


def _heat(spot: _Json) -> str:
    people = f" by {spot['people']} people" if spot["people"] > 1 else ""
    fixes = f", {spot['fixes']} of them fixes" if spot["fixes"] else ""
    return f"{spot['commits']} commits{people}{fixes}; {spot['branches']} branches in {spot['lines']:,} lines"
