"""Places outside the state folder that keep checkpoints: a folder, a git folder, a witness.

A place that keeps the last checkpoint refuses one that does not follow it: so it finds a log that was
rewritten, or that is an older copy, when the next checkpoint comes.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from podium.audit.merkle import consistency, root
from podium.audit.notes import (
    COSIGNATURE,
    Key,
    Note,
    NoteError,
    Signature,
    Verify,
    parse,
    parse_checkpoint,
    parse_key,
    parse_signatures,
    proof_lines,
    signed_by,
)
from podium.audit.tiles import TileNodes
from podium.runtime.growth import tiles_of
from podium.store.interface import STATEMENTS, Reader

GIT_S = 30.0
WITNESS_S = 10.0
REPLY_BYTES_MAX = 64 * 1024


class SinkError(Exception):
    """A checkpoint did not reach a place; the message says why."""


class History:
    """The tree over the statements up to one, and what it proves of earlier ones."""

    def __init__(self, reader: Reader, size: int) -> None:
        self.size = size
        self._nodes = TileNodes(tiles_of(reader, STATEMENTS, size))

    def root(self, size: int) -> bytes:
        return root(self._nodes, size)

    def proof(self, old: int) -> list[bytes]:
        """That the first `old` statements are a prefix of all."""
        return consistency(self._nodes, old, self.size)


class Sink(Protocol):
    """A place that keeps checkpoints.

    Attributes:
        name: as it was given.
    """

    name: str

    def deliver(self, note: Note, key: Key, history: History) -> Sequence[Signature]:
        """Hand a checkpoint over; one that is there already is left alone.

        Args:
            key: the log's.
        Returns:
            signatures that the place adds.
        Raises:
            SinkError: it is not there.
        """


class Given(NamedTuple):
    """A place as people name it: kind `folder`, `git` or `witness`, where, and the witness's key."""

    kind: str
    where: str
    key: Key | None = None


def parse_sink(text: str) -> Given:
    """`/folder`, `git:/folder`, or `https://witness` with its key behind a space. Raises ValueError."""
    where, _, key = text.strip().partition(" ")
    if where.startswith(("https://", "http://")):
        try:
            parsed = parse_key(key) if key else None
        except NoteError as error:
            raise ValueError(f"of the witness {where}: {error}") from None
        if parsed is not None and parsed.algorithm != COSIGNATURE:
            raise ValueError(f"the key given for the witness {where} is not that of a witness")
        return Given("witness", where.rstrip("/"), parsed)
    kind, where = ("git", text.strip()[4:]) if text.strip().startswith("git:") else ("folder", text.strip())
    if not where or "://" in where:
        raise ValueError(
            f"{text!r} is no place for checkpoints: a folder, `git:` and a folder, or a witness's URL"
        )
    return Given(kind, str(Path(where).expanduser().absolute()))


def sink_of(given: Given, verify: Verify) -> Sink:
    if given.kind == "witness":
        return Witness(given.where, given.key, verify)
    return Git(Path(given.where)) if given.kind == "git" else Folder(Path(given.where))


class Folder:
    """A folder, with one of its own for each log: every checkpoint by its number, and the last one.

    The log's public key lies beside them.
    """

    def __init__(self, where: Path) -> None:
        self.name = str(where)
        self._where = where

    def deliver(self, note: Note, key: Key, history: History) -> Sequence[Signature]:
        try:
            self._keep(note, key, history)
        except (OSError, UnicodeDecodeError) as error:
            raise SinkError(f"{self.name}: {getattr(error, 'strerror', None) or error}") from error
        return ()

    def _keep(self, note: Note, key: Key, history: History) -> None:
        if not self._where.is_dir():
            raise SinkError(f"there is no folder {self.name}")
        folder = self._where / key.name.rpartition("/")[2]
        folder.mkdir(exist_ok=True)
        last = folder / "checkpoint"
        if last.exists() and not self._follows(last.read_text(encoding="utf-8"), note, key, history):
            return
        _write(folder / "key", f"{key.text}\n")
        _write(folder / f"{history.size:08}.checkpoint", note.render())
        _write(last, note.render())
        self._kept(folder, history.size)

    def _follows(self, last: str, note: Note, key: Key, history: History) -> bool:
        """Whether the checkpoint is newer than the last one there. Raises SinkError where it cannot be."""
        try:
            known = parse(last)
            before = parse_checkpoint(known.text)
        except NoteError as error:
            raise SinkError(f"{self.name}: its last checkpoint cannot be read: {error}") from None
        if not any(one.key_id == key.id for one in known.signatures):
            raise SinkError(f"{self.name}: its last checkpoint is signed by another key than this log's")
        if before.size > history.size:
            message = f"{self.name} knows {before.size} statements of this log, which has {history.size}"
            raise SinkError(f"{message}: statements were lost, or this is an older copy of the log")
        if history.root(before.size) != before.root:
            message = (
                f"{self.name}: its last checkpoint, of statement {before.size}, is not of this log's past"
            )
            raise SinkError(f"{message}: the log was rewritten, or another copy of it goes on elsewhere")
        return before.size < history.size or known.render() != note.render()

    def _kept(self, folder: Path, number: int) -> None:
        """For what follows in other kinds of folders."""


