"""Workflows written in Python: typed tasks that make the same documents as YAML does.

    from podium.sdk import flow

    refund = flow.Workflow(
        "support", "refund", "1.0.0",
        flow.Agent("classify", capability="ticket.classify", input={"text": flow.x(".text")}),
        flow.Human("decide", title="Refund?", timeout=timedelta(hours=24)),
    )

`podium run refund.py` runs it, `print(refund.yaml())` shows the document. What the fields mean is in the
reference of the workflow language; what a document may hold is checked when it is declared, as of any other.
"""

# A field and its place in the document are declared in one line: # ruff: noqa: RUF009
from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from typing import Any, ClassVar, Literal, TypeAlias

from podium.facts.values import JSON
from podium.sdk.schemas import Schema, schema_document

__all__ = [
    "Agent",
    "Call",
    "Case",
    "Compensate",
    "Do",
    "Duration",
    "Emit",
    "For",
    "Fork",
    "Graph",
    "Http",
    "Human",
    "Listen",
    "Map",
    "OpenApi",
    "Raise",
    "Run",
    "Set",
    "Switch",
    "Task",
    "Tool",
    "Try",
    "Wait",
    "Workflow",
    "x",
]

Duration: TypeAlias = timedelta | str | Mapping[str, int]
"""A time span: a `timedelta`, ISO 8601 text, `{"seconds": 5}`, or an expression that gives one of these."""


def x(expression: str) -> str:
    """An expression, `x(".ticket.text")`, as documents write it."""
    return f"${{ {expression} }}"


def _at(path: str, default: Any = None) -> Any:
    """A field that stands at a path of the task's definition; None is left out."""
    return field(default=default, metadata={"path": path})


# --- tasks ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Task:
    """What every task may have.

    Attributes:
        name: unique among the tasks beside it.
        if_: an expression; the task is skipped where it does not hold.
        input_schema: what the raw input must keep: a JSON Schema, or a type that pydantic has one for.
        input_from: what the task sees as its input.
        output_as: what becomes of what it gave.
        output_schema: what that must keep.
        export_as: what `$context` becomes.
        export_schema: what that must keep.
        timeout: after so long the task faults; or the name of one of the workflow's timeouts.
        then: `continue`, `exit`, `end`, or the name of a task beside it.
        metadata: has no effect.
    """

    FIXED: ClassVar[Mapping[str, JSON]] = {}

    name: str
    if_: str | None = field(default=None, kw_only=True, metadata={"path": "if"})
    input_schema: Schema | None = field(default=None, kw_only=True, metadata={"path": "input/schema"})
    input_from: JSON = field(default=None, kw_only=True, metadata={"path": "input/from"})
    output_as: JSON = field(default=None, kw_only=True, metadata={"path": "output/as"})
    output_schema: Schema | None = field(default=None, kw_only=True, metadata={"path": "output/schema"})
    export_as: JSON = field(default=None, kw_only=True, metadata={"path": "export/as"})
    export_schema: Schema | None = field(default=None, kw_only=True, metadata={"path": "export/schema"})
    timeout: Duration | None = field(default=None, kw_only=True, metadata={"path": "timeout"})
    then: str | None = field(default=None, kw_only=True, metadata={"path": "then"})
    metadata: Mapping[str, JSON] | None = field(default=None, kw_only=True, metadata={"path": "metadata"})

    def definition(self) -> dict[str, Any]:
        """The task as it stands in a document, without its name."""
        made: dict[str, Any] = {}
        for path, value in self.FIXED.items():
            _put(made, path, value)
        for one in fields(self):
            value = getattr(self, one.name)
            if "path" in one.metadata and value is not None:
                _put(made, one.metadata["path"], _plain(one.metadata["path"], value))
        return made


@dataclass(frozen=True)
class Agent(Task):
    """`call: agent`: an agent of a capability, or one by name (`name` or `name@version`)."""

    FIXED = {"call": "agent"}

    capability: str | None = _at("with/capability")
    agent: str | None = _at("with/agent")
    input: JSON = _at("with/input")
    select: Mapping[str, JSON] | None = _at("with/select")
    idempotency_key: str | None = _at("with/idempotencyKey")
    compensate: Mapping[str, JSON] | None = _at("with/compensate")
    fanout: Mapping[str, JSON] | None = _at("with/fanout")
    reroute: bool | Mapping[str, int] | None = _at("with/reroute")
    on_failure: Literal["fault", "deadLetter"] | None = _at("with/onFailure")


