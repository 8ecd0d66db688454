"""Events of effects that policy holds back or warns of, and of what people say about them."""

from __future__ import annotations

import msgspec

from podium.facts.approvals import Terms
from podium.facts.event import Body, Event
from podium.facts.policy import Count, Hold, Reach
from podium.facts.values import JSON


class Reserved(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an attempt that starts under policy takes: amounts that it holds, what is counted, what its run
    remembers of it from now on (`marks`), or once it has succeeded (`proofs`). What is done under one key
    counts `once`, however many attempts it takes. `reach` is what its connection is held to: `vetted` leads
    nowhere but to where policy let it, `public` nor to a private address.
    """

    holds: tuple[Hold, ...] = ()
    counts: tuple[Count, ...] = ()
    marks: tuple[str, ...] = ()
    proofs: tuple[str, ...] = ()
    once: bool = False
    reach: Reach = ""


class TargetPaused(Event):
    """Who was called asked for a pause: nothing that these counters are of begins before `until`."""

    effect: int = 0
    task: str = ""
    counters: tuple[str, ...] = ()
    until: int = 0


class EffectDecidedBody(Body):
    message: str = ""
    reads: dict[str, JSON] = {}


class EffectDecided(Event):
    """An effect that had not begun was decided again: after a wait, an approval or an edit.

    All fields as in `EffectRequested`. Of a `human` or a `workflow` that is allowed now, `kind` is that: it
    begins with this record.
    """

    BODY = EffectDecidedBody
    effect: int = 0
    task: str = ""
    verdict: str = "allow"
    rules: tuple[str, ...] = ()
    policy: str = ""
    terms: Terms | None = None
    action: str = ""
    until: int = 0
    kind: str = ""
    granted: bool = False
    override: int = 0
    reserved: Reserved | None = None
    observed: tuple[str, ...] = ()


class BudgetWarned(Event):
    """With what an effect holds, thresholds of budgets are crossed: a line for each."""

    effect: int = 0
    task: str = ""
    warnings: tuple[str, ...] = ()


class ApprovalDecidedBody(Body):
    why: str = ""


class ApprovalDecided(Event):
    """A person said yes or no to an action, or answered a question that several must answer.

    `action` is the digest of the action that the person decided on, `roles` are those that the person has,
    and `via` is how it is known who it is. `outcome` is `granted` or `denied` where that decides it.
    """

    BODY = ApprovalDecidedBody
    effect: int = 0
    task: str = ""
    verdict: str = ""
    principal: str = ""
    roles: tuple[str, ...] = ()
    via: str = ""
    action: str = ""
    outcome: str = ""


class ApprovalDelegatedBody(Body):
    why: str = ""


class ApprovalDelegated(Event):
    """Somebody who may decide let another person, `to`, decide too."""

    BODY = ApprovalDelegatedBody
    effect: int = 0
    task: str = ""
    principal: str = ""
    via: str = ""
    to: str = ""


class ApprovalEscalated(Event):
    """Nobody decided in time; others are asked, on new `terms`."""

    effect: int = 0
    task: str = ""
    terms: Terms | None = None


class ApprovalExpired(Event):
    """Nobody decided in time, and silence denies."""

    effect: int = 0
    task: str = ""


class ActionEditedBody(Body):
    input: JSON = None
    why: str = ""


class ActionEdited(Event):
    """Somebody who may decide made another action of the one that waits: it is decided afresh.

    `key` is its idempotency key from here on.
    """

    BODY = ActionEditedBody
    effect: int = 0
    task: str = ""
    principal: str = ""
    via: str = ""
    key: str = ""


class DecisionOverriddenBody(Body):
    why: str = ""


class DecisionOverridden(Event):
    """Somebody broke the glass: one action goes through once, whatever policy says, until `expires_at`.

    `effect` waits for it, or was denied. Where it takes a second person, `outcome` is `granted` with the
    second such record, and "" with the first.
    """

    BODY = DecisionOverriddenBody
    effect: int = 0
    task: str = ""
    principal: str = ""
    roles: tuple[str, ...] = ()
    via: str = ""
    action: str = ""
    expires_at: int = 0
    outcome: str = ""


class DataDeclassifiedBody(Body):
    why: str = ""


class DataDeclassified(Event):
    """A person took labels from the data of a run: what held for them holds no more from here on."""

    BODY = DataDeclassifiedBody
    labels: tuple[str, ...] = ()
    principal: str = ""
    roles: tuple[str, ...] = ()
    via: str = ""
