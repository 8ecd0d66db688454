"""A shard's host beside another one on the same store."""

from __future__ import annotations

import pytest

from podium.facts import inputs as i
from podium.facts.identity import run_id_of
from podium.facts.values import Accepted
from podium.runtime.shard import ShardHost
from podium.runtime.system import SystemHost
from podium.store.interface import Fenced
from podium.store.memory import MemoryStore
from tests.runtime.serving import workflow

NAP = workflow("nap", {"nap": {"wait": {"hours": 1}}})


def test_a_host_does_not_decide_on_what_its_successor_left_in_the_cold() -> None:
    store = MemoryStore()
    before, after = SystemHost(store, "before"), SystemHost(store, "after")
    before.open(1)
    former = ShardHost(store, 1, before.catalog, "former", passivate_ms=0)
    former.open(1)
    after.open(2)
    reply, _ = after.declare(i.Apply(resources=(NAP,)), 2, dict)
    assert isinstance(reply, Accepted)
    successor = ShardHost(store, 1, after.catalog, "successor", passivate_ms=0)
    successor.open(2)
    run_id = run_id_of("test", "key")
    out = successor.step([i.SubmitRun(run_id=run_id, workflow="test/nap", key="key")], 3)
    assert [type(record.event).__name__ for record in out.records] == ["RunStarted", "TaskStarted"]
    with pytest.raises(Fenced, match="taken over"):
        former.step([i.CancelRun(run_id=run_id)], 4)
