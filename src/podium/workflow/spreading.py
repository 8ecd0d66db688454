"""`call: map`: one function for every item, side by side."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from podium.facts.values import JSON
from podium.workflow.draft import Draft, Place, Scope
from podium.workflow.program import Expression, Map

CONCURRENCY = 32
"""Items of a `map` that are at work at once, unless it says otherwise."""
CONCURRENCY_MAX = 1_000


class Feed(NamedTuple):
    """What a task gets as its input, and where that is written."""

    place: Place
    value: Expression


class Compiler(Protocol):
    """What compiles the tasks inside."""

    @property
    def draft(self) -> Draft: ...

    def part(
        self, name: str, function: JSON, place: Place, scope: Scope, feed: Feed | None = None
    ) -> int: ...


def call_map(compiler: Compiler, arguments: JSON, place: Place, scope: Scope) -> Map:
    """The arguments of `call: map`."""
    draft = compiler.draft
    given = draft.table(
        arguments, place, "`call: map`",
        ("in", "each", "at", "function", "input", "concurrency", "onError", "quorum"),
        required=("in", "function"),
    )  # fmt: skip
    each = draft.variable(given.get("each", "item"), place / "each", "`each`")
    position = draft.variable(given.get("at", "index"), place / "at", "`at`")
    if each == position:
        draft.refuse("wrong-value", place, f"`each` and `at` cannot both be `{each}`.")
    on_error = draft.choice(
        given.get("onError", "fail"), place / "onError", "`onError`", ("fail", "collect", "quorum")
    )
    inner = scope.with_names(each, position)
    feed = None
    if "input" in given:
        feed = Feed(place / "input", draft.template(given["input"], place / "input", inner.without("input")))
    return Map(
        items=_items(draft, given.get("in", []), place / "in", scope),
        each=each,
        at=position,
        limit=_concurrency(draft, given, place),
        body=_body(compiler, given, place, inner, feed),
        on_error=on_error,
        quorum=_quorum(draft, given, place, on_error),
        fed=feed is None,
    )


def _body(compiler: Compiler, given: dict[str, JSON], place: Place, scope: Scope, feed: Feed | None) -> int:
    if "function" not in given:
        return compiler.draft.reserve()
    return compiler.part("", given["function"], place / "function", scope, feed)


def _items(draft: Draft, value: JSON, place: Place, scope: Scope) -> Expression:
    if isinstance(value, list):
        return draft.template(value, place, scope)
    return draft.expression(value, place, "`in`", scope)


def _concurrency(draft: Draft, given: dict[str, JSON], place: Place) -> int:
    limit = draft.count(given.get("concurrency", CONCURRENCY), place / "concurrency", "`concurrency`")
    if not 0 < limit <= CONCURRENCY_MAX:
        message = f"`concurrency` must be a whole number from 1 to {CONCURRENCY_MAX}."
        draft.refuse("wrong-value", place / "concurrency", message)
    return limit


def _quorum(draft: Draft, given: dict[str, JSON], place: Place, on_error: str) -> int:
    if on_error != "quorum":
        if "quorum" in given:
            draft.refuse("conflicting-fields", place / "quorum", "`quorum` needs `onError: quorum`.")
        return 0
    if "quorum" not in given:
        draft.refuse("missing-field", place, "`onError: quorum` needs `quorum`: how many must succeed.")
    return quorum(draft, given.get("quorum", 1), place / "quorum")


def quorum(draft: Draft, value: JSON, place: Place) -> int:
    """How many must succeed."""
    needed = draft.count(value, place, "`quorum`")
    if needed < 1:
        draft.refuse("wrong-value", place, "`quorum` must be a whole number from 1.")
    return needed
