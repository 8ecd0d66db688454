"""What the kernel remembers of a shard: its runs, and for each its frames and open effects.

Changed by `evolve` and by nothing else. Values taken from payloads are shared, never modified.
"""

from __future__ import annotations

import heapq
from collections import defaultdict, deque
from typing import Any

import msgspec

from podium.facts.approvals import Approval, Terms
from podium.facts.events import Spread
from podium.facts.lifecycles import RUN_ENDED
from podium.facts.plans import Ceiling
from podium.facts.policy import Reach
from podium.facts.recovery import Breaker
from podium.facts.schedules import Scheduled
from podium.facts.sharing import NORMAL, Priority
from podium.facts.suspension import Suspension
from podium.facts.values import JSON, Delivery, Error
from podium.kernel.books import Books, Claim, Held, Override
from podium.kernel.lines import Line
from podium.kernel.volatile import Pending, Readiness
from podium.policy.ledger import Ledger

ROOT = 1
"""The frame of a run's outermost scope."""

PROMISED = frozenset({"agent", "tool"})
"""Kinds of effects whose performers have a contract."""

IN_FLIGHT = frozenset({"running", "asking"})
"""States of effects that have an attempt; one that asks for something has no slot while it waits."""

EMITS = "emit"
"""In place of an agent's digest: the slots of events that are being emitted."""

BREAKERS = ""
"""In place of a run: the timer by which breakers are tried again."""

SCHEDULES = "schedules"
"""In place of a run: the timer by which schedules are looked at."""

EVENTS_BUFFERED_MAX = 1000
"""Events that wait in a run for a task that listens; more are refused."""

STANDING = frozenset({"fork", "graph"})
"""Kinds of tasks whose children run side by side, each in a slot of its own."""

SLOTTED = frozenset({*STANDING, "compensate", "agent"})
"""Kinds of tasks that go on by the slot of the child that ended."""

TASK_OVER = 8
"""Where a frame with an extension stands when its task has ended: here or beyond, by the target of that."""

ALWAYS_READY = frozenset({*STANDING, "listen"})
"""Kinds of frames that are looked at whenever anything happens in their run, and may have nothing to do."""


class Frame(msgspec.Struct, omit_defaults=True):
    """A task that lasts, while it lasts.

    Attributes:
        id: number in the run.
        parent: frame of the enclosing task; 0 for the root scope.
        node: index into the program's nodes.
        kind: the node's kind.
        task: reference of the task.
        input: transformed input.
        data: of a scope or loop: what the next child gets as its raw input.
        variables: arguments in scope here beside the standard ones (shared with the parent where equal).
        cursor: index of the next child; of a loop, of the iteration; of a fork, of the branch.
        open: children that are running.
        items: what a `for` or `map` goes over; what a listen that goes on has to give so far, if anybody will
            see it.
        outputs: of a fork, map or graph: branch or place to output; of a listen: filter to the event that it
            took, if it gives that.
        keys: of a listen: the correlation keys that are set.
        phase: "" while running; `prepare` (root); of a try `backoff`, `catch`, `done` (the body ended well)
            or `caught` (the body of its catch did); of an effect `settled` (its output is in `data`) or
            `faulted` (an error is in `error`); of a listen `each` (it does something for an event, which is
            in `data`), `last` (for the last one) or `done`; of a compensate `undoing`, `undone`, `failed`,
            `asked` (a person) or `answered`; of an extended task `bare` (the extension does not apply) or
            `over` (what is done after it has ended).
        slot: branch of the enclosing fork; place of the item in the enclosing map.
        tries: how often a try body was repeated; of a map, how many items failed.
        effect: the effect this task waits for; 0 for none.
        spread: how it runs one task many times; None where it does not.
        why: of a compensate: the reason that the document gives.
    """

    id: int
    parent: int
    node: int
    kind: str
    task: str
    input: JSON = None
    data: JSON = None
    variables: dict[str, JSON] = {}
    cursor: int = 0
    open: int = 0
    items: list[JSON] | None = None
    outputs: dict[int, JSON] = {}
    phase: str = ""
    slot: int = 0
    tries: int = 0
    error: Error | None = None
    effect: int = 0
    entered_at: int = 0
    wake_at: int = 0
    deadline_at: int = 0
    keys: dict[str, JSON] = {}
    spread: Spread | None = None
    why: str = ""


