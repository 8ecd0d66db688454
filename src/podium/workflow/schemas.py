"""The JSON Schemas of a document, compiled to checks of the data that flows through its tasks."""

from __future__ import annotations

import jsonschema_rs
import msgspec

from podium.facts.values import JSON, Problem
from podium.resources.schemas import make_validator
from podium.resources.troubles import pointer, shown
from podium.workflow.program import Schema

PROBLEMS_MAX = 5
"""No more problems than this are told of one payload."""

_MASK = "\x1a"
_EXPLAINED_BYTES_MAX = 256 * 1024


def compile_schema(document: JSON) -> Schema:
    """A schema that `resources.schemas.schema_faults` found nothing wrong with."""
    is_valid = make_validator(document).is_valid
    encode = msgspec.json.Encoder().encode

    def check(payload: JSON) -> list[Problem]:
        try:
            # The validator follows a payload down the machine's stack and would overflow it; this stops.
            size_bytes = len(encode(payload))
            if is_valid(payload):
                return []
            return _problems(make_validator(document, mask=_MASK), payload, size_bytes)
        except (RecursionError, TypeError, ValueError) as error:
            return [Problem("json", "", f"The value is not JSON that can be checked: {shown(error)}.")]

    return Schema(document, check)


def _problems(validator: jsonschema_rs.Draft202012Validator, payload: JSON, size_bytes: int) -> list[Problem]:
    if size_bytes > _EXPLAINED_BYTES_MAX:
        return [Problem("schema", "", "The value does not keep its schema, and is too large to say where.")]
    found = [
        Problem(error.kind.name, pointer(error.instance_path), _message(error))
        for _, error in zip(range(PROBLEMS_MAX), validator.iter_errors(payload), strict=False)
    ]
    return sorted(found, key=lambda problem: problem.path)


def _message(error: jsonschema_rs.ValidationError) -> str:
    return error.message.replace(_MASK, shown(msgspec.json.encode(error.instance).decode()))
