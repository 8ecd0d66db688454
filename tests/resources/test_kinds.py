"""An agent's manifest says the same as the agent version that the catalog holds."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from podium.facts.catalog import AgentVersion
from podium.resources.kinds import Agent


def agent(runtime: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    """A resource with what is required, and more."""
    return {
        "apiVersion": "podium.dev/v1",
        "kind": "Agent",
        "metadata": {"name": "triage"},
        "spec": {
            "version": "1.0.0",
            "capabilities": [{"name": "ticket.classify"}],
            "runtime": runtime or {"function": {"callable": "triage:run"}},
            **spec,
        },
    }


def normalised(resource: dict[str, Any], folder: str = "/team") -> dict[str, Any]:
    return Agent.model_validate(resource).normalised(folder)


def test_everything_an_agent_can_say() -> None:
    resource = agent(
        description="Sorts tickets.",
        capabilities=[
            {"name": "ticket.classify", "description": "One", "input": {"type": "object"}, "output": True},
            {"name": "ticket.close"},
        ],
        delivery="at-most-once",
        timing={"deadline": "PT1M30S", "heartbeat": {"seconds": 5}},
        retry={"attempts": 3, "delay": "PT1S", "backoff": "linear", "maxDelay": "PT1M", "jitter": "PT0.5S"},
        concurrency=7,
        cost={"perCall": {"usd": "0.002"}},
        roles=["support"],
        exclusive={"key": "/customer/id", "limit": 2, "onConflict": "reject"},
        runtime={
            "process": {"command": ["run", "-x"], "cwd": "bin", "env": {"MODE": "fast"}, "memory": "1Gi"}
        },
    )
    resource["metadata"]["labels"] = {"team": "support"}
    assert normalised(resource) == {
        "name": "triage",
        "version": "1.0.0",
        "description": "Sorts tickets.",
        "capabilities": [
            {"name": "ticket.classify", "description": "One", "input": {"type": "object"}, "output": True},
            {"name": "ticket.close"},
        ],
        "delivery": "at-most-once",
        "deadline_ms": 90_000,
        "heartbeat_ms": 5_000,
        "retry": {
            "attempts": 3,
            "delay_ms": 1_000,
            "backoff": "linear",
            "delay_max_ms": 60_000,
            "jitter_ms": 500,
        },
        "concurrency": 7,
        "cost_nano": 2_000_000,
        "priced": True,
        "roles": ["support"],
        "exclusive": {"key": "/customer/id", "limit": 2, "on_conflict": "reject"},
        "labels": {"team": "support"},
        "runtime": {
            "type": "process",
            "command": ["run", "-x"],
            "cwd": "/team/bin",
            "env": {"MODE": "fast"},
            "memory_bytes": 2**30,
        },
        "folder": "/team",
    }


def test_what_is_declared_for_failures() -> None:
    breaker = {"failures": 3, "outOf": 10, "within": "PT2M", "openFor": "PT10S", "probes": 2}
    made = normalised(agent(breaker=breaker, probe={"capability": "ticket.classify"}))
    assert made["breaker"] == {
        "failures": 3, "out_of": 10, "within_ms": 120_000, "open_ms": 10_000, "probes": 2,
    }  # fmt: skip
    assert made["probe"] == "ticket.classify"
    assert normalised(agent(breaker={}))["breaker"] == {}
    assert "breaker" not in normalised(agent())


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"breaker": {"failures": 5, "outOf": 4}}, "5 of 4 attempts can never fail"),
        ({"breaker": {"failures": 0}}, "greater than or equal to 1"),
        ({"breaker": {"openFor": "PT0S"}}, "longer than 0"),
        ({"breaker": None}, "It is empty"),
        ({"probe": {"capability": "ticket.status"}}, "does not offer `ticket.status`"),
    ],
)
def test_what_cannot_be_declared_for_failures(spec: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        normalised(agent(**spec))


def test_the_bindings() -> None:
    function = {
        "callable": "team.triage:Agent.run",
        "isolation": "process",
        "pythonPath": [".", "lib", "/abs"],
    }
    assert normalised(agent({"function": function}))["runtime"] == {
        "type": "function",
        "callable": "team.triage:Agent.run",
        "isolation": "process",
        "memory_bytes": 0,
        "python_path": ["/team", "/team/lib", "/abs"],
    }
    http = {"url": "https://host:8080/call?x=1", "headers": {"X-Key": "a b"}}
    assert normalised(agent({"http": http}))["runtime"] == {"type": "http", **http}


@pytest.mark.parametrize(
    ("runtime", "concurrency"),
    [
        ({"function": {"callable": "a:b"}}, 256),
        ({"function": {"callable": "a:b", "isolation": "process"}}, 4),
        ({"process": {"command": ["a"]}}, 4),
        ({"http": {"url": "http://a"}}, 4),
    ],
)
def test_concurrency_unless_it_is_given(runtime: dict[str, Any], concurrency: int) -> None:
    assert msgspec.convert(normalised(agent(runtime)), AgentVersion).concurrency == concurrency
    assert msgspec.convert(normalised(agent(runtime, concurrency=9)), AgentVersion).concurrency == 9


DURATIONS = st.sampled_from([{"seconds": 1}, "PT1M", {"minutes": 1}, "P1D"])


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "description": st.sampled_from(["", "One line."]),
            "delivery": st.sampled_from(["at-least-once", "at-most-once"]),
            "timing": st.fixed_dictionaries({}, optional={"deadline": DURATIONS, "heartbeat": DURATIONS}),
            "retry": st.fixed_dictionaries(
                {},
                optional={
                    "attempts": st.integers(1, 3),
                    "delay": DURATIONS,
                    "backoff": st.sampled_from(["constant", "linear", "exponential"]),
                    "maxDelay": DURATIONS,
                    "jitter": DURATIONS,
                },
            ),
            "concurrency": st.integers(1, 6),
            "cost": st.sampled_from([{"perCall": {"usd": "0"}}, {"perCall": {"usd": "0.5"}}]),
        },
    )
)
def test_normalised_is_the_agent_version_as_the_catalog_writes_it(spec: dict[str, Any]) -> None:
    value = normalised(agent(**spec))
    version = msgspec.convert(value, AgentVersion)
    assert msgspec.json.decode(msgspec.json.encode(version)) == value


def test_the_schema_for_editors_knows_the_names_of_the_file() -> None:
    schema = Agent.model_json_schema(by_alias=True)
    assert set(schema["properties"]) == {"apiVersion", "kind", "metadata", "spec"}
    assert "maxDelay" in schema["$defs"]["Retry"]["properties"]
