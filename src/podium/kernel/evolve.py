"""Fold one record into the state. The only code that changes it; replay runs this alone.

Everything an event says is taken as it stands: no expression, no clock and no catalog is looked at, so what
was decided stays decided, whatever release reads the log.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import to_builtins

from podium.facts import events as e
from podium.facts.events import Record
from podium.facts.lifecycles import EFFECT, RUN
from podium.facts.values import JSON
from podium.kernel import asked, doubts, undone
from podium.kernel.governed import GOVERNED, ask, enqueue, hold_back, join_labels, let_go, remember
from podium.kernel.leaving import drop_asked, drop_effect, leave, leave_line, release
from podium.kernel.own_events import fold_own
from podium.kernel.recovered import RECOVERED
from podium.kernel.shared import SHARED, tear
from podium.kernel.state import (
    EVENTS_BUFFERED_MAX,
    GRACE_MS,
    ROOT,
    STANDING,
    Buffered,
    Effect,
    Frame,
    Run,
    Shard,
    goes_on,
)
from podium.workflow.targets import AFTER_OVER, BEFORE_OVER


def evolve(shard: Shard, record: Record) -> None:
    """Fold `record` in. Its seq must be the next one.

    Raises:
        AssertionError, KeyError: the log and this code disagree; the shard must stop.
    """
    assert record.seq == shard.seq + 1, f"record {record.seq} after {shard.seq}"
    shard.seq = record.seq
    if record.at > shard.now:
        shard.now = record.at
    event = record.event
    kind = type(event)
    if kind is e.RunStarted:
        run = _run_started(shard, record)
    elif record.run_id:
        run = shard.runs[record.run_id]
        _RUN_EVENTS[kind](shard, run, event, record.body, record)
    else:
        fold_own(shard, record)
        return
    if shard.dropped:
        event.torn = tuple(shard.dropped)
        shard.dropped.clear()
        tear(shard, record, event)
    shared = SHARED.get(kind)
    if shared is not None:
        shared(shard, record, event)
    assert event.previous == run.seq, f"record {record.seq} does not follow {run.seq} of its run"
    run.ordinal = event.ordinal
    run.seq = record.seq


def raw_input(frame: Frame, slot: int = 0) -> JSON:
    """What a child of this frame gets as its raw input. `slot` is the child's."""
    if frame.kind in _PASSES_ON:
        return frame.data
    if frame.spread is not None and frame.spread.fed:
        return frame.items[slot] if frame.items is not None else None
    return frame.input


def variables_for(frame: Frame, slot: int) -> dict[str, JSON]:
    """The variables that a child of this frame sees beside the standard arguments."""
    spread = frame.spread
    if spread is None or not spread.each or frame.items is None:
        return frame.variables
    return {**frame.variables, spread.each: frame.items[slot], spread.place: slot}


_PASSES_ON = frozenset({"do", "for", "foreach", "listen", "before", "extended"})


def read_event(form: str, event: Any) -> JSON:
    """What a listen gives of an event: the whole envelope, or its data; raw ones are as they came."""
    return event if form == "envelope" else event.get("data", event.get("data_base64"))


# --- runs -------------------------------------------------------------------------------------------


def _run_started(shard: Shard, record: Record) -> Run:
    event, body = record.event, record.body or e.RunStartedBody()
    assert isinstance(event, e.RunStarted) and isinstance(body, e.RunStartedBody)
    assert record.run_id not in shard.runs
    run = Run(
        record.run_id, event.workflow, event.digest,
        RUN["", "RunStarted/waits" if event.waits else "RunStarted"], event.key, event.principal,
        body.submitted, body.input, body.labels, ready={ROOT: None}, frame_last=ROOT, started_at=record.at,
        deadline_at=event.deadline_at, secrets=event.secrets, parent=event.parent,
        parent_task=event.parent_task, parent_effect=event.parent_effect, root=event.root, depth=event.depth,
        tree=event.tree, data_labels=event.labels, subject=event.subject, planned=event.planned,
        document=body.document, steps_max=event.steps_max, ceilings=event.ceilings, trace=event.trace,
        tenant=event.tenant, priority=event.priority,
    )  # fmt: skip
    phase = "prepare" if event.prepares else ""
    run.frames[ROOT] = Frame(
        ROOT, 0, 0, "do", "/do", body.input, body.input, phase=phase, entered_at=record.at
    )
    shard.runs[run.id] = run
    if event.parent:
        shard.kin.append(("begun", run.id))
        if event.root:
            shard.relate(event.root, 1)
    if event.deadline_at:
        shard.wake(run.id, event.deadline_at)
    return run


