"""The verdict: what a reader takes home in one sentence, area by area, and what to do first."""

from __future__ import annotations

from typing import Any

AREAS = {
    "lint": "Correctness",
    "security": "Security",
    "complexity": "Complexity",
    "tests": "Tests",
    "upkeep": "Upkeep",
}
SURE = 0.6
"""Findings less certain than this are to be checked before they are acted on."""


def verdict_of(
    survey: dict[str, Any], ranking: list[dict[str, Any]], parts: dict[str, dict[str, Any]]
) -> dict[str, str]:
    """`level` is `act`, `attention` or `sound`; `headline` and `summary` say why."""
    high = [f for f in ranking if f["severity"] == "high"]
    medium = [f for f in ranking if f["severity"] == "medium" and f["certainty"] >= SURE]
    check = [f for f in ranking if f["severity"] == "medium" and f["certainty"] < SURE]
    if high:
        level, headline = "act", f"Act now: {_count(len(high), 'serious finding')}"
    elif medium:
        level, headline = "attention", f"Mostly sound, with {_count(len(medium), 'thing')} to put right soon"
    elif check:
        level, headline = "sound", f"Sound; {_count(len(check), 'place')} to check"
    else:
        level, headline = "sound", "Sound: nothing urgent"
    missing = [name for name, part in parts.items() if "failed" in part]
    if missing:
        headline += f" (without {' and '.join(missing)})"
    return {"level": level, "headline": headline, "summary": _summary(survey, ranking)}


def _summary(survey: dict[str, Any], ranking: list[dict[str, Any]]) -> str:
    languages = [language for language in survey["languages"] if language["code"] and language["lines"]]
    total = sum(language["lines"] for language in languages) or 1
    main = [
        f"{la['name']} ({la['lines'] / total:.0%})" for la in languages[:3] if la["lines"] >= 0.05 * total
    ]
    said = [f"{survey['files']['code']:,} files of code, {total if languages else 0:,} lines"
            + (f", {' and '.join(main) if len(main) < 3 else ', '.join(main)}." if main else ".")]  # fmt: skip
    git = survey["git"]
    if git["present"]:
        span = "in the year before the last commit" if git["window"] == "year" else "in all"
        said.append(
            f"{_count(git['window_commits'], 'commit')} {span}, by {_count(git['authors_total'], 'person', 'people')}."
        )
        top = git["authors"][0] if git["authors"] else None
        if top and git["authors_total"] > 2 and git["window_commits"] >= 30 and top["share"] >= 0.7:
            said.append(f"{top['name']} makes {top['share']:.0%} of them: much depends on one person.")
    grave = [f for f in ranking if f["severity"] != "low"]
    if grave:
        said.append(f"First of all: {grave[0]['title']}{_where(grave[0])}.")
    return " ".join(said)


def areas_of(
    survey: dict[str, Any], parts: dict[str, dict[str, Any]], ranking: list[dict[str, Any]]
) -> list[dict[str, str]]:
    """A mark for each area: `good`, `fair`, `poor`, or `unknown` where nothing was looked at."""
    texts = {
        "lint": _lint_text(parts["lint"], ranking),
        "security": _security_text(parts["security"], ranking),
        "complexity": _complexity_text(parts["complexity"]),
        "tests": _tests_text(parts["project"], survey),
        "upkeep": _upkeep_text(parts["project"]),
    }
    return [
        {"area": area, "name": name, "mark": _mark(area, parts, ranking, survey), "text": texts[area]}
        for area, name in AREAS.items()
    ]


def _mark(
    area: str, parts: dict[str, dict[str, Any]], ranking: list[dict[str, Any]], survey: dict[str, Any]
) -> str:
    part = parts["project" if area in ("tests", "upkeep") else area]
    worst = [
        f["severity"]
        for f in ranking
        if f["area"] == area and (f["certainty"] >= SURE or f["severity"] == "high")
    ]
    if "high" in worst:
        return "poor"
    if "medium" in worst:
        return "fair"
    nothing = "failed" in part or (area == "lint" and not part["files"]) or not survey["files"]["code"]
    if area == "tests" and not nothing:
        nothing = not part["tests"]["files"]
    return "unknown" if nothing else "good"


def _lint_text(part: dict[str, Any], ranking: list[dict[str, Any]]) -> str:
    if "failed" in part:
        return "could not be checked"
    if not part["files"]:
        return "no Python files; other languages are not linted"
    return f"{part['files']:,} Python files, {_tally(ranking, 'lint')}"


def _security_text(part: dict[str, Any], ranking: list[dict[str, Any]]) -> str:
    if "failed" in part:
        return "could not be checked"
    scope = (
        f"{part['files']:,} Python files scanned"
        if part["files"]
        else "searched for secrets only (no Python)"
    )
    return f"{scope}, {_tally(ranking, 'security')}"


