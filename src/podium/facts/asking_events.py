"""Events of what attempts ask for while they are under way."""

from __future__ import annotations

from podium.facts.event import Body, Event
from podium.facts.policy import Amounts
from podium.facts.values import JSON, Error


class AskRepeated(Event):
    """An attempt asked for what an earlier one of the same effect had asked for: it gets what that gave.

    `call` is the effect that was asked for then; `number`, `task` and `park_at` as in `EffectRequested`.
    """

    effect: int = 0
    attempt: int = 0
    task: str = ""
    call: int = 0
    number: int = 0
    park_at: int = 0


class AskRefusedBody(Body):
    error: Error | None = None
    args: JSON = None


class AskRefused(Event):
    """An attempt asked for what it cannot have; nothing was done. `asked` as in `EffectRequested`."""

    BODY = AskRefusedBody
    effect: int = 0
    attempt: int = 0
    task: str = ""
    number: int = 0
    asked: str = ""


class AttemptParked(Event):
    """An attempt that waited for what it asked for is over; another is made when that is there."""

    effect: int = 0
    attempt: int = 0
    task: str = ""


class ResultsUnclaimedBody(Body):
    output: JSON = None
    provenance: dict[str, JSON] = {}


class ResultsUnclaimed(Event):
    """An attempt succeeded without asking for what earlier ones had done: the effects `calls`.

    What becomes of that is `then`: `continue`, `fail`, `compensate` or `ask`. Of the last two the effect
    waits for what is done about it; its outcome is kept until then, and what it `took` is booked.
    """

    BODY = ResultsUnclaimedBody
    effect: int = 0
    attempt: int = 0
    task: str = ""
    calls: tuple[int, ...] = ()
    then: str = ""
    cost_nano: int = 0
    took: Amounts | None = None
