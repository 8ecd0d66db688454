"""What Podium is made of and tested with may all be used under its own licence."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "licences.py"


@pytest.fixture(scope="module")
def licences() -> ModuleType:
    spec = importlib.util.spec_from_file_location("licences", TOOL)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["licences"] = module
    spec.loader.exec_module(module)
    return module


def test_every_package_says_a_licence_that_is_allowed(licences: ModuleType) -> None:
    found = licences.used()
    assert licences.troubles(found) == []
    names = {one.name: one for one in found}
    assert names["fastapi"].shipped and not names["pytest"].shipped
    assert names["pydantic-core"].shipped, "what is required by what is required"
    assert names["preact (console)"].licence == "MIT"


def test_they_are_listed() -> None:
    done = subprocess.run([sys.executable, str(TOOL)], capture_output=True, text=True, check=True)
    assert "comes with Podium:\n" in done.stdout and "fastapi" in done.stdout


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True), ("GPL-3.0-only", False), ("MIT OR GPL-3.0-only", True),
        ("MIT AND GPL-3.0-only", False),
        ("GPL-2.0-only OR (MIT AND BSD-3-Clause)", True), ("(MIT OR GPL-2.0-only) AND LGPL-3.0-only", False),
        ("Apache-2.0 WITH LLVM-exception", True), ("", False), ("MIT OR", True), ("MIT BSD-3-Clause", False),
        ("(MIT", False), ("AGPL-3.0-or-later AND (MIT", False),
    ],
)  # fmt: skip
def test_expressions_are_understood(licences: ModuleType, expression: str, allowed: bool) -> None:
    assert licences.is_allowed(expression) == allowed


def test_a_licence_that_is_not_allowed_is_told(licences: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def told(licence: str, shipped: bool) -> bool:
        return bool(licences.troubles([licences.Used("x", "1", licence, shipped)]))

    assert told("", False) and told("GPL-3.0-only", False) and told("LGPL-3.0-only", False)
    monkeypatch.setattr(licences, "ONLY_FOR_WORK", {"x": "a reason"})
    assert not told("LGPL-3.0-only", False)
    assert told("LGPL-3.0-only", True) and told("GPL-3.0-only", False), "no reason is good enough"
