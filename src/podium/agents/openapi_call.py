"""The workflow's `call: openapi`: the document that describes the API, the request it means, the result."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from podium.agents.interface import Attempt, AttemptFailed, Performed
from podium.agents.openapi_document import Document, Documents, operation_of
from podium.agents.openapi_request import request_of
from podium.agents.requesting import Sender, result_of, with_parameter
from podium.facts.catalog import AgentVersion

_SAFE_TO_REPEAT = ("GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE")


class OpenApiCallAdapter:
    """Performs effects of kind `openapi`. The agent it is given says nothing and is not read."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._documents = Documents(sender)

    async def perform(self, agent: AgentVersion, attempt: Attempt) -> Performed:
        call: dict[str, Any] = attempt.order.input
        document = await self._documents.get(
            str(call["document"]), call.get("documentAuthentication"), attempt, local=bool(call.get("local"))
        )
        provenance = {"document": {"uri": document.uri, "digest": document.digest}}
        try:
            performed = await self._called(document, call, attempt)
        except AttemptFailed as failure:
            failure.provenance = provenance
            raise
        performed.provenance = provenance
        return performed

    async def _called(self, document: Document, call: dict[str, Any], attempt: Attempt) -> Performed:
        operation = operation_of(document, str(call["operation"]))
        policy = call.get("authentication")
        access = await self._sender.access(policy, attempt)
        values = call.get("parameters") or {}
        if access is not None and access.parameter:
            values = with_parameter(values, access.parameter)
        request = request_of(document, operation, values)
        if trace := attempt.order.trace:
            request = replace(request, headers={"traceparent": trace, **request.headers})
        try:
            answered = await self._sender.send(
                request, attempt, policy=policy, access=access, redirect=bool(call.get("redirect"))
            )
        except AttemptFailed as failure:
            failure.lost = failure.lost and operation.method not in _SAFE_TO_REPEAT
            raise
        return Performed(result_of(call.get("output") or "content", request.method, answered))

    async def close(self) -> None:
        """The connections belong to whoever made the client."""
