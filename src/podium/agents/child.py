"""The child: a warm process that hosts one agent's callable and calls it for one attempt after another.

It speaks JSON lines with the pool: requests on what was its stdin, replies on what was its stdout, and
between the requests answers to what the callable asks the hub for. The callable itself sees an empty stdin,
and whatever it prints goes to stderr, which is its log. The process ends when its requests end.
"""

from __future__ import annotations

import inspect
import io
import os
import sys
import threading
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, Literal

import msgspec

from podium.agents import joining, loading
from podium.agents.asking import Question, settle
from podium.agents.calling import Call, Context, Uncallable, call_of, waits_itself
from podium.agents.interface import AttemptFailed, printable
from podium.agents.output import no_json, output_of
from podium.facts.catalog import AgentVersion
from podium.facts.values import JSON, Error


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


class Told(msgspec.Struct, omit_defaults=True, tag_field="is"):
    """Every further line that it gets."""


class Request(Told, tag="request"):
    """An attempt to make."""

    input: JSON
    run_id: str
    task: str
    attempt: int
    key: str
    deadline_at: int
    trace: str = ""


class Answer(Told, tag="answer"):
    """What came of something that the callable asked the hub for."""

    number: int
    output: JSON = None
    error: Error | None = None


AnyTold = Request | Answer


class Reply(msgspec.Struct, omit_defaults=True, tag_field="is"):
    """A line that the child writes."""


class Ready(Reply, tag="ready"):
    """The callable is imported."""


class Progress(Reply, tag="progress"):
    value: JSON = None


class Line(Reply, tag="line"):
    """The callable logged a line through its context."""

    text: str = ""


class Ask(Reply, tag="ask"):
    """The callable asks the hub for something; its answer bears the number."""

    number: int = 0
    kind: Literal["tool", "agent"] = "tool"
    target: str = ""
    args: JSON = None
    key: str = ""
    agent: str = ""


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
    type: str = ""


AnyReply = Ready | Progress | Line | Ask | Output | Failure

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
        function = loading.load(agent, loading.place_of(agent), shared=False)
        call = call_of(function)
    except Uncallable as error:
        replies.send(_failure(loading.misconfigured(agent, str(error)), ends=True))
        return
    except AttemptFailed as failure:
        replies.send(_failure(failure, ends=True))
        return
    replies.send(Ready())
    hub = Hub(requests, replies)
    runner, waits = Runner(), waits_itself(function)
    while (request := hub.request()) is not None:
        reply = perform(call, request, hub, runner, waits)
        _flush_prints()
        replies.send(reply)
        if isinstance(reply, Failure) and reply.ends:
            break
    runner.close()


class Hub:
    """What comes from the hub: attempts to make, and answers.

    Who waits for the next attempt reads it himself, until something is asked for the first time: from then on
    a thread reads for all.
    """

    def __init__(self, lines: io.BufferedReader, replies: Replies) -> None:
        self.replies = replies
        self._lines = lines
        self._decode = msgspec.json.Decoder(AnyTold).decode
        self._requests: SimpleQueue[Request | None] | None = None
        self._open: dict[int, Future[JSON]] = {}
        self._lock = threading.Lock()
        self._number = 0

    def request(self) -> Request | None:
        """The next attempt to make; None at the end."""
        self._open.clear()
        if self._requests is not None:
            return self._requests.get()
        line = self._lines.readline()
        told = self._decode(line) if line else None
        assert told is None or isinstance(told, Request), "nothing was asked for yet"
        return told

    def ask(self, question: Question) -> Future[JSON]:
        """Ask the hub for something."""
        future: Future[JSON] = Future()
        with self._lock:
            if self._requests is None:
                self._requests = SimpleQueue()
                threading.Thread(target=self._read, args=(self._requests,), daemon=True).start()
            self._number += 1
            number = self._number
            self._open[number] = future
        self.replies.send(Ask(number, *question))
        return future

    def _read(self, requests: SimpleQueue[Request | None]) -> None:
        for line in self._lines:
            told = self._decode(line)
            if isinstance(told, Request):
                requests.put(told)
            elif (future := self._open.pop(told.number, None)) is not None:
                settle(future, told.output, told.error)
        requests.put(None)


def perform(call: Call, request: Request, hub: Hub, runner: Runner, waits: bool) -> Output | Failure:
    """Make one attempt. `waits`: the callable waits for what it asks for itself."""
    replies = hub.replies
    context = Context(
        request.run_id,
        request.task,
        request.attempt,
        request.key,
        request.deadline_at,
        lambda value: replies.send(Progress(value)),
        lambda line: replies.send(Line(printable(line))),
        hub.ask,
        waits,
        request.trace,
    )
    try:
        joining.join(request.trace)
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
        failure.type,
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