def _run_admitted(shard: Shard, run: Run, event: Any, body: Any, record: Record) -> None:
    _move(run, event)
    run.deadline_at = event.deadline_at
    run.frames[ROOT].entered_at = record.at
    if event.deadline_at:
        shard.wake(run.id, event.deadline_at)


def _move(run: Run, event: e.Event) -> None:
    run.status = RUN[run.status, type(event).__name__]


def _end(shard: Shard, run: Run, record: Record) -> None:
    _move(run, record.event)
    for effect in list(run.effects.values()):
        if not effect.asker and effect.id in run.effects:
            drop_effect(shard, run, effect)
    run.frames = {}
    run.ready = {}
    run.buffer = []
    run.seen = []
    run.undos = {}
    run.input = None
    run.context = None
    run.ended_at = record.at
    shard.listeners.pop(run.id, None)
    shard.timer_of.pop(run.id, None)
    shard.graphs.pop(run.id, None)
    if run.root:
        shard.kin.append(("ended", run.id))
        shard.relate(run.root, -1)


def _run_completed(shard: Shard, run: Run, event: Any, body: Any, record: Record) -> None:
    run.output = run.frames[ROOT].data if event.same else body and body.output
    _end(shard, run, record)


def _run_faulted(shard: Shard, run: Run, event: Any, body: Any, record: Record) -> None:
    run.error = body and body.error
    _end(shard, run, record)


def _run_cancelled(shard: Shard, run: Run, event: Any, body: Any, record: Record) -> None:
    _end(shard, run, record)


def _run_suspended(shard: Shard, run: Run, event: Any, body: Any, record: Record) -> None:
    _move(run, event)


def _run_resumed(shard: Shard, run: Run, event: Any, body: Any, record: Record) -> None:
    _move(run, event)
    for effect in run.effects.values():
        if effect.status == "queued":
            enqueue(shard, run, effect)


# --- tasks ------------------------------------------------------------------------------------------


def _enter(shard: Shard, run: Run, event: Any, kind: str, data: JSON, at: int) -> Frame:
    """Make the frame of a task that starts, and hold its parent until the task ends."""
    parent = run.frames[event.parent]
    frame = Frame(
        event.frame, event.parent, event.node, kind, event.task, data, data,
        parent.variables if parent.spread is None else variables_for(parent, event.slot),
        slot=event.slot, entered_at=at,
    )  # fmt: skip
    run.frames[event.frame] = frame
    run.frame_last = event.frame
    parent.open += 1
    if parent.kind in STANDING:
        parent.cursor = event.slot + 1
    elif parent.spread is not None:
        parent.cursor = event.slot + 1
        _look_again(run, parent)
    elif parent.kind == "compensate":
        _begin_undo(run, parent, event.slot)
    else:
        del run.ready[parent.id]
    return frame


def _begin_undo(run: Run, parent: Frame, effect: int) -> None:
    parent.phase = "asked" if parent.phase == "failed" else "undoing"
    parent.cursor = effect
    run.undos[effect].by = parent.id
    del run.ready[parent.id]


def _look_again(run: Run, frame: Frame) -> None:
    """Let a frame that runs a task many times go on if it can."""
    assert frame.spread is not None
    if goes_on(frame, frame.spread):
        run.ready[frame.id] = None
    else:
        run.ready.pop(frame.id, None)


