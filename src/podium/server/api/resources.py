"""What is declared: lists, one of each, its history, plans, changes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response

from podium.runtime.identity import Caller
from podium.server.api.acting import CONFLICT
from podium.server.gate import Visitor, needs, require, visits
from podium.server.problems import too_much
from podium.server.routing import answered, noun
from podium.server.served import Served
from podium.server.shapes import (
    Application,
    Applied,
    Items,
    Plan,
    Planned,
    Replayed,
    Replaying,
    Resource,
    Revision,
)

Reads = Annotated[Caller, needs("read")]
Declares = Annotated[Visitor, visits("declare", "policy")]
Limit = Annotated[int, Query(ge=1, le=10_000)]
Kind = Literal["agent", "tool", "policy", "workflow", "schedule", "subscription"]
AnyKind = Literal["any", "agent", "tool", "policy", "workflow", "schedule", "subscription"]

LISTS = ("agents", "tools", "policies", "workflows", "schedules", "subscriptions", "budgets")


def router(served: Served) -> APIRouter:
    routes = noun("resources")
    for name in LISTS:
        _list(routes, served, name)

    @routes.get("/resources/{kind}/{name:path}", response_model=Resource)
    async def describe(kind: Kind, name: str, caller: Reads) -> Response:
        """All that is declared of a resource as its name means it now."""
        return answered(await served.ask("describe", {"kind": kind, "name": name}, caller))

    @routes.delete("/resources/{kind}/{name:path}", response_model=Applied, responses=CONFLICT)
    async def delete(
        kind: Kind, name: str, visitor: Declares, force: bool = False,
        why: Annotated[str, Query(max_length=10_000)] = "",
    ) -> Response:  # fmt: skip
        """Delete a resource, so that no name means it any more."""
        require(visitor, "policy" if kind == "policy" else "declare")
        asked = {"kind": kind.capitalize(), "name": name, "force": force, "why": why}
        return answered(await served.ask("delete", asked, visitor.caller))

    @routes.get("/history/{kind}/{name:path}", response_model=Items)
    async def history(kind: AnyKind, name: str, caller: Reads) -> Response:
        """What became of a resource, newest first."""
        return answered({"items": await served.ask("history", _named(kind, name), caller)})

    @routes.get("/revisions/{kind}/{name:path}", response_model=Revision)
    async def revision(
        kind: AnyKind, name: str, caller: Reads, which: Annotated[str, Query(max_length=200)] = "current"
    ) -> Response:
        """One revision of a resource: by version, digest, number, or `current` and `previous`."""
        return answered(await served.ask("revision", {**_named(kind, name), "which": which}, caller))

    @routes.post("/plan", response_model=Plan)
    async def plan(body: Planned, caller: Reads) -> Response:
        """What applying these resources would change and break; nothing is changed."""
        return answered(await served.ask("plan", body.model_dump(), caller))

    replaying: set[str] = set()

    @routes.post("/policies/replay", response_model=Replayed)
    async def replay(body: Replaying, caller: Reads) -> Response:
        """What other policies would have said of what was done lately; nothing is changed.

        It is decided over the newest records; one question at a time.
        """
        if replaying:
            raise too_much("the past is being decided again for somebody already", 5, "replaying")
        replaying.add(caller.principal)
        try:
            return answered(await served.ask("replay", body.model_dump(), caller))
        finally:
            replaying.clear()

    @routes.post("/apply", response_model=Applied, responses=CONFLICT)
    async def apply(body: Application, visitor: Declares) -> Response:
        """Declare resources, all or none. Policies take the scope `policy`, others `declare`."""
        kinds = {one.kind for one in body.resources}
        if "Policy" in kinds or body.prune:
            require(visitor, "policy")
        if kinds - {"Policy"} or body.prune:
            require(visitor, "declare")
        return answered(await served.ask("apply", body.model_dump(), visitor.caller))

    return routes


def _list(routes: APIRouter, served: Served, name: str) -> None:
    async def listed(caller: Reads, limit: Limit = 100) -> Response:
        return answered({"items": await served.ask("get", {"kind": name, "limit": limit}, caller)})

    listed.__name__ = f"list_{name}"
    listed.__doc__ = f"The {name} as they are now."
    routes.get(f"/{name}", response_model=Items)(listed)


def _named(kind: str, name: str) -> dict[str, Any]:
    return {"kind": "" if kind == "any" else kind.capitalize(), "name": name}
