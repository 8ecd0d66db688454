"""Expressions meet the state: their arguments, native evaluation, and questions to the evaluator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime

import msgspec

from podium.facts.orders import Evaluate
from podium.facts.secrets import only
from podium.facts.values import JSON, Error, standard_error
from podium.kernel.bounds import excess
from podium.kernel.evolve import raw_input
from podium.kernel.outcome import Outcome
from podium.kernel.state import TASK_OVER, Frame, Run, Shard
from podium.kernel.volatile import Pending
from podium.workflow.program import Expression, ExpressionFailed, Loose, Node, Program, Undecided

_encode = msgspec.json.Encoder().encode
MISSING = object()


class Faulted(Exception):
    """A task cannot go on because of `error`; caught where the task was entered or completed."""

    def __init__(self, error: Error) -> None:
        super().__init__(error.title)
        self.error = error


class Waiting(Exception):
    """The transition needs an answer from the evaluator; it starts over when that is there."""


def iso(at: int) -> str:
    """A kernel time as RFC 3339 text in UTC."""
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Arguments(Mapping[str, JSON]):
    """The arguments of the expressions of one task, made when they are asked for (workflow DSL 1.0.3,
    "Runtime expression arguments").
    """

    __slots__ = (
        "around", "entered_at", "input", "node", "output", "program", "raw", "raw_output", "run", "variables",
    )  # fmt: skip

    def __init__(
        self,
        run: Run,
        program: Program,
        node: Node,
        variables: Mapping[str, JSON],
        entered_at: int,
        raw: JSON,
        input: JSON = MISSING,
        output: JSON = MISSING,
        *,
        around: int = 0,
    ) -> None:
        self.run, self.program, self.node, self.variables = run, program, node, variables
        self.entered_at, self.raw, self.input, self.output = entered_at, raw, input, output
        self.raw_output: JSON = None
        self.around = around

    def __getitem__(self, name: str) -> JSON:
        if name in self.variables:
            return self.variables[name]
        if name == "context":
            return self.run.context
        if name == "input" and self.input is not MISSING:
            return self.input
        if name == "output" and self.output is not MISSING:
            return self.output
        if name == "task":
            return self._task()
        if name == "workflow":
            return self._workflow()
        if name == "runtime":
            return {"name": "podium", "version": "1", "metadata": {}}
        raise KeyError(name)

    def with_variable(self, name: str, value: JSON) -> Arguments:
        """The same arguments and one more."""
        return Arguments(
            self.run, self.program, self.node, {**self.variables, name: value}, self.entered_at, self.raw,
            self.input, self.output, around=self.around,
        )  # fmt: skip

    def _task(self) -> JSON:
        if self.node.extends:
            frame = self.run.frames.get(self.around)
            while frame is not None:
                if frame.node == self.node.extends:
                    return self._extended_task(frame)
                frame = self.run.frames.get(frame.parent)
        return _described(self.node, self.raw, self.raw_output, self.entered_at)

    def _extended_task(self, frame: Frame) -> JSON:
        """The task that extensions are woven around, for itself and for what they do."""
        node = self.program.nodes[frame.node]
        raw = raw_input(self.run.frames[frame.parent], frame.slot)
        output = frame.data if frame.cursor >= TASK_OVER else self.raw_output
        described = _described(node, raw, output, frame.entered_at)
        if self.node.definition is node.definition:
            return described
        return {**node.definition, **described}

    def of_extension(self) -> Arguments:
        """The same for a condition of an extension, which sees the definition's members beside the others."""
        described = _described(self.node, self.raw, None, self.entered_at)
        return self.with_variable("task", {**self.node.definition, **described})

    def _workflow(self) -> JSON:
        return {
            "id": self.run.id, "definition": self.program.document, "input": self.run.input,
            "startedAt": _instant(self.run.started_at),
        }  # fmt: skip

    def __iter__(self) -> Iterator[str]:
        yield from (*self.variables, "context", "input", "output", "task", "workflow", "runtime")

    def __len__(self) -> int:
        return len(self.variables) + 6


