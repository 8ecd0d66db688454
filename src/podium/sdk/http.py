"""The way to a hub over the network: every call of the client as a request of the hub's API."""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, quote, urlsplit
from uuid import uuid4

import httpx2
import msgspec

from podium.sdk.errors import InvalidError, UnreachableError
from podium.sdk.replies import result_of

Reply = dict[str, Any]

CALLS_MAX = 32
"""So many calls are under way side by side."""

PAGE_MAX = 1_000
"""No page of runs is longer."""

LIST_MAX = 10_000
"""No list is longer."""

WAIT_MS = 20_000
"""A request that waits for a run asks again after so long."""

AGAIN_S = 0.2
AGAIN_MAX = 4
"""A hub that cannot answer now, or has too much to do, is asked again so often."""

EVENT = "application/cloudevents+json"
STREAM = "text/event-stream"


class Way(NamedTuple):
    """How a call is made: `{name}` in the path is a parameter, the rest goes where the method has it."""

    method: str
    path: str
    inner: str = ""


TWICE = frozenset(("schedule", "settle_dead_letter", "token_create", "account_link"))
"""Calls that would act twice if a request were made again because its answer was lost."""

_ITEMS = "items"

WAYS: dict[str, Way] = {
    "submit": Way("POST", "/v1/runs"),
    "run": Way("GET", "/v1/runs/{run_id}"),
    "wait": Way("GET", "/v1/runs/{run_id}/wait"),
    "unfinished": Way("POST", "/v1/runs/unfinished", _ITEMS),
    "events": Way("GET", "/v1/runs/{run_id}/events", _ITEMS),
    "evidence": Way("GET", "/v1/runs/{run_id}/evidence"),
    "trace": Way("GET", "/v1/runs/{run_id}/trace", _ITEMS),
    "tasks": Way("GET", "/v1/runs/{run_id}/tasks", _ITEMS),
    "held_back": Way("GET", "/v1/runs/{run_id}/held-back", _ITEMS),
    "cancel": Way("POST", "/v1/runs/{run_id}/cancel"),
    "suspend": Way("POST", "/v1/runs/{run_id}/suspend"),
    "resume": Way("POST", "/v1/runs/{run_id}/resume"),
    "answer": Way("POST", "/v1/runs/{run_id}/answer"),
    "resolve": Way("POST", "/v1/runs/{run_id}/resolve"),
    "declassify": Way("POST", "/v1/runs/{run_id}/declassify"),
    "approvals": Way("GET", "/v1/approvals", _ITEMS),
    "decide": Way("POST", "/v1/approvals/{run_id}/{effect}/decide"),
    "delegate": Way("POST", "/v1/approvals/{run_id}/{effect}/delegate"),
    "edit": Way("POST", "/v1/approvals/{run_id}/{effect}/edit"),
    "override": Way("POST", "/v1/approvals/{run_id}/{effect}/override"),
    "escalations": Way("GET", "/v1/escalations", _ITEMS),
    "stuck": Way("GET", "/v1/stuck", _ITEMS),
    "dead_letters": Way("GET", "/v1/dead-letters", _ITEMS),
    "settle_dead_letter": Way("POST", "/v1/dead-letters/{run_id}/{effect}"),
    "reset_breaker": Way("POST", "/v1/breakers/{agent}/reset"),
    "suspend_work": Way("POST", "/v1/suspend"),
    "resume_work": Way("POST", "/v1/resume"),
    "suspensions": Way("GET", "/v1/suspensions", _ITEMS),
    "workers": Way("GET", "/v1/workers", _ITEMS),
    "describe": Way("GET", "/v1/resources/{kind}/{name}"),
    "delete": Way("DELETE", "/v1/resources/{kind}/{name}"),
    "history": Way("GET", "/v1/history/{kind}/{name}", _ITEMS),
    "revision": Way("GET", "/v1/revisions/{kind}/{name}"),
    "plan": Way("POST", "/v1/plan"),
    "apply": Way("POST", "/v1/apply"),
    "replay": Way("POST", "/v1/policies/replay"),
    "schedule": Way("POST", "/v1/schedules/{schedule}"),
    "status": Way("GET", "/v1/status"),
    "whoami": Way("GET", "/v1/whoami"),
    "activity": Way("GET", "/v1/activity", _ITEMS),
    "rebuild_views": Way("POST", "/v1/views/rebuild"),
    "erase": Way("POST", "/v1/erase"),
    "verify": Way("GET", "/v1/audit/verify"),
    "checkpoint": Way("POST", "/v1/audit/checkpoint"),
    "checkpoints": Way("GET", "/v1/audit/checkpoints", _ITEMS),
    "prove": Way("GET", "/v1/audit/proofs/{shard}/{seq}"),
    "accounts": Way("GET", "/v1/accounts", _ITEMS),
    "account_add": Way("POST", "/v1/accounts"),
    "account_change": Way("PATCH", "/v1/accounts/{name}"),
    "account_link": Way("POST", "/v1/accounts/{name}/link"),
    "tokens": Way("GET", "/v1/tokens", _ITEMS),
    "token_create": Way("POST", "/v1/tokens"),
    "token_revoke": Way("DELETE", "/v1/tokens/{id}"),
}
"""The calls of a door that are one request each."""

