"""The program: what a workflow document compiles to. Plain data plus compiled expressions and schemas.

Nodes live in one tuple and name each other by index, so that a node is an integer in the log. The
numbering is part of what a digest pins: for one document it never changes (depth first, in order).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from podium.facts.catalog import notice_of
from podium.facts.sharing import NORMAL, Priority
from podium.facts.values import JSON
from podium.workflow.plan_terms import CallPlan
from podium.workflow.terms import Expression, ExpressionFailed, Loose, Schema, Undecided

__all__ = ["Expression", "ExpressionFailed", "Loose", "Schema", "Undecided"]


@dataclass(frozen=True, slots=True)
class Duration:
    """A time span: fixed, or an expression that gives an ISO 8601 string or a DSL duration object."""

    ms: int = 0
    expression: Expression | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One case of a switch; `when` None is the default."""

    name: str
    when: Expression | None
    then: str
    target: int


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """`catch.retry`: the DSL's retry policy. A limit of zero ms, and None, are no limit."""

    when: Expression | None = None
    except_when: Expression | None = None
    delay: Duration = Duration()
    backoff: Literal["constant", "linear", "exponential"] = "constant"
    increment: Duration = Duration()  # linear: added per attempt; defaults to the delay
    multiplier: float = 2.0  # exponential
    delay_max: Duration = Duration()
    jitter_from: Duration = Duration()
    jitter_to: Duration = Duration()
    attempts: int | None = None  # limit.attempt.count: retries after the first try
    duration: Duration = Duration()  # limit.duration


@dataclass(frozen=True, slots=True)
class Catch:
    """What a `try` catches and what it does then.

    `matches` are the members of `errors.with` (`type`, `status`, `instance`, `title`, `detail`) that must
    be equal; `variable` is the argument that holds the error in `when`, `exceptWhen` and `do`. Where an error
    was caught, control goes on at `target`, if that is given, instead of the task's own.
    """

    matches: Mapping[str, JSON] = field(default_factory=dict)
    when: Expression | None = None
    except_when: Expression | None = None
    variable: str = "error"
    retry: RetryPolicy | None = None
    body: int = 0  # node of `catch.do`; 0 if there is none
    target: int | None = None  # of `catch.then`


@dataclass(frozen=True, slots=True)
class Correlation:
    """A key that events have in common: `source` gives its value from an event.

    The value must be that of `expect`; where there is none, the first event of the task sets it.
    """

    source: Expression
    expect: Expression | None = None


@dataclass(frozen=True, slots=True)
class EventFilter:
    """One filter of a `listen`: attribute name to expected literal or (for expressions) predicate/value."""

    attributes: Mapping[str, Expression] = field(default_factory=dict)
    predicate: Expression | None = None  # `with.data` as an expression: true consumes it
    keys: Mapping[str, Correlation] = field(default_factory=dict)  # `correlate`, by name
    kind: str = ""  # the type that an event must have, if that is written down; "" for any


# What each kind of task needs beside the common part of Node.


@dataclass(frozen=True, slots=True)
class Do:
    """A sequential scope. `children` are node indexes in order; `names` their names."""

    children: tuple[int, ...]
    names: Mapping[str, int]  # task name -> index into children


@dataclass(frozen=True, slots=True)
class For:
    each: str
    items: Expression
    at: str
    while_: Expression | None
    body: int


@dataclass(frozen=True, slots=True)
class Fork:
    branches: tuple[int, ...]
    names: tuple[str, ...]
    compete: bool


@dataclass(frozen=True, slots=True)
class Try:
    body: int
    catch: Catch


@dataclass(frozen=True, slots=True)
class Set:
    value: Expression


@dataclass(frozen=True, slots=True)
class Switch:
    cases: tuple[Case, ...]


@dataclass(frozen=True, slots=True)
class Raise:
    """`type`, `status`, `title`, `detail`, `instance` as one expression that gives the object."""

    error: Expression


@dataclass(frozen=True, slots=True)
class Wait:
    duration: Duration


