"""Asks jq: questions go to child processes, answers come back to a callback; no program can harm the hub.

Nor can it keep others waiting. Programs that were quick before have a process of their own, and so have those
that nobody knows yet. If one of these is at a question for long while others wait, they go to a process that
stands ready, and it is left alone with its question. What is known to be slow does not come between the
others again: it has a few processes, which leave the processor to everything else.
"""

from __future__ import annotations

import os
import select
import sys
import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from importlib.util import find_spec

import msgspec

from podium.facts.inputs import Evaluated
from podium.runtime import jq_worker
from podium.runtime.jq_child import Child, Question, answer
from podium.runtime.jq_worker import CHECK, EVALUATE, READY, REQUEST

DEADLINE_MS = 1000
MEMORY_BYTES = 512 * 1024 * 1024
QUANTUM_MS = 10
"""A question that others wait for may take so long; twice that on a busy machine."""
KNOWN_MAX = 4096
"""So many programs are remembered as quick, and as many as slow."""
SPARE = 2
"""So many processes stand ready: it takes some 30 ms to start one."""
SLOW_MAX = 2
"""So many processes may work at slow questions at the same time."""

_IDLE_MS = 1000
"""With nothing to do for so long, the thread sleeps until it is woken."""
_STARTS_MAX = 3
_CRASHES_MAX = 2
"""A question that a process died on for no known reason is asked this often."""


class EvaluatorClosed(Exception):
    """The evaluator gives no more answers."""


class _Lane:
    """A process that answers what comes, and what waits until there is one."""

    def __init__(self) -> None:
        self.child: Child | None = None
        self.queue: deque[Question] = deque()


