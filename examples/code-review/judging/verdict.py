"""The verdict: what a reader takes home in one sentence, and what to do first."""

from __future__ import annotations

from typing import Any

from judging.phrases import counted, listed, where
from judging.ranking import is_doubtful

STEPS_MAX = 5
_EFFORTS = ("minutes", "hours", "days")
_DAYS = frozenset({"hotspot", "no-tests", "few-tests", "hard-function"})
_Json = dict[str, Any]


def verdict_of(survey: _Json, ranking: list[_Json], parts: dict[str, _Json]) -> dict[str, str]:
    """The verdict.

    Args:
        survey: as `schemas/survey.yaml` describes it.
        ranking: findings in their order.
        parts: what each agent handed over, or `{"failed": why}`.
    Returns:
        `level` (`act`, `attention`, `sound`, or `surveyed` where no linter knows the language), `headline`
        and `summary`.
    """
    grave = [found for found in ranking if found["severity"] != "low"]
    check = [found for found in grave if is_doubtful(found)]
    high = [found for found in grave if found["severity"] == "high"]
    soon = [found for found in grave if found not in high and found not in check]
    if high:
        level, headline = "act", f"Act now: {counted(len(high), 'serious finding')}"
    elif soon:
        level, headline = "attention", f"Mostly sound, with {counted(len(soon), 'thing')} to put right soon"
    elif not parts["lint"].get("files", 1):
        language = next((la["name"] for la in survey["languages"] if la["code"]), "text without code")
        level, headline = "surveyed", f"Surveyed, not linted: {language} has no linter here"
    else:
        level = "sound"
        headline = f"Sound; {counted(len(check), 'thing')} to check" if check else "Sound: nothing urgent"
    if missing := [name for name, part in parts.items() if "failed" in part]:
        headline += f" (without {listed(missing)})"
    summary = [_size(survey), *(_people(survey["git"]) if survey["git"]["present"] else ())]
    return {"level": level, "headline": headline, "summary": " ".join(summary)}


def _size(survey: _Json) -> str:
    code = [language for language in survey["languages"] if language["code"] and language["lines"]]
    total = sum(language["lines"] for language in code)
    main = [f"{la['name']} ({la['lines'] / total:.0%})" for la in code[:3] if la["lines"] >= 0.05 * total]
    files = counted(survey["files"]["code"], "file")
    return f"{files} of code, {counted(total, 'line')}{': ' if main else ''}{listed(main)}."


def _people(git: _Json) -> list[str]:
    span = "in its last year" if git["window"] == "year" else "in all"
    people = counted(git["people"], "person", "people")
    said = [f"{counted(git['commits'], 'commit')} {span}, by {people}."]
    for name, commits in git["busiest"].items():
        share = commits / git["commits"]
        if git["people"] > 2 and git["commits"] >= 30 and share >= 0.7:
            said.append(f"{name} made {share:.0%} of them: much depends on one person.")
    return said


def first_steps(ranking: list[_Json]) -> list[dict[str, str]]:
    """At most five of the first things to do, the quick ones first; what a tool repairs by itself is one."""
    steps = [_step(found) for found in ranking if found["severity"] != "low"][: STEPS_MAX - 1]
    if len(steps) < 2:  # Where nothing presses, structure is what time is best spent on.
        steps += [_step(found) for found in ranking if found["rule"] in ("hotspot", "hard-function")][:1]
    fixable = [found for found in ranking if found["fixable"] and found["role"] == "source"]
    if fixable:
        rules = ",".join(sorted({found["rule"] for found in fixable}))
        count = counted(sum(found["fixable"] for found in fixable), "small thing")
        how = f"`ruff check --select {rules} --fix`"
        steps.append({"do": f"Let ruff repair {count}", "how": how, "effort": "minutes"})
    unique = {step["do"]: step for step in steps}
    return sorted(unique.values(), key=lambda step: _EFFORTS.index(step["effort"]))


def _step(found: _Json) -> dict[str, str]:
    some = "hours" if found["count"] > 5 or found["area"] == "upkeep" else "minutes"
    effort = "days" if found["rule"] in _DAYS else some
    check = "To check: " if is_doubtful(found) else ""
    return {"do": f"{check}{found['title']}{where(found)}", "how": found["advice"], "effort": effort}
