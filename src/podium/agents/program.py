"""A program: a process that leads a group of its own, its pipes on the loop, that leaves nothing running."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import resource
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence

from podium.agents.interface import AttemptFailed, Spawned

READ_BYTES = 256 * 1024
DRAIN_BYTES_MAX = 1024 * 1024
"""What a program wrote before it ended fits its pipes; more comes from a stray that escaped its group."""
TERM_GRACE_S = 1.0
KILL_GRACE_S = 1.5

_log = logging.getLogger("podium.worker")


class Program:
    """A started process. Its group is killed when the process ends, or when it is told to.

    Attributes:
        pid: of the process, and of its group.
        code: exit code; negative is the signal that killed it; None while it runs.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        cwd: str,
        env: Mapping[str, str],
        on_stdout: Callable[[bytes], None],
        on_stderr: Callable[[bytes], None],
        spawned: Spawned,
        memory_bytes: int = 0,
    ) -> None:
        """Start it. Must be called on a running loop.

        Args:
            on_stdout, on_stderr: take what it writes as it comes; what they raise kills the program
                and comes out of `ended`.
            memory_bytes: bound of its address space; 0 for none.
        Raises:
            AttemptFailed: unstarted.
        """
        self._process = _start(argv, cwd, env)
        self.pid = self._process.pid
        self.code: int | None = None
        self._spawned = spawned
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._broken: BaseException | None = None
        self._unsent: memoryview = memoryview(b"")
        self._close_after = False
        assert self._process.stdin and self._process.stdout and self._process.stderr
        self._stdin = self._process.stdin.fileno()
        self._stderr = self._process.stderr.fileno()
        self._readers = {self._process.stdout.fileno(): on_stdout, self._stderr: on_stderr}
        spawned(self.pid)
        if memory_bytes:
            _limit_memory(self.pid, memory_bytes)
        for pipe in (self._stdin, *self._readers):
            os.set_blocking(pipe, False)
        for pipe in self._readers:
            self._loop.add_reader(pipe, self._readable, pipe)
        self._watch()

    # --- its input

    def write(self, data: bytes, *, last: bool = False) -> None:
        """Give it data on stdin, and the end of it if `last`. A program that does not read is fine."""
        if self._stdin < 0:
            return
        pending = bool(self._unsent)
        self._unsent = memoryview(bytes(self._unsent) + data) if pending else memoryview(data)
        self._close_after = self._close_after or last
        if not pending:
            self._send()

    def _send(self) -> None:
        try:
            while self._unsent:
                self._unsent = self._unsent[os.write(self._stdin, self._unsent) :]
        except BlockingIOError:
            self._loop.add_writer(self._stdin, self._send)
            return
        except OSError:
            self._unsent = memoryview(b"")
            self._close_after = True
        self._loop.remove_writer(self._stdin)
        if self._close_after:
            self._close_stdin()

    def _close_stdin(self) -> None:
        if self._stdin >= 0:
            self._loop.remove_writer(self._stdin)
            self._stdin = -1
            assert self._process.stdin is not None
            with contextlib.suppress(OSError):
                self._process.stdin.close()

    # --- its output

    def read_stderr(self) -> None:
        """Take what already stands in its stderr."""
        self._drain(self._stderr)

    def _readable(self, pipe: int) -> None:
        self._read(pipe)

    def _read(self, pipe: int) -> int:
        try:
            chunk = os.read(pipe, READ_BYTES)
        except BlockingIOError:
            return 0
        except OSError:
            chunk = b""
        if not chunk:
            self._loop.remove_reader(pipe)
            self._readers.pop(pipe, None)
            return 0
        if self._broken is None:
            try:
                self._readers[pipe](chunk)
            except Exception as error:
                self._broken = error
                self.kill()
        return len(chunk)

    def _drain(self, pipe: int) -> None:
        taken = 0
        while taken < DRAIN_BYTES_MAX and pipe in self._readers:
            size = self._read(pipe)
            if not size:
                return
            taken += size

    # --- its end

    async def ended(self) -> int:
        """Wait until it has ended and its group is gone; gives its exit code.

        Raises:
            whatever `on_stdout` or `on_stderr` raised.
        """
        await asyncio.shield(self._ended)
        if self._broken is not None:
            raise self._broken
        assert self.code is not None
        return self.code

    async def stop(self, grace_s: float = TERM_GRACE_S) -> None:
        """End the whole group: TERM, a short grace, KILL. Returns when it is gone."""
        if grace_s > 0 and not self._ended.done():
            self._signal(signal.SIGTERM)
            await asyncio.wait([self._ended], timeout=grace_s)
        if not self._ended.done():
            self.kill()
            await asyncio.wait([self._ended], timeout=KILL_GRACE_S)
        if not self._ended.done():
            _log.error("process %d does not die; it is left behind", self.pid)

    def kill(self) -> None:
        """Kill the whole group at once; it ends soon."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        # The process is reaped by `_exited` alone, so until then the id is its own.
        if self.code is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)

    def _watch(self) -> None:
        try:
            self._pidfd = os.pidfd_open(self.pid)
        except (AttributeError, OSError):
            self._pidfd = -1
            threading.Thread(target=self._wait, name=f"podium-wait-{self.pid}", daemon=True).start()
        else:
            self._loop.add_reader(self._pidfd, self._exited)

    def _wait(self) -> None:
        """Where the kernel has no pidfd: wait on a thread, without reaping."""
        with contextlib.suppress(ChildProcessError):
            os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._exited)

    def _exited(self) -> None:
        if self._pidfd >= 0:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1
        # Whatever it started must not live on; still a zombie, it keeps the group's id from being reused.
        self._signal(signal.SIGKILL)
        for pipe in list(self._readers):
            self._drain(pipe)
        self.code = self._process.wait()
        for pipe in list(self._readers):
            self._loop.remove_reader(pipe)
        self._readers.clear()
        self._close_stdin()
        for stream in (self._process.stdout, self._process.stderr):
            assert stream is not None
            stream.close()
        self._spawned(-self.pid)
        self._ended.set_result(None)


def _start(argv: Sequence[str], cwd: str, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    if not os.path.isdir(cwd):
        raise unstartable(f"there is no folder {cwd}", "It is where the program is to run; see `cwd`.")
    if shutil.which(argv[0], path=env.get("PATH", os.defpath)) is None:
        found = os.path.exists(argv[0]) and os.path.dirname(argv[0])
        why = f"{argv[0]} may not be executed" if found else f"there is no program {argv[0]!r}"
        where = "" if os.path.dirname(argv[0]) else f"Looked in {env.get('PATH', os.defpath)}"
        raise unstartable(why, where)
    try:
        return subprocess.Popen(
            argv,
            cwd=cwd,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            bufsize=0,
        )
    except OSError as error:
        passing = error.errno in (errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ETXTBSY)
        raise unstartable(f"{argv[0]} cannot be started: {error.strerror}", "", passing) from None


def unstartable(title: str, detail: str, retryable: bool = False) -> AttemptFailed:
    """The failure of an attempt whose program was never started."""
    kind = "runtime" if retryable else "configuration"
    return AttemptFailed(title, detail, retryable=retryable, unstarted=True, kind=kind)


def _limit_memory(pid: int, memory_bytes: int) -> None:
    if hasattr(resource, "prlimit"):
        with contextlib.suppress(OSError, ValueError):
            resource.prlimit(pid, resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    else:
        _log.warning("this system cannot bound the memory of process %d", pid)


def ending(code: int) -> str:
    """How a process ended, in words: `exited with code 3`, `was killed by SIGSEGV`."""
    if code >= 0:
        return f"exited with code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"was killed by {name}"
