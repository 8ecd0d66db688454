"""Kinds: what a declared resource may say, field by field."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from podium.resources.durations import DurationInvalid, parse_duration
from podium.resources.quantities import QuantityInvalid, parse_memory, parse_money
from podium.resources.troubles import shown

API_VERSION = "podium.dev/v1"

CONCURRENCY_DEFAULT = 4
CONCURRENCY_IN_PROCESS = 256
"""Attempts at once of a function that shares the worker's loop: they wait far more than they compute."""
CONCURRENCY_OF_WORKERS = 10_000
"""Attempts at once of what workers host: as a rule they say themselves what they take."""


# --- values -----------------------------------------------------------------------------------


def refusal(rule: str, message: str) -> PydanticCustomError:
    """The error that refuses a value by a rule, in our own words."""
    return PydanticCustomError(rule, "{message}", {"message": message})


def matching(rule: str, pattern: str, what: str) -> AfterValidator:
    compiled = re.compile(pattern, re.ASCII)

    def check(value: str) -> str:
        if compiled.fullmatch(value) is None:
            raise refusal(rule, f"`{shown(value)}` is not {what}.")
        return value

    return AfterValidator(check)


def _parsed(rule: str, parse: Callable[[object], int]) -> BeforeValidator:
    def read(value: object) -> int:
        try:
            return parse(value)
        except (DurationInvalid, QuantityInvalid) as error:
            raise refusal(rule, str(error)) from None

    return BeforeValidator(read)


def _not_zero(value: int) -> int:
    if value == 0:
        raise refusal("duration", "Nothing can be done in no time; give a duration longer than 0.")
    return value


def _without_nul(value: str) -> str:
    if "\0" in value:
        raise refusal("text", "The text holds a NUL character, which no process can be given.")
    return value


_SEMANTIC = (
    r"(0|[1-9]\d{0,17})\.(0|[1-9]\d{0,17})\.(0|[1-9]\d{0,17})"
    r"(-(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?"
    r"(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?"
)
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_WORD = r"[a-z]([a-z0-9_-]{0,61}[a-z0-9])?"
_IDENTIFIER = r"[A-Za-z_]\w*"

Version = Annotated[
    str,
    Field(max_length=128),
    matching("version", _SEMANTIC, 'a semantic version; write three numbers as text, "1.0.0"'),
]
AgentName = Annotated[
    str,
    Field(max_length=128),
    matching(
        "name",
        rf"{_LABEL}(\.{_LABEL})*",
        "a name; use lower-case letters, digits, `-` and `.`, `code-reviewer`",
    ),
]
CapabilityName = Annotated[
    str,
    Field(max_length=128),
    matching(
        "name",
        rf"{_WORD}(\.{_WORD})*",
        "a capability's name; use lower-case words with dots between, `ticket.classify`",
    ),
]
WorkflowName = Annotated[
    str,
    matching(
        "name", r"[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?", "a name; use up to 63 letters, digits and `-`"
    ),
]
LabelName = Annotated[
    str,
    matching(
        "name", r"[A-Za-z0-9]([\w./-]{0,125}[A-Za-z0-9])?", "a label's name, `team` or `example.org/team`"
    ),
]
LabelValue = Annotated[str, Field(max_length=256)]
Pointer = Annotated[str, matching("key", r"(/([^/~]|~[01])*)+", "a JSON pointer, such as `/customer`")]
ProcessText = Annotated[str, AfterValidator(_without_nul)]
EnvironmentName = Annotated[str, matching("name", r"[^=\0]+", "a name that an environment variable can have")]
HeaderName = Annotated[str, matching("name", r"[!#$%&'*+.^`|~\w-]+", "a name that an HTTP header can have")]
HeaderValue = Annotated[str, matching("text", r"[^\r\n\0]*", "a header's value; it must stay on one line")]
ImportPath = Annotated[
    str,
    matching(
        "callable",
        rf"{_IDENTIFIER}(\.{_IDENTIFIER})*:{_IDENTIFIER}(\.{_IDENTIFIER})*",
        "an import path; write `module:function`",
    ),
]

