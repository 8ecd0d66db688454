"""A hub for a user's test."""

from __future__ import annotations

from pathlib import Path

import pytest

from podium.sdk import flow
from podium.sdk.agent import agent
from podium.sdk.client import PodiumError
from podium.testing.team import team, until_waiting

ask = flow.Workflow("test", "ask", "1.0.0", flow.Human("well", title="Well?", decisions=("yes", "no")))
double = flow.Workflow(
    "test", "double", "1.0.0", flow.Agent("twice", capability="twice", input=flow.x("{n: .n}"))
)


@agent(name="twice", version="1.0.0")
async def twice(n: int) -> int:
    return 2 * n


def test_agents_and_workflows_of_the_tests_own_file(tmp_path: Path) -> None:
    with team(tmp_path, __file__) as client:
        assert client.run("double", {"n": 21}, timeout_ms=60_000).output == 42


def test_a_run_that_waits_can_be_answered(tmp_path: Path) -> None:
    with team(tmp_path, __file__) as client:
        run_id = client.submit("ask").run_id
        assert until_waiting(client, run_id)["task"] == "/do/0/well"
        client.answer(run_id, decision="no")
        ended = client.wait(run_id, 60_000)
        assert isinstance(ended.output, dict)
        assert ended.output["decision"] == "no"


def test_waiting_for_a_run_that_ended_fails(tmp_path: Path) -> None:
    with team(tmp_path, __file__) as client:
        run_id = client.run("double", {"n": 1}, timeout_ms=60_000).id
        with pytest.raises(AssertionError, match="ended"):
            until_waiting(client, run_id)


def test_what_cannot_be_declared_fails_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "team.yaml").write_text("apiVersion: podium.dev/v1\nkind: Agnt\n")
    with (
        pytest.raises(AssertionError, match=r"team\.yaml:2"),
        team(tmp_path / "state", tmp_path / "team.yaml"),
    ):
        pass
    (tmp_path / "flow.yaml").write_text(
        "document: {dsl: 1.0.3, namespace: a, name: b, version: 1.0.0}\n"
        "do: [a: {then: nowhere, set: {a: 1}}]\n"
    )
    with pytest.raises(PodiumError, match="nowhere"), team(tmp_path / "state", tmp_path / "flow.yaml"):
        pass
