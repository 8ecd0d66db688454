"""Who did what: acts of people, and of the hub by itself."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response

from podium.runtime.identity import Caller
from podium.server.gate import needs
from podium.server.problems import unavailable
from podium.server.routing import answered, noun
from podium.server.served import Served
from podium.server.shapes import Items
from podium.views.queries import ViewsUnavailable

Reads = Annotated[Caller, needs("read")]
Moment = Annotated[int, Query(ge=0, le=2**62, description="ms since 1970; 0 for any")]
About = Literal["", "approvals", "runs", "resources", "agents", "schedules", "people", "hub"]


def router(served: Served) -> APIRouter:
    routes = noun("audit")

    @routes.get("/acts", response_model=Items)
    async def acts(
        caller: Reads,
        by: Literal["people", "hub"] = "people",
        principal: Annotated[str, Query(max_length=300)] = "",
        about: About = "",
        since: Moment = 0,
        until: Moment = 0,
        before: Annotated[str, Query(max_length=40, pattern="^([0-9]{1,18}-[0-9]{1,18})?$")] = "",
        limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    ) -> Response:
        """What people did, or the hub by itself, newest first: who, how it is known, what to what, and why.

        What was noted before it was done, and then was done, is there once. `before` is the `cursor` of the
        last one seen.
        """
        try:
            found = await served.do(
                lambda: served.views.acts(
                    people=by == "people", principal=principal, about=about, since=since, until=until,
                    limit=limit, before=before,
                )
            )  # fmt: skip
        except ViewsUnavailable as error:
            raise unavailable("views", str(error)) from None
        return answered({"items": found})

    return routes
