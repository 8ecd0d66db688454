"""Strategies for everything that crosses a border: values of any type of the vocabulary."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import strategies as st
from msgspec import inspect

_INTEGERS = st.one_of(st.integers(-3, 3), st.integers(-(2**63), 2**64 - 1))
_TEXTS = st.text(max_size=8)
_SCALARS = st.one_of(
    st.none(), st.booleans(), _INTEGERS, _TEXTS, st.floats(allow_nan=False, allow_infinity=False)
)
JSON = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=6,
)
"""Any JSON value that can be kept."""


def made(kind: type[msgspec.Struct]) -> st.SearchStrategy[Any]:
    """Any value of a struct type; each field is left out as often as not."""
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    fields = {field.name: _of(field.type) for field in info.fields}
    required = {field.name: fields.pop(field.name) for field in info.fields if field.required}
    return st.fixed_dictionaries(required, optional=fields).map(lambda given: kind(**given))


def _of(info: inspect.Type) -> st.SearchStrategy[Any]:
    match info:
        case inspect.AnyType():
            return JSON
        case inspect.NoneType():
            return st.none()
        case inspect.BoolType():
            return st.booleans()
        case inspect.IntType():
            return _INTEGERS
        case inspect.StrType():
            return _TEXTS
        case inspect.BytesType():
            return st.binary(max_size=8)
        case inspect.LiteralType(values):
            return st.sampled_from(values)
        case inspect.UnionType(types):
            return st.one_of([_of(one) for one in types])
        case inspect.DictType(value_type=value):
            return st.dictionaries(_TEXTS, _of(value), max_size=3)
        case inspect.ListType(item_type=item):
            return st.lists(_of(item), max_size=3)
        case inspect.VarTupleType(item_type=item):
            return st.lists(_of(item), max_size=3).map(tuple)
        case inspect.StructType(cls=kind):
            return made(kind)
    raise NotImplementedError(info)
