"""The stream of all changes."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header
from starlette.responses import StreamingResponse

from podium.server.gate import Visitor, visits
from podium.server.routing import noun
from podium.server.served import Served
from podium.server.streams import Viewer

STREAM = "text/event-stream"
STREAM_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


def router(served: Served) -> APIRouter:
    routes = noun("events")

    @routes.get(
        "/events", response_class=StreamingResponse,
        responses={200: {"content": {STREAM: {"schema": {"type": "string"}}}, "description": "Live changes"}},
    )  # fmt: skip
    async def events(
        visitor: Annotated[Visitor, visits("read")],
        last_event_id: Annotated[str, Header(max_length=60)] = "",
    ) -> StreamingResponse:
        """What is committed, about four times a second: events `changes`, and `resync` where some were lost.

        With `Last-Event-ID` the stream goes on from there if that is still known.
        """
        viewer = viewer_of(served, visitor)
        return StreamingResponse(
            served.streams.changes(viewer, last_event_id), headers=STREAM_HEADERS, media_type=STREAM
        )

    return routes


def viewer_of(served: Served, visitor: Visitor) -> Viewer:
    """A stream for somebody. Raises Trouble where there are too many."""
    owner = visitor.caller.principal
    served.streams.admit(owner)
    return Viewer(owner, lambda: served.gate.still(visitor))
