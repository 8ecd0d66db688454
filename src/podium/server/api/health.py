"""Whether the hub lives."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from podium.server.routing import answered, noun
from podium.server.served import Served
from podium.server.shapes import Health


def router(served: Served) -> APIRouter:
    routes = noun("health", "")

    @routes.get("/healthz", response_model=Health)
    async def healthz() -> Response:
        """Whether the process lives and its thread has not ended; it says nothing of what it can do."""
        status = served.status()
        return answered({"status": status}, 200 if status != "broken" else 503)

    return routes
