"""Identifiers that derive from content, so that nobody needs to remember having made them."""

from __future__ import annotations

import re
from hashlib import sha256
from uuid import UUID, uuid5

import msgspec

from podium.facts.values import JSON

_RUNS = UUID("6f2c7a52-5d0c-5b0e-9f7a-3c1d3a1f9e01")


def run_id_of(tenant: str, key: str) -> str:
    """The run that an idempotency key stands for: UUID version 5 (RFC 9562) of tenant and key."""
    return str(uuid5(_RUNS, f"{tenant}\x00{key}"))


def child_run_id_of(parent: str, effect: int) -> str:
    """The run that an effect of a run starts: UUID version 5 of the parent's id and the effect."""
    return run_id_of(parent, str(effect))


def trace_id(run_id: str, tree: str, trace: str) -> str:
    """The trace that a run belongs to, 32 hex digits: that of whoever asked for it, or its own.

    Args:
        tree: the run at the top of all that led to it; "" for itself.
        trace: the W3C traceparent that it was asked for with; "" for none.
    """
    return trace[3:35] if trace else (tree or run_id).replace("-", "")


_TRACE = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def traced(given: str) -> str:
    """A W3C traceparent that can be gone on with; "" where it is none.

    Source: W3C Trace Context, "traceparent Header": one that cannot be read is left out of account.
    """
    return given if _TRACE.fullmatch(given) else ""


def digest_of(value: JSON) -> str:
    """`sha256:` and the hex digest of the value's canonical JSON (keys sorted, no spaces)."""
    return "sha256:" + sha256(msgspec.json.encode(value, order="deterministic")).hexdigest()


def run_bytes(run_id: str) -> bytes:
    """A run id as the 16 bytes it is stored as; b"" for ""."""
    return bytes.fromhex(run_id.replace("-", ""))


def run_text(stored: bytes) -> str:
    """The inverse of `run_bytes`."""
    return str(UUID(bytes=stored)) if stored else ""
