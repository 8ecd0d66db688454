"""How the code review judges: order, verdict, marks, and what is a finding at all."""

from __future__ import annotations

from typing import Any

import pytest
from judging.areas import areas_of
from judging.judgement import of_functions, of_hotspots, of_project, of_unparsable
from judging.phrases import counted, listed, where
from judging.ranking import is_doubtful, ranked
from judging.rules import BANDIT, FORMS, LINT, OWN, Rule, finding, grouped
from judging.verdict import first_steps, verdict_of

NO_GIT = {"present": False, "reason": "this is no git repository"}


def found(rule: str = "x", **members: Any) -> dict[str, Any]:
    """A finding of one place."""
    made = finding(rule, Rule("medium", f"Title of {rule}", "Do it."), "lint", [place()])
    return {**made, **members}


def place(path: str = "a.py", line: int = 1, **members: Any) -> dict[str, Any]:
    return {"path": path, "line": line, "message": "m", **members}


# --- findings and their order -----------------------------------------------------------------


@pytest.mark.parametrize("rules", [LINT, BANDIT, FORMS, OWN])
def test_every_rule_is_usable(rules: dict[str, Rule]) -> None:
    for code, rule in rules.items():
        assert rule.severity in ("high", "medium", "low"), code
        assert 0 < rule.certainty <= 1, code
        assert rule.title[-1] != "." and rule.advice[-1] in ".`", code


def test_places_are_grouped_by_rule_and_role() -> None:
    places = [
        place(rule="F821", role="source", fixable=True),
        place("b.py", rule="F821", role="source"),
        place("tests/test_a.py", rule="F821", role="test"),
        place(rule="B006", role="source"),
    ]
    groups = grouped(places, LINT, "lint")
    assert [(f["rule"], f["role"], f["count"], f["fixable"]) for f in groups] == [
        ("B006", "source", 1, 0), ("F821", "source", 2, 1), ("F821", "test", 1, 0),
    ]  # fmt: skip
    many = finding("F821", LINT["F821"], "lint", [place()] * 100)
    assert (many["count"], len(many["places"])) == (100, 40)


def test_order_is_severity_then_certainty_then_score() -> None:
    findings = [
        found("small", severity="low"),
        found("doubtful", certainty=0.5, count=100),
        found("sure", certainty=0.6),
        found("grave", severity="high"),
        found("many", certainty=0.9, count=50),
    ]
    ranking = ranked(findings, set())
    assert [f["rule"] for f in ranking] == ["grave", "many", "sure", "doubtful", "small"]
    assert [f["rank"] for f in ranking] == [1, 2, 3, 4, 5]
    assert [is_doubtful(f) for f in ranking] == [False, False, False, True, False]


def test_findings_in_hotspots_come_first_and_show_that_place_first() -> None:
    hot = found("hot", places=[place("cold.py"), place("hot.py")], count=2)
    ranking = ranked([found("cold", count=2), hot], {"hot.py"})
    assert [f["rule"] for f in ranking] == ["hot", "cold"]
    assert ranking[0]["places"][0]["path"] == "hot.py"


@pytest.mark.parametrize(
    ("members", "severity"),
    [
        ({"severity": "high", "certainty": 0.5}, "medium"),
        ({"severity": "high", "certainty": 0.6}, "high"),
        ({"severity": "medium", "certainty": 0.4}, "low"),
        ({"severity": "high", "role": "example"}, "low"),
        ({"severity": "high", "role": "test", "in_tests": True}, "high"),
    ],
)
def test_doubt_and_role_make_a_finding_less_grave(members: dict[str, Any], severity: str) -> None:
    (judged,) = ranked([found(area="security", **members)], set())
    assert judged["severity"] == severity


def test_trifles_in_tests_are_left_out() -> None:
    assert ranked([found(severity="low", role="test")], set()) == []
    assert ranked([found(severity="low", role="test", in_tests=True)], set()) != []


# --- what is a finding ------------------------------------------------------------------------


def function(cognitive: int, length: int = 10, role: str = "source") -> dict[str, Any]:
    return {"path": "a.py", "role": role, "name": "f", "line": 1, "length": length, "cognitive": cognitive}


