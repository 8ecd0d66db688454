"""Tasks a hundred deep inside each other run like any others, and survive a hub that dies."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from podium.facts import events as e
from tests.kernel.conversation import Conversation, agent
from tests.workflow.nesting import KINDS, nested

Converse = Callable[..., Conversation]
DEPTH = 100
ASK = {"call": "agent", "with": {"agent": "helper"}}
MIXED = [KINDS, *((kind,) for kind in KINDS)]


@pytest.mark.parametrize("kinds", MIXED, ids="-".join)
def test_what_is_deep_inside_ends_and_so_does_all_around_it(
    converse: Converse, kinds: tuple[str, ...]
) -> None:
    talk = converse(nested(DEPTH, kinds, ASK), agents=(agent("helper"),))
    talk.submit({"n": 1})
    talk.go_on()
    (order,) = talk.open.values()
    assert order.input == {"n": 1}
    assert len(talk.run.frames) >= DEPTH
    talk.crash()
    talk.settle(order.task, {"n": 2})
    talk.go_on()
    assert talk.output == {"n": 2}


@pytest.mark.parametrize("kinds", MIXED, ids="-".join)
def test_an_error_finds_its_way_out(converse: Converse, kinds: tuple[str, ...]) -> None:
    tasks = nested(DEPTH - 1, kinds, ASK)
    around = {"try": tasks, "catch": {"do": [{"give": {"set": {"caught": True}}}]}}
    talk = converse([{"all": around}], agents=(agent("helper"),))
    talk.submit({})
    talk.go_on()
    (order,) = talk.open.values()
    talk.fail(order.task)
    assert talk.output == {"caught": True}
    assert len(talk.events(e.TaskFaulted)) == 1
