"""Data flow of a task: its input on the way in, its output on the way out."""

from __future__ import annotations

from podium.facts.values import JSON
from podium.kernel.arguments import Arguments
from podium.kernel.state import Frame
from podium.kernel.step import Step, check_schema
from podium.workflow.program import Do, Expression, Node


class Entry:
    """A task about to start: its place, its input, its arguments.

    Attributes:
        own: whether its raw input is what its parent gives to its children.
    """

    __slots__ = ("arguments", "data", "node", "own", "parent", "raw", "slot")

    def __init__(
        self, parent: Frame, node: Node, slot: int, raw: JSON, arguments: Arguments, own: bool = True
    ) -> None:
        self.parent, self.node, self.slot, self.own = parent, node, slot, own
        self.raw = self.data = raw
        self.arguments = arguments

    @property
    def same(self) -> bool:
        return self.data is self.raw and self.own


def holds(step: Step, expression: Expression, data: JSON, arguments: Arguments, reference: str) -> bool:
    """A condition holds unless it gives false or null, as in jq."""
    value = step.evaluation.value(expression, data, arguments, reference)
    return value is not None and value is not False


def deadline(step: Step, node: Node, data: JSON, arguments: Arguments) -> int:
    """When the task's timeout runs out; 0 if it has none."""
    if node.timeout is None:
        return 0
    return step.shard.now + step.duration(node.timeout, data, arguments, node.reference)


def scope_of(step: Step, parent: Frame) -> int:
    """How many children the parent's scope has; 0 where that means nothing."""
    detail = step.node(parent).detail
    return len(detail.children) if isinstance(detail, Do) else 0


def flow_out(step: Step, node: Node, raw_output: JSON, arguments: Arguments) -> tuple[JSON, bool, JSON]:
    """Transform and check what a task gives: (output, whether the context changes, the new context)."""
    output, reference = raw_output, node.reference
    arguments.raw_output = raw_output
    if node.output_as is not None:
        output = step.evaluation.value(node.output_as, raw_output, arguments, reference)
    check_schema(node.output_schema, output, reference, "the output")
    if node.export_as is None:
        return output, False, None
    arguments.output = output
    context = step.evaluation.value(node.export_as, output, arguments, reference)
    check_schema(node.export_schema, context, reference, "what is exported")
    return output, True, context