def _described(node: Node, raw: JSON, output: JSON, entered_at: int) -> dict[str, JSON]:
    return {
        "name": node.name, "reference": node.reference, "definition": node.definition,
        "input": raw, "output": output, "startedAt": _instant(entered_at),
    }  # fmt: skip


def _instant(at: int) -> JSON:
    return {"iso8601": iso(at), "epoch": {"seconds": at // 1000, "milliseconds": at}}


class Evaluation:
    """Evaluates expressions for one run within one step."""

    __slots__ = ("_out", "_run", "_shard")

    def __init__(self, shard: Shard, run: Run, out: Outcome) -> None:
        self._shard, self._run, self._out = shard, run, out

    def since(self, parent: int, node: int) -> int:
        """The time at which a task began to be entered, in ms: now, unless it had to wait for an answer."""
        pending = self._shard.pending.get(self._run.id)
        return self._shard.now if pending is None else pending.since.pop((parent, node), self._shard.now)

    def waits(self, parent: int, node: int, since: int) -> None:
        """Keep that time until the task can be entered."""
        self._shard.pending[self._run.id].since[parent, node] = since

    def value(self, expression: Expression, data: JSON, arguments: Arguments, instance: str) -> JSON:
        """What the expression gives.

        Raises:
            Faulted: it gives an error.
            Waiting: the evaluator has been asked.
        """
        if expression.native is not None:
            try:
                return _bounded(expression, expression.native(data, arguments), instance)
            except Undecided:
                pass
            except ExpressionFailed as failure:
                raise Faulted(_expression_error(expression, instance, str(failure))) from None
            except KeyError as missing:
                if not expression.loose:
                    raise Faulted(_undefined(expression, instance, missing.args[0])) from None
        if expression.loose:
            known = self._with_loose(expression.loose, data, arguments, instance)
            return self.value(replace(expression, loose=()), data, known, instance)
        try:
            bound = {name: arguments[name] for name in expression.arguments}
        except KeyError as missing:
            raise Faulted(_undefined(expression, instance, missing.args[0])) from None
        return self._ask(expression, _encode({"d": data, "v": bound}), instance)

    def _with_loose(
        self, loose: tuple[Loose, ...], data: JSON, arguments: Arguments, instance: str
    ) -> Arguments:
        """The arguments, and for each text that may be an expression its value, or else the text."""
        known, waiting = arguments, False
        for one in loose:
            value: JSON = one.text
            try:
                value = self.value(one.expression, data, arguments, instance)
            except Faulted:
                pass
            except Waiting:
                waiting = True
            known = known.with_variable(one.argument, value)
        if waiting:
            raise Waiting
        return known

    def _ask(self, expression: Expression, argument: bytes, instance: str) -> JSON:
        pending = self._shard.pending.get(self._run.id)
        if pending is None:
            pending = self._shard.pending[self._run.id] = Pending()
        key = (expression.program, argument)
        answer = pending.answers.get(key)
        if answer is None:
            if key not in pending.asked:
                pending.asked.add(key)
                self._out.queries.append(Evaluate(self._run.id, *key))
            raise Waiting
        value, failure = answer
        if self._run.secrets:
            value, failure = only([value, failure], (argument, expression.program.encode()))
        if failure:
            raise Faulted(_expression_error(expression, instance, failure))
        return _bounded(expression, value, instance)


def _bounded(expression: Expression, value: JSON, instance: str) -> JSON:
    too_much = excess(value)
    if too_much:
        raise Faulted(_expression_error(expression, instance, f"it would have {too_much}"))
    return value


def _undefined(expression: Expression, instance: str, name: str) -> Error:
    return _expression_error(expression, instance, f"${name} is not defined here")


def _expression_error(expression: Expression, instance: str, reason: str) -> Error:
    return standard_error(
        "expression", instance, f"the expression {expression.text[:200]} gave no value", reason[:2000]
    )
