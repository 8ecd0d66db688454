"""Whatever is said to fit does: no value that one validator takes is refused by the other."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from podium.contracts.compatibility import compare, gaps_between
from podium.contracts.examples import Examples, hints_of
from podium.contracts.fragments import Library
from podium.resources.schemas import make_validator
from tests.contracts.schemas import pairs, values

LESS = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))


def validators(*documents: Any) -> list[jsonschema_rs.Draft202012Validator]:
    try:
        return [make_validator(document) for document in documents]
    except (ValueError, jsonschema_rs.ValidationError):
        assume(False)
        raise


@LESS
@given(pairs(), st.lists(values, max_size=20))
def test_what_fits_is_never_refused(pair: tuple[Any, Any], tried: list[Any]) -> None:
    producer, consumer = pair
    allows, takes = validators(producer, consumer)
    if compare(producer, consumer).verdict != "fits":
        return
    library = Library()
    made = Examples(library, hints_of(library, library.embed(consumer))).of([library.embed(producer)])
    for value in [*tried, *made]:
        assert not allows.is_valid(value) or takes.is_valid(value), value


@LESS
@given(pairs())
def test_a_break_has_a_witness(pair: tuple[Any, Any]) -> None:
    producer, consumer = pair
    allows, takes = validators(producer, consumer)
    found = compare(producer, consumer)
    breaks = [finding for finding in found.findings if finding.verdict == "breaks"]
    assert bool(breaks) == (found.verdict == "breaks")
    for finding in breaks:
        assert allows.is_valid(finding.witness)
        assert not takes.is_valid(finding.witness)


@LESS
@given(pairs())
def test_every_schema_fits_itself_and_anything_fits_the_widest(pair: tuple[Any, Any]) -> None:
    producer, consumer = pair
    validators(producer, consumer)
    assert compare(producer, producer).verdict == "fits"
    assert compare(producer, True).verdict == "fits"
    assert compare(False, consumer).verdict == "fits"
    library = Library()
    whichever = {"anyOf": [library.embed(consumer), True]}
    assert gaps_between(library, library.embed(producer), whichever) == []
