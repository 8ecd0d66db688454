"""A hub in a folder of its own, with the agents and workflows of the benchmarks."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from podium.bootstrap import LocalHub, open_hub
from podium.cli.hubs import collect_again
from podium.facts.catalog import Declared
from podium.facts.identity import digest_of
from podium.facts.inputs import Apply
from podium.facts.values import Accepted
from podium.runtime.hub import Hub

HERE = Path(__file__).resolve().parent
SCRATCH = HERE.parent / ".bench"

PAYLOAD = {
    "type": "object",
    "required": ["id", "ok", "text"],
    "properties": {"id": {"type": "integer"}, "ok": {"type": "boolean"}, "text": {"type": "string"}},
}


def fresh_folder(name: str) -> Path:
    """An empty folder on the disk that the repository is on."""
    folder = SCRATCH / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (SCRATCH / ".gitignore").write_text("*\n")
    return folder


@contextmanager
def hub(folder: Path) -> Iterator[LocalHub]:
    """A hub that serves while the block runs, in a process set up as that of `podium run` is."""
    running = open_hub(folder)
    collect_again()
    try:
        yield running
    finally:
        running.stop()


def apply(running: Hub, *resources: Declared) -> None:
    """Declare resources; anything refused ends the benchmark."""
    reply = running.tell(Apply(resources=resources, principal="bench:podium")).result()
    assert isinstance(reply, Accepted), reply


def agent(**more: Any) -> Declared:
    """An async function agent with input and output contracts, and more of what an agent may have."""
    spec = {
        "name": "noop",
        "version": "1.0.0",
        "capabilities": [{"name": "bench.step", "input": PAYLOAD, "output": PAYLOAD}],
        "runtime": {
            "type": "function",
            "callable": "agents:step",
            "isolation": "none",
            "memory_bytes": 0,
            "python_path": ["."],
        },
        "concurrency": 1024,
        "folder": str(HERE),
        **more,
    }
    return Declared("Agent", "noop", "1.0.0", digest_of(spec), spec)


def workflow(name: str, tasks: list[dict[str, Any]], **more: Any) -> Declared:
    """A workflow of the benchmarks, with more of what a document may have."""
    document = {
        "document": {"dsl": "1.0.3", "namespace": "bench", "name": name, "version": "1.0.0"},
        "do": tasks,
        **more,
    }
    spec = {"namespace": "bench", "name": name, "version": "1.0.0", "document": document}
    return Declared("Workflow", f"bench/{name}", "1.0.0", digest_of(spec), spec)


def call() -> dict[str, Any]:
    """One call of the agent, with the task's own input."""
    return {"call": "agent", "with": {"capability": "bench.step"}}


def sequence(steps: int) -> Declared:
    """So many calls, one after the other."""
    return workflow("sequence", [{f"step{at}": call()} for at in range(steps)])


def fan_out(branches: int) -> Declared:
    """So many calls at once, joined."""
    forked = [{f"branch{at}": call()} for at in range(branches)]
    return workflow("fan-out", [{"all": {"fork": {"branches": forked}}}])
