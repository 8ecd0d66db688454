"""`call: plan`: what an agent planned is looked at, recorded, shown to people if it must be, and run."""

from __future__ import annotations

import msgspec

from podium.facts import events as e
from podium.facts.identity import child_run_id_of
from podium.facts.secrets import inert
from podium.facts.values import JSON, Error, Problem, standard_error
from podium.kernel.arguments import Arguments, Faulted, Waiting
from podium.kernel.bounds import excess
from podium.kernel.ceilings import ceiling_of
from podium.kernel.consenting import terms_of
from podium.kernel.flow import Entry
from podium.kernel.foreseeing import foreseen
from podium.kernel.nesting import begin_child, check_room
from podium.kernel.requests import request
from podium.kernel.settling import fail
from podium.kernel.starting import run_started
from podium.kernel.state import Effect
from podium.kernel.step import Step
from podium.planning.vetting import tasks_of, vet
from podium.workflow.plan_terms import CallPlan
from podium.workflow.planned import as_document, compile_plan, digest_of_plan
from podium.workflow.program import CallAgent, Expression, Program

DOCUMENT_BYTES_MAX = 128 * 1024
"""A plan is no larger, written as JSON."""
EXPRESSIONS_MAX = 100
"""It has no more expressions than this that only jq can check."""
PROBLEMS_MAX = 5
"""So many of the reasons why it is refused are told."""

_encode = msgspec.json.Encoder().encode


def request_plan(step: Step, entry: Entry) -> None:
    """Let what was planned begin.

    Raises:
        Faulted: it is refused.
        Waiting: as evaluation does.
    """
    call, reference, run = entry.node.detail, entry.node.reference, step.run
    assert isinstance(call, CallPlan)
    check_room(step, f"a plan of {call.planner}", True, reference)
    document, problems = _document(step, entry.data)
    digest = digest_of_plan(document)
    program = None
    if not problems:
        program, problems = compile_plan(document, digest, lambda programs: _check(step, programs))
    if program is not None:
        problems = _problems(step, call, program)
    if problems or program is None:
        raise Faulted(_refusal(call, reference, problems))
    given = inert(_given(step, entry, call))
    child = child_run_id_of(run.id, run.effect_last + 1)
    count = len(tasks_of(program))
    request(
        step, entry, {"document": document, "input": given}, child, 0,
        kind="workflow", agent=program.label, digest=digest,
        reason=f"waits for it: {count} task{'' if count == 1 else 's'} that {call.planner} planned",
        consent=terms_of(step, call, reference) if call.asks else None,
    )  # fmt: skip
    effect = run.effects.get(run.effect_last)
    if effect is not None and effect.status == "nested":
        _begin(step, effect, call)


def begin_below(step: Step, effect: Effect) -> None:
    """Start the run that stands for an effect which had to wait until now."""
    call = step.node(step.run.frames[effect.frame]).detail
    if not isinstance(call, CallPlan):
        begin_child(step, effect)
        return
    # Whoever was there to do it, and what policy lets pass, may have changed meanwhile.
    problems = _problems(step, call, step.view.planned(effect.digest, effect.input["document"]))
    if problems:
        fail(step, effect, _refusal(call, effect.task, problems))
    else:
        _begin(step, effect, call)


def end_plan(step: Step) -> None:
    """End the run of a plan that does more than its caller allows."""
    title = f"the plan took more than {step.run.steps_max} steps"
    error = standard_error("runtime", "/", title, "allow more by `limits.steps`, or let it do less")
    step.emit(e.RunFaulted(task="/"), e.RunFaultedBody(error))


def _begin(step: Step, effect: Effect, call: CallPlan) -> None:
    run, asked = step.run, effect.input
    program = step.view.planned(effect.digest, asked["document"])
    ceilings = run.ceilings
    if call.limits.money_nano >= 0:
        ceilings += (ceiling_of(run, effect.key, call.limits.money_nano),)
    started = run_started(
        step.shard, program, effect.digest, principal=run.principal, parent=run.id,
        parent_task=effect.task, parent_effect=effect.id, root=run.root or run.id, depth=run.depth + 1,
        tree=run.tree or run.id, labels=run.data_labels, subject=run.subject, planned=True,
        trace=run.trace, steps_max=call.limits.steps, ceilings=ceilings,
        tenant=run.tenant, priority=run.priority,
    )  # fmt: skip
    body = e.RunStartedBody(asked["input"], document=asked["document"])
    step.out.start(step.shard, effect.key, started, body)


# --- what was planned -------------------------------------------------------------------------------


def _document(step: Step, answer: JSON) -> tuple[dict[str, JSON], list[Problem]]:
    """The document of an answer, if it is one, and no larger than it may be."""
    too_much = excess(answer)
    if not too_much and len(_encode(answer)) > DOCUMENT_BYTES_MAX:
        too_much = f"more than {DOCUMENT_BYTES_MAX} bytes"
    if too_much:
        return {}, [Problem("too-large", "", f"The plan has {too_much}.")]
    return as_document(inert(answer), step.program)


def _given(step: Step, entry: Entry, call: CallPlan) -> JSON:
    """What the plan gets: what its planner says, else what that was given itself."""
    if isinstance(entry.data, dict) and "workflow" in entry.data and "input" in entry.data:
        return entry.data["input"]
    node = step.program.nodes[call.asked]
    assert isinstance(node.detail, CallAgent)
    given = entry.parent.input
    if node.detail.input is None:
        return given
    was = entry.arguments
    arguments = Arguments(
        step.run, step.program, node, was.variables, was.entered_at, given, given, around=was.around
    )
    return step.evaluation.value(node.detail.input, given, arguments, entry.node.reference)


def _problems(step: Step, call: CallPlan, program: Program) -> list[Problem]:
    """Why a plan cannot be run, as things are now."""
    return vet(program, call, step.view.declarations()) or foreseen(step, program)


def _refusal(call: CallPlan, reference: str, problems: list[Problem]) -> Error:
    told = [f"{one.rule} at {one.path or '/'}: {one.message}" for one in problems[:PROBLEMS_MAX]]
    if len(problems) > PROBLEMS_MAX:
        told.append(f"and {len(problems) - PROBLEMS_MAX} more")
    return standard_error("validation", reference, f"the plan of {call.planner} is refused", "\n".join(told))


def _check(step: Step, programs: list[str]) -> list[str | None]:
    """What is wrong with jq programs; where they are asked about they are compiled, and not run.

    Raises:
        Waiting: the answers are not there yet.
    """
    if len(programs) > EXPRESSIONS_MAX:
        return [f"a plan has no more than {EXPRESSIONS_MAX} that are not plain"] * len(programs)
    # Whatever has to wait starts over: one question where nothing is wrong, and one for each only then.
    if _fault(step, "[" + ",".join(f"(\n{program}\n)" for program in programs) + "]") is None:
        return [None] * len(programs)
    found: list[str | None] = []
    waiting = False
    for program in programs:
        try:
            found.append(_fault(step, program))
        except Waiting:
            waiting = True
    if waiting:
        raise Waiting
    return found


def _fault(step: Step, program: str) -> str | None:
    """What is wrong with a jq program; None if nothing is. Raises Waiting."""
    asked = Expression(program, f"if false then (\n{program}\n) else true end")
    try:
        step.evaluation.value(
            asked, None, Arguments(step.run, step.program, step.program.nodes[0], {}, 0, None), "/"
        )
    except Faulted as faulted:
        return faulted.error.detail or faulted.error.title
    return None
