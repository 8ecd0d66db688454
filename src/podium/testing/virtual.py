"""Workflows under test: a hub in this process, by a clock that the test moves, with agents that it scripts.

with virtual(__file__, "refund.yaml", agents={"ticket.classify": {"kind": "refund"}}) as podium:
    run = podium.start("support/refund", {"amount": 900})
    run.waits_for("human")
    podium.advance(days=14)
    run.faulted("timeout").tells("asks a person", "timeout")
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from podium.facts.catalog import Declared
from podium.facts.identity import digest_of
from podium.facts.values import JSON
from podium.runtime.door import Door
from podium.runtime.fleet import Fleet
from podium.runtime.identity import Identities
from podium.runtime.inquiry import HubSight, Inquiry, Readers
from podium.runtime.staffing import Staffing
from podium.sdk.client import Client, Run
from podium.sdk.manifests import load
from podium.store.interface import Reader
from podium.testing.hub import VirtualHub
from podium.testing.scripts import Answer, Dies, Fails, InTurn, Never, Takes
from podium.views.story import tell

__all__ = ["Answer", "Dies", "Fails", "InTurn", "Never", "Podium", "Takes", "VirtualRun", "virtual"]

START = datetime(2030, 1, 7, 9, tzinfo=UTC)
"""When virtual time begins unless told: a Monday morning."""


@contextmanager
def virtual(
    *paths: Path | str, agents: Mapping[str, Answer] | None = None, start: datetime = START
) -> Iterator[Podium]:
    """A hub for a test, to which everything in these files and folders has been declared.

    Args:
        paths: manifests, Python files, or folders of them; relative ones start where the caller's file is.
        agents: what is done for a capability, a tool, or by an agent of a name, instead of what would be. A
            capability that nobody declares is declared. Any other agent is called for real.
        start: when virtual time begins.
    Raises:
        AssertionError: a file cannot be read as what it is; the message lists the problems with their places.
        PodiumError: a workflow does not compile, or calls what nobody offers.
    """
    here = Path(sys._getframe(2).f_code.co_filename).parent
    loaded = load([here / path for path in paths])
    problems = [f"{problem.file}:{problem.line}: {problem.message}" for problem in loaded.problems]
    assert not problems, "\n".join(problems)
    with tempfile.TemporaryDirectory(prefix="podium-") as folder:
        made = Podium(Path(folder), dict(agents or {}), start)
        try:
            made.apply(*loaded.resources)
            yield made
        finally:
            made.close()


class Podium:
    """The hub of a test.

    Attributes:
        client: all calls that a hub knows; those that wait for a run wait in real time: use `run` here.
        calls: attempts that were ordered, oldest first: `capability`, `input`, `attempt`, `task`…
    """

    def __init__(self, folder: Path, agents: dict[str, Answer], start: datetime) -> None:
        self._hub = VirtualHub(folder, int(start.timestamp() * 1000), agents)
        self._hub.start()
        reader = cast(Reader, self._hub.store)
        readers = Readers(lambda: reader)
        inquiry = Inquiry(HubSight(self._hub, readers))
        performer = self._hub.performer
        identities = Identities(folder / "roles.yaml", performer.owns)
        fleet = Fleet(self._hub.tell_all, _ignore, _ignore, lambda: self._hub.now, b"test")
        self._door = Door(
            self._hub, performer, inquiry, readers, _NoViews(), identities=identities,
            staffing=Staffing(self._hub, fleet),
        )  # fmt: skip
        self.client = Client(self._door, "user:test")
        self.calls = performer.calls

    def close(self) -> None:
        """End it; what is unfinished is forgotten."""
        self._hub.stop()
        self.client.close()

    def apply(self, *resources: Declared) -> None:
        """Declare these, and scripted agents for capabilities that nobody declares."""
        self.client.apply([*resources, *self._stand_ins(resources)])

    def _stand_ins(self, resources: tuple[Declared, ...]) -> list[Declared]:
        catalog = self._hub.system.catalog
        named = {one.name for one in resources} | {agent.name for agent in catalog.agents.values()}
        offered = {
            capability["name"]
            for one in resources
            if one.kind == "Agent"
            for capability in one.spec["capabilities"]
        }
        scripted = self._hub.performer.scripts
        wanted = [name for name in scripted if name not in named | offered and not catalog.candidates(name)]
        return [_stand_in(name) for name in wanted if name not in ("http", "openapi", "process")]

    def agent(self, name: str, answer: Answer) -> None:
        """From now on this is done for a capability, a tool, or by the agent of that name."""
        self._hub.performer.scripts[name] = answer
        stand_ins = self._stand_ins(())
        if stand_ins:
            self.client.apply(stand_ins)

    # --- runs ----------------------------------------------------------------------------------------

    def start(self, workflow: str, input: JSON = None, **more: Any) -> VirtualRun:
        """Start a run, and do all of it that needs no time."""
        return VirtualRun(self, self.client.submit(workflow, input, **more).run_id)

    def run(
        self, workflow: str, input: JSON = None, *, within: timedelta = timedelta(days=3660)
    ) -> VirtualRun:
        """Start a run, and let time go on until it has ended, or nothing is due any more."""
        run = self.start(workflow, input)
        self._hub.advance(self._hub.now + within // timedelta(milliseconds=1), lambda: run.now.ended)
        return run

    def runs(self, workflow: str = "") -> list[VirtualRun]:
        """All runs, or those of a workflow, oldest first: those that schedules began, too."""
        rows = self.client.get("runs", workflow=workflow, nested=True, limit=10_000)
        return [VirtualRun(self, str(row["id"])) for row in reversed(rows)]

    def send(self, type: str, data: JSON = None, **attributes: JSON) -> None:
        """Send an event to whoever listens, and to schedules that wait for it."""
        event = {"specversion": "1.0", "type": type, "data": data, "source": "test", **attributes}
        event.setdefault("id", f"test-{self._hub.shard.writer.head.seq}")
        self.client.send(event)

    # --- time ----------------------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        """The virtual time."""
        return datetime.fromtimestamp(self._hub.now / 1000, UTC)

    def advance(self, **span: float) -> None:
        """Let time go on: `advance(days=14)`, as `timedelta` has it. Whatever is due happens at its time."""
        ms = timedelta(**span) // timedelta(milliseconds=1)
        assert ms >= 0, "time does not go back"
        self._hub.advance(self._hub.now + ms)

    def inputs(self, name: str) -> list[JSON]:
        """What each attempt for a capability or a tool was given, oldest first."""
        return [order.input for order in self.calls if name in (order.capability, order.agent)]


class VirtualRun:
    """A run of a test; what it asserts it says in words when it fails."""

    def __init__(self, podium: Podium, run_id: str) -> None:
        self._podium, self.id = podium, run_id

    @property
    def now(self) -> Run:
        """How it stands."""
        return self._podium.client.get_run(self.id)

    @property
    def output(self) -> JSON:
        return self.now.output

    @property
    def status(self) -> str:
        return self.now.status

    @property
    def story(self) -> list[str]:
        """What happened, line by line, as `podium story` tells it."""
        records = self._podium.client.events(self.id)
        return [line.text for line in tell(records, self._podium._hub.now)]

    @property
    def tasks(self) -> list[str]:
        """The names of the tasks that started, in order."""
        return [reference.rpartition("/")[2] for reference in self._podium.client.trace(self.id)]

    # --- assertions ----------------------------------------------------------------------------------

    def completed(self, output: JSON = ...) -> VirtualRun:
        """It ended well, with this output where one is given."""
        run = self.now
        assert run.status == "completed", self._told(f"it is {run.phase}, and not completed: {run.error}")
        assert output is ... or run.output == output, self._told(f"its output is {run.output!r}")
        return self

    def faulted(self, kind: str = "") -> VirtualRun:
        """It ended with an error, whose type or title has `kind` in it."""
        run = self.now
        assert run.status == "faulted" and run.error is not None, self._told(f"it is {run.phase}")
        about = f"{run.error.type} {run.error.title}"
        assert kind in about, self._told(f"its error is {about}, and not about {kind}")
        return self

    def waits_for(self, kind: str, task: str = "") -> dict[str, Any]:
        """It waits for something of this kind, `human`, `event`, `timer`…; gives what is known of that."""
        waiting = self.now.waiting_for
        for one in waiting:
            if one["kind"] == kind and str(one["task"]).endswith(task):
                return dict(one)
        kinds = [f"{one['kind']} at {one['task']}" for one in waiting] or "nothing"
        raise AssertionError(self._told(f"it waits for {kinds}, and not for {kind} {task}".rstrip()))

    def answer(self, decision: str = "approve", data: JSON = None, task: str = "") -> VirtualRun:
        """Answer the question that it asks a person."""
        self._podium.client.answer(self.id, task=task, decision=decision, data=data)
        return self

    def tells(self, *parts: str) -> VirtualRun:
        """Its story has lines with these parts, in this order."""
        lines = iter(self.story)
        for part in parts:
            assert any(part in line for line in lines), self._told(f"its story has no {part!r} there")
        return self

    def never_tells(self, part: str) -> VirtualRun:
        """No line of its story has this part."""
        assert not any(part in line for line in self.story), self._told(f"its story has {part!r}")
        return self

    def _told(self, message: str) -> str:
        return "\n  ".join((f"run {self.id[:8]}: {message}; its story:", *self.story))


class _NoViews:
    """In place of tables for queries: of a test's runs everything is known at once."""

    trouble = ""

    def caught_up(self) -> dict[int, int]:
        return {}

    def rebuild(self) -> None:
        """There is nothing to make again."""

    def wait_for(self, shard: int, seq: int, timeout_ms: int) -> bool:
        return True


def _ignore(told: object) -> None:
    """No worker of another process is there to tell anything."""


def _stand_in(name: str) -> Declared:
    """An agent that offers a capability, and is never called for real."""
    spec = {
        "name": "scripted-" + name.replace(".", "-").lower(), "version": "1.0.0",
        "capabilities": [{"name": name}],
        "runtime": {"type": "function", "callable": "podium.testing:scripted", "isolation": "none"},
    }  # fmt: skip
    return Declared("Agent", str(spec["name"]), "1.0.0", digest_of(spec), spec)
