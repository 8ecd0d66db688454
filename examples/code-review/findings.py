"""Findings: the places where a rule is broken, one finding for each rule and role of its files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from rules import Rule
from sources import role_of

PLACES_MAX = 40


def grouped(places: list[dict[str, Any]], rules: Mapping[str, Rule], area: str) -> list[dict[str, Any]]:
    """One finding for each rule, and one more for its places in tests and in examples.

    Args:
        places: `rule`, `path`, `line`, `message`, and whatever else; `role` if it is known.
        rules: what the rules mean.
        area: `lint` or `security`.
    Returns:
        Findings as `schemas/findings.yaml` describes them, in the order of the rules' codes.
    """
    groups: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for place in places:
        groups[place["rule"], place.get("role") or role_of(place["path"])].append(place)
    return [_finding(code, role, found, rules[code], area) for (code, role), found in sorted(groups.items())]


def _finding(code: str, role: str, found: list[dict[str, Any]], rule: Rule, area: str) -> dict[str, Any]:
    return {
        "rule": code,
        "area": area,
        "severity": rule.severity,
        "certainty": rule.certainty,
        "title": rule.title,
        "advice": rule.advice,
        "role": role,
        "in_tests": rule.in_tests,
        "count": len(found),
        "fixable": sum(bool(place.get("fixable")) for place in found),
        "places": [
            {"path": place["path"], "line": place["line"], "message": place["message"]}
            for place in found[:PLACES_MAX]
        ],
    }
