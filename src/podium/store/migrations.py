"""The schema in numbered steps: `migrations/0001_log.sql` and on; a database counts those it took."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path

import apsw

from podium.store.interface import NewerFormat, StoreError


@cache
def steps() -> tuple[str, ...]:
    """The SQL of each step, in order; step n leads to `user_version` n."""
    folder = files("podium.store") / "migrations"
    found = sorted((file.name, file) for file in folder.iterdir() if file.name.endswith(".sql"))
    numbers = [int(name.partition("_")[0]) for name, _ in found]
    assert numbers == list(range(1, len(found) + 1)), f"migrations are not numbered 1, 2, …: {numbers}"
    return tuple(file.read_text(encoding="utf-8") for _, file in found)


def migrate(connection: apsw.Connection, path: Path, todo: tuple[str, ...]) -> int:
    """Bring a database to the newest schema, each step in a transaction of its own.

    Args:
        path: for the message only.
        todo: all steps there are, from the first.
    Returns:
        how many steps were taken.
    Raises:
        NewerFormat: the database has taken steps that are not among these.
    """
    taken = 0
    while (version := _version(connection)) < len(todo):
        taken += _step(connection, version, todo[version])
    _refuse_newer(version, path, len(todo))
    return taken


def refuse_other(connection: apsw.Connection, path: Path, known: int) -> None:
    """For readers, which cannot migrate.

    Raises:
        NewerFormat: the database has taken more than the `known` steps.
        StoreError: the database has taken fewer.
    """
    version = _version(connection)
    _refuse_newer(version, path, known)
    if version < known:
        raise StoreError(
            f"{path} has format {version}, older than this release's {known}: "
            "start the hub once, which brings it to the newest format"
        )


def _refuse_newer(version: int, path: Path, known: int) -> None:
    if version > known:
        raise NewerFormat(
            f"{path} has format {version} and this release reads up to {known}: "
            "it was written by a newer release of podium; use that one"
        )


def _step(connection: apsw.Connection, version: int, sql: str) -> bool:
    """Take one step, unless another process took it first."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        mine = _version(connection) == version
        if mine:
            connection.execute(sql)
            connection.pragma("user_version", version + 1)
        connection.execute("COMMIT")
    finally:
        if not connection.get_autocommit():
            connection.execute("ROLLBACK")
    return mine


def _version(connection: apsw.Connection) -> int:
    return int(connection.pragma("user_version"))
