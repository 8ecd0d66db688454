"""JSON becomes arguments by a function's signature, and what it gives becomes JSON."""

from __future__ import annotations

import functools
import inspect
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from podium.agents.calling import Context, Uncallable, call_of, dump, shape_of
from podium.agents.interface import AttemptFailed


def context() -> Context:
    return Context("run-1", "/do/0/x", 2, "key-1", 99, lambda value: None, lambda line: None)


class Ticket(BaseModel):
    id: int
    when: datetime


class Draft(TypedDict):
    day: date


@dataclass
class Note:
    ticket: Ticket


class Colour(Enum):
    RED = "red"


def unannotated(x):  # type: ignore[no-untyped-def]
    return x


def dict_of_any_name(options: dict[str, Any]) -> Any:
    return options


def mapping(input: Mapping[str, Any]) -> Any:
    return input


def model(input: Ticket) -> Any:
    return input


def typed_dict(input: Draft) -> Any:
    return input


def data_class(input: Note) -> Any:
    return input


def nothing() -> Any:
    return "called"


def only_context(context: Any) -> Any:
    return context.key


def model_by_name(ticket: Ticket) -> Any:
    return ticket


def plain(name: str, depth: int = 3, ratio: float = 1.0, deep: bool = False, tags: list = ()) -> Any:  # type: ignore[type-arg,assignment]
    return (name, depth, ratio, deep, tags)


def rich(name: str, *, when: datetime | None = None, tags: list[str]) -> Any:
    return (name, when, tags)


def open_ended(name: str, **options: Any) -> Any:
    return (name, options)


def with_context(name: str, context: Unresolved) -> Any:  # type: ignore[name-defined]  # noqa: F821
    return (name, context.run_id, context.task, context.attempt, context.key, context.deadline_at)


def anything(*arguments: Any, **options: Any) -> Any:
    return (arguments, options)


MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("function", "takes", "given", "received"),
    [
        (unannotated, "whole", [1], [1]),
        (dict_of_any_name, "whole", {"a": 1}, {"a": 1}),
        (mapping, "whole", {"a": 1}, {"a": 1}),
        (model, "whole", {"id": 1, "when": "2026-01-01T00:00:00Z"}, Ticket(id=1, when=MIDNIGHT)),
        (typed_dict, "whole", {"day": "2026-01-01"}, {"day": date(2026, 1, 1)}),
        (
            data_class,
            "whole",
            {"ticket": {"id": 1, "when": "2026-01-01T00:00:00Z"}},
            Note(Ticket(id=1, when=MIDNIGHT)),
        ),
        (nothing, "nothing", {"a": 1}, "called"),
        (only_context, "nothing", None, "key-1"),
        (
            model_by_name,
            "fields",
            {"ticket": {"id": 1, "when": "2026-01-01T00:00:00Z"}},
            Ticket(id=1, when=MIDNIGHT),
        ),
        (plain, "fields", {"name": "a"}, ("a", 3, 1.0, False, ())),
        (plain, "fields", {"name": "a", "depth": 4.0, "ratio": 2, "tags": [1]}, ("a", 4, 2.0, False, [1])),
        (
            rich,
            "fields",
            {"name": "a", "when": "2026-01-01T00:00:00Z", "tags": ["x"]},
            ("a", MIDNIGHT, ["x"]),
        ),
        (rich, "fields", {"name": "a", "tags": []}, ("a", None, [])),
        (open_ended, "fields", {"name": "a", "more": 1}, ("a", {"more": 1})),
        (with_context, "fields", {"name": "a"}, ("a", "run-1", "/do/0/x", 2, "key-1", 99)),
        (anything, "whole", {"a": 1}, (({"a": 1},), {})),
        (functools.partial(rich, tags=["y"]), "fields", {"name": "a"}, ("a", None, ["y"])),
    ],
)
def test_the_arguments_that_a_function_gets(
    function: Callable[..., Any], takes: str, given: Any, received: Any
) -> None:
    assert shape_of(function).takes == takes
    assert call_of(function)(given, context()) == received


def test_an_integer_arrives_as_one() -> None:
    _, depth, ratio, *_ = call_of(plain)({"name": "a", "depth": 4.0, "ratio": 2}, context())
    assert (type(depth), type(ratio)) == (int, float)


