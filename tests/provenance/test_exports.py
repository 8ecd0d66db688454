"""Explanations in the words of others: W3C PROV, read by its library, and run events of OpenLineage."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import jsonschema_rs
import pytest
from prov.model import (
    ProvActivity,
    ProvAgent,
    ProvDerivation,
    ProvDocument,
    ProvEntity,
    ProvGeneration,
    ProvUsage,
)

from podium.provenance.openlineage import run_events
from podium.provenance.prov import document
from tests.provenance.team import apply, explained
from tests.runtime.serving import House, human, workflow

_FACETS = {
    "type": "object",
    "additionalProperties": {
        "type": "object", "required": ["_producer", "_schemaURL"],
        "properties": {"_producer": {"format": "uri"}, "_schemaURL": {"format": "uri"}},
    },
}  # fmt: skip
_NAMED = {
    "type": "object", "required": ["namespace", "name"],
    "properties": {"namespace": {"type": "string"}, "name": {"type": "string"}, "facets": _FACETS},
}  # fmt: skip
RUN_EVENT = {
    "type": "object",
    "required": ["eventType", "eventTime", "run", "job", "producer", "schemaURL"],
    "properties": {
        "eventType": {"enum": ["START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"]},
        "eventTime": {"type": "string", "format": "date-time"},
        "run": {
            "type": "object", "required": ["runId"],
            "properties": {"runId": {"type": "string", "format": "uuid"}, "facets": _FACETS},
        },
        "job": _NAMED,
        "inputs": {"type": "array", "items": _NAMED},
        "outputs": {"type": "array", "items": _NAMED},
        "producer": {"type": "string", "format": "uri"},
        "schemaURL": {"type": "string", "format": "uri"},
    },
}  # fmt: skip
"""What a run event must have, by the specification of OpenLineage 2-0-2."""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.close()


@pytest.fixture
def run_id(house: House, tmp_path: Path) -> str:
    """A run in which a person let a price through that an agent gave, and another run did the rest."""
    apply(
        house, tmp_path,
        workflow("below", {"rate": {"call": "agent", "with": {"capability": "rate", "input": "${ .net }"}}}),
        workflow(
            "above",
            {"price": {"call": "agent", "with": {"capability": "price", "input": {"count": "${ .n }"}},
                       "export": {"as": "${ . }"}}},
            {"ok": human("Is that a price?")},
            {"child": {"run": {"workflow": {"namespace": "test", "name": "below", "version": "1.0.0",
                                            "input": {"net": "${ $context.net }"}}},
                       "output": {"as": "${ {tax: .tax, net: $context.net} }"}}},
        ),
    )  # fmt: skip
    found = house.submit("above", {"n": 2}, principal="user:ada")
    house.until(found, "human")
    house.call("answer", run_id=found, decision="approve", principal="user:bob", why="it is")
    house.call("wait", run_id=found)
    return found


def test_prov_is_read_by_its_own_library(house: House, run_id: str) -> None:
    made = document(explained(house, run_id))
    read = ProvDocument.deserialize(content=json.dumps(made), format="json")
    names = {str(one.identifier) for one in read.get_records((ProvEntity, ProvActivity, ProvAgent))}
    assert {
        "run:output", "run:effect-1", "run:effect-1-output", "agent:price@1.0.0", "principal:user_bob",
        "principal:user_ada", "workflow:test/above@1.0.0", "run-1:effect-1-output", "agent:rate@1.0.0",
    } <= names  # fmt: skip
    # Whatever a relation names is there, and the document says the same when it is written again.
    for relation in read.get_records((ProvUsage, ProvGeneration, ProvDerivation)):
        assert {str(one) for one in relation.args[:2] if one is not None} <= names
    again = ProvDocument.deserialize(content=read.serialize(format="json"), format="json")
    assert again == read


def test_prov_says_what_was_made_of_what(house: House, run_id: str) -> None:
    made = document(explained(house, run_id))
    places = ("prov:generatedEntity", "podium:at", "prov:usedEntity", "podium:from")
    derived = {tuple(one.get(place, "") for place in places) for one in made["wasDerivedFrom"].values()}
    assert ("run:output", "/net", "run:effect-1-output", "/net") in derived
    assert ("run:effect-1-input", "/count", "run:input", "/n") in derived
    said = {
        (one["prov:entity"], one["prov:agent"])
        for one in made["wasAttributedTo"].values()
    }  # fmt: skip
    ((entity, who),) = said
    assert who == "principal:user_bob" and made["entity"][entity]["podium:why"] == "it is"
    rules = {one.get("podium:rules") for one in made["entity"].values() if one.get("podium:kind") == "policy"}
    assert rules and None not in rules


def test_openlineage_events_keep_the_specification(house: House, run_id: str) -> None:
    events = run_events(explained(house, run_id))
    check = jsonschema_rs.validator_for(RUN_EVENT, validate_formats=True)
    for event in events:
        check.validate(event)
        assert datetime.fromisoformat(event["eventTime"]).tzinfo is not None
    assert [event["eventTime"] for event in events] == sorted(event["eventTime"] for event in events)
    kinds: dict[str, list[str]] = {}
    for event in events:
        kinds.setdefault(event["run"]["runId"], []).append(event["eventType"])
    # Each begins once and ends once: two runs, the three effects of one, the one effect of the other.
    assert set(map(tuple, kinds.values())) == {("START", "COMPLETE")}
    assert len(kinds) == 6 and all(UUID(one) for one in kinds)


def test_openlineage_tells_columns_and_parents(house: House, run_id: str) -> None:
    events = run_events(explained(house, run_id))
    (end,) = (one for one in events if one["run"]["runId"] == run_id and one["eventType"] == "COMPLETE")
    (output,) = end["outputs"]
    fields: dict[str, Any] = output["facets"]["columnLineage"]["fields"]
    assert fields["/net"]["inputFields"] == [
        {
            "namespace": f"podium/{run_id}", "name": "effect-1", "field": "/net",
            "transformations": [{"type": "DIRECT", "subtype": "TRANSFORMATION"}],
        }
    ]  # fmt: skip
    parents = {
        one["run"]["facets"]["parent"]["run"]["runId"] for one in events if "parent" in one["run"]["facets"]
    }
    assert run_id in parents


def test_a_run_that_failed_says_so(house: House, tmp_path: Path) -> None:
    apply(house, tmp_path, workflow("bad", {"it": {"call": "agent", "with": {"capability": "breaks"}}}))
    found = house.call("execute", workflow="bad")["id"]
    told = explained(house, found)
    assert (told.subject, told.deeds[0].role, told.deeds[0].status) == ("error", "subject", "failed")
    events = run_events(told)
    assert [event["eventType"] for event in events] == ["START", "START", "FAIL", "FAIL"]
    assert "errorMessage" in events[-1]["run"]["facets"]
    assert document(told)["activity"]["run:run"]["podium:status"] == "faulted"
