"""Agents and workflows in a few words, for tests of plans."""

from __future__ import annotations

from typing import Any

from ruamel.yaml import YAML

from podium.facts.catalog import Declared
from podium.planning.declarations import Declarations
from podium.resources.manifest import digest_of

TEXT = {"type": "string"}
NUMBER = {"type": "number"}


def record(*required: str, **members: Any) -> dict[str, Any]:
    """The schema of an object; members whose names begin with an underscore may be missing."""
    properties = {name.strip("_"): schema for name, schema in members.items()}
    needed = [*required, *(name for name in members if not name.startswith("_"))]
    return {"type": "object", "properties": properties, "required": needed}


def agent(name: str, version: str = "1.0.0", /, deprecated: str = "", **capabilities: Any) -> Declared:
    """An agent; each capability is (input, output), `_` in its name stands for a dot."""
    offered = []
    for capability, (taken, given) in capabilities.items():
        one: dict[str, Any] = {"name": capability.replace("_", ".")}
        one |= {side: schema for side, schema in (("input", taken), ("output", given)) if schema is not None}
        offered.append(one)
    spec: dict[str, Any] = {"name": name, "version": version, "capabilities": offered}
    spec |= {"runtime": {"type": "function", "callable": "agents:run"}}
    if deprecated:
        spec["deprecated"] = deprecated
    return Declared("Agent", name, version, digest_of(spec), spec)


def workflow(tasks: str, name: str = "refund", version: str = "1.0.0", **top: Any) -> Declared:
    """A workflow; the tasks are YAML."""
    header = {"dsl": "1.0.3", "namespace": "support", "name": name, "version": version}
    document = {"document": header, **top, "do": YAML(typ="safe", pure=True).load(tasks)}
    spec = {"namespace": "support", "name": name, "version": version, "document": document}
    return Declared("Workflow", f"support/{name}", version, digest_of(spec), spec)


def given(schema: Any) -> dict[str, Any]:
    """The input of a workflow."""
    return {"schema": {"document": schema}}


def declared(*resources: Declared) -> Declarations:
    """What is declared once these were applied."""
    return Declarations().after(resources)