def _task_started(shard: Shard, run: Run, event: Any, body: Any, record: Record) -> None:
    if event.frame == ROOT:
        root = run.frames[ROOT]
        root.phase = ""
        root.input = root.data = body and body.input
        return
    data = raw_input(run.frames[event.parent], event.slot) if event.same else body and body.input
    frame = _enter(shard, run, event, event.kind, data, record.at)
    frame.spread = event.spread
    if event.bare:
        frame.phase = "bare"
    frame.wake_at = event.wake_at
    frame.deadline_at = event.deadline_at
    if body is not None:
        if body.variables:
            frame.variables = {**frame.variables, **body.variables}
        frame.items = body.items
        frame.why = body.why
    if event.kind == "listen":
        shard.listeners[run.id] = shard.listeners.get(run.id, 0) + 1
        if frame.items is not None:
            frame.items = []  # it grows, and the record's must not
        if run.buffer:
            run.ready[frame.id] = None
    elif event.kind != "wait":
        run.ready[frame.id] = None
    at = min(filter(None, (event.wake_at, event.deadline_at)), default=0)
    if at:
        shard.wake(run.id, at)


def _complete(shard: Shard, run: Run, parent: Frame, output: JSON, following: int) -> None:
    """Give a finished child's output to its parent and let the parent go on."""
    if following < 0:
        run.frames[ROOT].data = output
        run.ending = True
        run.ready[ROOT] = None
        return
    if parent.kind == "do" or parent.kind == "before":
        parent.data = output
        parent.cursor = following
    elif parent.kind == "for":
        parent.data = output
        parent.cursor += 1
    elif parent.kind == "try":
        parent.data = output
        parent.phase = "caught" if parent.phase == "catch" else "done"
    elif parent.kind == "foreach":
        parent.data = output
        parent.cursor = following
    elif parent.kind == "listen":
        parent.data = None
        parent.cursor += 1
        if parent.items is not None:
            parent.items.append(output)
        parent.phase = "done" if following else ""
    elif parent.kind == "extended":
        _complete_part(parent, output, following)
    elif parent.kind == "agent":
        asked.reconsidered(run.effects[following], output)
    elif parent.kind == "compensate":
        parent.data = output
        parent.cursor = following
        parent.phase = "answered" if parent.phase == "asked" else "undone"
    else:
        assert parent.kind in STANDING or parent.spread is not None, parent.kind
        parent.outputs[following] = output
        parent.cursor = max(parent.cursor, following + 1)
        if parent.spread is not None:
            _look_again(run, parent)
            return
    run.ready[parent.id] = None


def _complete_part(frame: Frame, output: JSON, following: int) -> None:
    """Take in the end of a task with an extension, or of what that does before or after."""
    if following == -10 - AFTER_OVER:
        frame.phase = "over"
        return
    frame.cursor = following
    if following != -10 - BEFORE_OVER:
        frame.data = output


def _task_completed(shard: Shard, run: Run, event: Any, body: Any, record: Record) -> None:
    parent = run.frames[event.parent]
    output = raw_input(parent, event.next) if event.same else body and body.output
    if event.exported:
        run.context = body and body.context
    if event.frame:
        leave(shard, run, run.frames[event.frame])
        parent.open -= 1
    _complete(shard, run, parent, output, event.next)


def _task_faulted(shard: Shard, run: Run, event: Any, body: Any, record: Record) -> None:
    catcher = run.frames[event.catcher]
    leave_line(shard, run, catcher, event.frame or event.parent)
    catcher.error = body and body.error
    if event.retry_at:
        catcher.phase = "backoff"
        catcher.tries += 1
        catcher.wake_at = event.retry_at
        run.ready.pop(catcher.id, None)
        shard.wake(run.id, event.retry_at)
    else:
        catcher.phase = "catch"
        run.ready[catcher.id] = None


def _item_failed(shard: Shard, run: Run, event: Any, body: Any, record: Record) -> None:
    frame = run.frames[event.frame]
    spread = frame.spread
    assert spread is not None
    if event.child:
        child = run.frames[event.child]
        leave_line(shard, run, child, event.origin)
        leave(shard, run, child)
        frame.open -= 1
    frame.cursor = max(frame.cursor, event.slot + 1)
    frame.tries += 1
    frame.error = body and body.error
    if not spread.quorum:
        frame.outputs[event.slot] = {"error": to_builtins(frame.error)}
    _look_again(run, frame)


def _task_resumed(shard: Shard, run: Run, event: Any, body: Any, record: Record) -> None:
    frame = run.frames[event.frame]
    assert frame.phase == "backoff"
    frame.phase = ""
    frame.wake_at = 0
    run.ready[frame.id] = None