def test_functions() -> None:
    functions = [function(51), function(26), function(25, 121), function(25, 120), function(99, role="test")]
    hard, long = of_functions(functions)
    assert (hard["rule"], hard["severity"], hard["count"]) == ("hard-function", "medium", 2)
    assert (long["rule"], long["severity"], long["count"]) == ("long-function", "low", 1)
    assert [f["severity"] for f in of_functions([function(50)])] == ["low"]
    assert list(of_functions([function(25)])) == []


def spot(**members: Any) -> dict[str, Any]:
    base = {"path": "a.py", "lines": 10, "branches": 100, "commits": 10, "fixes": 3, "people": 2, "heat": 0.5}
    return {**base, **members}


@pytest.mark.parametrize(
    ("spots", "by", "commits", "severities"),
    [
        ([spot()], "commits", 30, ["medium"]),
        ([spot(fixes=2)], "commits", 30, ["low"]),
        ([spot(heat=0.1)], "commits", 30, []),
        ([spot(branches=39)], "commits", 30, []),
        ([spot(commits=4)], "commits", 30, []),
        ([spot()], "commits", 29, []),
        ([spot()], "lines", 30, []),
    ],
)
def test_hotspots(spots: list[dict[str, Any]], by: str, commits: int, severities: list[str]) -> None:
    spots = [{**each, "fixes": each["fixes"] + 1} for each in spots]
    made = list(of_hotspots({"by": by, "files": spots}, {"commits": commits}))
    assert [f["severity"] for f in made] == severities


def broken(path: str, role: str = "source", newer: bool = False) -> dict[str, Any]:
    return {"path": path, "role": role, "newer": newer, "line": 1, "reason": "invalid syntax"}


def test_unparsable_files() -> None:
    files = [
        broken("a.py"),
        broken("tests/test_a.py", "test"),
        broken("tests/data/a.py", "fixture"),
        broken("b.py", newer=True),
        broken("{{ name }}/c.py"),
    ]
    made = [(f["rule"], f["role"], f["count"]) for f in of_unparsable(files)]
    assert made == [("unparsable", "source", 1), ("unparsable", "test", 1), ("newer-syntax", "source", 1)]


SURVEY = {
    "files": {"code": 1},
    "languages": [{"name": "Python", "files": 1, "lines": 3000, "code": True}],
    "roles": {"source": 3000, "test": 3000, "fixture": 0, "example": 0},
    "git": {"present": True, "window": "all", "commits": 1, "people": 1, "busiest": {"Ada": 1}},
}
PROJECT: dict[str, Any] = {
    "partial": False, "library": False, "tests": {"files": 1, "cases": 3}, "ci": ["own script"],
    "licence": "MIT", "locks": ["uv.lock"], "loose": [], "insecure": [], "loose_npm": [], "actions": [],
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "source", "test", "rules"),
    [
        ({}, 3000, 3000, []),
        ({}, 3000, 100, ["few-tests"]),
        ({"tests": {"files": 0}}, 3000, 0, ["no-tests"]),
        ({"tests": {"files": 0}, "ci": []}, 300, 0, []),
        ({"ci": []}, 3000, 3000, ["no-ci"]),
        ({"licence": ""}, 3000, 3000, ["no-licence"]),
        ({"licence": "", "ci": [], "tests": {"files": 0}, "partial": True}, 3000, 0, []),
        ({"loose": [place()], "locks": []}, 3000, 3000, ["unpinned"]),
        ({"loose": [place()]}, 3000, 3000, []),
        ({"loose": [place()], "locks": [], "library": True}, 3000, 3000, []),
        ({"insecure": [place()], "loose_npm": [place()]}, 3000, 3000, ["unpinned-npm", "insecure-index"]),
        ({"actions": [place(branch=True), place(branch=False)]}, 3000, 3000, ["action-branch", "action-tag"]),
    ],
)
def test_the_project_around(changes: dict[str, Any], source: int, test: int, rules: list[str]) -> None:
    survey = {**SURVEY, "roles": {"source": source, "test": test}}
    assert [f["rule"] for f in of_project({**PROJECT, **changes}, survey)] == rules


# --- verdict, steps and marks -----------------------------------------------------------------

PARTS = {
    "lint": {"files": 3},
    "security": {"files": 3},
    "complexity": {"files": 3, "functions_total": 9, "spread": {"26-50": 1, "over 50": 1}},
    "project": PROJECT,
}


