"""Events of the catalog: what is declared, and what is deleted."""

from __future__ import annotations

from podium.facts.event import Body, Event
from podium.facts.values import JSON


class ResourceBody(Body):
    """`why` is the reason that was given, and `breaks` what a forced one breaks, in sentences."""

    spec: dict[str, JSON] = {}
    why: str = ""
    breaks: tuple[str, ...] = ()


class ResourceApplied(Event):
    """A resource was declared, or declared anew; `revision` counts the catalog's changes.

    Where `forced`, the plan said that it breaks something, and somebody gave a reason to do it all the same.
    """

    BODY = ResourceBody
    kind: str = ""
    name: str = ""
    version: str = ""
    digest: str = ""
    revision: int = 0
    principal: str = ""
    forced: bool = False


class ResourceDeletedBody(Body):
    why: str = ""
    breaks: tuple[str, ...] = ()


class ResourceDeleted(Event):
    """A version of a resource was deleted: no name means it any more. Runs that are pinned to it keep it.

    `revision` and `forced` as in `ResourceApplied`.
    """

    BODY = ResourceDeletedBody
    kind: str = ""
    name: str = ""
    version: str = ""
    digest: str = ""
    revision: int = 0
    principal: str = ""
    forced: bool = False