_RUN = Way("GET", "/v1/runs/{name}/describe")


class Remote:
    """Where a hub is, and how requests to it are made; whatever does the sending.

    Args:
        url: `https://hub.example.org`.
        token: an API token; "" for none.
    Raises:
        InvalidError: that is no address of a hub.
    """

    def __init__(self, url: str, token: str = "") -> None:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.username:
            raise InvalidError(f"{url!r} is no address of a hub; it looks like http://127.0.0.1:7400")
        self.url = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
        self.headers = {"accept": "application/json", "user-agent": "podium"}
        if token:
            self.headers["authorization"] = f"Bearer {token}"

    def request(self, name: str, params: Reply) -> tuple[str, str, dict[str, Any], str]:
        """A call as method, URL, what the sender takes beside them, and the member of the answer meant."""
        params = {key: value for key, value in params.items() if key != "principal"}
        if name == "send":
            return self._event(params)
        way = _way(name, params)
        path = way.path
        for key in [key for key in params if f"{{{key}}}" in path]:
            path = path.replace(f"{{{key}}}", quote(str(params.pop(key)) or "-", safe=""))
        extra: dict[str, Any] = {}
        if key := (params.pop("key", "") if name == "submit" else ""):
            extra["headers"] = {"idempotency-key": str(key)}
        if way.method in ("GET", "DELETE"):
            extra["params"] = {key: _word(value) for key, value in params.items() if not _is_unsaid(value)}
        else:
            extra["content"] = msgspec.json.encode(params)
            extra.setdefault("headers", {})["content-type"] = "application/json"
            if name in TWICE:
                extra["headers"]["idempotency-key"] = str(uuid4())
        return way.method, self.url + path, extra, way.inner

    def _event(self, params: Reply) -> tuple[str, str, dict[str, Any], str]:
        """An event, as a CloudEvent in structured mode."""
        event = {"specversion": "1.0", "id": str(uuid4()), "source": "podium", **params["event"]}
        extra = {"content": msgspec.json.encode(event), "headers": {"content-type": EVENT}}
        if params.get("run_id"):
            extra["params"] = {"run_id": params["run_id"]}
        return "POST", f"{self.url}/v1/events", extra, ""

    def lost(self, error: Exception) -> UnreachableError:
        """The hub does not answer."""
        return UnreachableError(f"the hub at {self.url} does not answer: {error or type(error).__name__}")


