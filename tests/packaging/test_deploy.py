"""What is deployed: the packages that were tested, and commands that there are."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from podium.cli.app import app

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


def pins(path: Path) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==([^\s;\\]+)", path.read_text(), re.M))


def test_what_is_deployed_is_what_was_tested() -> None:
    deployed, tested = pins(DEPLOY / "requirements.lock"), pins(ROOT / "requirements.lock")
    assert deployed.items() <= tested.items(), "run: make lock"
    assert not {"pytest", "mypy", "ruff"} & deployed.keys()
    project = (ROOT / "pyproject.toml").read_text().partition("dependencies = [")[2].partition("]\n")[0]
    wanted = {name.lower().replace(".", "-") for name in re.findall(r'"([\w.-]+)[\[>=]', project)}
    assert wanted <= deployed.keys()


def commands() -> list[list[str]]:
    """What the files here have `podium` do."""
    found = [
        json.loads(line) for line in re.findall(r"^CMD (\[.*\])", (DEPLOY / "Dockerfile").read_text(), re.M)
    ]
    started = re.findall(r"^ExecStart=\S+/podium (.*)$", (DEPLOY / "podium.service").read_text(), re.M)
    found += [shlex.split(line) for line in started]
    services = YAML(typ="safe").load(DEPLOY / "compose.yaml")["services"]
    return [*found, *(one["command"] for one in services.values() if "command" in one)]


@pytest.mark.parametrize("given", commands(), ids=lambda given: given[0])
def test_every_command_is_one(given: list[str]) -> None:
    command, bound, _ = app.parse_args(given, exit_on_error=False, print_error=False)
    assert command.__module__.startswith("podium.")
    assert bound.arguments
