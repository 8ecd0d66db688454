"""An explanation: what something rests on, as plain data for people and programs.

Money is in nano-units, times are ms since 1970, 0 for not yet. What was erased, or is not in the log, is
`{"unknown": true}` where a value would stand.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from podium.facts.sharing import NORMAL, Priority
from podium.facts.values import JSON


class Source(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a value entered the run.

    Attributes:
        kind: as of an `Origin`.
        path: JSON pointer into what was given.
        how: `choice` where it only decided of what the value was made.
        effect: number of the effect that gave it; 0 for none.
        seq: position of the record; 0 for none.
        task: reference of the task.
        who: who gave it: an agent's version, a person, the source of an event.
        text: the title of an error, the type of an event.
    """

    kind: str
    path: str = ""
    how: Literal["value", "choice"] = "value"
    effect: int = 0
    seq: int = 0
    task: str = ""
    who: str = ""
    text: str = ""


class Step(msgspec.Struct, frozen=True, omit_defaults=True):
    """An expression that a value went through. Not `exact`: it is made of all that this looks at."""

    task: str
    part: str
    text: str
    exact: bool = True


class Part(msgspec.Struct, frozen=True, omit_defaults=True):
    """A place in a value, and what stands there rests on; without sources it is what the document says."""

    path: str
    sources: tuple[Source, ...] = ()
    steps: tuple[Step, ...] = ()


class Way(msgspec.Struct, frozen=True, omit_defaults=True):
    """A way that was taken among several.

    Attributes:
        way: the case of a `switch`, whether a task was `skipped`, or the agent that was chosen.
        because: the conditions that were looked at, in order.
        sources: what they looked at.
    """

    seq: int
    task: str
    way: str
    because: str = ""
    sources: tuple[Source, ...] = ()


class Word(msgspec.Struct, frozen=True, omit_defaults=True):
    """What policy or a person said of an action.

    Attributes:
        kind: `policy`, `vote`, `delegated`, `escalated`, `expired`, `edited`, `override`, `answer`,
            `resolved` or `redriven`; `turn` where others waited for a slot as well, and `why` it was first.
        verdict: `allow`, `deny`, `approve`, `defer`; what the person said.
        rules: those that gave the verdict; `policy` the digest over all policies in force.
        reads: the values that the rules looked at.
        tier: that is asked; `outcome` where a vote decided it.
        via: how it is known who it is.
    """

    seq: int
    at: int
    kind: str
    verdict: str = ""
    rules: tuple[str, ...] = ()
    policy: str = ""
    message: str = ""
    reads: dict[str, JSON] = {}
    tier: str = ""
    until: int = 0
    principal: str = ""
    roles: tuple[str, ...] = ()
    via: str = ""
    to: str = ""
    why: str = ""
    outcome: str = ""


class Deed(msgspec.Struct, frozen=True, omit_defaults=True):
    """An effect: who did what, from what, by whose leave, and at what cost.

    Attributes:
        role: `value` where what is explained was made of what it gave; `choice` where that only decided the
            way there; `subject` where it is what is explained; `other` where nothing of that is so.
        agent: name and version of who did it; `digest` of that version; `description` as it was declared.
        reason: why it was routed so.
        status: `succeeded`, `failed`, or how it stands.
        attempts: that were started; `failures` says what became of those that failed.
        inputs: what it was given is made of, member by member.
        words: in the order of the log.
        run: the run that stands for it, explained in `Explanation.runs`.
        asker: the effect whose performer asked for it; 0 where the document did.
        undone: what it did was undone later.
        hold_nano: what was held for it.
        logged: the end of what each attempt logged; only of what is explained.
    """

    effect: int
    task: str
    kind: str
    role: str
    agent: str = ""
    digest: str = ""
    capability: str = ""
    description: str = ""
    reason: str = ""
    status: str = ""
    attempts: int = 0
    failures: tuple[str, ...] = ()
    asked_at: int = 0
    ended_at: int = 0
    cost_nano: int = 0
    hold_nano: int = 0
    input: JSON = None
    inputs: tuple[Part, ...] = ()
    output: JSON = None
    provenance: dict[str, JSON] = {}
    words: tuple[Word, ...] = ()
    run: str = ""
    asker: int = 0
    undone: bool = False
    logged: tuple[str, ...] = ()


class Explanation(msgspec.Struct, frozen=True, omit_defaults=True):
    """What something in a run rests on.

    Attributes:
        subject: `output`, `task`, `effect`, or `error` where the run faulted; `run` where it goes on.
        task, effect, path: which.
        value: what it is.
        parts: what it is made of, member by member.
        ways: that were taken to get there.
        deeds: the effects that it rests on, in the order of the log; all of the run's for the run itself.
        cost_nano: of those that it rests on; `run_cost_nano` of the whole run.
        complete: whether everything that it rests on is in the log.
        runs: other runs that it rests on, by id.
    """

    run_id: str
    workflow: str
    digest: str
    status: str
    subject: str
    principal: str = ""
    parent: str = ""
    parent_effect: int = 0
    started_at: int = 0
    ended_at: int = 0
    input: JSON = None
    task: str = ""
    effect: int = 0
    path: str = ""
    value: JSON = None
    parts: tuple[Part, ...] = ()
    ways: tuple[Way, ...] = ()
    deeds: tuple[Deed, ...] = ()
    cost_nano: int = 0
    run_cost_nano: int = 0
    complete: bool = True
    runs: dict[str, Any] = {}
    tenant: str = ""
    priority: Priority = NORMAL
