"""Security: what bandit finds in Python, and secrets in files of any language."""

from __future__ import annotations

import json
import math
import posixpath
import re
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

from findings import grouped
from patterns import secrets_in, weaknesses_in
from rules import PATTERNS, SECRETS, SECURITY
from sources import Selection, read, select
from speaking import CannotWork, progress, speak, tool

BATCH = 150
TIME_MAX_S = 90
"""Files not reached by then are left out, and the report says how many."""

_PLACEHOLDER = re.compile(
    r"[\s<>{}$%]|^(?:.{0,7}|.*(?:example|changeme|placeholder|dummy|your|xxx|todo|default|secret|password|passwd|token|test).*)$",
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
    selection = select(root, Path(given["out"]) if given.get("out") else None)
    paths = [
        file.path
        for file in selection.of("Python")
        if file.role not in ("test", "fixture") and file.path.endswith(".py")
    ]
    command = tool("bandit") if paths else []
    by_form = _by_form(selection)
    places, seen = _run_all(command, root, paths, started + TIME_MAX_S)
    return {
        "tool": _version(command) if command else "",
        "files": len(paths),
        "seen": seen,
        "findings": grouped(by_form, SECRETS | PATTERNS, "security") + grouped(places, SECURITY, "security"),
        "unparsable": [],
        "took_ms": int((time.monotonic() - started) * 1000),
    }


def _run_all(
    command: list[str], root: Path, paths: list[str], until: float
) -> tuple[list[dict[str, Any]], int]:
    places: list[dict[str, Any]] = []
    seen = 0
    for start in range(0, len(paths), BATCH):
        batch = paths[start : start + BATCH]
        left_s = until - time.monotonic()
        if left_s <= 0:
            break
        try:
            results = _run(command, root, batch, left_s)
        except subprocess.TimeoutExpired:
            break
        places += [_place(result) for result in results if _counts(result)]
        seen += len(batch)
        progress({"scanned": seen, "of": len(paths)})
    return places, seen


def _run(command: list[str], root: Path, paths: list[str], left_s: float) -> list[dict[str, Any]]:
    options = ["-q", "-f", "json", "--exit-zero"]
    done = subprocess.run(
        [*command, *options, *(f"./{path}" for path in paths)],
        cwd=root, capture_output=True, timeout=left_s, check=False,
    )  # fmt: skip
    try:
        results: list[dict[str, Any]] = json.loads(done.stdout)["results"]
    except (ValueError, KeyError):
        raise CannotWork(f"bandit broke: {done.stderr.decode('utf-8', 'replace').strip()[-500:]}") from None
    return results


def _place(result: dict[str, Any]) -> dict[str, Any]:
    secret = result["test_id"] in ("B105", "B106", "B107")
    return {
        "rule": "B105" if secret else result["test_id"],
        "path": posixpath.normpath(result["filename"]),
        "line": result["line_number"],
        "message": "a text that looks like a secret" if secret else result["issue_text"],
    }


def _counts(result: dict[str, Any]) -> bool:
    """Whether a reader would want to see it."""
    rule, severity = result["test_id"], result["issue_severity"]
    if rule not in SECURITY:
        return False
    if rule in ("B105", "B106", "B107"):
        match = _QUOTED.search(result["issue_text"])
        return match is not None and _looks_random(match[1])
    if rule in ("B602", "B605"):
        return str(severity) == "HIGH"  # Low: the command is a constant.
    if rule == "B608":
        return str(result["issue_confidence"]) != "LOW"
    return True


def _looks_random(text: str) -> bool:
    """Secrets are long, mix kinds of characters, and repeat few of them."""
    if _PLACEHOLDER.search(text) or len(text) < 12:
        return False
    kinds = sum(bool(re.search(kind, text)) for kind in ("[a-z]", "[A-Z]", "[0-9]", "[^A-Za-z0-9]"))
    count = Counter(text)
    entropy = -sum(n / len(text) * math.log2(n / len(text)) for n in count.values())
    return (
        kinds >= 2
        and bool(re.search("[0-9]", text))
        and entropy > 3.2
        and not text.startswith(("/", "http", "."))
    )


def _by_form(selection: Selection) -> list[dict[str, Any]]:
    """Secrets in files of any language, and weaknesses in those that bandit does not read."""
    places = []
    for file in selection.files:
        if file.readable:
            try:
                text = read(selection.root, file.path)
            except OSError:
                continue
            found = [*secrets_in(text, file.language), *weaknesses_in(text, file.language)]
            places += [
                {"rule": rule, "path": file.path, "line": line, "message": message, "role": file.role}
                for rule, line, message in found
                if file.role not in ("test", "fixture") or rule == "access-token"
            ]
    return places


def _version(command: list[str]) -> str:
    done = subprocess.run([*command, "--version"], capture_output=True, text=True, check=False)
    return " ".join(done.stdout.split()[:2]).replace("__main__.py", "bandit") if done.stdout else "bandit"


if __name__ == "__main__":
    speak(security)
