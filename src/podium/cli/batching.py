"""`batch`: lines of JSON in, a durable run for each, lines of JSON out as they end."""

from __future__ import annotations

import json
import sys
import threading
from concurrent.futures import Future
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from cyclopts import Parameter

from podium.cli import hubs
from podium.cli.exits import Exit, Stop
from podium.cli.options import Options
from podium.cli.output import say

if TYPE_CHECKING:
    from podium.cli.hubs import Attached
    from podium.sdk.client import Run

Given = Annotated[Options, Parameter(parse=False)]
Row = dict[str, Any]

IN_FLIGHT_MAX = 256

LINE_BYTES_MAX = 64 * 1024 * 1024

KEY = "batch/"
"""The idempotency key of a line is this and its id."""

_CODES = {"completed": Exit.OK, "refused": Exit.USAGE, "conflict": Exit.CONFLICT}
_WORST_FIRST = (Exit.USAGE, Exit.CONFLICT, Exit.FAILED)


def batch(
    *paths: Path, in_flight: Annotated[int, Parameter(name="--in-flight")] = IN_FLIGHT_MAX, options: Given
) -> int:
    """Run each line of stdin, `{id, workflow, input}`, durably; a line of results for each.

    A result is `{id, status, output, error, trace}`; `trace` are the tasks in the order of their start.
    The same id with the same workflow and input gives its first result again; with another it is a conflict.

    Parameters
    ----------
    paths
        Manifests to apply before.
    in_flight
        So many runs at once.
    """
    if in_flight < 1:
        raise Stop(Exit.USAGE, "--in-flight must be at least 1")
    documents = None
    if paths:
        from podium.cli.declaring import load

        documents = load(paths)
    lines = _Batch(hubs.attach(options.state), options, in_flight)
    try:
        if documents is not None:
            from podium.cli.declaring import apply_to

            apply_to(lines.attached.client, documents)
        return lines.run()
    except KeyboardInterrupt:
        say("stopping; what was accepted goes on, and the same ids give its results")
        return Exit.INTERRUPTED
    finally:
        lines.attached.leave(options.state)


class _Line(NamedTuple):
    """What one line asks for."""

    id: str | int
    workflow: str
    input: Any


class _Batch:
    """All lines, so many at a time. One thread reads them, another writes results as runs end."""

    def __init__(self, attached: Attached, options: Options, in_flight: int) -> None:
        self.attached = attached
        self._options = options
        self._free = threading.Semaphore(in_flight)
        self._ended: SimpleQueue[tuple[_Line, Future[Run]] | Row | None] = SimpleQueue()
        self._in_flight = in_flight
        self._codes: set[Exit] = set()
        self._failure: Exception | None = None

    def run(self) -> int:
        writer = threading.Thread(target=self._write, name="podium-batch", daemon=True)
        writer.start()
        number = 0
        while self._failure is None and (text := sys.stdin.buffer.readline(LINE_BYTES_MAX + 1)):
            number += 1
            if text.strip():
                self._take(number, text)
        for _ in range(self._in_flight):
            self._free.acquire()
        self._ended.put(None)
        writer.join()
        if self._failure is not None:
            raise self._failure
        return next((code for code in _WORST_FIRST if code in self._codes), Exit.OK)

    def _take(self, number: int, text: bytes) -> None:
        try:
            line = _parsed(text)
        except _Bad as bad:
            self._ended.put(_refused(bad.id, "refused", f"line {number}: {bad}"))
            return
        self._free.acquire()
        self._submit(line)

    def _submit(self, line: _Line) -> None:
        future = self.attached.client.run_soon(line.workflow, line.input, key=f"{KEY}{line.id}", trace=True)
        future.add_done_callback(lambda done: self._ended.put((line, done)))

    # --- the thread that writes ----------------------------------------------------------------------

    def _write(self) -> None:
        out = sys.stdout
        while (ended := self._ended.get()) is not None:
            row = ended if isinstance(ended, dict) else self._result(*ended)
            if row is None:
                continue
            self._codes.add(_CODES.get(row["status"], Exit.FAILED))
            if self._failure is None:
                try:
                    out.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")
                    if self._ended.empty():
                        out.flush()
                except OSError as error:
                    self._failure = error
            if not isinstance(ended, dict):
                self._free.release()

    def _result(self, line: _Line, done: Future[Run]) -> Row | None:
        """What came of a line; None if it is on its way again."""
        from podium.sdk.client import ConflictError, PodiumError, UnreachableError

        try:
            run = done.result()
        except UnreachableError as error:
            return self._again(line, error)
        except ConflictError as error:
            return _refused(line.id, "conflict", str(error))
        except PodiumError as error:
            return _refused(line.id, "refused", str(error))
        return {
            "id": line.id, "status": run.status, "output": run.output, "error": _error(run),
            "trace": run.trace,
        }  # fmt: skip

    def _again(self, line: _Line, error: Exception) -> Row | None:
        """The hub that served us went away; its successor knows what it accepted by its key."""
        if self.attached.serving is not None:
            return _refused(line.id, "refused", str(error))
        try:
            self.attached = hubs.find(self._options.state) or hubs.attach(self._options.state)
        except Exception as failure:
            self._failure = failure
            return _refused(line.id, "refused", str(error))
        self._submit(line)
        return None


class _Bad(Exception):
    """A line that cannot be run; `id` is its own, if it has one."""

    def __init__(self, message: str, id: Any = None) -> None:
        super().__init__(message)
        self.id = id


def _parsed(text: bytes) -> _Line:
    """What a line asks for. Raises _Bad."""
    if len(text) > LINE_BYTES_MAX:
        raise _Bad(f"longer than {LINE_BYTES_MAX} bytes")
    try:
        row = json.loads(text)
    except ValueError as error:
        raise _Bad(f"not JSON: {error}") from None
    if not isinstance(row, dict):
        raise _Bad("not an object {id, workflow, input}")
    given = row.get("id")
    if not isinstance(given, str | int) or isinstance(given, bool) or given == "":
        raise _Bad("`id` must be a text or a whole number")
    if not isinstance(row.get("workflow"), str) or not row["workflow"]:
        raise _Bad("`workflow` must be the name of a workflow", given)
    if unknown := sorted(set(row) - {"id", "workflow", "input"}):
        raise _Bad(f"unknown members: {', '.join(unknown)}; known: id, workflow, input", given)
    return _Line(given, row["workflow"], row.get("input", {}))


def _refused(id: Any, status: str, message: str) -> Row:
    named = {} if id is None else {"id": id}
    return {**named, "status": status, "output": None, "error": {"title": message}, "trace": []}


def _error(run: Run) -> Row | None:
    error = run.error
    if error is None:
        return None
    return {name: getattr(error, name) for name in error.__struct_fields__}
