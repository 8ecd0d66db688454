"""JSON Schemas: whether a document is one, in the dialect and within the means that contracts have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jsonschema_rs

from podium.resources.troubles import did_you_mean, pointer, shown

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")


@dataclass(frozen=True, slots=True)
class SchemaFault:
    """Why a document is no schema that contracts can keep.

    Attributes:
        path: JSON pointer into the schema.
        message: what is wrong and what to do about it.
    """

    path: str
    message: str


def make_validator(schema: Any, *, mask: str | None = None) -> jsonschema_rs.Draft202012Validator:
    """A validator that asserts formats, matches patterns in linear time and never fetches anything.

    Args:
        mask: what messages show in place of a payload's values; None shows the values.
    Raises:
        jsonschema_rs.ValidationError: the schema is none, or refers to what is not in it.
        ValueError: it nests too deep.
    """
    return jsonschema_rs.Draft202012Validator(
        schema,
        validate_formats=True,
        pattern_options=jsonschema_rs.RegexOptions(),
        offline=True,
        mask=mask,
    )


def schema_faults(schema: Any) -> list[SchemaFault]:
    """Every reason why a document is no usable JSON Schema 2020-12, by path; none if it is one."""
    if not isinstance(schema, dict | bool):
        return [SchemaFault("", f"A schema is an object, true or false, not {shown(schema)}.")]
    if isinstance(schema, dict) and schema.get("$schema", DIALECT) not in (DIALECT, DIALECT + "#"):
        message = f"Contracts are JSON Schema 2020-12; `$schema` must be `{DIALECT}` or be left out."
        return [SchemaFault("/$schema", message)]
    try:
        return _meta_faults(schema) or _use_faults(schema)
    except ValueError as error:
        return [SchemaFault("", f"The schema cannot be read: {shown(str(error), 120)}.")]


@lru_cache(maxsize=1)
def _meta_validator() -> jsonschema_rs.Draft202012Validator:
    return make_validator({"$ref": DIALECT})


def _meta_faults(schema: Any) -> list[SchemaFault]:
    meta = _meta_validator()
    if meta.is_valid(schema):
        return []
    faults: dict[str, SchemaFault] = {}
    for error in meta.iter_errors(schema):
        path = pointer(error.instance_path)
        faults.setdefault(path, SchemaFault(path, _in_plain_words(error)))
    return [faults[path] for path in sorted(faults)]


def _use_faults(schema: Any) -> list[SchemaFault]:
    """What the meta-schema cannot see: references that lead nowhere, patterns beyond the engine."""
    try:
        make_validator(schema)
    except jsonschema_rs.ValidationError as error:
        if isinstance(error.kind, jsonschema_rs.ValidationErrorKind.Referencing):
            return [_reference_fault(schema, error.message)]
        return [SchemaFault(pointer(error.instance_path), _in_plain_words(error))]
    return []


def _reference_fault(schema: Any, message: str) -> SchemaFault:
    """The fault of the reference that the validator could not follow; its message names it, not its place."""
    way_out = "nothing is fetched. Put what it names under `$defs` and refer to `#/$defs/<name>`."
    for path, reference in _references(schema):
        if reference.removeprefix("#") in message:
            return SchemaFault(path, f"`{shown(reference)}` leads out of the schema, or nowhere; {way_out}")
    return SchemaFault("", f"A `$ref` leads out of the schema, or nowhere ({shown(message, 120)}); {way_out}")


def _references(schema: Any) -> Iterator[tuple[str, str]]:
    waiting: list[tuple[str, Any]] = [("", schema)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict):
            for key in ("$ref", "$dynamicRef"):
                if isinstance(value.get(key), str):
                    yield f"{path}/{key}", value[key]
            waiting += [(path + pointer([key]), inner) for key, inner in value.items()]
        elif isinstance(value, list):
            waiting += [(f"{path}/{index}", inner) for index, inner in enumerate(value)]


def _in_plain_words(error: jsonschema_rs.ValidationError) -> str:
    last = error.instance_path[-1] if error.instance_path else ""
    if last == "pattern" and isinstance(error.instance, str):
        return (
            f"`{shown(error.instance)}` is not a pattern that can be matched in linear time: "
            "it is malformed, too large, or uses look-around or back-references."
        )
    if last == "type" and isinstance(error.instance, str):
        return f"`{shown(error.instance)}` is no type; known: {', '.join(_TYPES)}." + did_you_mean(
            error.instance, _TYPES
        )
    return f"Not JSON Schema: {shown(error.message, 160)}."
