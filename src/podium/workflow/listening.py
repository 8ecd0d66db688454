"""`listen`: which events a task waits for, until when, and what is done for each."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Literal

from podium.facts.values import JSON
from podium.workflow.draft import Draft, Place, Scope
from podium.workflow.endpoints import is_uri
from podium.workflow.expressions import WHOLE, is_one_expression
from podium.workflow.program import (
    Correlation,
    Do,
    EventFilter,
    Events,
    Expression,
    Iteration,
    Listen,
    Node,
)

_TIME = re.compile(
    r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?(Z|[+-]\d\d:\d\d)",
    re.ASCII,
)
_TEXTS = ("id", "type", "subject", "datacontenttype")
_URIS = ("source", "dataschema")


Sequence = Callable[[JSON, Place, Scope], Do]
"""Compiles a list of tasks."""


def listened(draft: Draft, task: dict[str, JSON], place: Place, scope: Scope, sequence: Sequence) -> Listen:
    """`listen: {to: {one|any|all: …, until: …}, read: …}`, and the `foreach` beside it."""
    at = place / "listen"
    given = draft.table(task["listen"], at, "`listen`", ("to", "read"), required=("to",))
    read = draft.choice(given.get("read", "data"), at / "read", "`read`", ("data", "envelope", "raw"))
    to = given.get("to", {"any": []})
    events = events_of(draft, to, at / "to", scope)
    until, until_events = _until(draft, to, at / "to", scope)
    foreach = (
        _foreach(draft, task["foreach"], place / "foreach", scope, sequence) if "foreach" in task else None
    )
    endless = until is not None and until.constant and not _holds(until)
    return Listen(events, read, None if endless else until, until_events, endless, foreach)


def _holds(constant: Expression) -> bool:
    """Whether a condition that is a literal holds, as jq has it."""
    assert constant.native is not None
    return constant.native(None, {}) not in (None, False)


def events_of(draft: Draft, value: JSON, place: Place, scope: Scope) -> Events:
    """A strategy: which events, without what ends it."""
    given = draft.table(value, place, "What is listened to", ("one", "any", "all", "until"))
    modes = [mode for mode in ("one", "any", "all") if mode in given]
    if len(modes) != 1:
        if isinstance(value, dict):
            draft.refuse("wrong-value", place, "It must be exactly one of `one`, `any` and `all`.")
        return Events("any", ())
    if "until" in given and modes != ["any"]:
        draft.refuse(
            "unknown-field", place / "until", f"`{modes[0]}` ends by itself; `until` goes with `any`."
        )
    if "one" in given:
        return Events("one", (_filter(draft, given["one"], place / "one", scope),))
    mode: Literal["any", "all"] = "any" if "any" in given else "all"
    filters = draft.sequence(given[mode], place / mode, f"`{mode}`")
    if mode == "all" and not filters:
        draft.refuse("missing-field", place / mode, "`all` needs at least one event.")
    return Events(
        mode, tuple(_filter(draft, one, place / mode / number, scope) for number, one in enumerate(filters))
    )


def _until(draft: Draft, to: JSON, place: Place, scope: Scope) -> tuple[Expression | None, Events | None]:
    """What ends it: a condition, or events."""
    if not isinstance(to, dict) or "until" not in to:
        return None, None
    value, place = to["until"], place / "until"
    if isinstance(value, str):
        return draft.expression(value, place, "`until`", scope), None
    if not isinstance(value, dict):
        message = "`until` must be a condition, `'${ false }'` for one that never holds, or events."
        draft.refuse("wrong-type", place, message)
        return None, None
    if "until" in value:
        draft.refuse("unknown-field", place / "until", "What ends a `listen` has no `until` of its own.")
    return None, events_of(draft, value, place, scope)


def _foreach(draft: Draft, value: JSON, place: Place, scope: Scope, sequence: Sequence) -> Iteration:
    """`foreach`: what is done for each event; its body becomes a node of its own."""
    given = draft.table(value, place, "`foreach`", ("item", "at", "do", "output", "export"))
    item = draft.variable(given.get("item", "item"), place / "item", "`item`")
    position = draft.variable(given.get("at", "index"), place / "at", "`at`")
    if item == position:
        draft.refuse("wrong-value", place, f"`item` and `at` cannot both be `{item}`.")
    inner = scope.with_names(item, position)
    index = draft.reserve()
    flow: dict[str, Any] = {}
    for field, seen in (("output", inner), ("export", inner.with_names("output"))):
        about = draft.table(given.get(field, {}), place / field, f"`{field}`", ("schema", "as"))
        flow[f"{field}_schema"] = draft.optional_schema(about, place / field)
        if "as" in about:
            flow[f"{field}_as"] = draft.mutation(about["as"], place / field / "as", f"`{field}.as`", seen)
    body = sequence(given["do"], place / "do", inner) if "do" in given else Do((), {})
    draft.nodes[index] = Node(index, "foreach", "", place.reference, body, **flow)
    return Iteration(item, position, index)


def _filter(draft: Draft, value: JSON, place: Place, scope: Scope) -> EventFilter:
    given = draft.table(value, place, "An event filter", ("with", "correlate"), required=("with",))
    keys = _keys(draft, given.get("correlate", {}), place / "correlate", scope)
    attributes = draft.named(given.get("with", {"type": ""}), place / "with", "`with`")
    place = place / "with"
    if not attributes and isinstance(given.get("with"), dict):
        draft.refuse("missing-field", place, "`with` needs at least one attribute of the event.")
    for name, expected in attributes.items():
        check_attribute(draft, name, expected, place / name)
    predicate: Expression | None = None
    data = attributes.get("data")
    if isinstance(data, str) and is_one_expression(data):
        predicate = draft.expression(data, place / "data", "`data`", scope)
    return EventFilter(
        {
            name: draft.template(expected, place / name, scope)
            for name, expected in attributes.items()
            if name != "data" or predicate is None
        },
        predicate,
        keys,
        kind if isinstance(kind := attributes.get("type"), str) and "${" not in kind else "",
    )


def _keys(draft: Draft, value: JSON, place: Place, scope: Scope) -> dict[str, Correlation]:
    """`correlate`: keys by name."""
    keys = {}
    for name, one in draft.named(value, place, "`correlate`").items():
        at = place / name
        given = draft.table(one, at, "A correlation", ("from", "expect"), required=("from",))
        source = draft.expression(given.get("from", "."), at / "from", "`from`", scope)
        expect: Expression | None = None
        if "expect" in given:
            if not isinstance(given["expect"], str):
                message = "`expect` must be a text or an expression; `${ 5 }` is the number."
                draft.refuse("wrong-type", at / "expect", message)
            expect = draft.template(given["expect"], at / "expect", scope)
        keys[name] = Correlation(source, expect)
    return keys


def check_attribute(draft: Draft, name: str, expected: JSON, place: Place) -> None:
    """Note what is wrong with an attribute of an event, by its name."""
    if name in (*_TEXTS, *_URIS, "time") and not isinstance(expected, str):
        draft.refuse("wrong-type", place, f"`{name}` must be a text.")
    elif name == "time" and not _TIME.fullmatch(expected):
        draft.refuse("wrong-value", place, "`time` must look like `2030-01-31T12:00:00Z`.")
    elif name in _URIS and not (WHOLE.fullmatch(expected) or is_uri(expected)):
        draft.refuse("wrong-value", place, f"`{name}` must be a URI or one expression in `${{ }}`.")
