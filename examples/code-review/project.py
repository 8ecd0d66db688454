"""The project around the code: tests, continuous integration, licence, and what is pinned."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reading.sources import Selection, read, run_git, select

_CI = {
    ".github/workflows/": "GitHub Actions", ".gitlab-ci.yml": "GitLab CI", ".circleci/": "CircleCI",
    "azure-pipelines.yml": "Azure Pipelines", "Jenkinsfile": "Jenkins", ".travis.yml": "Travis CI",
    ".woodpecker": "Woodpecker", ".forgejo/workflows/": "Forgejo Actions", ".ci/": "own script",
    "bitbucket-pipelines.yml": "Bitbucket", "appveyor.yml": "AppVeyor", ".cirrus.yml": "Cirrus",
}  # fmt: skip
_LOCKS = frozenset(
    "uv.lock poetry.lock pdm.lock Pipfile.lock pylock.toml package-lock.json yarn.lock pnpm-lock.yaml"
    " bun.lock Cargo.lock go.sum Gemfile.lock composer.lock flake.lock".split()
)
_LICENCES = {
    "Apache-2.0": r"Apache License\s+Version 2\.0",
    "MIT": r"Permission is hereby granted, free of charge",
    "AGPL": r"GNU AFFERO GENERAL PUBLIC LICENSE",
    "LGPL": r"GNU LESSER GENERAL PUBLIC LICENSE",
    "GPL": r"GNU GENERAL PUBLIC LICENSE",
    "MPL-2.0": r"Mozilla Public License",
    "Unlicense": r"released into the public domain",
    "BSD": r"Redistribution and use in source and binary forms",
    "ISC": r"Permission to use, copy, modify, and/?o?r? ?distribute",
}
_LICENCE_NAME = re.compile(r"(licen[cs]es?|copying|unlicense)([./-][\w.-]+)?", re.IGNORECASE)
_CASES = {
    "Python": r"^\s*(?:async )?def test",
    "Go": r"^func Test",
    "JavaScript": r"^\s*(?:it|test)(?:\.\w+)?\(",
    "TypeScript": r"^\s*(?:it|test)(?:\.\w+)?\(",
    "Rust": r"#\[(?:\w+::)?test\]",
    "Java": r"@Test\b",
    "Kotlin": r"@Test\b",
}


def project(root: str, out: str) -> dict[str, Any]:
    """Look at what surrounds the code.

    Args:
        root: absolute path of the folder.
        out: absolute path of a folder that is left out.
    Returns:
        What `schemas/project.yaml` describes.
    """
    started = time.monotonic()
    selection = select(Path(root), Path(out))
    paths = [file.path for file in selection.files]
    tests = [file for file in selection.files if file.role == "test" and file.is_code]
    requirements = list(_requirements(selection))
    return {
        "partial": _is_partial(selection.root, paths),
        "tests": {
            "files": len(tests),
            "cases": sum(
                len(re.findall(_CASES[file.language], read(selection.root, file.path), re.MULTILINE))
                for file in tests
                if file.language in _CASES
            ),
        },
        "ci": sorted({name for start, name in _CI.items() if any(path.startswith(start) for path in paths)}),
        "licence": _licence(selection),
        "library": any(path in ("pyproject.toml", "setup.py", "setup.cfg") for path in paths),
        "locks": [
            *(file["path"] for file in requirements if file["hashed"]),
            *sorted(
                (path for path in paths if path.rpartition("/")[2] in _LOCKS),
                key=lambda path: path.count("/"),
            ),
        ],
        "loose": [place for file in requirements for place in file["loose"]],
        "insecure": [place for file in requirements for place in file["insecure"]],
        "loose_npm": list(_loose_npm(selection)),
        "actions": list(_actions(selection)),
        "took_ms": int((time.monotonic() - started) * 1000),
    }


def _is_partial(root: Path, paths: list[str]) -> bool:
    """Whether this is a package unpacked, which leaves such things out, or a folder of a repository."""
    if (root / ".git").exists():
        return False
    unlocked = not any(path.rpartition("/")[2] in _LOCKS for path in paths)
    if "PKG-INFO" in paths or ("package.json" in paths and unlocked):
        return True
    try:
        return run_git(root, "rev-parse", "--show-prefix").strip() != ""
    except (OSError, subprocess.SubprocessError):
        return False


def _licence(selection: Selection) -> str:
    """An SPDX-like name; `present` if the text is not a known one; "" if there is none."""
    for file in selection.files:
        if _LICENCE_NAME.fullmatch(file.path):
            text = read(selection.root, file.path)[:4000]
            return next(
                (name for name, sign in _LICENCES.items() if re.search(sign, text, re.IGNORECASE)), "present"
            )
    return ""


# --- what is taken from others, and how firmly it is pinned -----------------------------------

_REQUIREMENTS = re.compile(
    r"(.*/)?(requirements|constraints)[\w.-]*\.(txt|lock)|(.*/)?requirements/[^/]+\.txt"
)
_PINNED = re.compile(r"===?|\s@\s|://")
_INSECURE = re.compile(r"http://|--trusted-host|--extra-index-url")
_ACTION = re.compile(r"\s*-?\s*uses:\s*['\"]?([\w.-]+/[\w./-]+)@([\w./-]+)")


def _place(path: str, line: int, message: str) -> dict[str, Any]:
    return {"path": path, "line": line, "message": message[:80]}


def _requirements(selection: Selection) -> Iterator[dict[str, Any]]:
    """Files of requirements: their entries without a version, and the indexes that are not checked."""
    for file in selection.files:
        if file.role == "source" and _REQUIREMENTS.fullmatch(file.path):
            entries = _entries(read(selection.root, file.path))
            named = [(line, entry) for line, entry in entries if entry[0].isalnum()]
            yield {
                "path": file.path,
                "hashed": bool(named) and all("--hash=" in entry for _, entry in named),
                "loose": [
                    _place(file.path, line, entry) for line, entry in named if not _PINNED.search(entry)
                ],
                "insecure": [
                    _place(file.path, line, entry) for line, entry in entries if _INSECURE.search(entry)
                ],
            }


def _entries(text: str) -> list[tuple[int, str]]:
    """The entries of a requirements file with the lines they begin at; a backslash joins lines."""
    entries: list[tuple[int, str]] = []
    begun, joined = 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        part = re.sub(r"(^|\s)#.*", "", line).strip()
        begun = begun if joined else number
        joined += part.removesuffix("\\")
        if joined and not part.endswith("\\"):
            entries.append((begun, joined))
            joined = ""
    return entries


def _loose_npm(selection: Selection) -> Iterator[dict[str, Any]]:
    """Packages of package.json that take any version."""
    try:
        manifest = json.loads(read(selection.root, "package.json"))
        wanted = {**manifest.get("dependencies", {}), **manifest.get("devDependencies", {})}
    except (ValueError, AttributeError, TypeError):
        return
    yield from (
        _place("package.json", 1, name) for name, version in wanted.items() if version in ("*", "latest", "")
    )


def _actions(selection: Selection) -> Iterator[dict[str, Any]]:
    """The steps of GitHub Actions that do not name a commit, and so can change."""
    for file in selection.files:
        if file.path.startswith(".github/workflows/"):
            for number, line in enumerate(read(selection.root, file.path).splitlines(), 1):
                match = _ACTION.match(line)
                if match and not re.fullmatch(r"[0-9a-f]{40}", match[2]):
                    branch = match[2] in ("main", "master", "develop", "latest")
                    yield _place(file.path, number, f"{match[1]}@{match[2]}") | {"branch": branch}
