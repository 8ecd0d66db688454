"""Whose call it is: put into what another process asks for, whatever that says of itself."""

from __future__ import annotations

import os
from typing import Any

import msgspec

from podium.facts import inputs as i
from podium.runtime.identity import HERE, Caller, Identities
from podium.runtime.presenting import Shown

_NEVER_FOR_OTHERS = (i.Deciding, i.SettleDeadLetter, i.ResetBreaker, i.SuspendWork, i.ResumeWork)
"""What even the hub's own process tells in nobody else's name."""


def identified(params: Shown, kind: type[msgspec.Struct], via: Caller, identities: Identities) -> Shown:
    """The parameters of a call with who makes it, as far as they tell that at all.

    The hub's own process may act for somebody whom it let in itself; of any other it counts who the operating
    system says that it is. Nobody (`""`) is recorded where that says nothing.

    Args:
        kind: what the parameters are made into.
    """
    fields = kind.__struct_fields__
    if "principal" not in fields:
        return params
    who = identities.of(via)
    principal = who.principal
    if via is HERE and not issubclass(kind, _NEVER_FOR_OTHERS):
        principal = params.get("principal") or principal
    told: dict[str, Any] = {**params, "principal": principal}
    if issubclass(kind, i.AnswerHuman):
        told.update(via=str(via), identity=who.principal, roles=who.roles)
    elif issubclass(kind, i.Deciding):
        told.update(via=f"{via} uid={os.getuid()}" if via is HERE else str(via), roles=who.roles)
    return told
