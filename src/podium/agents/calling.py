"""Calling: a JSON input becomes a function's arguments, and what the function gives becomes JSON."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, is_dataclass
from functools import partial
from types import SimpleNamespace
from typing import (
    Any,
    Literal,
    NotRequired,
    Required,
    TypeAlias,
    get_origin,
    get_type_hints,
    is_typeddict,
)

import msgspec

from podium.agents.asking import Ask, Asking, CallFailed, Question
from podium.agents.interface import AttemptFailed
from podium.facts.values import JSON, standard_error


class Uncallable(AttemptFailed):
    """No JSON input can be turned into a function's arguments; the title says why and what to change."""

    def __init__(self, title: str) -> None:
        super().__init__(title, retryable=False, unstarted=True, kind="configuration")


class Context:
    """What a function may know of the attempt it performs; it gets one as its parameter `context`.

    All methods may be called from any thread.

    Attributes:
        run_id: the run that asked.
        task: reference of the task, `/do/0/classify`.
        attempt: number of the attempt, from 1.
        key: idempotency key, the same for every attempt of the effect.
        deadline_at: when the attempt has failed, in ms since 1970; 0 for never.
        trace: W3C traceparent of the attempt; spans that go on from it join the run's.
    """

    __slots__ = (
        "run_id", "task", "attempt", "key", "deadline_at", "trace", "_progress", "_log", "_ask", "_waits",
    )  # fmt: skip

    def __init__(
        self,
        run_id: str,
        task: str,
        attempt: int,
        key: str,
        deadline_at: int,
        progress: Callable[[JSON], None],
        log: Callable[[str], None],
        ask: Ask | None = None,
        waits: bool = False,
        trace: str = "",
    ) -> None:
        """
        Args:
            ask: asks the hub; None where there is none.
            waits: whether the function is not `async`, so that it waits for what it asks for itself.
        """
        self.run_id = run_id
        self.task = task
        self.attempt = attempt
        self.key = key
        self.deadline_at = deadline_at
        self.trace = trace
        self._progress = progress
        self._log = log
        self._ask = ask
        self._waits = waits

    def tool(self, name: str, args: Any = None, *, key: str = "") -> Any:
        """Call a declared tool through the hub, which decides, records and performs it.

        An attempt that is made again, and calls it with the same arguments, gets the result that is recorded.

        Args:
            name: `name` or `name@version`.
            args: the tool's arguments, which must keep its schema.
            key: a name of one's own for this call, by which its result is found whatever else is called.
        Returns:
            the tool's result; in an `async` function what is to be awaited for it.
        Raises:
            CallFailed: it failed, or may not be called.
        """
        return self._asked(Question("tool", name, dump(args), key))

    def call(self, capability: str = "", input: Any = None, *, key: str = "", agent: str = "") -> Any:
        """Ask another agent through the hub: any that offers the capability, or this one. As `tool`.

        Args:
            agent: `name` or `name@version`.
        """
        return self._asked(Question("agent", capability, dump(input), key, agent))

    def _asked(self, question: Question) -> Any:
        if self._ask is None:
            title = f"{question.target or question.agent} can be asked for under a hub only"
            raise CallFailed(standard_error("configuration", "", title, "run it by `podium run`"))
        future = self._ask(question)
        return future.result() if self._waits else Asking(future)

    def progress(self, value: Any = None) -> None:
        """Say that the attempt is alive, and how far it is; also counts as a heartbeat."""
        self._progress(dump(value))

    def log(self, line: str) -> None:
        """Keep a line with the attempt."""
        self._log(str(line))


Call: TypeAlias = Callable[[JSON, Context], Any]
"""Calls a function with an input; what it gives is the function's own, an awaitable if that is async."""


# --- the shape of a function ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shape:
    """How a function takes its input.

    Attributes:
        takes: `nothing`; `whole`, the input as its one argument; `fields`, members of the input as keywords.
        annotation: of `whole`: the argument's type, Any if it has none.
        fields: of `fields`: type of each parameter by its name.
        optional: of `fields`: the parameters that have a default, and the default.
        open: of `fields`: whether members without a parameter are taken too (`**options`).
        context: whether it wants a Context.
        returns: type of what it gives, Any if that is not said.
    """

    takes: Literal["nothing", "whole", "fields"]
    annotation: Any
    fields: Mapping[str, Any]
    optional: Mapping[str, Any]
    open: bool
    context: bool
    returns: Any

    def input_type(self) -> Any:
        """The type of the input that the function takes: of `fields` a TypedDict made for it."""
        if self.takes != "fields":
            return self.annotation
        from pydantic import ConfigDict
        from typing_extensions import TypedDict

        members = {
            name: NotRequired[kind] if name in self.optional else Required[kind]
            for name, kind in self.fields.items()
        }
        make_type: Any = TypedDict
        input_type = make_type("Input", members)
        input_type.__pydantic_config__ = ConfigDict(extra="allow" if self.open else "forbid")
        return input_type