# --- effects ----------------------------------------------------------------------------------------


def _effect_requested(shard: Shard, run: Run, event: Any, body: Any, record: Record) -> None:
    kind = event.kind
    data = raw_input(run.frames[event.parent], event.slot) if event.same else body and body.data
    if event.asker:
        frame = run.frames[event.frame]
    else:
        frame = _enter(shard, run, event, kind, data, record.at)
        frame.effect = event.effect
    run.effect_last = event.effect
    effect = Effect(
        event.effect, event.frame, event.task, kind, "", event.agent, event.digest, event.capability,
        (body and body.input) if event.given else data, event.delivery, event.key, requested_at=record.at,
        heartbeat_ms=event.heartbeat_ms,
    )  # fmt: skip
    run.effects[effect.id] = effect
    if event.asker:
        asked.requested(shard, run, effect, event, body, record.at)
    if event.task_deadline_at:
        frame.deadline_at = event.task_deadline_at
        shard.wake(run.id, event.task_deadline_at)
    if event.reserved is not None:
        remember(run, effect, event.reserved, record.at)
    if event.started:
        effect.status = EFFECT["", "EffectRequested/started"]
        _start(shard, run, effect, record.seq, event)
    elif event.verdict != "allow":
        effect.status = EFFECT["", f"EffectRequested/{event.verdict}"]
        hold_back(shard, run, effect, event, body, record.at)
    elif kind == "human":
        effect.status = EFFECT["", "EffectRequested/human"]
        ask(shard, run, effect, event, record.at)
    elif kind == "guard":
        effect.status = EFFECT["", "EffectRequested/guard"]
    elif kind == "workflow":
        effect.status = EFFECT["", "EffectRequested/workflow"]
        run.children += 1
    else:
        effect.status = EFFECT["", "EffectRequested"]
        enqueue(shard, run, effect)


def _start(shard: Shard, run: Run, effect: Effect, token: int, event: Any) -> None:
    effect.attempt += 1
    effect.token, effect.unbegun = token, event.confirms
    effect.retry_at = 0
    effect.deadline_at = event.deadline_at
    shard.occupy(run, effect.digest)
    if event.deadline_at:
        shard.wake(run.id, event.deadline_at + GRACE_MS)


def _attempt_started(shard: Shard, run: Run, event: Any, body: Any, record: Record) -> None:
    effect = run.effects[event.effect]
    effect.status = EFFECT[effect.status, "AttemptStarted"]
    if effect.verdict or effect.granted:
        let_go(effect)
    if event.reserved is not None:
        remember(run, effect, event.reserved, record.at)
    _start(shard, run, effect, record.seq, event)
    assert effect.attempt == event.attempt


def _attempt_failed(shard: Shard, run: Run, event: Any, body: Any, record: Record) -> None:
    effect = run.effects[event.effect]
    effect.status = EFFECT[effect.status, "AttemptFailed"]
    release(shard, run, effect)
    if event.status in ("lost", "returned"):
        effect.losses += 1
    else:
        effect.failures += 1
        asked.forget_failures(effect)
    effect.cost_nano += event.cost_nano
    run.cost_nano += event.cost_nano
    effect.retry_at = event.retry_at
    shard.wake(run.id, event.retry_at)


def _effect_settled(shard: Shard, run: Run, event: Any, body: Any, record: Record) -> None:
    effect = run.effects.pop(event.effect)
    EFFECT[effect.status, "EffectSettled"]
    if effect.status in ("running", "asking"):
        release(shard, run, effect)
    elif effect.status == "nested":
        run.children -= 1
    run.cost_nano += event.cost_nano
    if effect.proofs and event.status == "succeeded":
        run.marks = {**run.marks, **dict.fromkeys(effect.proofs, record.at)}
    if event.labels:
        run.data_labels = join_labels(run.data_labels, event.labels)
    frame = run.frames[effect.frame]
    if effect.calls:
        drop_asked(shard, run, effect)
    if event.undo:
        undone.register(run, frame, effect, body, own=not event.undo.startswith("/"))
    if effect.asker:
        asked.settled(shard, run, effect, event, body, record.at)
        asked.look_again(run, frame)
        return
    frame.effect = 0
    if not event.completes:
        if event.status == "succeeded":
            frame.phase, frame.data = "settled", body and body.output
        else:
            frame.phase, frame.error = "faulted", body and body.error
        run.ready[frame.id] = None
        return
    if event.exported:
        run.context = body and body.context
    parent = run.frames[frame.parent]
    del run.frames[frame.id]
    run.ready.pop(frame.id, None)
    parent.open -= 1
    output = body and (body.result if event.transformed else body.output)
    _complete(shard, run, parent, output, event.next)


