"""The host and its clock: what is due is done, also when the wall clock is set back a little."""

from __future__ import annotations

from typing import Any

from podium.facts import inputs as i
from podium.facts.events import Record
from podium.facts.identity import run_id_of
from podium.facts.orders import Abandon, Perform
from podium.kernel.tasks import TURNS_MAX
from podium.runtime.clock import GuardedClock
from podium.runtime.host import Host
from podium.runtime.shard import ShardHost
from podium.runtime.system import SystemHost
from podium.store.memory import MemoryStore
from tests.runtime.serving import workflow

LONG = workflow(
    "long",
    {"items": {"set": {"items": list(range(TURNS_MAX))}}},
    {"each": {"for": {"in": ".items"}, "do": [{"one": {"set": {"at": "${ $item }"}}}]}},
)
"""Has more to do than one step does."""


class Nobody:
    """Performs nothing and answers nothing; nothing here asks for it."""

    def perform(self, orders: list[Perform]) -> None: ...
    def abandon(self, orders: list[Abandon]) -> None: ...
    def ask(self, run_id: str, program: str, argument: bytes) -> None: ...


def test_a_clock_that_is_set_back_does_not_hold_up_what_is_due() -> None:
    wall = 1_000_000
    store, nobody, ended = MemoryStore(), Nobody(), list[str]()
    system = SystemHost(store, "hub")
    clock = GuardedClock(lambda: wall, lambda: 500)
    host = Host(ShardHost(store, 1, system.catalog, "hub"), system, clock, nobody, nobody, lambda *_: None)

    def heard(shard: int, records: list[Record]) -> None:
        ended.extend(record.run_id for record in records if type(record.event).__name__ == "RunCompleted")

    host.listeners.append(heard)
    host.open()
    run_id = run_id_of("test", "key")
    told: list[Any] = [i.Apply(resources=(LONG,)), i.SubmitRun(run_id=run_id, workflow="test/long")]
    host.serve(told)
    assert ended == []
    wall -= 20_000
    for _ in range(10):
        assert host.wait_ms() in (0, -1)
        host.serve([])
    assert ended == [run_id]
