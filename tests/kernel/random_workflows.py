"""Workflows made at random, and a world that answers whatever they ask, always alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeAlias

from hypothesis import strategies as st

from podium.facts.values import ERRORS, Error
from podium.kernel.state import Effect, Frame
from tests.kernel.conversation import Conversation, agent, workflow

Task: TypeAlias = dict[str, Any]

OUTPUT = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
INPUT = {"type": ["object", "null"]}
AGENTS = tuple(
    agent(name, output=OUTPUT, input=INPUT, **more)
    for name, more in {
        "plain": {},
        "steady": {"retry": {"attempts": 2, "delay_ms": 700, "backoff": "constant"}},
        "once": {"delivery": "at-most-once"},
        "narrow": {"concurrency": 1},
    }.items()
)
BELOW = {
    "quick": [{"one": {"set": {"x": "${ type }"}}}],
    "slow": [{"nap": {"wait": "PT1S"}}, {"tell": {"emit": {"event": {"with": {"type": "told"}}}}}],
    "faulty": [{"nap": {"wait": "PT2S"}}, {"no": {"raise": {"error": {"type": "x", "status": 418}}}}],
    "deep": [{"below": {"run": {"workflow": {"namespace": "test", "name": "slow", "version": "latest"}}}}],
}
"""Workflows that those made here may run: nobody has to answer them."""
DEPTH = 3
"""Tasks inside tasks."""
TURNS_MAX = 2_000
"""So many deeds of the world, and a workflow made here has ended."""

_NATIVE = (
    "${ . }", "${ $input }", "${ $context }", "${ .x }", "${ .x.y // 1 }", "${ length }", "${ type }",
    "${ {a: ., b: 2} | type }", "${ $task.name }", "${ 1 + 1 }",
    "a ${ length } b", "${ [$context, 1] | length }",
)  # fmt: skip
_ASKED = ("${ tostring | length }", "${ [.] | first | type }", "${ reduce range(3) as $n (0; . + $n) }")
_CONDITIONS = (
    "true",
    "false",
    "${ length > 1 }",
    '${ type == "object" }',
    "${ .x }",
    "${ ($context | length) > 0 }",
)
_DURATIONS = ("PT0S", "PT1S", {"seconds": 2}, "PT5S", "${ {seconds: 3} }")
_STATUSES = (400, 418, 500)
_BROKEN = ("${ .x.y.z + {} }", "${ error }", "${ [] | tostring | tonumber }")


@dataclass
class Made:
    """A workflow, and how whoever is asked by its tasks behaves, by the name of the task."""

    do: list[Task]
    behaviour: dict[str, str] = field(default_factory=dict)

    def talk(self, **options: Any) -> Conversation:
        """A conversation about it that has not begun."""
        below = (workflow(do, name=name) for name, do in BELOW.items())
        return Conversation(self.do, agents=(*AGENTS, *below), **options)


@dataclass
class _Making:
    """What is known while a workflow is made.

    Errors are rare where nothing catches them, or few workflows would come far.

    Attributes:
        confluent: branches may not see what the others do, so that their order makes no difference.
        limited: agents may have to wait for a slot.
        alone: no other runs are run, and none told of anything.
        budget: how many more tasks there may be.
    """

    random: Random
    confluent: bool
    limited: bool
    alone: bool
    budget: int
    behaviour: dict[str, str] = field(default_factory=dict)
    names: int = 0
    tries: int = 0

    def chance(self, one_in: int) -> bool:
        return self.random.randrange(one_in) == 0

    def pick(self, *options: Any) -> Any:
        return self.random.choice(options)

    def name(self) -> str:
        self.names += 1
        return f"t{self.names}"

    def value(self) -> Any:
        if self.chance(10 if self.tries else 80):
            return self.pick(*_BROKEN)
        return self.pick(*_ASKED) if self.chance(6) else self.pick(*_NATIVE, 1, None, "text")

    def temper(self, *others: str) -> str:
        """How somebody behaves who is asked: well, for the most part."""
        return str(self.pick(*others)) if self.chance(2 if self.tries else 10) else "good"

    # --- lists and tasks -----------------------------------------------------------------------------

    def tasks(self, depth: int, *, inside: bool) -> list[Task]:
        """A list of tasks; `inside` a branch that must keep to itself."""
        names = [
            self.name() for _ in range(self.random.randint(3, 5) if depth == DEPTH else self.pick(1, 2, 3))
        ]
        return [
            {name: self.task(name, names[number + 1 :], depth, inside=inside)}
            for number, name in enumerate(names)
        ]

    def task(self, name: str, later: list[str], depth: int, *, inside: bool) -> Task:
        self.budget -= 1
        kinds: list[Callable[..., Task]] = [
            self.set, self.switch, self.wait, self.agent, self.agent, self.agent, self.asked, self.asked
        ]  # fmt: skip
        if not self.alone:
            kinds += [self.emit, self.run]
        if self.tries and not inside:
            kinds.append(self.raised)
        if depth and self.budget > 0:
            kinds += 3 * [self.do, self.loop, self.fork, self.careful]
        made: Task = self.random.choice(kinds)(name, later, depth, inside)
        self.flow(made, later, inside)
        return made

    def flow(self, task: Task, later: list[str], inside: bool) -> None:
        """Add what any task may have."""
        if self.chance(8):
            task["if"] = self.pick(*_CONDITIONS)
        if self.chance(5):
            task["input"] = {"from": self.pick("${ . }", "${ {x: .} }", "{x: 1}")}
        if self.chance(5):
            task["output"] = {"as": self.pick("${ . }", "${ {x: ., y: $input} | {x} }", "{x: (. | type)}")}
        if self.chance(4) and not inside:
            task["export"] = {
                "as": self.pick("${ {seen: ($context | length)} }", "${ {last: ($output | type)} }")
            }
        if self.chance(8):
            task.setdefault("input", {})["schema"] = {"document": {"type": ["object", "null", "array"]}}
        if "then" not in task and self.chance(8):
            task["then"] = self.pick(*self.targets(later, inside))
        if self.chance(8 if self.tries else 20):
            task["timeout"] = {"after": self.pick("PT1S", "PT4S", {"milliseconds": 1500})}

    def targets(self, later: list[str], inside: bool) -> list[str]:
        """Only forward, so that everything ends; and seldom to the end, so that there is something to do."""
        if self.chance(5):
            return ["exit", *(() if inside else ("end",))]
        return [*later, "continue", "continue"]

    # --- kinds ---------------------------------------------------------------------------------------

    def set(self, name: str, later: list[str], depth: int, inside: bool) -> Task:
        return {"set": {"x": self.value(), "y": self.value()} if self.chance(2) else {"x": self.value()}}

    def switch(self, name: str, later: list[str], depth: int, inside: bool) -> Task:
        cases: list[Task] = [
            {f"c{number}": {"when": self.pick(*_CONDITIONS), "then": self.pick(*self.targets(later, inside))}}
            for number in range(self.pick(1, 2))
        ]
        if self.chance(2):
            cases.append({"other": {"then": self.pick(*self.targets(later, inside))}})
        return {"switch": cases}

    def wait(self, name: str, later: list[str], depth: int, inside: bool) -> Task:
        return {"wait": self.pick(*_DURATIONS)}

    def raised(self, name: str, later: list[str], depth: int, inside: bool) -> Task:
        return {"raise": {"error": {"type": "https://example.com/no", "status": self.pick(*_STATUSES)}}}

    def agent(self, name: str, later: list[str], depth: int, inside: bool) -> Task:
        self.behaviour[name] = self.temper("flaky", "bad", "rubbish", "silent")
        named = self.pick("plain", "steady", "once", *(("narrow",) * 3 if self.limited else ()))
        asked: Task = {"agent": named, "input": {"x": self.value()}}
        if self.chance(4):
            del asked["input"]
        return {"call": "agent", "with": asked, **self._patience(name)}

    def asked(self, name: str, later: list[str], depth: int, inside: bool) -> Task:
        """What somebody or something other than an agent answers."""
        self.behaviour[name] = self.temper("bad", "silent")
        kind = self.pick("human", "listen", "stream", "get", "post")
        if kind == "human":
            made: Task = {"call": "human", "with": {"title": "Go on with ${ type }?"}}
        elif kind == "listen":
            filters = [{"with": {"type": f"{name}.{number}"}} for number in range(self.pick(1, 2))]
            made = {"listen": {"to": {self.pick("any", "all"): filters}}}
        elif kind == "stream":
            made = self.stream(name)
        else:
            made = {"call": "http", "with": {"method": kind, "endpoint": "https://example.com/x"}}
        return {**made, **self._patience(name)}

    def stream(self, name: str) -> Task:
        """Listens to one event after the other, and may do something for each."""
        until = self.pick(
            "length > 1", "[.[] | tostring] | length > 2", {"one": {"with": {"type": f"{name}.end"}}}
        )
        event = {"with": {"type": f"{name}.0"}, "correlate": {"of": {"from": ".data.of"}}}
        made: Task = {"listen": {"to": {"any": [event], "until": until}}}
        if self.chance(2):
            made["foreach"] = {
                "do": [{self.name(): self.pick({"wait": "PT1S"}, {"set": {"x": "${ $item.of }"}})}]
            }
            if self.chance(2):
                made["foreach"]["output"] = {"as": "${ {of: $item.of, at: $index} }"}
        return made

    def emit(self, name: str, later: list[str], depth: int, inside: bool) -> Task:
        return {"emit": {"event": {"with": {"type": "told", "data": self.value()}}}}

    def run(self, name: str, later: list[str], depth: int, inside: bool) -> Task:
        asked: Task = {"namespace": "test", "name": self.pick(*BELOW), "version": "latest"}
        if self.chance(2):
            asked["input"] = {"x": self.value()}
        return {"run": {"workflow": asked, "await": not self.chance(4)}}

    def _patience(self, name: str) -> Task:
        """Whoever is silent is not waited for for ever."""
        return {"timeout": {"after": "PT3S"}} if self.behaviour[name] == "silent" else {}

    def do(self, name: str, later: list[str], depth: int, inside: bool) -> Task:
        return {"do": self.tasks(depth - 1, inside=inside)}

    def loop(self, name: str, later: list[str], depth: int, inside: bool) -> Task:
        items = self.pick([], [{"a": 1}], [{"a": 1}, {"a": "${ type }"}], "${ [1, 2, 3] }", "${ [.] }")
        made: Task = {"for": {"in": items}, "do": self.tasks(depth - 1, inside=inside)}
        if self.chance(3):
            made["while"] = self.pick("$index < 2", "${ $item != 2 }", *_CONDITIONS)
        return made

    def fork(self, name: str, later: list[str], depth: int, inside: bool) -> Task:
        branches = []
        for _ in range(self.pick(1, 2, 3)):
            branch = self.name()
            if self.confluent:
                body = {"try": self.tried(depth, inside=True), "catch": {}}
                branches.append({branch: body})
            else:
                branches.append({branch: self.task(branch, [], depth - 1, inside=inside)})
        return {"fork": {"branches": branches, "compete": not self.confluent and self.chance(3)}}

    def careful(self, name: str, later: list[str], depth: int, inside: bool) -> Task:
        catch: Task = {}
        if self.chance(3) and not inside:
            catch["errors"] = {"with": {"status": self.pick(*_STATUSES, 408)}}
        if self.chance(4) and not inside:
            catch["when"] = self.pick("$error.status < 500", "${ .status | tostring | length == 3 }")
        if self.chance(3):
            catch["retry"] = {"delay": self.pick("PT0S", "PT1S"), "limit": {"attempt": {"count": 1}}}
        if self.chance(2) or inside:
            catch["do"] = [{self.name(): {"set": {"caught": "${ $error.status }"}}}]
        if self.chance(4):
            catch["then"] = self.pick(*self.targets(later, inside))
        return {"try": self.tried(depth, inside=inside), "catch": catch}

    def tried(self, depth: int, *, inside: bool) -> list[Task]:
        """The body of a `try`."""
        self.tries += 1
        tasks = self.tasks(depth - 1, inside=inside)
        self.tries -= 1
        return tasks


@st.composite
def workflows(
    draw: st.DrawFn, *, confluent: bool = False, limited: bool = False, alone: bool = False
) -> Made:
    """Any workflow that ends.

    Args:
        confluent: its output does not depend on the order in which its branches go on.
        limited: some of its agents do one thing at a time.
        alone: it runs no others, and tells nobody of anything.
    """
    # What one seed makes cannot be made smaller, but another seed makes less of a smaller budget.
    budget = draw(st.integers(1, 20))
    making = _Making(Random(draw(st.integers(0, 2**32))), confluent, limited, alone, budget)
    return Made(making.tasks(DEPTH, inside=False), making.behaviour)


# --- the world --------------------------------------------------------------------------------------


def drive(
    talk: Conversation, made: Made, crashes: frozenset[int] = frozenset(), stop_after: int = TURNS_MAX
) -> None:
    """Answer whatever is asked until the run ends, or so many deeds are done.

    The hub dies before the deeds whose numbers are in `crashes`.
    Time passes only when there is nothing else to do. Whatever is known to the world is known from the state
    that it meets, so that it does the same after a crash.
    """
    for turn in range(stop_after):
        if turn in crashes:
            talk.crash()
        if talk.run_id not in talk.shard.runs:
            talk.submit({"x": 3})
        elif not talk.run.ended:
            _do_something(talk, made)
        elif all(run.ended for run in talk.shard.runs.values()):
            return
        else:
            # A run that nobody waits for goes on by itself.
            talk.wait(max(talk.shard.timers[0][0] - talk.now, 0))
    assert stop_after < TURNS_MAX, "the workflow does not end"


def _do_something(talk: Conversation, made: Made) -> None:
    if talk.shard.timers and talk.shard.timers[0][0] <= talk.now:
        # A hub that starts looks at what is due before it hears of anything, so this must come first.
        talk.go_on()
        return
    effects = sorted(talk.run.effects.values(), key=lambda effect: effect.id)
    for effect in effects:
        if effect.status == "in_doubt":
            talk.resolve("retry", effect=effect.id)
            return
    for effect in effects:
        if effect.status in ("running", "waiting") and _behaviour(made, effect) != "silent":
            _answer(talk, effect, _behaviour(made, effect))
            return
    for frame in talk.run.frames.values():
        listens = frame.kind == "listen" and not frame.phase
        if listens and made.behaviour[_name(frame.task)] != "silent":
            _send(talk, frame)
            return
    assert talk.shard.timers, "the run waits for nothing"
    talk.wait(talk.shard.timers[0][0] - talk.now)


def _answer(talk: Conversation, effect: Effect, behaviour: str) -> None:
    if effect.kind == "human":
        talk.answer_human("deny" if behaviour == "bad" else "approve", task=effect.task)
    elif behaviour == "bad" or (behaviour == "flaky" and not effect.failures):
        talk.fail(effect.task, Error(ERRORS + "runtime", 500, "it is bad"))
    elif behaviour == "rubbish":
        talk.settle(effect.task, {"n": "no number"})
    else:
        talk.settle(effect.task, {"n": len(effect.task)})


def _send(talk: Conversation, frame: Frame) -> None:
    """The next event that a listening task waits for."""
    name, slot = _name(frame.task), len(frame.outputs)
    if frame.items is None:
        talk.send(f"{name}.{slot}", {"of": name}, id=f"{frame.id}/{slot}")
        return
    taken = len(frame.items)
    talk.send(f"{name}.{'end' if taken > 2 else 0}", {"of": name, "n": taken}, id=f"{frame.id}/{taken}")


def _behaviour(made: Made, effect: Effect) -> str:
    return made.behaviour[_name(effect.task)]


def _name(task: str) -> str:
    return task.rsplit("/", 1)[-1]
