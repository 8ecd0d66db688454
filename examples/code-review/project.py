"""The project around the code: tests, continuous integration, dependencies and their pins, licence, papers."""

from __future__ import annotations

import json
import re
import time
import tomllib
from pathlib import Path
from typing import Any

from sources import Selection, Source, read, select
from untested import unmentioned

_CI = {
    ".github/workflows/": "GitHub Actions", ".gitlab-ci.yml": "GitLab CI", ".circleci/": "CircleCI",
    "azure-pipelines.yml": "Azure Pipelines", "Jenkinsfile": "Jenkins", ".travis.yml": "Travis CI",
    ".woodpecker": "Woodpecker", ".forgejo/workflows/": "Forgejo Actions", ".drone.yml": "Drone", ".ci/": "own script",
    "bitbucket-pipelines.yml": "Bitbucket", "appveyor.yml": "AppVeyor", ".cirrus.yml": "Cirrus",
}  # fmt: skip
_LOCKS = frozenset(
    "uv.lock poetry.lock pdm.lock Pipfile.lock pylock.toml package-lock.json npm-shrinkwrap.json yarn.lock"
    " pnpm-lock.yaml bun.lockb bun.lock Cargo.lock go.sum Gemfile.lock composer.lock flake.lock gradle.lockfile".split()
)
_MANIFESTS = {
    "pyproject.toml": "Python", "setup.py": "Python", "setup.cfg": "Python", "package.json": "JavaScript",
    "Cargo.toml": "Rust", "go.mod": "Go", "Gemfile": "Ruby", "pom.xml": "Java", "build.gradle": "Java",
    "build.gradle.kts": "Java", "composer.json": "PHP", "mix.exs": "Elixir",
}  # fmt: skip
_LICENCES = (
    ("Apache-2.0", r"Apache License\s+Version 2\.0"), ("MIT", r"Permission is hereby granted, free of charge"),
    ("AGPL-3.0", r"GNU AFFERO GENERAL PUBLIC LICENSE"), ("LGPL", r"GNU LESSER GENERAL PUBLIC LICENSE"),
    ("GPL", r"GNU GENERAL PUBLIC LICENSE"), ("MPL-2.0", r"Mozilla Public License"), ("Unlicense", r"released into the public domain"),
    ("BSD", r"Redistribution and use in source and binary forms"), ("ISC", r"Permission to use, copy, modify, and/?o?r? ?distribute"),
)  # fmt: skip
_REQUIREMENTS = re.compile(r"(.*/)?(requirements|constraints)[\w.-]*\.txt|(.*/)?requirements/[^/]+\.txt")
_ACTION = re.compile(r"^\s*-?\s*uses:\s*['\"]?([\w.-]+/[\w./-]+)@([\w./-]+)", re.MULTILINE)
_IMAGE = re.compile(r"^FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?", re.MULTILINE | re.IGNORECASE)


def project(root: str, out: str = "") -> dict[str, Any]:
    """Look at what surrounds the code.

    Args:
        root: absolute path of the folder.
        out: absolute path of a folder that is left out.
    Returns:
        What `schemas/project.yaml` describes.
    """
    started = time.monotonic()
    selection = select(Path(root), Path(out) if out else None)
    names = {file.path for file in selection.files}
    return {
        "package": _is_package(selection.root, names),
        "tests": _tests(selection),
        "ci": sorted({said for start, said in _CI.items() if any(name.startswith(start) for name in names)}),
        "licence": _licence(selection),
        "readme": any(re.fullmatch(r"readme(\.\w+)?", name, re.IGNORECASE) for name in names),
        "changelog": any(re.fullmatch(r"(changelog|changes|history|news)(\.\w+)?", n, re.IGNORECASE) for n in names),
        "typed": _is_typed(selection, names),
        "manifests": sorted(name for name in names if name.rpartition("/")[2] in _MANIFESTS and name.count("/") < 2),
        "locks": sorted(name for name in names if name.rpartition("/")[2] in _LOCKS),
        "requirements": _requirements(selection),
        "loose": _loose_npm(selection),
        "actions": _actions(selection),
        "images": _images(selection),
        "took_ms": int((time.monotonic() - started) * 1000),
    }  # fmt: skip


def _is_package(root: Path, names: set[str]) -> bool:
    """Whether this is a published package unpacked: such leave out tests, locks and continuous integration."""
    if (root / ".git").exists():
        return False
    return "PKG-INFO" in names or (
        "package.json" in names and not any(n.endswith(tuple(_LOCKS)) for n in names)
    )


def _text(selection: Selection, path: str) -> str:
    try:
        return read(selection.root, path)
    except OSError:
        return ""


# --- tests ------------------------------------------------------------------------------------


def _tests(selection: Selection) -> dict[str, Any]:
    tests = [file for file in selection.files if file.role == "test" and file.is_code and file.readable]
    texts = {file.path: _text(selection, file.path) for file in tests}
    return {
        "files": len(tests),
        "frameworks": _frameworks(selection, texts),
        "cases": sum(_cases(file, texts[file.path]) for file in tests),
        "skipped": sum(len(re.findall(r"@(?:pytest\.mark\.|unittest\.)skip\b|\b(?:it|test|describe)\.skip\(", text)) for text in texts.values()),
        "unmentioned": unmentioned(selection, texts),
    }  # fmt: skip


