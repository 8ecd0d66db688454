"""Scripts and shell commands on a real hub: off unless a setting allows them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from podium.facts.catalog import Declared
from tests.runtime.serving import House, workflow

SHELL = {"run": {"shell": {"command": "echo $1", "arguments": ["${ .name }"]}}}


def refused(house: House, *resources: Declared) -> list[dict[str, Any]]:
    reply = house.door.call("apply", {"resources": [msgspec.to_builtins(one) for one in resources]})
    problems: list[dict[str, Any]] = reply["refused"]["problems"]
    return problems


def test_they_are_off_until_the_hub_allows_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PODIUM_ALLOW_RUN", raising=False)
    flow = workflow("say", {"say": SHELL})
    house = House(tmp_path)
    try:
        (problem,) = refused(house, flow)
        assert (problem["rule"], problem["path"]) == ("configuration", "/do/0/say/run/shell")
        assert "PODIUM_ALLOW_RUN=shell" in problem["message"]
        monkeypatch.setenv("PODIUM_ALLOW_RUN", "script, shell")
        house.restart()
        house.apply(flow)
        run_id = house.submit("say", {"name": "Ada"})
        assert house.call("wait", run_id=run_id)["output"] == "Ada"
        # What was applied once still is when the setting is gone; it only does not run.
        monkeypatch.delenv("PODIUM_ALLOW_RUN")
        house.restart()
        run_id = house.submit("say", {"name": "Eve"})
        error = house.call("wait", run_id=run_id)["error"]
        assert error["type"].endswith("/configuration") and "PODIUM_ALLOW_RUN" in error["detail"]
    finally:
        house.close()


def test_the_timeout_of_the_task_kills_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PODIUM_ALLOW_RUN", "shell")
    house = House(tmp_path)
    try:
        slow = {"run": {"shell": {"command": "sleep 1000"}}, "timeout": {"after": {"milliseconds": 200}}}
        house.apply(workflow("slow", {"wait": slow}))
        error = house.call("wait", run_id=house.submit("slow"))["error"]
        assert error["type"].endswith("/timeout")
        assert house.serving.hub.worker.drain(20_000)
    finally:
        house.close()
