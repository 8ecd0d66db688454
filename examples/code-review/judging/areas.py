"""The areas of a review: a mark for each, and what it rests on."""

from __future__ import annotations

from typing import Any

from judging.phrases import counted, listed
from judging.ranking import is_doubtful

_Json = dict[str, Any]


def areas_of(roles: dict[str, int], parts: dict[str, _Json], ranking: list[_Json]) -> list[dict[str, str]]:
    """A mark for each area: `good`, `fair`, `poor`; `unknown` where nothing could be looked at.

    Args:
        roles: lines of code by the role of their files.
        parts: what each agent handed over, or `{"failed": why}`.
        ranking: findings in their order.
    """
    seen = {
        "Correctness": ("lint", _linted(parts["lint"], ranking)),
        "Security": ("security", _scanned(parts["security"], ranking)),
        "Complexity": ("complexity", _measured(parts["complexity"])),
        "Tests": ("tests", _tested(parts["project"], roles)),
        "Upkeep": ("upkeep", _kept(parts["project"])),
    }
    return [
        {"name": name, "mark": _mark(area, rated, ranking), "text": text}
        for name, (area, (rated, text)) in seen.items()
    ]


def _mark(area: str, rated: bool, ranking: list[_Json]) -> str:
    found = [found for found in ranking if found["area"] == area]
    severities = {
        found["severity"] for found in found if found["severity"] == "high" or not is_doubtful(found)
    }
    if "high" in severities:
        return "poor"
    if "medium" in severities or (area == "upkeep" and len(found) > 1):
        return "fair"
    return "good" if rated else "unknown"


_FAILED = (False, "could not be looked at")


def _linted(part: _Json, ranking: list[_Json]) -> tuple[bool, str]:
    if "failed" in part:
        return _FAILED
    if not part["files"]:
        return False, "no Python files; other languages are not linted"
    return True, f"{counted(part['files'], 'Python file')}, {_tally('lint', ranking)}"


def _scanned(part: _Json, ranking: list[_Json]) -> tuple[bool, str]:
    if "failed" in part:
        return _FAILED
    looked = (
        f"{counted(part['files'], 'Python file')} scanned" if part["files"] else "searched for known forms"
    )
    return bool(part["files"]), f"{looked}, {_tally('security', ranking)}"


def _measured(part: _Json) -> tuple[bool, str]:
    if "failed" in part:
        return _FAILED
    if not part["functions_total"]:
        return False, "branches estimated by keyword" if part["files"] else "nothing to measure"
    hard = part["spread"]["26-50"] + part["spread"]["over 50"]
    own = counted(part["functions_total"], "function")
    return True, f"{own} outside the tests, {f'{hard:,}' if hard else 'none'} hard to follow"


def _tested(part: _Json, roles: dict[str, int]) -> tuple[bool, str]:
    if "failed" in part:
        return _FAILED
    files, cases = part["tests"]["files"], part["tests"]["cases"]
    if not files:
        return False, "not in this part of the project" if part["partial"] else "none found"
    ratio = roles["test"] / max(roles["source"], 1)
    many = f"{counted(cases, 'case')} in " if cases else ""
    return True, f"{many}{counted(files, 'file')}; {ratio:.1f} lines of test for each line of source"


def _kept(part: _Json) -> tuple[bool, str]:
    if "failed" in part:
        return _FAILED
    licence = f"licence {part['licence']}" if part["licence"] else "no licence"
    if part["partial"]:
        return bool(part["licence"]), f"{licence}; only a part of the project"
    ci = f"CI by {listed(part['ci'])}" if part["ci"] else "no CI"
    lock = f"locked by `{part['locks'][0]}`" if part["locks"] else "no lock file"
    return True, f"{licence}, {ci}, {lock}"


def _tally(area: str, ranking: list[_Json]) -> str:
    counts = {
        severity: sum(
            found["count"] for found in ranking if (found["area"], found["severity"]) == (area, severity)
        )
        for severity in ("high", "medium", "low")
    }
    said = [f"{count:,} {severity}" for severity, count in counts.items() if count]
    return f"places: {listed(said)}" if said else "nothing found"