class RunPages:
    """A list of runs, which may take several requests: a page has 1,000 at most, and may be short.

    Attributes: rows: those that have come.
    """

    def __init__(self, params: Reply) -> None:
        self.rows: list[Any] = []
        self._params, self._limit = params, int(params.get("limit", 100))
        self._before = params.get("before", 0)

    def asked(self) -> Reply:
        """The parameters of the next request."""
        left = self._limit - len(self.rows)
        # What is more than any list may have is for the hub to refuse.
        limit = min(left, PAGE_MAX) if left <= LIST_MAX else left
        return {**self._params, "limit": limit, "before": self._before}

    def take(self, page: Reply) -> bool:
        """Take what came; whether there is more to ask for."""
        self.rows += page["items"]
        following = parse_qs(urlsplit(page["next"]).query).get("before")
        self._before = int(following[0]) if following else 0
        return self._before > 0 and len(self.rows) < self._limit


def _way(name: str, params: Reply) -> Way:
    if name == "get":
        for label in [f"{key}={value}" for key, value in params.pop("labels", {}).items()]:
            params.setdefault("label", []).append(label)
        return Way("GET", f"/v1/{params.pop('kind')}", _ITEMS)
    if name == "describe" and params["kind"] == "run":
        del params["kind"]
        return _RUN
    if "{kind}" in WAYS.get(name, _RUN).path:
        params["kind"] = str(params["kind"]).lower() or "any"
    if name not in WAYS:
        raise InvalidError(
            f"{name!r} cannot be done through a hub's address; do it where its state folder is"
        )
    return WAYS[name]


def _is_unsaid(value: Any) -> bool:
    # By identity: 0 is said, though it equals False.
    return value is None or value is False or value in ("", [])


