"""The child: a warm process that hosts one agent's callable and calls it for one attempt after another.

It speaks JSON lines with the pool: requests on what was its stdin, replies on what was its stdout. The
callable itself sees an empty stdin, and whatever it prints goes to stderr, which is its log. The process
ends when its requests end.
"""

from __future__ import annotations

import inspect
import io
import os
import sys
import threading
from collections.abc import Iterator
from typing import Any

import msgspec

from podium.agents import loading
from podium.agents.calling import Call, Context, Uncallable, call_of
from podium.agents.interface import AttemptFailed, printable
from podium.agents.output import no_json, output_of
from podium.facts.catalog import AgentVersion
from podium.facts.values import JSON


class Hosting(msgspec.Struct, omit_defaults=True):
    """The first line the child gets: what to host.

    Attributes:
        agent: the agent version.
        memory_bytes: bound of the address space; 0 for none.
        parent: pid of the hub; where it can, the child dies with it.
    """

    agent: AgentVersion
    memory_bytes: int = 0
    parent: int = 0


class Request(msgspec.Struct, omit_defaults=True):
    """Every further line: an attempt to make."""

    input: JSON
    run_id: str
    task: str
    attempt: int
    key: str
    deadline_at: int


class Reply(msgspec.Struct, omit_defaults=True, tag_field="is"):
    """A line that the child writes."""


class Ready(Reply, tag="ready"):
    """The callable is imported."""


class Progress(Reply, tag="progress"):
    value: JSON = None


class Line(Reply, tag="line"):
    """The callable logged a line through its context."""

    text: str = ""


class Output(Reply, tag="output"):
    """The attempt succeeded."""

    output: JSON = None


class Failure(Reply, tag="failure", omit_defaults=True):
    """The attempt failed; or, before `Ready`, the callable cannot be had. `ends`: the child ends itself."""

    title: str = ""
    detail: str = ""
    retryable: bool = True
    unstarted: bool = False
    kind: str = "runtime"
    status: int = 0
    ends: bool = False


AnyReply = Ready | Progress | Line | Output | Failure

_encode = msgspec.json.Encoder().encode


class Replies:
    """The pipe to the pool. Threads of the callable may tell progress at the same time."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        self._lock = threading.Lock()

    def send(self, reply: Reply) -> None:
        data = memoryview(_encode(reply) + b"\n")
        with self._lock:
            while data:
                data = data[os.write(self._pipe, data) :]


def main() -> None:
    """Host the callable named in the first line, and perform what the others ask."""
    requests, replies = _private_pipes()
    first = requests.readline()
    if not first:
        return
    hosting = msgspec.json.decode(first, type=Hosting)
    if hosting.parent:
        _die_with(hosting.parent)
    if hosting.memory_bytes:
        _limit_memory(hosting.memory_bytes)
    agent = hosting.agent
    try:
        call = call_of(loading.load(agent, loading.place_of(agent), shared=False))
    except Uncallable as error:
        replies.send(_failure(loading.misconfigured(agent, str(error)), ends=True))
        return
    except AttemptFailed as failure:
        replies.send(_failure(failure, ends=True))
        return
    replies.send(Ready())
    decode = msgspec.json.Decoder(Request).decode
    runner = Runner()
    for line in _lines(requests):
        reply = perform(call, decode(line), replies, runner)
        _flush_prints()
        replies.send(reply)
        if isinstance(reply, Failure) and reply.ends:
            break
    runner.close()


def perform(call: Call, request: Request, replies: Replies, runner: Runner) -> Output | Failure:
    """Make one attempt."""
    context = Context(
        request.run_id,
        request.task,
        request.attempt,
        request.key,
        request.deadline_at,
        lambda value: replies.send(Progress(value)),
        lambda line: replies.send(Line(printable(line))),
    )
    try:
        value = call(request.input, context)
        if inspect.isawaitable(value):
            value = runner.run(value)
    except AttemptFailed as failure:
        return _failure(failure)
    except MemoryError as error:
        # What is left of the heap after this is nothing to build the next attempt on.
        return _failure(loading.raised(error), ends=True)
    except BaseException as error:
        return _failure(loading.raised(error))
    try:
        return Output(output_of(value))
    except AttemptFailed as failure:
        return _failure(failure)
    except MemoryError:
        return _failure(no_json("there is not enough memory to write it"), ends=True)


class Runner:
    """One loop for all attempts of an async callable, so that what it keeps between them stays usable."""

    def __init__(self) -> None:
        self._runner: Any = None

    def run(self, awaitable: Any) -> Any:
        import asyncio

        async def awaited() -> Any:
            return await awaitable

        if self._runner is None:
            self._runner = asyncio.Runner()
        return self._runner.run(awaited())

    def close(self) -> None:
        if self._runner is not None:
            self._runner.close()


def _failure(failure: AttemptFailed, *, ends: bool = False) -> Failure:
    return Failure(
        printable(failure.title),
        printable(failure.detail),
        failure.retryable,
        failure.unstarted,
        failure.kind,
        failure.status,
        ends,
    )


def _private_pipes() -> tuple[io.BufferedReader, Replies]:
    """Take stdin and stdout away from the callable and from whatever it starts."""
    requests = os.fdopen(os.dup(0), "rb")
    replies = Replies(os.dup(1))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True, errors="backslashreplace")
    return requests, replies


def _lines(requests: io.BufferedReader) -> Iterator[bytes]:
    while line := requests.readline():
        yield line


def _flush_prints() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            # The callable closed or replaced it; its prints are its own affair.
            continue


def _die_with(parent: int) -> None:
    """Ask the kernel to be killed when the hub dies; elsewhere the reaper does it a little later."""
    if sys.platform != "linux":
        return
    import ctypes
    import signal

    pr_set_pdeathsig = 1
    ctypes.CDLL(None, use_errno=True).prctl(pr_set_pdeathsig, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def _limit_memory(memory_bytes: int) -> None:
    import resource

    try:
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"memory cannot be bounded to {memory_bytes} bytes: {error}\n")


if __name__ == "__main__":
    main()
