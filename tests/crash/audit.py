"""What must hold when all is over: the log against the agents' book and against what clients were told."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from podium.audit import chain
from podium.bootstrap import LOG, RUNS_SHARD
from podium.facts import events as e
from podium.facts.events import Record
from podium.runtime.system import SYSTEM_SHARD
from podium.runtime.writer import read_records
from podium.store.interface import GENESIS
from podium.store.sqlite_reader import SqliteReader
from tests.crash.book import Performed, Promises
from tests.crash.life import SOURCES
from tests.crash.people import right_output

AT_MOST_ONCE = ("pay", "charge", "stamp")


class Found(NamedTuple):
    """What an audit counted."""

    records: int
    runs: int
    effects: int
    performed: int
    again: int


class _Effect:
    """What the log says of one effect."""

    def __init__(self, event: e.EffectRequested) -> None:
        self.agent = event.agent.split("@")[0]
        self.attempts = {1} if event.started else set[int]()
        self.settled: Record | None = None


def check_links(state: Path) -> list[Record]:
    """The records of all runs, if every link of the log holds.

    Raises:
        AssertionError, StoreError: one does not.
    """
    reader = SqliteReader(state / LOG)
    try:
        for shard in (SYSTEM_SHARD, RUNS_SHARD):
            _check_chain(reader, shard)
        records = list(read_records(reader, RUNS_SHARD, 0))
    finally:
        reader.close()
    command = [sys.executable, "-m", "podium.cli", "--state", str(state), "audit", "verify"]
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(SOURCES)}
    )
    assert done.returncode == 0, f"podium audit verify: {done.returncode}: {done.stdout} {done.stderr}"
    return records


def check(records: list[Record], performed: list[Performed], promises: Promises) -> Found:
    """Raises AssertionError with the first thing that does not hold."""
    _check_runs(records, promises)
    effects = _effects(records)
    _check_performed(effects, performed)
    _check_settled(effects, performed)
    keys = Counter(line.key for line in performed)
    runs = len({record.run_id for record in records if record.run_id})
    return Found(len(records), runs, len(effects), len(performed), len(performed) - len(keys))


def _check_chain(reader: SqliteReader, shard: int) -> None:
    seq, hash = 0, GENESIS
    while rows := reader.read(shard, seq, 1_000):
        seq, hash = chain.verify(hash, seq, rows)
    head = reader.head(shard)
    assert (seq, hash) == (head.seq, head.hash), f"shard {shard} ends at {head.seq}, its links at {seq}"


def _check_runs(records: list[Record], promises: Promises) -> None:
    started = {record.run_id: record.event.key for record in records if type(record.event) is e.RunStarted}
    for run_id, key in promises.accepted.items():
        assert started.get(run_id) == key, f"{key} was accepted as run {run_id}, which is not in the log"
    ends = Counter(
        record.run_id for record in records if isinstance(record.event, e.RunCompleted | e.RunFaulted)
    )
    for run_id, key in started.items():
        assert ends[run_id] == 1, f"run {run_id} ended {ends[run_id]} times"
        status, output = promises.ended[run_id]
        right = right_output(int(key.removeprefix("run")))
        assert (status, output) == ("completed", right), f"{key} {status} with {output}, not {right}"


def _effects(records: list[Record]) -> dict[str, _Effect]:
    effects: dict[str, _Effect] = {}
    keys: dict[str, str] = {}
    for record in records:
        event: Any = record.event
        name = f"{record.run_id}/{getattr(event, 'effect', 0)}"
        if isinstance(event, e.EffectRequested):
            keys[name] = event.key or name
            assert keys[name] not in effects, f"two effects have the key {event.key}"
            effects[keys[name]] = _Effect(event)
            continue
        key = keys.get(name, "")
        if isinstance(event, e.AttemptStarted):
            effects[key].attempts.add(event.attempt)
        elif isinstance(event, e.EffectSettled):
            assert effects[key].settled is None, f"effect {key} was settled twice"
            effects[key].settled = record
    return effects


def _check_performed(effects: dict[str, _Effect], performed: list[Performed]) -> None:
    """Nothing was done that the log had not said before, nothing again that was settled."""
    times = Counter(line.key for line in performed)
    for line in performed:
        what = f"attempt {line.attempt} at effect {line.key} of {line.agent}"
        effect = effects.get(line.key)
        assert effect is not None and line.attempt in effect.attempts, f"{what} is not in the log"
        assert effect.agent == line.agent, f"{what} is {effect.agent}'s in the log"
        settled = effect.settled
        assert settled is None or line.at <= settled.at, f"{what} was performed after it was settled"
        last = settled.event.attempt if settled is not None else line.attempt  # type: ignore[attr-defined]
        assert line.attempt <= last, f"{what} was performed, though attempt {last} had settled it"
        if line.agent in AT_MOST_ONCE:
            assert times[line.key] == 1, f"{what} was performed {times[line.key]} times"


def _check_settled(effects: dict[str, _Effect], performed: list[Performed]) -> None:
    """What the log says was done was done, and gave what the agent gave."""
    gave = {(line.key, line.attempt): line.output for line in performed}
    for key, effect in effects.items():
        record = effect.settled
        if record is None or record.event.status != "succeeded" or not effect.agent:  # type: ignore[attr-defined]
            continue
        attempt = record.event.attempt  # type: ignore[attr-defined]
        assert (key, attempt) in gave, f"effect {key} was settled by attempt {attempt}, which was not made"
        output = dict(record.body.output)  # type: ignore[union-attr]
        output.pop("text", None)
        assert output == gave[key, attempt], (
            f"effect {key} was settled with {output}, not {gave[key, attempt]}"
        )
