"""The door: every call that people and programs make on a hub, by name, with JSON in and JSON out.

A reply is an object with one member: `result`; `refused` (`{code, problems}`: a rule forbids it, nothing was
recorded); `error` (`{message}`: it could not be done); or `gone` (`{message}`: the hub has ended).
`ClosedDoor` answers for a folder without a hub.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, Protocol

import msgspec
import structlog

from podium.facts import events as e
from podium.facts import inputs as i
from podium.facts.approvals import is_person
from podium.facts.events import Record
from podium.facts.identity import run_id_of, traced
from podium.facts.sharing import TENANT
from podium.facts.values import JSON, Accepted, Refused, Reply
from podium.kernel.state import Shard, idle, next_wake
from podium.runtime import (
    approvals,
    custody,
    declared,
    hits,
    presenting,
    recovery,
    replaying,
    schedules,
    suspensions,
)
from podium.runtime.callers import identified
from podium.runtime.endings import Endings, Waiter, gone
from podium.runtime.evidence import evidence
from podium.runtime.hub import Hub
from podium.runtime.identity import HERE, Caller, Identities
from podium.runtime.inquiry import Declined, Inquiry, Readers, decline
from podium.runtime.parameters import (
    Activity,
    Apply,
    Delete,
    Describe,
    Execute,
    Get,
    OfApprovals,
    OfDeadLetters,
    OfNothing,
    OfReplay,
    OfResource,
    OfRevision,
    OfRun,
    OfStuck,
    P,
    Page,
    Parameters,
    Planned,
    Rebuild,
    SeeToSchedule,
    Since,
    Submit,
    Unfinished,
    Wait,
    convert,
)
from podium.runtime.people import CALLS, People
from podium.runtime.presenting import Shown
from podium.runtime.run_ids import new_run_id
from podium.runtime.staffing import Staffing
from podium.runtime.stuck import stuck
from podium.runtime.worker import Activity as Attempt
from podium.store.interface import StoreError

LIMIT_MAX = 10_000
"""No list is longer."""

_LOOK_S = 1.0
_SLICE_MS = 100
_TROUBLE_S = 3.0
_REBUILD_MS_MAX = 7 * 86_400_000
_ENDS = (e.RunCompleted, e.RunFaulted, e.RunCancelled)

log = structlog.get_logger("podium.door")


class Views(Protocol):
    """What keeps the tables for queries up with the log."""

    trouble: str

    def caught_up(self) -> dict[int, int]: ...
    def rebuild(self) -> None: ...
    def wait_for(self, shard: int, seq: int, timeout_ms: int) -> bool: ...


class AtWork(Protocol):
    """What knows what runs now."""

    def snapshot(self) -> list[Attempt]: ...


Reads = dict[str, tuple[type[Parameters], Callable[[Inquiry, Any], JSON]]]

_READS: Reads = {
    "get": (Get, lambda about, p: about.get(p.kind, **_listing(p))),
    "page": (Page, lambda about, p: about.page(**_listing(p))),
    "describe": (Describe, lambda about, p: about.describe(p.kind, p.name)),
    "run": (OfRun, lambda about, p: about.run(about.run_id(p.run_id))),
    "unfinished": (Unfinished, lambda about, p: about.unfinished(p.workflow, p.input)),
    "events": (
        Since,
        lambda about, p: list(map(presenting.record_shown, about.records(about.run_id(p.run_id), p.after))),
    ),
    "evidence": (OfRun, lambda about, p: evidence(about, about.run_id(p.run_id))),
    "trace": (OfRun, lambda about, p: about.trace(about.run_id(p.run_id))),
    "tasks": (OfRun, lambda about, p: about.tasks(about.run_id(p.run_id))),
    "plan": (Planned, lambda about, p: declared.planned(about.sight, p.resources, p.prune)),
    "dead_letters": (OfDeadLetters, recovery.dead_letters),
    "escalations": (OfNothing, lambda about, p: recovery.escalations(about)),
    "approvals": (OfApprovals, lambda about, p: approvals.listed(about, p.run_id)),
    "held_back": (OfRun, lambda about, p: approvals.held_back(about, p.run_id)),
    "stuck": (OfStuck, lambda about, p: stuck(about, p.run_id, _limit(p.limit))),
    "history": (OfResource, lambda about, p: declared.history(about.sight, p.kind, p.name)),
    "revision": (OfRevision, lambda about, p: declared.revision(about.sight, p.kind, p.name, p.which)),
    "checkpoints": (custody.OfCheckpoints, custody.checkpoints),
    "prove": (custody.OfRecord, custody.proof),
    "verify": (OfNothing, lambda about, p: about.verify()),
    "hits": (OfNothing, lambda about, p: hits.hits(about)),
    "replay": (OfReplay, replaying.replay),
    "workers": (OfNothing, lambda about, p: []),
    "suspensions": (OfNothing, lambda about, p: about.suspensions()),
}
"""What only looks: the same with a hub and without."""

_ACTS: dict[str, type[i.Input]] = {
    "answer": i.AnswerHuman,
    "send": i.SendEvent,
    "cancel": i.CancelRun,
    "suspend": i.SuspendRun,
    "resume": i.ResumeRun,
    "resolve": i.ResolveEffect,
    "settle_dead_letter": i.SettleDeadLetter,
    "decide": i.DecideApproval,
    "delegate": i.DelegateApproval,
    "edit": i.EditAction,
    "override": i.OverrideDecision,
    "declassify": i.Declassify,
}
"""What tells the kernel something about a run; the parameters are the input's fields."""


