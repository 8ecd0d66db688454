"""What git remembers: which files change often, who changes them, and since when."""

from __future__ import annotations

import re
import subprocess
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sources import run_git

COMMITS_MAX = 5_000
WINDOW_DAYS = 365
WINDOW_COMMITS_MIN = 30
"""With fewer commits in the window, the whole history counts."""
SWEEP_FILES = 60
"""A commit that touches more files (a reformat, a move) says nothing about any one of them."""
CHANGED_MAX = 400

_FIX = re.compile(r"\b(fix(e[sd])?|bug|regression|crash|broken|revert)\b", re.IGNORECASE)


@dataclass(slots=True)
class _Changes:
    commits: int = 0
    fixes: int = 0
    last_at: int = 0
    authors: Counter[str] = field(default_factory=Counter)


def history(root: Path) -> dict[str, Any]:
    """The folder's history as JSON; `present` is false where there is none, and `reason` says why.

    Churn is counted over the year before the last commit. Times are in ms since 1970.
    """
    try:
        head = run_git(root, "log", "-1", "--format=%H%x00%ct", "--", ".").decode().strip()
        if not head:
            return {"present": False, "reason": "git tracks nothing here"}
        return _told(root, *head.split("\0"))
    except FileNotFoundError:
        return {"present": False, "reason": "git is not installed"}
    except subprocess.TimeoutExpired:
        return {"present": False, "reason": "git took too long"}
    except subprocess.CalledProcessError as error:
        return {"present": False, "reason": _why(error.stderr.decode("utf-8", "replace"))}


def _told(root: Path, commit: str, last_at_s: str) -> dict[str, Any]:
    since = int(last_at_s) - WINDOW_DAYS * 86_400
    commits = _log(root, f"--since={since}", f"-n{COMMITS_MAX}")
    whole = len(commits) < WINDOW_COMMITS_MIN
    if whole:
        commits = _log(root, f"-n{COMMITS_MAX}")
    return {
        "present": True,
        "reason": "",
        "commit": commit,
        "branch": _line(root, "rev-parse", "--abbrev-ref", "HEAD"),
        "remote": _web_address(_line(root, "config", "--get", "remote.origin.url")),
        "prefix": _line(root, "rev-parse", "--show-prefix"),
        "shallow": _line(root, "rev-parse", "--is-shallow-repository") == "true",
        "commits": int(_line(root, "rev-list", "--count", "HEAD", "--", ".") or len(commits)),
        "last_at": int(last_at_s) * 1000,
        "window": "all" if whole else "year",
        "window_commits": len(commits),
        **_people(commits),
        "months": _months(commits),
        "changed": _changed(commits),
    }


_Commit = tuple[int, str, str, list[str]]


def _log(root: Path, *limits: str) -> list[_Commit]:
    """Commits, newest first: time in s, author, subject, files."""
    text = run_git(
        root, "log", "--no-merges", "--no-renames", "--name-only", "--relative",
        "--format=%x01%at%x02%aN%x02%s", *limits, "--", ".", timeout_s=30,
    ).decode("utf-8", "replace")  # fmt: skip
    commits = []
    for entry in text.split("\x01")[1:]:
        header, *files = entry.splitlines() or [""]
        at, author, subject = [*header.split("\x02", 2), "", ""][:3]
        commits.append((int(at or 0), author, subject, [file for file in files if file]))
    return commits


def _people(commits: list[_Commit]) -> dict[str, Any]:
    people = Counter(author for _, author, _, _ in commits if "[bot]" not in author)
    total = sum(people.values()) or 1
    top = [
        {"name": name, "commits": count, "share": round(count / total, 3)}
        for name, count in people.most_common(8)
    ]
    return {"authors": top, "authors_total": len(people)}


def _months(commits: list[_Commit]) -> list[dict[str, Any]]:
    """Commits for each month up to the last one, at most twelve, months without any included."""
    if not commits:
        return []
    count: Counter[int] = Counter()
    for at, *_ in commits:
        day = datetime.fromtimestamp(at, UTC)
        count[day.year * 12 + day.month - 1] += 1
    last = max(count)
    months = range(max(min(count), last - 11), last + 1)
    return [{"month": f"{month // 12}-{month % 12 + 1:02}", "commits": count[month]} for month in months]


def _changed(commits: list[_Commit]) -> list[dict[str, Any]]:
    changes: dict[str, _Changes] = defaultdict(_Changes)
    for at, author, subject, files in commits:
        if len(files) > SWEEP_FILES:
            continue
        for path in files:
            change = changes[path]
            change.commits += 1
            change.fixes += bool(_FIX.search(subject))
            change.last_at = max(change.last_at, at * 1000)
            change.authors[author] += 1
    most = sorted(changes.items(), key=lambda item: (-item[1].commits, item[0]))[:CHANGED_MAX]
    return [
        {
            "path": path,
            "commits": change.commits,
            "fixes": change.fixes,
            "authors": len(change.authors),
            "last_at": change.last_at,
        }
        for path, change in most
    ]


def _line(root: Path, *arguments: str) -> str:
    try:
        return run_git(root, *arguments).decode("utf-8", "replace").strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def _web_address(remote: str) -> str:
    """Where a forge shows the repository; "" if the remote is no known forge. Credentials are dropped."""
    match = re.fullmatch(
        r"(?:https?://|ssh://|git://)?(?:[^@/]*@)?(github\.com|gitlab\.com|codeberg\.org)[:/]([\w.-]+(?:/[\w.-]+)+?)(?:\.git)?/?",
        remote,
    )
    return f"https://{match[1]}/{match[2]}" if match else ""


def _why(stderr: str) -> str:
    if "dubious ownership" in stderr:
        return "git refuses a repository of another user (git config --global --add safe.directory <folder>)"
    if "does not have any commits" in stderr or "bad default revision" in stderr:
        return "there is no commit yet"
    return "this is no git repository"
