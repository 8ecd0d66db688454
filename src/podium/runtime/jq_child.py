"""One jq process: the questions that it was asked, and the bytes on the way to it and from it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from podium.runtime.jq_worker import EXIT_MEMORY, FAILURE, READY, REPLY

WALL_FACTOR = 30
"""A program has its deadline in processor time; on a busy machine it may take this much longer."""
START_MS = 60_000
NICENESS = 19
"""Of processes that run what is known to be slow: they leave the processor to everything else."""
_READ_BYTES = 1 << 20


@dataclass(slots=True)
class Question:
    """One request.

    Attributes:
        program: its text; questions of one program are slow or quick together.
        deliver: told the answer: JSON text and "", or nothing and why.
        abandon: told that there will be none.
        crashes: how many processes died on it for no known reason.
    """

    program: str
    frame: bytes
    deliver: Callable[[bytes, str], None]
    abandon: Callable[[], None]
    crashes: int = 0


class Child:
    """A process that answers questions in their order.

    What is told here from other threads than the evaluator's own is told under the evaluator's lock.

    Attributes:
        asked: questions without an answer, the one that it works at first.
        since: when it began with that one (`time.monotonic`).
        ready: it has started.
        ended: it is gone.
        crowded: it was asked more than it is to answer.
    """

    def __init__(self, command: list[str], memory_bytes: int, deadline_ms: int) -> None:
        """Start it. Raises OSError if that cannot be."""
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
        self.stdin, self.stdout = self._process.stdin.fileno(), self._process.stdout.fileno()
        self.pid = self._process.pid
        os.set_blocking(self.stdin, False)
        self._outgoing, self._incoming = bytearray(), bytearray()
        self._late = False
        self._worked_ms = -1.0
        self.asked: deque[Question] = deque()
        self.since = time.monotonic()
        self.ready = False
        self.ended = False
        self.crowded = False

    def ask(self, question: Question) -> bool:
        """Ask it, sending as much as the pipe takes; False if something is left to send."""
        if not self.asked and self.ready:
            self._begin_anew()
        self.asked.append(question)
        self._outgoing += question.frame
        return self.flush()

    def _begin_anew(self) -> None:
        self.since, self._worked_ms = time.monotonic(), -1.0

    @property
    def unsent(self) -> bool:
        return bool(self._outgoing)

    def flush(self) -> bool:
        """Send what is left, as far as the pipe takes it; False if something still is."""
        try:
            while self._outgoing:
                del self._outgoing[: os.write(self.stdin, self._outgoing[: 1 << 16])]
        except BlockingIOError:
            return False
        except BrokenPipeError:
            self._outgoing.clear()
        return True

    def receive(self) -> list[tuple[int, bytes]]:
        """The replies that are complete now; the pipe has something to read, or its end."""
        received = os.read(self.stdout, _READ_BYTES)
        self.ended = not received
        self._incoming += received
        replies, position = [], 0
        while len(self._incoming) - position >= REPLY.size:
            status, length = REPLY.unpack_from(self._incoming, position)
            start = position + REPLY.size
            if len(self._incoming) - start < length:
                break
            replies.append((status, bytes(self._incoming[start : start + length])))
            position = start + length
        del self._incoming[:position]
        if replies:
            self._begin_anew()
            self.ready = self.ready or replies[0][0] == READY
        return replies

    # --- time

    def busy_ms(self) -> float:
        """For how long it has been at one question, or at starting; 0 if at none."""
        return (time.monotonic() - self.since) * 1000 if self.asked or not self.ready else 0.0

    def patience_ms(self) -> float:
        """How much longer it may be at that."""
        return max((self._deadline_ms * WALL_FACTOR if self.ready else START_MS) - self.busy_ms(), 0)

    def works(self, quantum_ms: float) -> bool:
        """Whether the processor has been at it for half a quantum since this was first asked.

        On a machine with too much to do a process may seem slow and only wait for its turn. Where nobody can
        tell, it works.
        """
        worked_ms = _processor_ms(self.pid)
        if worked_ms < 0:
            return True
        if self._worked_ms < 0:
            self._worked_ms = worked_ms
            return False
        return worked_ms - self._worked_ms >= quantum_ms / 2

    def give_way(self) -> None:
        """Let the processor to everything else, from here on."""
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, self.pid, NICENESS)

    # --- its end

    def expire(self) -> None:
        """End it, because it has been at one question for longer than it may."""
        self._late = True
        self.kill()

    def kill(self) -> None:
        """End the process. It takes its time to go where it had much memory; see `gone`."""
        self._process.kill()
        self.ended = True
        self._close()

    def gone(self, *, wait: bool = False) -> bool:
        """Whether the system has forgotten the process, which was killed."""
        if wait:
            self._process.wait()
        return self._process.poll() is not None

    def reason(self) -> str:
        """Which limit ended the process; "" if none did."""
        self._close()
        if self._late:
            return f"it ran longer than {self._deadline_ms} ms" if self.ready else ""
        code = self._process.wait()
        if code == -signal.SIGPROF:
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


def answer(question: Question, status: int, text: bytes) -> None:
    """Hand a reply on."""
    if status == FAILURE:
        question.deliver(b"", text.decode())
    else:
        question.deliver(text, "")


def _processor_ms(pid: int) -> float:
    """Processor time that a process has used; -1 where the system does not tell it finely enough."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e6
    except (OSError, ValueError, IndexError):
        return -1.0
