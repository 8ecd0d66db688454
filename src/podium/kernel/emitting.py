"""`emit`: an event is whole before it is recorded, so that whoever repeats it repeats the very same."""

from __future__ import annotations

from typing import Any

from podium.facts.values import JSON, standard_error
from podium.kernel.arguments import Faulted, iso
from podium.kernel.flow import Entry
from podium.kernel.requests import request
from podium.kernel.state import EMITS
from podium.kernel.step import Step, text_of
from podium.workflow.program import Emit, Program

_TEXTS = ("id", "source", "type", "subject", "time", "datacontenttype", "dataschema")


def request_emit(step: Step, entry: Entry) -> None:
    """Emit an event, for the hub to hand to whoever listens."""
    emit, node = entry.node.detail, entry.node
    assert isinstance(emit, Emit)
    given = step.evaluation.value(emit.event, entry.data, entry.arguments, node.reference)
    event = {
        "specversion": "1.0",
        "id": f"{step.run.id}/{step.run.effect_last + 1}",
        "source": source_of(step.program),
        "time": iso(step.shard.now),
        **_attributes(given, node.reference),
    }
    request(step, entry, event, "", 0, kind="emit", digest=EMITS, reason=event["type"])


def source_of(program: Program) -> str:
    """The source of the events of a workflow's runs, where they do not say another."""
    return f"/{program.namespace}/{program.name}"


def _attributes(given: dict[str, JSON], reference: str) -> dict[str, Any]:
    """The attributes that were given, as CloudEvents has them; without those that are null.

    Source: CloudEvents 1.0.2, "Context Attributes" and "Type System".
    """
    attributes = {}
    for name, value in given.items():
        if name == "data":
            attributes[name] = value
        elif value is not None:
            attributes[name] = _attribute(name, value, reference)
    if "type" not in attributes:
        raise Faulted(standard_error("expression", reference, "the event has no type", "`type` gave null"))
    return attributes


def _attribute(name: str, value: JSON, reference: str) -> JSON:
    if name in _TEXTS and isinstance(value, int | float) and not isinstance(value, bool):
        value = text_of(value)
    fits = isinstance(value, str) and value != "" if name in _TEXTS else isinstance(value, str | bool | int)
    if not fits:
        wanted = "a text that is not empty" if name in _TEXTS else "a text, a whole number, true or false"
        title = f"the attribute {name} of the event is not as it must be"
        raise Faulted(standard_error("expression", reference, title, f"it must be {wanted}"))
    return value
