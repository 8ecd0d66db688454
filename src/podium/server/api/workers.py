"""Workers: the protocol by which they join, take attempts, and say what became of them.

See docs/reference/worker-protocol.md. Whoever has the token of an attempt may speak of that attempt.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from podium.agents.interface import AttemptFailed, Question
from podium.facts.inputs import Reported
from podium.facts.values import ERRORS, Error
from podium.runtime.door import failure
from podium.runtime.fleet import Gone, Pulled
from podium.runtime.identity import Caller
from podium.runtime.inquiry import Declined
from podium.runtime.members import Attempt, Registration
from podium.runtime.roster import Word
from podium.runtime.staffing import Staffing
from podium.server.api import worker_shapes as shapes
from podium.server.gate import OfAttempt, Visitor, needs, visits
from podium.server.problems import Trouble, of_reply, unavailable
from podium.server.routing import answered, noun
from podium.server.served import Served

WAIT_MS_MAX = 60_000
_SLICE_S = 1.0
GONE: dict[int | str, dict[str, Any]] = {410: {"description": "Its lease is over: it must register again"}}
UNFIT: dict[int | str, dict[str, Any]] = {409: {"description": "It does not fit what is declared"}}

Of = Annotated[Caller, needs("work")]


def router(served: Served) -> APIRouter:
    routes = noun("workers")
    staffing = served.door.staffing
    fleet = staffing.fleet
    of_attempt = Depends(OfAttempt(fleet.lives))

    @routes.post("/workers", status_code=201, response_model=shapes.Joined, responses=UNFIT)
    async def register(body: shapes.Registration, visitor: Annotated[Visitor, visits("work")]) -> Response:
        """Join the fleet; or come back to it, with the attempts that one still has.

        Agents that are not declared yet are, by what is said of them, where whoever calls has the scope
        `declare`, too. What does not fit what is declared is refused (409) with every difference.
        """
        told = msgspec.convert(body.model_dump(), Registration)
        try:
            made = staffing.undeclared(told, may_declare="declare" in visitor.scopes)
            if made:
                params = {"resources": msgspec.to_builtins(made), "why": f"hosted by the worker {told.name}"}
                await served.ask("apply", params, visitor.caller)
            joined = await served.do(staffing.join, told, visitor.caller.principal)
        except Declined as declined:
            raise of_reply(failure(declined)) from None
        return answered(joined, 201, {"location": f"/v1/workers/{joined['id']}"})

    @routes.get("/workers", response_model=shapes.Workers)
    async def listed(caller: Annotated[Caller, needs("read")]) -> Response:
        """The workers that are there, and those that went within the hour."""
        return answered({"items": await served.ask("workers", {}, caller)})

    @routes.post("/workers/{id}/pull", response_model=shapes.Pulled, responses=GONE)
    async def pull(id: str, body: shapes.Pull, caller: Of, request: Request) -> Response:
        """Take attempts; where there are none, wait for some.

        An attempt must be started by `start` before it is begun; with `started`, those that may be repeated
        are so at once, and say so. What is not started within the lease goes to somebody else.
        """
        return answered(_pulled(await _pull(staffing, id, body, caller, request)))

    @routes.post("/workers/{id}/start", response_model=shapes.Words, responses=GONE)
    async def start(id: str, body: shapes.Tokens, caller: Of) -> Response:
        """Say that attempts are about to begin. One whose word is not `accepted` must not.

        Of those that must not be made twice it is durable when this answers.
        """
        _live(staffing, id, caller)
        words = fleet.begin(body.attempts)
        await _durable(staffing)
        return answered({"words": words})

    @routes.post("/workers/{id}/heartbeat", response_model=shapes.Heard, responses=GONE)
    async def heartbeat(id: str, caller: Of) -> Response:
        """Renew the lease, as every other call of a worker does; hear which attempts are to be stopped."""
        worker, stops = _live(staffing, id, caller)
        draining = worker.standing == "draining"
        return answered({"lease_ms": worker.told.lease_ms, "stop": stops, "draining": draining})

    @routes.post("/workers/{id}/complete", response_model=shapes.Completed, responses=GONE)
    async def complete(id: str, body: shapes.Complete, caller: Of, request: Request) -> Response:
        """Say what became of attempts, well or badly; it is durable when this answers.

        With `pull` the next attempts come with the answer. What is no longer wanted is recorded, and its word
        is `stale`; a word that was said before is `repeated`.
        """
        words = await _settle(staffing, body.attempts)
        shown: dict[str, Any] = {"words": words}
        if body.pull is not None:
            shown["pulled"] = _pulled(await _pull(staffing, id, body.pull, caller, request))
        return answered(shown)

    @routes.post("/workers/{id}/fail", response_model=shapes.Words)
    async def fail(id: str, body: shapes.Fail, caller: Of) -> Response:
        """Say that attempts failed: as `complete`, for those that have nothing else to say."""
        return answered({"words": await _settle(staffing, body.attempts)})

    @routes.post("/workers/{id}/drain", response_model=shapes.Heard, responses=GONE)
    async def drain(
        id: str, visitor: Annotated[Visitor, visits("work", "operate")],
        why: Annotated[str, Query(max_length=10_000)] = "",
    ) -> Response:  # fmt: skip
        """Take no more attempts; those that it has it may end. An operator says so of any worker."""
        try:
            worker = fleet.drain(id, visitor.caller.principal)
        except Gone as gone:
            if "operate" not in visitor.scopes:
                raise Trouble(410, "lease-over", str(gone)) from None
            await served.ask("note", {"act": "drain", "target": id, "why": why}, visitor.caller)
            worker = _or_gone(fleet.drain, id)
        return answered({"lease_ms": worker.told.lease_ms, "stop": [], "draining": True})

    @routes.delete("/workers/{id}", status_code=204, responses=GONE)
    async def leave(id: str, caller: Of) -> Response:
        """Go. What it still has is lost."""
        _or_gone(fleet.leave, id, caller.principal)
        return Response(status_code=204)

    @routes.post("/attempts/progress", response_model=shapes.Words)
    async def progress(body: shapes.Progress, own: str = of_attempt) -> Response:
        """Say how far attempts are, and what they log.

        In the header `Authorization` is the API token of the worker, or the token of the one attempt.
        """
        _only(own, [one.token for one in body.attempts])
        words = [fleet.tell(one.token, one.progress, one.lines, one.tail) for one in body.attempts]
        return answered({"words": words})

    @routes.post("/attempts/call", response_model=shapes.Answer)
    async def call(body: shapes.Call, own: str = of_attempt) -> Response:
        """Have a tool called, or another agent asked, in the name of an attempt.

        In the header `Authorization` is the API token of the worker, or the token of the attempt.

        It is an effect like any other, decided by policy. Where the answer is not there in time `done` is
        false: ask again, with the same number.
        """
        _only(own, [body.token])
        question = Question(
            "tool" if body.tool else "agent", body.tool or body.call, body.args, body.key, body.agent
        )
        future = fleet.ask(body.token, body.number, question, body.code)
        if future is None:
            raise Trouble(401, "attempt-over", "the token is of no attempt, or of one that is over")
        patience_s = min(body.wait_ms, WAIT_MS_MAX) / 1000
        while not future.done() and patience_s > 0 and not fleet.hushed:
            await asyncio.wait([asyncio.wrap_future(future)], timeout=min(patience_s, _SLICE_S))
            patience_s -= _SLICE_S
        if future.cancelled():
            raise Trouble(401, "attempt-over", "the attempt is over")
        if not future.done():
            return answered({"done": False})
        answer = future.result()
        error = msgspec.to_builtins(answer.error) if answer.error is not None else None
        left = max(1, answer.deadline_at - fleet.now()) if answer.deadline_at else 0
        return answered({"done": True, "output": answer.output, "error": error, "deadline_ms": left})

    return routes


def _only(own: str, tokens: Sequence[str]) -> None:
    """Raise Trouble where the token of an attempt is used to speak of another."""
    if own and any(token != own for token in tokens):
        raise Trouble(403, "other-attempt", "that token speaks of its own attempt alone", code="refused")


async def _pull(staffing: Staffing, id: str, asked: shapes.Pull, caller: Caller, request: Request) -> Pulled:
    """What there is for a worker, as soon as there is something, or its patience is at its end."""
    fleet, loop = staffing.fleet, asyncio.get_running_loop()
    worker, _ = _live(staffing, id, caller, peek=True)
    wait_ms = min(asked.wait_ms, WAIT_MS_MAX, worker.told.lease_ms // 2)
    ends_at = loop.time() + wait_ms / 1000
    come = asyncio.Event()

    def wake() -> None:
        loop.call_soon_threadsafe(come.set)

    try:
        while True:
            patient = loop.time() < ends_at
            pulled: Pulled | None = _or_gone(
                fleet.pull, id, caller.principal, asked.most, started=asked.started,
                wake=wake if patient else None,
            )  # fmt: skip
            if pulled is not None:
                return pulled
            try:
                await asyncio.wait_for(come.wait(), ends_at - loop.time())
            except TimeoutError:
                continue
            come.clear()
            if await request.is_disconnected():
                raise Trouble(503, "disconnected", "nobody is there any more")
    finally:
        fleet.rest(id)


async def _settle(staffing: Staffing, attempts: Sequence[shapes.Ended]) -> list[Word]:
    """Take in what became of attempts; gives a word for each once that is durable."""
    fleet = staffing.fleet
    for one in attempts:
        if one.lines:
            fleet.tell(one.token, None, one.lines)
    words = fleet.settle((one.token, _outcome(one)) for one in attempts)
    await _durable(staffing)
    return words


async def _durable(staffing: Staffing) -> None:
    """Wait until what was said is durable. Raises Trouble where it cannot be."""
    status = await asyncio.wrap_future(staffing.durable())
    if status != "serving":
        raise unavailable("hub-stopped", f"the hub is {status}; say it again")


def _outcome(ended: shapes.Ended) -> Reported | AttemptFailed:
    error = ended.error
    provenance = dict(ended.provenance)
    if ended.usage is not None:
        provenance["usage"] = ended.usage.model_dump()
    if error is None:
        return Reported(
            run_id="", effect=0, token=0, status="succeeded", output=ended.output, cost_nano=ended.cost_nano,
            provenance=provenance,
        )  # fmt: skip
    if error.lost or error.returned:
        shown = Error(error.type or ERRORS + error.kind, error.status or 500, error.title, error.detail)
        return Reported(
            run_id="", effect=0, token=0, status="returned" if error.returned else "lost", error=shown,
            cost_nano=ended.cost_nano, provenance=provenance,
        )  # fmt: skip
    failed = AttemptFailed(
        error.title, error.detail, retryable=error.retryable, unstarted=error.unstarted, kind=error.kind,
        status=error.status, type=error.type,
    )  # fmt: skip
    failed.provenance = provenance
    return failed


def _pulled(pulled: Pulled) -> dict[str, Any]:
    return {
        "attempts": [_shown(one) for one in pulled.attempts],
        "stop": pulled.stops, "draining": pulled.draining,
    }  # fmt: skip


def _shown(attempt: Attempt) -> dict[str, Any]:
    """An attempt as its worker gets it. Times are told as what is left of them: clocks differ."""
    order = attempt.order
    left = max(1, order.deadline_at - attempt.since) if order.deadline_at else 0
    return {
        "token": attempt.token, "agent": order.agent, "digest": order.digest, "kind": order.kind,
        "capability": order.capability, "input": order.input, "run_id": order.run_id, "task": order.task,
        "effect": order.effect, "attempt": order.attempt, "key": order.key, "delivery": order.delivery,
        "number": order.token, "started": attempt.started,
        "deadline_ms": left, "heartbeat_ms": order.heartbeat_ms, "traceparent": order.trace,
        "secrets": list(order.secrets),
    }  # fmt: skip


def _live(staffing: Staffing, id: str, caller: Caller, *, peek: bool = False) -> Any:
    """A worker that is there, and what it is to stop. Raises Trouble."""
    if peek:
        return _or_gone(staffing.fleet.look, id, caller.principal), ()
    return _or_gone(staffing.fleet.renew, id, caller.principal)


def _or_gone(act: Any, *args: Any, **options: Any) -> Any:
    try:
        return act(*args, **options)
    except Gone as gone:
        raise Trouble(410, "lease-over", str(gone)) from None
