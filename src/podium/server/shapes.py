"""What answers look like, for the description of the API; and bodies that are asked for."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from podium.facts.sharing import Priority

JSONValue = Any

Name = Annotated[str, Field(max_length=300)]
Why = Annotated[str, Field(max_length=10_000, description="The reason, for the audit.")]


class Shape(BaseModel):
    """What an answer holds at least."""

    model_config = ConfigDict(extra="allow")


class Body(BaseModel):
    """What a request may say, and nothing else."""

    model_config = ConfigDict(extra="forbid")


class Health(Shape):
    status: Literal["starting", "serving", "read-only", "stopped", "broken"]


class Held(Shape):
    name: str
    holds: bool
    message: str


class Readiness(Shape):
    """Whether the hub takes new work now, and what must hold for that."""

    ready: bool
    checks: list[Held]


class Submission(Body):
    """A run to be started."""

    workflow: Annotated[str, Field(min_length=1, max_length=300)]
    input: JSONValue = None
    labels: dict[str, str] = {}
    subject: str = ""
    key: Annotated[str, Field(max_length=1_000, description="As the header `Idempotency-Key`.")] = ""
    priority: Annotated[
        Priority | Literal[""],
        Field(description='What waits for a slot is taken in this order; "" for what the workflow says.'),
    ] = ""


class Submitted(Shape):
    run_id: str
    created: bool
    notices: list[str]


class RunListed(Shape):
    """A run as a line of a list: as `Run`, without payloads."""

    id: str
    workflow: str
    status: str
    phase: str
    key: str
    principal: str
    labels: dict[str, str]
    tenant: str
    priority: str
    started_at: int
    ended_at: int
    cost_nano: int
    waiting_for: list[dict[str, JSONValue]]
    parent: str


class RunPage(Shape):
    """Runs, newest first; `next` is the URL of the page after it, "" on the last."""

    items: list[RunListed]
    next: str
    position: int


class Run(RunListed):
    digest: str
    input: JSONValue = None
    output: JSONValue = None
    error: dict[str, JSONValue] | None = None


class RunDescribed(Run):
    kind: Literal["Run"]


class Again(Body):
    """Another run of the same: with other input, labels, or whom it is about, where these are given."""

    input: JSONValue = None
    labels: dict[str, str] = {}
    subject: str = ""
    current: Annotated[bool, Field(description="Of the version that the workflow's name means now.")] = False


class Matching(Body):
    workflow: Name
    input: JSONValue = None


class Items(Shape):
    """A list, whole."""

    items: list[dict[str, JSONValue]]


class Words(Shape):
    items: list[str]


class Output(Shape):
    run_id: str
    output: JSONValue


class Record(Shape):
    """A record of the log: the fields of its event, and its body."""

    seq: int
    at: int
    run_id: str
    type: str
    version: int
    body: dict[str, JSONValue] | None


class Events(Shape):
    items: list[Record]


class Line(Shape):
    """`depth` is how far in it stands; `at` is 0 for one that only adds to the line before."""

    at: int
    depth: int
    kind: str
    text: str
    task: str
    seq: int


class Story(Shape):
    items: list[Line]


# --- acting -----------------------------------------------------------------------------------


class Reason(Body):
    why: Why = ""


class Reset(Body):
    why: Annotated[Why, Field(min_length=1)]


class Done(Shape):
    """What was recorded, in a line."""

    detail: str


class Answered(Body):
    """`task` is the waiting task, its last name, or the number of its effect; "" if only one waits."""

    task: Name = ""
    decision: Name = "approve"
    data: JSONValue = None
    why: Why = ""


class Resolved(Body):
    effect: Annotated[int, Field(ge=0, le=2**31)] = 0
    verdict: Literal["succeeded", "failed", "retry"]
    output: JSONValue = None
    why: Why = ""


class Settled(Body):
    verdict: Literal["retry", "drop"]
    why: Why = ""


class Declassified(Body):
    labels: Annotated[list[Name], Field(min_length=1, max_length=100)]
    why: Annotated[Why, Field(min_length=1)]


class Decided(Body):
    """`action` is the digest of the action as the person saw it."""

    action: Name = ""
    verdict: Literal["approve", "deny"]
    why: Why = ""


class Delegated(Body):
    """`to` is a person, `user:name`."""

    action: Name = ""
    to: Name
    why: Why = ""


class Edited(Body):
    action: Name = ""
    input: JSONValue
    why: Why = ""


class Overridden(Body):
    action: Name = ""
    expires_at: Annotated[int, Field(ge=0, le=2**62)]
    why: Annotated[Why, Field(min_length=1)]


class Approval(Shape):
    """Something that waits for people. `input` is what would be done, exactly."""

    id: str
    run_id: str
    effect: int
    workflow: str
    task: str
    kind: Literal["approval", "human"]
    since: int
    requester: str
    target: str
    input: JSONValue
    action: str
    rules: list[str]
    message: str
    roles: list[str]
    quorum: int
    deadline_at: int
    votes: list[dict[str, JSONValue]]
    decisions: list[str]
    if_yes: str
    if_no: str
    if_silent: str


class Approvals(Shape):
    items: list[Approval]


# --- resources --------------------------------------------------------------------------------


class DeclaredResource(Body):
    """A resource, normalised. `digest` is that of its `spec`."""

    kind: Literal["Agent", "Tool", "Policy", "Workflow", "Schedule", "Subscription"]
    name: Name
    version: Name
    digest: Name
    spec: dict[str, JSONValue]


class Planned(Body):
    resources: Annotated[list[DeclaredResource], Field(max_length=10_000)]
    prune: bool = False


class Application(Planned):
    """`prune` deletes what is declared beside these; `force` does so even if it breaks something."""

    force: bool = False
    why: Why = ""


class Applied(Shape):
    names: list[str]
    notices: list[str]


class Plan(Shape):
    changes: list[dict[str, JSONValue]]
    remarks: list[dict[str, JSONValue]]
    differs: bool
    breaks: bool


class Resource(Shape):
    kind: str
    digest: str


class Replaying(Body):
    """Policies as a text (YAML or JSON), or normalised; those in force with other names hold beside them."""

    text: Annotated[str, Field(max_length=256 * 1024)] = ""
    resources: Annotated[list[DeclaredResource], Field(max_length=100)] = []
    since: Annotated[int, Field(ge=0, le=2**62, description="ms since 1970")] = 0
    alone: Annotated[bool, Field(description="None in force holds beside them.")] = False


class Replayed(Shape):
    """`rows` are actions of which something else would have been said; `begins_at` is the first moment that
    was looked at, 0 for all."""

    actions: int
    changed: int
    begins_at: int
    sums: dict[str, JSONValue]
    rows: list[dict[str, JSONValue]]


class Revision(Shape):
    """`content` is for people to read; `spec` is what `apply` takes, and `digest` is of that."""

    kind: str
    name: str
    version: str
    digest: str
    content: JSONValue
    spec: JSONValue


# --- the hub ----------------------------------------------------------------------------------


class Status(Shape):
    pid: int
    status: str
    trouble: str
    epoch: int
    seq: int
    revision: int
    suspended: list[dict[str, JSONValue]]
    busy: bool


class Whoami(Shape):
    principal: str
    roles: list[str]
    scopes: list[str]
    via: str
    csrf: str


class Rebuilding(Body):
    timeout_ms: Annotated[int, Field(ge=0, le=30_000)] = 10_000


class Rebuilt(Shape):
    done: bool
    seq: int
    trouble: str


class Erasure(Body):
    subject: Annotated[str, Field(min_length=1, max_length=1_000)]
    why: Annotated[Why, Field(min_length=1)]


class Checkpoint(Shape):
    """`note` is the signed checkpoint (C2SP)."""

    number: int
    note: str


class Stated(Checkpoint):
    created: bool


class Checkpoints(Shape):
    items: list[Checkpoint]


class Verified(Shape):
    sound: bool
    findings: list[dict[str, JSONValue]]


# --- people -----------------------------------------------------------------------------------


class Account(Shape):
    """`password` says whether there is one; `scopes` follow from the roles."""

    name: str
    roles: list[str]
    created_at: int
    suspended_at: int
    password: bool
    scopes: list[str]


class Accounts(Shape):
    items: list[Account]


class NewAccount(Body):
    name: Name
    roles: Annotated[list[Name], Field(max_length=50)] = ["viewer"]
    subject: Annotated[str, Field(max_length=1_000, description="`issuer subject`, for OIDC")] = ""


class AccountChange(Body):
    roles: Annotated[list[Name], Field(max_length=50)] | None = None
    suspended: bool | None = None
    why: Why = ""


class Link(Shape):
    """`link` signs the account's owner in, once, within the hour."""

    account: str
    link: str


class Token(Shape):
    """Without its secret. No `scopes` means all that its account has."""

    id: str
    account: str
    name: str
    scopes: list[str]
    created_at: int
    expires_at: int
    revoked_at: int


class Tokens(Shape):
    items: list[Token]


class NewToken(Body):
    name: Annotated[str, Field(min_length=1, max_length=100)]
    account: Name = ""
    scopes: Annotated[list[Name], Field(max_length=20)] = []
    days: Annotated[int, Field(ge=1, le=3_660)] = 90


class Secret(Token):
    """`secret` is shown this once."""

    secret: str


class Received(Shape):
    """How many events were taken, and what became of each, in a line."""

    received: int
    detail: str
    details: list[str]