def _frameworks(selection: Selection, texts: dict[str, str]) -> list[str]:
    signs = {
        "pytest": r"^\s*(import pytest|from pytest|def test_)", "unittest": r"^\s*(import unittest|from unittest import (?!mock))",
        "hypothesis": r"^\s*(import hypothesis|from hypothesis)", "vitest": r"from ['\"]vitest['\"]",
        "node:test": r"['\"]node:test['\"]", "go test": r"^import.*\"testing\"|^\s+\"testing\"$", "JUnit": r"import org\.junit",
        "RSpec": r"RSpec\.describe",
    }  # fmt: skip
    found = {
        name for name, sign in signs.items() for text in texts.values() if re.search(sign, text, re.MULTILINE)
    }
    dependencies = _npm(selection).get("devDependencies")
    if isinstance(dependencies, dict):
        found |= {
            name for name in ("jest", "mocha", "vitest", "ava", "tap", "playwright") if name in dependencies
        }
    return sorted(found)


def _cases(file: Source, text: str) -> int:
    if file.language == "Python":
        return len(re.findall(r"^\s*(?:async )?def test", text, re.MULTILINE))
    if file.language == "Go":
        return len(re.findall(r"^func Test", text, re.MULTILINE))
    if file.language in ("JavaScript", "TypeScript"):
        return len(re.findall(r"^\s*(?:it|test)(?:\.\w+)?\(", text, re.MULTILINE))
    return len(re.findall(r"@Test\b|#\[(?:\w+::)?test\]", text))


# --- dependencies -----------------------------------------------------------------------------


def _requirements(selection: Selection) -> list[dict[str, Any]]:
    """Requirement files, with how many of their lines are pinned and hashed."""
    files = []
    for file in selection.files:
        if file.readable and file.role == "source" and _REQUIREMENTS.fullmatch(file.path):
            text = re.sub(r"\\\r?\n", " ", _text(selection, file.path))
            lines = [
                (number, line.split(" #")[0].strip()) for number, line in enumerate(text.splitlines(), 1)
            ]
            named = [(number, line) for number, line in lines if re.match(r"[A-Za-z0-9]", line)]
            if not named:
                continue
            unpinned = [(number, line) for number, line in named if not re.search(r"===?|\s@\s|://", line)]
            files.append(
                {
                    "path": file.path,
                    "total": len(named),
                    "pinned": len(named) - len(unpinned),
                    "hashed": sum("--hash=" in line for _, line in named),
                    "unpinned": [{"line": number, "text": line[:80]} for number, line in unpinned[:10]],
                    "insecure": [
                        number for number, line in lines if re.search(r"http://|--trusted-host|--extra-index-url", line)
                    ][:10],
                }
            )  # fmt: skip
    return files[:20]


def _npm(selection: Selection) -> dict[str, Any]:
    try:
        value = json.loads(_text(selection, "package.json") or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _loose_npm(selection: Selection) -> list[str]:
    """Packages of package.json that take any version."""
    loose = []
    for group in ("dependencies", "devDependencies"):
        wanted = _npm(selection).get(group)
        if isinstance(wanted, dict):
            loose += [
                name for name, version in wanted.items() if str(version).strip() in ("*", "latest", "x", "")
            ]
    return sorted(loose)[:20]


def _actions(selection: Selection) -> dict[str, Any]:
    """How the steps of GitHub Actions are pinned: those that name a commit cannot be changed under one's feet."""
    pinned, floating = 0, []
    for file in selection.files:
        if file.path.startswith(".github/workflows/") and file.readable:
            text = _text(selection, file.path)
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


def _images(selection: Selection) -> list[dict[str, Any]]:
    """Base images without a version."""
    found = []
    for file in selection.files:
        if file.language == "Docker" and file.readable and file.role == "source":
            text = _text(selection, file.path)
            stages = {match[2].lower() for match in _IMAGE.finditer(text) if match[2]}
            for match in _IMAGE.finditer(text):
                image = match[1]
                if image.lower() in stages or image == "scratch" or "$" in image or "@" in image:
                    continue
                if ":" not in image.rpartition("/")[2] or image.endswith(":latest"):
                    line = text.count("\n", 0, match.start()) + 1
                    found.append({"path": file.path, "line": line, "text": image})
    return found[:20]


# --- papers -----------------------------------------------------------------------------------


def _licence(selection: Selection) -> str:
    """An SPDX-like name; `present` if the text is unknown, `stated` if only the manifest says so, or ""."""
    for file in selection.files:
        if re.fullmatch(
            r"(licen[cs]e|copying|unlicense)([.-][\w.-]+)?", file.path, re.IGNORECASE
        ) or file.path.startswith("LICENSES/"):
            text = _text(selection, file.path)[:4000]
            return next((name for name, sign in _LICENCES if re.search(sign, text, re.IGNORECASE)), "present")
    stated = _pyproject(selection).get("license") or _npm(selection).get("license")
    return "stated" if stated else ""


def _is_typed(selection: Selection, names: set[str]) -> bool:
    """Whether somebody checks types: a py.typed, a type checker's settings, or TypeScript."""
    if any(name.endswith(("py.typed", "tsconfig.json", "mypy.ini", "pyrightconfig.json")) for name in names):
        return True
    tool = _toml(selection).get("tool")
    return isinstance(tool, dict) and bool(tool.keys() & {"mypy", "pyright", "basedpyright", "ty", "pyrefly"})


def _pyproject(selection: Selection) -> dict[str, Any]:
    value = _toml(selection).get("project")
    return value if isinstance(value, dict) else {}


def _toml(selection: Selection) -> dict[str, Any]:
    try:
        return tomllib.loads(_text(selection, "pyproject.toml"))
    except ValueError:
        return {}
