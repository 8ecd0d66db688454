"""Limits say in the policy's own words why they refuse."""

from __future__ import annotations

import pytest

from podium.facts.policy import Destination
from tests.policy.making import asked, policies, tool

ALLOWED = "rules: [{id: all, effect: allow}]"


@pytest.mark.parametrize(
    "limit",
    [
        "sequences: [{name: s, require: {tools: [orders.read]}, message: Not like this}]",
        "windows: [{name: w, open: ['Mon 01:00-02:00'], message: Not like this}]",
        "egress: [{domains: [letters.example], schemes: [mailto], message: Not like this}]",
        "data: [{labels: [pii], neverTo: {external: true}, message: Not like this}]",
        "quotas: [{name: q, sum: args.cents, limit: 5, window: {per: day}, message: Not like this}]",
    ],
)
def test_a_limit_tells_people_what_its_author_wrote(limit: str) -> None:
    action = tool(
        args={"cents": 9}, labels=("pii",), external=True,
        destinations=(Destination("collector.example", "mailto"),),
    )  # fmt: skip
    own = asked(policies(f"{ALLOWED}\n{limit}"), action)
    usual = asked(policies(f"{ALLOWED}\n{limit.replace(', message: Not like this', '')}"), action)
    assert (own.verdict, usual.verdict) == ("deny", "deny")
    assert own.rules == usual.rules
    assert own.message == "Not like this"
    assert usual.message
    assert usual.message != own.message
