"""`podium policy replay`: what was done is decided again under another policy, from a real log."""

from __future__ import annotations

from typing import Any

import pytest

from podium.cli.exits import Exit
from tests.cli.command import Command

GUARD = """\
apiVersion: podium.dev/v1
kind: Policy
metadata: {name: guard}
spec:
  version: 1.0.0
  budgets:
    - {name: hour, scope: [tenant], limit: {toolCalls: 100}, window: {per: hour, timezone: UTC}}
  tiers:
    1: {approvers: {roles: [operator]}, quorum: 1, timeout: 4h, onTimeout: deny}
  rules:
    - {id: agents, effect: allow, match: {kinds: [agent]}}
    - {id: no-eve, effect: deny, match: {kinds: [agent]}, when: 'args.name == "Eve"', message: not Eve}
    - {id: ask-bob, effect: approve, tier: 1, match: {kinds: [agent]}, when: 'args.name == "Bob"'}
"""

STRICT = """\
apiVersion: podium.dev/v1
kind: Policy
metadata: {name: guard}
spec:
  version: 1.1.0
  rules:
    - {id: no-agents, effect: deny, match: {kinds: [agent]}}
"""


@pytest.fixture
def greeted(podium: Command) -> Command:
    """Ada, Bob, Eve and Ada were greeted while only the built-in policy held."""
    assert podium("apply", "team").returncode == 0
    for name in ("Ada", "Bob", "Eve", "Ada"):
        done = podium("run", "test/greet", "--input", f"name={name}")
        assert done.returncode == 0, done.stderr
    (podium.folder / "guard.yaml").write_text(GUARD)
    return podium


def test_what_would_have_been_said(greeted: Command) -> None:
    before = greeted.json("audit", "verify")
    found = greeted.json("policy", "replay", "guard.yaml", "--since", "1d")
    rows: list[dict[str, Any]] = found["rows"]
    assert (found["actions"], found["changed"]) == (4, 2)
    assert [(row["was"], row["now"], row["rules"]) for row in rows] == [
        ("allow", "approve", ["guard/ask-bob"]), ("allow", "deny", ["guard/no-eve"]),
    ]  # fmt: skip
    assert rows[0]["tier"] == 1 and rows[1]["message"] == "not Eve"
    assert rows[1]["reads"] and rows[1]["performed"]
    assert found["sums"]["denied"]["actions"] == found["sums"]["asked"]["actions"] == 1
    assert len(greeted.json("policy", "replay", "guard.yaml", "--every")["rows"]) == 4
    assert greeted.json("audit", "verify") == before, "nothing is written"

    told = greeted("policy", "replay", "guard.yaml")
    assert "approve (tier 1)" in told.stdout and "guard/no-eve" in told.stdout
    assert "4 actions, of 2 something else would have been said:" in told.stderr
    assert "Nothing was changed." in told.stderr


def test_since_when_and_beside_what(greeted: Command) -> None:
    assert greeted.json("policy", "replay", "guard.yaml", "--since", "2999-01-01")["actions"] == 0
    assert greeted("apply", "guard.yaml").returncode == 0
    (greeted.folder / "strict.yaml").write_text(STRICT)
    found = greeted.json("policy", "replay", "strict.yaml")
    assert found["sums"]["denied"]["actions"] == 4, "it stands in the place of the one in force"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["guard.yaml", "--since", "soon"], Exit.USAGE, "'soon' is no moment"),
        (["nothing.yaml"], Exit.NOT_FOUND, "nothing.yaml"),
        (["team"], Exit.USAGE, "no policy is declared there"),
    ],
)
def test_what_cannot_be_replayed(podium: Command, arguments: list[str], code: int, said: str) -> None:
    assert podium("apply", "team").returncode == 0
    (podium.folder / "guard.yaml").write_text(GUARD)
    told = podium("policy", "replay", *arguments)
    assert (told.returncode, said in told.stderr) == (code, True), told.stderr
