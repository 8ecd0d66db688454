"""The calls about checkpoints of the log and about the keys of subjects."""

from __future__ import annotations

from typing import Protocol

import msgspec

from podium.facts.values import Refused, Reply
from podium.runtime.inquiry import Inquiry, decline
from podium.runtime.parameters import Parameters
from podium.runtime.presenting import Shown, refusal_shown
from podium.runtime.proving import Unprovable, prove
from podium.store.interface import Stated


class Custody(Protocol):
    """What makes checkpoints of the log, and has the keys of subjects."""

    def state_now(self) -> tuple[Stated, bool]: ...
    def custody_shown(self) -> Shown: ...
    def erase(self, name: str, principal: str, why: str) -> Reply: ...


class Erase(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The parameters of the call `erase`."""

    subject: str
    why: str = ""


class OfCheckpoints(Parameters, frozen=True):
    """The parameters of the call `checkpoints`: those with a higher number than `after`, so many at most."""

    after: int = 0
    limit: int = 100


class OfRecord(Parameters, frozen=True):
    """The parameters of the call `prove`: a record, and the signed checkpoint that is to have it; "" for the
    newest.
    """

    shard: int
    seq: int
    note: str = ""


def checkpoints(about: Inquiry, asked: OfCheckpoints) -> list[Shown]:
    """What was stated, oldest first: `number`, the `statement`, and the signed checkpoint as a `note`."""
    if not 0 < asked.limit <= 1_000:
        raise decline("usage", "bad-limit", "/limit", f"`limit` is {asked.limit}; it must be 1 to 1000")
    with about.sight.readers.lend() as reader:
        found = reader.statements(asked.after, asked.limit)
    return [{"number": one.number, "statement": one.text, "note": one.note} for one in found]


def proof(about: Inquiry, asked: OfRecord) -> Shown:
    """The proof that a record is in the log. Raises Declined."""
    with about.sight.readers.lend() as reader:
        try:
            return prove(reader, asked.shard, asked.seq, asked.note)
        except Unprovable as error:
            raise decline("not-found", "no-proof", "/seq", str(error)) from None


def checkpoint(custody: Custody | None, params: Shown) -> Shown:
    """State how far the log has come; gives the signed checkpoint, and whether it is a new one."""
    if params:
        raise decline("usage", "bad-parameter", "", "`checkpoint` takes no parameters")
    if custody is None:
        raise decline("refused", "no-checkpoints", "", "this hub makes no checkpoints")
    stated, created = custody.state_now()
    return {"number": stated.number, "note": stated.note, "created": created}


def erase(custody: Custody | None, asked: Erase, principal: str) -> Shown:
    """Cancel the runs that are about somebody, and make what is kept of them unreadable; gives the reply."""
    if custody is None:
        raise decline("refused", "no-keys", "", "this hub seals nothing")
    if not asked.why.strip():
        raise decline("usage", "no-reason", "/why", "an erasure needs a reason")
    reply = custody.erase(asked.subject, principal, asked.why)
    if isinstance(reply, Refused):
        return {"refused": refusal_shown(reply)}
    return {"result": {"detail": reply.detail}}
