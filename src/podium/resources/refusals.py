"""Refusals: pydantic's errors, said in plain words and at their place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from podium.resources.places import Tree
from podium.resources.troubles import Trouble, did_you_mean, pointer, shown

_TYPES = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
    "list_type": "a list",
}


def troubles_of(
    error: ValidationError, model: type[BaseModel], tree: Tree, file: str, at: Sequence[str | int] = ()
) -> list[Trouble]:
    """One trouble for each of the errors, in the order of the file.

    Args:
        error: what validating `tree.value` (or the part of it that `at` leads to) gave.
        model: the model it was validated by.
        tree: the whole document.
        at: where in the document the validated part stands.
    """
    found = [_trouble(details, model, tree, file, at) for details in error.errors(include_url=False)]
    return sorted(found, key=lambda trouble: (trouble.line, trouble.column))


def _trouble(
    details: ErrorDetails, model: type[BaseModel], tree: Tree, file: str, at: Sequence[str | int]
) -> Trouble:
    loc = [part for part in details["loc"] if part != "[key]"]
    is_key = "[key]" in details["loc"] or details["type"] == "extra_forbidden"
    path = pointer([*at, *loc])
    rule, message = _words(details, loc, model, [*at, *loc])
    return Trouble(rule, path, message, file, *tree.place(path, key=is_key))


def _words(
    details: ErrorDetails, loc: list[str | int], model: type[BaseModel], whole: list[str | int]
) -> tuple[str, str]:
    kind, value, context = details["type"], details["input"], details.get("ctx", {})
    name = f"`{_name(whole)}`"
    if kind == "missing":
        return "missing-field", _missing(loc, model, whole)
    if kind == "extra_forbidden":
        return "unknown-field", _unknown(loc, model, whole)
    if kind == "literal_error":
        return "unknown-value", _unlisted(name, value, str(context.get("expected", "")))
    if kind in _TYPES:
        return "wrong-type", _mistyped(name, value, _TYPES[kind])
    if kind in ("greater_than_equal", "less_than_equal"):
        bound, limit = ("at least", "ge") if kind == "greater_than_equal" else ("at most", "le")
        return "out-of-range", f"{name} must be {bound} {context[limit]}, not {shown(value)}."
    if kind == "too_short":
        return "empty", f"{name} must hold at least one item."
    if kind == "string_too_long":
        return "too-long", f"{name} has more than {context['max_length']} characters."
    if "message" in context and kind == details["type"]:
        return kind, f"{name}: {context['message']}"
    return "invalid", f"{name}: {details['msg']}."


def _name(whole: list[str | int]) -> str:
    """How a message names a field: with as much of the path as tells it from its like."""
    start = max(0, len(whole) - 2)
    while start and isinstance(whole[start], int):
        start -= 1
    text = ""
    for part in whole[start:]:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return shown(text) if text else "document"


def _missing(loc: list[str | int], model: type[BaseModel], whole: list[str | int]) -> str:
    field = _fields(model, loc[:-1]).get(str(loc[-1]))
    meaning = f": {field.description}" if field is not None and field.description else ""
    return f"`{loc[-1]}` is missing in {_container(whole)}{meaning}."


def _unknown(loc: list[str | int], model: type[BaseModel], whole: list[str | int]) -> str:
    word, known = str(loc[-1]), _fields(model, loc[:-1])
    return (
        f"`{shown(word)}` is not a field of {_container(whole)}; known: {', '.join(known)}."
        + did_you_mean(word, known)
    )


def _container(whole: list[str | int]) -> str:
    return f"`{_name(whole[:-1])}`" if len(whole) > 1 else "the document"


def _unlisted(name: str, value: object, expected: str) -> str:
    words = [word for word in expected.replace(" or ", ", ").replace("'", "").split(", ") if word]
    choices = ", ".join(f"`{word}`" for word in words)
    return f"{name} must be one of {choices}, not `{shown(value)}`." + did_you_mean(str(value), words)


def _mistyped(name: str, value: object, wanted: str) -> str:
    message = f"{name} must be {wanted}, but it is {_described(value)}"
    if wanted == "text" and isinstance(value, int | float):
        return f'{message}; put it in quotes: "{shown(value)}".'
    return f"{message}."


def _described(value: object) -> str:
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"the number {shown(value)}"
    if isinstance(value, str):
        return f"the text `{shown(value)}`"
    return "a list" if isinstance(value, list) else "an object"


def _fields(model: type[BaseModel], loc: list[str | int]) -> dict[str, Any]:
    """The fields, by the names they have in a file, of the model that stands at a place in another."""
    for part in loc:
        if isinstance(part, str):
            field = _by_alias(model).get(part)
            inner = _model_in(field.annotation) if field is not None else None
            if inner is None:
                return {}
            model = inner
    return _by_alias(model)


def _by_alias(model: type[BaseModel]) -> dict[str, Any]:
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part)) is not None), None)
