"""A state folder with a great many runs, made in minutes: a few real ones, over and over.

A hub carries out one run of each kind. Their records, with other ids, times and labels, are then written by
the shard's own writer: encoded, linked, put into the tree, and with each run its state in the cold, as a hub
leaves it. Only the kernel did not decide each of them. The views are folded from that log.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import msgspec

from bench import world
from podium.facts.catalog import Declared
from podium.facts.events import Record, RunStartedBody
from podium.facts.identity import run_bytes
from podium.facts.inputs import CancelRun, SubmitRun
from podium.kernel.catalog import Catalog
from podium.kernel.state import Run
from podium.policy.ledger import BUDGET, MONEY, UNBOUND
from podium.resources.manifest import read_text
from podium.runtime.hub import Hub
from podium.runtime.shard import ShardHost, thaw
from podium.runtime.system import SYSTEM_SHARD
from podium.runtime.writer import read_records
from podium.store.interface import ColdRun, Wait
from podium.store.sqlite import SqliteStore
from podium.store.sqlite_reader import SqliteReader
from podium.views.follower import rebuild

SHARD = 1
DAYS = 30
"""The runs began within so many days up to now, evenly."""

CUSTOMERS = 7_000
PRINCIPALS = 5_000
"""Each has a budget of its own."""

BATCH = 2_000

KINDS = {"done": 0.909, "faulted": 0.05, "cancelled": 0.02, "listening": 0.0205, "asking": 0.0005}
"""Shares of how runs end, or what they wait for."""

WORKFLOWS = 10

_POLICY = """\
apiVersion: podium.dev/v1
kind: Policy
metadata: {name: shares}
spec:
  version: 1.0.0
  budgets: [{name: share, scope: [principal], limit: {usd: "10.00"}}]
  rules: [{id: all, effect: allow, match: {}}]
