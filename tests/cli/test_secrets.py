"""Secrets from the command line: where they come from, and that no command shows or keeps one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.command import Command

TOKEN = "hush-hush-hush"

AGENTS = """

async def careless(input):
    print("printed", input["token"])
    raise ValueError("it was " + input["token"])
"""

MANIFEST = """
---
apiVersion: podium.dev/v1
kind: Agent
metadata: {name: careless}
spec:
  version: 1.0.0
  capabilities: [{name: careless}]
  runtime: {function: {callable: "agents:careless"}}
---
document: {dsl: '1.0.3', namespace: test, name: careless, version: '1.0.0'}
use: {secrets: [the-token]}
do:
  - work:
      input: {from: {token: '${ $secrets["the-token"] }'}}
      call: agent
      with: {capability: careless}
"""


@pytest.fixture
def careless(podium: Command) -> Command:
    with (podium.team / "team.yaml").open("a") as manifest:
        manifest.write(MANIFEST)
    with (podium.team / "agents.py").open("a") as agents:
        agents.write(AGENTS)
    return podium


def assert_nothing_is_kept(folder: Path) -> None:
    for file in folder.rglob("*"):
        assert not file.is_file() or TOKEN.encode() not in file.read_bytes(), file


def test_no_command_shows_or_keeps_one(careless: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PODIUM_SECRET_THE_TOKEN", TOKEN)
    said = [careless("run", "team", "--workflow", "careless", "--debug")]
    assert said[0].returncode == 1 and "it was (secret the-token)" in said[0].stderr
    (run,) = careless.json("get", "runs", "--workflow", "test/careless")
    said += [careless(*words, run["id"]) for words in (("story",), ("events",), ("describe", "run"))]
    said.append(careless("run", "careless", "--detach"))
    for done in said:
        assert TOKEN not in done.stdout + done.stderr
    assert_nothing_is_kept(careless.state)


def test_they_may_stand_in_a_file_that_is_named(careless: Command) -> None:
    file = careless.folder / "secrets"
    file.write_text(f"the-token: {TOKEN}\n")
    file.chmod(0o600)
    done = careless("--secrets", os.fspath(file), "run", "team", "--workflow", "careless")
    assert "it was (secret the-token)" in done.stderr
    file.chmod(0o644)
    done = careless("--secrets", os.fspath(file), "run", "careless")
    assert done.returncode == 1 and "chmod 600" in done.stderr
    assert "the secret the-token is not set" in careless("run", "careless").stderr
    assert_nothing_is_kept(careless.state)
