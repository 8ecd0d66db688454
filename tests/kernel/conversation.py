"""Conversations with the kernel: tell it something, expect events and orders.

After everything that is told, whatever the test is about, the log is folded again from nothing and must give
the very same state, and a copy of the shard that lost all that is volatile must have nothing to add.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from functools import lru_cache
from typing import Any

import jq
import msgspec
from ruamel.yaml import YAML

from podium.facts import events as e
from podium.facts import inputs as i
from podium.facts import stored
from podium.facts.catalog import Declared
from podium.facts.events import Record
from podium.facts.identity import digest_of, run_id_of
from podium.facts.orders import Abandon, Answer, Evaluate, Perform, Recall
from podium.facts.policy import Decision
from podium.facts.values import JSON, Error, Refused, Reply, standard_error
from podium.kernel.books import Books
from podium.kernel.catalog import Catalog
from podium.kernel.decide import decide, recover, resume
from podium.kernel.evolve import evolve
from podium.kernel.outcome import Outcome
from podium.kernel.state import Frame, Run, Shard
from podium.runtime.jq_worker import PRELUDE
from podium.workflow.processes import PROCESSES
from podium.workflow.program import Expression, Program

START = 1_750_000_000_000
"""The virtual clock starts here, in ms since 1970."""


TURNS_MAX = 10_000
"""So often a conversation lets a run go on before it takes it for endless."""

_encode = msgspec.json.Encoder().encode
_decode_books = msgspec.json.Decoder(Books).decode
_decode_run = msgspec.json.Decoder(Run).decode


def agent(name: str, capability: str = "", **spec: Any) -> Declared:
    """An agent that offers one capability; `input` and `output` are its schemas."""
    offered = {"name": capability or f"test.{name}"}
    for side in ("input", "output"):
        if side in spec:
            offered[side] = spec.pop(side)
    spec = {
        "name": name,
        "version": "1.0.0",
        "capabilities": [offered],
        "runtime": {"type": "function", "callable": "agents:answer", "isolation": "none"},
        **spec,
    }
    return Declared("Agent", name, spec["version"], digest_of(spec), spec)


def workflow(do: JSON, *, name: str = "talk", version: str = "1.0.0", **parts: JSON) -> Declared:
    """A workflow of these tasks, YAML text or JSON; `parts` are the other members of its document."""
    tasks = YAML(typ="safe", pure=True).load(do) if isinstance(do, str) else do
    document = {
        "document": {"dsl": "1.0.3", "namespace": "test", "name": name, "version": version},
        "do": tasks,
        **parts,
    }
    spec = {"namespace": "test", "name": name, "version": version, "document": document}
    return Declared("Workflow", f"test/{name}", version, digest_of(spec), spec)


class Trusting(dict[str, Decision]):
    """Decides, where no policy is declared, that everything may be done."""

    def get(self, key: str, default: Any = None) -> Decision:
        return _MAY


_MAY = Decision("allow", ("development",))


class Slow(Catalog):
    """A catalog whose workflows leave every expression to jq."""

    def program(self, digest: str) -> Program:
        made: dict[str, Program] = self.__dict__.setdefault("made", {})
        if digest not in made:
            made[digest] = _without_native(super().program(digest))
        return made[digest]


def _without_native(value: Any) -> Any:
    if isinstance(value, Expression):
        return replace(value, native=None)
    if is_dataclass(value):
        changed = {one.name: _without_native(getattr(value, one.name)) for one in fields(value)}
        return replace(value, **changed)  # type: ignore[type-var]
    if isinstance(value, tuple):
        return tuple(_without_native(item) for item in value)
    if type(value) is dict and any(isinstance(item, Expression) for item in value.values()):
        return {name: _without_native(item) for name, item in value.items()}
    return value


class Conversation:
    """A shard, a catalog and one run to talk about.

    Args:
        do: the workflow's tasks, as YAML text or as JSON.
        agents: what the catalog holds beside the workflow.
        trusting: where no policy is declared, whatever changes the world may be done without asking.
        asks_jq: every expression goes to jq by an `Evaluate` query.
        parts: other top-level members of the document: `input`, `use`, `timeout`…

    Attributes:
        log: every record.
        commits: how many there were after each step: what a step decides becomes durable together.
        now: the virtual clock, in ms.
        open: attempts that the performer has and has not answered, by (run, effect).
        questions: `Evaluate` queries without an answer. They are answered at once, unless `holds` is set.
        follows: what a step has to be told next.
        emits: events that are to be given to those that listen. They are at once, unless `holds` is set.
        watch: told of every attempt that is ordered.
        checks: whether records go through the store's form, and the state is checked after each thing told.
        replies: what was replied, oldest first.
    """

    def __init__(
        self, do: JSON = None, *, agents: tuple[Declared, ...] = (), asks_jq: bool = False,
        trusting: bool = True, **parts: JSON,
    ) -> None:  # fmt: skip
        self.shard = Shard()
        self.catalog = Slow() if asks_jq else Catalog()
        self.catalog.allowed = PROCESSES
        if trusting:
            self.catalog.usual = Trusting()
        self.now = START
        self.log: list[Record] = []
        self.open: dict[tuple[str, int], Perform] = {}
        self.abandoned: list[Abandon] = []
        self.answers: list[Answer] = []
        self.questions: list[Evaluate] = []
        self.emits: list[Perform] = []
        self.follows: list[i.Input] = []
        self.commits: list[int] = []
        self.answered = 0
        self.replies: list[Reply] = []
        self.ended: list[str] = []
        self.holds = False
        self.watch: Callable[[Perform], Any] = lambda order: None
        self.checks = True
        self.run_id = run_id_of("test", "talk")
        self._said: list[str] = []
        self._tickets = 0
        self._checked = Shard()
        self._checked_records = 0
        declared = [*agents]
        if do is not None:
            declared.append(workflow(do, **parts))
        self.apply(*declared)
        self._take(lambda out: out.emit(self.shard, None, e.EpochStarted(epoch=1, hub="test")))
        self._said.clear()

    def apply(self, *declared: Declared) -> None:
        """Declare resources, whatever breaks; a refusal is a broken test."""
        told = i.Apply(resources=declared, principal="test:me", force=True, why="what breaks is looked at")
        made = self.catalog.declare(told, dict)
        assert not isinstance(made, Refused), made
        for event, body in made.changes:
            self.catalog.fold(Record(self.catalog.seq + 1, "", self.now, event, body))

    def declare(self, **workflows: JSON) -> None:
        """Declare further workflows of these tasks, by name."""
        self.apply(*(workflow(do, name=name) for name, do in workflows.items()))

    # --- telling -------------------------------------------------------------------------------------

    def tell(self, told: i.Input) -> Reply | None:
        """Tell the kernel anything; gives its reply, if it has one."""
        self._tickets += 1
        told = msgspec.structs.replace(told, ticket=self._tickets)
        before = len(self.replies)
        self._take(lambda out: decide(self.shard, told, self.now, self.catalog, out))
        self._see_to_it()
        return self.replies[before] if len(self.replies) > before else None

    def _see_to_it(self) -> None:
        while (self.questions or self.emits or self.follows) and not self.holds:
            if self.follows:
                told = self.follows.pop(0)
                self._take(lambda out, told=told: decide(self.shard, told, self.now, self.catalog, out))
            elif self.questions:
                self.answer_question()
            else:
                self.emit()

    def emit(self) -> None:
        """Give the oldest event that is emitted to those that listen, as a host does."""
        order = self.emits.pop(0)
        told = i.Emitted(run_id=order.run_id, effect=order.effect, token=order.token, event=order.input)
        self._take(lambda out: decide(self.shard, told, self.now, self.catalog, out))

    def submit(self, input: JSON = None, *, key: str = "", **fields: Any) -> Reply | None:
        return self.tell(
            i.SubmitRun(**{"run_id": self.run_id, "workflow": "talk", "input": input, "key": key, **fields})
        )

    def wait(self, ms: int) -> None:
        """Let time pass: the kernel is told of it whenever something is due, and at the end."""
        until = self.now + ms
        for _ in range(TURNS_MAX):
            due = self.shard.timers[0][0] if self.shard.timers else until + 1
            if due > until:
                break
            self.now = max(self.now, due)
            self.tell(i.Tick())
        else:
            raise AssertionError("time does not pass: something is always due")
        self.now = until
        self.tell(i.Tick())

    def go_on(self) -> None:
        """Tell the kernel of the time until nothing is due any more."""
        self.wait(0)

    def settle(self, task: str, output: JSON = None, **fields: Any) -> None:
        """The performer of `task`'s attempt succeeded."""
        self.report(task, status="succeeded", output=output, **fields)

    def fail(self, task: str, error: str | Error = "runtime", **fields: Any) -> None:
        """The performer of `task`'s attempt failed, with a standard error or another."""
        if isinstance(error, str):
            error = standard_error(error, "", f"the test says {error}")
        self.report(task, status="failed", error=error, **fields)

    def lose(self, task: str) -> None:
        """The performer of `task`'s attempt died."""
        self.report(task, status="lost")

    def report(self, task: str, **fields: Any) -> None:
        """Tell what became of `task`'s attempt. The clock moves on by what an attempt takes."""
        order = self.order(task)
        del self.open[order.run_id, order.effect]
        self.tell(i.Reported(run_id=order.run_id, effect=order.effect, token=order.token, **fields))

    def ask(
        self, task: str, number: int, target: str, args: JSON = None, *, kind: Any = "tool", **fields: Any
    ) -> None:
        """The attempt of `task` asks for a tool, or an agent."""
        order = self.order(task)
        self.tell(
            i.Asked(
                run_id=order.run_id, effect=order.effect, token=order.token, number=number, kind=kind,
                target=target, args=args, **fields,
            )
        )  # fmt: skip

    def told(self, task: str) -> dict[int, Any]:
        """What the attempt of `task` was told: of each thing that it asked for the output, or the error."""
        order = self.order(task)
        return {
            answer.number: answer.error if answer.error is not None else answer.output
            for answer in self.answers
            if (answer.run_id, answer.effect, answer.token) == (order.run_id, order.effect, order.token)
        }

    def order(self, task: str) -> Perform:
        """The attempt that the performer of `task` has."""
        found = [order for order in self.open.values() if task in (order.task, short(order.task))]
        assert len(found) == 1, f"{task}: {found or list(self.open.values())}"
        return found[0]

    def answer_human(self, decision: str = "approve", **fields: Any) -> Reply | None:
        return self.tell(
            i.AnswerHuman(**{"run_id": self.run_id, "decision": decision, "principal": "user:ann", **fields})
        )

    def send(
        self, kind: str, data: JSON = None, *, run_id: str | None = None, **attributes: JSON
    ) -> Reply | None:
        event = {
            "specversion": "1.0", "type": kind, "source": "test", "id": str(len(self.log)), "data": data,
            **attributes,
        }  # fmt: skip
        return self.tell(
            i.SendEvent(run_id=self.run_id if run_id is None else run_id, event=event, principal="user:ann")
        )

    def suspend(self) -> Reply | None:
        return self.tell(i.SuspendRun(run_id=self.run_id, principal="user:ann"))

    def resume(self) -> Reply | None:
        return self.tell(i.ResumeRun(run_id=self.run_id, principal="user:ann"))

    def cancel(self) -> Reply | None:
        return self.tell(i.CancelRun(run_id=self.run_id, principal="user:ann"))

    def resolve(self, verdict: Any, output: JSON = None, effect: int = 0) -> Reply | None:
        return self.tell(
            i.ResolveEffect(
                run_id=self.run_id, effect=effect, verdict=verdict, output=output, principal="user:ann"
            )
        )

    def answer_question(self) -> None:
        """Answer the oldest `Evaluate` query with what jq gives."""
        question = self.questions.pop(0)
        self.answered += 1
        assert self.answered <= TURNS_MAX
        value, failure = evaluate(question.program, question.argument)
        told = i.Evaluated(
            run_id=question.run_id, program=question.program, argument=question.argument, value=value,
            failure=failure,
        )  # fmt: skip
        self._take(lambda out: decide(self.shard, told, self.now, self.catalog, out))

    def crash(self) -> None:
        """The hub dies and another takes over: what is volatile is gone, attempts in flight are lost."""
        self.shard = self._remembered()
        self.open.clear()
        self.questions.clear()
        self.emits.clear()
        self.follows.clear()

        def take_over(out: Outcome) -> None:
            self.shard.now = max(self.shard.now, self.now)
            out.emit(self.shard, None, e.EpochStarted(epoch=self.shard.epoch + 1, hub="test"))
            recover(self.shard, self.catalog, out)

        self._take(take_over)
        self._see_to_it()

    def rewind(self, records: int) -> None:
        """The hub dies when no more than so many records are durable, and another takes over."""
        del self.log[records:]
        self.commits = [count for count in self.commits if count <= records]
        self.now = max(self.log[-1].at, START)
        self._checked, self._checked_records = Shard(), 0
        for record in self.log:
            evolve(self._checked, record)
        self._checked_records = records
        self.crash()

    # --- expecting -----------------------------------------------------------------------------------

    def expect(self, *lines: str) -> None:
        """What was recorded since the last time, in order, and then what was ordered, must be this.

        A line is the type of an event and its task (`TaskCompleted greet`), or `>` and an order.
        """
        said, self._said = sorted(self._said, key=lambda line: line[0] == ">"), []
        assert said == list(lines), "\n".join(["it said:", *said])

    def forget(self) -> None:
        """What was said so far is of no interest."""
        self._said.clear()

    @property
    def run(self) -> Run:
        return self.shard.runs[self.run_id]

    @property
    def status(self) -> str:
        return self.run.status

    @property
    def output(self) -> JSON:
        assert self.run.status == "completed", (self.run.status, self.run.error)
        return self.run.output

    @property
    def error(self) -> Error:
        assert self.run.status == "faulted", (self.run.status, self.run.output)
        assert self.run.error is not None
        return self.run.error

    def events(self, kind: type[e.Event]) -> list[Any]:
        return [record.event for record in self.log if type(record.event) is kind]

    def bodies(self, kind: type[e.Event]) -> list[Any]:
        return [record.body for record in self.log if type(record.event) is kind]

    def trace(self) -> list[str]:
        """Tasks in the order in which they began; ones that took no time, in which they ended."""
        begun = (e.TaskStarted, e.EffectRequested)
        return [
            short(record.event.task)
            for record in self.log
            if isinstance(record.event, begun)
            or (isinstance(record.event, e.TaskCompleted) and not record.event.frame)
        ]

    # --- behind the scenes ---------------------------------------------------------------------------

    def _take(self, deciding: Callable[[Outcome], Any]) -> None:
        out = Outcome()
        deciding(out)
        for record in out.records:
            self._said.append(_record_line(record))
        for order in out.orders:
            self._said.append(_order_line(order))
            if isinstance(order, Perform) and order.kind == "emit":
                self.emits.append(order)
            elif isinstance(order, Perform):
                self.open[order.run_id, order.effect] = order
                self.watch(order)
            elif isinstance(order, Answer):
                self.answers.append(order)
            elif isinstance(order, Abandon):
                self.abandoned.append(order)
                present = self.open.get((order.run_id, order.effect))
                if present is not None and present.token == order.token:
                    del self.open[order.run_id, order.effect]
        self.follows += out.inputs
        for query in out.queries:
            assert isinstance(query, Evaluate)
            self.questions.append(query)
        self.replies += [reply for _, reply in out.replies]
        self.ended += out.ended
        if not self.checks:
            self.log += out.records
            return
        self.log += (_through_the_store(record) for record in out.records)
        self.commits.append(len(self.log))
        self._check()

    def _check(self) -> None:
        """Folding the log gives this very state, and nothing was kept in memory alone."""
        for record in self.log[self._checked_records :]:
            evolve(self._checked, record)
        self._checked_records = len(self.log)
        assert _encode(list(self.shard.runs.values())) == _encode(list(self._checked.runs.values()))
        assert (self.shard.seq, self.shard.epoch) == (self._checked.seq, self._checked.epoch)
        assert self.shard.books() == self._checked.books()
        remembered = self._remembered()
        self._checked.kin.clear()
        for name in ("running", "listeners", "families"):
            present = {key: count for key, count in getattr(self.shard, name).items() if count}
            assert {key: count for key, count in getattr(remembered, name).items() if count} == present
        waits_for_release = any(
            not self.shard.runs[of].effects[number].retry_at for of, number in self.shard.deferred
        )
        if waits_for_release:
            # It is looked at again from time to time, as what is held may end with its window.
            return
        if not self.shard.pending and not any(at <= self.now for at in self.shard.timer_of.values()):
            out = Outcome()
            remembered.now = self.shard.now
            resume(remembered, self.catalog, out)
            assert not out.records, [_record_line(record) for record in out.records]

    def _remembered(self) -> Shard:
        """The shard as it comes back from a snapshot."""
        shard = Shard()
        for name in ("seq", "epoch", "epoch_at", "now"):
            setattr(shard, name, getattr(self._checked, name))
        shard.open_books(_decode_books(_encode(self._checked.books())))
        for run in self._checked.runs.values():
            shard.admit(_decode_run(_encode(run)))
        return shard