@pytest.mark.parametrize(
    ("function", "given", "words"),
    [
        (plain, {}, "/name: is missing"),
        (plain, {"name": 3}, "/name: must be text"),
        (plain, {"name": "a", "depth": 2.5}, "/depth: must be a whole number"),
        (plain, {"name": "a", "depth": True}, "/depth: must be a whole number"),
        (plain, {"name": "a", "deep": 1}, "/deep: must be true or false"),
        (plain, {"name": "a", "nme": 1}, "/nme: is no parameter; known: name, depth"),
        (plain, [1], "must be an object"),
        (open_ended, {"name": "a", "context": 1}, "/context"),
        (model, {"id": "x"}, "/id: "),
        (rich, {"name": "a", "tags": ["b", 3]}, "/tags/1"),
        (rich, {"name": "a", "tags": [], "more": 1}, "/more"),
    ],
)
def test_an_input_that_does_not_fit(function: Callable[..., Any], given: Any, words: str) -> None:
    with pytest.raises(AttemptFailed) as failed:
        call_of(function)(given, context())
    assert (failed.value.kind, failed.value.retryable) == ("validation", False)
    assert function.__name__ in failed.value.title
    assert words in failed.value.detail


def test_what_an_async_function_gives_is_left_to_await() -> None:
    async def run(x: Any) -> Any:
        return x

    awaitable = call_of(run)({"a": 1}, context())
    assert inspect.iscoroutine(awaitable)
    with pytest.raises(StopIteration) as done:
        awaitable.send(None)
    assert done.value.value == {"a": 1}


def test_methods_and_objects_can_be_called() -> None:
    class Agent:
        def run(self, input: dict[str, Any]) -> Any:
            return input

        def __call__(self, name: str) -> str:
            return name

    assert call_of(Agent().run)({"a": 1}, context()) == {"a": 1}
    assert call_of(Agent())({"name": "x"}, context()) == "x"


def test_what_the_function_raises_is_its_own() -> None:
    def fail(x: Any) -> None:
        raise ZeroDivisionError(x)

    with pytest.raises(ZeroDivisionError):
        call_of(fail)(1, context())


def generator(x: int) -> Iterator[int]:
    yield x


async def async_generator(x: int) -> AsyncIterator[int]:
    yield x


def positional_only(a: int, b: int, /) -> int:
    return a + b


def unresolved(x: Missing, y: int) -> None:  # type: ignore[name-defined]  # noqa: F821
    pass


def meaningless(x: Callable[..., Any] | AttemptFailed, y: int) -> None:
    pass


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (generator, "yields"),
        (async_generator, "yields"),
        (positional_only, "positional-only"),
        (unresolved, "`Missing` of `x`"),
        (meaningless, "no meaning for JSON"),
        (int, "signature"),
    ],
)
def test_functions_that_no_input_fits(function: Callable[..., Any], words: str) -> None:
    with pytest.raises(Uncallable) as refused:
        call_of(function)
    assert words in refused.value.title
    assert (refused.value.kind, refused.value.unstarted, refused.value.retryable) == (
        "configuration",
        True,
        False,
    )


# --- out --------------------------------------------------------------------------------------


class Named(BaseModel):
    inner_name: str = Field(alias="innerName")
    at: datetime


@pytest.mark.parametrize(
    ("output", "json"),
    [
        (None, None),
        ({"a": [1, 2.5, True, None, "x"]}, {"a": [1, 2.5, True, None, "x"]}),
        (Named(innerName="x", at=MIDNIGHT), {"innerName": "x", "at": "2026-01-01T00:00:00Z"}),
        ([Note(Ticket(id=1, when=MIDNIGHT))], [{"ticket": {"id": 1, "when": "2026-01-01T00:00:00Z"}}]),
        ({1: Colour.RED}, {"1": "red"}),
        (frozenset([7]), [7]),
        (Decimal("1.50"), "1.50"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ({"file": PurePosixPath("/a/b")}, {"file": "/a/b"}),
        (2**80, 2**80),
    ],
)
def test_outputs_as_json(output: Any, json: Any) -> None:
    assert dump(output) == json


def test_an_output_is_a_copy() -> None:
    output: dict[str, list[int]] = {"a": [1]}
    dumped = dump(output)
    output["a"].append(2)
    assert dumped == {"a": [1]}


def test_outputs_that_are_no_json() -> None:
    endless: list[Any] = []
    endless.append(endless)
    for output in (object(), {"f": print}, {(1, 2): 3}, endless):
        with pytest.raises(AttemptFailed) as failed:
            dump(output)
        assert (failed.value.kind, failed.value.retryable) == ("validation", False)


def test_progress_and_log_reach_their_sinks_as_json_and_text() -> None:
    told: list[Any] = []
    context = Context("r", "/t", 1, "k", 0, told.append, told.append)
    mutable = {"done": 1, "path": Path("/a")}
    context.progress(mutable)
    mutable["done"] = 2
    context.progress()
    context.log(ValueError("x"))  # type: ignore[arg-type]
    assert told == [{"done": 1, "path": "/a"}, None, "x"]


def test_plain_functions_need_no_pydantic() -> None:
    code = """
import sys
from typing import Any
from podium.agents.calling import call_of
def f(name: str, depth: int = 1, *, context): return name
def g(input: dict[str, Any]): return input
assert call_of(f)({"name": "a"}, None) == "a" and call_of(g)({}, None) == {}
assert "pydantic" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})
