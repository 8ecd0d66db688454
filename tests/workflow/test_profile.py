"""The converse of validity: what the official schema allows, and Podium says that it has, compiles.

The schema itself is only asked where `PODIUM_OWS` names a copy of the specification.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from podium.workflow.compile import compile_workflow
from tests.workflow import generated

_FOLDER = os.environ.get("PODIUM_OWS", "")
UNHURRIED: Any = {"suppress_health_check": list(HealthCheck)}
SCHEMA: Any = {}
if _FOLDER:
    SCHEMA = YAML(typ="safe", pure=True).load(Path(_FOLDER, "schema", "workflow.yaml").read_text())
VALIDATOR = jsonschema_rs.Draft202012Validator(SCHEMA, validate_formats=True)


@settings(max_examples=120, deadline=None, **UNHURRIED)
@given(generated.documents())
def test_a_document_within_the_profile_compiles_and_is_valid(document: Any) -> None:
    program, problems = compile_workflow(document, "sha256:0")
    assert program is not None, problems
    VALIDATOR.validate(document)


OUTSIDE = {
    "catalogs, and resources of other places": "catalogs resource",
    "asyncapi": "amount channel consume correlationId filter message operation payload protocol server "
    "subscription variables",
    "grpc": "host port proto",
    "a2a": "agentCard",
    "mcp": "http options protocolVersion stdio transport",
    "container": "cleanup container image lifetime ports pullPolicy volumes",
    "authentication by what is signed or passed on": "actor assertion",
    "what a process gives, which nobody writes": "stderr stdout",
}
"""Members of the official schema that are outside the profile: by why, their names."""


def _named(schema: Any) -> set[str]:
    """The names of all members that a schema knows."""
    if isinstance(schema, list):
        return set().union(*map(_named, schema)) if schema else set()
    if not isinstance(schema, dict):
        return set()
    found = set(schema["properties"]) if isinstance(schema.get("properties"), dict) else set()
    return found.union(*(_named(member) for member in schema.values()))


def _used(value: Any) -> set[str]:
    if isinstance(value, list):
        return set().union(*map(_used, value)) if value else set()
    return set(value).union(*map(_used, value.values())) if isinstance(value, dict) else set()


@pytest.mark.skipif(not _FOLDER, reason="PODIUM_OWS names no copy of the specification")
def test_every_member_of_the_schema_is_generated_or_known_to_be_outside() -> None:
    seen: set[str] = set()
    parts = [
        generated.documents(), generated.policies(), generated.https, generated.openapis, generated.humans,
        generated.listened, generated.emitted, generated.processes, generated.retries, generated.errors,
        generated.composed(generated.simple), generated.schedules,
    ]  # fmt: skip

    @settings(max_examples=120, deadline=None, derandomize=True, database=None, **UNHURRIED)
    @given(st.data())
    def gather(data: st.DataObject) -> None:
        for part in parts:
            seen.update(_used(data.draw(part)))

    gather()
    assert _named(SCHEMA) - seen <= set(" ".join(OUTSIDE.values()).split())