def shape_of(function: Callable[..., Any]) -> Shape:
    """How a function takes its input, by its signature.

    An only parameter takes the whole input if it has no annotation, or is some dict, or is called `input` and
    is a model, a typed dict or a dataclass. Otherwise the parameters are the members of the input.

    Raises:
        Uncallable: it is a generator, has positional-only parameters, or an annotation that has no meaning.
    """
    _refuse_generators(function)
    try:
        parameters = dict(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        raise Uncallable(f"{_name(function)} has no signature that Python can tell; wrap it.") from None
    context = parameters.pop("context", None) is not None
    named = [p for p in parameters.values() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    kinds = {parameter.kind for parameter in parameters.values()}
    returns = _annotation(function, "return", _return_annotation(function))
    if not parameters:
        return Shape("nothing", Any, {}, {}, False, context, returns)
    if not named and inspect.Parameter.VAR_POSITIONAL in kinds:
        return Shape("whole", Any, {}, {}, False, context, returns)
    types = {p.name: _annotation(function, p.name, p.annotation) for p in named}
    if len(parameters) == 1 and named and _takes_whole(named[0], types[named[0].name]):
        return Shape("whole", types[named[0].name], {}, {}, False, context, returns)
    if inspect.Parameter.POSITIONAL_ONLY in kinds:
        raise Uncallable(
            f"{_name(function)} has positional-only parameters, which an object has no names for."
        )
    optional = {p.name: p.default for p in named if p.default is not p.empty}
    return Shape("fields", Any, types, optional, inspect.Parameter.VAR_KEYWORD in kinds, context, returns)


def _refuse_generators(function: Callable[..., Any]) -> None:
    inner = inspect.unwrap(function)
    if inspect.isgeneratorfunction(inner) or inspect.isasyncgenfunction(inner):
        raise Uncallable(f"{_name(function)} yields, but an agent gives one output; return a list instead.")


def _takes_whole(parameter: inspect.Parameter, annotation: Any) -> bool:
    if parameter.kind is parameter.KEYWORD_ONLY:
        return False
    if annotation is Any or _is_dict(annotation):
        return True
    return parameter.name == "input" and (
        is_typeddict(annotation) or is_dataclass(annotation) or hasattr(annotation, "model_fields")
    )


def _is_dict(annotation: Any) -> bool:
    kind = get_origin(annotation) or annotation
    return isinstance(kind, type) and issubclass(kind, Mapping) and not is_typeddict(kind)


def _return_annotation(function: Callable[..., Any]) -> Any:
    return inspect.signature(function).return_annotation


def _annotation(function: Callable[..., Any], name: str, annotation: Any) -> Any:
    """The type that an annotation means; resolved one by one, so that a Context may stay unresolved."""
    if annotation is inspect.Parameter.empty:
        return Any
    if not isinstance(annotation, str):
        return annotation
    holder = SimpleNamespace(__annotations__={name: annotation})
    try:
        hints = get_type_hints(holder, _globals_of(function), include_extras=True)
    except Exception as error:
        raise Uncallable(
            f"The annotation `{annotation}` of `{name}` in {_name(function)} cannot be resolved: {error}."
        ) from None
    return hints[name]


def _globals_of(function: Callable[..., Any]) -> dict[str, Any]:
    """The names that annotations of a function, a partial one or an object that can be called refer to."""
    owner: Any = inspect.unwrap(function)
    while isinstance(owner, partial):
        owner = owner.func
    if not inspect.isroutine(owner):
        owner = type(owner).__call__
    return getattr(owner, "__globals__", {})


def _name(function: Callable[..., Any]) -> str:
    return f"`{getattr(function, '__qualname__', None) or type(function).__qualname__}`"


# --- in ---------------------------------------------------------------------------------------


def call_of(function: Callable[..., Any]) -> Call:
    """What calls a function with a JSON input and a context; all that can be known beforehand is.

    The call raises AttemptFailed (kind `validation`, not retryable) where the input does not fit the
    parameters, and whatever the function raises. It awaits nothing.

    Raises:
        Uncallable: no input can be turned into the function's arguments.
    """
    shape = shape_of(function)
    if shape.takes == "nothing":
        return _call_with_nothing(function, shape.context)
    if shape.takes == "whole":
        return _call_with_whole(function, shape)
    return _call_with_fields(function, shape)


def waits_itself(function: Callable[..., Any]) -> bool:
    """Whether a function is not `async`: what it asks for, it waits for itself."""
    plain = inspect.unwrap(function)
    while isinstance(plain, partial):
        plain = plain.func
    called = plain if inspect.isroutine(plain) else type(plain).__call__
    return not inspect.iscoroutinefunction(called)


def _call_with_nothing(function: Callable[..., Any], context_wanted: bool) -> Call:
    if context_wanted:
        return lambda _, context: function(context=context)
    return lambda _, context: function()


def _call_with_whole(function: Callable[..., Any], shape: Shape) -> Call:
    annotation = shape.annotation
    if annotation in _ANY_OBJECT:
        if shape.context:
            return lambda value, context: function(value, context=context)
        return lambda value, context: function(value)
    convert = _converter(function, shape)
    if shape.context:
        return lambda value, context: function(convert(value), context=context)
    return lambda value, context: function(convert(value))


def _call_with_fields(function: Callable[..., Any], shape: Shape) -> Call:
    plain = all(kind in _PLAIN for kind in shape.fields.values())
    convert = _plain_converter(function, shape) if plain else _converter(function, shape)
    if shape.context:
        return lambda value, context: function(**convert(value), context=context)
    return lambda value, context: function(**convert(value))


def _converter(function: Callable[..., Any], shape: Shape) -> Callable[[JSON], Any]:
    """Converts an input to what the annotations say, by pydantic, which is imported only for this."""
    from pydantic import TypeAdapter, ValidationError
    from pydantic.errors import PydanticUserError

    try:
        validate = TypeAdapter(shape.input_type()).validate_python
    except (PydanticUserError, NameError, TypeError) as error:
        raise Uncallable(f"An annotation in {_name(function)} has no meaning for JSON: {error}") from None

    def convert(value: JSON) -> Any:
        try:
            return validate(value)
        except ValidationError as error:
            problems = error.errors(include_url=False, include_input=False, include_context=False)
            detail = "; ".join(f"{_pointer(problem['loc'])}: {problem['msg']}" for problem in problems[:5])
            raise _misfit(function, detail) from None

    return convert


def _pointer(loc: tuple[int | str, ...]) -> str:
    return "/" + "/".join(map(str, loc))


def _misfit(function: Callable[..., Any], detail: str) -> AttemptFailed:
    title = f"The input does not fit the parameters of {_name(function)}"
    return AttemptFailed(title, detail, retryable=False, kind="validation")


_Plain: TypeAlias = tuple[tuple[type, ...], str, Callable[[Any], Any] | None]

_PLAIN: dict[Any, _Plain] = {
    Any: ((object,), "anything", None),
    str: ((str,), "text", None),
    bool: ((bool,), "true or false", None),
    int: ((int, float), "a whole number", int),
    float: ((int, float), "a number", float),
    dict: ((dict,), "an object", None),
    dict[str, Any]: ((dict,), "an object", None),
    list: ((list,), "a list", None),
    list[Any]: ((list,), "a list", None),
}
"""Types that need no pydantic: what JSON has for them, what a message calls them, how they are made."""


_ANY_OBJECT = (Any, dict, dict[str, Any], Mapping, Mapping[str, Any])
"""Annotations of a whole input that leave nothing to convert."""


def _plain_converter(function: Callable[..., Any], shape: Shape) -> Callable[[JSON], dict[str, Any]]:
    checks = {name: _PLAIN[kind] for name, kind in shape.fields.items()}
    required = frozenset(shape.fields) - frozenset(shape.optional)

    def convert(value: JSON) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _misfit(function, "/: the input must be an object")
        if missing := required - value.keys():
            raise _misfit(function, "; ".join(f"/{name}: is missing" for name in sorted(missing)))
        return {
            name: _plain_value(function, checks, name, member, shape.open) for name, member in value.items()
        }

    return convert


def _plain_value(
    function: Callable[..., Any], checks: Mapping[str, _Plain], name: str, value: Any, is_open: bool
) -> Any:
    if name not in checks:
        if is_open and name != "context":
            return value
        raise _misfit(function, f"/{name}: is no parameter; known: {', '.join(checks)}")
    kinds, called, make = checks[name]
    if not isinstance(value, kinds) or (make is not None and isinstance(value, bool)):
        raise _misfit(function, f"/{name}: must be {called}")
    made = value if make is None else make(value)
    if made != value:
        raise _misfit(function, f"/{name}: must be {called}")
    return made


# --- out --------------------------------------------------------------------------------------


def _plainer(value: Any) -> Any:
    """What the encoder does not know by itself: models, paths, collections of other libraries."""
    model_dump = getattr(value, "model_dump", None)
    if callable(model_dump):
        return model_dump(mode="json", by_alias=True)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Set):
        return list(value)
    raise TypeError(f"a {type(value).__module__}.{type(value).__qualname__} is no JSON")


def dump(output: Any) -> JSON:
    """What a function gave, in the types that JSON has; objects and lists are copies.

    Models and dataclasses become objects; times, UUIDs, paths and decimals text; sets lists. Tuples stay,
    as they are encoded like lists, and so do numbers that JSON does not have (NaN).

    Raises:
        AttemptFailed: it holds what has no meaning in JSON, or it contains itself.
    """
    try:
        return msgspec.to_builtins(output, str_keys=True, enc_hook=_plainer)
    except RecursionError:
        why = "It contains itself, or is nested too deeply."
    except (TypeError, ValueError, OverflowError) as error:
        why = str(error)
    raise AttemptFailed("the output is not a JSON value", why, retryable=False, kind="validation")
