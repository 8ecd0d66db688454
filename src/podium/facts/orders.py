"""Orders: everything that the kernel asks the host to do. Released only after the commit."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from podium.facts.policy import Reach
from podium.facts.sharing import NORMAL, Priority
from podium.facts.values import JSON, Delivery, Error


class Perform(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """Make one attempt at an effect. Released after the record that started it is durable.

    Attributes:
        run_id: the run that asked.
        task: reference of the task, `/do/0/classify`.
        effect: number of the effect in the run, from 1.
        attempt: number of the attempt, from 1.
        token: fencing token: the seq of the record that started the attempt.
        epoch: epoch of the hub that ordered it.
        kind: `agent`, `tool`, `http`, `openapi`, `process` or `emit`; what is emitted, the host tells the
            kernel as `Emitted`.
        agent: `name@version`, of a tool likewise; "" for others.
        digest: digest of the version of agent or tool; "" for others.
        capability: what is asked of the agent; a tool's name; "" for others.
        input: the agent's input; a tool's arguments; for http the request
            `{method, endpoint, headers, query, body, output, redirect, authentication}`; for openapi
            `{document, operation, parameters, output, redirect, local, authentication,
            documentAuthentication}`; for process `{what, language, code, stdin, arguments, environment,
            return}`; the event that is emitted.
        delivery: promise of the effect.
        deadline_at: kernel time in ms at which the attempt has failed; 0 for none.
        heartbeat_ms: silence after which it has failed; 0 for none.
        key: idempotency key, the same for every attempt of the effect.
        trace: W3C traceparent.
        secrets: names of those whose placeholders in `input` stand for their values.
        reach: what policy holds its connection to: `vetted` leads nowhere but to where it was let, `public`
            nor to a private address.
        again: a former hub ordered it already, and whoever has it may be at work on it.
        tenant, priority: of the run, for whoever has to let it wait.
    """

    run_id: str
    task: str
    effect: int
    attempt: int
    token: int
    epoch: int
    kind: str
    agent: str
    digest: str
    capability: str
    input: JSON
    delivery: Delivery
    deadline_at: int
    heartbeat_ms: int
    key: str
    trace: str = ""
    secrets: tuple[str, ...] = ()
    reach: Reach = ""
    again: bool = False
    tenant: str = ""
    priority: Priority = NORMAL


class Abandon(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """Stop an attempt: its reply is no longer wanted."""

    run_id: str
    effect: int
    token: int


class Recall(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """Have attempts reported as returned that were ordered and that nobody has begun.

    Attributes:
        digests: of the versions that are meant; none for all.
    """

    digests: tuple[str, ...] = ()


class Answer(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """Tell an attempt what became of something that it asked for.

    Attributes:
        number: by which the attempt knows it.
        output: what it gave; None where there is an `error`.
        deadline_at: when the attempt has failed from now on: while it waited, its time stood still.
    """

    run_id: str
    effect: int
    token: int
    number: int
    output: JSON = None
    error: Error | None = None
    deadline_at: int = 0


class Evaluate(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """Evaluate a jq program over JSON bytes. Volatile: asked again after a crash, never logged."""

    run_id: str
    program: str
    argument: bytes


Order: TypeAlias = Perform | Abandon | Recall | Answer | Evaluate
