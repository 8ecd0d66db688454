"""Whether the hub lives, whether it takes work, and what it measures."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from starlette.responses import Response

from podium.runtime.identity import Caller
from podium.server.gate import needs
from podium.server.measuring import MEASURED, Measured
from podium.server.problems import unavailable
from podium.server.routing import answered, noun
from podium.server.served import Served
from podium.server.shapes import Health, Readiness
from podium.telemetry.registry import MEDIA_TYPE, exposed

Reads = Annotated[Caller, needs("read")]


def router(served: Served) -> APIRouter:
    routes = noun("health", "")

    def measured() -> Measured | None:
        found: Measured | None = served.extra.get(MEASURED)
        return found

    @routes.get("/healthz", response_model=Health, responses={503: {"description": "It must be restarted"}})
    async def healthz() -> Response:
        """Whether the process lives and its hub has not broken; it says nothing of what it can do.

        A full disk, a hub that is still starting or being stopped: none of that a restart would mend.
        """
        status = served.status()
        return answered({"status": status}, 200 if status != "broken" else 503)

    @routes.get("/readyz", response_model=Readiness, responses={503: {"description": "Not now, and why"}})
    async def readyz() -> Response:
        """Whether it takes new work now: it serves, has room, is not being stopped, and its lists keep up."""
        known = measured()
        if known is None:
            ready = served.status() == "serving"
            return answered({"ready": ready, "checks": []}, 200 if ready else 503)
        found = await served.do(known.checks)
        ready = all(one.holds for one in found)
        told = [{"name": one.name, "holds": one.holds, "message": one.message} for one in found]
        return answered({"ready": ready, "checks": told}, 200 if ready else 503)

    @routes.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
    async def metrics(caller: Reads) -> Response:
        """What Prometheus scrapes. Takes a token, as lists do: names of workflows and agents are in it."""
        known = measured()
        if known is None:
            raise unavailable("unmeasured", "this hub is not measured")
        await served.do(known.telemetry.refresh)
        return Response(exposed(known.telemetry.metrics.registry.families()), media_type=MEDIA_TYPE)

    return routes
