"""The lock installs the same files everywhere: hashed, complete, free of addresses."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements.lock"


def requirements() -> dict[str, list[str]]:
    """Each locked name and the hashes that follow it."""
    locked: dict[str, list[str]] = {}
    name = ""
    for line in LOCK.read_text(encoding="utf-8").splitlines():
        if match := re.match(r"([a-z0-9-]+)==", line):
            name = match[1]
            locked[name] = []
        if found := re.findall(r"--hash=sha256:([0-9a-f]{64})\b", line):
            locked[name].extend(found)
    return locked


def declared() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    return [re.split(r"[^A-Za-z0-9.-]", one)[0].lower().replace(".", "-") for one in wanted]


def test_every_line_is_a_pin_a_hash_or_a_comment() -> None:
    strange = [
        line
        for line in LOCK.read_text(encoding="utf-8").splitlines()
        if not re.fullmatch(r"[a-z0-9-]+==\S+( ; .+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?| *#.*", line)
    ]
    assert strange == []


@pytest.mark.parametrize("address", ["://", "index-url", "find-links", "file:", " /", "@"])
def test_no_address_and_no_path_stands_in_it(address: str) -> None:
    assert address not in LOCK.read_text(encoding="utf-8")


def test_every_pin_has_hashes() -> None:
    assert [name for name, hashes in requirements().items() if not hashes] == []


def test_every_declared_dependency_is_pinned() -> None:
    assert [name for name in declared() if name not in requirements()] == []


@pytest.mark.parametrize("name", ["apsw", "jq", "jsonschema-rs", "msgspec", "pydantic-core"])
def test_compiled_parts_are_locked_for_many_platforms(name: str) -> None:
    assert len(requirements()[name]) > 10, f"{name} was locked for this machine alone; run `make lock`"
