"""What is said between workers and the hub, for the description of the API."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from podium.server.shapes import Body, JSONValue, Shape

BATCH_MAX = 1_000
Token = Annotated[str, Field(max_length=512, description="The token of an attempt.")]
Line = Annotated[str, Field(max_length=4_096)]
Lines = Annotated[list[Line], Field(max_length=100)]
WorkerWord = Literal["accepted", "repeated", "stale", "unknown"]


class Offered(Body):
    """A capability as the worker offers it."""

    name: str
    input: JSONValue = None
    output: JSONValue = None
    description: str = ""
    deprecated: str = ""


class Hosting(Body):
    """An agent, or a tool, that a worker hosts."""

    agent: Annotated[str, Field(description="`name@version`.", max_length=300)]
    kind: Literal["Agent", "Tool"] = "Agent"
    code: Annotated[str, Field(max_length=200, description="Digest of the code that runs.")] = ""
    concurrency: Annotated[int, Field(ge=0, le=10_000, description="0 for the worker's own.")] = 0
    contract: Annotated[str, Field(max_length=100, description="Digest that the hub gives it.")] = ""
    capabilities: Annotated[list[Offered], Field(max_length=100)] = []
    labels: dict[str, str] = {}
    spec: Annotated[dict[str, JSONValue], Field(description="Else of a manifest's `spec`.")] = {}
    declared: Annotated[
        dict[str, JSONValue] | None,
        Field(description="In place of these: the version as the catalog has it."),
    ] = None


class Registration(Body):
    """A worker that joins."""

    agents: Annotated[list[Hosting], Field(min_length=1, max_length=1_000)]
    name: Annotated[str, Field(max_length=64, pattern=r"^[A-Za-z0-9_-]+$")] = "worker"
    region: Annotated[str, Field(max_length=64)] = ""
    labels: dict[str, str] = {}
    weight: Annotated[int, Field(ge=1, le=1_000)] = 1
    concurrency: Annotated[int, Field(ge=1, le=10_000)] = 4
    lease_ms: Annotated[int, Field(ge=1_000, le=300_000)] = 15_000
    previous: Annotated[str, Field(max_length=200, description="Its id until now.")] = ""
    holding: Annotated[list[Token], Field(max_length=10_000)] = []


class Joined(Shape):
    id: str
    lease_ms: int
    agents: list[dict[str, str]]
    holding: dict[str, WorkerWord]


class Workers(Shape):
    items: list[dict[str, JSONValue]]


class Pull(Body):
    most: Annotated[int, Field(ge=1, le=BATCH_MAX)] = 1
    wait_ms: Annotated[int, Field(ge=0, le=60_000, description="At most half the lease.")] = 20_000
    started: Annotated[bool, Field(description="Those that may be repeated begin at once.")] = False


class AttemptGiven(Shape):
    """An attempt to make."""

    token: str
    agent: str
    capability: str
    input: JSONValue
    run_id: str
    task: str
    attempt: int
    key: str
    delivery: str
    number: int
    started: bool
    deadline_ms: int
    heartbeat_ms: int


class Pulled(Shape):
    attempts: list[AttemptGiven]
    stop: list[str]
    draining: bool


class Tokens(Body):
    attempts: Annotated[list[Token], Field(max_length=BATCH_MAX)]


class Words(Shape):
    """A word for each attempt, in the same order."""

    words: list[WorkerWord]


class Heard(Shape):
    lease_ms: int
    stop: list[str]
    draining: bool


class Usage(Body):
    input_tokens: Annotated[int, Field(ge=0)]
    output_tokens: Annotated[int, Field(ge=0)]


class Failure(Body):
    """Why an attempt failed: `kind` is the last name of a standard error."""

    title: Annotated[str, Field(max_length=2_000)]
    detail: Annotated[str, Field(max_length=100_000)] = ""
    kind: Literal[
        "runtime", "communication", "timeout", "validation", "configuration", "authentication",
        "authorization", "expression",
    ] = "runtime"  # fmt: skip
    type: Annotated[str, Field(max_length=300)] = ""
    status: Annotated[int, Field(ge=0, le=599)] = 0
    retryable: bool = True
    unstarted: Annotated[bool, Field(description="Certainly nothing was done.")] = False
    lost: Annotated[bool, Field(description="Nobody knows how far it came, and it is not to blame.")] = False
    returned: Annotated[bool, Field(description="It was not begun, and is given back.")] = False


class Ended(Body):
    """What became of an attempt: an `output`, or an `error`."""

    token: Token
    output: JSONValue = None
    error: Failure | None = None
    cost_nano: Annotated[int, Field(ge=-1, description="-1 if not known.")] = -1
    usage: Usage | None = None
    lines: Annotated[Lines, Field(description="Of its log, as far as they were not told before.")] = []
    provenance: dict[str, JSONValue] = {}


class Complete(Body):
    attempts: Annotated[list[Ended], Field(max_length=BATCH_MAX)]
    pull: Pull | None = None


class Completed(Words):
    pulled: Pulled | None = None


class FailedAttempt(Ended):
    error: Failure


class Fail(Body):
    attempts: Annotated[list[FailedAttempt], Field(max_length=BATCH_MAX)]


class Going(Body):
    token: Token
    progress: JSONValue = None
    lines: Lines = []
    tail: Annotated[
        Line | None, Field(description="The line that it has not ended yet, as far as it goes.")
    ] = None


class Progress(Body):
    attempts: Annotated[list[Going], Field(max_length=BATCH_MAX)]


class Call(Body):
    """What an attempt asks for: a `tool`, or by `call` a capability, of any agent or of `agent`."""

    token: Token
    number: Annotated[int, Field(ge=1, description="By which it finds the answer again.")]
    tool: Annotated[str, Field(max_length=300)] = ""
    call: Annotated[str, Field(max_length=300)] = ""
    agent: Annotated[str, Field(max_length=300)] = ""
    args: JSONValue = None
    key: Annotated[str, Field(max_length=1_000)] = ""
    code: Annotated[str, Field(max_length=200, description="Digest of the code that asks.")] = ""
    wait_ms: Annotated[int, Field(ge=0, le=60_000)] = 20_000


class Answer(Shape):
    """`done` once there is an `output` or an `error`."""

    done: bool
    output: JSONValue = None
    error: dict[str, JSONValue] | None = None
    deadline_ms: int = 0
