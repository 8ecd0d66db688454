"""The workflow's `call: http`: the request that its order holds, and the result in the form asked for."""

from __future__ import annotations

import base64
from typing import Any

import msgspec

from podium.agents.answer import parse
from podium.agents.interface import Attempt, AttemptFailed, Performed
from podium.agents.web import Answered, Web, refused
from podium.facts.catalog import AgentVersion
from podium.facts.values import JSON


class HttpCallAdapter:
    """Performs effects of kind `http`. The agent it is given says nothing and is not read."""

    def __init__(self, web: Web) -> None:
        self._web = web

    async def perform(self, agent: AgentVersion, attempt: Attempt) -> Performed:
        order = attempt.order
        call: dict[str, Any] = order.input
        headers = {str(name).lower(): _text(value) for name, value in (call.get("headers") or {}).items()}
        if order.trace:
            headers.setdefault("traceparent", order.trace)
        query = {name: _text(value) for name, value in (call.get("query") or {}).items() if value is not None}
        answered = await self._web.request(
            str(call.get("method") or "GET").upper(),
            _uri(call.get("endpoint")),
            headers,
            _body(call.get("body"), headers),
            query,
        )
        accepted = 400 if call.get("redirect") else 300
        if not 200 <= answered.status < accepted:
            raise refused(answered, f"{call.get('method', 'GET')} {answered.uri}")
        return Performed(_result(call, answered))

    async def close(self) -> None:
        """The connections belong to whoever made the client."""


def _uri(endpoint: Any) -> str:
    return str(endpoint.get("uri", "")) if isinstance(endpoint, dict) else str(endpoint)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _body(body: Any, headers: dict[str, str]) -> bytes | None:
    """Bytes of the body; text goes as it is unless its type is JSON, everything else as JSON."""
    if body is None:
        return None
    kind = headers.setdefault("content-type", "text/plain" if isinstance(body, str) else "application/json")
    if isinstance(body, str) and "json" not in kind:
        return body.encode()
    return msgspec.json.encode(body)


def _result(call: dict[str, Any], answered: Answered) -> JSON:
    form = call.get("output") or "content"
    if form == "raw":
        return base64.b64encode(answered.body).decode()
    if form == "content":
        return _content(answered)
    return {
        "request": {
            "method": str(call.get("method") or "GET").upper(),
            "uri": answered.uri,
            "headers": answered.sent,
        },
        "statusCode": answered.status,
        "headers": answered.headers,
        "content": _content(answered),
    }


def _content(answered: Answered) -> JSON:
    if not answered.is_json:
        return answered.text()
    if not answered.body.strip():
        return None
    try:
        return parse(answered.body, 0, "the response")
    except AttemptFailed as failure:
        failure.kind = "communication"
        raise
