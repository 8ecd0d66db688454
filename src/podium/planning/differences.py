"""Differences: what changed between two values, place by place."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Literal

import msgspec

from podium.contracts.fragments import canonical
from podium.facts.values import JSON
from podium.resources.troubles import pointer


class Difference(msgspec.Struct, frozen=True):
    """One place that differs.

    Attributes:
        action: `add`, `remove` or `change`.
        path: JSON pointer; of what was removed, in the value before.
        before: what was there; null for what was added.
        after: what is there now; null for what was removed.
    """

    action: Literal["add", "remove", "change"]
    path: str
    before: JSON = None
    after: JSON = None


def differences(before: JSON, after: JSON, path: str = "") -> tuple[Difference, ...]:
    """What is to be changed in `before` to make it `after`, in the order of `after`."""
    return tuple(_of(before, after, path))


def _of(before: JSON, after: JSON, path: str) -> Iterator[Difference]:
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _of_objects(before, after, path)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _of_lists(before, after, path)
    elif canonical(before) != canonical(after):
        yield Difference("change", path, before, after)


def _of_objects(before: dict[str, JSON], after: dict[str, JSON], path: str) -> Iterator[Difference]:
    for name, value in before.items():
        if name not in after:
            yield Difference("remove", path + pointer((name,)), before=value)
    for name, value in after.items():
        place = path + pointer((name,))
        if name in before:
            yield from _of(before[name], value, place)
        else:
            yield Difference("add", place, after=value)


def _of_lists(before: list[JSON], after: list[JSON], path: str) -> Iterator[Difference]:
    """Items that have names, as tasks and capabilities do, are compared by them; others by their order."""
    one, other = list(map(_name, before)), list(map(_name, after))
    if None not in one and None not in other and len(set(one)) == len(one) and len(set(other)) == len(other):
        for number, item in enumerate(before):
            if one[number] not in other:
                yield Difference("remove", f"{path}/{number}", before=item)
        for number, item in enumerate(after):
            if other[number] in one:
                yield from _of(before[one.index(other[number])], item, f"{path}/{number}")
            else:
                yield Difference("add", f"{path}/{number}", after=item)
        if [name for name in one if name in other] != [name for name in other if name in one]:
            yield Difference("change", path, list(one), list(other))
        return
    yield from _of_sequences(before, after, path)


def _of_sequences(before: list[JSON], after: list[JSON], path: str) -> Iterator[Difference]:
    matcher = SequenceMatcher(None, [*map(canonical, before)], [*map(canonical, after)], autojunk=False)
    for kind, start, end, other, other_end in matcher.get_opcodes():
        if kind == "equal":
            continue
        both = min(end - start, other_end - other) if kind == "replace" else 0
        for step in range(both):
            yield from _of(before[start + step], after[other + step], f"{path}/{other + step}")
        for number in range(start + both, end):
            yield Difference("remove", f"{path}/{number}", before=before[number])
        for number in range(other + both, other_end):
            yield Difference("add", f"{path}/{number}", after=after[number])


def _name(item: JSON) -> str | None:
    """What an item of a list is known by: a task's one key, or a `name`."""
    if not isinstance(item, dict):
        return None
    if isinstance(item.get("name"), str):
        return str(item["name"])
    return next(iter(item)) if len(item) == 1 and isinstance(next(iter(item.values())), dict) else None
