"""Events of what people hold still: everything, or an agent."""

from __future__ import annotations

from podium.facts.event import Body, Event


class WorkSuspendedBody(Body):
    why: str = ""


class WorkSuspended(Event):
    """No attempt begins until it is resumed: at an agent, `name` or `name@version`, or at any where it is "".

    What is under way may end, unless `cancels`: then it is stopped. What attempts of the agent ask for is
    refused from here on.
    """

    BODY = WorkSuspendedBody
    agent: str = ""
    principal: str = ""
    cancels: bool = False


class WorkResumedBody(Body):
    why: str = ""


class WorkResumed(Event):
    """What was suspended goes on, in the order in which it waits."""

    BODY = WorkResumedBody
    agent: str = ""
    principal: str = ""