def goes_on(frame: Frame, spread: Spread) -> bool:
    """Whether a frame that runs a task many times can begin another, or can end."""
    if not frame.open or (frame.cursor < spread.size and frame.open < spread.limit):
        return True
    needed = spread.quorum
    return needed > 0 and (len(frame.outputs) >= needed or spread.size - frame.tries < needed)


class Call(msgspec.Struct, omit_defaults=True):
    """Something that attempts of an effect asked for.

    Attributes:
        effect: the effect that does it.
        asked: what was asked for, as the attempt said it.
        digest: of the arguments; "" where they were erased.
        key: the idempotency key, if the attempt gave it one of its own.
        performer: digest of the version that does it.
        attempt: the attempt that asked for it last; `number` is by which that one knows it.
        status: `open`, `succeeded` or `failed`.
    """

    effect: int
    asked: str
    digest: str
    key: str
    performer: str
    attempt: int
    number: int
    status: str = "open"
    output: JSON = None
    error: Error | None = None


class Effect(msgspec.Struct, omit_defaults=True):
    """An effect until it is settled.

    Attributes:
        token: seq of the record that started the attempt; `unbegun` while nobody can have begun it.
        retry_at: when the next attempt is due, or when one that is deferred is decided again.
        verdict, rules, policy, message: the last decision on it, where that was not to let it go ahead.
        approval: what people are asked about it, while they are.
        granted: keyed digest of the action that people said yes to, until an attempt uses it up; `grants` are
            the terms on which they did.
        action: keyed digest of what it would do, where policy does not let it go ahead.
        editors: people who made another action of it.
        proofs: what policy remembers of it once it succeeded.
        reach: what policy holds its connection to.
        asker: the effect whose attempt asked for it; 0 if its task did.
        depth: how many askers are above it.
        calls: what its own attempts asked for, by effect, oldest first.
        asking: for how many of these its attempt waits, and `asking_since` when.
        park_at: when an attempt that waits is parked; 0 for never.
        code: digest of the code that asks.
        unclaimed: what earlier attempts had done that the last one did not ask for; `then` is what becomes of
            it, and `output` the effect's outcome, until that is done.
        tried: digests of the agents that it was taken from.
        error: why it failed for good, where it is kept as a dead letter.
        task_ms: how long its task may take, where it is kept; `dead_at` is since when it is.
        probe: the effect that asks what became of this one, which is in doubt; `probes` is how many did.
        said: what the last of them gave, until that is looked at.
        probe_for: the effect that it asks about, if it is a probe.
    """

    id: int
    frame: int
    task: str
    kind: str
    status: str
    agent: str = ""
    digest: str = ""
    capability: str = ""
    input: JSON = None
    delivery: Delivery = "at-least-once"
    key: str = ""
    attempt: int = 0
    failures: int = 0
    losses: int = 0
    token: int = 0
    deadline_at: int = 0
    retry_at: int = 0
    cost_nano: int = 0
    requested_at: int = 0
    heartbeat_ms: int = 0
    verdict: str = ""
    rules: tuple[str, ...] = ()
    policy: str = ""
    message: str = ""
    approval: Approval | None = None
    granted: str = ""
    grants: tuple[Terms, ...] = ()
    action: str = ""
    editors: tuple[str, ...] = ()
    proofs: tuple[str, ...] = ()
    reach: Reach = ""
    asker: int = 0
    depth: int = 0
    calls: dict[int, Call] = {}
    asking: int = 0
    asking_since: int = 0
    park_at: int = 0
    code: str = ""
    unclaimed: tuple[int, ...] = ()
    then: str = ""
    output: JSON = None
    tried: tuple[str, ...] = ()
    error: Error | None = None
    task_ms: int = 0
    dead_at: int = 0
    probe: int = 0
    probes: int = 0
    said: dict[str, JSON] | None = None
    probe_for: int = 0
    unbegun: bool = False


class Denial(msgspec.Struct, frozen=True, omit_defaults=True):
    """An effect that policy denied.

    Attributes:
        effect: its number; task: reference of its task.
        action: keyed digest of what it would have done, in whatever run.
        rules: those that denied it.
        seconded: overriding it takes a second person.
    """

    effect: int
    task: str
    action: str
    rules: tuple[str, ...] = ()
    seconded: bool = False


DENIALS_MAX = 20
"""So many of a run's denials are remembered for who might override them."""


