"""One input being decided for one run: what every transition needs, in one place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from podium.facts.approvals import Terms
from podium.facts.catalog import AgentVersion, Exclusive, ToolVersion, WorkflowVersion
from podium.facts.events import Body, Event, Record
from podium.facts.policy import Decision
from podium.facts.values import JSON, standard_error
from podium.kernel.arguments import Arguments, Evaluation, Faulted
from podium.kernel.catalog import Check
from podium.kernel.evolve import raw_input, variables_for
from podium.kernel.outcome import Outcome
from podium.kernel.routing import Route
from podium.kernel.state import SLOTTED, TASK_OVER, Frame, Run, Shard
from podium.kernel.timetables import Timetable
from podium.planning.declarations import Declarations
from podium.policy.deciding import PolicySet
from podium.workflow.durations import milliseconds
from podium.workflow.planned import ERASED
from podium.workflow.program import CallAgent, Duration, Expression, Node, Program, Schema
from podium.workflow.targets import END, EXIT

_encode = msgspec.json.Encoder(order="deterministic").encode


class View(Protocol):
    """What the kernel may look at outside its state; frozen while it decides. `Catalog` is one."""

    revision: int
    agents: dict[str, AgentVersion]
    digest_key: bytes
    policies: PolicySet | None
    usual: dict[str, Decision]
    exclusives: dict[str, Exclusive]
    fleet: dict[str, int]
    queue_max: int

    def current(self, kind: str, name: str) -> str: ...
    def program(self, digest: str) -> Program: ...
    def planned(self, digest: str, document: dict[str, JSON]) -> Program: ...
    @property
    def workflows(self) -> Mapping[str, WorkflowVersion]: ...
    def declarations(self) -> Declarations: ...
    def route(self, call: CallAgent, load: Any, avoided: Any = ...) -> Route | str: ...
    def routes(self, call: CallAgent, load: Any, count: int, avoided: Any = ...) -> list[Route] | str: ...
    def candidates(self, capability: str) -> Sequence[tuple[str, AgentVersion]]: ...
    def limit(self, digest: str) -> int: ...
    def contract(self, digest: str, capability: str) -> tuple[Check, Check]: ...
    @property
    def tools(self) -> Mapping[str, ToolVersion]: ...
    def noticed(self, digest: str, reason: str) -> str: ...
    def related_arguments(self, digest: str, field: str) -> Expression | None: ...
    def terms(self, tier: str, now: int) -> Terms | None: ...
    @property
    def schedules(self) -> Mapping[str, Timetable]: ...


def program_of(view: View, run: Run) -> Program:
    """What a run does: as it was declared, or planned."""
    if not run.planned:
        return view.program(run.digest)
    return ERASED if run.document is None else view.planned(run.digest, run.document)


class Step:
    """A run, its program, and the means to evaluate and to emit."""

    __slots__ = ("evaluation", "out", "program", "run", "shard", "view")

    def __init__(self, shard: Shard, run: Run, view: View, out: Outcome) -> None:
        self.shard, self.run, self.view, self.out = shard, run, view, out
        self.program = program_of(view, run)
        self.evaluation = Evaluation(shard, run, out)

    def emit(self, event: Event, body: Body | None = None) -> Record:
        return self.out.emit(self.shard, self.run, event, body)

    def node(self, frame: Frame) -> Node:
        return self.program.nodes[frame.node]

    def arguments(self, frame: Frame, node: Node) -> Arguments:
        """The arguments of a task that has a frame."""
        if frame.parent:
            parent = self.run.frames[frame.parent]
            raw, variables = raw_input(parent, frame.slot), variables_for(parent, frame.slot)
        else:
            raw, variables = frame.input, frame.variables
        return Arguments(
            self.run, self.program, node, variables, frame.entered_at, raw, frame.input, around=frame.parent
        )

    def duration(self, duration: Duration, data: JSON, arguments: Arguments, instance: str) -> int:
        """A time span in ms. Raises Faulted where an expression does not give one."""
        if duration.expression is None:
            return duration.ms
        value = self.evaluation.value(duration.expression, data, arguments, instance)
        try:
            return milliseconds(value)
        except ValueError as error:
            raise Faulted(standard_error("expression", instance, "not a duration", str(error))) from None


def check_schema(schema: Schema | None, value: JSON, instance: str, what: str) -> None:
    """Raise Faulted with a validation error where `value` does not keep the schema."""
    if schema is None:
        return
    breaches = schema.check(value)
    if breaches:
        raise Faulted(validation_error(instance, f"{what} does not keep its schema", breaches))


def validation_error(instance: str, title: str, breaches: list[Any]) -> Any:
    """A standard validation error that lists the first breaches."""
    detail = "; ".join(f"{breach.path or '/'}: {breach.message}" for breach in breaches[:5])
    return standard_error("validation", instance, title, detail)


def text_of(value: JSON) -> str:
    """A value as text: texts as they are, anything else as JSON."""
    return value if isinstance(value, str) else _encode(value).decode()


def following(parent: Frame, node: Node, slot: int, target: int, scope: int) -> int:
    """Where the parent goes on after a child, as `TaskCompleted.next` wants it.

    Args:
        target: the child's (or the chosen case's) target.
        scope: number of children of the parent's scope.
    """
    if parent.kind == "extended":
        return -10 - target if target < EXIT else TASK_OVER + target - EXIT
    if target == END:
        return END
    if parent.kind in SLOTTED or parent.spread is not None:
        return slot
    if target != EXIT:
        return target
    return scope + 1 if parent.kind == "before" else scope
