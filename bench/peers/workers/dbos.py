"""DBOS: a workflow of ten async steps on its SQLite system database."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from dbos import DBOS, DBOSConfig

from bench.peers.workload import STEPS, Measured, Request, measure, print_report, read_request, result_of


@DBOS.step()
async def step(ordinal: int, before: dict[str, Any]) -> dict[str, Any]:
    return result_of(ordinal)


@DBOS.workflow()
async def ten_steps(before: dict[str, Any]) -> dict[str, Any]:
    answer = before
    for ordinal in range(STEPS):
        answer = await step(ordinal, answer)
    return answer


def configuration(request: Request, database: Path) -> DBOSConfig:
    """As documented for SQLite; tuned, one connection, so that writers need not poll the lock."""
    config: DBOSConfig = {
        "name": "bench",
        "system_database_url": f"sqlite:///{database}",
        "log_level": "ERROR",
    }
    if request.tuned:
        config["sys_db_pool_size"] = 1
    return config


def durability(database: Path, measured: Measured) -> dict[str, Any]:
    """The journal in force, SQLite's default `synchronous` (DBOS sets none), and the rows stored."""
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute("SELECT count(*) FROM operation_outputs").fetchone()[0]
        assert rows >= measured.steps, f"{measured.steps} steps counted, {rows} stored"
        return {
            "journal_mode": connection.execute("PRAGMA journal_mode").fetchone()[0],
            "synchronous": connection.execute("PRAGMA synchronous").fetchone()[0],
            "stored_steps": rows,
        }


def main() -> None:
    request = read_request()
    database = request.folder / "dbos.sqlite"
    if request.tuned:
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
    DBOS(config=configuration(request, database))
    DBOS.launch()
    try:
        measured = asyncio.run(measure(request, lambda: ten_steps({})))
    finally:
        DBOS.destroy()
    print_report(measured, ["dbos"], durability(database, measured), sqlite=sqlite3.sqlite_version)


if __name__ == "__main__":
    main()
