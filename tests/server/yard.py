"""A hub that is served on a free port, with what tests of workers need."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2
import msgspec

from podium.bootstrap import Serving, serve
from podium.facts.catalog import Declared
from podium.facts.identity import digest_of
from tests.runtime.serving import call, workflow

HOUR_MS = 3_600_000


def hosted(name: str, **more: Any) -> Declared:
    """An agent that workers host, which offers a capability of its own name."""
    spec = {
        "name": name, "version": "1.0.0", "capabilities": [{"name": name}], "runtime": {"type": "worker"},
        "concurrency": 10_000, **more,
    }  # fmt: skip
    return Declared("Agent", name, "1.0.0", digest_of(spec), spec)


class Yard:
    """The hub of a folder, its address, and tokens for it."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / ".podium"
        self.port = 0
        self.open()

    def open(self) -> None:
        self.serving: Serving = serve(self.state)
        self.door = self.serving.door
        self.listening = self.serving.listen("127.0.0.1", self.port)
        self.url = self.listening.url
        self.port = int(self.url.rpartition(":")[2])

    def close(self) -> None:
        self.serving.stop(0)

    def token(self, name: str, *roles: str) -> str:
        accounts = self.serving.accounts()
        accounts.add(name, roles)
        return str(accounts.add_token(name, name, (), HOUR_MS)[1])

    def client(self, token: str) -> httpx2.Client:
        headers = {"authorization": f"Bearer {token}"}
        return httpx2.Client(base_url=self.url, headers=headers, timeout=30)

    def call(self, name: str, /, **params: Any) -> Any:
        reply = self.door.call(name, params)
        assert "result" in reply, reply
        return reply["result"]

    def apply(self, *resources: Declared) -> None:
        self.call("apply", resources=[msgspec.to_builtins(one) for one in resources])

    def flow(self, *names: str) -> None:
        """Declare agents that workers host, and for each a workflow that asks it."""
        for name in names:
            self.apply(hosted(name), workflow(f"ask-{name}", {"a": call(name)}))