class Evaluator:
    """Runs jq programs in worker processes of its own, which start with the first question.

    Answers come on the evaluator's own thread, in no promised order. A program that needs more time or memory
    than it may have ends its process; that question is answered with a failure that names the limit, and
    those behind it are asked again in another process.

    Args:
        on_answer: told every answer; must neither block nor raise.
        deadline_ms: processor time that one program may take.
        memory_bytes: address space that a worker process may take.
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
        self._quick, self._unknown = _Lane(), _Lane()
        self._spare: list[Child] = []
        self._slow: list[Child] = []
        self._dying: list[Child] = []
        self._late: deque[Question] = deque()
        self._known_quick: OrderedDict[str, None] = OrderedDict()
        self._known_slow: OrderedDict[str, None] = OrderedDict()
        self._starts_failed = 0
        self._thread: threading.Thread | None = None
        self._sleeps = False
        self._closed = False
        self._poll = select.poll()
        self._polled: dict[int, int] = {}
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)

    @property
    def pids(self) -> list[int]:
        """The processes; first those that answer what comes."""
        return [child.pid for child in self._children()]

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

        self._submit(Question(program, _frame(EVALUATE, program, argument), deliver, lambda: None))

    def check_syntax(self, programs: list[str]) -> list[str | None]:
        """What is wrong with each program, None if nothing is. Waits for the answers.

        Raises:
            EvaluatorClosed: before they were there.
        """
        faults: dict[int, str | None] = {}
        done = threading.Event()

        def taker(number: int) -> Callable[[bytes, str], None]:
            def deliver(_: bytes, failure: str) -> None:
                faults[number] = failure or None
                if len(faults) == len(programs):
                    done.set()

            return deliver

        for number, program in enumerate(programs):
            self._submit(Question(program, _frame(CHECK, program, b""), taker(number), done.set))
        if programs:
            done.wait()
        if len(faults) != len(programs):
            raise EvaluatorClosed
        return [faults[number] for number in range(len(programs))]

    def close(self) -> None:
        """End the processes and the thread; questions without an answer get none."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._wake()
        if self._thread is not None:
            self._thread.join()
        queued = (*self._quick.queue, *self._unknown.queue, *self._late)
        for question in (*queued, *(one for child in self._children() for one in child.asked)):
            question.abandon()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _submit(self, question: Question) -> None:
        with self._lock:
            if self._closed:
                raise EvaluatorClosed
            if question.program in self._known_slow:
                self._late.append(question)
                self._wake()
            else:
                self._give(self._quick if question.program in self._known_quick else self._unknown, question)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="jq-evaluator", daemon=True)
                self._thread.start()

    def _give(self, lane: _Lane, question: Question) -> None:
        child = lane.child
        if child is None:
            lane.queue.append(question)
            self._wake()
            return
        # Behind another one it may have to be moved, which the thread must look out for.
        is_second = len(child.asked) == 1
        if not child.ask(question) or is_second or self._sleeps:
            self._wake()

    def _wake(self) -> None:
        try:
            os.write(self._wake_write, b"\0")
        except BlockingIOError:
            pass  # It is full of wake-ups already.

    # --- on the thread ---------------------------------------------------------------------------

    def _run(self) -> None:
        idle = False
        while True:
            while self._stock():
                with self._lock:
                    if not self._arrange():
                        break
            with self._lock:
                if self._closed:
                    break
                timeout = self._timeout(idle)
                self._sleeps = timeout is None
            ready = self._wait(timeout)
            self._sleeps = False
            if self._wake_read in ready:
                # First, so that whatever is told after it wakes the next wait.
                self._drain()
            children = self._children()
            idle = not ready and not any(child.asked for child in children)
            for child in children:
                self._look(child, ready)
            if self._dying:
                self._dying = [child for child in self._dying if not child.gone()]
        for child in self._children():
            child.kill()
        for child in (*self._children(), *self._dying):
            child.gone(wait=True)

    def _drain(self) -> None:
        try:
            os.read(self._wake_read, 4096)
        except BlockingIOError:
            pass

    def _children(self) -> list[Child]:
        lanes = [lane.child for lane in (self._quick, self._unknown) if lane.child is not None]
        return [*lanes, *self._spare, *self._slow]

    def _timeout(self, idle: bool) -> float | None:
        """How long nothing may happen, in ms; None for as long as it likes."""
        for lane in (self._quick, self._unknown):
            if lane.child is not None and len(lane.child.asked) > 1:
                return QUANTUM_MS
        at_work = [child.patience_ms() for child in self._children() if child.asked or not child.ready]
        return min(at_work) + 1 if at_work else None if idle else _IDLE_MS

    def _wait(self, timeout: float | None) -> set[int]:
        """Wait until bytes can move; gives the pipes on which they can."""
        wanted = {self._wake_read: select.POLLIN}
        for child in self._children():
            wanted[child.stdout] = select.POLLIN
            if child.unsent:
                wanted[child.stdin] = select.POLLOUT
        if wanted != self._polled:
            self._poll, self._polled = select.poll(), wanted
            for pipe, event in wanted.items():
                self._poll.register(pipe, event)
        return {pipe for pipe, _ in self._poll.poll(timeout)}

    def _look(self, child: Child, ready: set[int]) -> None:
        """Take what a child gives, and see whether it takes too long for it."""
        if child.stdin in ready:
            with self._lock:
                child.flush()
        if child.stdout in ready:
            took_ms = child.busy_ms() if child.ready else 0.0
            self._received(child, child.receive(), took_ms)
        if not child.ended and child.busy_ms() > 0 and child.patience_ms() <= 0:
            child.expire()
            self._dying.append(child)
        if child.ended:
            self._ended(child)
        elif child.ready and len(child.asked) > 1 and child.busy_ms() >= QUANTUM_MS:
            self._make_way(child)

    # --- processes

    def _stock(self) -> bool:
        """Have processes ready that nobody uses yet, if they may be needed; False if nothing waits."""
        if self._closed:
            return False
        waits = bool(self._quick.queue or self._unknown.queue or self._late)
        if len(self._spare) >= SPARE or not (waits or self._is_up()):
            return waits
        try:
            # Not under the lock: starting takes milliseconds.
            self._spare.append(Child(self._command, self._memory_bytes, self._deadline_ms))
        except OSError as error:
            return self._not_started(error)
        return True

    def _is_up(self) -> bool:
        """Whether the first processes have started: others must not make them wait."""
        children = self._children()
        return bool(children) and all(child.ready for child in children)

    def _not_started(self, error: OSError) -> bool:
        """After some attempts, who waits for a process is told; True to try again at once."""
        self._starts_failed += 1
        with self._lock:
            lanes = [lane for lane in (self._quick, self._unknown) if lane.child is None]
            queues = [*(lane.queue for lane in lanes), *([] if self._slow else [self._late])]
            waiting = next((queue for queue in queues if queue), None)
            if waiting is None:
                return False
            question = waiting.popleft() if self._starts_failed >= _STARTS_MAX else None
        if question is not None:
            question.deliver(b"", f"the jq worker process does not start: {error}")
        return True

    def _arrange(self) -> bool:
        """Hand out what waits; True if that took a process in stock, and more may wait for another."""
        took = False
        for lane in (self._quick, self._unknown):
            if lane.child is None and lane.queue and self._spare:
                lane.child, took = self._spare.pop(0), True
            while lane.queue and lane.child is not None:
                lane.child.ask(lane.queue.popleft())
        free = [child for child in self._slow if not child.asked]
        if self._late and not free and len(self._slow) < SLOW_MAX and self._spare:
            free, took = [self._spare.pop()], True
            free[0].give_way()
            self._slow += free
        while self._late and free:
            free.pop().ask(self._late.popleft())
        return took

    def _make_way(self, child: Child) -> None:
        """Others wait for a question that takes long: it stays alone, and they go where it goes quickly."""
        lane = next((lane for lane in (self._quick, self._unknown) if lane.child is child), None)
        if lane is None or not child.works(QUANTUM_MS):
            return
        with self._lock:
            question = child.asked.popleft()
            self._known_quick.pop(question.program, None)
            _remember(self._known_slow, question.program)
            child.crowded = True
            lane.queue.extendleft(reversed(child.asked))
            child.asked.clear()
            lane.child = None
            if len(self._slow) < SLOW_MAX and not child.unsent:
                child.asked.append(question)
                child.give_way()
                self._slow.append(child)
                return
            self._late.append(question)
            self._kill(child)

    # --- answers

    def _received(self, child: Child, replies: list[tuple[int, bytes]], took_ms: float) -> None:
        """Hand replies on to those who asked; what others were moved away from answers nobody."""
        answers: list[tuple[Question, int, bytes]] = []
        with self._lock:
            for status, text in replies:
                if status == READY:
                    self._starts_failed = 0
                elif child.asked:
                    answers.append((child.asked.popleft(), status, text))
            if child is self._unknown.child:
                for question, *_ in answers:
                    _remember(self._known_quick, question.program)
            elif answers and child in self._slow:
                self._slow_done(child, answers[0][0], took_ms)
        for question, status, text in answers:
            answer(question, status, text)

    def _slow_done(self, child: Child, question: Question, took_ms: float) -> None:
        if took_ms < QUANTUM_MS:
            self._known_slow.pop(question.program, None)
        if child.crowded or not self._late:
            self._slow.remove(child)
            self._kill(child)

    def _kill(self, child: Child) -> None:
        child.kill()
        self._dying.append(child)

    def _ended(self, child: Child) -> None:
        """A process is gone: answer the question it died on, and let the others go to another one."""
        if child not in self._children():
            return
        reason = child.reason()
        with self._lock:
            waiting = self._late
            for lane in (self._quick, self._unknown):
                if lane.child is child:
                    lane.child, waiting = None, lane.queue
            for others in (self._spare, self._slow):
                if child in others:
                    others.remove(child)
            blamed = None if self._closed else self._blamed(child, reason)
            waiting.extendleft(reversed(child.asked))
            child.asked.clear()
        if blamed is not None:
            question, why = blamed
            question.deliver(b"", why)

    def _blamed(self, child: Child, reason: str) -> tuple[Question, str] | None:
        """The question that a process died on, which is answered so, and why; None if none is to blame."""
        if not child.asked:
            return None
        question = child.asked[0]
        if not child.ready:
            self._starts_failed += 1
            if self._starts_failed < _STARTS_MAX:
                return None
            reason = f"the jq worker process does not start ({child.how_it_ended()})"
        elif not reason:
            question.crashes += 1
            if question.crashes < _CRASHES_MAX:
                return None
            reason = f"it crashed jq ({child.how_it_ended()})"
        child.asked.popleft()
        return question, reason


def _remember(known: OrderedDict[str, None], program: str) -> None:
    known[program] = None
    if len(known) > KNOWN_MAX:
        known.popitem(last=False)


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