@dataclass(frozen=True, slots=True)
class Events:
    """Which events: `mode` one, any or all of the filters; any with no filter is every event."""

    mode: Literal["one", "any", "all"]
    filters: tuple[EventFilter, ...]

    def enough(self, taken: int) -> bool:
        """Whether it is enough that so many filters took an event."""
        return taken >= (len(self.filters) if self.mode == "all" else 1)


@dataclass(frozen=True, slots=True)
class Iteration:
    """`foreach` of a `listen`: for each event the `body` is entered, a node of kind `foreach`."""

    item: str
    at: str
    body: int


@dataclass(frozen=True, slots=True)
class Listen:
    """What a task listens to, and for how long.

    Attributes:
        to: the events that it takes. One, or one for each filter of `all`, unless there is an `until`.
        read: `data`, `envelope` or `raw`: what of an event is given.
        until: after an event, whether that was the last; sees what the task would give as `.`.
        until_events: events that end it; they are no part of what it gives.
        endless: it never ends by itself, so that nobody will see what it gives.
        foreach: what is done for each event.
    """

    to: Events
    read: Literal["data", "envelope", "raw"] = "data"
    until: Expression | None = None
    until_events: Events | None = None
    endless: bool = False
    foreach: Iteration | None = None

    @property
    def goes_on(self) -> bool:
        """Whether it takes any number of events."""
        return self.endless or self.until is not None or self.until_events is not None

    @property
    def kinds(self) -> frozenset[str]:
        """The types of events that it may take; none stands for all."""
        asked = (self.to, self.until_events) if self.until_events is not None else (self.to,)
        if any(not one.filters for one in asked):
            return frozenset()
        kinds = frozenset(one.kind for events in asked for one in events.filters)
        return frozenset() if "" in kinds else kinds

    @property
    def streams(self) -> bool:
        """Whether it has to do with its events one by one."""
        return self.goes_on or self.foreach is not None


@dataclass(frozen=True, slots=True)
class Emit:
    """`event` gives the attributes of a CloudEvent, and its data, as the document has them."""

    event: Expression


@dataclass(frozen=True, slots=True)
class RunWorkflow:
    """Another workflow as a task.

    Attributes:
        workflow: `namespace/name@version`, or `namespace/name` for whichever is current.
        input: what it gets; None for the task's own input.
        awaits: whether the task waits for its end; otherwise it passes its own input on at once.
        gives_output: whether the task gives its output, or nothing.
    """

    workflow: str
    input: Expression | None = None
    awaits: bool = True
    gives_output: bool = True


@dataclass(frozen=True, slots=True)
class Map:
    """One task for every item, side by side, at most `limit` at once.

    `fed`: the task's raw input is its item; else it is the map's own input.
    """

    items: Expression
    each: str
    at: str
    limit: int
    body: int
    on_error: Literal["fail", "collect", "quorum"] = "fail"
    quorum: int = 0  # how many must succeed, for `quorum`
    fed: bool = True


@dataclass(frozen=True, slots=True)
class Graph:
    """Tasks by their places, each with the places of those it needs, and of those that need it."""

    nodes: tuple[int, ...]
    names: tuple[str, ...]
    needs: tuple[tuple[int, ...], ...]
    dependents: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Fanout:
    """The same question to several agents.

    Attributes:
        bodies: nodes of the calls: one for each agent, or one for all.
        count: where there is one for all: how many of those that offer it are asked; 0 for all of them.
        quorum: how many must answer well; 0 for all.
        reconciles: whether another task makes one answer of theirs, and so is told who gave which.
    """

    bodies: tuple[int, ...]
    count: int = 0
    quorum: int = 0
    reconciles: bool = False


@dataclass(frozen=True, slots=True)
class Extended:
    """A task that an extension is woven around; `before` and `after` are nodes, 0 if there are none."""

    when: Expression | None
    before: int
    task: int
    after: int


@dataclass(frozen=True, slots=True)
class Compensate:
    """Undo what was done in the `try` named `scope`, in the whole run (`workflow`), or by default (`""`) in
    the `try` whose `catch` it stands in.

    `escalation` is the node of the request to a person for an undo that failed.
    """

    scope: str
    reason: Expression | None
    escalation: int


