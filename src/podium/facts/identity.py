"""Identifiers that derive from content, so that nobody needs to remember having made them."""

from __future__ import annotations

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


def digest_of(value: JSON) -> str:
    """`sha256:` and the hex digest of the value's canonical JSON (keys sorted, no spaces)."""
    return "sha256:" + sha256(msgspec.json.encode(value, order="deterministic")).hexdigest()


def run_bytes(run_id: str) -> bytes:
    """A run id as the 16 bytes it is stored as; b"" for ""."""
    return bytes.fromhex(run_id.replace("-", ""))


def run_text(stored: bytes) -> str:
    """The inverse of `run_bytes`."""
    return str(UUID(bytes=stored)) if stored else ""
