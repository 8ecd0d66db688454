"""A state folder with a few hundred records, copies of it to tamper with, and what an attacker can do."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import apsw

from podium.audit.chain import link
from podium.audit.notes import parse, parse_checkpoint
from podium.bootstrap import LOG, RUNS_SHARD, reader_of
from podium.runtime.signing import KEY, PUBLIC_KEY, public_key, verify_signature
from podium.runtime.verifying import Report, verify_log
from podium.store.interface import Row
from tests.runtime.serving import House, agent, call, workflow

OLDER, NEWER = 100, 30
"""Runs before the first checkpoint, and between that and the second."""

BIG = "x" * 5000
"""So long a text that the body of its record is kept beside it."""


def build(folder: Path) -> list[str]:
    """Let a hub work at a folder; gives its checkpoints, oldest first."""
    house = House(folder)
    house.apply(agent(folder, "echo"), workflow("echo", {"echo": call("echo")}))
    notes = []
    for runs in (OLDER, NEWER):
        for number in range(runs):
            house.submit("echo", {"n": number})
        house.call("execute", workflow="echo", input={"big": BIG})
        notes.append(str(house.call("checkpoint")["note"]))
    house.close()
    return notes


class Folder:
    """A copy of a state folder.

    Attributes:
        notes: checkpoints of it that lie elsewhere, oldest first.
    """

    def __init__(self, original: Path, copy: Path, notes: Sequence[str]) -> None:
        shutil.copytree(original, copy)
        self.state, self.notes = copy, tuple(notes)
        self.key = public_key(original)

    def change(self, sql: str, *bindings: object) -> None:
        with apsw.Connection(str(self.state / LOG)) as connection:
            connection.execute(sql, bindings)
        connection.close()

    def rows(self, shard: int = RUNS_SHARD) -> list[Row]:
        with reader_of(self.state) as reader:
            return reader.scan(shard, 0, 10_000)

    def rewrite(self, rows: Sequence[Row], shard: int = RUNS_SHARD) -> None:
        """Put these rows in the place of all."""
        with apsw.Connection(str(self.state / LOG)) as connection:
            connection.execute("DELETE FROM log WHERE position >> 40 = ?", (shard,))
            connection.executemany(
                "INSERT INTO log (position, epoch, run, type, version, at, envelope, body, hash) "
                f"VALUES (?1 + {shard << 40}, ?, ?, ?, ?, ?, ?, ?, ?)",
                rows,
            )
        connection.close()

    def forge(self, change: Callable[[list[Row]], None], shard: int = RUNS_SHARD) -> None:
        """Change rows, then number and link them all anew, as if it had always been so."""
        rows = self.rows(shard)
        change(rows)
        self.rewrite(relinked(rows), shard)

    def forget_trees(self) -> None:
        """Take away what is kept of the trees; the next hub makes it again."""
        self.change("DELETE FROM tile WHERE shard >= 0")

    def forget_statements(self) -> None:
        self.change("DELETE FROM statement")
        self.change("DELETE FROM tile WHERE shard = -1")

    def forget_key(self) -> None:
        for name in (KEY, PUBLIC_KEY):
            (self.state / name).unlink()

    def verify(self, against: Sequence[str] = (), *, own_key: bool = False) -> Report:
        """Verify the folder, with the key of the original unless its own is asked for."""
        key = public_key(self.state) if own_key else self.key
        with reader_of(self.state) as reader:
            named = [(f"checkpoint {size_of(note)}", note) for note in against]
            return verify_log(reader, key, verify_signature, named)


def size_of(note: str) -> int:
    return parse_checkpoint(parse(note).text).size


def relinked(rows: Sequence[Row]) -> list[Row]:
    """Rows numbered from 1 and linked, whatever they are."""
    linked: list[Row] = []
    previous = bytes(32)
    for seq, row in enumerate(rows, 1):
        previous = link(previous, seq, *row[1:8])
        linked.append(row._replace(seq=seq, hash=previous))
    return linked


def renumbered(rows: Sequence[Row]) -> list[Row]:
    """Rows numbered from 1, each with the hash that it had."""
    return [row._replace(seq=seq) for seq, row in enumerate(rows, 1)]


def kinds(report: Report) -> list[str]:
    return [finding.kind for finding in report.findings]
