"""Policies and actions for tests, made of as little text as can be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from ruamel.yaml import YAML

from podium.facts.policy import Action, Decision
from podium.facts.policy_version import PolicyVersion
from podium.policy.compiling import Compiled, compile_policy
from podium.policy.deciding import PolicySet, decide
from podium.policy.ledger import Ledger
from podium.resources.manifest import read_text

FINANCE = Path(__file__).parent / "finance.yaml"
NOON = 1_773_226_800_000
"""A Wednesday in March 2026, at noon in Paris, ms since 1970."""
HOUR = 3_600_000


def version(spec: str, name: str = "test") -> PolicyVersion:
    """The policy whose `spec` this is; the troubles of a text that declares none are an assertion."""
    indented = "\n".join("  " + line for line in spec.strip("\n").splitlines())
    text = f"apiVersion: podium.dev/v1\nkind: Policy\nmetadata: {{name: {name}}}\nspec:\n{indented}\n"
    if not spec.strip():
        text = text.replace("spec:\n  \n", "spec: {}\n").replace("spec:\n\n", "spec: {}\n")
    documents, troubles = read_text(text, "policy.yaml", "/")
    assert troubles == []
    return msgspec.convert(documents[0].spec, PolicyVersion)


def compiled(spec: str | PolicyVersion, name: str = "test") -> Compiled:
    found, problems = compile_policy(spec if isinstance(spec, PolicyVersion) else version(spec, name))
    assert found is not None, problems
    return found


def policies(*specs: str | PolicyVersion) -> PolicySet:
    """Policies named `test`, `test1`, `test2`…"""
    return PolicySet(compiled(spec, f"test{number or ''}") for number, spec in enumerate(specs))


def finance() -> PolicyVersion:
    documents, troubles = read_text(FINANCE.read_bytes(), "finance.yaml", "/")
    assert troubles == []
    return msgspec.convert(documents[0].spec, PolicyVersion)


def tool(name: str = "mail.send", **fields: Any) -> Action:
    """A call of a tool by an agent."""
    known: dict[str, Any] = {
        "agent": "clerk", "agent_version": "1.0.0", "roles": ("support",), "state": "active", "run": "run",
        "tree": "tree", "tenant": "acme", "workflow": "support/refund", "args": {},
    }  # fmt: skip
    return Action("tool", name, **{**known, **fields})


def asked(
    where: PolicySet, action: Action, ledger: Ledger | None = None, now: int = NOON, **rest: Any
) -> Decision:
    return decide(
        where, action, ledger if ledger is not None else Ledger(), rest.pop("marks", {}), now, **rest
    )


def do(where: PolicySet, action: Action, ledger: Ledger, now: int = NOON) -> Decision:
    """Decide, and let it begin where it is allowed."""
    decision = asked(where, action, ledger, now)
    if decision.verdict == "allow":
        ledger.hold(decision.holds)
        ledger.count(decision.counts, now)
    return decision


def yaml(text: str) -> Any:
    return YAML(typ="safe").load(text)
