"""Dependencies: what the project takes from others, and how firmly it is pinned."""

from __future__ import annotations

import json
import re
from typing import Any

from sources import Selection, text_of

_REQUIREMENTS = re.compile(
    r"(.*/)?(requirements|constraints)[\w.-]*\.(txt|lock)|(.*/)?requirements/[^/]+\.txt"
)
_JOIN = "\\"
_PINNED = re.compile(r"===?|\s@\s|://")
_INSECURE = re.compile(r"http://|--trusted-host|--extra-index-url")
_ACTION = re.compile(r"^\s*-?\s*uses:\s*['\"]?([\w.-]+/[\w./-]+)@([\w./-]+)", re.MULTILINE)
_IMAGE = re.compile(r"^FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?", re.MULTILINE | re.IGNORECASE)


def requirements(selection: Selection) -> list[dict[str, Any]]:
    """Requirement files, with how many of their entries are pinned and hashed."""
    files = []
    for file in selection.files:
        if file.readable and file.role == "source" and _REQUIREMENTS.fullmatch(file.path):
            told = _requirement_file(file.path, _entries(text_of(selection, file.path)))
            if told["total"]:
                files.append(told)
    return files[:20]


def _entries(text: str) -> list[tuple[int, str]]:
    """The entries of a requirements file with the lines they begin at; a backslash joins lines."""
    entries: list[tuple[int, str]] = []
    joined = False
    for number, line in enumerate(text.splitlines(), 1):
        part = line.split(" #")[0].strip()
        if joined:
            begun, start = entries[-1]
            entries[-1] = (begun, f"{start} {part.rstrip(_JOIN)}")
        elif part and not part.startswith("#"):
            entries.append((number, part.rstrip(_JOIN)))
        else:
            continue
        joined = part.endswith(_JOIN)
    return entries


def _requirement_file(path: str, entries: list[tuple[int, str]]) -> dict[str, Any]:
    named = [(line, entry) for line, entry in entries if entry[0].isalnum()]
    unpinned = [(line, entry) for line, entry in named if not _PINNED.search(entry)]
    return {
        "path": path,
        "total": len(named),
        "pinned": len(named) - len(unpinned),
        "hashed": sum("--hash=" in entry for _, entry in named),
        "unpinned": [{"line": line, "text": entry[:80]} for line, entry in unpinned[:10]],
        "insecure": [line for line, entry in entries if _INSECURE.search(entry)][:10],
    }


def npm(selection: Selection) -> dict[str, Any]:
    try:
        value = json.loads(text_of(selection, "package.json") or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def loose_npm(selection: Selection) -> list[str]:
    """Packages of package.json that take any version."""
    loose = []
    for group in ("dependencies", "devDependencies"):
        wanted = npm(selection).get(group)
        if isinstance(wanted, dict):
            loose += [
                name for name, version in wanted.items() if str(version).strip() in ("*", "latest", "x", "")
            ]
    return sorted(loose)[:20]


def actions(selection: Selection) -> dict[str, Any]:
    """How the steps of GitHub Actions are pinned; only those that name a commit cannot change."""
    pinned, floating = 0, []
    for file in selection.files:
        if file.path.startswith(".github/workflows/") and file.readable:
            text = text_of(selection, file.path)
            for match in _ACTION.finditer(text):
                if re.fullmatch(r"[0-9a-f]{40}", match[2]):
                    pinned += 1
                else:
                    line = text.count("\n", 0, match.start(1)) + 1
                    branch = match[2] in ("main", "master", "develop", "latest")
                    floating.append(
                        {"path": file.path, "line": line, "text": f"{match[1]}@{match[2]}", "branch": branch}
                    )
    return {"pinned": pinned, "floating": floating[:60]}


def images(selection: Selection) -> list[dict[str, Any]]:
    """Base images without a version."""
    found = []
    for file in selection.files:
        if file.language == "Docker" and file.readable and file.role == "source":
            text = text_of(selection, file.path)
            stages = {match[2].lower() for match in _IMAGE.finditer(text) if match[2]}
            for match in _IMAGE.finditer(text):
                image = match[1]
                if image.lower() in stages or image == "scratch" or "$" in image or "@" in image:
                    continue
                if ":" not in image.rpartition("/")[2] or image.endswith(":latest"):
                    line = text.count("\n", 0, match.start()) + 1
                    found.append({"path": file.path, "line": line, "text": image})
    return found[:20]
