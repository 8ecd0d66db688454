"""What is declared, recorded and remembered about failing: circuit breakers."""

from __future__ import annotations

import msgspec

BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN = "closed", "open", "half_open"


class BreakerTerms(msgspec.Struct, frozen=True, omit_defaults=True):
    """When nothing is asked any more of an agent version that keeps failing, and for how long.

    Attributes:
        failures: so many open the breaker.
        out_of: only the last so many attempts count; 0 for all within the time.
        within_ms: only attempts that came back not longer ago count.
        open_ms: so long nothing is asked; then it is tried whether it works again.
        probes: so many attempts at once try that; so many that succeed close the breaker, and one that fails
            opens it again.
    """

    failures: int = 5
    out_of: int = 0
    within_ms: int = 60_000
    open_ms: int = 30_000
    probes: int = 1


class Counted(msgspec.Struct, frozen=True, array_like=True):
    """What a record of an attempt that came back means for the breaker of its performer.

    Attributes:
        digest: of the agent version.
        agent: its `name@version`.
        failed: whether it counts as a failure.
        within_ms: what is longer ago is forgotten with it.
        keep: so many outcomes are remembered.
    """

    digest: str
    agent: str
    failed: bool
    within_ms: int
    keep: int


class Breaker(msgspec.Struct, omit_defaults=True):
    """The breaker of an agent version of which there is anything to remember.

    Attributes:
        agent: `name@version`.
        status: `closed`, `open` or `half_open`.
        outcomes: while it is closed: when attempts came back, and whether they failed, oldest first.
        seq: the record by which it has its status; `at` the time of that.
        until: while it is open: when it is tried again.
        probes: while it is half open: how many may run at once, and must succeed.
        succeeded: how many did.
        reason: why it opened.
    """

    agent: str
    status: str = BREAKER_CLOSED
    outcomes: list[tuple[int, bool]] = []
    seq: int = 0
    at: int = 0
    until: int = 0
    probes: int = 0
    succeeded: int = 0
    reason: str = ""
