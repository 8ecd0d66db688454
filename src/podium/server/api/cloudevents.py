"""CloudEvents in: the HTTP binding, structured, batched and binary.

Source: CloudEvents 1.0.2, "HTTP Protocol Binding", sections 3.1 to 3.3.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import unquote

import msgspec
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from podium.runtime.identity import Caller
from podium.server.gate import needs
from podium.server.problems import Trouble
from podium.server.routing import answered, noun
from podium.server.served import Served
from podium.server.shapes import Received

EVENT = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
EVENTS_MAX = 1_000

_PREFIX = "ce-"
_ATTRIBUTE = re.compile(r"[a-z0-9]{1,100}")
_REQUIRED = ("id", "source", "specversion", "type")

_EVENT_SCHEMA = {
    "type": "object",
    "required": list(_REQUIRED),
    "properties": {
        "id": {"type": "string", "minLength": 1},
        "source": {"type": "string", "minLength": 1, "format": "uri-reference"},
        "specversion": {"const": "1.0"},
        "type": {"type": "string", "minLength": 1},
        "datacontenttype": {"type": "string"},
        "dataschema": {"type": "string", "format": "uri"},
        "subject": {"type": "string"},
        "time": {"type": "string", "format": "date-time"},
        "data": {},
    },
}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            EVENT: {"schema": _EVENT_SCHEMA},
            BATCH: {"schema": {"type": "array", "items": _EVENT_SCHEMA, "maxItems": EVENTS_MAX}},
        },
    }
}


def router(served: Served) -> APIRouter:
    routes = noun("events")

    @routes.post(
        "/events", status_code=202, response_model=Received, openapi_extra=_BODY, responses={409: {}},
    )  # fmt: skip
    async def receive(
        request: Request,
        caller: Annotated[Caller, needs("run")],
        run_id: Annotated[str, Query(max_length=64, description="Only for this run.")] = "",
    ) -> Response:
        """Send events to one run, or to every run and schedule that listens.

        In binary mode the attributes are headers `ce-id`, `ce-source`, `ce-type`, `ce-specversion`; the body
        is the data. The same `source` and `id` reach a run once.
        """
        sent = events_of(request.headers, await request.body())
        details = []
        for event in sent:
            found = await served.ask("send", {"run_id": run_id, "event": event}, caller)
            details.append(found["detail"])
        shown = {"received": len(details), "detail": "; ".join(details[:20]), "details": details}
        return answered(shown, 202)

    return routes


def events_of(headers: Mapping[str, str], body: bytes) -> list[dict[str, Any]]:
    """The events of a request. Raises Trouble."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == EVENT:
        return [_checked(_json(body), "")]
    if kind == BATCH:
        batch = _json(body)
        if not isinstance(batch, list) or len(batch) > EVENTS_MAX:
            raise _bad("", f"a batch is an array of {EVENTS_MAX} events at most")
        return [_checked(event, f"/{place}") for place, event in enumerate(batch)]
    if kind.startswith("application/cloudevents"):
        raise Trouble(415, "media-type", f"{kind} is not known; {EVENT} and {BATCH} are", code="usage")
    if "ce-specversion" not in headers:
        message = f"that is no CloudEvent: send {EVENT}, {BATCH}, or headers `ce-…` beside the data"
        raise Trouble(415, "media-type", message, code="usage")
    return [_binary(headers, kind, body)]


def _binary(headers: Mapping[str, str], kind: str, body: bytes) -> dict[str, Any]:
    event: dict[str, Any] = {
        name[len(_PREFIX) :]: unquote(value) for name, value in headers.items() if name.startswith(_PREFIX)
    }
    if body:
        event["datacontenttype"] = headers.get("content-type", "application/json")
        if not kind or kind == "application/json" or kind.endswith("+json"):
            event["data"] = _json(body)
        elif kind.startswith("text/"):
            try:
                event["data"] = body.decode()
            except UnicodeDecodeError:
                raise _bad("/data", "text must be UTF-8") from None
        else:
            event["data_base64"] = base64.b64encode(body).decode()
    return _checked(event, "")


def _checked(event: Any, place: str) -> dict[str, Any]:
    if not isinstance(event, dict):
        raise _bad(place, "an event is an object")
    for name in _REQUIRED:
        if not isinstance(event.get(name), str) or not event[name]:
            raise _bad(f"{place}/{name}", f"an event has the attribute `{name}`, a text")
    if event["specversion"] != "1.0":
        raise _bad(f"{place}/specversion", "only `specversion` 1.0 is known")
    for name, value in event.items():
        if name in ("data", "data_base64"):
            continue
        if not _ATTRIBUTE.fullmatch(name):
            raise _bad(f"{place}/{name[:100]}", "the name of an attribute has small letters and digits")
        if not isinstance(value, str | int | bool):
            raise _bad(f"{place}/{name}", "an attribute is a text, an integer or a boolean")
    return event


def _json(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Trouble(400, "form", f"the body is no JSON: {error}", code="usage") from None


def _bad(path: str, message: str) -> Trouble:
    problem = {"rule": "bad-event", "path": path, "message": message}
    return Trouble(422, "bad-event", message, problems=[problem], code="usage")
