"""Timetables: schedules that are declared, ready to be gone by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, tzinfo
from typing import Any, NamedTuple

import msgspec

from podium.facts.catalog import WorkflowVersion
from podium.facts.identity import digest_of
from podium.facts.schedules import ScheduleVersion
from podium.facts.values import JSON
from podium.kernel.arguments import iso
from podium.policy.zones import zone
from podium.workflow.program import ExpressionFailed
from podium.workflow.scheduling import Timing, own_schedule, timing_of


class Timetable(NamedTuple):
    """A schedule, compiled.

    Attributes:
        digest: of all that it goes by.
        where: the zone of its clock.
    """

    version: ScheduleVersion
    digest: str
    timing: Timing
    where: tzinfo

    def input_of(self, due_at: int, events: list[dict[str, Any]]) -> JSON:
        """What a run gets. Raises ValueError where that cannot be made."""
        read = [event if self.timing.read == "envelope" else _data(event) for event in events]
        if self.timing.input is None:
            return read if self.timing.events is not None else None
        native = self.timing.input.native
        assert native is not None, "such an input does not compile"
        told = {"schedule": self.version.name, "due": iso(due_at), "dueAt": due_at, "events": read}
        try:
            return native(told, {})
        except (ExpressionFailed, KeyError) as failure:
            raise ValueError(f"its input gave no value: {failure}") from None


def _data(event: dict[str, Any]) -> JSON:
    return event.get("data", event.get("data_base64"))


def timetables(
    schedules: Iterable[tuple[str, ScheduleVersion]], workflows: Iterable[tuple[str, WorkflowVersion]]
) -> Mapping[str, Timetable]:
    """The timetables of what is declared, by name: schedules, and workflows that have one of their own."""
    own = [own_schedule(workflow.document) for _, workflow in workflows if workflow.document.get("schedule")]
    found = {}
    for version in (*(one for _, one in schedules), *own):
        if version is None:
            continue
        timing, problems = timing_of(version)
        assert timing is not None, f"the applied schedule {version.name} no longer compiles: {problems}"
        digest = digest_of(msgspec.to_builtins(msgspec.structs.replace(version, version="")))
        found[version.name] = Timetable(version, digest, timing, zone(version.zone) or UTC)
    return found
