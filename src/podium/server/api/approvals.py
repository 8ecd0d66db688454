"""What waits for people, and their word."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from podium.runtime.identity import Caller
from podium.server.api.acting import CONFLICT, Effect
from podium.server.gate import needs
from podium.server.problems import Trouble
from podium.server.routing import answered, noun
from podium.server.served import Served
from podium.server.shapes import Approval, Approvals, Decided, Delegated, Done, Edited, Overridden

Reads = Annotated[Caller, needs("read")]
Approves = Annotated[Caller, needs("approve")]


def router(served: Served) -> APIRouter:
    routes = noun("approvals", "/v1/approvals")

    @routes.get("", response_model=Approvals)
    async def list_approvals(caller: Reads, run_id: Annotated[str, Query(max_length=64)] = "") -> Response:
        """What waits for people, longest first: in one run, if one is named, else in all."""
        return answered({"items": await served.ask("approvals", {"run_id": run_id}, caller)})

    @routes.get("/{run_id}/{effect}", response_model=Approval)
    async def get_approval(run_id: str, effect: Effect, caller: Reads) -> Response:
        """One thing that waits for people: what exactly, why, who may decide, and what follows."""
        found = await served.ask("approvals", {"run_id": run_id}, caller)
        one = next((one for one in found if one["effect"] == effect), None)
        if one is None:
            message = f"nothing waits for people at {run_id}/{effect}; it may be decided already"
            raise Trouble(404, "unknown-approval", message, code="not-found")
        return answered(one)

    async def act(call: str, run_id: str, effect: int, said: dict[str, Any], caller: Caller) -> Response:
        return answered(await served.ask(call, {"run_id": run_id, "effect": effect, **said}, caller))

    @routes.post("/{run_id}/{effect}/decide", response_model=Done, responses=CONFLICT)
    async def decide(run_id: str, effect: Effect, body: Decided, caller: Approves) -> Response:
        """Say yes or no to the action with this digest. Of another action by now: a conflict (409)."""
        return await act("decide", run_id, effect, body.model_dump(), caller)

    @routes.post("/{run_id}/{effect}/delegate", response_model=Done, responses=CONFLICT)
    async def delegate(run_id: str, effect: Effect, body: Delegated, caller: Approves) -> Response:
        """Let another person decide, too."""
        return await act("delegate", run_id, effect, body.model_dump(), caller)

    @routes.post("/{run_id}/{effect}/edit", response_model=Done, responses=CONFLICT)
    async def edit(run_id: str, effect: Effect, body: Edited, caller: Approves) -> Response:
        """Make another action of one that waits; it is decided afresh."""
        return await act("edit", run_id, effect, body.model_dump(), caller)

    @routes.post("/{run_id}/{effect}/override", response_model=Done, responses=CONFLICT)
    async def override(run_id: str, effect: Effect, body: Overridden, caller: Approves) -> Response:
        """Break the glass: let one action through once, whatever policy says of it."""
        return await act("override", run_id, effect, body.model_dump(), caller)

    return routes