def evaluate(program: str, argument: bytes) -> tuple[JSON, str]:
    """What jq gives: the value, and why there is none."""
    try:
        compiled = _compiled(program)
        return msgspec.json.decode(compiled.input_text(argument.decode()).first()), ""
    except ValueError as error:
        return None, str(error)


@lru_cache(maxsize=1000)
def _compiled(program: str) -> Any:
    return jq.compile(f"{PRELUDE}first(({program}), null) | tojson")


def _through_the_store(record: Record) -> Record:
    event, name = record.event, type(record.event).__name__
    envelope, body = stored.encode(event, record.body)
    return stored.decode(record.seq, record.run_id, name, event.VERSION, record.at, envelope, body, _no_blob)


def _no_blob(digest: bytes) -> bytes:
    raise AssertionError("nothing here is a blob")


_PLACE = re.compile(r"(?:(?:catch/do|fork/branches|do|try|catch)/\d+/)")


def short(reference: str) -> str:
    """A task's reference without the places: `/do/0/loop/do/1/inner` is `loop/inner`, `/do` is `do`."""
    return _PLACE.sub("", reference.removeprefix("/"))


def _record_line(record: Record) -> str:
    task = getattr(record.event, "task", "")
    return f"{type(record.event).__name__} {short(task)}".strip()


def _order_line(order: Any) -> str:
    if isinstance(order, Perform):
        return f"> perform {short(order.task)} {order.attempt}"
    if isinstance(order, Answer):
        return f"> answer {order.effect} {order.number}"
    if isinstance(order, Recall):
        return "> recall"
    return f"> abandon {order.effect}"


def reported(order: Perform, output: JSON = None, **fields: Any) -> i.Reported:
    """What the performer of an attempt says; that it succeeded, unless `fields` say otherwise."""
    told = {"status": "succeeded", "output": output, **fields}
    return i.Reported(run_id=order.run_id, effect=order.effect, token=order.token, **told)


def frames(talk: Conversation) -> Iterator[Frame]:
    """The frames of the run, but for its root."""
    return (frame for frame in talk.run.frames.values() if frame.parent)
