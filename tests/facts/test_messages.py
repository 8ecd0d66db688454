"""Inputs, orders, replies and what the catalog holds: they come back from JSON as they were."""

from __future__ import annotations

import typing
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podium.facts import catalog, inputs, orders, values
from tests.facts.messages import made

UNIONS = {"input": inputs.Any_, "order": orders.Order, "reply": values.Reply}
MEMBERS = [(union, kind) for union in UNIONS for kind in typing.get_args(UNIONS[union])]
RESOURCES = (catalog.AgentVersion, catalog.WorkflowVersion, catalog.Declared)


@pytest.mark.parametrize(("union", "kind"), MEMBERS, ids=lambda value: getattr(value, "__name__", value))
@settings(max_examples=30)
@given(data=st.data())
def test_a_message_comes_back_as_what_it_was(union: str, kind: Any, data: st.DataObject) -> None:
    message = data.draw(made(kind))
    text = msgspec.json.encode(message)
    came = msgspec.json.decode(text, type=UNIONS[union])
    assert type(came) is kind
    assert came == message
    assert msgspec.json.encode(came) == text


def test_every_input_is_in_the_union() -> None:
    kinds = {
        kind
        for kind in vars(inputs).values()
        if isinstance(kind, type) and issubclass(kind, inputs.Input) and not kind.__subclasses__()
    }
    assert kinds == set(typing.get_args(inputs.Any_))


@pytest.mark.parametrize(("union", "kind"), MEMBERS, ids=lambda value: getattr(value, "__name__", value))
@given(data=st.data())
@settings(max_examples=5)
def test_a_message_cannot_be_changed(union: str, kind: Any, data: st.DataObject) -> None:
    message = data.draw(made(kind))
    for field in msgspec.structs.fields(kind):
        with pytest.raises(AttributeError):
            setattr(message, field.name, None)


@pytest.mark.parametrize("kind", RESOURCES, ids=lambda kind: kind.__name__)
@settings(max_examples=50)
@given(data=st.data())
def test_a_resource_comes_back_from_its_spec(kind: Any, data: st.DataObject) -> None:
    resource = data.draw(made(kind))
    spec = msgspec.to_builtins(resource)
    assert msgspec.convert(spec, kind) == resource
    assert msgspec.convert({**spec, "member of tomorrow": 1}, kind) == resource
    assert msgspec.json.decode(msgspec.json.encode(spec), type=kind) == resource


@given(made(catalog.AgentVersion))
def test_what_has_its_default_is_left_out_of_a_spec(agent: catalog.AgentVersion) -> None:
    spec = msgspec.to_builtins(agent)
    left_out = [field for field in msgspec.structs.fields(agent) if field.encode_name not in spec]
    assert all(getattr(agent, field.name) == _default(field) for field in left_out)


def _default(field: msgspec.structs.FieldInfo) -> Any:
    return field.default_factory() if field.default is msgspec.NODEFAULT else field.default  # type: ignore[operator]


@pytest.mark.parametrize(("name", "status"), values.STATUS.items())
def test_a_standard_error_has_its_type_and_status(name: str, status: int) -> None:
    error = values.standard_error(name, "/do/0/a", "title", "detail")
    assert error == values.Error(values.ERRORS + name, status, "title", "detail", "/do/0/a")
    assert 400 <= status <= 599