@dataclass(frozen=True)
class Tool(Task):
    """`call: tool`: a declared tool (`name` or `name@version`) with its arguments."""

    FIXED = {"call": "tool"}

    tool: str | None = _at("with/tool")
    args: JSON = _at("with/args")
    idempotency_key: str | None = _at("with/idempotencyKey")
    compensate: Mapping[str, JSON] | None = _at("with/compensate")
    on_failure: Literal["fault", "deadLetter"] | None = _at("with/onFailure")


@dataclass(frozen=True)
class Human(Task):
    """`call: human`: the task waits until a person answers with one of the decisions."""

    FIXED = {"call": "human"}

    title: str | None = _at("with/title")
    description: str | None = _at("with/description")
    decisions: tuple[str, ...] | None = _at("with/decisions")
    form: Mapping[str, JSON] | None = _at("with/form")
    tier: int | None = _at("with/tier")
    roles: tuple[str, ...] | None = _at("with/roles")
    quorum: int | None = _at("with/quorum")
    escalate: Mapping[str, JSON] | None = _at("with/escalate")


@dataclass(frozen=True)
class Policy(Task):
    """`call: policy`: data pass if policy lets them; `check` names policies that must each allow it."""

    FIXED = {"call": "policy"}

    check_name: str | None = _at("with/name")
    check: tuple[str, ...] | None = _at("with/check")
    data: JSON = _at("with/data")


@dataclass(frozen=True)
class Http(Task):
    """`call: http`."""

    FIXED = {"call": "http"}

    method: str | None = _at("with/method")
    endpoint: str | Mapping[str, JSON] | None = _at("with/endpoint")
    headers: Mapping[str, JSON] | str | None = _at("with/headers")
    query: Mapping[str, JSON] | str | None = _at("with/query")
    body: JSON = _at("with/body")
    output: Literal["raw", "content", "response"] | None = _at("with/output")
    redirect: bool | None = _at("with/redirect")
    compensate: Mapping[str, JSON] | None = _at("with/compensate")


@dataclass(frozen=True)
class OpenApi(Task):
    """`call: openapi`: an operation of a described API."""

    FIXED = {"call": "openapi"}

    document: Mapping[str, JSON] | None = _at("with/document")
    operation: str | None = _at("with/operationId")
    parameters: Mapping[str, JSON] | None = _at("with/parameters")
    authentication: Mapping[str, JSON] | None = _at("with/authentication")
    output: Literal["raw", "content", "response"] | None = _at("with/output")
    redirect: bool | None = _at("with/redirect")


@dataclass(frozen=True)
class Map(Task):
    """`call: map`: a function for each item, several at once, results in order."""

    FIXED = {"call": "map"}

    in_: str | list[JSON] | None = _at("with/in")
    function: str | Mapping[str, JSON] | None = _at("with/function")
    each: str | None = _at("with/each")
    at: str | None = _at("with/at")
    input: JSON = _at("with/input")
    concurrency: int | None = _at("with/concurrency")
    on_error: Literal["fail", "collect", "quorum"] | None = _at("with/onError")
    quorum: int | None = _at("with/quorum")


@dataclass(frozen=True)
class Graph(Task):
    """`call: graph`: nodes `{id: {function, needs, input}}`; each starts when its needs are done."""

    FIXED = {"call": "graph"}

    nodes: Mapping[str, Mapping[str, JSON]] | None = _at("with/nodes")


@dataclass(frozen=True)
class Compensate(Task):
    """`call: compensate`: undo what was done, last first."""

    FIXED = {"call": "compensate"}

    scope: str | None = _at("with/scope")
    reason: str | None = _at("with/reason")


@dataclass(frozen=True)
class Call(Task):
    """`call` of a function of the workflow's own."""

    function: str | None = _at("call")
    arguments: Mapping[str, JSON] | None = _at("with")