@dataclass(frozen=True, slots=True)
class Undo:
    """What undoes a call: a node, and what it gets: of `{input, output}` of the call, or just that."""

    node: int
    input: Expression | None = None


@dataclass(frozen=True, slots=True)
class CallAgent:
    """`capability` or `agent` (`name` or `name@version`) is given, or both: this agent, for this capability.

    `require` are labels that the agent must carry; among several, those that carry more of `prefer` win.
    `reroute` is how many other agents may be asked where one fails for good. Where `dead_letter`, a failure
    for good is kept until an operator sees to it.

    Attributes:
        chooses: the node of another call, for which it is asked to choose an agent; 0 for none.
        chosen_by: who chose the agent: what comes as its data is that choice, and its input is that of the
            task it stands in. "" where nobody is asked.
    """

    capability: str
    agent: str
    input: Expression | None  # None: the task's own input
    key: Expression | None  # idempotencyKey
    require: Mapping[str, str] = field(default_factory=dict)
    prefer: Mapping[str, str] = field(default_factory=dict)
    reroute: int = 0
    dead_letter: bool = False
    chooses: int = 0
    chosen_by: str = ""


@dataclass(frozen=True, slots=True)
class CallTool:
    """`tool` is `name` or `name@version`; "" is the one that undoes what is being undone.

    `args` None: the task's own input. `key` is the idempotency key, `dead_letter` as of `CallAgent`.
    """

    tool: str
    args: Expression | None = None
    key: Expression | None = None
    dead_letter: bool = False


@dataclass(frozen=True, slots=True)
class CallHuman:
    """`request` gives `{title, description}`; an answer must be one of `decisions` and keep `form`.

    Attributes:
        tier: the tier of the policies in force whose people are asked; "" for none.
        roles: who may answer, where no tier says it; empty lets everybody.
        quorum: so many distinct people must agree; 0 is as many as the tier says, or one.
        escalate_ms, escalate: when nobody answered for so long, this tier is asked; 0 for never.
    """

    request: Expression
    decisions: tuple[str, ...] = ("approve", "deny")
    form: Schema | None = None
    tier: str = ""
    roles: tuple[str, ...] = ()
    quorum: int = 0
    escalate_ms: int = 0
    escalate: str = ""


@dataclass(frozen=True, slots=True)
class CallPolicy:
    """Asks what policy says of data, and goes on with the task's input where it lets that pass.

    Attributes:
        name: by which rules know the check; "" is the task's own name.
        policies: those that must each allow it themselves, beside all others in force.
        data: what is looked at; None: the task's own input.
    """

    name: str = ""
    policies: tuple[str, ...] = ()
    data: Expression | None = None


@dataclass(frozen=True, slots=True)
class Authentication:
    """How a call proves who makes it.

    `policy` gives `{basic|bearer|digest|oauth2|oidc: …}`, with a placeholder where a secret holds all of it.
    """

    scheme: Literal["Basic", "Bearer", "Digest"]
    policy: Expression


@dataclass(frozen=True, slots=True)
class CallHttp:
    """`request` gives `{method, endpoint, headers, query, body}` with everything evaluated."""

    request: Expression
    method: str
    output: Literal["raw", "content", "response"] = "content"
    redirect: bool = False
    idempotent: bool = False  # GET, HEAD, PUT, DELETE, OPTIONS, or an Idempotency-Key header
    authentication: Authentication | None = None


@dataclass(frozen=True, slots=True)
class CallOpenApi:
    """`request` gives `{document, parameters}`, where `document` is the URI of the API's description.

    `local`: that URI is a file's, and fixed. `idempotent`: there is an `Idempotency-Key`; which method the
    operation has is not known before the call.
    """

    request: Expression
    operation: str
    output: Literal["raw", "content", "response"] = "content"
    redirect: bool = False
    idempotent: bool = False
    local: bool = False
    authentication: Authentication | None = None
    document_authentication: Authentication | None = None


