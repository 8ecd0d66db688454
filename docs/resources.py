"""Writes docs/reference/resources.md from the code: `python docs/resources.py`; a test holds it to that."""

from __future__ import annotations

import importlib.util
import inspect
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from podium.resources.kinds import Agent
from podium.resources.schedule import Schedule
from podium.resources.subscription import Subscription
from podium.resources.tool import Tool

PAGE = Path(__file__).parent / "reference" / "resources.md"

_HEAD = """# Agents, tools, schedules and subscriptions, field by field

What the kinds `Agent`, `Tool`, `Schedule` and `Subscription` can say. What an agent is given and what it
may answer is under [agents](agents.md); how tools are declared and called, under [tools](../guides/tools.md);
when runs begin by themselves, under [schedules](../guides/schedules.md); who is sent events, under
[subscriptions](../guides/subscriptions.md). Policies have [a page of their own](policy.md), and so have
[workflows](workflow-language.md).

A field that is not listed here, another case, a key that is given twice or a value of another type is
refused with its line and column. A duration is text by ISO 8601, `PT1M30S`, or an object, `{minutes: 1,
seconds: 30}`. A schema is a JSON Schema, or the path of a file beside the manifest that holds one. `podium
schema agent`, `podium schema tool` and the like print all of this for editors.

This page is made from `resources/kinds.py`, `tool.py`, `schedule.py` and `subscription.py` there.
"""


def page() -> str:
    """The page, as Markdown."""
    parts = [_HEAD]
    told: set[type[BaseModel]] = set()
    for kind in (Agent, Tool, Schedule, Subscription):
        parts.append(f"\n## `kind: {kind.__name__}`\n\n{inspect.cleandoc(kind.__doc__ or '')}\n")
        schemas = kind.model_json_schema(by_alias=True)["$defs"]
        for place, model in _fields.models_of(kind, "").items():
            if model not in told:
                told.add(model)
                parts.append(_section(place, model, schemas[model.__name__]["properties"]))
    return "".join(parts)


def _section(place: str, model: type[BaseModel], members: dict[str, Any]) -> str:
    rows = [
        _fields.row_of(name, field, members[field.alias or name])
        for name, field in model.model_fields.items()
    ]
    head = "| field | value | default | meaning |\n|---|---|---|---|\n"
    return f"\n### `{place}`\n\n{inspect.cleandoc(model.__doc__ or '')}\n\n{head}{''.join(rows)}"


def _sibling(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"docs_{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_fields = _sibling("policies")


if __name__ == "__main__":
    PAGE.write_text(page())
