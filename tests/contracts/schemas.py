"""Schemas and values out of a small world, so that they meet often."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

NAMES = ("a", "b", "c")
TEXTS = ("", "a", "ab", "abc", "b1", "aaaa", "é")
NUMBERS = (-1, 0, 1, 2, 3, 4, 6, 0.5, 1.0, 1.5, 2.5)

scalars = st.one_of(st.none(), st.booleans(), st.sampled_from(NUMBERS), st.sampled_from(TEXTS))
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from((*NAMES, "d")), inner, max_size=3)
    ),
    max_leaves=6,
)

_types = st.sampled_from(("null", "boolean", "integer", "number", "string", "array", "object"))
_counts = st.integers(0, 3)
_bounds = st.sampled_from((-1, 0, 1, 2, 3, 1.5, 2.5))


def _some(members: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """One to three of these keywords."""
    return st.lists(st.sampled_from(sorted(members)), min_size=1, max_size=3, unique=True).flatmap(
        lambda names: st.fixed_dictionaries({name: members[name] for name in names})
    )


_leaves = st.one_of(
    st.booleans(),
    st.just({}),
    st.builds(
        lambda one: {"type": one}, st.one_of(_types, st.lists(_types, min_size=1, max_size=3, unique=True))
    ),
    _some(
        {
            "type": _types,
            "enum": st.lists(values, min_size=1, max_size=4),
            "const": scalars,
            "minimum": _bounds,
            "maximum": _bounds,
            "exclusiveMinimum": _bounds,
            "exclusiveMaximum": _bounds,
            "multipleOf": st.sampled_from((1, 2, 3, 4, 0.5, 2.0)),
            "minLength": _counts,
            "maxLength": _counts,
            "pattern": st.sampled_from(("^a", "b", "^a+$", "^[a-z]{2}$")),
            "format": st.sampled_from(("date", "email", "no-such-format")),
        }
    ),
)


def _deeper(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    members = st.dictionaries(st.sampled_from(NAMES), inner, max_size=3)
    some = st.lists(inner, min_size=1, max_size=3)
    names = st.lists(st.sampled_from(NAMES), max_size=3, unique=True)
    objects = {
        "type": st.just("object"),
        "properties": members,
        "required": names,
        "additionalProperties": inner,
        "patternProperties": st.dictionaries(st.sampled_from(("^a", "b|c", "d")), inner, max_size=2),
        "propertyNames": st.one_of(st.just({"enum": ["a", "b"]}), st.just({"maxLength": 1}), st.booleans()),
        "minProperties": _counts,
        "maxProperties": _counts,
        "dependentRequired": st.dictionaries(st.sampled_from(NAMES), names, max_size=2),
        "dependentSchemas": st.dictionaries(st.sampled_from(NAMES), inner, max_size=1),
        "unevaluatedProperties": inner,
    }
    arrays = {
        "type": st.just("array"),
        "items": inner,
        "prefixItems": some,
        "minItems": _counts,
        "maxItems": _counts,
        "uniqueItems": st.booleans(),
        "contains": inner,
        "minContains": _counts,
        "maxContains": _counts,
        "unevaluatedItems": inner,
    }
    combined = {
        "allOf": some,
        "anyOf": some,
        "oneOf": some,
        "not": inner,
        "if": inner,
        "then": inner,
        "else": inner,
        "type": _types,
        "$ref": st.sampled_from(("#", "#/$defs/x", "#/$defs/y")),
    }
    return st.one_of(_some(objects), _some(arrays), _some(combined), _some({**objects, **combined}))


_bodies = st.recursive(_leaves, _deeper, max_leaves=6)


def _refers(schema: Any) -> bool:
    if isinstance(schema, dict):
        return "$ref" in schema or any(map(_refers, schema.values()))
    return isinstance(schema, list) and any(map(_refers, schema))


@st.composite
def schemas(draw: st.DrawFn) -> Any:
    """A schema; one with references has what they name."""
    body = draw(_bodies)
    if not _refers(body):
        return body
    return {**body, "$defs": {"x": draw(_bodies), "y": draw(_bodies)}}


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Any, Any]:
    """Two schemas; often the one is made of the other, since strangers seldom fit."""
    first = draw(schemas())
    how = draw(st.sampled_from(("apart", "apart", "narrower", "wider", "changed", "changed")))
    if how == "apart":
        return first, draw(schemas())
    other = draw(_leaves)
    if how == "narrower":
        return {"allOf": [first, other]} if not _refers(first) else first, first
    if how == "wider":
        return first, {"anyOf": [other, first]} if not _refers(first) else True
    return first, draw(_changes(first))


@st.composite
def _changes(draw: st.DrawFn, schema: Any) -> Any:
    """The schema with one keyword, at some depth, gone or another."""
    if not isinstance(schema, dict) or not schema:
        return draw(_leaves)
    name = draw(st.sampled_from(sorted(schema)))
    rest = {key: value for key, value in schema.items() if key != name}
    if name == "$defs" or draw(st.booleans()):
        value = schema[name]
        if isinstance(value, dict) and name not in ("$defs", "dependentRequired") and value:
            if name in ("properties", "patternProperties", "dependentSchemas"):
                key = draw(st.sampled_from(sorted(value)))
                return {**schema, name: {**value, key: draw(_changes(value[key]))}}
            return {**schema, name: draw(_changes(value))}
        return schema
    if name == "$ref":
        return {**rest, "$ref": draw(st.sampled_from(("#/$defs/x", "#/$defs/y")))}
    return rest
