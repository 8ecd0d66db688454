"""The key that signs checkpoints: made at first need, kept in the state folder, for this user alone."""

from __future__ import annotations

import os
from pathlib import Path

from podium.audit.notes import ED25519, Key, NoteError, decode, encode, parse_key
from podium.store.interface import StoreError, Unwritable

KEY = "audit.key"
"""The file of the private key in the state folder."""

PUBLIC_KEY = "audit.pub"
"""The file of the public key, to be handed on."""

_PREFIX = "PRIVATE+KEY+"


def origin_of(identity: str) -> str:
    """The name of the log with this identity, as checkpoints give it."""
    return f"podium.dev/log/{identity}"


class Signer:
    """Signs as the log. `key` is what others check it with."""

    def __init__(self, name: str, seed: bytes) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        private = Ed25519PrivateKey.from_private_bytes(seed)
        self.key = Key(name, ED25519, private.public_key().public_bytes_raw())
        self._private = private

    def __call__(self, message: bytes) -> bytes:
        return self._private.sign(message)


def signer_of(folder: Path, origin: str) -> Signer:
    """The signer of the log in a state folder; its key is made if there is none.

    Raises:
        Unwritable: the key can be neither read nor made.
        StoreError: the file holds no key of this log.
    """
    path = folder / KEY
    try:
        if not path.exists():
            _make(path, origin)
        signer = Signer(origin, _seed(path, origin))
        public = folder / PUBLIC_KEY
        if not public.exists() or public.read_text(encoding="utf-8").strip() != signer.key.text:
            public.write_text(f"{signer.key.text}\n", encoding="utf-8")
    except OSError as error:
        raise Unwritable(f"the key that signs checkpoints, {path}: {error.strerror}") from error
    return signer


def public_key(folder: Path) -> Key | None:
    """The key that the checkpoints of a state folder are checked with; None if there is none yet.

    Raises:
        StoreError: the file holds no key, or cannot be read.
    """
    path = folder / PUBLIC_KEY
    try:
        return parse_key(path.read_text(encoding="utf-8")) if path.exists() else None
    except (OSError, UnicodeDecodeError, NoteError) as error:
        raise StoreError(f"{path} holds no public key: {error}") from error


def verify_signature(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether an Ed25519 signature holds."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _make(path: Path, origin: str) -> None:
    seed = os.urandom(32)
    public = Signer(origin, seed).key
    text = f"{_PREFIX}{origin}+{public.id.hex()}+{encode(bytes((ED25519,)) + seed)}\n"
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)


def _seed(path: Path, origin: str) -> bytes:
    parts = path.read_text(encoding="utf-8").strip().removeprefix(_PREFIX).split("+", 2)
    try:
        content = decode(parts[2]) if len(parts) == 3 else b""
    except NoteError:
        content = b""
    if len(content) != 33 or content[0] != ED25519:
        raise StoreError(
            f"{path} holds no key that signs checkpoints; restore it, or move it away for a new one"
        )
    if parts[0] != origin:
        raise StoreError(f"{path} is the key of another log, {parts[0]}; this one is {origin}")
    return content[1:]