class Undo(msgspec.Struct, omit_defaults=True):
    """An effect that was settled well and can be undone.

    Attributes:
        effect: its number; node: the program's node of its task; task: reference of that.
        key: its idempotency key.
        input: what its performer got; output: what that gave.
        captured: variables for the input of what undoes it.
        scopes: frames of the `try` tasks around it, innermost first.
        by: frame of the compensate that undoes it, or did before it was torn down itself; 0 for none.
        tool: digest of the tool that did it, where that says itself what undoes it; "" where the task does.
        askers: the effects whose attempts asked for it, the nearest first.
    """

    effect: int
    node: int
    task: str
    key: str
    input: JSON = None
    output: JSON = None
    captured: dict[str, JSON] = {}
    scopes: tuple[int, ...] = ()
    by: int = 0
    tool: str = ""
    askers: tuple[int, ...] = ()


class Buffered(msgspec.Struct, omit_defaults=True):
    """An event that no task has taken yet.

    Attributes:
        fleeting: it was for all who want it now; it goes as soon as it is known that nobody does.
        frame_last: the run's last frame when a fleeting one came: it is not for tasks that began later.
    """

    event: dict[str, Any]
    fleeting: bool = False
    frame_last: int = 0


class Run(msgspec.Struct, omit_defaults=True):
    """One execution of a workflow.

    Attributes:
        ready: frames that can go on, in the order in which they became so (a set that keeps its order).
        buffer: events that no task has taken yet.
        seen: `source id` of the events received, for telling repeats.
        ordinal: number of its last event; `seq` that event's place in the log.
        ending: an `end` was reached: the run completes with the root scope's data.
        submitted: digest of workflow name and input, if the run has an idempotency key.
        parent: the run whose task started it, with `parent_task` and `parent_effect`; "" if none did.
        root: the run at the top of its family, if its parent waits for it; "" otherwise.
        depth: runs above it.
        children: unfinished runs that it waits for.
        undos: what was done well and can be undone, by effect, oldest first.
        denials: what policy denied it, oldest first, the last few.
        tree: the run at the top of all that led to this one; "" for that itself.
        data_labels: of the data that it has.
        marks: what policy remembers of what was done in it, and when last, ms since 1970.
        secrets: names of those that its effects may use; what comes from outside is made inert if there are.
        subject: the key that seals whatever is kept of it; "" if it is not sealed.
        planned: whether an agent planned what it does, which is its `document`; None where that was erased.
        steps_max: how many events it may have; 0 for any number.
        ceilings: what it is held to in money, with all that it leads to.
        tenant: whose it is; "" for `sharing.TENANT`. priority: which of what waits for a slot comes first.
    """

    id: str
    workflow: str
    digest: str
    status: str
    key: str = ""
    principal: str = ""
    submitted: str = ""
    input: JSON = None
    labels: dict[str, str] = {}
    context: JSON = {}
    output: JSON = None
    error: Error | None = None
    frames: dict[int, Frame] = {}
    effects: dict[int, Effect] = {}
    frame_last: int = 0
    effect_last: int = 0
    ready: dict[int, None] = {}
    buffer: list[Buffered] = []
    seen: list[str] = []
    ordinal: int = 0
    seq: int = 0
    started_at: int = 0
    ended_at: int = 0
    deadline_at: int = 0
    cost_nano: int = 0
    ending: bool = False
    secrets: tuple[str, ...] = ()
    parent: str = ""
    parent_task: str = ""
    parent_effect: int = 0
    root: str = ""
    depth: int = 0
    children: int = 0
    undos: dict[int, Undo] = {}
    denials: list[Denial] = []
    tree: str = ""
    data_labels: tuple[str, ...] = ()
    marks: dict[str, int] = {}
    subject: str = ""
    planned: bool = False
    document: dict[str, JSON] | None = None
    steps_max: int = 0
    ceilings: tuple[Ceiling, ...] = ()
    trace: str = ""
    tenant: str = ""
    priority: Priority = NORMAL

    @property
    def ended(self) -> bool:
        return self.status in RUN_ENDED


