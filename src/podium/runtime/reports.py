"""Reports: what an attempt that did not succeed tells the kernel."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, Protocol, TypeAlias

import msgspec

from podium.agents.interface import AttemptFailed, printable
from podium.agents.veil import Veil
from podium.facts.catalog import AgentVersion
from podium.facts.inputs import Reported
from podium.facts.orders import Perform
from podium.facts.values import ERRORS, JSON, STATUS, Error

Stop: TypeAlias = Literal["", "timeout", "silent", "abandoned", "closing"]
"""Why an attempt was told to stop."""


LOG_CHARS_KEPT = 16_384
"""So much of what an attempt logged is kept with it for good."""


class Stopped(Protocol):
    """What is read of an attempt that was told to stop."""

    @property
    def order(self) -> Perform: ...
    @property
    def agent(self) -> AgentVersion: ...
    @property
    def started_at(self) -> int: ...
    @property
    def stop(self) -> Stop: ...
    @property
    def lines(self) -> Iterable[str] | None: ...


def failed(order: Perform, failure: AttemptFailed) -> Reported:
    """The report of an attempt that failed."""
    status: Literal["failed", "lost", "unstarted"] = "failed"
    if failure.unstarted:
        status = "unstarted"
    elif failure.lost and order.delivery == "at-most-once":
        status = "lost"
    error = Error(
        failure.type or ERRORS + failure.kind,
        failure.status or STATUS.get(failure.kind, 500),
        printable(failure.title),
        printable(failure.detail),
        order.task,
    )
    return Reported(
        run_id=order.run_id,
        effect=order.effect,
        token=order.token,
        status=status,
        error=error,
        retryable=failure.retryable,
        provenance=failure.provenance,
    )


def veiled(report: Reported, veil: Veil) -> Reported:
    """The report without what the veil hides; a success says which secrets it was given."""
    error = report.error
    if error is not None:
        error = msgspec.convert(veil.masked(msgspec.to_builtins(error)), Error)
    provenance: dict[str, JSON] = veil.masked(report.provenance)
    if veil.used:
        provenance = {**provenance, "secrets": sorted(veil.used)}
    return msgspec.structs.replace(
        report, output=veil.masked(report.output), error=error, provenance=provenance
    )


def logged(report: Reported, lines: Sequence[str], said: int) -> Reported:
    """The report with the end of what its attempt logged; a line says how many of the `said` are missing."""
    kept, characters = list[str](), 0
    for line in reversed(lines):
        characters += len(line)
        if characters > LOG_CHARS_KEPT and kept:
            break
        kept.append(line)
    if said > len(kept):
        kept.append(f"… {said - len(kept):,} lines before this were not kept")
    return msgspec.structs.replace(report, log=tuple(reversed(kept)))


def lost(order: Perform, title: str, detail: str = "") -> Reported:
    """The report of an attempt whose outcome nobody knows, through no fault of its own."""
    error = Error(ERRORS + "runtime", STATUS["runtime"], printable(title), printable(detail), order.task)
    return Reported(
        run_id=order.run_id,
        effect=order.effect,
        token=order.token,
        status="lost",
        error=error,
    )


def returned(order: Perform, title: str) -> Reported:
    """The report of an attempt that nobody began, and that nobody is to blame for."""
    error = Error(ERRORS + "runtime", STATUS["runtime"], printable(title), "", order.task)
    return Reported(
        run_id=order.run_id, effect=order.effect, token=order.token, status="returned", error=error
    )


def silent(
    order: Perform, stop: Literal["timeout", "silent"], started_at: int, lines: Iterable[str]
) -> Reported:
    """The report of an attempt of which nobody has heard in time."""
    return failed(order, _late(order, stop, started_at, "\n".join(lines)))


def _late(order: Perform, stop: Stop, started_at: int, detail: str) -> AttemptFailed:
    who = order.agent or f"the {order.kind} call"
    if stop == "silent":
        title = f"{who} was silent for more than {order.heartbeat_ms / 1000:g} s"
    else:
        title = f"{who} passed its deadline after {(order.deadline_at - started_at) / 1000:g} s"
    return AttemptFailed(title, detail, kind="timeout", lost=True)


def unstarted(running: Stopped) -> Reported | None:
    """The report of an attempt that was stopped before it began; none if it was abandoned.

    A run must not fault because a worker is shut down. So what has no attempt left is lost: it is made again
    where it may be, else a person is asked, and told that it did not begin.
    """
    order = running.order
    if running.stop == "abandoned":
        return None
    if running.stop != "closing":
        late = AttemptFailed("its deadline passed before it began", unstarted=True, kind="timeout")
        return failed(order, late)
    title = "the worker was shut down before it began"
    if order.delivery == "at-most-once" and order.attempt < running.agent.retry.attempts:
        return failed(order, AttemptFailed(title, unstarted=True))
    return lost(order, title)


def gave_up(running: Stopped, failure: AttemptFailed) -> Reported | None:
    """The report of an attempt that failed, whether or not because it was told to stop."""
    again = running.order.delivery == "at-least-once"
    if running.stop == "abandoned" and again:
        return None
    if running.stop == "closing" and failure.unstarted:
        return unstarted(running)
    if running.stop == "closing" and again:
        return stopped(running, "\n".join(filter(None, (failure.title, failure.detail))))
    return failed(running.order, failure)


def stopped(running: Stopped, remark: str = "") -> Reported | None:
    """The report of an attempt that was stopped; none if it was abandoned and may be made again."""
    order = running.order
    if running.stop == "abandoned":
        return (
            lost(order, "it was abandoned while it ran", remark) if order.delivery == "at-most-once" else None
        )
    if running.stop == "closing":
        return lost(order, "the worker was shut down while it ran", remark)
    detail = "\n".join(part for part in (remark, *(running.lines or ())) if part)
    return failed(order, _late(order, running.stop, running.started_at, detail))
