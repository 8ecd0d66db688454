"""LangGraph: ten async nodes on AsyncSqliteSaver, each checkpoint written before the next node."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any, TypedDict

from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph

from bench.peers.workload import STEPS, Measured, measure, print_report, read_request, result_of


class State(TypedDict):
    """One channel: the answer of the step before."""

    answer: dict[str, Any]


def node(ordinal: int) -> Callable[[State], Awaitable[State]]:
    async def step(state: State) -> State:
        return {"answer": result_of(ordinal)}

    return step


def ten_nodes() -> StateGraph[State]:
    graph = StateGraph(State)
    before = START
    for ordinal in range(STEPS):
        graph.add_node(f"step-{ordinal}", node(ordinal))
        graph.add_edge(before, f"step-{ordinal}")
        before = f"step-{ordinal}"
    graph.add_edge(before, END)
    return graph


async def durability(saver: AsyncSqliteSaver, measured: Measured) -> dict[str, Any]:
    """The saver's own connection asked for its settings, and the rows stored."""

    async def ask(sql: str) -> Any:
        cursor = await saver.conn.execute(sql)
        row = await cursor.fetchone()
        return row[0] if row else None

    rows = await ask("SELECT count(*) FROM checkpoints")
    assert rows >= measured.steps, f"{measured.steps} steps counted, {rows} checkpoints stored"
    return {
        "mode": "sync",
        "journal_mode": await ask("PRAGMA journal_mode"),
        "synchronous": await ask("PRAGMA synchronous"),
        "stored_checkpoints": rows,
    }


async def main() -> None:
    request = read_request()
    async with AsyncSqliteSaver.from_conn_string(str(request.folder / "langgraph.sqlite")) as saver:
        graph = ten_nodes().compile(checkpointer=saver)
        threads = count()

        async def run_once() -> Any:
            config = {"configurable": {"thread_id": str(next(threads))}}
            ended = await graph.ainvoke({"answer": {}}, config, durability="sync")
            return ended["answer"]

        measured = await measure(request, run_once)
        facts = await durability(saver, measured)
    packages = ["langgraph", "langgraph-checkpoint-sqlite"]
    print_report(measured, packages, facts, sqlite=sqlite3.sqlite_version)


if __name__ == "__main__":
    asyncio.run(main())
