"""A request with an `Idempotency-Key` is answered once, and then as it was answered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Any

from fastapi import HTTPException, Request
from fastapi.exceptions import RequestValidationError
from starlette.responses import Response

from podium.server.gate import Visitor
from podium.server.problems import Trouble
from podium.server.repeats import KEY_CHARACTERS_MAX, Kept, Repeats

HEADER = "idempotency-key"

OF_THEIR_OWN = ("/v1/workers", "/v1/attempts", "/v1/plan", "/v1/runs/unfinished")
"""What begins so changes nothing, or has words of its own for what is said again."""

BY_RUN = ("/v1/runs", "/v1/runs/{run_id}/again")
"""Here the key is the run's: it is in the log, for ever."""

SECRET = ("/v1/tokens", "/v1/accounts/{name}/link")
"""What these answer is shown once, and kept nowhere."""

Handler = Callable[[Request], Awaitable[Response]]


def takes_keys(path: str, methods: set[str] | None) -> bool:
    """Whether a route looks at the keys of its requests."""
    return "POST" in (methods or ()) and path.startswith("/v1/") and not path.startswith(OF_THEIR_OWN)


def keeps_answers(path: str, methods: set[str] | None) -> bool:
    """Whether what a route answers is kept by key here."""
    return takes_keys(path, methods) and path not in BY_RUN


async def answered_once(request: Request, path: str, handler: Handler) -> Response:
    """The answer of a handler, or the one that it gave to the same request before. Raises Trouble."""
    key = request.headers.get(HEADER, "")
    visitor: Visitor | None = request.scope.get("podium.visitor")
    repeats: Repeats | None = request.scope.get("podium.repeats")
    if not key or visitor is None or repeats is None:
        return await handler(request)
    if len(key) > KEY_CHARACTERS_MAX:
        raise Trouble(
            422, "form", f"`Idempotency-Key` has {KEY_CHARACTERS_MAX:,} characters at most", code="usage"
        )
    caller, asked = visitor.caller.principal, await _digest(request)
    kept = await _aside(repeats.begin, caller, key, asked)
    if kept is not None:
        return _again(kept, repeats.is_under_way(caller, key))
    try:
        response = await handler(request)
    except BaseException as error:
        await asyncio.shield(_aside(repeats.forget if _changed_nothing(error) else repeats.lose, caller, key))
        raise
    answer = None if path in SECRET else bytes(response.body)
    await _aside(repeats.end, caller, key, response.status_code, response.headers.get("location", ""), answer)
    return response


def _changed_nothing(error: BaseException) -> bool:
    """Whether what came to nothing did so before anything was done."""
    if isinstance(error, Trouble):
        return error.status < 500 or (error.status == 503 and error.rule != "hub-stopped")
    return isinstance(error, (HTTPException, RequestValidationError))


async def _digest(request: Request) -> bytes:
    """What tells a request from others."""
    made = sha256()
    for part in (
        request.method,
        request.url.path,
        request.url.query,
        request.headers.get("content-type", ""),
    ):
        made.update(part.encode() + b"\0")
    made.update(await request.body())
    return made.digest()


def _again(kept: Kept, under_way: bool) -> Response:
    if not kept.same:
        raise Trouble(
            409, "key-of-another", "that key was used for another request; take a new one", code="conflict"
        )
    if under_way:
        raise Trouble(
            409, "under-way", "that is being done just now", code="conflict", headers={"Retry-After": "1"}
        )
    if not kept.status:
        message = "that was begun, and nobody knows whether it was done: look, and use a new key"
        raise Trouble(409, "unknown-outcome", message, code="conflict")
    if kept.answer is None:
        raise Trouble(409, "done-before", "that was done; what it answered is not kept", code="conflict")
    headers = {"idempotency-replayed": "true"}
    if kept.location:
        headers["location"] = kept.location
    return Response(kept.answer, kept.status, headers, "application/json")


async def _aside(work: Callable[..., Any], *args: Any) -> Any:
    return await asyncio.get_running_loop().run_in_executor(None, work, *args)
