"""A hub in memory whose agents, people and misfortunes are drawn from a seed; the kernel decides for real."""

from __future__ import annotations

from functools import cache
from random import Random
from typing import Any

from podium.facts import inputs as i
from podium.facts.catalog import Declared
from podium.facts.identity import digest_of, run_id_of
from podium.facts.orders import Abandon, Perform
from podium.facts.values import Accepted, Reply, standard_error
from podium.runtime.clock import GuardedClock
from podium.runtime.host import Host
from podium.runtime.shard import ShardHost
from podium.runtime.system import SystemHost
from podium.store.memory import MemoryStore

RUNS_SHARD = 1
ACTIONS = 400


def agent(name: str, **fields: Any) -> Declared:
    spec = {
        "name": name, "version": "1.0.0", "capabilities": [{"name": f"{name}.do"}],
        "runtime": {"type": "http", "url": "http://127.0.0.1", "headers": {}}, **fields,
    }  # fmt: skip
    return Declared("Agent", name, "1.0.0", digest_of(spec), spec)


def workflow(name: str, *tasks: dict[str, Any]) -> Declared:
    document = {
        "document": {"dsl": "1.0.3", "namespace": "test", "name": name, "version": "1.0.0"},
        "do": list(tasks),
    }
    spec = {"namespace": "test", "name": name, "version": "1.0.0", "document": document}
    return Declared("Workflow", f"test/{name}", "1.0.0", digest_of(spec), spec)


def call(name: str) -> dict[str, Any]:
    return {"call": "agent", "with": {"capability": f"{name}.do"}}


def caught(*tasks: dict[str, Any], **catch: Any) -> dict[str, Any]:
    return {"try": list(tasks), "catch": {"errors": {}, **catch}}


ASK = {"call": "human", "with": {"title": "Go on?"}}
NAP = {"wait": {"seconds": 3}}
AGAIN = {"delay": {"seconds": 1}, "limit": {"attempt": {"count": 2}}}

FORK = [
    {"left": call("patient")},
    {"middle": {"do": [{"nap": NAP}, {"late": call("plain")}]}},
    {"right": ASK},
]
RACE = [
    {"fast": call("plain")},
    {"slow": {"do": [{"ask": ASK}]}},
    {"slower": caught({"work": call("once")})},
]
SCOPE = {"do": [{"ask": ASK}, {"work": call("plain")}], "timeout": {"after": "PT9S"}}

RESOURCES = (
    agent("plain", concurrency=2),
    agent("patient", concurrency=2, retry={"attempts": 3, "delay_ms": 500}),
    agent("once", delivery="at-most-once"),
    workflow(
        "sequence",
        {"one": call("plain")},
        {"two": caught({"inner": call("once")})},
        {"three": call("patient")},
    ),
    workflow(
        "retry",
        {"again": caught({"work": call("plain")}, retry=AGAIN)},
        {"nap": NAP},
        {"last": call("once")},
    ),
    workflow("fork", {"all": {"fork": {"branches": FORK}}}),
    workflow("race", {"first": {"fork": {"compete": True, "branches": RACE}}}, {"after": call("patient")}),
    workflow(
        "limits",
        {"guarded": caught({"scope": SCOPE})},
        {"each": {"for": {"each": "item", "in": "${ [1, 2, 3] }"}, "do": [{"one": call("plain")}]}},
        {"hear": {"listen": {"to": {"one": {"with": {"type": "test.go"}}}}}},
    ),
)


class Scene:
    """The hub, and what its attempts and people may do next."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.store = MemoryStore()
        self.at = 1_700_000_000_000
        self.orders: list[Perform] = []
        self.answers: list[i.Input] = []
        self.runs: list[str] = []
        self.start()
        self.tell(i.Apply(ticket=1, resources=RESOURCES, principal="user:ada"))

    def start(self) -> None:
        """A new hub takes over."""
        self.orders = []
        system = SystemHost(self.store, "hub")
        shard = ShardHost(self.store, RUNS_SHARD, system.catalog, "hub")
        clock = GuardedClock(lambda: self.at, lambda: self.at)
        self.host = Host(shard, system, clock, self, self, self.replied)
        self.host.open()

    def perform(self, orders: list[Perform]) -> None:
        self.orders += orders

    def abandon(self, orders: list[Abandon]) -> None:
        """Its agents answer even when nobody listens any more."""

    def ask(self, run_id: str, program: str, argument: bytes) -> None:
        raise AssertionError(f"{program} is not native")

    def replied(self, ticket: int, reply: Reply) -> None:
        assert isinstance(reply, Accepted), reply

    def tell(self, *told: i.Input) -> None:
        self.host.serve(list(told))

    # --- what may happen -----------------------------------------------------------------------------

    def act(self) -> None:
        draw = self.random.random()
        self.at += self.random.randrange(400)
        if draw < 0.12:
            self.submit()
        elif draw < 0.62:
            self.report()
        elif draw < 0.72:
            self.at = max(self.at, self.host.wake_at())
            self.tell()
        elif draw < 0.73:
            self.start()
        else:
            self.look_after()

    def submit(self) -> None:
        names = [declared.name for declared in RESOURCES if declared.kind == "Workflow"]
        self.runs.append(run_id_of("test", str(len(self.runs))))
        labels = {"team": self.random.choice(("north", "south"))}
        workflow = self.random.choice(names)
        self.tell(i.SubmitRun(run_id=self.runs[-1], workflow=workflow, labels=labels, principal="user:ada"))

    def report(self) -> None:
        if not self.orders:
            return
        order = self.orders.pop(self.random.randrange(len(self.orders)))
        status: Any = self.random.choices(("succeeded", "failed", "lost"), (8, 3, 2))[0]
        error = standard_error("runtime", order.task, "it failed") if status != "succeeded" else None
        self.tell(
            i.Reported(
                run_id=order.run_id, effect=order.effect, token=order.token, status=status, error=error,
                output={"done": True}, cost_nano=self.random.randrange(3) * 500,
            )
        )  # fmt: skip

    def look_after(self) -> None:
        """People answer, resolve, send and meddle; what does not apply to a run is refused."""
        event = {"specversion": "1.0", "type": "test.go", "source": "test", "id": str(self.at)}
        self.tell(i.SendEvent(event=event))
        for run_id in self.random.sample(self.runs, min(len(self.runs), 8)):
            verdict: Any = self.random.choice(("succeeded", "failed", "retry"))
            self.tell(i.AnswerHuman(run_id=run_id, principal="user:bob"))
            self.tell(i.ResolveEffect(run_id=run_id, verdict=verdict))
            meddle = self.random.choices((None, i.SuspendRun, i.CancelRun, i.ResumeRun), (20, 2, 1, 6))[0]
            if meddle is not None:
                self.tell(meddle(run_id=run_id))


@cache
def played(seed: int) -> MemoryStore:
    """The log of a scene."""
    scene = Scene(seed)
    for _ in range(ACTIONS):
        scene.act()
    return scene.store
