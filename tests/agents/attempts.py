"""What the tests of the adapters share: attempts to hand them, and agents to reach."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from podium.agents.veil import Veil
from podium.facts.catalog import AgentVersion, Capability
from podium.facts.orders import Perform


def order(input: Any = None, **changes: Any) -> Perform:
    fields: dict[str, Any] = {
        "run_id": "r1",
        "task": "/do/0/x",
        "effect": 1,
        "attempt": 2,
        "token": 7,
        "epoch": 1,
        "kind": "agent",
        "agent": "a@1.0.0",
        "digest": "sha256:a",
        "capability": "some.thing",
        "input": input,
        "delivery": "at-least-once",
        "deadline_at": time.time_ns() // 1_000_000 + 60_000,
        "heartbeat_ms": 0,
        "key": "key-1",
        "trace": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    }
    return Perform(**{**fields, **changes})


class Attempted:
    """An attempt that remembers what its agent said. `on_log` is called with every line."""

    def __init__(
        self, input: Any = None, on_log: Callable[[str], None] | None = None, **changes: Any
    ) -> None:
        self.order = order(input, **changes)
        self.said: list[Any] = []
        self.lines: list[str] = []
        self.veil = Veil(lambda name, pointer: None)
        self._on_log = on_log

    def progress(self, value: Any) -> None:
        self.said.append(value)

    def hide(self, name: str, value: Any) -> None:
        self.veil.hide(name, value)

    def hides(self, text: str) -> bool:
        return self.veil.text(text) != text

    def log(self, line: str) -> None:
        self.lines.append(line)
        if self._on_log is not None:
            self._on_log(line)


def agent(folder: Path, runtime: dict[str, Any], **changes: Any) -> AgentVersion:
    return AgentVersion(
        **{
            "name": "a",
            "version": "1.0.0",
            "capabilities": (Capability("some.thing"),),
            "runtime": runtime,
            "folder": str(folder),
            **changes,
        }
    )


class Spawns:
    """Remembers which process groups were started and which are gone."""

    def __init__(self) -> None:
        self.alive: set[int] = set()
        self.started: list[int] = []
        self.on_gone: Callable[[], None] = lambda: None

    def __call__(self, group: int) -> None:
        if group > 0:
            self.alive.add(group)
            self.started.append(group)
        else:
            self.alive.discard(-group)
            self.on_gone()


def is_running(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def until(holds: Callable[[], bool], limit_s: float = 20.0) -> None:
    """Wait for something that happens in another process."""
    end = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.01)