_OF_PEOPLE = frozenset(
    {"apply", "delete", "rebuild_views", "checkpoint", "erase", "reset_breaker", "schedule"}
    | {"suspend_work", "resume_work", *_ACTS} - {"send"}
)
"""What agents may not do through the door: whatever changes what is declared, or what becomes of a run."""


_NOTED = _OF_PEOPLE
"""What is noted with how the caller was let in, where that was over the network."""
_OF_PEOPLE = _OF_PEOPLE | CALLS


class Door:
    """The calls of a running hub. All methods may be called from any thread.

    In every call `via` says who the caller is, as far as the operating system knows.
    """

    def __init__(
        self, hub: Hub, worker: AtWork, inquiry: Inquiry, readers: Readers, views: Views,
        keeps: custody.Custody | None = None, *, identities: Identities, staffing: Staffing,
        people: People | None = None,
    ) -> None:  # fmt: skip
        self.staffing, self._people = staffing, people
        self._hub, self._worker, self._views, self._custody = hub, worker, views, keeps
        self._inquiry, self._readers, self._identities = inquiry, readers, identities
        self._endings = Endings(hub, inquiry, readers)
        self._own: dict[str, Callable[[Any, Caller], Future[Shown]]] = {
            "apply": self._apply,
            "delete": self._delete,
            "submit": self._submit,
            "execute": self._execute,
            "wait": self._wait,
            "status": self._status,
            "whoami": self._whoami,
            "activity": self._activity,
            "rebuild_views": self._rebuild_views,
            "checkpoint": self._checkpoint,
            "erase": self._erase,
            "reset_breaker": self._reset_breaker,
            "schedule": self._schedule,
            "suspend_work": partial(self._see_to_work, i.SuspendWork),
            "resume_work": partial(self._see_to_work, i.ResumeWork),
            "workers": self._workers,
            **{name: self._act(kind) for name, kind in _ACTS.items()},
            **{name: partial(self._ask_people, name) for name in (people.calls if people else ())},
        }

    def call(self, name: str, params: Shown, via: Caller = HERE) -> Shown:
        """Make a call and wait for its reply."""
        return self.start(name, params, via).result()

    def start(self, name: str, params: Shown, via: Caller = HERE) -> Future[Shown]:
        """Make a call; the reply comes in the future. Calls that only look are answered on return."""
        try:
            own = self._own.get(name)
            if (via.pid or via.principal) and name in _OF_PEOPLE:
                self._refuse_agents(name, via)
                if via.principal and self._people is not None and name in _NOTED:
                    # In the same inbox before what it announces, so that neither is durable without it.
                    self._people.note(name, params, via)
            return own(params, via) if own is not None else _done(read(self._inquiry, name, params))
        except Exception as error:
            return _done(self._failure(error))

    def _refuse_agents(self, name: str, via: Caller) -> None:
        """Raise Declined where an agent's process does what is for people to do."""
        who = self._identities.of(via).principal
        if who and not is_person(who):
            message = f"{who} is no person: agents may not make the call {name!r}, through whomever they run"
            raise decline("refused", "not-a-person", "", message)

    def follow(self, run_id: str, after: int = 0) -> Iterator[Shown]:
        """A run's records later than seq `after`, as they are committed, until the run ends.

        Each is `{"item": record}`; the last reply is `{"result": run}`, a refusal or an error.
        """
        try:
            yield from self._follow(self._inquiry.run_id(run_id), after)
        except Exception as error:
            yield self._failure(error)

    def _failure(self, error: Exception) -> Shown:
        if self._hub.status in ("stopped", "broken"):
            return gone(self._hub)
        return failure(error)

    def close(self) -> None:
        """Let nobody wait any longer. The hub stays as it is."""
        self._endings.close()
        self._inquiry.close()

    # --- runs ----------------------------------------------------------------------------------------

    def _apply(self, params: Shown, via: Caller) -> Future[Shown]:
        told = self._told(Apply, params, via)
        declared.check_form(told.resources)
        reply = self._hub.tell(
            i.Apply(
                resources=told.resources, principal=told.principal, prune=told.prune, force=told.force,
                why=told.why,
            )
        )  # fmt: skip
        return _then(reply, _declared)

    def _delete(self, params: Shown, via: Caller) -> Future[Shown]:
        told = self._told(Delete, params, via)
        reply = self._hub.tell(
            i.Delete(
                kind=told.kind, name=told.name, principal=told.principal, force=told.force, why=told.why
            )
        )  # fmt: skip
        return _then(reply, _declared)

    def _submit(self, params: Shown, via: Caller) -> Future[Shown]:
        reply = self._hub.tell(_submission(self._told(Submit, params, via)))
        return _then(
            reply,
            lambda accepted: {
                "run_id": accepted.run_id, "created": accepted.created, "notices": list(accepted.notices),
            },
        )  # fmt: skip

    def _execute(self, params: Shown, via: Caller) -> Future[Shown]:
        """Submit, and wait for the end."""
        asked = self._told(Execute, params, via)
        submission = _submission(asked)
        waiter = Waiter(submission.run_id, traces=asked.trace, submits=True)
        self._endings.expect(waiter)

        def on_reply(future: Future[Reply]) -> None:
            reply = future.result()
            if isinstance(reply, Refused):
                self._endings.refuse(waiter, {"refused": presenting.refusal_shown(reply)})
                return
            if reply.run_id != waiter.run_id:
                self._endings.redirect(waiter, reply.run_id)
            self._endings.accept(waiter, reply.created, asked.timeout_ms)

        self._hub.tell(submission).add_done_callback(on_reply)
        return waiter.future

    def _wait(self, params: Shown, via: Caller) -> Future[Shown]:
        asked = convert(params, Wait)
        waiter = Waiter(self._inquiry.run_id(asked.run_id), traces=asked.trace)
        self._endings.wait(waiter, asked.timeout_ms)
        return waiter.future

    def _act(self, kind: type[i.Input]) -> Callable[[Any, Caller], Future[Shown]]:
        def act(params: Shown, via: Caller) -> Future[Shown]:
            told = self._told(kind, params, via)
            if isinstance(told, i.SendEvent):
                _check_event(told.event)
            given: str = told.run_id  # type: ignore[attr-defined]
            if given:
                told = msgspec.structs.replace(told, run_id=self._inquiry.run_id(given))
            elif kind is not i.SendEvent:
                raise decline("usage", "bad-parameter", "/run_id", "`run_id` must name a run")
            return _then(
                self._hub.tell(told),
                lambda accepted: {
                    "run_id": accepted.run_id, "created": accepted.created, "detail": accepted.detail,
                },
            )  # fmt: skip

        return act

    def _told(self, kind: type[P], params: Shown, via: Caller) -> P:
        """The parameters of a call, and whose it is, whatever the caller says of that. Raises Declined."""
        return convert(identified(params, kind, via, self._identities), kind)

    def _follow(self, run_id: str, after: int) -> Iterator[Shown]:
        hub = self._hub
        heard: SimpleQueue[Record] = SimpleQueue()

        def committed(shard: int, records: list[Record]) -> None:
            for record in records:
                if record.run_id == run_id:
                    heard.put(record)

        forget = hub.do(lambda: hub.listen(committed)).result()
        try:
            # What was committed before the listener began is in the log; what both have comes once.
            ended = self._inquiry.run(run_id)["ended_at"] > 0
            for record in self._inquiry.records(run_id, after):
                after, ended = record.seq, ended or isinstance(record.event, _ENDS)
                yield {"item": presenting.record_shown(record)}
            while not ended:
                try:
                    record = heard.get(timeout=_LOOK_S)
                except Empty:
                    if hub.status in ("stopped", "broken"):
                        yield gone(hub)
                        return
                    continue
                if record.seq > after:
                    after, ended = record.seq, isinstance(record.event, _ENDS)
                    yield {"item": presenting.record_shown(record)}
            yield {"result": self._inquiry.run(run_id)}
        finally:
            hub.do(forget)

    def _reset_breaker(self, params: Shown, via: Caller) -> Future[Shown]:
        told = self._told(i.ResetBreaker, params, via)
        return _then(self._hub.tell(told), lambda accepted: {"detail": accepted.detail})

    def _see_to_work(self, kind: type[i.Input], params: Shown, via: Caller) -> Future[Shown]:
        reply = self._hub.tell(self._told(kind, params, via))
        return _then(reply, lambda accepted: {"created": accepted.created, "detail": accepted.detail})

    def _schedule(self, params: Shown, via: Caller) -> Future[Shown]:
        asked = self._told(SeeToSchedule, params, via)
        told = schedules.told(asked.schedule, asked.action, asked.key, asked.why, asked.principal, TENANT)
        return _then(
            self._hub.tell(told),
            lambda accepted: {
                "run_id": accepted.run_id, "created": accepted.created, "detail": accepted.detail,
            },
        )  # fmt: skip

    # --- the hub -------------------------------------------------------------------------------------

    def _status(self, params: Shown, via: Caller) -> Future[Shown]:
        """How the hub is; `busy` while anything goes on, or will, without anybody's doing."""
        convert(params, OfNothing)
        hub = self._hub

        def look() -> Shown:
            shard = hub.shard
            state = shard.state
            assert state is not None, "the shard is open between steps"
            return {
                "pid": os.getpid(), "status": hub.status, "trouble": hub.trouble, "epoch": state.epoch,
                "seq": state.seq, "revision": state.revision,
                "suspended": suspensions.shown(state.suspended),
                "clock_jump_ms": hub.clock.jumped_ms, **_counts(state),
            }  # fmt: skip

        shown = hub.do(look).result()
        shown["views"] = {
            "trouble": self._views.trouble, "seq": self._views.caught_up().get(hub.shard.number, 0),
        }  # fmt: skip
        with self._readers.lend() as reader:
            shown["cold_wake_at"] = reader.next_wake(hub.shard.number)
        shown["audit"] = self._custody.custody_shown() if self._custody is not None else {}
        shown["busy"] = bool(shown["runs_active"] or shown["cold_wake_at"])
        return _done({"result": shown})

    def _checkpoint(self, params: Shown, via: Caller) -> Future[Shown]:
        return _done({"result": custody.checkpoint(self._custody, params)})

    def _whoami(self, params: Shown, via: Caller) -> Future[Shown]:
        """Who the caller is, as far as the operating system and the file of roles tell."""
        convert(params, OfNothing)
        who = self._identities.of(via)
        shown = {"principal": who.principal, "roles": list(who.roles), "trouble": self._identities.trouble}
        return _done({"result": shown})

    def _ask_people(self, name: str, params: Shown, via: Caller) -> Future[Shown]:
        assert self._people is not None
        return _done(self._people.answer(name, params, via))

    def _erase(self, params: Shown, via: Caller) -> Future[Shown]:
        asked = convert(params, custody.Erase)
        return _done(custody.erase(self._custody, asked, self._identities.of(via).principal))

    def _rebuild_views(self, params: Shown, via: Caller) -> Future[Shown]:
        """Make the tables for queries again from the log; `done` if they were so in time."""
        asked = convert(params, Rebuild)
        hub, views = self._hub, self._views
        seq = hub.do(lambda: hub.shard.writer.head.seq).result()
        views.rebuild()
        limit_at = time.monotonic() + min(max(asked.timeout_ms, 0), _REBUILD_MS_MAX) / 1000
        gives_up_at = time.monotonic() + _TROUBLE_S
        while not (done := views.wait_for(hub.shard.number, seq, _SLICE_MS)):
            now = time.monotonic()
            # The follower goes on trying, but whoever waits should hear what is in the way.
            if now > limit_at or (views.trouble and now > gives_up_at):
                break
        return _done({"result": {"done": done, "seq": seq, "trouble": views.trouble}})

    def _workers(self, params: Shown, via: Caller) -> Future[Shown]:
        """Who is there, and who went a short while ago."""
        convert(params, OfNothing)
        return _done({"result": self.staffing.listed()})

    def _activity(self, params: Shown, via: Caller) -> Future[Shown]:
        """What is running now: attempts, by all runs or by one."""
        asked = convert(params, Activity)
        found = [
            msgspec.to_builtins(one) for one in self._worker.snapshot() if asked.run_id in ("", one.run_id)
        ]
        return _done({"result": found})


