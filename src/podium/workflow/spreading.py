"""`call: map` and `call: graph`: functions side by side, for every item or by what they need."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from podium.facts.values import JSON
from podium.resources.troubles import did_you_mean, shown
from podium.workflow.draft import Draft, Place, Scope
from podium.workflow.expressions import compile_expression
from podium.workflow.program import Expression, Graph, Map

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


NEEDS = "needs"
"""The variable that holds the outputs of what a task of a graph needs."""

_ALL_NEEDS = compile_expression(f"${NEEDS}")


def call_graph(compiler: Compiler, arguments: JSON, place: Place, scope: Scope) -> Graph:
    """The arguments of `call: graph`."""
    draft = compiler.draft
    given = draft.table(arguments, place, "`call: graph`", ("nodes",), required=("nodes",))
    nodes = draft.named(given.get("nodes", {}), place / "nodes", "`nodes`")
    if given.get("nodes") == {}:
        draft.refuse("missing-field", place / "nodes", "`nodes` needs at least one.")
    places = {name: slot for slot, name in enumerate(nodes)}
    needs: list[tuple[int, ...]] = []
    parts: list[int] = []
    for name, definition in nodes.items():
        at = place / "nodes" / name
        fields = draft.table(
            definition, at, "A node of a graph", ("function", "needs", "input"), required=("function",)
        )
        needs.append(_needed(draft, fields.get("needs", []), at / "needs", places))
        parts.append(_node(compiler, fields, at, scope, needing=bool(needs[-1])))
    _refuse_cycles(draft, place / "nodes", tuple(nodes), needs)
    dependents: list[list[int]] = [[] for _ in nodes]
    for slot, needed in enumerate(needs):
        for need in needed:
            dependents[need].append(slot)
    return Graph(tuple(parts), tuple(nodes), tuple(needs), tuple(map(tuple, dependents)))


def _node(compiler: Compiler, given: dict[str, JSON], place: Place, scope: Scope, *, needing: bool) -> int:
    draft = compiler.draft
    feed = Feed(place / "needs", _ALL_NEEDS) if needing else None
    if "input" in given:
        at = place / "input"
        feed = Feed(at, draft.template(given["input"], at, scope.without("input").with_names(NEEDS)))
    if "function" not in given:
        return draft.reserve()
    return compiler.part("", given["function"], Place(f"{place.path}/function", place.reference), scope, feed)


def _needed(draft: Draft, value: JSON, place: Place, places: dict[str, int]) -> tuple[int, ...]:
    needs: list[int] = []
    for number, name in enumerate(draft.sequence(value, place, "`needs`")):
        if not isinstance(name, str) or name not in places:
            hint = did_you_mean(name, places) if isinstance(name, str) else ""
            message = f"The graph has no node `{shown(name)}`.{hint}"
            draft.refuse("unknown-name", place / number, message)
        elif places[name] in needs:
            draft.refuse("duplicate-name", place / number, f"`{shown(name)}` is needed twice.")
        else:
            needs.append(places[name])
    return tuple(needs)


def _refuse_cycles(draft: Draft, place: Place, names: tuple[str, ...], needs: list[tuple[int, ...]]) -> None:
    """Refuse nodes that need each other, in a circle or of themselves."""
    left = dict(enumerate(needs))
    dependents: dict[int, list[int]] = {slot: [] for slot in left}
    for slot, needed in left.items():
        for need in needed:
            dependents[need].append(slot)
    missing = {slot: len(needed) for slot, needed in left.items()}
    free = [slot for slot, count in missing.items() if not count]
    while free:
        slot = free.pop()
        del left[slot]
        for dependent in dependents[slot]:
            missing[dependent] -= 1
            if not missing[dependent]:
                free.append(dependent)
    if left:
        circle = _circle(left)
        told = " needs ".join(f"`{shown(names[slot])}`" for slot in [*circle, circle[0]])
        message = f"These nodes can never begin: {told}."
        draft.refuse("circular", place / names[circle[0]] / "needs", message)


def _circle(left: dict[int, tuple[int, ...]]) -> list[int]:
    """A circle among nodes that all need another of them; it begins with the first of its nodes."""
    slot, path = next(iter(left)), dict[int, int]()
    while slot not in path:
        path[slot] = len(path)
        slot = next(need for need in left[slot] if need in left)
    circle = list(path)[path[slot] :]
    first = circle.index(min(circle))
    return circle[first:] + circle[:first]
