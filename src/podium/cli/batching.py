"""`batch`: lines of JSON in, a durable run for each, lines of JSON out as they end."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, NamedTuple

from cyclopts import Parameter

from podium.cli import hubs
from podium.cli.exits import Exit, Stop
from podium.cli.options import Options
from podium.cli.output import say
from podium.cli.values import decoded
from podium.facts.sharing import PRIORITIES

if TYPE_CHECKING:
    from podium.cli.hubs import Attached
    from podium.sdk.client import Run

Given = Annotated[Options, Parameter(parse=False)]
Row = dict[str, Any]

IN_FLIGHT = 256
IN_FLIGHT_MAX = 4_000
"""A hub answers so many requests of one connection at once."""

LINE_BYTES_MAX = 64 * 1024 * 1024

KEY = "batch/"
"""The idempotency key of a line is this and its id."""

_WORST_FIRST = (Exit.REFUSED, Exit.USAGE, Exit.CONFLICT, Exit.FAILED)
_AGAIN_S = 0.02


def batch(
    *paths: Path, in_flight: Annotated[int, Parameter(name="--in-flight")] = IN_FLIGHT, options: Given
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
    if not 0 < in_flight <= IN_FLIGHT_MAX:
        raise Stop(Exit.USAGE, f"--in-flight is {in_flight}; it must be 1 to {IN_FLIGHT_MAX}")
    if sys.stdin is None:
        raise Stop(Exit.USAGE, "stdin is closed", "give lines of JSON, {id, workflow, input}, on stdin")
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
    subject: str = ""
    priority: str = ""


class _Batch:
    """All lines, so many at a time. One thread reads them, another writes results as runs end."""

    def __init__(self, attached: Attached, options: Options, in_flight: int) -> None:
        self.attached = attached
        self._options = options
        self._free = threading.Semaphore(in_flight)
        self._ended: SimpleQueue[tuple[_Line, Attached, Future[Run]] | Row | None] = SimpleQueue()
        self._in_flight = in_flight
        self._codes: set[Exit] = set()
        self._failure: Exception | None = None

    def run(self) -> int:
        writer = threading.Thread(target=self._write, name="podium-batch", daemon=True)
        writer.start()
        for number, text in _lines(sys.stdin.buffer):
            if self._failure is not None:
                break
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
            self._refuse(bad.id, "refused", f"line {number}: {bad}", Exit.USAGE)
            return
        self._free.acquire()
        self._submit(line)

    def _submit(self, line: _Line) -> None:
        from podium.sdk.client import InvalidError

        attached = self.attached
        try:
            future = attached.client.run_soon(
                line.workflow,
                line.input,
                key=f"{KEY}{line.id}",
                trace=True,
                subject=line.subject,
                priority=line.priority,
            )
        except InvalidError as error:
            self._free.release()
            self._refuse(line.id, "refused", str(error), Exit.USAGE)
            return
        future.add_done_callback(lambda done: self._ended.put((line, attached, done)))

    def _refuse(self, id: Any, status: str, message: str, code: Exit) -> None:
        self._codes.add(code)
        self._ended.put(_refused(id, status, message))

    # --- the thread that writes ----------------------------------------------------------------------

    def _write(self) -> None:
        out = sys.stdout
        while (ended := self._ended.get()) is not None:
            row = ended if isinstance(ended, dict) else self._result(*ended)
            if row is None:
                continue
            if self._failure is None:
                try:
                    out.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")
                    if self._ended.empty():
                        out.flush()
                except OSError as error:
                    self._failure = error
            if not isinstance(ended, dict):
                self._free.release()

    def _result(self, line: _Line, attached: Attached, done: Future[Run]) -> Row | None:
        """What came of a line; None if it is on its way again."""
        from podium.sdk.client import ConflictError, PodiumError, RefusedError, UnreachableError

        try:
            run = done.result()
        except UnreachableError as error:
            return self._again(line, attached, error)
        except ConflictError as error:
            self._codes.add(Exit.CONFLICT)
            return _refused(line.id, "conflict", str(error))
        except PodiumError as error:
            self._codes.add(Exit.REFUSED if isinstance(error, RefusedError) else Exit.USAGE)
            return _refused(line.id, "refused", str(error))
        if run.status != "completed":
            self._codes.add(Exit.FAILED)
        return {
            "id": line.id, "status": run.status, "output": run.output, "error": _error(run),
            "trace": run.trace,
        }  # fmt: skip

    def _again(self, line: _Line, attached: Attached, error: Exception) -> Row | None:
        """The hub went away; its successor knows what it accepted by its key."""
        if attached.serving is None and self._failure is None:
            try:
                self._find_again(attached)
                self._submit(line)
                return None
            except Exception as failure:
                error = failure
        self._failure = self._failure or error
        return _refused(line.id, "refused", str(error))

    def _find_again(self, lost: Attached) -> None:
        """Find the next hub, once for all lines that the last one had, or be it."""
        if self.attached is lost:
            time.sleep(_AGAIN_S)
            lost.client.close()
            self.attached = hubs.attach(self._options.state)


class _Bad(Exception):
    """A line that cannot be run; `id` is its own, if it has one."""

    def __init__(self, message: str, id: Any = None) -> None:
        super().__init__(message)
        self.id = id


def _lines(stdin: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Number and text of every line; of one that is too long its beginning, which is longer than allowed."""
    number = 0
    while text := stdin.readline(LINE_BYTES_MAX + 1):
        number += 1
        yield number, text
        while len(text) > LINE_BYTES_MAX and not text.endswith(b"\n"):
            text = stdin.readline(LINE_BYTES_MAX + 1)


def _parsed(text: bytes) -> _Line:
    """What a line asks for. Raises _Bad."""
    if len(text) > LINE_BYTES_MAX:
        raise _Bad(f"longer than {LINE_BYTES_MAX:,} bytes; put the input into a file and pass its path")
    try:
        row = decoded(text.decode())
    except UnicodeDecodeError as error:
        raise _Bad(f"not UTF-8: {error.reason} at byte {error.start}") from None
    except ValueError as error:
        raise _Bad(f"not JSON: {error}") from None
    if not isinstance(row, dict):
        raise _Bad("not an object {id, workflow, input}")
    given = row.get("id")
    if not isinstance(given, str | int) or isinstance(given, bool) or given == "":
        raise _Bad("`id` must be a text or a whole number")
    if not isinstance(row.get("workflow"), str) or not row["workflow"]:
        raise _Bad("`workflow` must be the name of a workflow", given)
    if unknown := sorted(set(row) - {"id", "workflow", "input", "subject", "priority"}):
        raise _Bad(
            f"unknown members: {', '.join(unknown)}; known: id, workflow, input, subject, priority", given
        )
    if not isinstance(subject := row.get("subject", ""), str):
        raise _Bad("`subject` must be a text", given)
    if (priority := row.get("priority", "")) not in ("", *PRIORITIES):
        raise _Bad(f"`priority` must be one of {', '.join(PRIORITIES)}", given)
    return _Line(given, row["workflow"], row.get("input", {}), subject, priority)


def _refused(id: Any, status: str, message: str) -> Row:
    named = {} if id is None else {"id": id}
    return {**named, "status": status, "output": None, "error": {"title": message}, "trace": []}


def _error(run: Run) -> Row | None:
    error = run.error
    if error is None:
        return None
    return {name: getattr(error, name) for name in error.__struct_fields__}
