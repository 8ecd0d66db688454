"""How routes read what comes and write what goes, and how the API describes itself."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Iterator
from typing import Any
from urllib.parse import urlencode

import msgspec
from fastapi import APIRouter, FastAPI, Request
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.responses import Response

from podium.runtime.roles import SCOPES
from podium.server.gate import Needs
from podium.server.once import HEADER, answered_once, keeps_answers, takes_keys
from podium.server.problems import MEDIA_TYPE, Trouble

JSON_TYPE = "application/json"

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode

_OF_API = {
    401: "Nobody knows who asks", 403: "Whoever asks may not", 404: "Something that is named is not there",
    422: "What was given is not valid",
}  # fmt: skip
_ANY = {
    400: "This cannot be read", 413: "The body is too large", 429: "Too much at once", 503: "Not now",
}  # fmt: skip


class StrictRequest(Request):
    """A request whose body is JSON as it is written, and nothing that only Python takes for it."""

    async def json(self) -> Any:
        return read_json(await self.body())


def read_json(body: bytes) -> Any:
    """What a body says. Raises Trouble where it is no JSON."""
    try:
        return _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Trouble(400, "form", f"the body is no JSON: {error}", code="usage") from None


class StrictRoute(APIRoute):
    """A route that reads its body strictly, and only of those who may send one."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler, guards = super().get_route_handler(), list(_needs(self.dependant))
        keyed = keeps_answers(self.path, self.methods)

        async def strict(request: Request) -> Response:
            for guard in guards:
                guard.admit(request)
            read = StrictRequest(request.scope, request.receive)
            return await (answered_once(read, self.path, handler) if keyed else handler(read))

        return strict


def answered(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """An answer in JSON."""
    return Response(_encode(value), status, headers, JSON_TYPE)


def noun(tag: str, prefix: str = "/v1") -> APIRouter:
    """A router for what has to do with one noun."""
    return APIRouter(prefix=prefix, tags=[tag], route_class=StrictRoute, redirect_slashes=False)


def next_page(request: Request, before: int) -> str:
    """The address of the page that begins there; "" for 0."""
    if not before:
        return ""
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != "before"]
    return f"{request.url.path}?{urlencode([*kept, ('before', before)])}"


def operations(routers: Iterable[APIRouter]) -> list[APIRoute]:
    """All routes of routers."""
    return [route for router in routers for route in router.routes if isinstance(route, APIRoute)]


def scopes_taken(route: APIRoute) -> tuple[str, ...] | None:
    """Of which scopes a route takes one: () for whoever is let in, None where everybody may come."""
    return next((one.scopes for one in _needs(route.dependant)), None)


def _needs(dependant: Dependant) -> Iterator[Needs]:
    for one in dependant.dependencies:
        if isinstance(one.call, Needs):
            yield one.call
        yield from _needs(one)


def described(app: FastAPI, routes: Iterable[APIRoute]) -> dict[str, Any]:
    """The OpenAPI document, with the scope of every operation and the problems it may answer with."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, summary=app.summary, routes=app.routes,
            openapi_version="3.1.0",
        )  # fmt: skip
        components = document.setdefault("components", {})
        components["securitySchemes"] = {
            "token": {"type": "http", "scheme": "bearer", "description": "An API token, `podium_…`"},
        }
        components.setdefault("schemas", {})["Problem"] = _PROBLEM
        for name in ("HTTPValidationError", "ValidationError"):
            components["schemas"].pop(name, None)
        for route in routes:
            if route.include_in_schema:
                _describe(document["paths"][route.path_format], route)
        app.openapi_schema = document
    return app.openapi_schema


def _describe(path: dict[str, Any], route: APIRoute) -> None:
    scopes = scopes_taken(route)
    for method in route.methods or ():
        operation = path[method.lower()]
        answers = operation["responses"]
        of_api = scopes is not None or route.path_format.startswith("/v1/")
        known = {**_ANY, **(_OF_API if of_api else {})}
        if operation.get("requestBody"):
            known[415] = "The body is of another type"
        if keyed := takes_keys(route.path_format, route.methods):
            known[409] = "It conflicts with what is there, or its key is that of another request"
        known |= {int(status): told["description"] for status, told in answers.items() if status >= "4"}
        for status, meaning in known.items():
            answers[str(status)] = {
                "description": meaning,
                "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
            }
        if keyed and not any(one["name"].lower() == HEADER for one in operation.get("parameters", ())):
            operation.setdefault("parameters", []).append(_KEY)
        # Where the request is no HTTP, there is nobody yet who could make a document of that.
        answers["400"]["content"]["text/plain"] = {"schema": {"type": "string"}}
        if scopes is None:
            operation["security"] = []
        else:
            operation["security"] = [{"token": list(scopes)}]
            operation["x-podium-scopes"] = list(scopes)
            takes = " or ".join(f"`{scope}` ({SCOPES[scope]})" for scope in scopes)
            told = f"Takes the scope {takes}." if takes else "Takes a sign-in or a token."
            operation["description"] = f"{operation.get('description', '')}\n\n{told}".strip()


_KEY = {
    "name": "Idempotency-Key", "in": "header", "schema": {"type": "string", "maxLength": 1_000},
    "description": "With the same key it is done once; another request with that key is a conflict (409).",
}  # fmt: skip

_PROBLEM = {
    "title": "Problem",
    "description": "RFC 9457 problem details, with every reason and its place.",
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "problems"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string", "enum": ["", "usage", "not-found", "conflict", "refused"]},
        "problems": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["rule", "path", "message"],
                "properties": {
                    "rule": {"type": "string"},
                    "path": {"type": "string", "description": "JSON pointer into what was given"},
                    "message": {"type": "string"},
                },
            },
        },
    },
}
