"""The host publishes what runs emit: with the next step, and not less because the disk is full."""

from __future__ import annotations

from typing import Any

import pytest

from podium.facts import inputs as i
from podium.facts.identity import run_id_of
from podium.facts.orders import Abandon, Perform
from podium.facts.values import Reply
from podium.runtime.host import FULL_RETRY_MS, Host
from podium.runtime.shard import ShardHost
from podium.runtime.system import SystemHost
from podium.store.interface import StorageFull
from podium.store.memory import MemoryStore
from tests.kernel.conversation import workflow

HEAR = "[{hear: {listen: {to: {one: {with: {type: go}}}}}}]"
TELL = "[{tell: {emit: {event: {with: {type: go, data: 1}}}}}]"


class Disk(MemoryStore):
    """A disk that can be full."""

    out_of_room = False

    def append(self, *arguments: Any, **options: Any) -> None:
        if self.out_of_room:
            raise StorageFull("no room")
        super().append(*arguments, **options)


class World:
    """A clock, and everybody else a host needs; nobody performs or evaluates anything."""

    def __init__(self) -> None:
        self.at = 1_000
        self.disk = Disk()
        self.performed: list[Perform] = []
        system = SystemHost(self.disk, "test")
        self.host = Host(
            ShardHost(self.disk, 1, system.catalog, "test"), system, self, self, self, self.reply
        )
        self.host.open()
        both = (workflow(HEAR, name="hear"), workflow(TELL, name="tell"))
        self.host.serve([i.Apply(resources=both)])

    def now(self) -> int:
        return self.at

    def at_least(self, at: int) -> None:
        self.at = max(self.at, at)

    def perform(self, orders: list[Perform]) -> None:
        self.performed += orders

    def abandon(self, orders: list[Abandon]) -> None: ...
    def ask(self, run_id: str, program: str, argument: bytes) -> None: ...
    def reply(self, ticket: int, reply: Reply) -> None: ...

    def submit(self, name: str) -> str:
        run_id = run_id_of("test", name)
        self.host.serve([i.SubmitRun(run_id=run_id, workflow=name)])
        return run_id

    def status(self, run_id: str) -> str:
        [row] = self.disk.cold(1, [bytes.fromhex(run_id.replace("-", ""))])
        return row.status


@pytest.fixture
def world() -> World:
    return World()


def test_an_event_goes_out_with_the_next_step_and_to_no_performer(world: World) -> None:
    hears, tells = world.submit("hear"), world.submit("tell")
    assert [told.event["type"] for told in world.host.emitted] == ["go"]
    assert 0 < world.host.wake_at() <= world.now()
    world.host.serve([])
    assert (world.status(hears), world.status(tells)) == ("completed", "completed")
    assert not world.host.emitted and not world.performed


def test_an_event_waits_for_room(world: World) -> None:
    hears, tells = world.submit("hear"), world.submit("tell")
    world.disk.out_of_room = True
    for _ in range(3):
        world.host.serve([])
        assert world.host.trouble and len(world.host.emitted) == 1
        world.at += FULL_RETRY_MS
    world.disk.out_of_room = False
    world.host.serve([])
    assert not world.host.trouble
    assert (world.status(hears), world.status(tells)) == ("completed", "completed")
    records = [row.type for row in world.disk.read(1, 0, 1_000)]
    assert records.count("EventReceived") == records.count("EffectSettled") == 1
