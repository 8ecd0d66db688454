"""The survey: how large the project is, in which languages, and where it changes."""

from __future__ import annotations

import re
import time
from collections import Counter
from pathlib import Path
from typing import Any

from reading.history import history
from reading.sources import CODE, read, select


class CannotReview(Exception):
    """There is nothing to look at, or nowhere to write; the text says what to do."""


def survey(repo: str, out: str = "podium-review") -> dict[str, Any]:
    """Look a folder over, and settle what everyone else is to work on.

    Args:
        repo: the folder to review, relative to the current folder.
        out: the folder that the report goes to, relative to the current folder; it is made here.
    Returns:
        What `schemas/survey.yaml` describes; `root` and `out` are absolute.
    Raises:
        CannotReview: there is no such folder, or the other one cannot be made.
    """
    started = time.monotonic()
    root, target = Path(repo).expanduser().resolve(), Path(out).expanduser().resolve()
    _check(root)
    selection = select(root, target)
    if selection.files:
        _make(target)
    files: Counter[str] = Counter()
    lines: Counter[str] = Counter()
    roles: Counter[str] = Counter(source=0, test=0, fixture=0, example=0)
    for file in selection.files:
        count = len(read(root, file.path).splitlines())
        files[file.language or "Other"] += 1
        lines[file.language or "Other"] += count
        roles[file.role] += count if file.is_code else 0
    return {
        "root": str(root),
        "out": str(target),
        "name": _name(root),
        "files": {
            "total": len(selection.files),
            "code": sum(file.is_code for file in selection.files),
            "cut": selection.cut,
            "skipped": dict(selection.skipped),
        },
        "languages": [
            {"name": name, "files": files[name], "lines": count, "code": name in CODE}
            for name, count in lines.most_common()
        ],
        "roles": dict(roles),
        "git": history(root),
        "took_ms": int((time.monotonic() - started) * 1000),
    }


def _check(root: Path) -> None:
    if not root.is_dir():
        what = "is a file" if root.exists() else "does not exist"
        raise CannotReview(f"{root} {what}; give a folder, --input repo=PATH")
    if (root / "HEAD").is_file() and (root / "objects").is_dir():
        raise CannotReview(
            f"{root} is a bare repository, which holds no files; clone it, and review the clone"
        )


def _make(folder: Path) -> None:
    """Make the folder of the report; better to fail now than after all the work."""
    if folder.is_dir():
        return
    try:
        folder.mkdir(parents=True)
        (folder / ".gitignore").write_text("*\n")
    except OSError as error:
        reason = error.strerror or error
        raise CannotReview(
            f"{folder} cannot be made: {reason}; give another folder, --input out=PATH"
        ) from None


def _name(root: Path) -> str:
    """What the project calls itself, or else the folder's name."""
    manifests = read(root, "pyproject.toml") + read(root, "package.json")
    stated = re.search(r'^\s*"?name"?\s*[=:]\s*"([^"]+)"', manifests, re.MULTILINE)
    return stated[1] if stated else root.name or str(root)
