"""Signed notes and checkpoints (C2SP `signed-note`, `tlog-checkpoint`, `tlog-cosignature`) as text.

How a signature is made and checked is handed in: this floor holds no keys.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import NamedTuple

ED25519 = 1
"""The algorithm of signatures of notes, as keys name it."""

COSIGNATURE = 4
"""The algorithm of a witness's signatures: Ed25519 over a note and a time."""

_DASH = "\N{EM DASH} "


class NoteError(ValueError):
    """A text is no note, no key or no checkpoint; the message says why."""


class Key(NamedTuple):
    """A public key.

    Attributes:
        name: whose it is.
        algorithm: `ED25519` or `COSIGNATURE`.
        public: 32 bytes.
    """

    name: str
    algorithm: int
    public: bytes

    @property
    def id(self) -> bytes:
        """Four bytes by which signatures name it."""
        return sha256(self.name.encode() + b"\n" + bytes((self.algorithm,)) + self.public).digest()[:4]

    @property
    def text(self) -> str:
        """As people hand it on: `name+id+key`."""
        return f"{self.name}+{self.id.hex()}+{encode(bytes((self.algorithm,)) + self.public)}"


def parse_key(text: str) -> Key:
    """A key from its text. Raises NoteError."""
    parts = text.strip().split("+", 2)
    if len(parts) != 3:
        raise NoteError(f"{text.strip()[:60]!r} is no public key; one reads name+id+key")
    content = decode(parts[2])
    if len(content) != 33 or content[0] not in (ED25519, COSIGNATURE):
        raise NoteError(f"the public key of {parts[0]!r} is of an unknown kind")
    key = Key(parts[0], content[0], content[1:])
    if key.id.hex() != parts[1]:
        raise NoteError(f"the public key of {parts[0]!r} is damaged: its id does not match")
    return key


class Signature(NamedTuple):
    """A line below a note: who signed, with which key, and what came of it."""

    name: str
    key_id: bytes
    content: bytes


class Note(NamedTuple):
    """A text and who signed it. `text` ends with a newline."""

    text: str
    signatures: tuple[Signature, ...] = ()

    def render(self) -> str:
        return f"{self.text}\n{render_signatures(self.signatures)}"


def render_signatures(signatures: Iterable[Signature]) -> str:
    """Signatures as lines."""
    return "".join(f"{_DASH}{one.name} {encode(one.key_id + one.content)}\n" for one in signatures)


Verify = Callable[[bytes, bytes, bytes], bool]
"""Whether a public key made a signature of a message: key, message, signature."""


def sign(text: str, key: Key, signer: Callable[[bytes], bytes]) -> Note:
    """A note with one signature."""
    return Note(text, (Signature(key.name, key.id, signer(text.encode())),))


def parse(content: str) -> Note:
    """A note from its text. Raises NoteError."""
    text, gap, below = content.rpartition("\n\n")
    lines = below.split("\n")
    if not gap or not text or len(lines) < 2 or lines.pop():
        raise NoteError("this is no signed note: a text, an empty line, and lines of signatures")
    if any(ord(one) < 32 and one != "\n" for one in content):
        raise NoteError("this is no signed note: it holds control characters")
    return Note(text + "\n", parse_signatures(lines))


def parse_signatures(lines: Iterable[str]) -> tuple[Signature, ...]:
    """The signatures of lines. Raises NoteError."""
    found = []
    for line in lines:
        name, _, content = line.removeprefix(_DASH).partition(" ")
        signature = decode(content)
        if not line.startswith(_DASH) or not name or len(signature) < 5:
            raise NoteError(f"this is no signature of a note: {line[:80]!r}")
        found.append(Signature(name, signature[:4], signature[4:]))
    return tuple(found)


def signed_by(note: Note, key: Key, verify: Verify) -> bool:
    """Whether one of the signatures is this key's, and holds."""
    size = 64 if key.algorithm == ED25519 else 72
    return any(
        verify(key.public, _message(note.text, key, one), one.content[-64:])
        for one in note.signatures
        if one.name == key.name and one.key_id == key.id and len(one.content) == size
    )


def _message(text: str, key: Key, signature: Signature) -> bytes:
    if key.algorithm == ED25519:
        return text.encode()
    return f"cosignature/v1\ntime {int.from_bytes(signature.content[:-64], 'big')}\n{text}".encode()


# --- checkpoints ------------------------------------------------------------------------------------


class ShardHead(NamedTuple):
    """How far a shard had come: its records, and the root of the tree over them."""

    shard: int
    size: int
    root: bytes


class Statement(NamedTuple):
    """What a hub states of all shards at once; the leaf of the tree that checkpoints sign.

    Attributes:
        at: ms since 1970.
        heads: of every shard, by number.
    """

    at: int
    heads: tuple[ShardHead, ...]

    def render(self) -> str:
        heads = (f"shard {one.shard} {one.size} {encode(one.root)}\n" for one in self.heads)
        return f"at {self.at}\n{''.join(heads)}"


def parse_statement(text: str) -> Statement:
    """A statement from its text. Raises NoteError."""
    lines = text.split("\n")
    if lines.pop() or not lines or not lines[0].startswith("at "):
        raise NoteError("this is no statement: it begins with `at` and a time, and ends with a newline")
    heads = []
    for line in lines[1:]:
        words = line.split(" ")
        if len(words) != 4 or words[0] != "shard":
            raise NoteError(f"this is no shard of a statement: {line[:80]!r}")
        heads.append(ShardHead(_number(words[1]), _number(words[2]), _hash(words[3])))
    if [one.shard for one in heads] != sorted({one.shard for one in heads}):
        raise NoteError("the shards of a statement stand in the order of their numbers, each once")
    return Statement(_number(lines[0].removeprefix("at ")), tuple(heads))


class Checkpoint(NamedTuple):
    """What is signed: the log's name, how many statements there are, the root over them, and the last one."""

    origin: str
    size: int
    root: bytes
    statement: Statement

    def render(self) -> str:
        return f"{self.origin}\n{self.size}\n{encode(self.root)}\n{self.statement.render()}"


def parse_checkpoint(text: str) -> Checkpoint:
    """A checkpoint from the text of its note. Raises NoteError."""
    lines = text.split("\n", 3)
    if len(lines) != 4 or not lines[0]:
        raise NoteError("this is no checkpoint: a name, a size and a root are needed, each on its line")
    return Checkpoint(lines[0], _number(lines[1]), _hash(lines[2]), parse_statement(lines[3]))


def proof_lines(proof: Sequence[bytes]) -> str:
    """A proof as lines of text."""
    return "".join(f"{encode(hash)}\n" for hash in proof)


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or (text[0] == "0" and text != "0"):
        raise NoteError(f"this is no number: {text[:40]!r}")
    return int(text)


def _hash(text: str) -> bytes:
    hash = decode(text)
    if len(hash) != 32:
        raise NoteError(f"this is no hash: {text[:60]!r}")
    return hash


def encode(content: bytes) -> str:
    """Base64."""
    return base64.b64encode(content).decode()


def decode(text: str) -> bytes:
    """The bytes of base64. Raises NoteError."""
    try:
        return base64.b64decode(text.encode(), validate=True)
    except (binascii.Error, ValueError):
        raise NoteError(f"this is no base64: {text[:60]!r}") from None