def _complexity_text(part: dict[str, Any]) -> str:
    if "failed" in part:
        return "could not be measured"
    if not part["functions_total"]:
        return "estimated by keyword for each file" if part["files_total"] else "nothing to measure"
    hard = part["spread"]["26-50"] + part["spread"]["over 50"]
    share = hard / max(sum(part["spread"].values()), 1)
    return f"{part['functions_total']:,} functions, {hard} hard to follow ({share:.1%} outside the tests)"


def _tests_text(part: dict[str, Any], survey: dict[str, Any]) -> str:
    if "failed" in part:
        return "could not be checked"
    tests = part["tests"]
    if not tests["files"]:
        return "none in this package" if part["package"] else "none found"
    ratio = survey["roles"]["test"]["lines"] / max(survey["roles"]["source"]["lines"], 1)
    tools = f" ({', '.join(tests['frameworks'])})" if tests["frameworks"] else ""
    return (
        f"{tests['cases']:,} cases in {tests['files']:,} files{tools}, {ratio:.1f} lines for a line of code"
    )


def _upkeep_text(part: dict[str, Any]) -> str:
    if "failed" in part:
        return "could not be checked"
    said = [f"licence {part['licence']}" if part["licence"] else "no licence"]
    if part["package"]:
        said.append("an unpacked package, so no CI is expected")
    else:
        said.append(f"CI by {', '.join(part['ci'])}" if part["ci"] else "no CI")
    said.append(f"locked by {part['locks'][0]}" if part["locks"] else "no lock file")
    return ", ".join(said)


def first_steps(ranking: list[dict[str, Any]]) -> list[dict[str, str]]:
    """At most five things to do, in order; what a tool repairs by itself is one of them."""
    steps = [
        {"do": f"{f['title']}{_where(f)}", "how": f["advice"], "effort": _effort(f)}
        for f in ranking if f["severity"] != "low"
    ][:4]  # fmt: skip
    fixable = [f for f in ranking if f["fixable"] and f["role"] == "source"]
    if fixable:
        rules = ",".join(sorted({f["rule"] for f in fixable}))
        count = sum(f["fixable"] for f in fixable)
        steps.append({"do": f"Let ruff repair {_count(count, 'small thing')}", "how": f"`ruff check --select {rules} --fix`",
                      "effort": "minutes"})  # fmt: skip
    if not steps:
        steps = [
            {"do": f"{f['title']}{_where(f)}", "how": f["advice"], "effort": _effort(f)} for f in ranking[:2]
        ]
    return steps


def _effort(found: dict[str, Any]) -> str:
    if found["rule"] in ("hotspot", "no-tests", "few-tests", "hard-function", "untested-module"):
        return "days"
    return "hours" if found["count"] > 5 or found["area"] == "upkeep" else "minutes"


def strengths(survey: dict[str, Any], sound: dict[str, dict[str, Any]]) -> list[str]:
    """What the project does well, as far as it was seen."""
    said = []
    project = sound.get("project")
    if project:
        lines, tests = survey["roles"]["source"]["lines"], survey["roles"]["test"]["lines"]
        if project["tests"]["files"] and tests >= 0.5 * lines:
            said.append(f"Well tested: {tests / max(lines, 1):.1f} lines of test for a line of code.")
        hashed = [f for f in project["requirements"] if f["hashed"] == f["total"]]
        if hashed:
            said.append(f"Requirements are pinned with hashes ({hashed[0]['path']}).")
        if project["actions"]["pinned"] and not project["actions"]["floating"]:
            said.append("Every action of the pipeline is pinned to a commit.")
        if project["typed"]:
            said.append("Types are declared or checked.")
        if project["changelog"]:
            said.append("There is a change log.")
    spread = sound.get("complexity", {}).get("spread", {})
    total = sum(spread.values())
    if total >= 50 and spread["0-5"] >= 0.8 * total:
        said.append(f"{spread['0-5'] / total:.0%} of the functions are simple.")
    lint = sound.get("lint")
    if (
        lint
        and lint["files"] >= 10
        and not [f for f in lint["findings"] if f["role"] == "source" and f["severity"] != "low"]
    ):
        said.append("The linter finds no likely mistake in the source.")
    security = sound.get("security")
    if (
        security
        and security["files"] >= 10
        and not [f for f in security["findings"] if f["role"] == "source"]
    ):
        said.append("The security scan finds nothing in the source.")
    return said


def _where(found: dict[str, Any]) -> str:
    if not found["places"]:
        return ""
    first = found["places"][0]
    more = f" and {found['count'] - 1:,} more" if found["count"] > 1 else ""
    return f" ({first['path']}:{first['line']}{more})"


def _tally(ranking: list[dict[str, Any]], area: str) -> str:
    counts = {
        severity: sum(f["count"] for f in ranking if f["area"] == area and f["severity"] == severity)
        for severity in ("high", "medium", "low")
    }
    said = [f"{count} {severity}" for severity, count in counts.items() if count]
    return "findings: " + ", ".join(said) if said else "nothing found"


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"
