"""The calls about checkpoints of the log and about the keys of subjects."""

from __future__ import annotations

from typing import Protocol

import msgspec

from podium.facts.values import Refused, Reply
from podium.runtime.inquiry import decline
from podium.runtime.presenting import Shown, refusal_shown
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
