"""Asks jq: questions go to a child process, answers come back to a callback; no program can harm the hub."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec

import msgspec

from podium.facts.inputs import Evaluated
from podium.runtime import jq_worker
from podium.runtime.jq_worker import CHECK, EVALUATE, EXIT_MEMORY, FAILURE, READY, REPLY, REQUEST

DEADLINE_MS = 1000
MEMORY_BYTES = 512 * 1024 * 1024

_WALL_FACTOR = 30
"""A program has its deadline in processor time; on a busy machine it may take this much longer."""
_START_MS = 60_000
_STARTS_MAX = 3
_CRASHES_MAX = 2
"""A question that a process died on for no known reason is asked this often."""
_READ_BYTES = 1 << 20


class EvaluatorClosed(Exception):
    """The evaluator gives no more answers."""


@dataclass(slots=True)
class _Question:
    """One request.

    Attributes:
        deliver: told the answer: JSON text and "", or nothing and why.
        abandon: told that there will be none.
        crashes: how many processes died on it for no known reason.
    """

    frame: bytes
    deliver: Callable[[bytes, str], None]
    abandon: Callable[[], None]
    crashes: int = 0


class Evaluator:
    """Runs jq programs in a worker process of its own, which starts with the first question.

    Answers come in the order of the questions, on the evaluator's own thread. A program that needs more
    time or memory than it may have ends the process; that question is answered with a failure that names
    the limit, and those behind it are asked again in a fresh process.

    Args:
        on_answer: told every answer; must neither block nor raise.
        deadline_ms: processor time that one program may take.
        memory_bytes: address space that the worker process may take.
    """

    def __init__(
        self,
        on_answer: Callable[[Evaluated], None],
        *,
        deadline_ms: int = DEADLINE_MS,
        memory_bytes: int = MEMORY_BYTES,
    ) -> None:
        self._on_answer = on_answer
        self._command = _command(memory_bytes, deadline_ms)
        self._deadline_ms, self._memory_bytes = deadline_ms, memory_bytes
        self._lock = threading.Lock()
        self._queue: deque[_Question] = deque()
        self._child: _Child | None = None
        self._starts_failed = 0
        self._thread: threading.Thread | None = None
        self._closed = False
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)

    def ask(self, run_id: str, program: str, argument: bytes) -> None:
        """Ask what a program gives for a JSON argument. Returns at once.

        Args:
            run_id: handed back with the answer.
            program: as `Expression.program`.
            argument: UTF-8 JSON.
        Raises:
            EvaluatorClosed
        """

        def deliver(text: bytes, failure: str) -> None:
            value, failure = (None, failure) if failure else _decoded(text)
            self._on_answer(
                Evaluated(run_id=run_id, program=program, argument=argument, value=value, failure=failure)
            )

        self._submit(_Question(_frame(EVALUATE, program, argument), deliver, lambda: None))

    def check_syntax(self, programs: list[str]) -> list[str | None]:
        """What is wrong with each program, None if nothing is. Waits for the answers.

        Raises:
            EvaluatorClosed: before they were there.
        """
        faults: list[str | None] = []
        done = threading.Event()

        def deliver(_: bytes, failure: str) -> None:
            faults.append(failure or None)
            if len(faults) == len(programs):
                done.set()

        for program in programs:
            self._submit(_Question(_frame(CHECK, program, b""), deliver, done.set))
        if programs:
            done.wait()
        if len(faults) != len(programs):
            raise EvaluatorClosed
        return faults

    def close(self) -> None:
        """End the process and the thread; questions without an answer get none."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._wake()
        if self._thread is not None:
            self._thread.join()
        for question in self._queue:
            question.abandon()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _submit(self, question: _Question) -> None:
        with self._lock:
            if self._closed:
                raise EvaluatorClosed
            self._queue.append(question)
            alone = len(self._queue) == 1
            if self._child is None or not self._child.send(question.frame, alone=alone):
                self._wake()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="jq-evaluator", daemon=True)
                self._thread.start()

    def _wake(self) -> None:
        try:
            os.write(self._wake_write, b"\0")
        except BlockingIOError:
            pass  # It is full of wake-ups already.

    # --- on the thread ---------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            # First, so that whatever is told after it wakes the wait below.
            self._drain()
            with self._lock:
                if self._closed:
                    break
                if self._queue and self._child is None and not self._start():
                    continue
                child, asked = self._child, bool(self._queue)
            if child is None:
                select.select([self._wake_read], [], [])
                continue
            for status, text in child.exchange(self._lock, self._wake_read, asked):
                self._answered(status, text)
            if child.ended:
                self._ended(child)
        if self._child is not None:
            self._child.kill()

    def _drain(self) -> None:
        try:
            os.read(self._wake_read, 4096)
        except BlockingIOError:
            pass

    def _start(self) -> bool:
        """Start a process and ask it all that waits for an answer; False if there is none."""
        try:
            self._child = _Child(self._command, self._memory_bytes, self._deadline_ms)
        except OSError as error:
            self._starts_failed += 1
            if self._starts_failed >= _STARTS_MAX:
                question = self._queue.popleft()
                question.deliver(b"", f"the jq worker process does not start: {error}")
            return False
        for number, question in enumerate(self._queue):
            self._child.send(question.frame, alone=number == 0)
        return True

    def _answered(self, status: int, text: bytes) -> None:
        if status == READY:
            self._starts_failed = 0
            return
        with self._lock:
            question = self._queue.popleft()
        if status == FAILURE:
            question.deliver(b"", text.decode())
        else:
            question.deliver(text, "")

    def _ended(self, child: _Child) -> None:
        """The process is gone: answer the question it died on, and let the others go to a fresh one."""
        reason = child.reason()
        with self._lock:
            self._child = None
            question = self._queue[0] if self._queue else None
            if question is None or self._closed:
                return
            if not child.ready:
                self._starts_failed += 1
                if self._starts_failed < _STARTS_MAX:
                    return
                reason = f"the jq worker process does not start ({child.how_it_ended()})"
            elif not reason:
                question.crashes += 1
                if question.crashes < _CRASHES_MAX:
                    return
                reason = f"it crashed jq ({child.how_it_ended()})"
            self._queue.popleft()
        question.deliver(b"", reason)