@dataclass(frozen=True, slots=True)
class RunProcess:
    """A script or a shell command; `request` gives `{stdin, arguments, environment}`."""

    what: Literal["script", "shell"]
    language: Literal["python", "js", "sh"]
    code: str
    request: Expression
    returns: Literal["stdout", "stderr", "code", "all", "none"] = "stdout"


Detail: TypeAlias = (
    Do
    | For
    | Fork
    | Try
    | Set
    | Switch
    | Raise
    | Wait
    | Listen
    | Emit
    | RunWorkflow
    | CallAgent
    | CallTool
    | CallHuman
    | CallPlan
    | CallPolicy
    | CallHttp
    | Map
    | Graph
    | Compensate
    | Fanout
    | Extended
    | CallOpenApi
    | RunProcess
)


@dataclass(frozen=True, slots=True)
class Node:
    """One task.

    Attributes:
        index: place in `Program.nodes`.
        kind: `do for fork try set switch raise wait listen foreach emit workflow agent tool human policy
            http openapi map graph compensate fanout extended before plan`.
        name: the task's name; "" for the bodies that have none of their own.
        reference: JSON pointer into the document, `/do/0/classify`; of a body `/do/0/classify/try`.
        detail: what this kind needs.
        definition: the task as written, for `$task.definition`.
        condition: `if`.
        input_schema, input_from, output_as, output_schema, export_as, export_schema: data flow.
        timeout: `timeout.after`.
        then: `continue`, `exit`, `end`, or the name of a task in the same scope.
        undo: what undoes it, if it was settled well.
        extends: of a task with extensions, and of what these do: the node that stands for the task with all
            of its extensions; 0 for others.
        target: index into the parent's children where control goes on after this task; `END` for end,
            `EXIT` for exit. A next index past the last child ends the scope.
        beyond: the same where the task is skipped: the index after its own.
    """

    index: int
    kind: str
    name: str
    reference: str
    detail: Detail
    definition: Mapping[str, JSON] = field(default_factory=dict)
    condition: Expression | None = None
    input_schema: Schema | None = None
    input_from: Expression | None = None
    output_as: Expression | None = None
    output_schema: Schema | None = None
    export_as: Expression | None = None
    export_schema: Schema | None = None
    timeout: Duration | None = None
    then: str = "continue"
    target: int = 0
    beyond: int = 0
    undo: Undo | None = None
    extends: int = 0


@dataclass(frozen=True, slots=True)
class Concurrency:
    """So many runs at once for each value that `key` has in the raw input; `on_conflict` is what becomes of
    one more: `queue`, `reject`, `dedupe` (whoever asks gets the run that is there) or `cancelPrevious`.
    """

    key: Expression
    limit: int = 1
    on_conflict: str = "queue"


@dataclass(frozen=True, slots=True)
class Program:
    """A compiled workflow.

    Attributes:
        nodes: `nodes[0]` is the root `do`.
        secrets: names of those it may use.
        undoing: the node that calls the tool which undoes what is being undone, where that is no matter of
            the document; 0 where nothing could have been done by a tool. `unclaimed`, the next one, undoes
            what an agent had done in vain.
        dead_letters: whether failures for good that nothing catches are kept until an operator sees to them.
        subject: gives whoever a run is about, from its raw input; None where runs are about nobody.
        concurrency: how many runs may be at work on the same; None for any number.
        priority: that of its runs, where whoever submits one says nothing.
    """

    digest: str
    namespace: str
    name: str
    version: str
    document: Mapping[str, JSON]
    nodes: tuple[Node, ...]
    input_schema: Schema | None = None
    input_from: Expression | None = None
    output_as: Expression | None = None
    output_schema: Schema | None = None
    timeout: Duration | None = None
    secrets: tuple[str, ...] = ()
    undoing: int = 0
    dead_letters: bool = False
    subject: Expression | None = None
    concurrency: Concurrency | None = None
    priority: Priority = NORMAL

    @property
    def unclaimed(self) -> int:
        return self.undoing + 1

    @property
    def label(self) -> str:
        return f"{self.namespace}/{self.name}@{self.version}"

    @property
    def deprecated(self) -> str:
        """The notice of `document.metadata.deprecated`; "" if there is none."""
        return notice_of(self.document)
