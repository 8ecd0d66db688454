"""What people agree to is one exact action: whatever is changed of it makes it another."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from podium.facts.identity import run_id_of
from podium.kernel.governing import digest_action
from podium.kernel.outcome import Outcome
from podium.kernel.step import Step
from tests.kernel.conversation import Conversation
from tests.kernel.toolbox import tool

PAY = tool("pay", side_effect="write")
OTHER = tool("pay", "1.0.1", side_effect="write")
GIVEN = {"to": "ann", "cents": 5, "note": None}


def digest(**changed: Any) -> str:
    """The digest of a payment, as it stands but for what is changed."""
    run_id = run_id_of("test", changed.pop("run", "talk"))
    task = {"call": "tool", "with": {"tool": "pay@1.0.0"}}
    talk = Conversation([{changed.pop("task", "a"): task}], agents=(PAY, OTHER), trusting=False)
    talk.catalog.digest_key = changed.pop("key", b"k" * 32)
    talk.submit({}, run_id=run_id, principal=changed.pop("principal", "user:bob"))
    step = Step(talk.shard, talk.shard.runs[run_id], talk.catalog, Outcome())
    parts = {"kind": "tool", "name": "pay@1.0.0", "digest": PAY.digest, "capability": "pay", "args": GIVEN}
    place = [run_id, changed.pop("effect", 1)]
    assert not changed.keys() - parts.keys()
    return digest_action(step, place, *{**parts, **changed}.values())


def test_the_same_action_is_the_same_in_whatever_order_it_is_written() -> None:
    turned = msgspec.json.decode(b'{"note": null, "cents": 5, "to": "ann"}')
    assert list(turned) != list(GIVEN)
    assert digest() == digest(args=turned)


@pytest.mark.parametrize(
    "changed",
    [
        {"args": {**GIVEN, "cents": 6}},
        {"args": {**GIVEN, "cents": "5"}},
        {"args": {**GIVEN, "cents": 5.5}},
        {"args": {**GIVEN, "note": ""}},
        {"args": {"to": "ann", "cents": 5}},
        {"args": [GIVEN]},
        {"kind": "http"},
        {"capability": "repay"},
        {"name": "pay@1.0.1", "digest": OTHER.digest},
        {"effect": 2},
        {"run": "another"},
        {"task": "b"},
        {"principal": "user:eve"},
        {"key": b"x" * 32},
    ],
    ids="-".join,
)
def test_another_action_has_another_digest(changed: dict[str, Any]) -> None:
    assert digest(**changed) != digest()
