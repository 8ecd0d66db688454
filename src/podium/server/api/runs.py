"""Runs: start, list, look at, and step in."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Query
from starlette.responses import Response

from podium.runtime.identity import Caller
from podium.server.gate import needs
from podium.server.problems import Trouble
from podium.server.routing import answered
from podium.server.served import Served
from podium.server.shapes import Run, RunPage, Submission, Submitted

Key = Annotated[str, Header(alias="Idempotency-Key", max_length=1_000)]


def router(served: Served) -> APIRouter:
    routes = APIRouter(prefix="/v1/runs", tags=["runs"])

    @routes.post("", status_code=201, response_model=Submitted)
    async def submit(
        body: Submission, caller: Annotated[Caller, needs("run")], idempotency_key: Key = ""
    ) -> Response:
        """Start a run; it is durable when this answers (201).

        The same `Idempotency-Key` with the same workflow and input is the same run (200); with others it is a
        conflict (409).
        """
        params = body.model_dump()
        if idempotency_key:
            if body.key and body.key != idempotency_key:
                raise Trouble(422, "two-keys", "`key` and `Idempotency-Key` differ; give one", code="usage")
            params["key"] = idempotency_key
        found = await served.ask("submit", params, caller)
        return answered(found, 201 if found["created"] else 200, {"location": f"/v1/runs/{found['run_id']}"})

    @routes.get("", response_model=RunPage)
    async def listed(
        caller: Annotated[Caller, needs("read")],
        status: str = "",
        workflow: str = "",
        limit: Annotated[int, Query(ge=1, le=1_000)] = 50,
    ) -> Response:
        """Runs, newest first."""
        rows = await served.ask(
            "get", {"kind": "runs", "status": status, "workflow": workflow, "limit": limit}, caller
        )
        return answered({"items": rows, "next": "", "position": served.position()})

    @routes.get("/{run_id}", response_model=Run)
    async def one(run_id: str, caller: Annotated[Caller, needs("read")]) -> Response:
        """A run as it stands."""
        return answered(await served.ask("run", {"run_id": run_id}, caller))

    return routes
