"""What the catalog holds: declared agents and workflows in the form that the hub works with."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from podium.facts.values import JSON, Delivery


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


class AgentVersion(msgspec.Struct, frozen=True, omit_defaults=True):
    """One version of a declared agent: its contract and its runtime binding.

    Attributes:
        name: unique in the catalog.
        version: semantic version.
        capabilities: what it offers; never empty.
        runtime: the binding: `{"type": "function"|"process"|"http", ...}` (see `resources.kinds`).
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


def notice_of(document: Mapping[str, JSON]) -> str:
    """Why the workflow of a document should not be used any more; "" if it may."""
    metadata = document.get("document", {}).get("metadata", {})
    notice = metadata.get("deprecated", "") if isinstance(metadata, dict) else ""
    return notice if isinstance(notice, str) else "do not use it any more" if notice else ""


class Declared(msgspec.Struct, frozen=True, omit_defaults=True):
    """One resource as it is applied: what `resources.manifest` makes of a document in a file.

    Attributes:
        kind: `Agent` or `Workflow`.
        name: the agent's name; `namespace/name` of a workflow.
        version: its semantic version.
        digest: `sha256:` and the hex digest of the canonical JSON of `spec`.
        spec: an `AgentVersion` or a `WorkflowVersion` as JSON.
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
        forced: whether it broke something; then `why` is the reason that was given.
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