_DURATION_SCHEMA: dict[str, Any] = {
    "description": "ISO 8601 text, or an object of whole numbers",
    "anyOf": [
        {"type": "string", "pattern": "^P", "examples": ["PT30S"]},
        {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": False,
            "properties": {
                unit: {"type": "integer", "minimum": 0}
                for unit in ("days", "hours", "minutes", "seconds", "milliseconds")
            },
        },
    ],
}
Duration = Annotated[int, _parsed("duration", parse_duration), WithJsonSchema(_DURATION_SCHEMA)]
DurationAboveZero = Annotated[Duration, AfterValidator(_not_zero)]
Memory = Annotated[
    int,
    _parsed("memory", parse_memory),
    WithJsonSchema(
        {"type": ["string", "integer"], "examples": ["512Mi"], "description": "bytes, or text with a unit"}
    ),
]
Money = Annotated[
    int,
    _parsed("money", parse_money),
    WithJsonSchema({"type": "string", "pattern": r"^\d{1,9}(\.\d{1,9})?$", "examples": ["0.002"]}),
]
SchemaReference = Annotated[
    Any,
    WithJsonSchema(
        {
            "type": ["object", "boolean", "string"],
            "description": "a JSON Schema 2020-12, or the path of a .json or .yaml file that holds one",
        }
    ),
]


