"""Stored worlds as texts: every record of a log, with what else its store held, and the state it folds to.

A file has one JSON object a line, told apart by `what`: `world` (where it is from), `record`, `blob`, `cold`
(runs as they left memory), `snapshot`, and `end`. Bytes are text where they are UTF-8, else `{"hex": …}`.
Some have the database that the release made of them beside them, as SQL.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import apsw
import msgspec

from podium.facts.events import Record
from podium.kernel.catalog import Catalog
from podium.kernel.evolve import evolve
from podium.kernel.state import Shard
from podium.runtime.system import SYSTEM_SHARD
from podium.runtime.writer import decode_row
from podium.store.interface import ColdRun, Row, Snapshot, Store, Wait
from podium.store.memory import MemoryStore
from podium.store.sqlite import SqliteStore

FOLDER = Path(__file__).parent / "worlds"

Bytes: TypeAlias = str | dict[str, str]

_encode = msgspec.json.Encoder().encode


class World(msgspec.Struct):
    """One file, read.

    Attributes:
        rows: shard to its log.
        end: shard to the state that all its records give.
    """

    about: dict[str, Any]
    rows: dict[int, list[Row]]
    blobs: dict[bytes, bytes]
    cold: list[ColdRun]
    snapshots: list[Snapshot]
    end: dict[int, dict[str, Any]]


class Fold:
    """A shard of runs and the catalog, folded record by record."""

    def __init__(self) -> None:
        self.shard = Shard()
        self.catalog = Catalog()

    def take(self, shard: int, record: Record) -> None:
        if shard == SYSTEM_SHARD:
            self.catalog.fold(record)
            return
        evolve(self.shard, record)
        self.shard.abandoned.clear()
        self.shard.freed.clear()

    def state(self, shard: int) -> dict[str, Any]:
        """All that the records give, in full."""
        if shard == SYSTEM_SHARD:
            catalog = self.catalog
            return {"seq": catalog.seq, "revision": catalog.revision, "digest": catalog.digest}
        state = self.shard
        runs = {run.id: full(run) for run in state.runs.values()}
        return {
            "seq": state.seq, "now": state.now, "epoch": state.epoch, "revision": state.revision, "runs": runs
        }  # fmt: skip


def full(value: Any) -> Any:
    """A value of the state as JSON, with every member of every struct, defaults too."""
    if isinstance(value, msgspec.Struct):
        return {name: full(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, dict):
        return {str(name): full(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [full(member) for member in value]
    return value


def difference(recorded: Any, present: Any, place: str = "") -> str:
    """Where what was recorded does not hold any more; "" if all of it does. Members may be added."""
    if isinstance(recorded, dict) and isinstance(present, dict):
        for name, member in recorded.items():
            if name not in present:
                return f"{place}/{name} is gone"
            if found := difference(member, present[name], f"{place}/{name}"):
                return found
        return ""
    if isinstance(recorded, list) and isinstance(present, list) and len(recorded) == len(present):
        pairs = enumerate(zip(recorded, present, strict=True))
        return next(filter(None, (difference(*pair, f"{place}/{at}") for at, pair in pairs)), "")
    return "" if recorded == present else f"{place} was {recorded!r} and is {present!r}"


# --- files ------------------------------------------------------------------------------------------


def write(path: Path, about: dict[str, Any], store: MemoryStore, cold: list[ColdRun]) -> None:
    """Write what a store holds.

    Args:
        cold: runs as they were when they left memory, in any order.
    Raises:
        FileExistsError: a stored world is never changed.
    """
    lines: list[dict[str, Any]] = [{"what": "world", **about}]
    fold = Fold()
    blobs: dict[bytes, None] = {}
    for shard in (0, 1):
        for row in store.read(shard, 0, 1_000_000):
            fold.take(shard, decode_row(row, store))
            lines.append(_record_line(shard, row))
            if row.body[:1] == b"\x01":
                blobs[row.body[1:33]] = None
    lines += [{"what": "blob", "digest": of.hex(), "content": _text(store.blob(of))} for of in blobs]
    lines += [_cold_line(run) for run in cold]
    snapshot = store.snapshot(1)
    if snapshot is not None:
        head = {"seq": snapshot.seq, "epoch": snapshot.epoch, "digest": snapshot.digest.hex()}
        lines.append({"what": "snapshot", **head, "state": _text(snapshot.state)})
    lines += [{"what": "end", "shard": shard, "state": fold.state(shard)} for shard in (0, 1)]
    with path.open("xb") as file:
        file.writelines(_encode(line) + b"\n" for line in lines)


def _record_line(shard: int, row: Row) -> dict[str, Any]:
    return {
        "what": "record", "shard": shard, "seq": row.seq, "epoch": row.epoch, "run": row.run.hex(),
        "type": row.type, "version": row.version, "at": row.at, "envelope": _text(row.envelope),
        "body": _text(row.body), "hash": row.hash.hex(),
    }  # fmt: skip


def _cold_line(run: ColdRun) -> dict[str, Any]:
    waits = [[wait.kind, wait.key_hash.hex(), wait.wake_at] for wait in sorted(run.waits)]
    state = _text(run.state)
    return {
        "what": "cold", "run": run.run.hex(), "seq": run.seq, "status": run.status, "state": state,
        "waits": waits,
    }  # fmt: skip


def read(path: Path) -> World:
    """Read a stored world."""
    world = World({}, {0: [], 1: []}, {}, [], [], {})
    for text in path.read_bytes().splitlines():
        line = msgspec.json.decode(text)
        _READERS[line["what"]](world, line)
    return world


def _read_record(world: World, line: dict[str, Any]) -> None:
    shard = line["shard"]
    row = Row(
        line["seq"], line["epoch"], bytes.fromhex(line["run"]), line["type"], line["version"], line["at"],
        _bytes(line["envelope"]), _bytes(line["body"]), bytes.fromhex(line["hash"]),
    )  # fmt: skip
    world.rows[shard].append(row)


def _read_cold(world: World, line: dict[str, Any]) -> None:
    waits = tuple(Wait(kind, bytes.fromhex(key), wake_at) for kind, key, wake_at in line["waits"])
    run = bytes.fromhex(line["run"])
    world.cold.append(ColdRun(run, line["seq"], line["status"], _bytes(line["state"]), waits))


def _read_snapshot(world: World, line: dict[str, Any]) -> None:
    digest = bytes.fromhex(line["digest"])
    world.snapshots.append(Snapshot(line["seq"], line["epoch"], _bytes(line["state"]), digest))


_READERS: dict[str, Callable[[World, dict[str, Any]], None]] = {
    "world": lambda world, line: world.about.update(line),
    "record": _read_record,
    "blob": lambda world, line: world.blobs.update({bytes.fromhex(line["digest"]): _bytes(line["content"])}),
    "cold": _read_cold,
    "snapshot": _read_snapshot,
    "end": lambda world, line: world.end.update({line["shard"]: line["state"]}),
}


def _text(content: bytes) -> Bytes:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return {"hex": content.hex()}


def _bytes(text: Bytes) -> bytes:
    return text.encode() if isinstance(text, str) else bytes.fromhex(text["hex"])


# --- stores -----------------------------------------------------------------------------------------


def restored(world: World) -> MemoryStore:
    """A store that holds the world as its last hub left it."""
    store = MemoryStore()
    _fill(store, world)
    return store


def _fill(store: Store, world: World) -> None:
    for shard, rows in world.rows.items():
        epoch = 0
        for at, row in enumerate(rows):
            while epoch < row.epoch:
                epoch = store.claim(shard).epoch
            blobs = world.blobs.items() if at == 0 else ()
            cold = [run for run in world.cold if shard == 1 and run.seq == row.seq]
            store.append(shard, [row], store.head(shard), blobs=blobs, cold=cold)
    for snapshot in world.snapshots:
        store.save_snapshot(1, snapshot._replace(epoch=store.head(1).epoch))


def write_database(path: Path, world: World) -> None:
    """Write the database that this release makes of a world, as SQL. Raises FileExistsError."""
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "log.db", ballast_bytes=0)
        _fill(store, world)
        store.close()
        connection = apsw.Connection(str(Path(folder) / "log.db"))
        lines = list(_dump(connection))
        connection.close()
    with path.open("x") as file:
        file.writelines(line + ";\n" for line in lines)


def _dump(connection: apsw.Connection) -> Iterator[str]:
    for pragma in ("application_id", "user_version"):
        yield f"PRAGMA {pragma} = {connection.pragma(pragma)}"
    made = list(connection.execute("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL"))
    for _, _, sql in made:
        yield sql
    for kind, name, _ in made:
        if kind == "table":
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({name})")]
            quoted = ", ".join(f"quote({column})" for column in columns)
            for row in connection.execute(f"SELECT {quoted} FROM {name} ORDER BY {', '.join(columns)}"):
                yield f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({', '.join(row)})"