def _effect_in_doubt(shard: Shard, run: Run, event: Any, body: Any, record: Record) -> None:
    effect = run.effects[event.effect]
    effect.status = EFFECT[effect.status, "EffectInDoubt"]
    release(shard, run, effect)
    doubts.doubt(shard, run, effect, event, record.at)


def _effect_resolved(shard: Shard, run: Run, event: Any, body: Any, record: Record) -> None:
    effect = run.effects[event.effect]
    effect.status = EFFECT[effect.status, f"EffectResolved/{event.verdict}"]
    doubts.resolved(shard, run, effect)
    if effect.status == "queued":
        enqueue(shard, run, effect)


def _stale_reply(shard: Shard, run: Run, event: Any, body: Any, record: Record) -> None:
    """Kept for the record; nothing changes."""


# --- events from outside ----------------------------------------------------------------------------


def _event_received(shard: Shard, run: Run, event: Any, body: Any, record: Record) -> None:
    if event.labels:
        run.data_labels = join_labels(run.data_labels, event.labels)
    if event.id:
        run.seen.append(f"{event.source} {event.id}")
        if len(run.seen) > EVENTS_BUFFERED_MAX:
            del run.seen[0]
    content = body.event if body else {}
    if event.frame:
        _consume(run, event, content, body)
    else:
        run.buffer.append(Buffered(content, event.fleeting, run.frame_last if event.fleeting else 0))
        for frame in run.frames.values():
            if frame.kind == "listen":
                run.ready[frame.id] = None


def _event_consumed(shard: Shard, run: Run, event: Any, body: Any, record: Record) -> None:
    taken = run.buffer.pop(event.index)
    if event.frame:
        _consume(run, event, taken.event, body)


def _consume(run: Run, event: Any, content: JSON, body: Any) -> None:
    frame = run.frames[event.frame]
    run.ready[frame.id] = None
    if body and body.keys:
        frame.keys = {**frame.keys, **body.keys}
    if not event.use:
        frame.outputs[event.slot] = content
        return
    frame.outputs[event.slot] = None
    if event.use == "each":
        frame.data = read_event(event.read, content)
        frame.phase = "last" if event.last else "each"
        return
    if event.use == "given" and frame.items is not None:
        frame.items.append(read_event(event.read, content))
    if event.last:
        frame.phase = "done"


_RUN_EVENTS: dict[type[e.Event], Callable[[Shard, Run, Any, Any, Record], None]] = {
    e.TaskStarted: _task_started,
    e.TaskCompleted: _task_completed,
    e.TaskFaulted: _task_faulted,
    e.ItemFailed: _item_failed,
    e.TaskResumed: _task_resumed,
    e.EffectRequested: _effect_requested,
    e.AttemptStarted: _attempt_started,
    e.AttemptFailed: _attempt_failed,
    e.EffectSettled: _effect_settled,
    e.EffectInDoubt: _effect_in_doubt,
    e.EffectProbed: doubts.probed,
    e.EffectResolved: _effect_resolved,
    **GOVERNED,
    **RECOVERED,
    **asked.ASKED,
    **undone.UNDONE,
    e.StaleReply: _stale_reply,
    e.EventReceived: _event_received,
    e.EventConsumed: _event_consumed,
    e.RunAdmitted: _run_admitted,
    e.RunSuspended: _run_suspended,
    e.RunResumed: _run_resumed,
    e.RunCompleted: _run_completed,
    e.RunFaulted: _run_faulted,
    e.RunCancelled: _run_cancelled,
}
