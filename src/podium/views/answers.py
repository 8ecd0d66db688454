"""What the views answer: plain data, ready to be JSON. Times are ms since 1970, 0 for never."""

from __future__ import annotations

import msgspec


class Run(msgspec.Struct, frozen=True):
    """One run.

    Attributes:
        run_id: its id.
        workflow: `namespace/name`; `version` and `digest` say which one exactly it is pinned to.
        status: `running`, `waiting` (for time, people or events alone), `suspended`, `completed`, `faulted`
            or `cancelled`.
        effects_open: effects without an outcome; `effects_done` those that settled.
        error_title: why it faulted, in one line; "".
        last_seq: its last record in the log, from which all of them can be followed back.
        parent: the run whose task started it; "" if none did. `nested` if that task waits for it.
        cursor: where the page after this run begins.
    """

    run_id: str
    workflow: str
    version: str
    digest: str
    status: str
    principal: str
    key: str
    started_at: int
    ended_at: int
    updated_at: int
    effects_open: int
    effects_done: int
    cost_nano: int
    error_title: str
    labels: dict[str, str]
    last_seq: int
    parent: str
    nested: bool
    cursor: int


class Effect(msgspec.Struct, frozen=True):
    """One effect of a run.

    Attributes:
        effect: its number in the run, from 1.
        kind: `agent`, `tool`, `http`, `human`, `emit` or `workflow`.
        agent: `name@version` of who performs it; "" where nobody in the catalog does.
        status: `queued`, `running`, `waiting` (for a person), `nested` (another run goes on), `backoff`,
            `in_doubt`, `resolved`, `succeeded`, `failed`, or `cancelled` with its task.
        attempt: number of its last attempt; 0 before the first.
        reason: why it was routed so; `verdict` what policy decided.
        error_title: what went wrong with the last attempt that failed; "".
        asker: the effect whose attempt asked for it; 0 if its task did.
    """

    effect: int
    task: str
    kind: str
    agent: str
    capability: str
    status: str
    attempt: int
    requested_at: int
    settled_at: int
    cost_nano: int
    reason: str
    verdict: str
    error_title: str
    asker: int = 0


class Approval(msgspec.Struct, frozen=True):
    """What waits for people: a question, or an action. `deadline_at` is 0 if it may wait for ever."""

    run_id: str
    workflow: str
    effect: int
    task: str
    title: str
    since: int
    deadline_at: int
    cursor: int


class Override(msgspec.Struct, frozen=True):
    """Somebody let an effect through whatever policy said; `granted` is 0 where a second had to agree."""

    run_id: str
    workflow: str
    effect: int
    task: str
    principal: str
    reason: str
    at: int
    expires_at: int
    granted: int
    cursor: int


class Act(msgspec.Struct, frozen=True):
    """Somebody, or the hub itself, did something to what goes on.

    Attributes:
        shard, seq: of the record that says so.
        people: whether a person did it.
        noted: whether it is what a person was about to do over the network: what came of it is another act.
        about: `approvals`, `runs`, `resources`, `agents`, `schedules`, `people` or `hub`.
        principal: who; `hub` for what nobody told the hub to do. `via` is how it is known that it was he.
        target: a run, `run/effect`, or what a resource, an agent or a schedule is named.
        why: the reason that was given, or the rules that decided.
        cursor: where the page after this act begins.
    """

    shard: int
    seq: int
    at: int
    people: bool
    noted: bool
    about: str
    act: str
    principal: str
    via: str
    target: str
    why: str
    cursor: str


class Escalation(msgspec.Struct, frozen=True):
    """Something that waits for an operator.

    Attributes:
        kind: `in_doubt` (an attempt was lost and may or may not have been performed), `dead_letter` (an
            effect failed for good, and is kept), `exhausted` (one did, and its run with it), `faulted` (a run
            faulted for another reason).
        effect: 0 where it is the run as such.
    """

    kind: str
    run_id: str
    workflow: str
    effect: int
    task: str
    reason: str
    since: int
    cursor: int


class Resource(msgspec.Struct, frozen=True):
    """A version of an agent or a workflow.

    Attributes:
        current: whether its name alone means this version now.
        capabilities: what an agent offers.
        deprecated: why it should not be used any more; "" if it may.
        forced: whether it was applied although it broke something.
        deleted_at: when it was deleted; 0 if it is there.
    """

    kind: str
    name: str
    version: str
    digest: str
    applied_at: int
    principal: str
    revision: int
    current: bool
    description: str
    capabilities: list[str]
    deprecated: str = ""
    forced: bool = False
    deleted_at: int = 0


class Spend(msgspec.Struct, frozen=True):
    """What an agent did in a day (UTC).

    Attributes:
        agent: `name@version`; `http` for calls of plain endpoints.
        calls: attempts that were started that day.
        cost_nano: cost that was booked that day, in nano-units.
    """

    day: str
    agent: str
    calls: int
    cost_nano: int


class Overview(msgspec.Struct, frozen=True):
    """Counts: runs by status (all statuses are there), approvals and escalations that wait."""

    runs: dict[str, int]
    approvals: int
    escalations: int


class Minute(msgspec.Struct, frozen=True):
    """How many runs ended in a minute: of all but those that faulted, and of those."""

    ended: int
    faulted: int


class Glance(msgspec.Struct, frozen=True):
    """Counts as in `Overview`, what was booked today (UTC), and the last hour, oldest minute first."""

    runs: dict[str, int]
    approvals: int
    escalations: int
    spent_today_nano: int
    calls_today: int
    minutes: list[Minute]


class Flow(msgspec.Struct, frozen=True):
    """Effects of one status that one asked of another.

    Attributes:
        workflow: in whose runs; it asked itself, unless `asker_kind` and `asker` name an attempt that did.
        kind, agent: of who performs them, as in `Effect`.
        count: how many; `cost_nano` what they cost; `last_at` when the last was requested.
    """

    workflow: str
    asker_kind: str
    asker: str
    kind: str
    agent: str
    status: str
    count: int
    cost_nano: int
    last_at: int


class Label(msgspec.Struct, frozen=True):
    """A label that runs have."""

    name: str
    value: str
