"""What is a finding in the survey, in the complexity, and in the project around the code."""

from __future__ import annotations

from typing import Any

HARD = 25
"""Cognitive complexity above which a function is hard to follow."""
LONG = 120
HOT = 0.2
SMALL_LINES = 300
"""A project below this needs no tests or continuous integration to be sound."""


def finding(
    rule: str,
    area: str,
    severity: str,
    title: str,
    advice: str,
    places: list[dict[str, Any]],
    *,
    certainty: float = 1.0,
    count: int = 0,
    role: str = "source",
) -> dict[str, Any]:
    """A finding as `schemas/findings.yaml` describes it."""
    return {
        "rule": rule, "area": area, "severity": severity, "certainty": certainty, "title": title,
        "advice": advice, "role": role, "in_tests": False, "count": count or max(len(places), 1), "fixable": 0,
        "places": places[:40],
    }  # fmt: skip


def place(path: str, line: int, message: str) -> dict[str, Any]:
    return {"path": path, "line": line, "message": message}


# --- survey -----------------------------------------------------------------------------------


def survey_findings(survey: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    if survey["conflicts"]:
        places = [place(c["path"], c["line"], "conflict markers") for c in survey["conflicts"]]
        found.append(finding("merge-conflict", "lint", "high", "Merge that was never finished",
                             "The markers of a conflict stand in the file. Resolve it.", places, certainty=0.9))  # fmt: skip
    if survey["heavy"] and survey["git"]["present"]:
        places = [place(h["path"], 1, f"{h['bytes'] / 1e6:.0f} MB") for h in survey["heavy"]]
        found.append(finding("large-file", "upkeep", "low", "Large text file in the repository",
                             "Every clone carries it for ever. Keep data elsewhere.", places))  # fmt: skip
    return found


def unparsable_findings(unparsable: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found = []
    broken = [file for file in unparsable if not file["newer"] and "{{" not in file["path"]]
    for role in ("source", "test", "example"):
        places = [place(f["path"], f["line"], f["reason"]) for f in broken if f["role"] == role]
        if places:
            advice = "It cannot be imported, and no tool looked inside it. Repair it, or delete it."
            found.append(
                finding(
                    "unparsable", "lint", "high", "Python file that does not parse", advice, places, role=role
                )
            )
    newer = [place(f["path"], f["line"], f["reason"]) for f in unparsable if f["newer"]]
    if newer:
        found.append(finding("newer-syntax", "lint", "low", "Syntax newer than the Python that reviewed it",
                             "Not a mistake. Run the review with a newer Python to have these files measured.", newer,
                             certainty=0.3))  # fmt: skip
    return found


# --- complexity -------------------------------------------------------------------------------


def complexity_findings(
    complexity: dict[str, Any] | None, hotspots: dict[str, Any], git: dict[str, Any]
) -> list[dict[str, Any]]:
    if complexity is None:
        return []
    return [*_hard_functions(complexity), *_long_functions(complexity), *_hotspots(hotspots, git)]


def _hard_functions(complexity: dict[str, Any]) -> list[dict[str, Any]]:
    hard = [f for f in complexity["functions"] if f["cognitive"] > HARD and f["role"] == "source"]
    if not hard:
        return []
    worst = hard[0]["cognitive"]
    places = [
        place(f["path"], f["line"], f"`{f['name']}`: {f['cognitive']} (of {HARD}), {f['length']} lines")
        for f in hard
    ]
    advice = "Branches nested in branches. Take the inner parts out into functions with a name, worst first."
    return [finding("hard-function", "complexity", "medium" if worst > 2 * HARD else "low",
                    "Function that is hard to follow", advice, places)]  # fmt: skip


def _long_functions(complexity: dict[str, Any]) -> list[dict[str, Any]]:
    long = [
        f for f in complexity["functions"]
        if f["length"] > LONG and f["cognitive"] <= HARD and f["role"] == "source"
    ]  # fmt: skip
    if not long:
        return []
    places = [place(f["path"], f["line"], f"`{f['name']}`: {f['length']} lines") for f in long]
    return [finding("long-function", "complexity", "low", "Function longer than two screens",
                    "Find its paragraphs and give each a name.", places)]  # fmt: skip


def _hotspots(hotspots: dict[str, Any], git: dict[str, Any]) -> list[dict[str, Any]]:
    if hotspots["by"] != "churn" or git.get("window_commits", 0) < 30:
        return []
    hot = [spot for spot in hotspots["files"] if spot["heat"] >= HOT and spot["commits"] >= 5][:3]
    if not hot:
        return []
    places = [place(spot["path"], 1, _spot_text(spot)) for spot in hot]
    advice = "Work here pays first: split it along what changes together, and see that tests hold it."
    severe = hot[0]["complexity"] >= 100 and hot[0]["commits"] >= 8
    return [finding("hotspot", "complexity", "medium" if severe else "low",
                    "File where change and complexity meet", advice, places)]  # fmt: skip


def _spot_text(spot: dict[str, Any]) -> str:
    people = f" by {spot['authors']} people" if spot["authors"] > 1 else ""
    fixes = f", {spot['fixes']} of them fixes" if spot["fixes"] else ""
    return (
        f"{spot['commits']} commits{people}{fixes}; {spot['complexity']} branches in {spot['lines']:,} lines"
    )


# --- the project around the code --------------------------------------------------------------


def project_findings(
    project: dict[str, Any] | None, complexity: dict[str, Any] | None, survey: dict[str, Any]
) -> list[dict[str, Any]]:
    if project is None:
        return []
    found = [*_dependencies(project), *_untested(project, complexity)]
    if not project["package"]:
        found += _missing(project, survey)
    return found


def _missing(project: dict[str, Any], survey: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    lines, tests = survey["roles"]["source"]["lines"], survey["roles"]["test"]["lines"]
    if lines > SMALL_LINES and not project["tests"]["files"]:
        found.append(finding("no-tests", "tests", "high" if lines > 2000 else "medium", "There are no tests",
                             "Nobody can tell whether a change breaks something. Begin with the hotspots.", []))  # fmt: skip
    elif lines > SMALL_LINES and tests < 0.15 * lines:
        found.append(finding("few-tests", "tests", "medium", f"Few tests: {tests:,} lines for {lines:,} lines of code",
                             "Begin with the hotspots.", [], certainty=0.8))  # fmt: skip
    if lines > SMALL_LINES and not project["ci"] and survey["git"]["present"]:
        found.append(finding("no-ci", "upkeep", "medium", "No continuous integration",
                             "Tests that nobody has to run are forgotten. Run them on every change.", [], certainty=0.7))  # fmt: skip
    if not project["licence"]:
        found.append(finding("no-licence", "upkeep", "low", "No licence",
                             "Without one, nobody else may use the code. Add a LICENSE file, if others should.", []))  # fmt: skip
    if not project["readme"]:
        found.append(finding("no-readme", "upkeep", "low", "No README",
                             "Say what it is, and the first two commands.", []))  # fmt: skip
    return found


def _untested(project: dict[str, Any], complexity: dict[str, Any] | None) -> list[dict[str, Any]]:
    if complexity is None or not project["tests"]["files"]:
        return []
    unmentioned = set(project["tests"]["unmentioned"])
    files = [f for f in complexity["files"] if f["path"] in unmentioned and f["complexity"] >= 40]
    if not files:
        return []
    places = [place(f["path"], 1, f"{f['complexity']} branches in {f['lines']:,} lines") for f in files]
    return [finding("untested-module", "tests", "medium", "Complex module that no test names",
                    "Tests may reach it by another way; if none does, write the first one.", places, certainty=0.5)]  # fmt: skip


def _dependencies(project: dict[str, Any]) -> list[dict[str, Any]]:
    library = any(name in ("pyproject.toml", "setup.py", "setup.cfg") for name in project["manifests"])
    found = []
    unpinned = [
        place(file["path"], line["line"], line["text"])
        for file in project["requirements"]
        for line in file["unpinned"]
    ]
    if (
        unpinned
        and not library
        and not any(name.endswith((".lock", "pylock.toml")) for name in project["locks"])
    ):
        found.append(finding("unpinned", "upkeep", "medium", "Requirement without a version",
                             "The next installation may get something else. Pin them: `uv pip compile --generate-hashes`.",
                             unpinned, certainty=0.9))  # fmt: skip
    insecure = [place(file["path"], line, "index or host that is not checked")
                for file in project["requirements"] for line in file["insecure"]]  # fmt: skip
    if insecure:
        found.append(finding("insecure-index", "security", "medium", "Packages from an index that is not checked",
                             "An extra index or a plain http one lets others slip in a package.", insecure, certainty=0.7))  # fmt: skip
    if project["loose"]:
        places = [place("package.json", 1, name) for name in project["loose"]]
        found.append(finding("unpinned-npm", "upkeep", "medium", "Dependency that takes any version",
                             "Give a range such as ^1.2.0.", places, certainty=0.9))  # fmt: skip
    found += _pipeline(project)
    return found


def _pipeline(project: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    branches = [place(a["path"], a["line"], a["text"]) for a in project["actions"]["floating"] if a["branch"]]
    if branches:
        found.append(finding("action-branch", "security", "medium", "Action taken from a branch",
                             "Whoever owns the branch runs code in the pipeline. Pin a commit.", branches, certainty=0.8))  # fmt: skip
    tags = [place(a["path"], a["line"], a["text"]) for a in project["actions"]["floating"] if not a["branch"]]
    if tags:
        found.append(finding("action-tag", "security", "low", "Action pinned by a tag, which can be moved",
                             "Pin the commit, and let a bot update it.", tags, certainty=0.5))  # fmt: skip
    if project["images"]:
        places = [place(image["path"], image["line"], image["text"]) for image in project["images"]]
        found.append(finding("image-latest", "upkeep", "low", "Base image without a version",
                             "The next build may get another. Name a version or a digest.", places))  # fmt: skip
    return found
