"""The hub itself: how it is, who asks, what is under way."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from podium.runtime.identity import Caller
from podium.server.gate import Visitor, needs, visits
from podium.server.routing import answered, noun
from podium.server.served import Served
from podium.server.shapes import Done, Erasure, Items, Rebuilding, Rebuilt, Status, Whoami


def router(served: Served) -> APIRouter:
    routes = noun("hub")

    @routes.get("/status", response_model=Status)
    async def status(caller: Annotated[Caller, needs("read")]) -> Response:
        """How the hub is."""
        return answered(await served.ask("status", {}, caller))

    @routes.get("/whoami", response_model=Whoami)
    async def whoami(visitor: Annotated[Visitor, visits()]) -> Response:
        """Who asks, and what he may do; for browsers what `X-Podium-CSRF` must say."""
        caller = visitor.caller
        return answered({
            "principal": caller.principal, "roles": list(visitor.account.roles), "via": str(caller),
            "scopes": sorted(visitor.scopes), "csrf": visitor.csrf, "trouble": "",
        })  # fmt: skip

    @routes.get("/activity", response_model=Items)
    async def activity(
        caller: Annotated[Caller, needs("read")], run_id: Annotated[str, Query(max_length=64)] = ""
    ) -> Response:
        """The attempts that are running now."""
        return answered({"items": await served.ask("activity", {"run_id": run_id}, caller)})

    @routes.post("/views/rebuild", response_model=Rebuilt)
    async def rebuild_views(body: Rebuilding, caller: Annotated[Caller, needs("admin")]) -> Response:
        """Make the tables for queries again from the log."""
        return answered(await served.ask("rebuild_views", body.model_dump(), caller))

    @routes.post("/erase", response_model=Done)
    async def erase(body: Erasure, caller: Annotated[Caller, needs("admin")]) -> Response:
        """Cancel the runs that are about somebody, and make what is kept of them unreadable for good."""
        return answered(await served.ask("erase", body.model_dump(), caller))

    return routes