@pytest.mark.parametrize(
    ("findings", "level", "headline"),
    [
        ([], "sound", "Sound: nothing urgent"),
        ([found(certainty=0.5)], "sound", "Sound; 1 thing to check"),
        ([found(), found("y")], "attention", "Mostly sound, with 2 things to put right soon"),
        ([found(severity="high"), found()], "act", "Act now: 1 serious finding"),
    ],
)
def test_the_verdict(findings: list[dict[str, Any]], level: str, headline: str) -> None:
    verdict = verdict_of(SURVEY, ranked(findings, set()), PARTS)
    assert (verdict["level"], verdict["headline"]) == (level, headline)
    expected = "1 file of code, 3,000 lines: Python (100%). 1 commit in all, by 1 person."
    assert verdict["summary"] == expected


def test_the_verdict_says_what_it_does_not_know() -> None:
    failed = {**PARTS, "lint": {"failed": "no ruff"}, "security": {"failed": "no bandit"}}
    verdict = verdict_of({**SURVEY, "git": NO_GIT}, [], failed)
    assert verdict["headline"] == "Sound: nothing urgent (without lint and security)"
    other = {**SURVEY, "languages": [{"name": "Go", "files": 1, "lines": 10, "code": True}]}
    verdict = verdict_of(other, [], {**PARTS, "lint": {"files": 0}})
    assert (verdict["level"], verdict["headline"]) == (
        "surveyed",
        "Surveyed, not linted: Go has no linter here",
    )


def test_the_verdict_names_who_knows_it_all() -> None:
    git = {"present": True, "window": "year", "commits": 30, "people": 3, "busiest": {"Ada": 28}}
    summary = verdict_of({**SURVEY, "git": git}, [], PARTS)["summary"]
    assert "30 commits in its last year, by 3 people. Ada made 93% of them" in summary


def test_first_steps_are_few_and_the_quick_ones_come_first() -> None:
    findings = [found(str(number), severity="high") for number in range(9)]
    findings += [found("no-tests", severity="high", count=40), found("F401", severity="low", fixable=3)]
    steps = first_steps(ranked(findings, set()))
    assert len(steps) == 5
    assert [step["effort"] for step in steps] == ["minutes"] * 4 + ["days"]
    assert steps[-2]["how"] == "`ruff check --select F401 --fix`"
    assert first_steps([]) == []
    (step,) = first_steps(ranked([found(certainty=0.5)], set()))
    assert step["do"] == "To check: Title of x (`a.py:1`)"


def test_marks() -> None:
    def marks(parts: dict[str, Any], *findings: dict[str, Any]) -> list[str]:
        return [area["mark"] for area in areas_of(SURVEY["roles"], parts, ranked(list(findings), set()))]

    assert marks(PARTS) == ["good"] * 5
    assert marks(PARTS, found(certainty=0.5)) == ["good"] * 5
    assert marks(PARTS, found())[0] == "fair"
    assert marks(PARTS, found(area="security", severity="high"))[1] == "poor"
    small = [found(rule, area="upkeep", severity="low") for rule in "ab"]
    assert marks(PARTS, *small)[4] == "fair"
    failed = {name: {"failed": "why"} for name in PARTS}
    assert marks(failed) == ["unknown"] * 5
    assert {area["text"] for area in areas_of(SURVEY["roles"], failed, [])} == {"could not be looked at"}
    nothing = {
        "lint": {"files": 0},
        "security": {"files": 0},
        "complexity": {"files": 1, "functions_total": 0},
        "project": {**PROJECT, "tests": {"files": 0, "cases": 0}},
    }
    assert marks(nothing) == ["unknown"] * 4 + ["good"]


def test_phrases() -> None:
    assert [counted(1, "file"), counted(1024, "file"), counted(2, "person", "people")] == [
        "1 file", "1,024 files", "2 people",
    ]  # fmt: skip
    assert [listed(["a", "b", "c"][:count]) for count in range(4)] == ["", "a", "a and b", "a, b and c"]
    assert where(found(count=3)) == " (`a.py:1` and 2 more)"
    assert where(found(places=[place(line=0)])) == " (`a.py`)"
    assert where(found(places=[])) == ""