class ClosedDoor:
    """The calls of a state folder that no hub serves: what only looks is answered, the rest refused."""

    def __init__(self, inquiry: Inquiry) -> None:
        self._inquiry = inquiry

    def start(self, name: str, params: Shown) -> Future[Shown]:
        try:
            return _done(read(self._inquiry, name, params))
        except Exception as error:
            return _done(failure(error))

    def follow(self, run_id: str, after: int = 0) -> Iterator[Shown]:
        """The run's records that are there."""
        try:
            run_id = self._inquiry.run_id(run_id)
            for record in self._inquiry.records(run_id, after):
                yield {"item": presenting.record_shown(record)}
            yield {"result": self._inquiry.run(run_id)}
        except Exception as error:
            yield failure(error)

    def close(self) -> None:
        self._inquiry.close()


def read(inquiry: Inquiry, name: str, params: Shown) -> Shown:
    """The reply to a call that only looks. Raises Declined, StoreError."""
    if name not in _READS:
        message = f"{name!r} is not a call that can be made here"
        raise decline("usage", "unknown-call", "", message)
    kind, answer = _READS[name]
    return {"result": answer(inquiry, convert(params, kind))}


def failure(error: Exception) -> Shown:
    """The reply that says why a call came to nothing."""
    if isinstance(error, Declined):
        return {"refused": presenting.refusal_shown(error.refused)}
    if not isinstance(error, StoreError):
        log.error("call failed", exc_info=error)
        return {"error": {"message": f"{type(error).__name__}: {error}"}}
    return {"error": {"message": str(error)}}


