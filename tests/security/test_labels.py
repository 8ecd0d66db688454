"""Whatever a run read stays with it: no order of calls carries personal data out of its region."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from podium.facts.catalog import Declared
from podium.facts.identity import digest_of
from podium.facts.policy_version import Data, PolicyVersion, Rule
from tests.kernel.conversation import Conversation
from tests.kernel.toolbox import tool

TOOLS = (
    tool("people.read", result_labels=["pii"]),
    tool("news.read"),
    tool("post.eu", side_effect="write", egress=[{"host": "a.example", "region": "eu"}]),
    tool("post.us", side_effect="write", egress=[{"host": "b.example", "region": "us"}]),
    tool("post.nowhere", side_effect="write", egress=[{"host": "c.example"}]),
)
NAMES = [one.name for one in TOOLS]
LEAVES = {"post.us", "post.nowhere"}
_SPEC = msgspec.to_builtins(
    PolicyVersion("house", "1.0.0", rules=(Rule("any", "allow"),), data=(Data(("pii",), regions=("eu",)),))
)
POLICY = Declared("Policy", "house", "1.0.0", digest_of(_SPEC), _SPEC)


def calling(name: str) -> dict[str, Any]:
    return {"call": "tool", "with": {"tool": name}}


def tasks(names: list[str], start: int = 0) -> list[dict[str, Any]]:
    """A call for each, one after the other, whatever becomes of the others."""
    return [
        {f"t{n}": {"try": [{f"call{n}": calling(name)}], "catch": {"do": [{f"no{n}": {"set": {"no": 1}}}]}}}
        for n, name in enumerate(names, start)
    ]


@given(
    st.lists(st.sampled_from(NAMES), min_size=1, max_size=7),
    st.integers(0, 7),
    st.integers(0, 7),
    st.booleans(),
)
def test_no_order_of_calls_lets_it_out(names: list[str], one: int, other: int, labelled: bool) -> None:
    """Those from `first` to `last` are made by a run below, which gets the labels and gives its own back."""
    first, last = sorted((one, other))
    inner = {"run": {"workflow": {"namespace": "test", "name": "inner", "version": "latest"}}}
    parts = [*tasks(names[:first]), {"inner": inner}, *tasks(names[last:], last)]
    talk = Conversation(parts, agents=(*TOOLS, POLICY), trusting=False)
    talk.declare(inner=tasks(names[first:last]) or [{"nothing": {"set": {"no": 1}}}])
    performed: list[str] = []
    talk.watch = lambda order: performed.append(order.capability)
    talk.submit({}, labels={"data": "pii"} if labelled else {})
    while talk.open:
        (run_id, effect), _ = next(iter(talk.open.items()))
        talk.run_id = run_id
        talk.settle(talk.shard.runs[run_id].effects[effect].task, {})
    held, expected = labelled, []
    for name in names:
        if not (held and name in LEAVES):
            expected.append(name)
        held = held or name == "people.read"
    assert performed == expected