class Git(Folder):
    """A folder in a git work tree: every checkpoint is committed."""

    def __init__(self, where: Path) -> None:
        super().__init__(where)
        self.name = f"git:{where}"

    def _kept(self, folder: Path, number: int) -> None:
        self._git("add", "--", folder.name)
        identity = ("-c", "user.name=podium", "-c", "user.email=podium@localhost")
        if self._git("status", "--porcelain", "--", folder.name):
            self._git(
                *identity, "commit", "-q", "-m", f"checkpoint {number} of {folder.name}", "--", folder.name
            )

    def _git(self, *arguments: str) -> str:
        try:
            done = subprocess.run(
                ("git", "-C", str(self._where), *arguments), check=False, capture_output=True, text=True,
                timeout=GIT_S, stdin=subprocess.DEVNULL, env={**os.environ, "GIT_TERMINAL_PROMPT": "0"},
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            raise SinkError(f"{self.name}: git does not run: {error}") from error
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines()
            raise SinkError(f"{self.name}: git {arguments[0]}: {said[-1] if said else done.returncode}")
        return done.stdout.strip()


class Witness:
    """A witness by C2SP `tlog-witness`: it signs what follows from all that it signed before.

    Args:
        key: the witness's, for checking what it signs; None to take its signatures unchecked.
    """

    def __init__(self, url: str, key: Key | None, verify: Verify) -> None:
        self.name = url
        self._key, self._verify = key, verify
        self._known = 0

    def deliver(self, note: Note, key: Key, history: History) -> Sequence[Signature]:
        if self._known >= history.size:
            return ()
        status, text = self._ask(note, history)
        if status == 409:
            self._known = self._told(text, history)
            status, text = self._ask(note, history)
        if status != 200:
            raise SinkError(f"{self.name} refuses the checkpoint ({status}): {text.strip()[:200]}")
        signatures = self._checked(note, text)
        self._known = history.size
        return signatures

    def _ask(self, note: Note, history: History) -> tuple[int, str]:
        import httpx2

        proof = proof_lines(history.proof(self._known)) if self._known else ""
        body = f"old {self._known}\n{proof}\n{note.render()}"
        try:
            with httpx2.Client(timeout=WITNESS_S) as client:
                reply = client.post(f"{self.name}/add-checkpoint", content=body.encode())
                return reply.status_code, reply.content[:REPLY_BYTES_MAX].decode()
        except (httpx2.HTTPError, httpx2.InvalidURL, UnicodeDecodeError) as error:
            raise SinkError(f"{self.name}: {error or type(error).__name__}") from error

    def _told(self, text: str, history: History) -> int:
        """How many statements the witness knows."""
        size = int(text) if text.strip().isdigit() else -1
        if size > history.size:
            message = f"{self.name} knows {size} statements of this log, which has {history.size}"
            raise SinkError(f"{message}: statements were lost, or this is an older copy of the log")
        if size < 0:
            raise SinkError(f"{self.name} does not say how many statements it knows: {text.strip()[:200]}")
        return size

    def _checked(self, note: Note, text: str) -> Sequence[Signature]:
        try:
            signatures = parse_signatures(text.splitlines())
        except NoteError as error:
            raise SinkError(f"{self.name}: {error}") from None
        if self._key is not None and not signed_by(Note(note.text, signatures), self._key, self._verify):
            raise SinkError(f"{self.name} did not sign the checkpoint with the key that it is known by")
        return signatures


def _write(path: Path, text: str) -> None:
    """Replace a file by one with this text, durably."""
    if path.exists() and path.read_bytes() == text.encode():
        return
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with draft.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)
