"""What waits for people, by the command line: they look, decide, hand on, edit and break the glass."""

from __future__ import annotations

import getpass
from typing import Any

from tests.cli.command import Command, until

TEAM = """\
apiVersion: podium.dev/v1
kind: Agent
metadata: {name: payer}
spec:
  version: 1.0.0
  cost: {perCall: {usd: "0.25"}}
  capabilities: [{name: pay}]
  runtime:
    function: {callable: "paying:pay"}
---
apiVersion: podium.dev/v1
kind: Policy
metadata: {name: house}
spec:
  version: 1.0.0
  tiers:
    1: {approvers: {roles: [operator]}}
  budgets:
    - {name: day, scope: [principal], limit: {usd: "1.00"}, window: {per: day}}
  rules:
    - {id: all, effect: allow}
    - {id: dear, effect: approve, tier: 1, when: args.amount > 10, message: that is much}
    - {id: far, effect: deny, when: args.amount > 1000, message: that is too much}
    - {id: names, effect: approve, tier: 1, when: '"pii" in data.labels', message: it holds names}
---
document: {dsl: '1.0.3', namespace: test, name: pay, version: '1.0.0'}
do:
  - pay:
      call: agent
      with: {capability: pay, input: {amount: '${ .amount }'}}
---
document: {dsl: '1.0.3', namespace: test, name: twice, version: '1.0.0'}
do:
  - first:
      call: agent
      with: {capability: pay, input: {amount: 1}}
  - second:
      call: agent
      with: {capability: pay, input: {amount: 2}}
"""
CODE = """\
def pay(amount: int) -> str:
    return f"paid {amount}"
"""


def begin(podium: Command, amount: int, *more: str, workflow: str = "pay") -> str:
    """Start a run in the background; gives its id."""
    (podium.team / "paying.yaml").write_text(TEAM)
    (podium.team / "paying.py").write_text(CODE)
    ran = podium("run", "team", "--workflow", workflow, "--input", f"amount={amount}", "--detach", *more)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


def ended(podium: Command, run: str) -> dict[str, Any]:
    """A run that ended, as it is described."""

    def found() -> Any:
        shown = podium.json("describe", "run", run)
        return shown if shown["phase"] in ("completed", "faulted") else None

    return dict(until(found))


def waits(podium: Command, run: str) -> dict[str, Any]:
    """The one thing that waits in a run."""
    (found,) = until(lambda: podium.json("approvals", run))
    return dict(found)


def test_who_may_says_yes_and_it_is_done(podium: Command) -> None:
    run = begin(podium, 50)
    found = waits(podium, run)
    me = podium.json("whoami")
    assert me["principal"] == f"user:{getpass.getuser()}" and me["roles"] == ["operator"]
    table = podium("approvals", "-o", "table").stdout
    assert f"{run[:8]}/{found['effect']}" in table and "that is much" in table
    shown = podium("approval", "show", run[:8], "-o", "table")
    assert "if yes" in shown.stderr and '"amount": 50' in shown.stdout
    other = podium("approve", run[:8], "--action", "hmac-sha256:0" * 2)
    assert other.returncode == 5, other.stderr
    done = podium("approve", found["id"], "--reason", "the customer is known", "-o", "table")
    assert done.returncode == 0, done.stderr
    assert "who      operator" in done.stderr
    assert ended(podium, run)["output"] == "paid 50"
    story = podium("story", run).stdout
    assert f"user:{getpass.getuser()}" in story and "the customer is known" in story
    (budget,) = podium.json("get", "budgets")
    assert (budget["budget"], budget["spent"], budget["held"]) == ("day", 250_000_000, 0)


def test_one_no_is_enough(podium: Command) -> None:
    run = begin(podium, 50)
    waits(podium, run)
    assert podium("deny", run[:8], "--reason", "never heard of him").returncode == 0
    found = ended(podium, run)
    assert found["phase"] == "faulted" and "never heard of him" in str(found["error"])
    nothing = podium("approve", run[:8])
    assert nothing.returncode == 6 and "nothing in run" in nothing.stderr
    assert podium.json("approvals") == []


def test_another_may_decide_and_another_action_is_decided_afresh(podium: Command) -> None:
    run = begin(podium, 50)
    waits(podium, run)
    assert podium("approval", "delegate", run[:8], "--to", "somebody", "--reason", "on leave").returncode == 0
    assert "user:somebody" in waits(podium, run)["delegates"]
    edited = podium("approval", "edit", run[:8], "--input", '{"amount": 5}', "--reason", "less will do")
    assert edited.returncode == 0, edited.stderr
    assert ended(podium, run)["output"] == "paid 5"


def test_the_glass_is_broken_by_whoever_may(podium: Command) -> None:
    run = begin(podium, 5000)
    assert "that is too much" in str(ended(podium, run)["error"])
    refused = podium("override", run[:8], "--reason", "the customer waits")
    assert refused.returncode == 6 and "break-glass" in refused.stderr
    roles = podium.state / "roles.yaml"
    roles.write_text(f"roles:\n  operator: [{getpass.getuser()}]\n  break-glass: [{getpass.getuser()}]\n")
    roles.chmod(0o600)
    broken = podium("override", run[:8], "--reason", "the customer waits", "-o", "table")
    assert broken.returncode == 0, broken.stderr
    assert ended(podium, begin(podium, 5000))["output"] == "paid 5000"
    assert ended(podium, begin(podium, 5000))["phase"] == "faulted"


def test_labels_are_taken_from_the_data_of_a_run(podium: Command) -> None:
    run = begin(podium, 0, "--label", "data=pii", workflow="twice")
    found = waits(podium, run)
    assert found["message"] == "it holds names"
    refused = podium("declassify", run[:8], "pii", "--reason", "they were taken out")
    assert refused.returncode == 6 and "data-steward" in refused.stderr
    roles = podium.state / "roles.yaml"
    roles.write_text(f"roles:\n  operator: [{getpass.getuser()}]\n  data-steward: [{getpass.getuser()}]\n")
    roles.chmod(0o600)
    strange = podium("declassify", run[:8], "secret", "--reason", "they were taken out")
    assert strange.returncode == 2 and "pii" in strange.stderr
    done = podium("declassify", run[:8], "pii", "--reason", "they were taken out")
    assert done.returncode == 0, done.stderr
    assert podium("approve", run[:8]).returncode == 0
    assert ended(podium, run)["output"] == "paid 2"
