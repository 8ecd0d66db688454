"""`listen`: which events a task waits for."""

from __future__ import annotations

import re
from typing import Literal

from podium.facts.values import JSON
from podium.workflow.draft import Draft, Place, Scope
from podium.workflow.endpoints import is_uri
from podium.workflow.expressions import WHOLE
from podium.workflow.program import EventFilter, Expression, Listen

_TIME = re.compile(
    r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?(Z|[+-]\d\d:\d\d)",
    re.ASCII,
)
_TEXTS = ("id", "type", "subject", "datacontenttype")
_URIS = ("source", "dataschema")


def listened(draft: Draft, value: JSON, place: Place, scope: Scope) -> Listen:
    """`listen: {to: {one|any|all: …}, read: …}`"""
    given = draft.table(value, place, "`listen`", ("to", "read"), required=("to",))
    read = draft.choice(given.get("read", "data"), place / "read", "`read`", ("data", "envelope", "raw"))
    mode, filters = _strategy(draft, given.get("to", {"any": []}), place / "to", scope)
    return Listen(mode, filters, read)


def _strategy(
    draft: Draft, value: JSON, place: Place, scope: Scope
) -> tuple[Literal["one", "any", "all"], tuple[EventFilter, ...]]:
    given = draft.table(
        value, place, "`to`", ("one", "any", "all"),
        unsupported={"until": "listen once in a task that `then` comes back to"},
    )  # fmt: skip
    if len(given) != 1:
        if isinstance(value, dict):
            draft.refuse("wrong-value", place, "`to` must be exactly one of `one`, `any` and `all`.")
        return "any", ()
    if "one" in given:
        return "one", (_filter(draft, given["one"], place / "one", scope),)
    mode: Literal["any", "all"] = "any" if "any" in given else "all"
    filters = draft.sequence(given[mode], place / mode, f"`{mode}`")
    if mode == "all" and not filters:
        draft.refuse("missing-field", place / mode, "`all` needs at least one event.")
    return mode, tuple(
        _filter(draft, one, place / mode / number, scope) for number, one in enumerate(filters)
    )


def _filter(draft: Draft, value: JSON, place: Place, scope: Scope) -> EventFilter:
    given = draft.table(
        value, place, "An event filter", ("with",), required=("with",),
        unsupported={"correlate": "compare in `with`, for example `data: ${ .order == $context.order }`"},
    )  # fmt: skip
    attributes = draft.named(given.get("with", {"type": ""}), place / "with", "`with`")
    place = place / "with"
    if not attributes and isinstance(given.get("with"), dict):
        draft.refuse("missing-field", place, "`with` needs at least one attribute of the event.")
    for name, expected in attributes.items():
        _check_attribute(draft, name, expected, place / name)
    predicate: Expression | None = None
    data = attributes.get("data")
    if isinstance(data, str) and WHOLE.fullmatch(data):
        predicate = draft.expression(data, place / "data", "`data`", scope)
    return EventFilter(
        {
            name: draft.template(expected, place / name, scope)
            for name, expected in attributes.items()
            if name != "data" or predicate is None
        },
        predicate,
    )


def _check_attribute(draft: Draft, name: str, expected: JSON, place: Place) -> None:
    if name in (*_TEXTS, *_URIS, "time") and not isinstance(expected, str):
        draft.refuse("wrong-type", place, f"`{name}` must be a text.")
    elif name == "time" and not _TIME.fullmatch(expected):
        draft.refuse("wrong-value", place, "`time` must look like `2030-01-31T12:00:00Z`.")
    elif name in _URIS and not (WHOLE.fullmatch(expected) or is_uri(expected)):
        draft.refuse("wrong-value", place, f"`{name}` must be a URI or one expression in `${{ }}`.")
