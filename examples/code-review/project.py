"""The project around the code: tests, continuous integration, dependencies and pins, licence."""

from __future__ import annotations

import re
import time
import tomllib
from pathlib import Path
from typing import Any

from dependencies import actions, images, loose_npm, npm, requirements
from sources import Selection, Source, select, text_of
from untested import unreached

_CI = {
    ".github/workflows/": "GitHub Actions",
    ".gitlab-ci.yml": "GitLab CI",
    ".circleci/": "CircleCI",
    "azure-pipelines.yml": "Azure Pipelines",
    "Jenkinsfile": "Jenkins",
    ".travis.yml": "Travis CI",
    ".woodpecker": "Woodpecker",
    ".forgejo/workflows/": "Forgejo Actions",
    ".drone.yml": "Drone",
    ".ci/": "own script",
    "bitbucket-pipelines.yml": "Bitbucket",
    "appveyor.yml": "AppVeyor",
    ".cirrus.yml": "Cirrus",
}
_LOCKS = frozenset(
    "uv.lock poetry.lock pdm.lock Pipfile.lock pylock.toml package-lock.json npm-shrinkwrap.json yarn.lock"
    " pnpm-lock.yaml bun.lockb bun.lock Cargo.lock go.sum Gemfile.lock composer.lock flake.lock"
    " gradle.lockfile".split()
)
_MANIFESTS = frozenset(
    "pyproject.toml setup.py setup.cfg package.json Cargo.toml go.mod Gemfile pom.xml build.gradle"
    " build.gradle.kts composer.json mix.exs".split()
)
_LICENCES = (
    ("Apache-2.0", r"Apache License\s+Version 2\.0"),
    ("MIT", r"Permission is hereby granted, free of charge"),
    ("AGPL-3.0", r"GNU AFFERO GENERAL PUBLIC LICENSE"),
    ("LGPL", r"GNU LESSER GENERAL PUBLIC LICENSE"),
    ("GPL", r"GNU GENERAL PUBLIC LICENSE"),
    ("MPL-2.0", r"Mozilla Public License"),
    ("Unlicense", r"released into the public domain"),
    ("BSD", r"Redistribution and use in source and binary forms"),
    ("ISC", r"Permission to use, copy, modify, and/?o?r? ?distribute"),
)


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
        "readme": _has(names, "readme"),
        "changelog": _has(names, "changelog|changes|history|news"),
        "typed": _is_typed(selection, names),
        "manifests": sorted(name for name in names if _depth(name)[0] < 2 and _base(name) in _MANIFESTS),
        "locks": sorted((name for name in names if _base(name) in _LOCKS), key=_depth),
        "requirements": requirements(selection),
        "loose": loose_npm(selection),
        "actions": actions(selection),
        "images": images(selection),
        "took_ms": int((time.monotonic() - started) * 1000),
    }


def _has(names: set[str], stems: str) -> bool:
    """Whether a file of one of these names stands at the root, whatever its ending."""
    return any(re.fullmatch(rf"({stems})(\.\w+)?", name, re.IGNORECASE) for name in names)


def _base(path: str) -> str:
    return path.rpartition("/")[2]


def _is_package(root: Path, names: set[str]) -> bool:
    """Whether this is a published package unpacked: such leave out tests, locks and pipelines."""
    if (root / ".git").exists():
        return False
    return "PKG-INFO" in names or (
        "package.json" in names and not any(n.endswith(tuple(_LOCKS)) for n in names)
    )


def _depth(path: str) -> tuple[int, str]:
    return path.count("/"), path


# --- tests ------------------------------------------------------------------------------------


def _tests(selection: Selection) -> dict[str, Any]:
    tests = [file for file in selection.files if file.role == "test" and file.is_code and file.readable]
    texts = {file.path: text_of(selection, file.path) for file in tests}
    return {
        "files": len(tests),
        "frameworks": _frameworks(selection, tests, texts),
        "cases": sum(_cases(file, texts[file.path]) for file in tests),
        "skipped": sum(len(_SKIP.findall(text)) for text in texts.values()),
        "unreached": unreached(selection),
    }


_SKIP = re.compile(r"@(?:pytest\.mark\.|unittest\.)skip\b|\b(?:it|test|describe)\.skip\(")
_FRAMEWORKS = {
    "pytest": ("Python", r"^\s*(?:import pytest|from pytest)"),
    "unittest": ("Python", r"^\s*(?:import unittest|from unittest import (?!mock))"),
    "hypothesis": ("Python", r"^\s*(?:import hypothesis|from hypothesis)"),
    "vitest": ("JavaScript TypeScript", r"from ['\"]vitest['\"]"),
    "node:test": ("JavaScript TypeScript", r"['\"]node:test['\"]"),
    "go test": ("Go", r"^(?:import|\s)\s*\"testing\"$"),
    "JUnit": ("Java Kotlin", r"import org\.junit"),
    "RSpec": ("Ruby", r"RSpec\.describe"),
}


def _frameworks(selection: Selection, tests: list[Source], texts: dict[str, str]) -> list[str]:
    found = {
        name
        for name, (languages, sign) in _FRAMEWORKS.items()
        for file in tests
        if file.language in languages.split() and re.search(sign, texts[file.path], re.MULTILINE)
    }
    dependencies = npm(selection).get("devDependencies")
    if isinstance(dependencies, dict) and tests:
        found |= {name for name in ("jest", "mocha", "ava", "tap", "playwright") if name in dependencies}
    return sorted(found)


def _cases(file: Source, text: str) -> int:
    if file.language == "Python":
        return len(re.findall(r"^\s*(?:async )?def test", text, re.MULTILINE))
    if file.language == "Go":
        return len(re.findall(r"^func Test", text, re.MULTILINE))
    if file.language in ("JavaScript", "TypeScript"):
        return len(re.findall(r"^\s*(?:it|test)(?:\.\w+)?\(", text, re.MULTILINE))
    return len(re.findall(r"@Test\b|#\[(?:\w+::)?test\]", text))


# --- papers -----------------------------------------------------------------------------------


def _licence(selection: Selection) -> str:
    """An SPDX-like name; `present` if the text is unknown, `stated` if only the manifest says so, or ""."""
    for file in selection.files:
        if re.fullmatch(
            r"(licen[cs]e|copying|unlicense)([.-][\w.-]+)?", file.path, re.IGNORECASE
        ) or file.path.startswith("LICENSES/"):
            text = text_of(selection, file.path)[:4000]
            return next((name for name, sign in _LICENCES if re.search(sign, text, re.IGNORECASE)), "present")
    stated = _pyproject(selection).get("license") or npm(selection).get("license")
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
        return tomllib.loads(text_of(selection, "pyproject.toml"))
    except ValueError:
        return {}
