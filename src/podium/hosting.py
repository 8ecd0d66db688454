"""The composition root of a worker: agents that are declared here are hosted for a hub elsewhere."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from podium.agents.loading import code_of
from podium.agents.secrets import Vault
from podium.facts.catalog import VERSIONS, AgentVersion, Declared, ToolVersion
from podium.runtime.worker import EmbeddedWorker
from podium.sdk.worker import RemoteWorker, Terms
from podium.sdk.worker_link import Link


class Hosting:
    """A worker for a hub elsewhere, and the part of this process that makes its attempts.

    Args:
        link: the way to the hub.
        agents: what it hosts.
        terms: what it says of itself.
        state: the folder with its secrets.
    """

    def __init__(self, link: Link, agents: Sequence[Declared], terms: Terms, state: Path) -> None:
        self._folder = TemporaryDirectory(prefix="podium-worker-")
        versions = [_version(one) for one in agents]
        codes = {f"{one.name}@{one.version}": code_of(one) for one in versions}
        self._worker = RemoteWorker(link, agents, replace(terms, codes=codes))
        folder = Path(self._folder.name)
        self._performer = EmbeddedWorker(
            self._worker.hear, self._hosted, folder, lambda: time.time_ns() // 1_000_000,
            vault=Vault(state), on_asked=self._worker.ask, on_said=self._worker.say,
        )  # fmt: skip
        self.join = self._worker.join

    def run(self) -> None:
        """Take attempts from now on."""
        self._worker.run(self._performer)

    def stop(self, grace_ms: int) -> None:
        """Take nothing more, give what runs the grace, say what came of it, and leave."""
        self._worker.stop(grace_ms)
        self._performer.close(0)
        self._folder.cleanup()

    def _hosted(self, digest: str) -> AgentVersion | None:
        found = self._worker.versions.get(digest)
        return _version(found) if found is not None else None


def _version(one: Declared) -> AgentVersion:
    version: Any = msgspec.convert(one.spec, VERSIONS[one.kind])
    performer: AgentVersion = version.performer() if isinstance(version, ToolVersion) else version
    return performer
