"""Security: what bandit finds in Python, and forms that give something away in files of any language."""

from __future__ import annotations

import math
import posixpath
import re
import time
from collections import Counter
from pathlib import Path
from typing import Any

from judging.rules import BANDIT, FORMS, grouped
from reading.patterns import secrets_in, weaknesses_in
from reading.sources import Selection, read, role_of, select
from speaking import Tool, speak

BATCH = 150
TIME_MAX_S = 90
"""Files not reached by then are left out, and the report says how many."""

_SECRETS = ("B105", "B106", "B107")
_PLACEHOLDER = re.compile(
    r"[\s<>{}$%]|^(?:/|http|\.)|example|changeme|placeholder|dummy|your|xxx|todo|default|secret|password|passwd|token|test",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"'(.*)'$", re.DOTALL)


def security(given: dict[str, Any]) -> dict[str, Any]:
    """Look for what an attacker would look for. Tests are searched for access tokens only.

    Args:
        given: `root`, absolute path of the folder; `out`, absolute path of a folder that is left out.
    Returns:
        What `schemas/findings.yaml` describes.
    Raises:
        CannotWork: bandit is not installed, or broke.
    """
    started = time.monotonic()
    root = Path(given["root"])
    selection = select(root, Path(given["out"]))
    paths = [
        file.path
        for file in selection.files
        if file.path.endswith(".py") and file.role not in ("test", "fixture")
    ]
    bandit = Tool("bandit", "-q", "-f", "json", "--exit-zero")
    results = [result for said in bandit.judge(root, paths, BATCH, TIME_MAX_S) for result in said["results"]]
    places = [place for result in results if _counts(result) and (place := _place(result))["rule"] in BANDIT]
    return {
        "tool": bandit.version() if paths else "",
        "files": len(paths),
        "seen": bandit.seen,
        "findings": grouped(_by_form(selection), FORMS, "security") + grouped(places, BANDIT, "security"),
        "unparsable": [],
        "took_ms": int((time.monotonic() - started) * 1000),
    }


def _place(result: dict[str, Any]) -> dict[str, Any]:
    path = posixpath.normpath(result["filename"])
    return {
        "rule": "B105" if result["test_id"] in _SECRETS else result["test_id"],
        "path": path,
        "role": role_of(path),
        "line": result["line_number"],
        "message": "",  # What bandit says is in the title already, and might repeat a secret.
    }


def _counts(result: dict[str, Any]) -> bool:
    """Whether a reader would want to see it."""
    rule = result["test_id"]
    if rule in _SECRETS:
        match = _QUOTED.search(result["issue_text"])
        return match is not None and looks_random(match[1])
    if rule in ("B602", "B605"):
        return str(result["issue_severity"]) == "HIGH"  # Low: the command is a constant.
    if rule == "B608":
        return str(result["issue_confidence"]) != "LOW"
    return True


def looks_random(text: str) -> bool:
    """Whether a text may be a secret: those are long, mix kinds of characters, and repeat few of them."""
    if len(text) < 12 or _PLACEHOLDER.search(text) or not re.search("[0-9]", text):
        return False
    shares = [count / len(text) for count in Counter(text).values()]
    return not text.isdigit() and -sum(share * math.log2(share) for share in shares) > 3.2


def _by_form(selection: Selection) -> list[dict[str, Any]]:
    """Secrets in files of any language, and weaknesses in those that bandit does not read."""
    places = []
    for file in selection.files:
        text = read(selection.root, file.path)
        places += [
            {"rule": rule, "path": file.path, "role": file.role, "line": line, "message": message}
            for rule, line, message in (*secrets_in(text), *weaknesses_in(text, file.language))
            if file.role not in ("test", "fixture") or rule == "access-token"
        ]
    return places


if __name__ == "__main__":
    speak(security)
