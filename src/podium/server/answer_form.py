"""The form of a question as plain HTML, and what was filled in as data: for the page that takes no script.

The hub checks the data against the schema; what is read here is only how a text stands for a value.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

PREFIX = "data"
LONG = 200
"""A text that may be longer has more lines."""

_SPLIT = "/"
_TYPES = {"date": "date", "email": "email", "uri": "url", "time": "time"}

Schema = Mapping[str, Any]


def fields(schema: Schema) -> str:
    """The fields of a schema of an object, those of objects in it among them."""
    return "".join(_field(path, one, needed) for path, one, needed in _leaves(schema, (PREFIX,)))


def filled(schema: Schema, given: Mapping[str, str]) -> dict[str, Any]:
    """What somebody filled in. What was left empty is left out, but a box that is not ticked says no."""
    data: dict[str, Any] = {}
    for path, one, needed in _leaves(schema, (PREFIX,)):
        text = given.get(_SPLIT.join(path), "").strip()
        if one.get("type") == "boolean" and (needed or text):
            _put(data, path[1:], bool(text))
        elif text:
            _put(data, path[1:], _value(one, text))
    return data


def _leaves(schema: Schema, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Schema, bool]]:
    """The places that have a field: path, schema, and whether an answer is needed."""
    required = schema.get("required", ())
    for name, one in (schema.get("properties") or {}).items():
        if not isinstance(one, dict):
            continue
        if one.get("type") == "object" and one.get("properties"):
            yield from _leaves(one, (*path, name))
        else:
            yield (*path, name), one, name in required


def _field(path: tuple[str, ...], one: Schema, needed: bool) -> str:
    name = escape(_SPLIT.join(path), quote=True)
    label = escape(" ".join([*path[1:-1], str(one.get("title", path[-1]))]))
    about = f"<br><small>{escape(str(one['description']))}</small>" if one.get("description") else ""
    if one.get("type") == "boolean":
        return (
            f'<label class="check"><input type="checkbox" name="{name}" value="yes"> {label}</label>{about}'
        )
    label += "" if needed else " (may be left out)"
    return f"<label>{label}{about} {_control(name, one)}</label>"


def _control(name: str, one: Schema) -> str:
    if one.get("enum"):
        choices = "".join(f"<option>{escape(_text(choice))}</option>" for choice in one["enum"])
        return f'<select name="{name}"><option></option>{choices}</select>'
    kind = one.get("type")
    if kind in ("integer", "number"):
        return f'<input name="{name}" inputmode="{"numeric" if kind == "integer" else "decimal"}">'
    if kind == "string" and one.get("maxLength", 0) <= LONG:
        return f'<input name="{name}" type="{_TYPES.get(str(one.get("format", "")), "text")}">'
    hint = "" if kind == "string" else ' placeholder="JSON"'
    return f'<textarea name="{name}" rows="3"{hint}></textarea>'


def _text(choice: Any) -> str:
    return choice if isinstance(choice, str) else json.dumps(choice)


def _value(one: Schema, text: str) -> Any:
    """The value that a text stands for; the text where it stands for none, which the hub will refuse."""
    if one.get("enum"):
        return next((choice for choice in one["enum"] if _text(choice) == text), text)
    if one.get("type") == "string":
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _put(data: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for name in path[:-1]:
        data = data.setdefault(name, {})
    data[path[-1]] = value
