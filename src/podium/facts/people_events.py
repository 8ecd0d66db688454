"""Events of people: what they did, and how it is known that it was they."""

from __future__ import annotations

from podium.facts.event import Body, Event


class ActNotedBody(Body):
    """`why` is the reason that was given."""

    why: str = ""


class ActNoted(Event):
    """A person did something, or was about to: `act` is the call or `sign-in`, `target` what it is about.

    `principal` is who, `via` how that was known: the user at the other end of a socket, a sign-in, a token.
    """

    BODY = ActNotedBody
    principal: str = ""
    via: str = ""
    act: str = ""
    target: str = ""
