"""Scripts: what agents and tools do in a test, instead of what they would do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeAlias

from podium.facts.inputs import Reported
from podium.facts.orders import Perform
from podium.facts.values import ERRORS, JSON, STATUS, Error


@dataclass(frozen=True, slots=True)
class Fails:
    """The attempt fails. `kind` is the last name of a standard error: `runtime`, `timeout`…"""

    title: str = "it fails"
    detail: str = ""
    kind: str = "runtime"
    retryable: bool = True


@dataclass(frozen=True, slots=True)
class Dies:
    """Whoever performs it dies: nobody knows whether it happened."""


@dataclass(frozen=True, slots=True)
class Never:
    """It never answers."""


@dataclass(frozen=True, slots=True)
class Takes:
    """The attempt takes so long, in virtual time, and then does `answer`. `cost_nano` is what it cost."""

    time: timedelta
    answer: Answer = None
    cost_nano: int = -1


class InTurn:
    """Each attempt does the next of these; all that come later do the last."""

    def __init__(self, *answers: Answer) -> None:
        assert answers, "there must be something to do"
        self._answers = list(answers)

    def next(self) -> Answer:
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


Answer: TypeAlias = JSON | Callable[[Any], JSON] | Fails | Dies | Never | Takes | InTurn
"""What an attempt does: one of the classes here, a function of its input, or else a value that it gives."""


def performed(order: Perform, answer: Answer) -> tuple[int, Reported | None]:
    """What becomes of an attempt: after how many ms it is reported, and how; None for never."""
    delay_ms, cost_nano = 0, -1
    while isinstance(answer, Takes | InTurn):
        if isinstance(answer, Takes):
            delay_ms += answer.time // timedelta(milliseconds=1)
            cost_nano, answer = answer.cost_nano, answer.answer
        else:
            answer = answer.next()
    if callable(answer):
        try:
            answer = answer(order.input)
        except Exception as error:
            answer = Fails(f"{type(error).__name__}: {error}")
    if isinstance(answer, Never):
        return delay_ms, None
    told: dict[str, Any] = {"run_id": order.run_id, "effect": order.effect, "token": order.token}
    if isinstance(answer, Dies):
        return delay_ms, Reported(**told, status="lost", error=_error(order, Fails("its performer died")))
    if isinstance(answer, Fails):
        failure = _error(order, answer)
        return delay_ms, Reported(**told, status="failed", error=failure, retryable=answer.retryable)
    return delay_ms, Reported(**told, status="succeeded", output=answer, cost_nano=cost_nano)


def _error(order: Perform, failure: Fails) -> Error:
    status = STATUS.get(failure.kind, 500)
    return Error(ERRORS + failure.kind, status, failure.title, failure.detail, order.task)
