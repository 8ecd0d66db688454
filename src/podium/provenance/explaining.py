"""Explaining: what a run, a task, an effect or a place in an output rests on, from the log alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

from podium.facts import events as e
from podium.provenance.deeds import Evidence, Teller, shown
from podium.provenance.explanation import Explanation
from podium.provenance.origins import UNKNOWN, Composed, Given, Passed, Traced, at, sources
from podium.provenance.replay import Choice, Replay, Trail

Lookup: TypeAlias = Callable[[str], Evidence | None]
"""The evidence of another run; None where there is none any more."""

RUNS_MAX = 5
"""So deep explanations go into runs below runs."""


class Unexplained(Exception):
    """There is no such thing to explain; the message says what there is."""


@dataclass(frozen=True, slots=True)
class Target:
    """What is asked about: a task by its reference or name, an effect by its number, or the run's output.

    Attributes:
        path: JSON pointer to a place in what it gave; "" for all of it.
    """

    task: str = ""
    effect: int = 0
    path: str = ""


def explain(evidence: Evidence, target: Target, lookup: Lookup, depth: int = 0) -> Explanation:
    """What a target rests on. Raises Unexplained."""
    replay = Replay(evidence.program, evidence.records)
    return _Explaining(evidence, replay, target, lookup, depth).explain()


class _Explaining:
    """One explanation in the making."""

    def __init__(
        self, evidence: Evidence, replay: Replay, target: Target, lookup: Lookup, depth: int
    ) -> None:
        self._evidence, self._replay, self._target = evidence, replay, target
        self._lookup, self._depth = lookup, depth
        self._teller = Teller(evidence, replay)
        self._roles: dict[int, str] = {}
        self._choices: dict[int, Choice] = {}
        self._paths: dict[int, dict[str, None]] = {}
        self._complete = True

    def explain(self) -> Explanation:
        subject, value, trail, choices = self._subject()
        task = self._task(trail)
        if value is not None and self._target.path:
            value = self._place(value)
        if trail is not None:
            self._roles[trail.number] = "subject"
            self._rests([trail.input, *self._asked_by(trail)], trail.choices)
        if value is not None:
            self._rests([value], choices)
        else:
            self._rests([], choices)
        rested = [number for number, role in self._roles.items() if role != "other"]
        if not self._target.task and not self._target.effect and not self._target.path:
            for number in self._replay.trails:
                self._roles.setdefault(number, "other")
        run, started = self._replay.run, self._replay.started
        assert started is not None and isinstance(started.event, e.RunStarted)
        deeds = tuple(
            self._teller.deed(self._replay.trails[number], self._roles[number])
            for number in sorted(self._roles)
        )
        runs = self._below(deeds)
        # What a run below cost, its own explanation says.
        costs = {deed.effect: 0 if deed.run in runs else deed.cost_nano for deed in deeds}
        inner = sum(one.cost_nano for one in runs.values())
        return Explanation(
            run.id, run.workflow, run.digest, run.status, subject, run.principal, run.parent,
            run.parent_effect, run.started_at, run.ended_at, shown(self._replay.input.value), task,
            trail.number if trail is not None and subject == "effect" else 0, self._target.path,
            shown(value.value) if value is not None else self._error(),
            self._teller.parts(value) if value is not None else (),
            self._teller.ways(self._choices.values()), deeds,
            sum(costs[number] for number in rested) + inner, run.cost_nano, self._complete, runs,
            run.tenant, run.priority,
        )  # fmt: skip

    # --- what is asked about -------------------------------------------------------------------------

    def _subject(self) -> tuple[str, Traced | None, Trail | None, tuple[Choice, ...]]:
        replay, target = self._replay, self._target
        if target.effect:
            trail = replay.trails.get(target.effect)
            if trail is None:
                raise Unexplained(
                    f"the run has no effect {target.effect}; its effects are 1 to {len(replay.trails)}"
                )
            return "effect", trail.output, trail, trail.choices
        if target.task:
            return self._of_task(target.task)
        output = replay.output
        if output is not None:
            return "output", output, None, replay.choices
        if target.path:
            raise Unexplained(f"the run has no output: it is {replay.run.status}")
        if replay.run.status == "faulted":
            return "error", None, self._failed(), replay.choices
        return "run", None, None, replay.choices

    def _of_task(self, name: str) -> tuple[str, Traced | None, Trail | None, tuple[Choice, ...]]:
        reference = self._reference(name)
        trails = [trail for trail in self._replay.trails.values() if trail.task == reference]
        endings = self._replay.endings.get(reference, [])
        trail = trails[-1] if trails else None
        if endings:
            return "task", endings[-1].output, trail, endings[-1].choices
        if trail is not None:
            return "task", trail.output, trail, trail.choices
        raise Unexplained(f"{reference} has not ended in this run, and asked nobody for anything")

    def _reference(self, name: str) -> str:
        """The reference of the task that is meant."""
        known = [node.reference for node in self._evidence.program.nodes if node.name]
        begun = {trail.task for trail in self._replay.trails.values()} | set(self._replay.endings)
        known += [one for one in sorted(begun) if one not in known]
        if name in known:
            return name
        found = [one for one in known if one.rpartition("/")[2] == name]
        if len(found) > 1:
            found = [one for one in found if one in begun] or found
            # A task may have the name of the function that it calls, which stands inside of it.
            outer = min(found, key=len)
            found = [outer] if all(one.startswith(outer) for one in found) else found
        if len(found) == 1:
            return found[0]
        if found:
            raise Unexplained(f"{name} names several tasks: {', '.join(found)}; give the whole reference")
        raise Unexplained(f"the workflow has no task {name}; its tasks are {', '.join(known[:20])}")

    def _failed(self) -> Trail | None:
        """The effect that the run ended with."""
        last = self._replay.last
        task = getattr(last.event, "task", "") if last is not None else ""
        return next((one for one in reversed(self._replay.trails.values()) if one.task == task), None)

    def _task(self, trail: Trail | None) -> str:
        if self._target.task:
            return self._reference(self._target.task)
        if trail is not None:
            return trail.task
        last = self._replay.last
        return str(getattr(last.event, "task", "")) if last is not None else ""

    def _error(self) -> Any:
        error = self._replay.run.error
        if error is None:
            return None
        return {"title": error.title, "detail": error.detail, "type": error.type, "status": error.status}

    def _place(self, value: Traced) -> Traced:
        path = self._target.path
        try:
            return at(value, path)
        except KeyError:
            what = value.value
            known = ", ".join(f"/{name}" for name in what) if isinstance(what, dict) else "nothing below it"
            raise Unexplained(f"there is no {path} in what was given; there is {known}") from None

    # --- what that rests on --------------------------------------------------------------------------

    def _rests(self, values: Iterable[Traced], choices: Iterable[Choice]) -> None:
        """Follow values and choices back to all effects that they rest on."""
        waiting: list[tuple[Traced, str]] = [(one, "value") for one in values]
        waiting += self._of_choices(choices)
        while waiting:
            one, role = waiting.pop()
            self._complete = self._complete and not _is_erased(one)
            for origin, how in sources(one).origins.items():
                if origin.kind not in ("effect", "asker"):
                    continue
                own = "value" if role == how == "value" else "choice"
                self._paths.setdefault(origin.number, {})[origin.path] = None
                known = self._roles.get(origin.number)
                if known == own or known in ("value", "subject"):
                    continue
                self._roles[origin.number] = own
                waiting += self._behind(self._replay.trails[origin.number], own)

    def _behind(self, trail: Trail, role: str) -> list[tuple[Traced, str]]:
        """What an effect rests on: what it was given, what its performer asked for, and what led to it."""
        found = [(trail.input, role), *self._of_choices(trail.choices)]
        return found + [(one, role) for one in self._asked_by(trail)]

    def _asked_by(self, trail: Trail) -> list[Traced]:
        """What the performer of an effect was given by those whom it asked."""
        return [
            one.output
            for one in self._replay.trails.values()
            if one.asker == trail.number and one.output is not None
        ]

    def _of_choices(self, choices: Iterable[Choice]) -> list[tuple[Traced, str]]:
        found: list[tuple[Traced, str]] = []
        for choice in choices:
            if choice.seq not in self._choices:
                self._choices[choice.seq] = choice
                found += [(one, "choice") for one in choice.rest]
        return found

    def _below(self, deeds: Iterable[Any]) -> dict[str, Explanation]:
        """Explanations of the runs that stand for effects."""
        runs: dict[str, Explanation] = {}
        if self._depth >= RUNS_MAX:
            return runs
        for deed in deeds:
            if not deed.run or deed.role == "other":
                continue
            evidence = self._lookup(deed.run)
            if evidence is None:
                self._complete = False
                continue
            paths = [path for path in self._paths.get(deed.effect, {}) if path]
            path = paths[0] if len(paths) == 1 else ""
            runs[deed.run] = explain_run(evidence, path, self._lookup, self._depth + 1)
        return runs


def explain_run(evidence: Evidence, path: str, lookup: Lookup, depth: int) -> Explanation:
    """The output of a run that another rests on, or all of it where it has no such place."""
    try:
        return explain(evidence, Target(path=path), lookup, depth)
    except Unexplained:
        return explain(evidence, Target(), lookup, depth)


def _is_erased(value: Traced) -> bool:
    """Whether a value that somebody gave is not known any more."""
    while isinstance(value, Passed):
        value = value.inner
    if isinstance(value, Composed):
        return any(isinstance(one, Given) and one.value is UNKNOWN for one in value.members.values())
    return isinstance(value, Given) and value.value is UNKNOWN and value.origin.kind != "secret"
