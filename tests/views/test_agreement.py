"""The views agree with the kernel at every point of a log, and however the log came to them."""

from __future__ import annotations

from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podium.facts.events import Record
from podium.kernel.evolve import evolve
from podium.kernel.state import Run, Shard, idle
from podium.runtime.presenting import waiting_for
from podium.views.follower import rebuild
from podium.views.queries import Views
from podium.views.tables import Tables
from tests.views.hub import RUNS_SHARD, played
from tests.views.ledger import everything, log_of

SEEDS = range(4)


def batches(records: list[Record], random: Random, longest: int) -> list[list[Record]]:
    cut = []
    while records:
        size = random.randint(1, longest)
        cut.append(records[:size])
        records = records[size:]
    return cut


def follow(path: Path, seed: int, random: Random, longest: int) -> None:
    """Fold a log in batches, now and then closing and opening the file in between."""
    store = played(seed)
    tables = Tables(path)
    for shard in (0, RUNS_SHARD):
        cut = batches(log_of(store, shard), random, longest)
        for batch in cut:
            tables.take(shard, batch)
            if random.random() < 0.7:
                row = store.row(shard, batch[-1].seq)
                assert row is not None
                tables.write({shard: (row.seq, row.hash)})
                if random.random() < 2 / len(cut):
                    tables.close()
                    tables = Tables(path)
        head = store.head(shard)
        tables.write({shard: (head.seq, head.hash)})
    tables.close()


@settings(max_examples=20)
@given(st.sampled_from(SEEDS), st.integers(0, 1 << 32), st.sampled_from([1, 3, 20, 200]))
def test_however_the_log_is_cut_the_tables_are_the_same(seed: int, cuts: int, longest: int) -> None:
    with TemporaryDirectory() as folder:
        rebuild(Path(folder) / "whole.db", played(seed))
        follow(Path(folder) / "cut.db", seed, Random(cuts), longest)
        assert everything(Path(folder) / "cut.db") == everything(Path(folder) / "whole.db")


@pytest.mark.parametrize("seed", SEEDS)
def test_the_views_say_of_runs_what_the_kernel_knows(tmp_path: Path, seed: int) -> None:
    tables, views, state = Tables(tmp_path / "views.db"), Views(tmp_path / "views.db"), Shard()
    seen = 0
    for batch in batches(log_of(played(seed), RUNS_SHARD), Random(seed), 12):
        for record in batch:
            evolve(state, record)
        tables.take(RUNS_SHARD, batch)
        tables.write({RUNS_SHARD: (batch[-1].seq, b"")})
        for run_id in {record.run_id for record in batch} - {""}:
            compare(views, state.runs[run_id])
            seen += 1
        compare_all(views, state)
    assert seen > 50
    views.close()
    tables.close()


def compare(views: Views, run: Run) -> None:
    row = views.run(run.id)
    assert row is not None
    status = "running" if row.status == "waiting" else row.status
    assert (status, row.last_seq, row.started_at, row.ended_at, row.cost_nano) == (
        run.status, run.seq, run.started_at, run.ended_at, run.cost_nano,
    )  # fmt: skip
    if run.status == "running" and not run.ready:
        assert (row.status == "waiting") == idle(run), run
    effects = views.list_effects(run.id)
    assert {of.effect: (of.status, of.attempt, of.cost_nano) for of in effects if not of.settled_at} == {
        of.id: (of.status, of.attempt, of.cost_nano) for of in run.effects.values()
    }
    assert len(effects) == run.effect_last and row.effects_open == len(run.effects)
    assert row.error_title == (run.error.title or run.error.type if run.error else "")


_FOR_PEOPLE = {"human", "approval", "in_doubt", "dead_letter"}


def kinds_of(run: Run) -> set[str]:
    return {str(one["kind"]) for one in waiting_for(run)}


def compare_all(views: Views, state: Shard) -> None:
    effects = [(run.id, effect) for run in state.runs.values() for effect in run.effects.values()]
    waiting = {(run_id, effect.id) for run_id, effect in effects if effect.status == "waiting"}
    doubtful = {(run_id, effect.id) for run_id, effect in effects if effect.status == "in_doubt"}
    for_people = {run.id for run in state.runs.values() if not _FOR_PEOPLE.isdisjoint(kinds_of(run))}
    assert {of.run_id for of in views.page(for_people=True, limit=10_000)[0]} == for_people
    faulted = {run.id for run in state.runs.values() if run.status == "faulted"}
    escalations = views.escalations(limit=10_000)
    overview = views.overview()
    assert {(of.run_id, of.effect) for of in views.approvals(limit=10_000)} == waiting
    assert {(of.run_id, of.effect) for of in escalations if of.kind == "in_doubt"} == doubtful
    assert {of.run_id for of in escalations if of.kind != "in_doubt"} == faulted
    assert (overview.approvals, overview.escalations) == (len(waiting), len(doubtful) + len(faulted))
    assert sum(overview.runs.values()) == len(state.runs)
    for status, count in overview.runs.items():
        assert len(views.list_runs(status=status, limit=10_000)) == count
