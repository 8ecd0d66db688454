"""Whatever happens to runs in simulated worlds: played again they give what they gave, all explained."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import msgspec
import pytest
import structlog

from podium.facts import events as e
from podium.facts.events import Record
from podium.kernel.catalog import Catalog
from podium.provenance.deeds import Evidence
from podium.provenance.explaining import Target, explain
from podium.provenance.explanation import Explanation
from podium.provenance.replay import Replay
from podium.runtime.system import SYSTEM_SHARD
from podium.runtime.writer import read_records
from podium.sim.compare import SHARD
from podium.sim.world import live


@pytest.fixture(autouse=True)
def quiet() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))


def world_of(seed: int) -> tuple[Catalog, dict[str, list[Record]], Any, Any]:
    """What is declared, the records of each run, the runs as the kernel's own replica has them, and keys."""
    world = live(seed)
    store = world.stage.disk.store
    catalog = Catalog()
    for record in read_records(store, SYSTEM_SHARD, 0):
        catalog.fold(record)
    records: dict[str, list[Record]] = defaultdict(list)
    for record in read_records(store, SHARD, 0, sealing=world.stage.disk.keys.sealing):
        if record.run_id:
            records[record.run_id].append(record)
    return catalog, records, world.stage.ledger.replica.runs, world.stage.disk.keys


def test_runs_whose_payloads_were_erased_are_explained_as_far_as_they_can_be() -> None:
    catalog, records, _, _ = world_of(900_010)
    for run_id, known in records.items():
        started = known[0].event
        assert isinstance(started, e.RunStarted)
        erased = [Record(one.seq, one.run_id, one.at, one.event) for one in known]
        told = explain(
            Evidence(run_id, catalog.program(started.digest), erased, {}), Target(), lambda _: None
        )
        assert told.input == {"unknown": True}
        assert told.run_cost_nano == sum(deed.cost_nano for deed in told.deeds)
        assert all(deed.output in (None, {"unknown": True}) for deed in told.deeds if deed.kind == "agent")


@pytest.mark.parametrize("seed", range(900_000, 900_004))
def test_runs_played_again_give_what_they_gave(seed: int) -> None:
    catalog, records, runs, keys = world_of(seed)

    def evidence(run_id: str) -> Evidence:
        started = records[run_id][0].event
        assert isinstance(started, e.RunStarted)
        return Evidence(run_id, catalog.program(started.digest), records[run_id], {})

    assert records
    for run_id in records:
        found = evidence(run_id)
        replay = Replay(found.program, found.records)
        run = runs[run_id]
        assert replay.run.status == run.status
        if replay.output is not None and not keys.erased(run.subject):
            assert replay.output.value == run.output
        told = explain(found, Target(), evidence)
        assert isinstance(told, Explanation) and msgspec.json.encode(told)
        assert {deed.effect for deed in told.deeds} == set(replay.trails)
        assert all(deed.role in ("value", "choice", "subject", "other") for deed in told.deeds)
        assert sum(deed.cost_nano for deed in told.deeds) == told.run_cost_nano == run.cost_nano