class Shard:
    """A slice of the log, folded. What stands after `runs` derives from these.

    Attributes:
        seq: last record folded or decided.
        now: kernel time in ms; never goes back.
        epoch: epoch of the last `EpochStarted`, which began at `epoch_at`.
        revision: catalog revision the shard decides by.
        ledger: what is spent, held and counted.
        held: what effects hold in it, by run and effect.
        torn: the same of attempts that are told to stop and have not said yet what they took, by
            `run/effect/token`.
        tree_of: the tree of each unfinished run that another led to.
        trees: unfinished runs of such a tree, with the one at its top.
        overrides: what somebody lets through that was not done yet, by digest of the action.
        claims: what no more than so many runs may hold at once, as far as any does.
        claimed: the claim of each run that has one.
        breakers: what there is to remember of agent versions that declare one, by digest.
        schedules: what there is to remember of schedules, by name.
        scheduled: the schedules of unfinished runs that one began.
        suspended: whose word holds what, by agent (`name` or `name@version`); "" holds everything.
        runs: hot runs by id.
        running: attempts in flight by agent digest (slots held).
        queues: (run, effect) waiting for a slot, by agent digest, and who has slots there.
        freed: agents that lost a running attempt since the queues were last looked at.
        abandoned: (run, effect, token) of attempts whose task was torn down, or that are parked.
        answers: (run, asker, effect) of what attempts that are under way asked for, as it is there.
        timers: heap of (when, run); stale entries are harmless.
        timer_of: run to its entry in the heap that counts.
        listeners: runs with listening tasks, and how many, in the order in which they began.
        pending: runs that wait for the evaluator, or go on with the next step.
        graphs: what may begin in the graphs of a run, by frame, as far as that is known.
        families: unfinished runs below each run that is at the top of some.
        kin: runs that others have to do with: `begun` by a task, `orphaned` as their task ended, or `ended`.
        deferred: (run, effect) of those that are to be decided again, longest waiting first.
        released: whether something that was held is so no longer, since these were looked at.
        freed_claims: claims that runs wait for and that somebody gave up.
        dropped: effects that hold something and that the record which is being folded tears down.
    """

    __slots__ = (
        "seq", "now", "epoch", "epoch_at", "revision", "runs", "running", "queues", "freed", "abandoned",
        "answers", "timers",
        "timer_of", "listeners", "pending", "graphs", "families", "kin", "deferred",
        "overrides", "ledger", "held", "torn", "tree_of", "trees", "released", "dropped", "claims", "claimed",
        "freed_claims",
        "breakers", "schedules", "scheduled", "suspended",
    )  # fmt: skip

    def __init__(self) -> None:
        self.seq = 0
        self.now = 0
        self.epoch = self.epoch_at = 0
        self.revision = 0
        self.overrides: dict[str, Override] = {}
        self.ledger = Ledger()
        self.held: dict[str, dict[int, Held]] = {}
        self.torn: dict[str, Held] = {}
        self.tree_of: dict[str, str] = {}
        self.trees: dict[str, int] = {}
        self.released = False
        self.dropped: list[int] = []
        self.claims: dict[str, Claim] = {}
        self.claimed: dict[str, str] = {}
        self.freed_claims: list[str] = []
        self.breakers: dict[str, Breaker] = {}
        self.schedules: dict[str, Scheduled] = {}
        self.scheduled: dict[str, str] = {}
        self.suspended: dict[str, Suspension] = {}
        self.runs: dict[str, Run] = {}
        self.running: dict[str, int] = {}
        self.queues: defaultdict[str, Line[tuple[str, int]]] = defaultdict(Line)
        self.freed: list[str] = []
        self.abandoned: list[tuple[str, int, int]] = []
        self.answers: list[tuple[str, int, int]] = []
        self.timers: list[tuple[int, str]] = []
        self.timer_of: dict[str, int] = {}
        self.listeners: dict[str, int] = {}
        self.pending: dict[str, Pending] = {}
        self.graphs: dict[str, dict[int, Readiness]] = {}
        self.families: dict[str, int] = {}
        self.kin: deque[tuple[str, str]] = deque()
        self.deferred: dict[tuple[str, int], None] = {}

    def books(self) -> Books:
        """What is to be kept of it beside its runs."""
        return Books(
            self.ledger, self.held, self.torn, self.tree_of, self.trees, self.overrides, self.breakers,
            self.claims, self.claimed, self.schedules, self.scheduled, self.suspended,
        )  # fmt: skip

    def open_books(self, books: Books) -> None:
        """Take in what was kept."""
        for name in books.__struct_fields__:
            setattr(self, name, getattr(books, name))
        self.wake_breakers()
        self.wake_schedules()

    def wake_breakers(self) -> None:
        """Make sure that breakers that are open are looked at when they are to be tried again."""
        at = min((one.until for one in self.breakers.values() if one.until), default=0)
        if at:
            self.wake(BREAKERS, at)

    def wake_schedules(self) -> None:
        """Make sure that schedules are looked at when one of them is due."""
        due = (one.next_at for one in self.schedules.values() if one.next_at and not one.paused_at)
        at = min(due, default=0)
        if at:
            self.wake(SCHEDULES, at)

    def wake(self, run: str, at: int) -> None:
        """Make sure that the run is looked at when `at` has come."""
        present = self.timer_of.get(run)
        if present is None or at < present:
            self.timer_of[run] = at
            heapq.heappush(self.timers, (at, run))
            if len(self.timers) > 2 * len(self.timer_of) + 1000:
                self.timers = [(when, of) for of, when in self.timer_of.items()]
                heapq.heapify(self.timers)

    def admit(self, run: Run) -> None:
        """Take a run in, with all that derives from it: from a snapshot, or back from the cold."""
        self.runs[run.id] = run
        for effect in run.effects.values():
            if effect.status == "running":
                self.occupy(run, effect.digest)
            elif effect.status == "queued":
                self.enqueue(run, effect)
            elif effect.status == "deferred":
                self.deferred[run.id, effect.id] = None
        listening = sum(frame.kind == "listen" for frame in run.frames.values())
        if listening:
            self.listeners[run.id] = listening
        if run.root and not run.ended:
            self.relate(run.root, 1)
        at = next_wake(run)
        if at:
            self.wake(run.id, at)

    def occupy(self, run: Run, digest: str) -> None:
        """A run has one slot more."""
        self.running[digest] = self.running.get(digest, 0) + 1
        self.queues[digest].begin(run.tenant)

    def vacate(self, run: Run, digest: str) -> None:
        """A run has one slot less."""
        self.running[digest] -= 1
        self.queues[digest].end(run.tenant)
        self.freed.append(digest)

    def enqueue(self, run: Run, effect: Effect) -> None:
        """Put an effect in line for a slot."""
        self.queues[effect.digest].add((run.id, effect.id), run.tenant, run.priority)

    def relate(self, root: str, change: int) -> None:
        """Count an unfinished run of a family in or out."""
        count = self.families.get(root, 0) + change
        if count:
            self.families[root] = count
        else:
            del self.families[root]

    def dismiss(self, run_id: str) -> Run:
        """Let a run go that holds no slot: it ended, or it is passivated."""
        self.listeners.pop(run_id, None)
        self.timer_of.pop(run_id, None)
        self.pending.pop(run_id, None)
        self.graphs.pop(run_id, None)
        run = self.runs.pop(run_id)
        if self.deferred:
            for number in run.effects:
                self.deferred.pop((run_id, number), None)
        if run.root and not run.ended:
            self.relate(run.root, -1)
        return run


