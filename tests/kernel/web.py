"""A web that is not there: `call: http` through the real adapter, answered from a table."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import TypeAlias

import msgspec

from podium.agents.http_call import HttpCallAdapter
from podium.agents.interface import AttemptFailed
from podium.agents.requesting import Sender
from podium.agents.web import Answered
from podium.facts.orders import Perform
from podium.facts.values import JSON
from podium.runtime.reports import failed
from tests.kernel.conversation import Conversation

Site: TypeAlias = Callable[[str, str, Mapping[str, str]], tuple[int, JSON]]
"""Gives status and JSON for a method, a URI and headers in lower case."""


class StandIn:
    """What the adapter takes for the web. `asked` are the requests: method and URI."""

    def __init__(self, site: Site) -> None:
        self.asked: list[tuple[str, str]] = []
        self._site = site

    async def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None = None,
        digest: tuple[str, str] | None = None,
        reach: str = "",
    ) -> Answered:
        self.asked.append((method, url))
        status, content = self._site(method, url, headers)
        kind = {"content-type": "application/json; charset=utf-8"}
        return Answered(status, kind, msgspec.json.encode(content), "utf-8", dict(headers), url)

    def serve(self, talk: Conversation) -> None:
        """Perform the HTTP calls of a run until it asks for nothing more."""
        while talk.open:
            self._perform(talk, next(iter(talk.open.values())))

    def _perform(self, talk: Conversation, order: Perform) -> None:
        attempt = SimpleNamespace(order=order, progress=lambda value: None, log=lambda line: None)
        adapter = HttpCallAdapter(Sender(self, None))  # type: ignore[arg-type]
        try:
            performed = asyncio.run(adapter.perform(None, attempt))  # type: ignore[arg-type]
        except AttemptFailed as failure:
            del talk.open[order.run_id, order.effect]
            talk.tell(failed(order, failure))
        else:
            talk.settle(order.task, performed.output)