def _check_event(event: dict[str, JSON]) -> None:
    """An event is one by CloudEvents 1.0 as far as anybody here relies on it. Raises Declined."""
    for name in ("type", "source", "id"):
        value = event.get(name, "" if name == "type" else "-")
        if not isinstance(value, str) or not value:
            message = f"`{name}` of an event must be a text that is not empty"
            raise decline("usage", "bad-event", f"/event/{name}", message)


def _declared(accepted: Accepted) -> Shown:
    return {"names": list(accepted.names), "notices": list(accepted.notices)}


def _limit(asked: int) -> int:
    if not 0 < asked <= LIMIT_MAX:
        raise decline("usage", "bad-limit", "/limit", f"`limit` is {asked}; it must be 1 to {LIMIT_MAX}")
    return asked


def _listing(p: Page) -> dict[str, Any]:
    """Which runs a list is to have."""
    return {
        "status": p.status, "workflow": p.workflow, "parent": p.parent, "nested": p.nested,
        "limit": _limit(p.limit), "before": p.before, "labels": p.labels, "after": p.after,
    }  # fmt: skip


def _submission(asked: Submit) -> i.SubmitRun:
    return i.SubmitRun(
        run_id=run_id_of(TENANT, asked.key) if asked.key else new_run_id(), workflow=asked.workflow,
        input=asked.input, key=asked.key, principal=asked.principal, labels=asked.labels,
        subject=asked.subject, trace=traced(asked.traceparent), priority=asked.priority,
    )  # fmt: skip


def _done(reply: Shown) -> Future[Shown]:
    future: Future[Shown] = Future()
    future.set_result(reply)
    return future


def _then(replied: Future[Reply], shown: Callable[[Any], Shown]) -> Future[Shown]:
    future: Future[Shown] = Future()

    def on_reply(done: Future[Reply]) -> None:
        reply = done.result()
        if isinstance(reply, Refused):
            future.set_result({"refused": presenting.refusal_shown(reply)})
        else:
            future.set_result({"result": shown(reply)})

    replied.add_done_callback(on_reply)
    return future


def _counts(state: Shard) -> Shown:
    """How many runs are in memory, how many of them go on by themselves, and their effects by status."""
    effects = dict.fromkeys(("running", "queued", "backoff", "waiting", "in_doubt"), 0)
    active = 0
    for run in state.runs.values():
        active += not idle(run) or next_wake(run) > 0
        for effect in run.effects.values():
            effects[effect.status] = effects.get(effect.status, 0) + 1
    return {"runs_in_memory": len(state.runs), "runs_active": active, "effects": effects}
