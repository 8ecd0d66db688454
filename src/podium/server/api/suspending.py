"""What people hold still: everything that the hub would begin, or an agent."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response

from podium.runtime.identity import Caller
from podium.server.gate import needs
from podium.server.routing import answered, noun
from podium.server.served import Served
from podium.server.shapes import Body, Shape, Why

Operates = Annotated[Caller, needs("operate")]
REFUSED: dict[int | str, dict[str, Any]] = {
    404: {"description": "No agent and no tool has that name"},
    409: {"description": "It is not suspended"},
}

Agent = Annotated[
    str,
    Field(max_length=300, description='`name` or `name@version` of an agent or a tool; "" for everything.'),
]


class Held(Body):
    """What is to be held still."""

    agent: Agent = ""
    cancel: Annotated[bool, Field(description="Stop what is under way, too.")] = False
    why: Why = ""


class LetGo(Body):
    """What is to go on; `agent` as it was named when it was suspended."""

    agent: Agent = ""
    why: Why = ""


class Suspension(Shape):
    """`agent` is "" where everything is suspended; `told` says all of it in a sentence."""

    agent: str
    at: int
    principal: str
    why: str
    cancels: bool
    told: str
    command: str


class Suspensions(Shape):
    items: list[Suspension]


class Seen(Shape):
    """What was recorded, in a line; `created` is false where there was nothing to record."""

    created: bool
    detail: str


def router(served: Served) -> APIRouter:
    routes = noun("suspending")

    @routes.get("/suspensions", response_model=Suspensions)
    async def suspensions(caller: Annotated[Caller, needs("read")]) -> Response:
        """What is suspended: everything first, then agents, the longest first."""
        return answered({"items": await served.ask("suspensions", {}, caller)})

    @routes.post("/suspend", response_model=Seen, responses=REFUSED)
    async def suspend(body: Held, caller: Operates) -> Response:
        """Let no attempt begin, at all or at an agent, until that is resumed.

        What is under way may end, and is kept, unless it is to be cancelled. Runs may be submitted, people
        may decide, and timers go on. Whatever attempts of an agent ask for that is suspended is refused.
        """
        return answered(await served.ask("suspend_work", body.model_dump(), caller))

    @routes.post("/resume", response_model=Seen, responses=REFUSED)
    async def resume(body: LetGo, caller: Operates) -> Response:
        """Let go on what was suspended, in the order in which it waits."""
        return answered(await served.ask("resume_work", body.model_dump(), caller))

    return routes