def next_wake(run: Run, after: int = 0) -> int:
    """The earliest time later than `after` at which something in the run is due; 0 if nothing ever is."""
    if run.ended:
        return 0
    due = [run.deadline_at] if run.deadline_at else []
    for frame in run.frames.values():
        if frame.wake_at:
            due.append(frame.wake_at)
        if frame.deadline_at:
            due.append(frame.deadline_at)
    for effect in run.effects.values():
        if effect.status in ("backoff", "deferred", "in_doubt") and effect.retry_at:
            due.append(effect.retry_at)
        elif effect.status == "asking" and effect.park_at:
            due.append(effect.park_at)
        elif effect.approval is not None and effect.approval.terms.deadline_at:
            due.append(effect.approval.terms.deadline_at)
        elif effect.status == "running" and effect.deadline_at:
            due.append(effect.deadline_at + GRACE_MS)
    return min((at for at in due if at > after), default=0)


def children_of(run: Run) -> list[str]:
    """The unfinished runs that a run waits for."""
    if not run.children:
        return []
    return [effect.key for effect in run.effects.values() if effect.status == "nested"]


GRACE_MS = 10_000
"""How long after its deadline an attempt's performer may still say so, before the kernel gives up on it."""


_UNDER_WAY = frozenset({"running", "asking", "queued", "resolved"})


def _is_under_way(effect: Effect) -> bool:
    """Whether it runs or is about to; one that waits for what is held must hear of its release."""
    status = effect.status
    return status in _UNDER_WAY or (status == "deferred" and not effect.retry_at)


def idle(run: Run) -> bool:
    """Whether nothing in the run is in flight: it only waits for time, people or events."""
    if any(map(_is_under_way, run.effects.values())):
        return False
    return run.status == "suspended" or all(run.frames[of].kind in ALWAYS_READY for of in run.ready)