@dataclass(frozen=True)
class Do(Task):
    """`do`: tasks one after the other, in a scope of their own."""

    do: tuple[Task, ...] | None = _at("do")


@dataclass(frozen=True)
class For(Task):
    """`for`: tasks for each item; what one round gives is what the next one gets."""

    in_: str | None = _at("for/in")
    do: tuple[Task, ...] | None = _at("do")
    each: str | None = _at("for/each")
    at: str | None = _at("for/at")
    while_: str | None = _at("while")


@dataclass(frozen=True)
class Fork(Task):
    """`fork`: branches at once; all outputs in order, or with `compete` the first one's."""

    branches: tuple[Task, ...] | None = _at("fork/branches")
    compete: bool | None = _at("fork/compete")


@dataclass(frozen=True)
class Case:
    """One case of a switch; without `when` it stands for all others."""

    name: str
    when: str | None = None
    then: str | None = None


@dataclass(frozen=True)
class Switch(Task):
    """`switch`: where control goes on, by the first case that holds."""

    cases: tuple[Case, ...] | None = _at("switch")


@dataclass(frozen=True)
class Try(Task):
    """`try`: tasks, and what is done about their errors.

    Attributes:
        errors: members that an error must have to be caught; all are caught without.
        as_: the argument that holds the error; `error` without.
        retry: a retry policy, or the name of one of the workflow's.
    """

    try_: tuple[Task, ...] | None = _at("try")
    do: tuple[Task, ...] | None = _at("catch/do")
    errors: Mapping[str, JSON] | None = _at("catch/errors/with")
    as_: str | None = _at("catch/as")
    when: str | None = _at("catch/when")
    except_when: str | None = _at("catch/exceptWhen")
    retry: Mapping[str, JSON] | str | None = _at("catch/retry")
    catch_then: str | None = _at("catch/then")

    def definition(self) -> dict[str, Any]:
        return {"catch": {}, **super().definition()}


@dataclass(frozen=True)
class Raise(Task):
    """`raise`: an error, or the name of one of the workflow's."""

    error: Mapping[str, JSON] | str | None = _at("raise/error")


@dataclass(frozen=True)
class Set(Task):
    """`set`: data, or an expression that gives it."""

    value: Mapping[str, JSON] | str | None = _at("set")


@dataclass(frozen=True)
class Wait(Task):
    """`wait`: nothing, for a time."""

    duration: Duration | None = _at("wait")


@dataclass(frozen=True)
class Listen(Task):
    """`listen`: one event, any of several, or all; filters are `{"with": {"type": …}}`."""

    one: Mapping[str, JSON] | None = _at("listen/to/one")
    any: list[Mapping[str, JSON]] | None = _at("listen/to/any")
    all: list[Mapping[str, JSON]] | None = _at("listen/to/all")
    until: JSON = _at("listen/to/until")
    read: Literal["data", "envelope", "raw"] | None = _at("listen/read")
    item: str | None = _at("foreach/item")
    at: str | None = _at("foreach/at")
    do: tuple[Task, ...] | None = _at("foreach/do")
    foreach_output: Mapping[str, JSON] | None = _at("foreach/output")
    foreach_export: Mapping[str, JSON] | None = _at("foreach/export")


@dataclass(frozen=True)
class Emit(Task):
    """`emit`: an event by its attributes; id, source and time are filled in."""

    event: Mapping[str, JSON] | None = _at("emit/event/with")


@dataclass(frozen=True)
class Run(Task):
    """`run`: another workflow; the task waits for it unless `await_` is false."""

    namespace: str | None = _at("run/workflow/namespace")
    workflow: str | None = _at("run/workflow/name")
    version: str | None = _at("run/workflow/version")
    input: JSON = _at("run/workflow/input")
    script: Mapping[str, JSON] | None = _at("run/script")
    shell: Mapping[str, JSON] | None = _at("run/shell")
    await_: bool | None = _at("run/await")
    gives: str | None = _at("run/return")


# --- the document -----------------------------------------------------------------------------


