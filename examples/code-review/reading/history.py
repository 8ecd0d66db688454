"""What git remembers: which files change often, and who changes them."""

from __future__ import annotations

import re
import subprocess
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reading.sources import run_git

COMMITS_MAX = 5_000
WINDOW_DAYS = 365
WINDOW_COMMITS_MIN = 30
"""With fewer commits in the window, the whole history counts."""
SWEEP_FILES = 60
"""A commit that touches more files (a reformat, a move) says nothing about any one of them."""
CHANGED_MAX = 400

_FIX = re.compile(r"\b(fix(e[sd])?|bug|regression|crash|broken|revert)\b", re.IGNORECASE)
_FORGE = re.compile(
    r"(?:https?://|ssh://|git://)?(?:[^@/]*@)?(github\.com|gitlab\.com|codeberg\.org)[:/]([\w./-]+?)(?:\.git)?/?"
)
_Commit = tuple[str, str, list[str]]


@dataclass(slots=True)
class _Changes:
    commits: int = 0
    fixes: int = 0
    authors: set[str] = field(default_factory=set)


def history(root: Path) -> dict[str, Any]:
    """The folder's history as JSON; `present` is false where there is none, and `reason` says why.

    Churn is counted over the year before the last commit.
    """
    try:
        commit, _, last_at_s = run_git(root, "log", "-1", "--format=%H %ct", "--", ".").strip().partition(" ")
        if commit:
            return _told(root, commit, int(last_at_s))
        return {"present": False, "reason": "git tracks nothing here"}
    except FileNotFoundError:
        return {"present": False, "reason": "git is not installed"}
    except subprocess.TimeoutExpired:
        return {"present": False, "reason": "git took too long"}
    except subprocess.CalledProcessError as error:
        return {"present": False, "reason": _why(error.stderr.decode("utf-8", "replace"))}


def _told(root: Path, commit: str, last_at_s: int) -> dict[str, Any]:
    commits = _log(root, f"--since={last_at_s - WINDOW_DAYS * 86_400}")
    whole = len(commits) < WINDOW_COMMITS_MIN
    if whole:
        commits = _log(root)
    people = Counter(author for author, _, _ in commits if "[bot]" not in author)
    return {
        "present": True,
        "reason": "",
        "commit": commit,
        "branch": run_git(root, "rev-parse", "--abbrev-ref", "HEAD").strip(),
        "web": _web(root),
        "shallow": run_git(root, "rev-parse", "--is-shallow-repository").strip() == "true",
        "window": "all" if whole else "year",
        "commits": len(commits),
        "people": len(people),
        "busiest": dict(people.most_common(1)),
        "changed": _changed(commits),
    }


def _log(root: Path, *limits: str) -> list[_Commit]:
    """Commits, newest first: author, subject, files."""
    text = run_git(
        root, "log", "--no-merges", "--no-renames", "--name-only", "--relative",
        "--format=%x01%aN%x02%s", f"-n{COMMITS_MAX}", *limits, "--", ".",
    )  # fmt: skip
    commits = []
    for entry in text.split("\x01")[1:]:
        header, *files = entry.split("\n")
        author, _, subject = header.partition("\x02")
        commits.append((author, subject, [file for file in files if file]))
    return commits


def _changed(commits: list[_Commit]) -> list[dict[str, Any]]:
    changes: dict[str, _Changes] = defaultdict(_Changes)
    for author, subject, files in commits:
        for path in files if len(files) <= SWEEP_FILES else ():
            changes[path].commits += 1
            changes[path].fixes += bool(_FIX.search(subject))
            changes[path].authors.add(author)
    most = sorted(changes.items(), key=lambda item: (-item[1].commits, item[0]))[:CHANGED_MAX]
    return [
        {"path": path, "commits": change.commits, "fixes": change.fixes, "people": len(change.authors)}
        for path, change in most
    ]


def _web(root: Path) -> str:
    """Where a forge shows the files of the folder; "" if it is no known forge. Credentials are dropped."""
    try:
        remote = _FORGE.fullmatch(run_git(root, "config", "--get", "remote.origin.url").strip())
    except subprocess.CalledProcessError:
        return ""
    if remote is None:
        return ""
    middle = {"github.com": "blob", "gitlab.com": "-/blob", "codeberg.org": "src/commit"}[remote[1]]
    commit, prefix = (run_git(root, "rev-parse", what).strip() for what in ("HEAD", "--show-prefix"))
    return f"https://{remote[1]}/{remote[2]}/{middle}/{commit}/{prefix}"


def _why(stderr: str) -> str:
    if "dubious ownership" in stderr:
        return "git refuses a repository of another user (git config --global --add safe.directory <folder>)"
    if "does not have any commits" in stderr or "bad default revision" in stderr:
        return "there is no commit yet"
    return "this is no git repository"
