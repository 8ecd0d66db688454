"""The verdict: what a reader takes home in one sentence, and what to do first."""

from __future__ import annotations

from typing import Any

from phrases import counted, listed, where
from ranking import SURE

STEPS_MAX = 5
_EFFORTS = ("minutes", "hours", "days")
_DAYS = frozenset({"hotspot", "no-tests", "few-tests", "hard-function", "untested-module"})


def verdict_of(
    survey: dict[str, Any], ranking: list[dict[str, Any]], parts: dict[str, dict[str, Any]]
) -> dict[str, str]:
    """The verdict.

    Args:
        survey: as `schemas/survey.yaml` describes it.
        ranking: findings in their order.
        parts: what each agent handed over, or `{"failed": why}`.
    Returns:
        `level` (`act`, `attention`, `sound`, or `surveyed` where no tool knows the language), `headline`
        and `summary`.
    """
    high = [found for found in ranking if found["severity"] == "high"]
    medium = [found for found in ranking if found["severity"] == "medium" and found["certainty"] >= SURE]
    check = [found for found in ranking if found["severity"] == "medium" and found["certainty"] < SURE]
    if high:
        level, headline = "act", f"Act now: {counted(len(high), 'serious finding')}"
    elif medium:
        level, headline = "attention", f"Mostly sound, with {counted(len(medium), 'thing')} to put right soon"
    elif not parts["lint"].get("files", 1):
        level, headline = "surveyed", f"Surveyed, not linted: {_language(survey)} has no linter here"
    elif check:
        level, headline = "sound", f"Sound; {counted(len(check), 'thing')} to check"
    else:
        level, headline = "sound", "Sound: nothing urgent"
    missing = [name for name, part in parts.items() if "failed" in part]
    if missing:
        headline += f" (without {listed(missing)})"
    return {"level": level, "headline": headline, "summary": _summary(survey, ranking)}


def _language(survey: dict[str, Any]) -> str:
    return next((la["name"] for la in survey["languages"] if la["code"]), "text without code")


def _summary(survey: dict[str, Any], ranking: list[dict[str, Any]]) -> str:
    said = [_size(survey["languages"], survey["files"]["code"])]
    if survey["git"]["present"]:
        said += _people(survey["git"])
    grave = [found for found in ranking if found["severity"] != "low"]
    if grave:
        said.append(f"First of all: {grave[0]['title']}{where(grave[0])}.")
    return " ".join(said)


def _size(languages: list[dict[str, Any]], files: int) -> str:
    code = [language for language in languages if language["code"] and language["lines"]]
    total = sum(language["lines"] for language in code)
    main = [
        f"{language['name']} ({language['lines'] / total:.0%})"
        for language in code[:3]
        if language["lines"] >= 0.05 * total
    ]
    return f"{counted(files, 'file')} of code, {counted(total, 'line')}{': ' if main else ''}{listed(main)}."


def _people(git: dict[str, Any]) -> list[str]:
    span = "in the year before the last one" if git["window"] == "year" else "in all"
    people = counted(git["authors_total"], "person", "people")
    said = [f"{counted(git['window_commits'], 'commit')} {span}, by {people}."]
    top = git["authors"][0] if git["authors"] else None
    if top and git["authors_total"] > 2 and git["window_commits"] >= 30 and top["share"] >= 0.7:
        said.append(f"{top['name']} made {top['share']:.0%} of them: much depends on one person.")
    return said


# --- what to do -------------------------------------------------------------------------------


def first_steps(ranking: list[dict[str, Any]]) -> list[dict[str, str]]:
    """At most five of the first things to do, the quick ones first; what a tool repairs by itself is one."""
    steps = [_step(found) for found in ranking if found["severity"] != "low"][: STEPS_MAX - 1]
    # Where nothing presses, structure is what time is best spent on.
    steps += [_step(found) for found in ranking if found["rule"] in ("hotspot", "hard-function")][
        : max(0, 2 - len(steps))
    ]
    fixable = [found for found in ranking if found["fixable"] and found["role"] == "source"]
    if fixable:
        rules = ",".join(sorted({found["rule"] for found in fixable}))
        count = sum(found["fixable"] for found in fixable)
        steps.append(
            {
                "do": f"Let ruff repair {counted(count, 'small thing')}",
                "how": f"`ruff check --select {rules} --fix`",
                "effort": "minutes",
            }
        )
    unique = {step["do"]: step for step in steps}
    return sorted(list(unique.values())[:STEPS_MAX], key=lambda step: _EFFORTS.index(step["effort"]))


def _step(found: dict[str, Any]) -> dict[str, str]:
    if found["rule"] in _DAYS:
        effort = "days"
    else:
        effort = "hours" if found["count"] > 5 or found["area"] == "upkeep" else "minutes"
    return {"do": f"{found['title']}{where(found)}", "how": found["advice"], "effort": effort}


# --- what is good -----------------------------------------------------------------------------


def strengths(survey: dict[str, Any], sound: dict[str, dict[str, Any]]) -> list[str]:
    """What the project does well, as far as it was seen.

    Args:
        survey: as `schemas/survey.yaml` describes it.
        sound: what the agents handed over that did not fail.
    """
    said = []
    if "project" in sound:
        said += _kept_well(sound["project"], survey["roles"])
    spread = sound.get("complexity", {}).get("spread", {})
    total = sum(spread.values())
    if total >= 50 and spread["0-5"] >= 0.8 * total:
        said.append(f"{spread['0-5'] / total:.0%} of the functions are simple.")
    if "lint" in sound and sound["lint"]["files"] >= 10 and not _in_source(sound["lint"], ("high", "medium")):
        said.append("The linter finds no likely mistake in the source.")
    if (
        "security" in sound
        and sound["security"]["files"] >= 10
        and not _in_source(sound["security"], ("high", "medium", "low"))
    ):
        said.append("The security scan finds nothing in the source.")
    return said


def _kept_well(project: dict[str, Any], roles: dict[str, dict[str, int]]) -> list[str]:
    lines, tests = roles["source"]["lines"], roles["test"]["lines"]
    hashed = [file["path"] for file in project["requirements"] if file["hashed"] == file["total"]]
    signs = {
        f"Well tested: {tests / max(lines, 1):.1f} lines of test for a line of code.": (
            project["tests"]["files"] > 0 and tests >= 0.5 * lines
        ),
        f"Requirements are pinned with hashes (`{listed(hashed[:1])}`).": bool(hashed),
        "Every action of the pipeline is pinned to a commit.": (
            project["actions"]["pinned"] > 0 and not project["actions"]["floating"]
        ),
        "Types are declared or checked.": project["typed"],
        "There is a change log.": project["changelog"],
    }
    return [sign for sign, holds in signs.items() if holds]


def _in_source(part: dict[str, Any], severities: tuple[str, ...]) -> bool:
    return any(found["role"] == "source" and found["severity"] in severities for found in part["findings"])