class _Child:
    """One worker process and the bytes on the way to it and from it."""

    def __init__(self, command: list[str], memory_bytes: int, deadline_ms: int) -> None:
        self._memory_bytes, self._deadline_ms = memory_bytes, deadline_ms
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            cwd="/",
            bufsize=0,
            process_group=0,
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._stdin, self._stdout = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._stdin, False)
        self._outgoing, self._incoming = bytearray(), bytearray()
        self._waiting_since = time.monotonic()
        self._late = False
        self.ready = False
        self.ended = False

    def send(self, frame: bytes, *, alone: bool) -> bool:
        """Send as much as the pipe takes; False if something is left. The lock is held.

        Args:
            alone: whether no other question is before it.
        """
        if alone and self.ready:
            self._waiting_since = time.monotonic()
        self._outgoing += frame
        return self._flush()

    def _flush(self) -> bool:
        try:
            while self._outgoing:
                del self._outgoing[: os.write(self._stdin, self._outgoing[: 1 << 16])]
        except BlockingIOError:
            return False
        except BrokenPipeError:
            self._outgoing.clear()
        return True

    def exchange(self, lock: threading.Lock, wake: int, asked: bool) -> Iterator[tuple[int, bytes]]:
        """Wait until bytes can move, and give the replies that are complete."""
        poll = select.poll()
        poll.register(wake, select.POLLIN)
        poll.register(self._stdout, select.POLLIN)
        if self._outgoing:
            poll.register(self._stdin, select.POLLOUT)
        ready = {fd for fd, _ in poll.poll(self._patience_ms() if asked or not self.ready else None)}
        if self._stdin in ready:
            with lock:
                self._flush()
        if self._stdout in ready:
            received = os.read(self._stdout, _READ_BYTES)
            self.ended = not received
            self._incoming += received
            yield from self._replies()
        elif (asked or not self.ready) and self._patience_ms() <= 0:
            self._late = True
            self.kill()

    def _patience_ms(self) -> float:
        limit_ms = self._deadline_ms * _WALL_FACTOR if self.ready else _START_MS
        return max(limit_ms - (time.monotonic() - self._waiting_since) * 1000, 0)

    def _replies(self) -> Iterator[tuple[int, bytes]]:
        position = 0
        while len(self._incoming) - position >= REPLY.size:
            status, length = REPLY.unpack_from(self._incoming, position)
            start = position + REPLY.size
            if len(self._incoming) - start < length:
                break
            self._waiting_since = time.monotonic()
            self.ready = True
            yield status, bytes(self._incoming[start : start + length])
            position = start + length
        del self._incoming[:position]

    def kill(self) -> None:
        """End the process and wait for its end."""
        self._process.kill()
        self._process.wait()
        self.ended = True
        self._close()

    def reason(self) -> str:
        """Which limit ended the process; "" if none did."""
        code = self._process.wait()
        self._close()
        if self._late or code == -signal.SIGPROF:
            return f"it ran longer than {self._deadline_ms} ms" if self.ready else ""
        if code in (-signal.SIGABRT, EXIT_MEMORY):
            return f"it needed more than {self._memory_bytes >> 20} MiB"
        return ""

    def how_it_ended(self) -> str:
        code = self._process.wait()
        return f"signal {-code}" if code < 0 else f"exit status {code}"

    def _close(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


def _command(memory_bytes: int, deadline_ms: int) -> list[str]:
    spec = find_spec("jq")
    assert spec is not None and spec.origin is not None, "podium depends on jq"
    return [
        sys.executable, "-I", "-S", str(jq_worker.__file__), spec.origin, str(memory_bytes), str(deadline_ms),
    ]  # fmt: skip


def _frame(kind: int, program: str, argument: bytes) -> bytes:
    text = program.encode("utf-8", "surrogatepass")
    return REQUEST.pack(kind, len(text), len(argument)) + text + argument


def _decoded(text: bytes) -> tuple[object, str]:
    try:
        return msgspec.json.decode(text), ""
    except (msgspec.DecodeError, RecursionError) as error:
        return None, f"it gave what cannot be stored: {error}"
