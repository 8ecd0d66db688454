"""The application: routers over one `Served`, nothing else.

A new noun is a module in `server/api` with `router(served) -> APIRouter`, and a line in `ROUTERS`. Its paths
begin with `/v1/`; its routes name their scope (`server/gate.py`), answer with `answered(...)` and say in
`response_model` what that looks like (`server/shapes.py`).
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp

from podium import __version__
from podium.server import deciding, pages
from podium.server.api import (
    acting,
    acts,
    approvals,
    audit,
    cloudevents,
    events,
    health,
    hub,
    looking,
    people,
    providing,
    resources,
    runs,
    schedules,
    signing,
    suspending,
    workers,
)
from podium.server.doorkeeper import Doorkeeper
from podium.server.problems import Trouble
from podium.server.routing import described, operations
from podium.server.served import Served

ROUTERS: tuple[Callable[[Served], APIRouter], ...] = (
    health.router, runs.router, acting.router, approvals.router, resources.router, events.router,
    cloudevents.router, audit.router, acts.router, hub.router, people.router, signing.router,
    providing.router, workers.router, looking.router, schedules.router, suspending.router,
    pages.router, deciding.router,
)  # fmt: skip

OFTEN = ("/v1/runs", "/v1/workers/{id}/complete", "/v1/workers/{id}/pull", "/v1/workers/{id}/start")
"""What is called by the thousand is looked for first."""

_RULES = {404: "unknown-path", 405: "method", 400: "form", 415: "media-type"}


def make_app(served: Served) -> ASGIApp:
    """The application that serves a hub; to be run on one loop."""
    app = FastAPI(
        title="Podium", version=__version__, lifespan=_lifespan(served), redoc_url=None, docs_url=None,
        openapi_url="/v1/openapi.json", summary="The hub over HTTP",
    )  # fmt: skip
    app.router.redirect_slashes = False
    routers = [make(served) for make in ROUTERS]
    # Each request tries the routes in turn. Routers that are included would try theirs twice.
    routes = [route for router in routers for route in router.routes]
    app.router.routes += sorted(routes, key=lambda one: getattr(one, "path", "") not in OFTEN)
    app.add_exception_handler(Trouble, _troubled)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.openapi = lambda: described(app, operations(routers))  # type: ignore[method-assign]
    return Doorkeeper(app, served.gate, served.settings, served.repeats)


def _lifespan(served: Served) -> Any:
    @contextlib.asynccontextmanager
    async def live(_: FastAPI) -> AsyncIterator[None]:
        served.streams.start()
        try:
            yield
        finally:
            served.streams.close()
            served.close()

    return live


async def _troubled(_: Request, error: Exception) -> Response:
    assert isinstance(error, Trouble)
    return error.response()


async def _invalid(_: Request, error: Exception) -> Response:
    """What does not fit its schema, each with its place."""
    assert isinstance(error, RequestValidationError)
    problems = [
        {
            "rule": str(one["type"]).replace("_", "-"),
            "path": "".join(f"/{part}" for part in one["loc"][1 if one["loc"][:1] == ("body",) else 0 :]),
            "message": str(one["msg"]),
        }
        for one in error.errors()
    ]
    detail = "; ".join(f"{one['path']}: {one['message']}" for one in problems[:20])
    return Trouble(422, "form", detail, problems=problems, code="usage").response()


async def _http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    rule = _RULES.get(error.status_code, "http")
    headers = dict(error.headers or {})
    return Trouble(error.status_code, rule, str(error.detail), headers=headers).response()
