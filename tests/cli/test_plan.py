"""`plan`, `diff`, `delete` and `get … --history`: changing agents without breaking others."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import Command

STRICTER = "input: {type: object, required: [name, title], properties: {name: {type: string}}}"
PLAIN = "input: {type: object, required: [name], properties: {name: {type: string}}}"
WIDER = "input: {type: object, required: [name], properties: {name: {type: string}, tone: {type: string}}}"


def change(podium: Command, *changes: tuple[str, str]) -> None:
    """Write the manifest anew."""
    manifest = podium.team / "team.yaml"
    text = manifest.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    manifest.write_text(text)


def planned(podium: Command, *arguments: str) -> tuple[int, Any]:
    done = podium("plan", *arguments, "-o", "json")
    return done.returncode, json.loads(done.stdout)


@pytest.fixture
def applied(podium: Command) -> Command:
    done = podium("apply", "team")
    assert done.returncode == 0, done.stderr
    return podium


def test_a_plan_needs_no_state_and_leaves_none(podium: Command) -> None:
    done = podium("plan", "team")
    assert done.returncode == 3, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split()[:4] == ["+", "agent", "greeter", "1.0.0"]
    assert "9 to add" in done.stderr and "nothing breaks" in done.stderr
    assert not podium.state.exists()


def test_a_plan_of_what_is_there_differs_in_nothing(applied: Command) -> None:
    done = applied("plan", "team")
    assert (done.returncode, done.stdout) == (0, "")
    assert "nothing to do: 9 resources unchanged" in done.stderr
    assert applied.hub() == 0


def test_a_change_that_breaks_is_planned_refused_and_forced(applied: Command) -> None:
    change(applied, (PLAIN, STRICTER), ("version: 1.0.0\n  capabilities:", "version: 2.0.0\n  capabilities:"))
    done = applied("plan", "team")
    assert done.returncode == 3
    assert "~ agent  greeter  1.0.0 → 2.0.0  " in done.stdout
    assert 'contract of greet: forward compatible only (input: "title" is a required property)' in done.stdout
    assert '+ /capabilities/0/input/required/1  "title"' in done.stdout
    assert "✗ Workflow/test/greet@1.0.0 /do/0/greet/with/input  team/team.yaml:" in done.stdout
    assert 'for example {"name": ' in done.stdout
    assert "`podium apply` refuses" in done.stderr

    refused = applied("apply", "team")
    assert refused.returncode == 6
    assert "team/team.yaml:" in refused.stderr and "handoff" in refused.stderr
    assert "--force --reason" in refused.stderr
    assert applied("apply", "team", "--force").returncode == 2
    assert applied("apply", "team", "--reason", "why not").returncode == 2
    assert applied("plan", "team").returncode == 3

    forced = applied("apply", "team", "--force", "--reason", "the form asks for it now")
    assert forced.returncode == 0, forced.stderr
    assert applied("plan", "team").returncode == 0
    history = applied.json("get", "agent", "greeter", "--history")
    assert [(row["version"], row["current"], row["forced"], row["why"]) for row in history] == [
        ("2.0.0", True, True, "the form asks for it now"),
        ("1.0.0", False, False, ""),
    ]
    assert history[0]["principal"].startswith("user:")
    shown = applied("get", "agent", "greeter", "--history").stdout
    assert "current, forced: the form asks for it now" in shown


def test_a_change_that_fits_is_applied(applied: Command) -> None:
    change(applied, (PLAIN, WIDER))
    code, made = planned(applied, "team")
    assert code == 3
    assert made["breaks"] is False
    (found,) = (one for one in made["changes"] if one["action"] == "change")
    assert [one["compatibility"] for one in found["contract"]] == ["full"]
    assert applied("apply", "team").returncode == 0


def test_what_is_left_out_goes_only_when_pruned(applied: Command) -> None:
    text = (applied.team / "team.yaml").read_text().split("---\n")
    fewer = applied.folder / "fewer"
    fewer.mkdir()
    shutil.copy(applied.team / "agents.py", fewer)
    (fewer / "team.yaml").write_text("---\n".join(part for part in text if "greet" in part or "slow" in part))
    code, made = planned(applied, "fewer")
    assert "remove" not in {one["action"] for one in made["changes"]}
    code, made = planned(applied, "fewer", "--prune")
    gone = [one["name"] for one in made["changes"] if one["action"] == "remove"]
    assert (code, sorted(gone)) == (3, ["gate", "once", "test/ask", "test/fail", "test/listen", "test/once"])
    assert [one["rule"] for one in made["remarks"] if one["weight"] == "breaks"] == ["missing-agent"]
    refused = applied("apply", "fewer", "--prune")
    assert refused.returncode == 6
    assert "no agent offers pass" in refused.stderr


def test_a_folder_is_compared_with_another_wherever_it_lies(podium: Command) -> None:
    shutil.copytree(podium.team, podium.folder / "elsewhere")
    done = podium("plan", "team", "--against", "elsewhere")
    assert done.returncode == 0, done.stdout
    change(podium, (PLAIN, STRICTER), ("name: listen,", "name: listen-2,"))
    code, made = planned(podium, "team", "--against", "elsewhere")
    assert code == 3
    found = {(one["action"], one["name"]) for one in made["changes"] if one["action"] != "none"}
    assert found == {("change", "greeter"), ("add", "test/listen-2"), ("remove", "test/listen")}
    assert made["breaks"] is True
    assert not podium.state.exists()


def test_revisions_are_compared(applied: Command) -> None:
    change(applied, (PLAIN, WIDER), ("version: 1.0.0\n  capabilities:", "version: 1.1.0\n  capabilities:"))
    assert applied("apply", "team").returncode == 0
    done = applied("diff", "greeter")
    assert done.returncode == 3
    assert "~ agent  greeter  1.0.0 → 1.1.0" in done.stdout
    assert "contract of greet: compatible both ways" in done.stdout
    assert '+ /capabilities/0/input/properties/tone  {"type": "string"}' in done.stdout
    assert applied("diff", "greeter", "1.1.0").returncode == 0
    assert applied("diff", "greeter", "1.0.0", "1").returncode == 0
    found = json.loads(applied("diff", "greeter", "1.0.0", "1.1.0", "-o", "json").stdout)
    assert {one["path"] for one in found["differences"]} == {
        "/version", "/capabilities/0/input/properties/tone",
    }  # fmt: skip
    # The name belongs to a workflow as well as to a capability, but to no agent.
    assert applied("diff", "greet", "nothing").returncode == 4
    assert applied("diff", "nobody").returncode == 4


def test_what_is_in_use_is_not_deleted(applied: Command) -> None:
    refused = applied("delete", "agent", "greeter")
    assert refused.returncode == 6
    assert "no agent offers greet" in refused.stderr
    assert "Workflow/test/greet@1.0.0" in refused.stderr
    done = applied("delete", "workflow", "listen")
    assert (done.returncode, done.stdout) == (0, "Workflow/test/listen@1.0.0\n")
    assert applied("get", "workflow", "listen").returncode == 4
    assert applied.json("get", "workflow", "listen", "--history")[0]["action"] == "deleted"
    assert applied("delete", "workflow", "listen").returncode == 4
    assert applied("run", "listen").returncode == 4

    assert applied("run", "ask", "--detach").returncode == 0
    refused = applied("delete", "workflow", "ask")
    assert refused.returncode == 6
    assert "1 unfinished run is pinned to it" in refused.stderr
    assert applied("delete", "workflow", "ask", "--force").returncode == 2
    forced = applied("delete", "workflow", "ask", "--force", "--reason", "asked elsewhere")
    assert forced.returncode == 0, forced.stderr


def test_the_use_of_what_is_deprecated_is_said(podium: Command) -> None:
    change(
        podium,
        (
            "  capabilities:\n    - name: greet",
            "  deprecated: use hailer\n  capabilities:\n    - name: greet",
        ),
        (
            "name: greet, version: '1.0.0'}",
            "name: greet, version: '1.0.0', metadata: {deprecated: use hail}}",
        ),
    )
    done = podium("plan", "team")
    assert "Worth a look" in done.stdout
    assert "greeter@1.0.0 is deprecated: use hailer" in done.stdout
    done = podium("apply", "team")
    assert "note: Workflow/test/greet@1.0.0/do/0/greet/with: greeter@1.0.0 is deprecated" in done.stderr
    assert "deprecated: use hailer" in podium("get", "agents").stdout
    assert "deprecated: use hail\n" in podium("get", "workflows").stdout
    done = podium("run", "greet")
    assert done.returncode == 0
    assert "note: test/greet@1.0.0 is deprecated: use hail" in done.stderr
    (run,) = podium.json("get", "runs")
    story = podium("story", run["id"]).stdout
    assert "the workflow is deprecated: use hail" in story
    assert "routed to greeter@1.0.0: only agent; greeter@1.0.0 is deprecated: use hailer" in story


def test_what_cannot_be_read_is_not_planned(podium: Command, tmp_path: Path) -> None:
    assert podium("plan").returncode == 2
    assert podium("plan", "nothing.yaml").returncode == 4
    change(podium, ("call: agent\n", "call: agnet\n"))
    assert podium("plan", "team").returncode == 2
    assert podium("get", "agent", "greeter").returncode in (4, 7)
