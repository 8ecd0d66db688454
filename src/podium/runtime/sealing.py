"""Sealing: bytes that open with the key of a subject alone, each bound to its place.

A sealed text is the codec byte, the 16 bytes that name the key, a nonce of 12, and AES-256-GCM over the
content with the place as associated data. A nonce is random, so a key is good for 2^32 texts: more than one
subject will ever have.
"""

from __future__ import annotations

from collections.abc import Callable
from os import urandom
from typing import Protocol

import msgspec

from podium.facts.identity import run_bytes
from podium.facts.stored import ERASED, SEALED
from podium.kernel.state import Run
from podium.store.interface import Corrupted, StoreError

NONCE_BYTES = 12
_NAMED = 17
_TEXT = _NAMED + NONCE_BYTES

_encode = msgspec.json.Encoder().encode
_decode_run = msgspec.json.Decoder(Run).decode

CLEAR = (
    "id", "workflow", "digest", "status", "key", "principal", "frame_last", "effect_last", "ordinal", "seq",
    "started_at", "ended_at", "deadline_at", "cost_nano", "parent", "parent_task", "parent_effect", "root",
    "depth", "tree", "subject", "planned",
)  # fmt: skip
"""What can be read without its key of a sealed run that is out of memory: nothing that payloads gave."""


class Cipher(Protocol):
    """AES-GCM with one key."""

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes: ...
    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes: ...


class Keys(Protocol):
    """Who has the keys of subjects."""

    def cipher(self, subject: str) -> Cipher | None:
        """What seals with a key; None if it was destroyed.

        Raises:
            StoreError: nobody knows this key, or it cannot be read.
        """


class NoKeys:
    """For logs in which nothing is sealed."""

    def cipher(self, subject: str) -> Cipher | None:
        raise StoreError(f"the key {subject} is needed, and there are no keys here")


class Sealing:
    """Seals and opens with the keys of subjects.

    Args:
        nonces: gives so many bytes that it never gave before.
    """

    def __init__(self, keys: Keys, nonces: Callable[[int], bytes] = urandom) -> None:
        self._keys, self._nonces = keys, nonces

    def seal(self, subject: str, place: bytes, content: bytes) -> bytes:
        """Content, sealed. What is about somebody who was erased meanwhile is not kept: it gives `ERASED`."""
        cipher = self._keys.cipher(subject)
        if cipher is None:
            return ERASED
        nonce = self._nonces(NONCE_BYTES)
        return b"".join((SEALED, bytes.fromhex(subject), nonce, cipher.encrypt(nonce, content, place)))

    def unseal(self, sealed: bytes, place: bytes) -> bytes | None:
        """The content of sealed bytes; None if their key was destroyed.

        Raises:
            Corrupted: it was changed, or stood elsewhere.
            StoreError: the key cannot be had.
        """
        subject = sealed[1:_NAMED].hex()
        cipher = self._keys.cipher(subject)
        if cipher is None:
            return None
        from cryptography.exceptions import InvalidTag

        try:
            return cipher.decrypt(sealed[_NAMED:_TEXT], sealed[_TEXT:], place)
        except InvalidTag:
            raise Corrupted(
                f"what is sealed with the key {subject} was changed, or belongs elsewhere"
            ) from None

    # --- runs ----------------------------------------------------------------------------------------

    def freeze(self, run: Run) -> bytes:
        """A run as it is kept out of memory; of one that is sealed, `CLEAR` stands before the rest."""
        if not run.subject:
            return _encode(run)
        clear = _encode(cleared(run))
        sealed = self.seal(run.subject, _frozen(run.id, run.seq), _encode(run))
        return b"".join((SEALED, len(clear).to_bytes(4, "big"), clear, sealed))

    def thaw(self, run_id: str, seq: int, state: bytes) -> tuple[Run, bool]:
        """The inverse of `freeze`; of a run that was erased, what is `CLEAR` is all there is.

        Returns:
            the run, and whether it was erased.
        """
        if state[:1] != SEALED:
            return _decode_run(state), False
        clear = clear_of(state)
        sealed = state[5 + len(clear) :]
        opened = self.unseal(sealed, _frozen(run_id, seq)) if sealed[:1] == SEALED else None
        return _decode_run(opened if opened is not None else clear), opened is None


def clear_of(state: bytes) -> bytes:
    """The JSON of a frozen run, as far as it can be read without a key."""
    return state if state[:1] != SEALED else state[5 : 5 + int.from_bytes(state[1:5], "big")]


def cleared(run: Run) -> Run:
    """What is left of a run that was erased."""
    return Run(**{name: getattr(run, name) for name in CLEAR})


def _frozen(run_id: str, seq: int) -> bytes:
    """The place of a whole run, as of a record."""
    return b"".join((b"run", run_bytes(run_id), seq.to_bytes(8, "big")))


UNSEALED = Sealing(NoKeys())
"""For logs in which nothing is sealed."""
