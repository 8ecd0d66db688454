"""The client for programs on an event loop: typed calls on a hub at an address.

async with AsyncClient("https://hub.example.org", token) as podium:
    run = await podium.run("hello/greet", {"name": "Ada"})
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from types import TracebackType
from typing import Any
from urllib.parse import quote

import httpx2
import msgspec

from podium.facts.catalog import Declared
from podium.facts.values import JSON
from podium.sdk.client import Applied, Run, Submitted
from podium.sdk.http import CALLS_MAX, STREAM, WAIT_MS, Remote, RunPages, events_of, pause_of, reply_of
from podium.sdk.replies import plain, result_of

__all__ = ["AsyncClient"]

_READ_S = 60.0


class AsyncClient:
    """Calls on a hub; each raises PodiumError where it comes to nothing.

    Args:
        url: where the hub is.
        token: an API token.
        verify: as `httpx` has it: whose certificates are believed.
    Raises:
        InvalidError: that is no address.
    """

    def __init__(self, url: str, token: str = "", *, verify: Any = True) -> None:
        self._remote = Remote(url, token)
        self._client = httpx2.AsyncClient(
            headers=self._remote.headers, timeout=httpx2.Timeout(10.0, read=_READ_S), verify=verify,
            limits=httpx2.Limits(max_connections=CALLS_MAX + 8),
        )  # fmt: skip

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of the hub."""
        await self._client.aclose()

    # --- runs ----------------------------------------------------------------------------------------

    async def submit(
        self, workflow: str, input: JSON = None, *, key: str = "", labels: dict[str, str] | None = None,
        subject: str = "", priority: str = "",
    ) -> Submitted:  # fmt: skip
        """Start a run; arguments as of `Client.submit`."""
        given = {
            "workflow": workflow, "input": input, "key": key, "labels": labels or {}, "subject": subject,
            "priority": priority,
        }  # fmt: skip
        return msgspec.convert(await self._call("submit", **given), Submitted)

    async def run(
        self, workflow: str, input: JSON = None, *, key: str = "", labels: dict[str, str] | None = None,
        timeout_ms: int = -1, subject: str = "", priority: str = "",
    ) -> Run:  # fmt: skip
        """Start a run and wait for its end, or until the time is over."""
        begun = await self.submit(workflow, input, key=key, labels=labels, subject=subject, priority=priority)
        return await self.wait(begun.run_id, timeout_ms)

    async def wait(self, run_id: str, timeout_ms: int = -1) -> Run:
        """The run when it ended, or as it stands when the time is over."""
        limit_at = time.monotonic() + timeout_ms / 1000 if timeout_ms >= 0 else None
        while True:
            left = WAIT_MS if limit_at is None else max(int((limit_at - time.monotonic()) * 1000), 0)
            found = msgspec.convert(
                await self._call("wait", run_id=run_id, timeout_ms=min(left, WAIT_MS)), Run
            )
            if found.ended or (limit_at is not None and left <= WAIT_MS):
                return found

    async def follow(self, run_id: str, after: int = 0) -> AsyncIterator[dict[str, JSON]]:
        """The run's records later than seq `after`, as they are committed, until it ends."""
        url = f"{self._remote.url}/v1/runs/{quote(run_id, safe='')}/events"
        while True:
            headers = {"accept": STREAM, "last-event-id": str(after)}
            try:
                async with self._client.stream("GET", url, headers=headers) as response:
                    if response.status_code != 200:
                        result_of(reply_of(response.status_code, await response.aread(), ""))
                    async for kind, data in events_of(response.aiter_lines()):
                        if kind == "end":
                            return
                        after = data["seq"]
                        yield data
            except httpx2.HTTPError:
                # What it last heard of is known, so it can go on from there as soon as there is a hub.
                await asyncio.sleep(1.0)
                await self.get_run(run_id)

    async def get_run(self, run_id: str) -> Run:
        """A run as it stands."""
        return msgspec.convert(await self._call("run", run_id=run_id), Run)

    async def get(self, kind: str, **wanted: Any) -> list[dict[str, JSON]]:
        """`runs`, newest first, or resources of a kind; arguments as of `Client.get`."""
        return list(await self._call("get", kind=kind, **wanted))

    async def describe(self, kind: str, name: str) -> dict[str, JSON]:
        """All that is known of a `run` or a resource."""
        return dict(await self._call("describe", kind=kind, name=name))

    async def events(self, run_id: str, after: int = 0) -> list[dict[str, JSON]]:
        """A run's records, oldest first."""
        return list(await self._call("events", run_id=run_id, after=after))

    # --- acting --------------------------------------------------------------------------------------

    async def answer(
        self, run_id: str, *, task: str = "", decision: str = "approve", data: JSON = None, why: str = ""
    ) -> str:
        """Answer a `call: human`; gives what was recorded, in a line."""
        return await self._act("answer", run_id=run_id, task=task, decision=decision, data=data, why=why)

    async def send(self, event: dict[str, JSON], run_id: str = "") -> str:
        """Send a CloudEvent to one run, or to all that listen."""
        return await self._act("send", run_id=run_id, event=event)

    async def cancel(self, run_id: str, why: str = "") -> str:
        """End a run now."""
        return await self._act("cancel", run_id=run_id, why=why)

    async def suspend(self, run_id: str, why: str = "") -> str:
        """Start nothing more in a run."""
        return await self._act("suspend", run_id=run_id, why=why)

    async def resume(self, run_id: str, why: str = "") -> str:
        """Let a suspended run go on."""
        return await self._act("resume", run_id=run_id, why=why)

    async def suspend_work(self, agent: str = "", *, cancel: bool = False, why: str = "") -> str:
        """Let no attempt begin, at an agent (`name` or `name@version`) or at all, until that is resumed."""
        return await self._act("suspend_work", agent=agent, cancel=cancel, why=why)

    async def resume_work(self, agent: str = "", *, why: str = "") -> str:
        """Let go on what was suspended by the same name."""
        return await self._act("resume_work", agent=agent, why=why)

    async def resolve(
        self, run_id: str, verdict: str, *, effect: int = 0, output: JSON = None, why: str = ""
    ) -> str:
        """Say what became of an effect in doubt: `succeeded`, `failed` or `retry`."""
        return await self._act(
            "resolve", run_id=run_id, verdict=verdict, effect=effect, output=output, why=why
        )

    async def approvals(self, run_id: str = "") -> list[dict[str, JSON]]:
        """What waits for people, longest first."""
        return list(await self._call("approvals", run_id=run_id))

    async def decide(self, run_id: str, effect: int, action: str, *, verdict: str, why: str = "") -> str:
        """Say yes (`approve`) or no (`deny`) to the action with this digest."""
        return await self._act(
            "decide", run_id=run_id, effect=effect, action=action, verdict=verdict, why=why
        )

    async def escalations(self) -> list[dict[str, JSON]]:
        """All that waits for an operator, longest first."""
        return list(await self._call("escalations"))

    async def dead_letters(self, **wanted: JSON) -> list[dict[str, JSON]]:
        """Effects that failed for good and were kept; arguments as of `Client.dead_letters`."""
        return list(await self._call("dead_letters", **wanted))

    async def settle_dead_letter(self, run_id: str, verdict: str, *, effect: int = 0, why: str = "") -> str:
        """Say what becomes of an effect that failed for good: `retry` or `drop`."""
        return await self._act("settle_dead_letter", run_id=run_id, verdict=verdict, effect=effect, why=why)

    # --- declaring -----------------------------------------------------------------------------------

    async def apply(
        self, resources: Iterable[Declared], *, prune: bool = False, force: bool = False, why: str = ""
    ) -> Applied:
        """Declare resources; gives the names of those that changed."""
        declared = [msgspec.to_builtins(resource) for resource in resources]
        found = await self._call("apply", resources=declared, prune=prune, force=force, why=why)
        return Applied(found["names"], found["notices"])

    async def plan(self, resources: Iterable[Declared], *, prune: bool = False) -> dict[str, JSON]:
        """What applying these would change and break."""
        declared = [msgspec.to_builtins(resource) for resource in resources]
        return dict(await self._call("plan", resources=declared, prune=prune))

    async def status(self) -> dict[str, JSON]:
        """How the hub is."""
        return dict(await self._call("status"))

    async def whoami(self) -> dict[str, JSON]:
        """Who one is to the hub, and what one may do."""
        return dict(await self._call("whoami"))

    async def _act(self, name: str, /, **params: Any) -> str:
        return str((await self._call(name, **params))["detail"])

    async def _call(self, name: str, /, **params: Any) -> Any:
        if name == "get" and params.get("kind") == "runs":
            pages = RunPages(plain(params))
            while pages.take(await self._send(name, pages.asked(), whole=True)):
                pass
            return pages.rows
        return await self._send(name, plain(params))

    async def _send(self, name: str, params: dict[str, Any], whole: bool = False) -> Any:
        method, url, extra, inner = self._remote.request(name, params)
        inner = "" if whole else inner
        attempt = 0
        while True:
            try:
                response = await self._client.request(method, url, **extra)
            except (httpx2.HTTPError, httpx2.InvalidURL) as error:
                raise self._remote.lost(error) from None
            pause = pause_of(response.status_code, response.headers, attempt)
            if not pause:
                return result_of(reply_of(response.status_code, response.content, inner))
            await asyncio.sleep(pause)
            attempt += 1
