"""JSON Schemas of Python types, as pydantic knows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

Schema: TypeAlias = Mapping[str, Any] | bool | type[Any]
"""A JSON Schema 2020-12, or a type that pydantic has one for."""


class _Untitled(GenerateJsonSchema):
    """Leaves out the titles that only repeat the names of the fields."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def schema_of(annotation: Any, mode: Literal["validation", "serialization"]) -> dict[str, Any]:
    """The schema of a type.

    Raises:
        PydanticUserError, NameError, TypeError: JSON Schema has no words for it.
    """
    return TypeAdapter(annotation).json_schema(mode=mode, schema_generator=_Untitled)


def schema_document(schema: Schema) -> Any:
    """A schema as a document holds it."""
    if isinstance(schema, Mapping):
        return dict(schema)
    return schema if isinstance(schema, bool) else schema_of(schema, "validation")
