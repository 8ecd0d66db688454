"""Effects as an explanation tells them: who did what, from what, by whose leave, and at what cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from podium.facts import events as e
from podium.facts.events import Record
from podium.facts.values import JSON
from podium.provenance.explanation import Deed, Part, Source, Step, Way
from podium.provenance.origins import UNKNOWN, Composed, How, Origin, Passed, Traced, sources
from podium.provenance.replay import Choice, Replay, Trail
from podium.provenance.words import words_of
from podium.workflow.program import Program

MEMBERS_MAX = 50
"""A value with more members is told as one."""

ERASED: JSON = {"unknown": True}


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is needed to explain a run.

    Attributes:
        program: its workflow, as it was pinned.
        records: all of the run's, oldest first.
        performers: versions of who performed its effects, as they were declared, by digest.
    """

    run_id: str
    program: Program
    records: list[Record]
    performers: Mapping[str, Mapping[str, Any]]


def shown(value: JSON) -> JSON:
    """A value, or what stands for one that is not known."""
    return ERASED if value is UNKNOWN else value


class Teller:
    """Tells what values, choices and effects of a run rest on."""

    def __init__(self, evidence: Evidence, replay: Replay) -> None:
        self._evidence, self._replay = evidence, replay

    def parts(self, value: Traced) -> tuple[Part, ...]:
        """What a value is made of, member by member where these are known."""
        members = _members(value)
        if not members:
            return (self._part("", value),)
        return tuple(self._part(f"/{name}", member) for name, member in members.items())

    def _part(self, path: str, value: Traced) -> Part:
        found = sources(value)
        steps = tuple(Step(one.task, one.part, one.text, one.exact) for one in found.makings)
        return Part(path, self.sources(found.origins), steps)

    def sources(self, origins: Mapping[Origin, How]) -> tuple[Source, ...]:
        return tuple(self._source(origin, how) for origin, how in origins.items())

    def ways(self, choices: Iterable[Choice]) -> tuple[Way, ...]:
        unique = {choice.seq: choice for choice in choices}
        return tuple(
            Way(seq, one.task, one.way, one.text, self.sources(sources(*one.rest).origins))
            for seq, one in sorted(unique.items())
        )

    def _source(self, origin: Origin, how: How) -> Source:
        kind, path = origin.kind, origin.path
        match kind:
            case "effect" | "asker":
                trail = self._replay.trails[origin.number]
                return Source(kind, path, how, origin.number, 0, trail.task, self.performer(trail))
            case "event":
                record = self._replay.received[origin.number]
                event: Any = record.event
                received = getattr(record.body, "event", {})
                text = str(received.get("type", ""))
                return Source(kind, path, how, 0, record.seq, "", event.source or event.principal, text)
            case "error":
                record = self._replay.received[origin.number]
                error = getattr(record.body, "error", None)
                title = error.title if error is not None else ""
                return Source(kind, path, how, 0, record.seq, getattr(record.event, "task", ""), "", title)
            case "person":
                record = self._replay.received[origin.number]
                who = getattr(record.event, "principal", "")
                return Source(kind, path, how, 0, record.seq, getattr(record.event, "task", ""), who)
            case "input":
                started = self._replay.started
                return Source(kind, path, how, who=getattr(started and started.event, "principal", ""))
            case _:
                return Source(kind, path, how)

    def performer(self, trail: Trail) -> str:
        """Who performed an effect: a version of an agent or tool, a person, or what was used."""
        asked = self._assigned(trail)
        for record in reversed(trail.records):
            if isinstance(record.event, e.EffectSettled) and record.event.principal:
                return record.event.principal
        return str(asked.agent or asked.reason or asked.kind)

    def deed(self, trail: Trail, role: str) -> Deed:
        """All there is to tell of an effect."""
        first = trail.records[0]
        asked: Any = self._assigned(trail)
        performer = self._evidence.performers.get(asked.digest, {})
        settled: Any = next((one for one in trail.records if isinstance(one.event, e.EffectSettled)), None)
        body: Any = settled.body if settled is not None else None
        return Deed(
            trail.number, trail.task, trail.kind, role, asked.agent, asked.digest, asked.capability,
            str(performer.get("description", "")), asked.reason, self._status(trail),
            _attempts(trail), tuple(_failures(trail)), first.at, settled.at if settled else 0,
            sum(getattr(one.event, "cost_nano", 0) for one in trail.records), asked.hold_nano,
            shown(trail.input.value), self.parts(trail.input),
            shown(trail.output.value) if trail.output is not None else None,
            dict(getattr(body, "provenance", {})), tuple(words_of(trail.records)),
            asked.key if trail.kind == "workflow" else "",
            trail.asker,
            any(isinstance(one.event, e.EffectUndone) for one in trail.records),
            tuple(_logged(trail)) if role == "subject" else (),
        )  # fmt: skip

    def _assigned(self, trail: Trail) -> Any:
        """Who was asked, told by who was asked last: another takes the place of one who failed for good."""
        asked: Any = trail.records[0].event
        for record in trail.records:
            if isinstance(record.event, e.EffectRerouted | e.EffectRedriven) and record.event.agent:
                again = record.event
                asked = msgspec.structs.replace(
                    asked, agent=again.agent, digest=again.digest, reason=again.reason
                )
        return asked

    def _status(self, trail: Trail) -> str:
        status = ""
        for record in trail.records:
            if isinstance(record.event, e.EffectSettled):
                return record.event.status
            if isinstance(record.event, e.EffectInDoubt):
                status = "in_doubt"
            elif isinstance(record.event, e.EffectDeadLettered):
                status = "dead"
            elif isinstance(record.event, e.EffectResolved | e.EffectRedriven):
                status = ""
        effect = self._replay.run.effects.get(trail.number)
        if effect is None:
            return "given up"
        return status or effect.status


def _members(value: Traced) -> dict[str, Traced]:
    inner = value
    while isinstance(inner, Passed):
        inner = inner.inner
    whole = inner.value
    if not isinstance(inner, Composed):
        return {}
    names = list(whole) if isinstance(whole, dict) else [key for key in inner.members if isinstance(key, str)]
    if not names or len(names) > MEMBERS_MAX:
        return {}
    return {name: value.member(name) for name in names}


def _attempts(trail: Trail) -> int:
    first: Any = trail.records[0].event
    return int(first.started) + sum(isinstance(one.event, e.AttemptStarted) for one in trail.records)


def _logged(trail: Trail) -> Iterable[str]:
    for record in trail.records:
        yield from getattr(record.body, "log", ())


def _failures(trail: Trail) -> Iterable[str]:
    for record in trail.records:
        if isinstance(record.event, e.AttemptFailed) or (
            isinstance(record.event, e.EffectSettled) and record.event.status != "succeeded"
        ):
            error = getattr(record.body, "error", None)
            yield error.title if error is not None else "why was erased"
