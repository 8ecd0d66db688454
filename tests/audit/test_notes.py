"""Notes, keys and checkpoints are those of C2SP, to the byte."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from podium.audit import notes
from podium.audit.notes import Checkpoint, NoteError, ShardHead, Statement
from podium.runtime.signing import Signer, verify_signature

GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1"
    "FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
"""The example of Go's `sumdb/note`, which the specification takes over."""


def test_a_note_from_elsewhere() -> None:
    key, note = notes.parse_key(GO_KEY), notes.parse(GO_NOTE)
    assert key.text == GO_KEY
    assert note.render() == GO_NOTE
    assert notes.signed_by(note, key, verify_signature)
    changed = note._replace(text=note.text.replace("think", "know"))
    assert not notes.signed_by(changed, key, verify_signature)


def checkpoint() -> Checkpoint:
    heads = (ShardHead(0, 3, b"a" * 32), ShardHead(1, 17, b"b" * 32))
    return Checkpoint("podium.dev/log/1", 5, b"c" * 32, Statement(1_700_000_000_000, heads))


def test_a_checkpoint_is_read_as_it_was_written() -> None:
    signer = Signer("podium.dev/log/1", b"s" * 32)
    note = notes.sign(checkpoint().render(), signer.key, signer)
    read = notes.parse(note.render())
    assert read == note
    assert notes.parse_checkpoint(read.text) == checkpoint()
    assert notes.signed_by(read, signer.key, verify_signature)
    other = Signer("podium.dev/log/1", b"t" * 32)
    assert not notes.signed_by(read, other.key, verify_signature)
    public = Ed25519PrivateKey.from_private_bytes(b"s" * 32).public_key().public_bytes_raw()
    assert signer.key.public == public


@pytest.mark.parametrize(
    "text",
    [
        "", "a\n", "a\n\n", "\n\n— a AAAA\n", "a\n\n— a\n", "a\n\n- a AAAAAAAA\n", "a\x07\n\n— a AAAAAAAA\n",
        "a\n\n— a AAAAAAAA", "a\n\n— a not-base64!\n",
    ],
)  # fmt: skip
def test_what_is_no_note_is_refused(text: str) -> None:
    with pytest.raises(NoteError):
        notes.parse(text)


@pytest.mark.parametrize(
    "before, after",
    [
        ("\n5\n", "\n05\n"), ("\n5\n", "\n-5\n"), ("\n5\n", "\nfive\n"), ("Y2Nj", "Y2N"),
        ("shard 0", "shard 1"),
        ("shard 1 17", "shard 1 17 1"), ("at 17", "at x17"), ("podium.dev/log/1\n", "\n"),
    ],
)  # fmt: skip
def test_what_is_no_checkpoint_is_refused(before: str, after: str) -> None:
    text = checkpoint().render()
    assert before in text
    with pytest.raises(NoteError):
        notes.parse_checkpoint(text.replace(before, after, 1))


@pytest.mark.parametrize(
    "text", ["", "a+b", GO_KEY.replace("c74f", "c74e"), GO_KEY.replace("ARpc", "CRpc"), GO_KEY[:-4]]
)
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(NoteError):
        notes.parse_key(text)
