"""What the rules mean to a reader, and the findings that are made of them."""

from __future__ import annotations

import tomllib
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

PLACES_MAX = 40


class Rule(NamedTuple):
    """How grave a rule is, and what a finding of it says; `rules.toml` explains the fields."""

    severity: str
    title: str
    advice: str
    certainty: float = 1.0
    in_tests: bool = False
    area: str = ""


_TABLES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
LINT, BANDIT, FORMS, OWN = (
    {code: Rule(**rule) for code, rule in _TABLES[name].items()}
    for name in ("lint", "bandit", "forms", "own")
)


def finding(
    code: str,
    rule: Rule,
    area: str,
    places: list[dict[str, Any]],
    *,
    role: str = "source",
    severity: str = "",
) -> dict[str, Any]:
    """What a review says of all places where a rule is broken, as `schemas/findings.yaml` describes it.

    Args:
        places: `path`, `line`, `message`, and `fixable` if a tool can repair it; none for what is missing.
        role: of the files.
        severity: if it is not the rule's own.
    """
    return {
        "rule": code,
        "area": rule.area or area,
        "severity": severity or rule.severity,
        "certainty": rule.certainty,
        "title": rule.title,
        "advice": rule.advice,
        "role": role,
        "in_tests": rule.in_tests,
        "count": max(len(places), 1),
        "fixable": sum(bool(place.get("fixable")) for place in places),
        "places": [{key: place[key] for key in ("path", "line", "message")} for place in places[:PLACES_MAX]],
    }


def grouped(places: list[dict[str, Any]], rules: dict[str, Rule], area: str) -> list[dict[str, Any]]:
    """One finding for each rule and role of its places, which have both as `rule` and `role`."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for place in places:
        groups[place["rule"], place["role"]].append(place)
    return [
        finding(rule, rules[rule], area, found, role=role) for (rule, role), found in sorted(groups.items())
    ]
