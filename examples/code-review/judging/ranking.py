"""The order of findings: what matters most to the reader comes first."""

from __future__ import annotations

import math
from typing import Any

SURE = 0.6
"""Findings less certain than this are to be checked before they are acted on."""
_WEIGHT = {"high": 100, "medium": 40, "low": 10}
_HEAT = 1.4
"""A finding in a hotspot weighs that much more: people will run into it."""
_STRUCTURE = 0.4
"""Structure weighs less than a mistake: it is work of days, and nothing is broken."""


def ranked(findings: list[dict[str, Any]], hot: set[str]) -> list[dict[str, Any]]:
    """The findings in their order: by severity, the sure ones before those to check, then by score.

    Args:
        findings: as `schemas/findings.yaml` describes them.
        hot: paths of the hotspots.
    Returns:
        The same with `rank`, `score`, and the severity that they have here.
    """
    judged = [_judged(finding, hot) for finding in findings if not _is_trifle(finding)]
    judged.sort(key=_order)
    return [{**finding, "rank": rank} for rank, finding in enumerate(judged, 1)]


def is_doubtful(finding: dict[str, Any]) -> bool:
    """Whether to look before acting; nobody acts on small things in haste."""
    return bool(finding["severity"] != "low" and finding["certainty"] < SURE)


def _order(finding: dict[str, Any]) -> tuple[Any, ...]:
    severity = -_WEIGHT[finding["severity"]]
    return severity, is_doubtful(finding), -finding["score"], finding["rule"], finding["role"]


def _is_trifle(finding: dict[str, Any]) -> bool:
    matters = finding["role"] == "source" or finding["in_tests"]
    return bool(finding["severity"] == "low" and finding["area"] == "lint" and not matters)


def _judged(finding: dict[str, Any], hot: set[str]) -> dict[str, Any]:
    severity, places, structure = _severity(finding), finding["places"], finding["area"] == "complexity"
    if not structure:  # Those are in order already, worst first.
        places = sorted(places, key=lambda place: place["path"] not in hot)
    heat = _HEAT if any(place["path"] in hot for place in places) and not structure else 1.0
    weight = _WEIGHT[severity] * (_STRUCTURE if structure and severity == "medium" else 1.0)
    spread = 1 + min(1.0, math.log10(finding["count"]) / 2)
    score = weight * finding["certainty"] * spread * heat
    return {**finding, "severity": severity, "places": places, "score": round(score, 1)}


def _severity(finding: dict[str, Any]) -> str:
    """A doubtful finding, and one that only tests or examples have, is less grave than its rule says."""
    severity, certainty = finding["severity"], finding["certainty"]
    if finding["role"] != "source" and not finding["in_tests"]:
        return "low"
    if severity == "high" and certainty <= 0.5:
        return "medium"
    return "low" if severity == "medium" and certainty <= 0.4 else str(severity)