@dataclass(frozen=True, init=False)
class Workflow:
    """A workflow document.

    Attributes:
        use: what its tasks share: functions, retries, errors, timeouts, authentications, secrets, extensions.
            Functions and the like are given as documents have them; `definition()` of a task is one.
    """

    namespace: str
    name: str
    version: str
    do: tuple[Task, ...]
    title: str | None = _at("document/title")
    summary: str | None = _at("document/summary")
    tags: Mapping[str, str] | None = _at("document/tags")
    metadata: Mapping[str, JSON] | None = _at("document/metadata")
    input_schema: Schema | None = _at("input/schema")
    input_from: JSON = _at("input/from")
    output_as: JSON = _at("output/as")
    output_schema: Schema | None = _at("output/schema")
    timeout: Duration | None = _at("timeout")
    use: Mapping[str, JSON] | None = _at("use")
    evaluate: Mapping[str, JSON] | None = _at("evaluate")
    schedule: Mapping[str, JSON] | None = _at("schedule")
    dsl: str = "1.0.3"

    def __init__(
        self, namespace: str, name: str, version: str, *do: Task, title: str | None = None,
        summary: str | None = None, tags: Mapping[str, str] | None = None,
        metadata: Mapping[str, JSON] | None = None, input_schema: Schema | None = None,
        input_from: JSON = None, output_as: JSON = None, output_schema: Schema | None = None,
        timeout: Duration | None = None, use: Mapping[str, JSON] | None = None,
        evaluate: Mapping[str, JSON] | None = None, schedule: Mapping[str, JSON] | None = None,
        dsl: str = "1.0.3",
    ) -> None:  # fmt: skip
        given = dict(locals())
        for one in fields(self):
            object.__setattr__(self, one.name, given[one.name])

    def document(self) -> dict[str, Any]:
        """The document, as a YAML file would hold it."""
        about = {"dsl": self.dsl, "namespace": self.namespace, "name": self.name, "version": self.version}
        made: dict[str, Any] = {"document": about}
        for one in fields(self):
            value = getattr(self, one.name)
            if "path" in one.metadata and value is not None:
                _put(made, one.metadata["path"], _plain(one.metadata["path"], value))
        made["do"] = _tasks(self.do)
        return made

    def yaml(self) -> str:
        """The document as YAML."""
        from ruamel.yaml import YAML

        writer, out = YAML(typ="safe", pure=True), io.StringIO()
        writer.default_flow_style = False
        writer.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
        writer.dump(self.document(), out)
        return out.getvalue()


def _tasks(tasks: tuple[Task, ...]) -> list[dict[str, Any]]:
    return [{task.name: task.definition()} for task in tasks]


def _put(into: dict[str, Any], path: str, value: Any) -> None:
    *parents, last = path.split("/")
    for parent in parents:
        into = into.setdefault(parent, {})
    into[last] = value


def _plain(path: str, value: Any) -> Any:
    """A field's value as JSON has it."""
    if path.endswith("schema"):
        return {"document": schema_document(value)}
    if path == "timeout":
        return value if isinstance(value, str) and not _is_span(value) else {"after": _span(value)}
    if path == "wait":
        return _span(value)
    if isinstance(value, tuple) and value and isinstance(value[0], Task):
        return _tasks(value)
    if path == "switch":
        return [{case.name: _case(case)} for case in value]
    return _json(value)


def _case(case: Case) -> dict[str, Any]:
    return {name: value for name, value in (("when", case.when), ("then", case.then)) if value is not None}


def _is_span(text: str) -> bool:
    return text.startswith(("P", "$"))


def _span(value: Duration) -> Any:
    if not isinstance(value, timedelta):
        return dict(value) if isinstance(value, Mapping) else value
    whole = value.days * 86_400_000 + value.seconds * 1_000 + value.microseconds // 1_000
    span = {"days": whole // 86_400_000, "hours": whole // 3_600_000 % 24, "minutes": whole // 60_000 % 60}
    span |= {"seconds": whole // 1_000 % 60, "milliseconds": whole % 1_000}
    return {unit: number for unit, number in span.items() if number} or {"seconds": 0}


def _json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _json(member) for name, member in value.items()}
    return [_json(item) for item in value] if isinstance(value, list | tuple) else value
