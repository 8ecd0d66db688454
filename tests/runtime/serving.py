"""A hub with its door in this process, and agents that do what a test tells them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from podium.bootstrap import Serving, serve
from podium.facts.catalog import Declared
from podium.facts.identity import digest_of

AGENTS = """\
import asyncio
from pathlib import Path


async def echo(input):
    return input


async def gate(input):
    while not Path(input["gate"]).exists():
        await asyncio.sleep(0.005)
    return input
"""


def agent(folder: Path, name: str, **more: Any) -> Declared:
    """A function agent of `AGENTS`, which offers a capability of its own name."""
    (folder / "agents.py").write_text(AGENTS)
    spec = {
        "name": name, "version": "1.0.0", "capabilities": [{"name": name}], "folder": str(folder),
        "runtime": {
            "type": "function", "callable": f"agents:{name}", "isolation": "none", "memory_bytes": 0,
            "python_path": [],
        },
        **more,
    }  # fmt: skip
    return Declared("Agent", name, "1.0.0", digest_of(spec), spec)


def workflow(name: str, *tasks: dict[str, Any], **more: Any) -> Declared:
    """A workflow with these tasks."""
    header = {"dsl": "1.0.3", "namespace": "test", "name": name, "version": "1.0.0"}
    document = {"document": header, **more, "do": list(tasks)}
    spec = {"namespace": "test", "name": name, "version": "1.0.0", "document": document}
    return Declared("Workflow", f"test/{name}", "1.0.0", digest_of(spec), spec)


def call(name: str) -> dict[str, Any]:
    """A call of the agent that offers `name`, with the task's own input."""
    return {"call": "agent", "with": {"capability": name}}


def human(title: str) -> dict[str, Any]:
    return {"call": "human", "with": {"title": title, "decisions": ["approve", "deny"]}}


class House:
    """A hub that serves a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / ".podium"
        self.serving: Serving = serve(self.state)
        self.door = self.serving.door

    def call(self, name: str, /, **params: Any) -> Any:
        """The result of a call; anything else breaks the test."""
        reply = self.door.call(name, params)
        assert "result" in reply, reply
        return reply["result"]

    def refused(self, name: str, /, **params: Any) -> tuple[str, str]:
        """Code and rule of a refused call."""
        refused = self.door.call(name, params)["refused"]
        return refused["code"], refused["problems"][0]["rule"]

    def apply(self, *resources: Declared) -> list[str]:
        names: list[str] = self.call("apply", resources=[msgspec.to_builtins(one) for one in resources])[
            "names"
        ]
        return names

    def submit(self, workflow: str, input: Any = None, **more: Any) -> str:
        run_id: str = self.call("submit", workflow=workflow, input=input, **more)["run_id"]
        return run_id

    def until(self, run_id: str, kind: str) -> None:
        """Wait, in the records that come, until the run waits for a thing of this kind."""
        for _ in self.door.follow(run_id):
            if any(one["kind"] == kind for one in self.call("run", run_id=run_id)["waiting_for"]):
                return

    def restart(self) -> None:
        """Another hub takes over."""
        self.serving.stop(0)
        self.serving = serve(self.state)
        self.door = self.serving.door

    def close(self) -> None:
        """Stop; twice is as good as once."""
        self.serving.stop(0)
