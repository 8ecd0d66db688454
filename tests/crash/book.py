"""What was noted outside of any hub: what agents did, and what clients were told."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec


class Performed(msgspec.Struct, frozen=True):
    """A line of the agents' book.

    Attributes:
        at: ms since 1970.
        key: of the effect; the same for every attempt at it.
        n: the number that its run was given.
    """

    at: int
    agent: str
    key: str
    attempt: int
    run: str
    n: int
    output: Any
    pid: int


_decode = msgspec.json.Decoder(Performed).decode


def performed(path: Path) -> list[Performed]:
    """All that agents did. A last line without an end was never finished, and its effect never done."""
    if not path.exists():
        return []
    return [_decode(line) for line in path.read_bytes().split(b"\n")[:-1]]


class Promises:
    """What clients were told, kept on disk before they rely on it.

    Attributes:
        accepted: run id to idempotency key.
        ended: run id to how it ended.
    """

    def __init__(self, path: Path) -> None:
        self.accepted: dict[str, str] = {}
        self.ended: dict[str, Any] = {}
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def note_accepted(self, run_id: str, key: str) -> None:
        """Raises AssertionError where one key stands for two runs."""
        known = self.accepted.setdefault(run_id, key)
        assert known == key, f"run {run_id} stands for the keys {known} and {key}"
        self._write({"accepted": run_id, "key": key})

    def note_ended(self, run_id: str, status: str, output: Any) -> None:
        """Raises AssertionError where a run that ended once ends otherwise."""
        how = [status, output]
        known = self.ended.setdefault(run_id, how)
        assert known == how, f"run {run_id} ended as {known}, and later as {how}"
        self._write({"ended": run_id, "how": how})

    def close(self) -> None:
        os.close(self._file)

    def _write(self, line: dict[str, Any]) -> None:
        os.write(self._file, msgspec.json.encode(line) + b"\n")
        os.fsync(self._file)
