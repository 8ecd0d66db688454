"""Fragments: schemas of several documents under one roof, so that any part of them can stand alone.

A reference counts from the root of its own document. Here each document that holds references is kept in one
table, and its references are turned to point there: what is cut out of it still means the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeAlias
from urllib.parse import unquote

import jsonschema_rs
import msgspec

from podium.facts.values import JSON
from podium.resources.schemas import make_validator
from podium.resources.troubles import parts_of, pointer

Fragment: TypeAlias = Any
"""A schema whose references, if it has any, point into a library's table."""

_ONE = frozenset(
    "additionalProperties items contains not if then else propertyNames contentSchema "
    "unevaluatedItems unevaluatedProperties".split()
)
_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
_MAPS = ("properties", "patternProperties", "dependentSchemas", "$defs", "definitions")
_VALUES = frozenset(("const", "enum", "default", "examples", "required", "dependentRequired", "type"))
_BEYOND = ("$dynamicRef", "$recursiveRef")
_TABLE = "#/$defs/"


class Unresolved(Exception):
    """A reference leads to what cannot be followed here; `keyword` is to blame."""

    def __init__(self, keyword: str) -> None:
        super().__init__(keyword)
        self.keyword = keyword


def canonical(value: JSON) -> bytes:
    """The one form of a JSON value."""
    return msgspec.json.encode(value, order="deterministic")


class Library:
    """The documents that fragments refer to."""

    def __init__(self) -> None:
        self._table: dict[str, Fragment] = {}
        self._checks: dict[bytes, Callable[[JSON], bool | None]] = {}

    def embed(self, document: JSON) -> Fragment:
        """A document as a fragment; None, the contract that asks for nothing, is true."""
        if document is None:
            return True
        if not isinstance(document, dict):
            return document
        survey = _Survey()
        survey.visit(document, "")
        if survey.beyond:
            return {"$ref": f"{_TABLE}unresolved-{survey.beyond}"}
        if not survey.references:
            return document
        name = hashlib.sha256(canonical(document)).hexdigest()[:16]
        if name not in self._table:
            self._table[name] = _turned(document, name, survey.anchors)
        return {"$ref": f"{_TABLE}{name}"}

    def resolve(self, reference: str) -> Fragment:
        """What a reference names. Raises Unresolved."""
        name, *parts = parts_of(unquote(reference.removeprefix("#/$defs")))
        if name.startswith("unresolved-"):
            raise Unresolved(name.removeprefix("unresolved-"))
        found: Any = self._table.get(name)
        for part in parts:
            if isinstance(found, list) and part.isdigit() and int(part) < len(found):
                found = found[int(part)]
            else:
                found = found.get(part) if isinstance(found, dict) else None
        if not isinstance(found, dict | bool):
            raise Unresolved("$ref")
        return found

    def whole(self, fragment: Fragment) -> Fragment:
        """A fragment as a document that needs no library."""
        if not isinstance(fragment, dict) or b'"$ref"' not in canonical(fragment):
            return fragment
        return {"allOf": [fragment], "$defs": self._table}

    def keeps(self, value: JSON, fragment: Fragment) -> bool | None:
        """Whether a value keeps a fragment; None where that cannot be told."""
        return self.check_of(fragment)(value)

    def check_of(self, fragment: Fragment) -> Callable[[JSON], bool | None]:
        """`keeps` for many values."""
        key = canonical(fragment)
        check = self._checks.get(key)
        if check is None:
            check = self._checks[key] = _guarded(_validity(self.whole(fragment)))
        return check


def _guarded(check: Callable[[JSON], bool] | None) -> Callable[[JSON], bool | None]:
    def keeps(value: JSON) -> bool | None:
        try:
            return None if check is None else check(value)
        except (ValueError, RecursionError):
            return None

    return keeps


def _validity(schema: Fragment) -> Callable[[JSON], bool] | None:
    try:
        return make_validator(schema).is_valid
    except (ValueError, jsonschema_rs.ValidationError):
        return None


@lru_cache(maxsize=1024)
def matches(pattern: str, text: str) -> bool | None:
    """Whether a pattern is found in a text; None where it cannot be told."""
    check = _validity({"pattern": pattern})
    return None if check is None else check(text)


@lru_cache(maxsize=256)
def is_asserted(form: str) -> bool:
    """Whether a `format` refuses anything; the specification leaves unknown ones without effect."""
    check = _validity({"format": form})
    return check is None or not all(check(text) for text in ("\x00 no such thing %", "", "[", "{", "-1 :"))


# --- reading schemas --------------------------------------------------------------------------


class _Survey:
    """What a document refers to, and by which means.

    Attributes:
        anchors: name to JSON pointer.
        beyond: a keyword that these references cannot express; "".
    """

    def __init__(self) -> None:
        self.references = False
        self.anchors: dict[str, str] = {}
        self.beyond = ""

    def visit(self, schema: Any, path: str) -> None:
        if not isinstance(schema, dict):
            return
        self.beyond = self.beyond or next((name for name in _BEYOND if name in schema), "")
        if path and isinstance(schema.get("$id"), str):
            self.beyond = self.beyond or "$id"
        if isinstance(schema.get("$ref"), str):
            self.references = True
            if not schema["$ref"].startswith("#"):
                self.beyond = self.beyond or "$ref"
        if isinstance(schema.get("$anchor"), str):
            self.anchors[schema["$anchor"]] = path
        for name, value in schema.items():
            for key, inner in _inner(name, value):
                self.visit(inner, path + pointer((name, *key)))


def _inner(name: str, value: Any) -> list[tuple[tuple[str | int, ...], Any]]:
    """The schemas that stand under a keyword, with what leads to each."""
    if name in _LISTS and isinstance(value, list):
        return [((number,), inner) for number, inner in enumerate(value)]
    if name in _MAPS and isinstance(value, dict):
        return [((key,), inner) for key, inner in value.items()]
    if name in _ONE or (name not in _VALUES and isinstance(value, dict)):
        return [((), value)]
    return []


def _turned(schema: Any, name: str, anchors: dict[str, str], root: bool = True) -> Any:
    """A schema with its references turned to the table."""
    if not isinstance(schema, dict):
        return schema
    made: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "$ref" and isinstance(value, str):
            made[key] = _TABLE + name + _target(value, anchors)
        elif key in ("$anchor", "$dynamicAnchor", "$schema") or (key == "$id" and root):
            continue
        elif key in _LISTS and isinstance(value, list):
            made[key] = [_turned(inner, name, anchors, False) for inner in value]
        elif key in _MAPS and isinstance(value, dict):
            made[key] = {inner: _turned(one, name, anchors, False) for inner, one in value.items()}
        elif key in _VALUES:
            made[key] = value
        else:
            made[key] = _turned(value, name, anchors, False)
    return made


def _target(reference: str, anchors: dict[str, str]) -> str:
    rest = reference.removeprefix("#")
    return rest if not rest or rest.startswith("/") else anchors.get(rest, "/no-such-anchor")
