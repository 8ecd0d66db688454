"""Families: runs that wait for each other. What happens to one has consequences for those above and below."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from podium.facts import events as e
from podium.facts.values import Error, standard_error
from podium.kernel.nesting import output_of
from podium.kernel.outcome import Outcome
from podium.kernel.settling import fail, settle
from podium.kernel.state import Effect, Run, Shard, children_of
from podium.kernel.step import Step, View
from podium.kernel.tasks import advance
from podium.kernel.volatile import Pending

BEGUN_MAX = 100
"""So many runs that were begun go on at once; more do with the next step, so that others get a turn."""


def tend(shard: Shard, view: View, out: Outcome) -> None:
    """See to the runs that were begun, are not waited for any more, or ended, until there are none."""
    begun = 0
    while shard.kin:
        what, run_id = shard.kin.popleft()
        run = shard.runs[run_id]
        if what == "begun":
            begun += 1
            _begin(Step(shard, run, view, out), at_once=begun <= BEGUN_MAX)
        elif what == "orphaned":
            _cancel(shard, run, out)
        else:
            _ended(shard, run, view, out)


def below(shard: Shard, run: Run) -> Iterator[Run]:
    """The unfinished runs that a run waits for, and those that they wait for, parents first."""
    for child in children_of(run):
        yield shard.runs[child]
        yield from below(shard, shard.runs[child])


def _begin(step: Step, *, at_once: bool) -> None:
    run, shard = step.run, step.shard
    if run.status != "running":
        return
    if at_once:
        advance(step)
    else:
        shard.pending.setdefault(run.id, Pending())
        shard.wake(run.id, shard.now)


def _cancel(shard: Shard, run: Run, out: Outcome) -> None:
    if not run.ended:
        body = e.RunCancelledBody("the task that waits for it ended")
        out.emit(shard, run, e.RunCancelled(principal=f"run:{run.parent}"), body)


def _ended(shard: Shard, child: Run, view: View, out: Outcome) -> None:
    """Tell the run that waits for this one how it ended, if it still does."""
    parent = shard.runs.get(child.parent)
    effect = parent.effects.get(child.parent_effect) if parent is not None else None
    if parent is None or effect is None or effect.status != "nested":
        return
    step = Step(shard, parent, view, out)
    if child.status == "completed":
        labels = tuple(one for one in child.data_labels if one not in parent.data_labels)
        output = output_of(step, effect.frame, child.output)
        settle(step, effect, output, child.cost_nano, {}, labels=labels)
    else:
        fail(step, effect, _error(child, effect), child.cost_nano)
    if parent.status == "running":
        advance(step)


def _error(child: Run, effect: Effect) -> Error:
    """The error of a task whose run did not complete: that of the run, raised anew where the task stands."""
    if child.error is not None:
        return msgspec.structs.replace(child.error, instance=effect.task)
    how = "was cancelled" if child.status == "cancelled" else "faulted; why was erased"
    return standard_error("runtime", effect.task, f"the run of {effect.agent} {how}", f"run {child.id}")
