"""The order of findings: what matters most to the reader comes first."""

from __future__ import annotations

import math
from typing import Any

_WEIGHT = {"high": 100, "medium": 40, "low": 10}
_HEAT = 1.4
"""A finding in a hotspot weighs that much more: people will run into it."""


def ranked(findings: list[dict[str, Any]], hot: set[str]) -> list[dict[str, Any]]:
    """The findings with severity as it is here, certainty taken in, and `score`, the greatest first.

    Args:
        findings: as `schemas/findings.yaml` describes them.
        hot: paths of the hotspots.
    """
    judged = [judged for finding in findings if (judged := _judged(finding, hot)) is not None]
    judged.sort(key=lambda finding: (-finding["score"], finding["rule"], finding["role"]))
    return [{**finding, "rank": rank} for rank, finding in enumerate(judged, 1)]


def _judged(finding: dict[str, Any], hot: set[str]) -> dict[str, Any] | None:
    severity = _severity(finding)
    if (
        severity == "low"
        and finding["role"] != "source"
        and finding["area"] == "lint"
        and not finding["in_tests"]
    ):
        return None
    places = sorted(finding["places"], key=lambda place: place["path"] not in hot)
    heat = _HEAT if any(place["path"] in hot for place in places) else 1.0
    spread = 1 + min(1.0, math.log10(finding["count"]) / 2)
    score = _WEIGHT[severity] * finding["certainty"] * spread * heat * _nearness(finding)
    return {**finding, "severity": severity, "places": places, "score": round(score, 1)}


def _severity(finding: dict[str, Any]) -> str:
    """A doubtful finding, and one that only tests or examples have, is less grave than its rule says."""
    severity, certainty = finding["severity"], finding["certainty"]
    if finding["role"] != "source" and not finding["in_tests"]:
        return "low"
    if severity == "high" and certainty <= 0.5:
        return "medium"
    return "low" if severity == "medium" and certainty <= 0.4 else str(severity)


def _nearness(finding: dict[str, Any]) -> float:
    if finding["role"] == "source":
        return 1.0
    return 0.7 if finding["in_tests"] else 0.4
