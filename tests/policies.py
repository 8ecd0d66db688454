"""Policies for tests, as they are applied."""

from __future__ import annotations

from typing import Any

import msgspec

from podium.facts.catalog import Declared
from podium.facts.identity import digest_of
from podium.facts.policy_version import PolicyVersion, Rule

ANYTHING = Rule("anything", "allow")


def policy(name: str = "house", **parts: Any) -> Declared:
    """A policy; it allows everything, unless `parts` say otherwise."""
    parts.setdefault("rules", (ANYTHING,))
    spec = msgspec.to_builtins(PolicyVersion(name, "1.0.0", **parts))
    return Declared("Policy", name, "1.0.0", digest_of(spec), spec)


TRUSTING = policy("trusting")
"""Everything may be done without asking."""
