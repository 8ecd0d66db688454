"""The stored form of records: envelope and body bytes, and their way back, old versions included.

A body starts with a codec byte: `{` is inline JSON; `BLOB` a digest of a blob that holds the JSON;
`SEALED` is encrypted: 16 bytes name the key, and what opens with it follows; an empty body belongs to an
event without one; `ERASED` was never written, as its key was destroyed. What a blob holds may be sealed, too.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from podium.facts.events import EVENTS, Body, Event, Record
from podium.facts.identity import run_bytes

BLOB = b"\x01"
SEALED = b"\x02"
ERASED = b"\x03"

_encode = msgspec.json.Encoder().encode
_envelopes = {name: msgspec.json.Decoder(kind) for name, kind in EVENTS.items()}
_bodies = {name: msgspec.json.Decoder(kind.BODY) for name, kind in EVENTS.items() if kind.BODY}

UPCASTERS: dict[tuple[str, int], Callable[[bytes, bytes], tuple[bytes, bytes]]] = {}
"""(type, stored version) to a function that lifts envelope and body to the next version."""


class UnknownRecord(Exception):
    """A record of a type or version that this release does not know: written by a newer one."""


Unseal = Callable[[bytes, bytes], bytes | None]
"""The content of sealed bytes, given them and their place; None if the key was destroyed."""


class _Place(msgspec.Struct):
    ordinal: int = msgspec.field(default=0, name="n")


_place = msgspec.json.Decoder(_Place)


def place_of(run: bytes, ordinal: int) -> bytes:
    """What a sealed body is bound to, so that it stands for no other: its run and its number there."""
    return run + ordinal.to_bytes(8, "big")


def encode(event: Event, body: Body | None) -> tuple[bytes, bytes]:
    """Envelope and inline body of an event, as JSON bytes; the body is b"" if there is none."""
    return _encode(event), _encode(body) if body is not None else b""


def decode(
    seq: int,
    run_id: str,
    kind: str,
    version: int,
    at: int,
    envelope: bytes,
    body: bytes,
    blob: Callable[[bytes], bytes],
    unseal: Unseal | None = None,
) -> Record:
    """The record that was stored.

    Args:
        blob: gives the bytes of a blob by its 32-byte digest.
        unseal: opens what is sealed; without it, that stays closed.
    Returns:
        the record; its body is None if it has none, or if it was erased or is sealed.
    Raises:
        UnknownRecord: type or version is newer than this release.
    """
    known = EVENTS.get(kind)
    if known is None or version > known.VERSION:
        raise UnknownRecord(f"record {seq} is a {kind} of version {version}: written by a newer release")
    if body[:1] == BLOB:
        body = blob(body[1:33])
    subject, erased = "", body[:1] == ERASED
    if body[:1] == SEALED:
        subject = body[1:17].hex()
        if unseal is not None:
            place = place_of(run_bytes(run_id), _place.decode(envelope).ordinal)
            opened = unseal(body, place)
            body, erased = opened or b"", opened is None
    while version < known.VERSION:
        envelope, body = UPCASTERS[kind, version](envelope, body)
        version += 1
    event = _envelopes[kind].decode(envelope)
    decoded = _bodies[kind].decode(body) if body and body[0] > 3 else None
    return Record(seq, run_id, at, event, decoded, subject, erased)
