"""Events of what reaches a run from outside, and of how it is held, goes on and ends."""

from __future__ import annotations

from podium.facts.event import Body, Event
from podium.facts.values import JSON, Error


class EventReceivedBody(Body):
    """`keys` are correlation keys that the event set for the task that took it."""

    event: dict[str, JSON] = {}
    keys: dict[str, JSON] = {}


class EventReceived(Event):
    """A CloudEvent reached the run; `frame` is the listening task that consumed it, 0 if buffered.

    `slot` is the filter it passed. Where `fleeting`, it was sent to all who want it now, and is buffered only
    until it is known who does. `use` is what becomes of it: "" the task gives it as it is; `given` it gives
    it as it `read`s it, and goes on; `each` it does something for it first; `until` it only counts towards
    the end. Where `last`, the task takes no more. `labels` are those of the data of the run that sent it.
    """

    BODY = EventReceivedBody
    frame: int = 0
    slot: int = 0
    id: str = ""
    source: str = ""
    principal: str = ""
    fleeting: bool = False
    use: str = ""
    last: bool = False
    read: str = ""
    labels: tuple[str, ...] = ()


class EventConsumedBody(Body):
    keys: dict[str, JSON] = {}


class EventConsumed(Event):
    """A buffered event was taken by the listening task `frame`; `index` is its place in the buffer.

    Where `frame` is 0, no task wants it, and it is gone. `use`, `last` and `read` as in `EventReceived`.
    """

    BODY = EventConsumedBody
    frame: int = 0
    slot: int = 0
    index: int = 0
    use: str = ""
    last: bool = False
    read: str = ""


class RunSuspendedBody(Body):
    why: str = ""


class RunSuspended(Event):
    BODY = RunSuspendedBody
    principal: str = ""


class RunResumedBody(Body):
    why: str = ""


class RunResumed(Event):
    BODY = RunResumedBody
    principal: str = ""


class RunCompletedBody(Body):
    output: JSON = None


class RunCompleted(Event):
    """The run ended well; `same` says that its output is the root scope's."""

    BODY = RunCompletedBody
    same: bool = False


class RunFaultedBody(Body):
    error: Error | None = None


class RunFaulted(Event):
    BODY = RunFaultedBody
    task: str = ""


class RunCancelledBody(Body):
    why: str = ""


class RunCancelled(Event):
    BODY = RunCancelledBody
    principal: str = ""