def _word(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value


def reply_of(status: int, body: bytes, inner: str) -> Reply:
    """What a door would have answered."""
    try:
        found = msgspec.json.decode(body) if body else None
    except msgspec.DecodeError:
        return {"error": {"message": f"the hub's answer ({status}) is no JSON: is that a hub?"}}
    if status < 400:
        return {"result": found[inner] if inner and found else found}
    if not isinstance(found, dict) or "problems" not in found:
        return {"error": {"message": f"the hub's answer ({status}) says nothing of why"}}
    if found.get("code"):
        return {"refused": {"code": found["code"], "problems": found["problems"]}}
    if status == 503:
        return {"gone": {"message": found["detail"]}}
    if status == 404:
        return {"refused": {"code": "not-found", "problems": found["problems"]}}
    return {"refused": {"code": "refused", "problems": found["problems"]}}


def pause_of(status: int, headers: Mapping[str, str], attempt: int) -> float:
    """In how many seconds to ask again; 0 where that is no use."""
    if status not in (429, 503) or attempt >= AGAIN_MAX:
        return 0.0
    given = headers.get("retry-after", "")
    return min(float(given), 5.0) if given.isdecimal() else AGAIN_S * 2**attempt


class HttpTransport:
    """Calls on a hub over HTTP, from any thread.

    Raises:
        InvalidError: the address is none.
    """

    pid = 0

    def __init__(self, url: str, token: str = "", *, verify: Any = True) -> None:
        self._remote = Remote(url, token)
        self._client = httpx2.Client(
            headers=self._remote.headers, timeout=httpx2.Timeout(10.0, read=60.0), verify=verify,
            limits=httpx2.Limits(max_connections=CALLS_MAX + 8), follow_redirects=False,
        )  # fmt: skip
        self._pool = ThreadPoolExecutor(CALLS_MAX, "podium-call")
        self._closed = threading.Event()

    def start(self, name: str, params: Reply) -> Future[Reply]:
        own = {"execute": self._execute, "wait": self._wait}
        if name == "get" and params.get("kind") == "runs":
            own["get"] = self._runs
        work: Callable[[Reply], Reply] = own.get(name, lambda given: self._send(name, given))
        return self._pool.submit(work, dict(params))

    def follow(self, run_id: str, after: int = 0) -> Iterator[Reply]:
        url = f"{self._remote.url}/v1/runs/{quote(run_id, safe='')}/events"
        while True:
            try:
                headers = {"accept": STREAM, "last-event-id": str(after)}
                with self._client.stream("GET", url, headers=headers) as response:
                    if response.status_code != 200:
                        yield reply_of(response.status_code, response.read(), "")
                        return
                    for kind, data in sse(response.iter_lines()):
                        if kind == "end":
                            yield {"result": data}
                            return
                        after = data["seq"]
                        yield {"item": data}
            except httpx2.HTTPError as error:
                if self._closed.wait(1.0):
                    raise self._remote.lost(error) from None
                self._send("run", {"run_id": run_id})

    def close(self) -> None:
        self._closed.set()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    def download(self, path: str, file: Path) -> None:
        """Keep what the hub gives at a path. Raises PodiumError where it gives none."""
        try:
            with self._client.stream("GET", self._remote.url + path) as response:
                if response.status_code != 200:
                    result_of(reply_of(response.status_code, response.read(), ""))
                with file.open("wb") as out:
                    for chunk in response.iter_bytes():
                        out.write(chunk)
        except httpx2.HTTPError as error:
            raise self._remote.lost(error) from None

    def _runs(self, params: Reply) -> Reply:
        pages = RunPages(params)
        while "result" in (reply := self._send("get", pages.asked(), whole=True)):
            if not pages.take(reply["result"]):
                return {"result": pages.rows}
        return reply

    def _send(self, name: str, params: Reply, whole: bool = False) -> Reply:
        method, url, extra, inner = self._remote.request(name, params)
        inner = "" if whole else inner
        attempt = 0
        while True:
            try:
                response = self._client.request(method, url, **extra)
            except (httpx2.HTTPError, httpx2.InvalidURL) as error:
                raise self._remote.lost(error) from None
            pause = pause_of(response.status_code, response.headers, attempt)
            if not pause or self._closed.wait(pause):
                return reply_of(response.status_code, response.content, inner)
            attempt += 1

    def _execute(self, params: Reply) -> Reply:
        timeout_ms, trace = params.pop("timeout_ms", -1), params.pop("trace", False)
        begun = self._send("submit", params)
        if "result" not in begun:
            return begun
        run_id, created = begun["result"]["run_id"], begun["result"]["created"]
        reply = self._wait({"run_id": run_id, "timeout_ms": timeout_ms, "trace": trace})
        if "result" in reply:
            reply["result"]["created"] = created
        return reply

    def _wait(self, params: Reply) -> Reply:
        timeout_ms = params.pop("timeout_ms", -1)
        limit_at = time.monotonic() + timeout_ms / 1000 if timeout_ms >= 0 else None
        while True:
            left = WAIT_MS if limit_at is None else max(int((limit_at - time.monotonic()) * 1000), 0)
            reply = self._send("wait", {**params, "timeout_ms": min(left, WAIT_MS)})
            if (
                "result" not in reply
                or reply["result"]["ended_at"]
                or (left <= WAIT_MS and limit_at is not None)
            ):
                return reply


class _Reading:
    """Puts the lines of a stream of server-sent events together."""

    def __init__(self) -> None:
        self._kind, self._data = "message", list[str]()

    def take(self, line: str) -> tuple[str, Any] | None:
        """An event's name and data, where a line ends one."""
        if not line:
            kind, data = self._kind, self._data
            self._kind, self._data = "message", []
            return (kind, msgspec.json.decode("\n".join(data))) if data else None
        if line.startswith("event:"):
            self._kind = line[6:].strip()
        elif line.startswith("data:"):
            self._data.append(line[5:].removeprefix(" "))
        return None


def sse(lines: Iterator[str]) -> Iterator[tuple[str, Any]]:
    """Events of a stream: their names, and their data."""
    reading = _Reading()
    for line in lines:
        if (found := reading.take(line)) is not None:
            yield found


async def events_of(lines: AsyncIterator[str]) -> AsyncIterator[tuple[str, Any]]:
    """The same on an event loop."""
    reading = _Reading()
    async for line in lines:
        if (found := reading.take(line)) is not None:
            yield found
