"""`run: workflow`: a task that is another run, the child of the one it stands in."""

from __future__ import annotations

from podium.facts import events as e
from podium.facts.identity import child_run_id_of
from podium.facts.secrets import inert
from podium.facts.values import JSON, Error, standard_error
from podium.kernel.arguments import Faulted
from podium.kernel.claiming import CONFLICT, Wanted, above, supersede, wanted
from podium.kernel.flow import Entry
from podium.kernel.requests import request
from podium.kernel.settling import fail, settle
from podium.kernel.starting import run_started
from podium.kernel.state import Effect
from podium.kernel.step import Step, check_schema
from podium.workflow.program import Program, RunWorkflow

NESTING_MAX = 100
"""So many runs may be above a run. A workflow that runs itself ends there."""

FAMILY_MAX = 10_000
"""So many unfinished runs may be below one at the top: each may begin several."""


def request_workflow(step: Step, entry: Entry) -> None:
    """Start another run, and unless it is waited for go on at once.

    Raises:
        Faulted: no such workflow, an input that it does not take, or too many runs.
        Waiting: as evaluation does.
    """
    nested, reference = entry.node.detail, entry.node.reference
    assert isinstance(nested, RunWorkflow)
    run, view = step.run, step.view
    digest = view.current("Workflow", nested.workflow)
    if not digest:
        title = f"no workflow is named {nested.workflow}"
        raise Faulted(standard_error("configuration", reference, title, "apply it"))
    check_room(step, nested.workflow, nested.awaits, reference)
    given = entry.data
    if nested.input is not None:
        given = step.evaluation.value(nested.input, entry.data, entry.arguments, reference)
    program = view.program(digest)
    if program.secrets:
        given = inert(given)
    check_schema(program.input_schema, given, reference, f"the input of {program.label}")
    child = child_run_id_of(run.id, run.effect_last + 1)
    request(
        step, entry, given, child, 0,
        kind="workflow", agent=program.label, digest=digest,
        reason="waits for it" if nested.awaits else "goes on without it",
    )  # fmt: skip
    effect = run.effects.get(run.effect_last)
    if effect is not None and effect.status == "nested":
        begin_child(step, effect)


def begin_child(step: Step, effect: Effect) -> None:
    """Start the run that stands for an effect."""
    run, frame = step.run, step.run.frames[effect.frame]
    nested = step.node(frame).detail
    assert isinstance(nested, RunWorkflow)
    given, program = effect.input, step.view.program(effect.digest)
    found = wanted(step.shard, step.view, program, given)
    if isinstance(found, str):
        fail(step, effect, standard_error("expression", effect.task, found, "it must be in the input"))
        return
    obstacle = _obstacle(step, program, found)
    if obstacle:
        detail = f"{program.label} may be at work on the same {_times(program)} at once"
        fail(step, effect, Error(CONFLICT, 409, obstacle, detail, effect.task))
        return
    started = run_started(
        step.shard, program, effect.digest, principal=run.principal, parent=run.id,
        parent_task=effect.task, parent_effect=effect.id, root=(run.root or run.id) if nested.awaits else "",
        depth=run.depth + 1, tree=run.tree or run.id, labels=run.data_labels, subject=run.subject,
        trace=run.trace, claim=found.claim, waits=found.waits, ceilings=run.ceilings,
        tenant=run.tenant, priority=run.priority,
    )  # fmt: skip
    if not nested.awaits:
        settle(step, effect, frame.input, 0, {})
    step.out.start(step.shard, effect.key, started, e.RunStartedBody(given))
    supersede(step.out, program, found, effect.key)


def _obstacle(step: Step, program: Program, found: Wanted) -> str:
    """Why a run below must not even wait for what it has to hold; "" if it may."""
    if not found.waits or program.concurrency is None:
        return ""
    own = above(step.shard, step.run) & set(found.busy)
    if own:
        return f"run {min(own)} waits for what it would start, and holds what that must wait for"
    if program.concurrency.on_conflict in ("reject", "dedupe"):
        return f"run {found.busy[0]} is at work on the same"
    return ""


def _times(program: Program) -> str:
    limit = program.concurrency.limit if program.concurrency is not None else 0
    return "once" if limit == 1 else f"{limit} times"


def check_room(step: Step, workflow: str, awaits: bool, reference: str) -> None:
    """Raise Faulted where a run must have no more runs below it."""
    run = step.run
    if run.depth >= NESTING_MAX:
        title = f"runs are nested more than {NESTING_MAX} deep"
        detail = f"{run.workflow} is the last that may run {workflow}; does a workflow run itself?"
        raise Faulted(standard_error("runtime", reference, title, detail))
    if awaits and step.shard.families.get(run.root or run.id, 0) >= FAMILY_MAX:
        title = f"more than {FAMILY_MAX} runs would be unfinished below one"
        raise Faulted(standard_error("runtime", reference, title, "let fewer run at once"))


def output_of(step: Step, frame: int, output: JSON) -> JSON:
    """What the task of a child gives, which ended with this output."""
    nested = step.node(step.run.frames[frame]).detail
    if isinstance(nested, RunWorkflow) and not nested.gives_output:
        return None
    return inert(output) if step.run.secrets else output
