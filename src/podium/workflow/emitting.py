"""`emit`: the event that a task sends to whoever listens."""

from __future__ import annotations

import re

from podium.facts.values import JSON
from podium.resources.troubles import shown
from podium.workflow.draft import Draft, Place, Scope
from podium.workflow.expressions import WHOLE
from podium.workflow.listening import check_attribute
from podium.workflow.program import Emit

_NAME = re.compile(r"[a-z0-9]+", re.ASCII)
_URIS = ("source", "dataschema")
_KNOWN = frozenset(("id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "data"))


def emitted(draft: Draft, value: JSON, place: Place, scope: Scope) -> Emit:
    """`emit: {event: {with: {type: …}}}`"""
    given = draft.table(value, place, "`emit`", ("event",), required=("event",))
    place /= "event"
    event = draft.table(given.get("event", {"with": {}}), place, "`event`", ("with",), required=("with",))
    place /= "with"
    attributes = draft.named(event.get("with", {"type": "x"}), place, "`with`")
    if "type" not in attributes and isinstance(event.get("with"), dict):
        draft.refuse("missing-field", place, "An event needs a `type`.")
    for name, attribute in attributes.items():
        _check(draft, name, attribute, place / name)
    return Emit(draft.template(attributes, place, scope))


def _check(draft: Draft, name: str, value: JSON, place: Place) -> None:
    if not _NAME.fullmatch(name):
        message = (
            f"`{shown(name)}` is no name of an attribute: CloudEvents have lower-case letters and digits."
        )
        draft.refuse("wrong-value", place, message)
    elif name == "specversion":
        if value != "1.0":
            draft.unsupported(
                place, f"version {shown(value)} of CloudEvents", "leave it out, or write `'1.0'`"
            )
    elif name in _KNOWN:
        _check_known(draft, name, value, place)
    elif not isinstance(value, str | bool | int):
        message = f"`{name}` must be a text, a whole number, true or false; other values belong into `data`."
        draft.refuse("wrong-type", place, message)


def _check_known(draft: Draft, name: str, value: JSON, place: Place) -> None:
    check_attribute(draft, name, value, place)
    if name != "data" and value == "":
        draft.refuse("wrong-value", place, f"`{name}` must not be empty; leave it out.")
    if name in _URIS and isinstance(value, str) and "{" in value and not WHOLE.fullmatch(value):
        draft.unsupported(place, f"`{{name}}` in `{name}`", "write an expression in `${ }`")
