"""The command line answers at once: asking for help loads nothing that only a command needs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {
    "aiohttp",
    "apsw",
    "asyncio",
    "hypothesis",
    "jq",
    "jsonschema_rs",
    "httpx2",
    "multiprocessing",
    "podium.bootstrap",
    "podium.kernel",
    "podium.runtime",
    "podium.sim",
    "podium.store",
    "pydantic",
    "pydantic_core",
    "pydantic_settings",
    "pytest",
    "ruamel",
    "sqlite3",
    "ssl",
}

OURS = {
    "podium", "podium.cli", "podium.cli.app", "podium.cli.exits", "podium.cli.far", "podium.cli.options",
    "podium.cli.output",
}  # fmt: skip
"""All that is ours and that a command line needs before it knows its command."""


def start(*arguments: str) -> subprocess.CompletedProcess[str]:
    """What the installed script does, with a trace of all imports on stderr."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    module, _, door = project["scripts"]["podium"].partition(":")
    script = f"import sys; from {module} import {door}; sys.argv[0] = 'podium'; sys.exit({door}())"
    path = os.pathsep.join(filter(None, [str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]))
    return subprocess.run(
        [sys.executable, "-X", "importtime", "-c", script, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": path},
    )


def imported(trace: str) -> set[str]:
    return {
        match[1] for match in re.finditer(r"^import time:\s+\d+ \|\s+\d+ \|\s+(\S+)$", trace, re.MULTILINE)
    }


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_asking_imports_nothing_heavy(argument: str) -> None:
    answer = start(argument)
    assert answer.returncode == 0, "\n".join(answer.stderr.splitlines()[-12:])
    assert answer.stdout.strip()
    modules = imported(answer.stderr)
    assert "podium.cli" in modules
    assert modules & HEAVY == set()
    assert {module for module in modules if module.partition(".")[0] == "podium"} == OURS
