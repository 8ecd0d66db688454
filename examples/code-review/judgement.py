"""What is a finding in the survey, in the complexity, and in the project around the code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rules import OWN

HARD = 25
"""Cognitive complexity above which a function is hard to follow."""
LONG = 120
HOT = 0.2
SMALL_LINES = 300
"""A project below this needs no tests or continuous integration to be sound."""
LARGE_LINES = 2_000
UNTESTED_BRANCHES = 30
PLACES_MAX = 40

_Json = dict[str, Any]


def judged(
    survey: _Json, complexity: _Json | None, project: _Json | None, hotspots: _Json, unparsable: list[_Json]
) -> list[_Json]:
    """Findings as `schemas/findings.yaml` describes them; their places may be none.

    Args:
        survey, complexity, project: as their schemas describe them; None for what could not be had.
        hotspots: files by heat.
        unparsable: files that do not parse; `newer` where only the interpreter is too old.
    """
    found = [*_of_survey(survey), *_of_unparsable(unparsable)]
    if complexity is not None:
        found += [*_of_functions(complexity), *_of_hotspots(hotspots, survey["git"])]
    if project is not None:
        found += [*_of_dependencies(project), *_of_pipeline(project)]
        if complexity is not None:
            found += _of_reach(project, complexity)
        if not project["package"]:
            found += _of_absence(project, survey)
    return found


def _finding(code: str, area: str, places: list[_Json], *, role: str = "source", severity: str = "") -> _Json:
    rule = OWN[code]
    return {
        "rule": code,
        "area": area,
        "severity": severity or rule.severity,
        "certainty": rule.certainty,
        "title": rule.title,
        "advice": rule.advice,
        "role": role,
        "in_tests": rule.in_tests,
        "count": max(len(places), 1),
        "fixable": 0,
        "places": places[:PLACES_MAX],
    }


def _place(path: str, line: int, message: str) -> _Json:
    return {"path": path, "line": line, "message": message}


def _of_survey(survey: _Json) -> Iterator[_Json]:
    if survey["conflicts"]:
        places = [_place(c["path"], c["line"], "conflict markers") for c in survey["conflicts"]]
        yield _finding("merge-conflict", "lint", places)
    if survey["heavy"] and survey["git"]["present"]:
        places = [_place(h["path"], 1, f"{h['bytes'] / 1e6:.0f} MB") for h in survey["heavy"]]
        yield _finding("large-file", "upkeep", places)


def _of_unparsable(unparsable: list[_Json]) -> Iterator[_Json]:
    # Names in braces are those of templates, which are no Python until they are filled in.
    broken = [file for file in unparsable if not file["newer"] and "{{" not in file["path"]]
    for role in ("source", "test", "example"):
        places = [_place(f["path"], f["line"], f["reason"]) for f in broken if f["role"] == role]
        if places:
            yield _finding("unparsable", "lint", places, role=role)
    newer = [
        _place(f["path"], f["line"], f["reason"]) for f in unparsable if f["newer"] and f["role"] != "fixture"
    ]
    if newer:
        yield _finding("newer-syntax", "lint", newer)


# --- complexity -------------------------------------------------------------------------------


def _of_functions(complexity: _Json) -> Iterator[_Json]:
    own = [function for function in complexity["functions"] if function["role"] == "source"]
    hard = [function for function in own if function["cognitive"] > HARD]
    if hard:
        places = [_place(f["path"], f["line"], _function_text(f)) for f in hard]
        severity = "medium" if hard[0]["cognitive"] > 2 * HARD else "low"
        yield _finding("hard-function", "complexity", places, severity=severity)
    long = [function for function in own if function["length"] > LONG and function["cognitive"] <= HARD]
    if long:
        places = [_place(f["path"], f["line"], f"`{f['name']}`: {f['length']} lines") for f in long]
        yield _finding("long-function", "complexity", places)


def _function_text(function: _Json) -> str:
    return f"`{function['name']}`: cognitive complexity {function['cognitive']}, {function['length']} lines"


def _of_hotspots(hotspots: _Json, git: _Json) -> Iterator[_Json]:
    if hotspots["by"] != "churn" or git.get("window_commits", 0) < 30:
        return
    hot = [spot for spot in hotspots["files"] if spot["heat"] >= HOT and spot["commits"] >= 5][:3]
    if hot:
        severity = "medium" if any(_keeps_breaking(spot) for spot in hot) else "low"
        places = [_place(spot["path"], 1, _spot_text(spot)) for spot in hot]
        yield _finding("hotspot", "complexity", places, severity=severity)


def _keeps_breaking(spot: _Json) -> bool:
    return bool(spot["complexity"] >= 100 and spot["fixes"] >= 4 and spot["fixes"] >= 0.3 * spot["commits"])


def _spot_text(spot: _Json) -> str:
    people = f" by {spot['authors']} people" if spot["authors"] > 1 else ""
    fixes = f", {spot['fixes']} of them fixes" if spot["fixes"] else ""
    size = f"{spot['complexity']} branches in {spot['lines']:,} lines"
    return f"{spot['commits']} commits{people}{fixes}; {size}"


# --- the project around the code --------------------------------------------------------------


def _of_absence(project: _Json, survey: _Json) -> Iterator[_Json]:
    lines, tests = survey["roles"]["source"]["lines"], survey["roles"]["test"]["lines"]
    if lines > SMALL_LINES and not project["tests"]["files"]:
        yield _finding("no-tests", "tests", [], severity="high" if lines > LARGE_LINES else "medium")
    elif lines > SMALL_LINES and tests < 0.15 * lines:
        yield _finding("few-tests", "tests", [])
    if lines > SMALL_LINES and not project["ci"] and survey["git"]["present"]:
        yield _finding("no-ci", "upkeep", [])
    if not project["licence"]:
        yield _finding("no-licence", "upkeep", [])
    if not project["readme"]:
        yield _finding("no-readme", "upkeep", [])


def _of_reach(project: _Json, complexity: _Json) -> Iterator[_Json]:
    unreached = set(project["tests"]["unreached"])
    files = [
        file
        for file in complexity["files"]
        if file["path"] in unreached and file["complexity"] >= UNTESTED_BRANCHES
    ]
    if files and project["tests"]["files"]:
        places = [_place(f["path"], 1, f"{f['complexity']} branches in {f['lines']:,} lines") for f in files]
        yield _finding("untested-module", "tests", places)


def _of_dependencies(project: _Json) -> Iterator[_Json]:
    library = any(name in ("pyproject.toml", "setup.py", "setup.cfg") for name in project["manifests"])
    locked = any(name.endswith((".lock", "pylock.toml")) for name in project["locks"])
    unpinned = [
        _place(file["path"], line["line"], line["text"])
        for file in project["requirements"]
        for line in file["unpinned"]
    ]
    # A library must leave its users room; what is installed and run must not be left to chance.
    if unpinned and not library and not locked:
        yield _finding("unpinned", "upkeep", unpinned)
    insecure = [
        _place(file["path"], line, "an index or host that is not checked")
        for file in project["requirements"]
        for line in file["insecure"]
    ]
    if insecure:
        yield _finding("insecure-index", "security", insecure)
    if project["loose"]:
        yield _finding(
            "unpinned-npm", "upkeep", [_place("package.json", 1, name) for name in project["loose"]]
        )


def _of_pipeline(project: _Json) -> Iterator[_Json]:
    floating = project["actions"]["floating"]
    for code, severe in (("action-branch", True), ("action-tag", False)):
        places = [_place(a["path"], a["line"], a["text"]) for a in floating if a["branch"] is severe]
        if places:
            yield _finding(code, "security", places)
    if project["images"]:
        places = [_place(image["path"], image["line"], image["text"]) for image in project["images"]]
        yield _finding("image-latest", "upkeep", places)
