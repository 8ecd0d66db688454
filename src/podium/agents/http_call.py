"""The workflow's `call: http`: the request that its order holds, and the result in the form asked for."""

from __future__ import annotations

from typing import Any

import msgspec

from podium.agents.interface import Attempt, Performed
from podium.agents.requesting import Request, Sender, as_text, result_of, with_parameter, with_query
from podium.facts.catalog import AgentVersion


class HttpCallAdapter:
    """Performs effects of kind `http`. The agent it is given says nothing and is not read."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    async def perform(self, agent: AgentVersion, attempt: Attempt) -> Performed:
        order = attempt.order
        call: dict[str, Any] = order.input
        policy = call.get("authentication")
        access = await self._sender.access(policy, attempt)
        if access is not None and access.parameter:
            call = with_parameter(call, access.parameter)
        request = _request(call, order.trace)
        answered = await self._sender.send(
            request, attempt, policy=policy, access=access, redirect=bool(call.get("redirect"))
        )
        return Performed(result_of(call.get("output") or "content", request.method, answered))

    async def close(self) -> None:
        """The connections belong to whoever made the client."""


def _request(call: dict[str, Any], trace: str) -> Request:
    headers = {str(name).lower(): as_text(value) for name, value in (call.get("headers") or {}).items()}
    if trace:
        headers.setdefault("traceparent", trace)
    query = [(name, as_text(value)) for name, value in (call.get("query") or {}).items() if value is not None]
    body = _body(call.get("body"), headers)
    method = str(call.get("method") or "GET").upper()
    return Request(method, with_query(_uri(call.get("endpoint")), query), headers, body)


def _uri(endpoint: Any) -> str:
    return str(endpoint.get("uri", "")) if isinstance(endpoint, dict) else str(endpoint)


def _body(body: Any, headers: dict[str, str]) -> bytes | None:
    """Bytes of the body; text goes as it is unless its type is JSON, everything else as JSON."""
    if body is None:
        return None
    kind = headers.setdefault("content-type", "text/plain" if isinstance(body, str) else "application/json")
    if isinstance(body, str) and "json" not in kind:
        return body.encode()
    return msgspec.json.encode(body)
