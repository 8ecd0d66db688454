"""What every event is: a clear envelope and, where it has one, a body; and its place in the log."""

from __future__ import annotations

from typing import ClassVar

import msgspec


class Body(msgspec.Struct, omit_defaults=True):
    """The part of an event that derives from payloads."""


class Event(msgspec.Struct, omit_defaults=True):
    """The clear part of an event.

    Attributes:
        ordinal: place among the run's events, from 1.
        previous: seq of the run's event before this one; 0 for the first.
        torn: effects that held something and that nobody waits for any more, by this very event.
    """

    VERSION: ClassVar[int] = 1
    BODY: ClassVar[type[Body] | None] = None

    ordinal: int = msgspec.field(default=0, name="n")
    previous: int = msgspec.field(default=0, name="p")
    torn: tuple[int, ...] = msgspec.field(default=(), name="t")


class Record(msgspec.Struct):
    """An event in its place in the log.

    Attributes:
        seq: position in the shard, contiguous from 1.
        run_id: the run it belongs to; "" for the shard's own.
        at: kernel time in ms since 1970.
        body: None where the event has none, or where it was erased.
        subject: the key that the body is sealed with, as in `RunStarted`; "" if it is not.
        erased: whether there was a body that nobody can read any more.
    """

    seq: int
    run_id: str
    at: int
    event: Event
    body: Body | None = None
    subject: str = ""
    erased: bool = False
