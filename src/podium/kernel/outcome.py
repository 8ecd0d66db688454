"""What a step leaves behind, and the one way in which it grows: `emit`."""

from __future__ import annotations

from podium.facts.events import (
    AttemptStarted,
    Body,
    EffectRequested,
    Event,
    Record,
    RunStarted,
    RunStartedBody,
    StaleReply,
)
from podium.facts.identity import trace_id
from podium.facts.inputs import Input
from podium.facts.orders import Abandon, Answer, Order, Perform
from podium.facts.values import Reply
from podium.kernel.evolve import evolve
from podium.kernel.state import Effect, Run, Shard


class Outcome:
    """The result of deciding one or more inputs.

    Attributes:
        records: to be made durable, in order, before anything below is released.
        orders: for the host to carry out after the commit.
        queries: volatile orders, which may go out at once.
        replies: (ticket, reply) to give after the commit.
        ended: runs that ended.
        touched: runs that have new records.
        inputs: for the host to tell the kernel after the commit.
    """

    __slots__ = ("ended", "inputs", "orders", "queries", "records", "replies", "touched")

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.orders: list[Order] = []
        self.queries: list[Order] = []
        self.replies: list[tuple[int, Reply]] = []
        self.ended: list[str] = []
        self.inputs: list[Input] = []
        self.touched: dict[str, Run] = {}

    def reply(self, ticket: int, reply: Reply) -> None:
        if ticket:
            self.replies.append((ticket, reply))

    def emit(self, shard: Shard, run: Run | None, event: Event, body: Body | None = None) -> Record:
        """Add a record, fold it into the state at once, and order what follows from it."""
        run_id = subject = ""
        if run is not None:
            run_id, subject = run.id, run.subject
            event.ordinal = run.ordinal + 1
            event.previous = run.seq
        record = Record(shard.seq + 1, run_id, shard.now, event, body, subject)
        evolve(shard, record)
        self.records.append(record)
        if run is not None:
            self.touched[run_id] = run
            kind = type(event)
            if kind is EffectRequested:
                if event.started:  # type: ignore[attr-defined]
                    self.orders.append(perform(shard, run, run.effects[run.effect_last]))
            elif kind is AttemptStarted:
                self.orders.append(perform(shard, run, run.effects[event.effect]))  # type: ignore[attr-defined]
            if run.ended and kind is not StaleReply:
                self.ended.append(run_id)
        if shard.answers:
            self.orders.extend(answer(shard, *told) for told in shard.answers)
            shard.answers.clear()
        if shard.abandoned:
            self.orders.extend(Abandon(*attempt) for attempt in shard.abandoned)
            shard.abandoned.clear()
        return record

    def start(self, shard: Shard, run_id: str, event: RunStarted, body: RunStartedBody) -> Run:
        """Add the record that begins a run."""
        record = Record(shard.seq + 1, run_id, shard.now, event, body, event.subject)
        evolve(shard, record)
        self.records.append(record)
        run = shard.runs[run_id]
        self.touched[run_id] = run
        return run


def answer(shard: Shard, run_id: str, asker: int, call: int) -> Answer:
    """What an attempt is told of something that it asked for."""
    effect = shard.runs[run_id].effects[asker]
    told = effect.calls[call]
    return Answer(run_id, asker, effect.token, told.number, told.output, told.error, effect.deadline_at)


def perform(shard: Shard, run: Run, effect: Effect, *, again: bool = False) -> Perform:
    """The order for the effect's current attempt; `again` where a former hub gave it, too."""
    return Perform(
        run.id, effect.task, effect.id, effect.attempt, effect.token, shard.epoch, effect.kind, effect.agent,
        effect.digest, effect.capability, effect.input, effect.delivery, effect.deadline_at,
        effect.heartbeat_ms, effect.key or f"{run.id}/{effect.id}",
        f"00-{trace_id(run.id, run.tree, run.trace)}-{effect.token:016x}-01", run.secrets,
        effect.reach, again, run.tenant, run.priority,
    )  # fmt: skip
