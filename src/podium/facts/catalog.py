"""What the catalog holds: declared resources in the form that the hub works with."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from podium.facts.policy_version import PolicyVersion
from podium.facts.recovery import BreakerTerms
from podium.facts.schedules import ScheduleVersion
from podium.facts.values import JSON, Delivery

WORKER = "worker"
"""The type of the runtime of what workers host that come and go."""

SINK = "sink"
"""The type of the runtime of what sends events to subscribers."""

DELIVERIES = "subscriptions"
"""The namespace of the workflows that send events to subscribers, and the first word of their tools."""


class Capability(msgspec.Struct, frozen=True, omit_defaults=True):
    """A named, typed function that an agent offers.

    Attributes:
        name: `ticket.classify`.
        input: JSON Schema 2020-12 that every input keeps; None accepts anything.
        output: JSON Schema 2020-12 that every output keeps; None accepts anything.
        description: one line for people and planners.
        deprecated: why it should not be used any more, and what to use; "" if it may.
    """

    name: str
    input: JSON = None
    output: JSON = None
    description: str = ""
    deprecated: str = ""


class Retry(msgspec.Struct, frozen=True, omit_defaults=True):
    """How often, and after what pause, a failed attempt is made again.

    Attributes:
        attempts: attempts in all, from 1.
        delay_ms: pause before the second attempt.
        backoff: how the pause grows: `constant`, `linear` or `exponential` (doubling).
        delay_max_ms: the pause never exceeds this; 0 is no bound.
        jitter_ms: up to this much is added to every pause.
    """

    attempts: int = 1
    delay_ms: int = 0
    backoff: str = "exponential"
    delay_max_ms: int = 0
    jitter_ms: int = 0


class Exclusive(msgspec.Struct, frozen=True, omit_defaults=True):
    """How many attempts may be at work on the same, whichever runs ask for them.

    Attributes:
        key: JSON pointer into the input, to the value that tells what they are at work on.
        limit: so many at once for each value.
        on_conflict: `queue` or `reject` one more.
    """

    key: str
    limit: int = 1
    on_conflict: str = "queue"


class AgentVersion(msgspec.Struct, frozen=True, omit_defaults=True):
    """One version of a declared agent: its contract and its runtime binding.

    Attributes:
        name: unique in the catalog.
        version: semantic version.
        capabilities: what it offers; never empty.
        runtime: the binding: `{"type": "function"|"process"|"http"|"worker", ...}` (see `resources.kinds`).
        delivery: `at-least-once` or `at-most-once`.
        deadline_ms: an attempt that takes longer has failed.
        heartbeat_ms: an attempt silent for longer has failed; 0 asks for no heartbeat.
        retry: the contract's retries.
        concurrency: attempts of this version that may run at once.
        cost_nano: estimated cost of one call, in nano-units of the account's currency.
        labels: for selection and for people.
        description: one line for people and planners.
        folder: absolute folder that relative paths in `runtime` start from.
        deprecated: why it should not be used any more, and what to use; "" if it may.
        breaker: when it is not asked any more for a while, as it keeps failing; None for never.
        probe: the capability that says what became of a call; it is told `{input, key}` of that. "" for none.
        replay: how an attempt is held to what earlier ones asked for: `matched`, it finds each result again
            by what it asks for; or `strict`, it must ask for the same in the same order.
        on_divergence: what becomes of results that the last attempt did not ask for: `continue`,
            `compensate`, `ask` or `fail`.
        park_ms: an attempt that waits longer for what it asked for is stopped, and made again when that is
            there; 0 lets it wait.
        roles: what policies know it by.
        priced: whether somebody said what a call costs, be it nothing.
        exclusive: how many attempts may be at work on the same; None for any number.
    """

    name: str
    version: str
    capabilities: tuple[Capability, ...]
    runtime: dict[str, JSON]
    delivery: Delivery = "at-least-once"
    deadline_ms: int = 60_000
    heartbeat_ms: int = 0
    retry: Retry = Retry()
    concurrency: int = 4
    cost_nano: int = 0
    labels: dict[str, str] = {}
    description: str = ""
    folder: str = ""
    deprecated: str = ""
    breaker: BreakerTerms | None = None
    probe: str = ""
    replay: str = "matched"
    on_divergence: str = "continue"
    park_ms: int = 0
    roles: tuple[str, ...] = ()
    priced: bool = False
    exclusive: Exclusive | None = None


class Egress(msgspec.Struct, frozen=True, omit_defaults=True):
    """Somewhere outside that a tool reaches.

    Attributes:
        host: name or address; "" where `argument` says where it stands.
        scheme, port, method: of the request; port 0 is the scheme's own, method "" is any.
        region: where the host stands; "" if that is not said.
        argument: JSON pointer into the arguments, to the URL that is reached; "" for a fixed host.
    """

    host: str = ""
    scheme: str = "https"
    port: int = 0
    method: str = ""
    region: str = ""
    argument: str = ""


class Related(msgspec.Struct, frozen=True, omit_defaults=True):
    """Another tool that is called for one: `name` or `name@version`.

    `args` is what it gets, a value that may hold expressions in `${ }`; None for all that there is to tell.
    """

    tool: str
    args: JSON = None


class ToolVersion(msgspec.Struct, frozen=True, omit_defaults=True):
    """One version of a declared tool: what it takes and gives, what it does to the world, and its binding.

    Attributes:
        name: unique in the catalog, `payments.refund`.
        version: semantic version.
        runtime: the binding, as an agent has it.
        side_effect: `none`, `read`, `write` or `irreversible`.
        args: JSON Schema 2020-12 that all arguments keep; None accepts anything.
        result: JSON Schema 2020-12 that every result keeps; None accepts anything.
        risk: from 0, harmless, to 5.
        groups: groups that policies can name.
        result_labels: labels that everything it gives carries.
        egress: what it reaches outside.
        undo: the tool that undoes a call; it is told `{input, output}` of that.
        probe: the tool that tells what became of a call; it is told `{input, key}` of that.
        delivery, breaker, deadline_ms, heartbeat_ms, retry, concurrency, cost_nano, labels, description,
            folder, deprecated, priced: as of an agent.
    """

    name: str
    version: str
    runtime: dict[str, JSON]
    side_effect: str
    args: JSON = None
    result: JSON = None
    risk: int = 0
    groups: tuple[str, ...] = ()
    result_labels: tuple[str, ...] = ()
    egress: tuple[Egress, ...] = ()
    undo: Related | None = None
    probe: Related | None = None
    delivery: Delivery = "at-least-once"
    deadline_ms: int = 60_000
    heartbeat_ms: int = 0
    retry: Retry = Retry()
    concurrency: int = 4
    cost_nano: int = 0
    labels: dict[str, str] = {}
    description: str = ""
    folder: str = ""
    deprecated: str = ""
    priced: bool = False
    breaker: BreakerTerms | None = None

    def performer(self) -> AgentVersion:
        """The tool as whoever performs it sees it: an agent with one capability, which has its name."""
        offered = Capability(self.name, self.args, self.result, self.description, self.deprecated)
        return AgentVersion(
            self.name, self.version, (offered,), self.runtime, self.delivery, self.deadline_ms,
            self.heartbeat_ms, self.retry, self.concurrency, self.cost_nano, self.labels, self.description,
            self.folder, self.deprecated, self.breaker, priced=self.priced,
        )  # fmt: skip


class WorkflowVersion(msgspec.Struct, frozen=True, omit_defaults=True):
    """One declared workflow: its identity, and the document it was declared by."""

    namespace: str
    name: str
    version: str
    document: dict[str, JSON]

    @property
    def deprecated(self) -> str:
        """The notice of `document.metadata.deprecated`; "" if there is none."""
        return notice_of(self.document)


class SubscriptionVersion(msgspec.Struct, frozen=True, omit_defaults=True):
    """One version of a declared subscription: which lifecycle events of runs are sent where.

    Attributes:
        name: unique in the catalog.
        version: semantic version.
        sink: the URL that they are posted to.
        types: types of events; with a `*` at its end, all that begin so.
        workflows: of which workflows, `namespace/name` or `namespace/*`; empty for all.
        match: labels that a run must carry.
        mode: `structured` or `binary`, as the HTTP binding of CloudEvents has them.
        secret: the secret that signs them; "" for none.
        headers: sent with each; may name variables of the hub as `${NAME}`.
        deadline_ms, retry, concurrency, labels, description: as of an agent.
    """

    name: str
    version: str
    sink: str
    types: tuple[str, ...]
    workflows: tuple[str, ...] = ()
    match: dict[str, str] = {}
    mode: str = "structured"
    secret: str = ""
    headers: dict[str, str] = {}
    deadline_ms: int = 30_000
    retry: Retry = Retry()
    concurrency: int = 8
    labels: dict[str, str] = {}
    description: str = ""

    @property
    def tool(self) -> ToolVersion:
        """What sends one event, as policies see it and whoever performs it."""
        url = urlsplit(self.sink)
        reached = Egress(url.hostname or "", url.scheme, url.port or 0, "POST")
        return ToolVersion(
            f"{DELIVERIES}.{self.name}", self.version,
            {"type": SINK, "url": self.sink, "headers": self.headers, "mode": self.mode}, "none",
            egress=(reached,), deadline_ms=self.deadline_ms, retry=self.retry, concurrency=self.concurrency,
            labels=self.labels, description=self.description,
        )  # fmt: skip

    @property
    def workflow(self) -> WorkflowVersion:
        """What is run for each event. Runs that are under way go by it: it never changes for a version."""
        signed = {"secret": f'${{ $secrets["{self.secret}"] }}'} if self.secret else {}
        sent = {"event": "${ . }", **signed}
        tool = f"{DELIVERIES}.{self.name}@{self.version}"
        call = {"call": "tool", "with": {"tool": tool, "args": "${ . }", "onFailure": "deadLetter"}}
        document: dict[str, JSON] = {
            "document": {
                "dsl": "1.0.3", "namespace": DELIVERIES, "name": self.name, "version": self.version,
            },
            "do": [{"send": {"input": {"from": sent}, **call}}],
        }  # fmt: skip
        if self.secret:
            document["use"] = {"secrets": [self.secret]}
        return WorkflowVersion(DELIVERIES, self.name, self.version, document)


def notice_of(document: Mapping[str, JSON]) -> str:
    """Why the workflow of a document should not be used any more; "" if it may."""
    metadata = document.get("document", {}).get("metadata", {})
    notice = metadata.get("deprecated", "") if isinstance(metadata, dict) else ""
    return notice if isinstance(notice, str) else "do not use it any more" if notice else ""


VERSIONS: dict[str, type[msgspec.Struct]] = {
    "Agent": AgentVersion,
    "Tool": ToolVersion,
    "Policy": PolicyVersion,
    "Schedule": ScheduleVersion,
    "Subscription": SubscriptionVersion,
    "Workflow": WorkflowVersion,
}
"""What the catalog holds of each kind of resource."""


class Declared(msgspec.Struct, frozen=True, omit_defaults=True):
    """One resource as it is applied: what `resources.manifest` makes of a document in a file.

    Attributes:
        kind: one of `VERSIONS`.
        name: the resource's name; `namespace/name` of a workflow.
        version: its semantic version.
        digest: `sha256:` and the hex digest of the canonical JSON of `spec`.
        spec: what `VERSIONS` has for the kind, as JSON.
    """

    kind: str
    name: str
    version: str
    digest: str
    spec: dict[str, JSON]


class Revision(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of a resource at one moment.

    Attributes:
        revision: count of the catalog's changes up to this one.
        at: ms since 1970.
        action: `applied` or `deleted`.
        forced: whether it broke something.
        why: the reason that was given; what is forced takes one.
    """

    kind: str
    name: str
    version: str
    digest: str
    revision: int
    at: int
    principal: str
    action: str
    forced: bool = False
    why: str = ""
