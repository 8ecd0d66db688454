"""JSON Schemas: whether a document is one, in the dialect and within the means that contracts have."""

from __future__ import annotations

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
        return [SchemaFault("", f"The schema cannot be read: {shown(error, 120)}.")]


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
        return [SchemaFault(pointer(error.instance_path), _in_plain_words(error))]
    return []


def _in_plain_words(error: jsonschema_rs.ValidationError) -> str:
    last = error.instance_path[-1] if error.instance_path else ""
    if isinstance(error.kind, jsonschema_rs.ValidationErrorKind.Referencing):
        what = error.message.removesuffix(".").replace(
            "Retrieval is disabled, cannot fetch", "will not fetch"
        )
        return (
            f"A `$ref` leads out of the schema or nowhere: {shown(what, 160)}. Use `$defs` and `#/$defs/...`."
        )
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