"""


class Model(NamedTuple):
    """A run as a hub left it: its records, its state, and what it waits for."""

    records: list[Record]
    state: bytes
    waits: tuple[Wait, ...]


def resources() -> list[Declared]:
    (document,), troubles = read_text(_POLICY.encode(), "shares.yaml", str(world.HERE))
    assert not troubles, troubles
    made = [Declared("Policy", document.name, document.version, document.digest, document.spec)]
    error = {"type": "https://example.org/errors/shop", "status": 500, "title": "the shop is closed"}
    tasks: dict[str, dict[str, Any]] = {
        "done": {"set": {"done": True}},
        "faulted": {"raise": {"error": error}},
        "cancelled": {"listen": {"to": {"one": {"with": {"type": "never"}}}}},
        "listening": {"listen": {"to": {"one": {"with": {"type": "paid"}}}}},
        "asking": {"call": "human", "with": {"title": "Send it?", "decisions": ["approve", "deny"]}},
    }
    made += [world.workflow(f"{kind}{n}", [{"a": task}]) for kind, task in tasks.items() for n in _numbers()]
    return made


def _numbers() -> range:
    return range(WORKFLOWS // 2)


def models(folder: Path) -> dict[str, list[Model]]:
    """Runs of each kind that a hub carried out."""
    with world.hub(folder) as hub:
        world.apply(hub, *resources())
        ids = {kind: [_submit(hub, f"bench/{kind}{n}") for n in _numbers()] for kind in KINDS}
        hub.tell_all([CancelRun(run_id=one, principal="user:bench") for one in ids["cancelled"]])
        hub.do(lambda: None).result()
    reader = SqliteReader(folder / "log.db")
    try:
        return {kind: [_model(reader, one) for one in found] for kind, found in ids.items()}
    finally:
        reader.close()


def _submit(hub: Hub, workflow: str) -> str:
    run_id = str(uuid4())
    labels = {"customer": "", "region": ""}
    told = SubmitRun(
        run_id=run_id, workflow=workflow, input={"ticket": 1}, principal="user:bench", labels=labels
    )
    hub.tell_all([told])
    hub.do(lambda: None).result()
    return run_id


def _model(reader: SqliteReader, run_id: str) -> Model:
    (row,) = reader.cold(SHARD, [run_bytes(run_id)])
    records = [record for record in read_records(reader, SHARD, 0) if record.run_id == run_id]
    waits: tuple[Wait, ...] = ()
    for kind, key, wake_at in reader._connection.execute(
        "SELECT kind, key_hash, wake_at FROM waits WHERE run = ?", (row.run,)
    ):
        waits = (*waits, Wait(kind, key, wake_at))
    return Model(records, row.state, waits)


def fill(folder: Path, runs: int) -> dict[str, float]:
    """Make a state folder of so many runs; gives how long each part took."""
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as made:
        found = models(Path(made))
    with world.hub(folder) as hub:
        world.apply(hub, *resources())
    store = SqliteStore(folder / "log.db")
    catalog = Catalog()
    for record in read_records(store, SYSTEM_SHARD, 0):
        catalog.fold(record)
    host = ShardHost(store, SHARD, catalog, "bench")
    now = time.time_ns() // 1_000_000
    host.open(now)
    state = host.state
    assert state is not None
    for records, cold in _batches(found, runs, state.seq, now):
        host.writer.append(records, cold)
        state.seq = records[-1].seq
    ledger = state.books().ledger
    for n in range(PRINCIPALS):
        ledger.spent[f"{BUDGET}{MONEY}{UNBOUND}:shares/share/usd|user:p{n}@0"] = n * 1_900_000
    host.save_snapshot()
    store.checkpoint()
    store.close()
    logged = time.perf_counter()
    reader = SqliteReader(folder / "log.db")
    rebuild(folder / "views.db", reader)
    reader.close()
    return {"log_s": round(logged - begun, 1), "views_s": round(time.perf_counter() - logged, 1)}


def _batches(
    found: dict[str, list[Model]], runs: int, seq: int, now: int
) -> Iterator[tuple[list[Record], list[ColdRun]]]:
    chance = random.Random(7)
    kinds = chance.choices(list(KINDS), list(KINDS.values()), k=runs)
    step_ms = DAYS * 86_400_000 / runs
    records: list[Record] = []
    cold: list[ColdRun] = []
    for n, kind in enumerate(kinds):
        model = found[kind][n % len(found[kind])]
        at = now - int((runs - n) * step_ms)
        labels = {"customer": f"c{chance.randrange(CUSTOMERS)}", "region": "eu" if n % 3 else "us"}
        principal = f"user:p{n % PRINCIPALS}"
        made = list(_copied(model, UUID(int=chance.getrandbits(128)), seq, at, labels, principal))
        records += made
        seq = made[-1].seq
        cold.append(_frozen(model, made, labels, principal))
        if len(cold) == BATCH:
            yield records, cold
            records, cold = [], []
    if cold:
        yield records, cold


def _copied(
    model: Model, run: UUID, seq: int, at: int, labels: dict[str, str], principal: str
) -> Iterator[Record]:
    replace = msgspec.structs.replace
    first, began = model.records[0], seq + 1
    for record in model.records:
        event, body = record.event, record.body
        if record is first:
            assert isinstance(body, RunStartedBody)
            event, body = replace(event, principal=principal), replace(body, labels=labels)
        else:
            event = replace(event, previous=seq)
        seq += 1
        yield Record(seq, str(run), at + (seq - began) * 40, event, body)


def _frozen(model: Model, made: list[Record], labels: dict[str, str], principal: str) -> ColdRun:
    first, last = made[0], made[-1]
    run: Run = thaw(ColdRun(run_bytes(first.run_id), last.seq, "", model.state, ()))
    run.id, run.seq, run.started_at, run.labels, run.principal = (
        first.run_id, last.seq, first.at, labels, principal
    )  # fmt: skip
    if run.ended_at:
        run.ended_at = last.at
    return ColdRun(run_bytes(run.id), run.seq, run.status, msgspec.json.encode(run), model.waits)
