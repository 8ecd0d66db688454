"""What begins by itself, and what does not go on. The list of schedules is among the resources."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from podium.runtime.identity import Caller
from podium.server.gate import needs
from podium.server.routing import answered, noun
from podium.server.served import Served
from podium.server.shapes import Body, Items, Shape, Why

Reads = Annotated[Caller, needs("read")]
Operates = Annotated[Caller, needs("operate")]

CONFLICT: dict[int | str, dict[str, Any]] = {409: {"description": "Nothing could begin, and why"}}


class SeeTo(Body):
    """What to do about a schedule."""

    action: Literal["pause", "resume", "trigger"]
    key: Annotated[str, Field(max_length=1_000, description="Of `trigger`: one run for each.")] = ""
    why: Why = ""


class SeenTo(Shape):
    run_id: str
    created: bool
    detail: str


def router(served: Served) -> APIRouter:
    routes = noun("schedules")

    @routes.post("/schedules/{name:path}", response_model=SeenTo, responses=CONFLICT)
    async def see_to(name: str, body: SeeTo, caller: Operates) -> Response:
        """Pause a schedule, let it go on, or begin a run now. A workflow's own has the name of that."""
        asked = {"schedule": name, **body.model_dump()}
        return answered(await served.ask("schedule", asked, caller))

    @routes.get("/stuck", response_model=Items, tags=["runs"])
    async def stuck(
        caller: Reads,
        run_id: Annotated[str, Query(max_length=64)] = "",
        limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    ) -> Response:
        """What unfinished runs wait for, and who can let them go on: those that need somebody first."""
        return answered({"items": await served.ask("stuck", {"run_id": run_id, "limit": limit}, caller)})

    return routes