class Model(BaseModel):
    """Strict: no field that is not declared, no value of another type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


# --- parts of an agent ------------------------------------------------------------------------


class Metadata(Model):
    """What identifies a resource."""

    name: AgentName = Field(description="unique among the agents of a catalog")
    labels: dict[LabelName, LabelValue] = Field(default={}, description="for selection and for people")


class Capability(Model):
    """A named, typed function that the agent offers."""

    name: CapabilityName = Field(description="dotted lower-case words, `ticket.classify`")
    description: str = Field(default="", description="one line for people and planners")
    input: SchemaReference = Field(default=None, description="what every input keeps")
    output: SchemaReference = Field(default=None, description="what every output keeps")
    deprecated: str = Field(default="", description="why not to use it any more, and what to use")

    def normalised(self) -> dict[str, Any]:
        return {
            "name": self.name,
            **unless(None, input=self.input, output=self.output),
            **unless("", description=self.description, deprecated=self.deprecated),
        }


class Timing(Model):
    """How long an attempt may take."""

    deadline: DurationAboveZero = Field(default=60_000, description="an attempt that takes longer has failed")
    heartbeat: Duration = Field(default=0, description="an attempt silent for longer has failed")


class Retry(Model):
    """How often, and after what pause, a failed attempt is made again."""

    attempts: int = Field(default=1, ge=1, le=1000, description="attempts in all, the first one counted")
    delay: Duration = Field(default=0, description="pause before the second attempt")
    backoff: Literal["constant", "linear", "exponential"] = Field(
        default="exponential", description="how the pause grows"
    )
    max_delay: Duration = Field(default=0, alias="maxDelay", description="no pause is longer; 0 is no bound")
    jitter: Duration = Field(default=0, description="up to this much is added to every pause")

    def normalised(self) -> dict[str, Any]:
        return {
            **unless(1, attempts=self.attempts),
            **unless("exponential", backoff=self.backoff),
            **unless(0, delay_ms=self.delay, delay_max_ms=self.max_delay, jitter_ms=self.jitter),
        }


class Breaker(Model):
    """When the agent is not asked any more for a while, as it keeps failing."""

    failures: int = Field(default=5, ge=1, le=1000, description="so many failed attempts open the breaker")
    out_of: int = Field(
        default=0, alias="outOf", ge=0, le=1000,
        description="only the last so many attempts count; 0 for all within the time",
    )  # fmt: skip
    within: DurationAboveZero = Field(default=60_000, description="what is longer ago is forgotten")
    open_for: DurationAboveZero = Field(
        default=30_000, alias="openFor", description="how long nothing is asked until it is tried again"
    )
    probes: int = Field(
        default=1, ge=1, le=100, description="attempts that try it at once, and must succeed to close it"
    )

    @model_validator(mode="after")
    def _can_open(self) -> Breaker:
        if self.out_of and self.out_of < self.failures:
            raise refusal(
                "breaker", f"{self.failures} of {self.out_of} attempts can never fail; make `outOf` larger."
            )
        return self

    def normalised(self) -> dict[str, Any]:
        return {
            **unless(5, failures=self.failures),
            **unless(0, out_of=self.out_of),
            **unless(60_000, within_ms=self.within),
            **unless(30_000, open_ms=self.open_for),
            **unless(1, probes=self.probes),
        }


class Probe(Model):
    """Who says what became of a call that was lost."""

    capability: CapabilityName = Field(
        description="one of its own, that is told `{input, key}` and says `{status, output?}`"
    )


class Exclusive(Model):
    """How many attempts may be at work on the same, whichever runs ask for them."""

    key: Pointer = Field(
        description="JSON pointer into the input, to the value that tells what they are at work on"
    )
    limit: int = Field(default=1, ge=1, le=100_000, description="so many at once for each value")
    on_conflict: Literal["queue", "reject"] = Field(
        default="queue", alias="onConflict", description="what becomes of one more"
    )

    def normalised(self) -> dict[str, Any]:
        return {
            "key": self.key,
            **unless(1, limit=self.limit),
            **unless("queue", on_conflict=self.on_conflict),
        }


class Price(Model):
    """An amount of money."""

    usd: Money = Field(description='text such as "0.002"')


class Cost(Model):
    """What a call is expected to cost."""

    per_call: Price = Field(alias="perCall", description="what one call is expected to cost")


class Calls(Model):
    """How attempts ask for tools and other agents, and what holds where they are made again."""

    replay: Literal["matched", "strict"] = Field(
        default="matched", description="whether an attempt must ask for the same in the same order"
    )
    on_divergence: Literal["continue", "compensate", "ask", "fail"] = Field(
        default="continue",
        alias="onDivergence",
        description="what becomes of results that the last attempt did not ask for again",
    )
    park_after: Duration = Field(
        default=0,
        alias="parkAfter",
        description="an attempt that waits longer is stopped, and made again once it can go on; 0 is never",
    )

    def normalised(self) -> dict[str, Any]:
        return {
            **unless("matched", replay=self.replay),
            **unless("continue", on_divergence=self.on_divergence),
            **unless(0, park_ms=self.park_after),
        }


class FunctionRuntime(Model):
    """A Python callable, run by the worker."""

    callable: ImportPath = Field(description="import path, `module:function`")
    isolation: Literal["none", "process"] = Field(
        default="none", description="whether it gets a process of its own"
    )
    memory: Memory = Field(default=0, description="what the process may use, `512Mi`")
    python_path: list[ProcessText] = Field(
        default=["."], alias="pythonPath", description="folders that the module is looked for in"
    )

    def normalised(self, folder: str) -> dict[str, Any]:
        return {
            "type": "function",
            "callable": self.callable,
            "isolation": self.isolation,
            "memory_bytes": self.memory,
            "python_path": [_absolute(entry, folder) for entry in self.python_path],
        }


class ProcessRuntime(Model):
    """A program: JSON on its standard input, JSON on its standard output."""

    command: list[ProcessText] = Field(min_length=1, description="the program and its arguments")
    cwd: ProcessText = Field(default=".", description="folder it starts in")
    env: dict[EnvironmentName, ProcessText] = Field(
        default={}, description="variables added to its environment"
    )
    memory: Memory = Field(default=0, description="what the process may use, `512Mi`")

    @field_validator("command")
    @classmethod
    def _has_a_program(cls, command: list[str]) -> list[str]:
        if not command[0].strip():
            raise refusal("command", "The command's first item is empty; it must name a program.")
        return command

    def normalised(self, folder: str) -> dict[str, Any]:
        return {
            "type": "process",
            "command": self.command,
            "cwd": _absolute(self.cwd, folder),
            "env": self.env,
            "memory_bytes": self.memory,
        }


def _can_be_posted_to(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or not url.isprintable() or " " in url:
        raise refusal(
            "url", f"`{shown(url)}` is no URL to post to; write `http://host/path` or `https://...`."
        )
    return url


PostedTo = Annotated[str, AfterValidator(_can_be_posted_to)]


class HttpRuntime(Model):
    """A service: JSON by POST."""

    url: PostedTo = Field(description="where the input is posted to")
    headers: dict[HeaderName, HeaderValue] = Field(default={}, description="headers sent with it")

    def normalised(self, folder: str) -> dict[str, Any]:
        return {"type": "http", "url": self.url, "headers": self.headers}


class WorkerRuntime(Model):
    """Workers elsewhere: the hub starts nothing, whoever registers for it hosts it."""

    labels: dict[LabelName, LabelValue] = Field(default={}, description="labels that its workers must carry")
    regions: list[ProcessText] = Field(default=[], description="regions that its workers must stand in")

    def normalised(self, folder: str) -> dict[str, Any]:
        return {"type": "worker", **unless({}, labels=self.labels), **unless([], regions=self.regions)}


class Runtime(Model):
    """How the agent is reached: exactly one of these."""

    function: FunctionRuntime | None = Field(default=None, description="a Python callable")
    process: ProcessRuntime | None = Field(default=None, description="a program")
    http: HttpRuntime | None = Field(default=None, description="a service")
    worker: WorkerRuntime | None = Field(default=None, description="workers elsewhere, that come and go")

    @model_validator(mode="before")
    @classmethod
    def _exactly_one(cls, value: Any) -> Any:
        given = [name for name in cls.model_fields if isinstance(value, dict) and name in value]
        if isinstance(value, dict) and len(given) != 1 and not set(value) - set(cls.model_fields):
            found = " and ".join(f"`{name}`" for name in given) or "none"
            raise refusal(
                "one-runtime",
                f"Give exactly one of `function`, `process`, `http` and `worker`; there is {found}.",
            )
        return value

    @field_validator("function", "process", "http", "worker", mode="before")
    @classmethod
    def _is_given(cls, value: Any) -> Any:
        if value is None:
            raise refusal("wrong-type", "It must be an object, but it is empty.")
        return value

    @property
    def binding(self) -> FunctionRuntime | ProcessRuntime | HttpRuntime | WorkerRuntime:
        binding = self.function or self.process or self.http or self.worker
        assert binding is not None, "validation gives exactly one"
        return binding

    @property
    def concurrency(self) -> int:
        """How many attempts may run at once, where nobody says it."""
        if self.worker is not None:
            return CONCURRENCY_OF_WORKERS
        in_process = self.function is not None and self.function.isolation == "none"
        return CONCURRENCY_IN_PROCESS if in_process else CONCURRENCY_DEFAULT


# --- the kinds --------------------------------------------------------------------------------

Places = tuple[tuple[str, ...], ...]
"""Where in `spec` a JSON Schema may stand; `*` is every item of a list."""


class Resource(Model):
    """What every kind has: the form of its files, and a name and a version."""

    KIND: ClassVar[str]
    SCHEMAS: ClassVar[Places] = ()

    api_version: Literal["podium.dev/v1"] = Field(alias="apiVersion", description="always `podium.dev/v1`")
    kind: str
    metadata: Any
    spec: Any

    @property
    def name(self) -> str:
        return str(self.metadata.name)

    @property
    def version(self) -> str:
        return str(self.spec.version)

    def normalised(self, folder: str) -> dict[str, Any]:
        """The resource as the catalog holds it, as JSON; `folder` is where relative paths start from."""
        raise NotImplementedError


class AgentSpec(Model):
    """What the agent offers, how it behaves, and how it is reached."""

    version: Version = Field(description='semantic version as text, "1.0.0"')
    description: str = Field(default="", description="one line for people and planners")
    capabilities: list[Capability] = Field(min_length=1, description="what the agent offers")
    delivery: Literal["at-least-once", "at-most-once"] = Field(
        default="at-least-once", description="whether a call may be repeated after a crash"
    )
    timing: Timing = Field(default=Timing(), description="deadline and heartbeat of an attempt")
    retry: Retry = Field(default=Retry(), description="attempts and the pauses between them")
    concurrency: int | None = Field(
        default=None, ge=1, le=100_000, description="attempts that may run at once"
    )
    cost: Cost | None = Field(default=None, description="what a call is expected to cost")
    calls: Calls = Field(default=Calls(), description="how it asks for tools and other agents")
    runtime: Runtime = Field(description="exactly one of `function`, `process`, `http` and `worker`")
    deprecated: str = Field(default="", description="why not to use it any more, and what to use")
    roles: list[AgentName] = Field(default=[], description="what policies know the agent by")
    exclusive: Exclusive | None = Field(
        default=None, description="how many attempts may be at work on the same; any number, unless given"
    )
    breaker: Breaker | None = Field(
        default=None, description="when it is not asked for a while, as it keeps failing; never, unless given"
    )

    probe: Probe | None = Field(default=None, description="who says what became of a call that was lost")

    @model_validator(mode="after")
    def _offers_its_probe(self) -> AgentSpec:
        names = [capability.name for capability in self.capabilities]
        if self.probe is not None and self.probe.capability not in names:
            raise refusal("probe", f"The agent does not offer `{self.probe.capability}`; declare it, too.")
        return self

    @field_validator("concurrency", "cost", "exclusive", "breaker", "probe", mode="before")
    @classmethod
    def _is_given(cls, value: Any) -> Any:
        if value is None:
            raise refusal("wrong-type", "It is empty; give it a value or leave it out.")
        return value


class Agent(Resource):
    """A declared implementation of capabilities, in versions, with a runtime binding."""

    KIND: ClassVar[str] = "Agent"
    SCHEMAS: ClassVar[Places] = (("capabilities", "*", "input"), ("capabilities", "*", "output"))

    kind: Literal["Agent"] = Field(description="always `Agent`")
    metadata: Metadata = Field(description="name and labels")
    spec: AgentSpec = Field(description="contract and runtime binding")

    def normalised(self, folder: str) -> dict[str, Any]:
        """The agent version as JSON, as the catalog holds it; whatever has its default is left out.

        Args:
            folder: absolute folder that relative paths start from.
        Source: `facts.catalog.AgentVersion`.
        """
        spec = self.spec
        return {
            "name": self.metadata.name,
            "version": spec.version,
            "capabilities": [capability.normalised() for capability in spec.capabilities],
            "runtime": spec.runtime.binding.normalised(folder),
            **unless("at-least-once", delivery=spec.delivery),
            **unless(60_000, deadline_ms=spec.timing.deadline),
            **unless(0, heartbeat_ms=spec.timing.heartbeat, cost_nano=self._cost_nano()),
            **unless({}, retry=spec.retry.normalised(), labels=self.metadata.labels),
            **unless(CONCURRENCY_DEFAULT, concurrency=self._concurrency()),
            **unless("", description=spec.description, folder=folder, deprecated=spec.deprecated),
            **unless(None, breaker=spec.breaker.normalised() if spec.breaker else None),
            **unless("", probe=spec.probe.capability if spec.probe else ""),
            **unless([], roles=spec.roles),
            **unless(None, exclusive=spec.exclusive.normalised() if spec.exclusive else None),
            **spec.calls.normalised(),
            **unless(False, priced=spec.cost is not None),
        }

    def _cost_nano(self) -> int:
        return self.spec.cost.per_call.usd if self.spec.cost else 0

    def _concurrency(self) -> int:
        if self.spec.concurrency is not None:
            return self.spec.concurrency
        return self.spec.runtime.concurrency


class WorkflowIdentity(Model):
    """The part of a workflow's `document` that says which workflow it is."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)

    namespace: WorkflowName = Field(description="the workflow's namespace")
    name: WorkflowName = Field(description="the workflow's name")
    version: Version = Field(description='semantic version as text, "1.0.0"')


def unless(default: object, **members: Any) -> dict[str, Any]:
    """The members that do not have their default."""
    return {name: value for name, value in members.items() if value != default}


def _absolute(path: str, folder: str) -> str:
    if path.startswith("/") or not folder:
        return path
    relative = path.removeprefix("./")
    return folder if relative in ("", ".") else f"{folder.rstrip('/')}/{relative}"
