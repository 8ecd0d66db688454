"""What a worker says to a hub over HTTP: docs/reference/worker-protocol.md, as calls."""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from typing import Any

import httpx2
import msgspec

from podium.facts.values import Problem
from podium.sdk.errors import ConflictError, InvalidError, PodiumError, RefusedError
from podium.sdk.http import Remote

WAIT_MS = 20_000
READ_S = 40.0
AGAIN_S = 0.1
AGAIN_MAX_S = 5.0

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class LeaseOver(Exception):
    """The hub knows the worker no more by this `id`: it must register again."""

    def __init__(self, id: str, message: str) -> None:
        super().__init__(message)
        self.id = id


class Unheard(Exception):
    """The hub does not answer, or cannot now."""


class TooMuch(Exception):
    """What was said is more than the hub takes, or not as it must be."""


class Link:
    """Calls of one worker on a hub, from any thread.

    Args:
        url: the hub's address.
        token: an API token with the scope `work`.
        connections: so many calls at once.
    Attributes:
        id: the worker's, since it registered.
    Raises:
        InvalidError: that is no address.
    """

    def __init__(self, url: str, token: str, *, connections: int = 64, verify: Any = True) -> None:
        remote = Remote(url, token)
        self.url = remote.url
        self.id = ""
        headers = {**remote.headers, "content-type": "application/json"}
        self._client = httpx2.Client(
            headers=headers, timeout=httpx2.Timeout(10.0, read=READ_S), verify=verify,
            limits=httpx2.Limits(max_connections=connections, max_keepalive_connections=connections),
        )  # fmt: skip

    def register(self, registration: dict[str, Any]) -> dict[str, Any]:
        """Join, or come back. Raises PodiumError where the hub refuses it, Unheard."""
        status, found = self._post("/v1/workers", registration)
        if status != 201:
            raise _refusal(status, found)
        self.id = found["id"]
        joined: dict[str, Any] = found
        return joined

    def pull(self, most: int, wait_ms: int = WAIT_MS) -> dict[str, Any]:
        """Wait for attempts. Raises LeaseOver, Unheard."""
        asked = {"most": most, "wait_ms": wait_ms, "started": True}
        return self._own("pull", asked)

    def start(self, tokens: Sequence[str]) -> list[str]:
        """Say that attempts are about to begin; gives a word for each. Raises LeaseOver, Unheard."""
        words: list[str] = self._own("start", {"attempts": tokens})["words"]
        return words

    def heartbeat(self) -> dict[str, Any]:
        """Renew the lease. Raises LeaseOver, Unheard."""
        return self._own("heartbeat", {})

    def complete(self, attempts: Sequence[dict[str, Any]]) -> list[str]:
        """Say what became of attempts; gives a word for each. Raises Unheard, TooMuch."""
        words: list[str] = self._own("complete", {"attempts": attempts})["words"]
        return words

    def progress(self, attempts: Sequence[dict[str, Any]]) -> None:
        """Say how far attempts are. Raises Unheard, TooMuch."""
        self._said("/v1/attempts/progress", {"attempts": attempts})

    def call(self, asked: dict[str, Any]) -> dict[str, Any] | None:
        """Ask for something in the name of an attempt; None where that is over. Raises Unheard."""
        status, found = self._post("/v1/attempts/call", {**asked, "wait_ms": WAIT_MS})
        if status == 401:
            return None
        if status != 200:
            raise TooMuch(_told(found))
        answer: dict[str, Any] = found
        return answer

    def drain(self) -> None:
        """Take nothing more. Raises LeaseOver, Unheard."""
        self._own("drain", {})

    def leave(self) -> None:
        """Say good-bye; whether it is heard is no matter."""
        try:
            self._client.delete(f"{self.url}/v1/workers/{self.id}")
        except httpx2.HTTPError:
            pass

    def close(self) -> None:
        """Drop all connections."""
        self._client.close()

    def _own(self, call: str, body: dict[str, Any]) -> dict[str, Any]:
        id = self.id
        return self._said(f"/v1/workers/{id}/{call}", body, id)

    def _said(self, path: str, body: dict[str, Any], id: str = "") -> dict[str, Any]:
        status, found = self._post(path, body)
        if status == 410:
            raise LeaseOver(id, _told(found))
        if status != 200:
            raise TooMuch(_told(found))
        answer: dict[str, Any] = found
        return answer

    def _post(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        """Status and body of an answer. Raises Unheard where there is none that means anything."""
        try:
            answer = self._client.post(self.url + path, content=_encode(body))
            found = _decode(answer.content) if answer.content else None
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise Unheard(f"the hub at {self.url} does not answer: {error or type(error).__name__}") from None
        except msgspec.DecodeError:
            raise Unheard(f"what answers at {self.url} is no hub") from None
        if answer.status_code == 429 or answer.status_code >= 500:
            raise Unheard(f"the hub at {self.url} cannot now: {_told(found)}")
        return answer.status_code, found


class Patience:
    """Pauses between tries that grow, and are not the same for all.

    Args:
        over: ends every pause.
    """

    def __init__(self, over: threading.Event) -> None:
        self._over, self._pause_s = over, AGAIN_S

    def wait(self) -> bool:
        """Pause; whether it is over."""
        over = self._over.wait(self._pause_s * random.uniform(0.5, 1.0))
        self._pause_s = min(2 * self._pause_s, AGAIN_MAX_S)
        return over

    def renew(self) -> None:
        """It went well: begin small the next time."""
        self._pause_s = AGAIN_S


def _told(found: Any) -> str:
    return str(found.get("detail", "")) if isinstance(found, dict) else ""


def _refusal(status: int, found: Any) -> PodiumError:
    problems = tuple(
        Problem(one["rule"], one["path"], one["message"])
        for one in (found.get("problems", []) if isinstance(found, dict) else [])
    )
    kinds: dict[int, type[PodiumError]] = {409: ConflictError, 400: InvalidError, 422: InvalidError}
    return kinds.get(status, RefusedError)(_told(found) or f"the hub answers {status}", problems)
