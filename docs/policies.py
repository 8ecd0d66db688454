"""Writes docs/reference/policy.md from the code: `python docs/policies.py`; a test holds the page to it."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from podium.policy.cel import NAMES
from podium.resources.policy import TEST_VALUES, Policy

PAGE = Path(__file__).parent / "reference" / "policy.md"

_HEAD = """# Policy, field by field

What a policy can say. How to write one, from the first rule to the last test, is under [writing a
policy](../guides/policy.md); why it is like this is in [the
decision](../decisions/0033-policy-is-data-with-cel-for-rules.md).

The reader is strict: a field that is not listed here, another case, a key that is given twice, an empty
value or a value of another type is refused with its line and column.

This page is made from `resources/policy.py`.

## What prevails

The order of rules makes no difference. Of everything that says something about an action, the strictest
prevails: **deny**, then **approve** at the highest tier, then **defer**, then **allow**. What nothing
allows is denied by the rule `default`; a rule that asks for approval allows nothing by itself.

Policies are grouped by how narrow their `appliesTo` is: everything, tenants only, or anything narrower.
Policies of one group add up. A narrower group only narrows: each group whose policies have any rule that
allows must allow the action. A policy without such a rule restricts, and does not count as one that
failed to allow.

A policy with `mode: observe` decides like any other and is never in the way; what it would have said
stands beside the decision.

Whatever cannot be evaluated follows `onError`: a condition that gives neither true nor false, an argument
of another type or one that is missing. What has no price follows `reservation.unknownPrice`. Neither can be
`allow`.

## Values

| value | how it is written |
|---|---|
| a span | `500ms`, `30s`, `15m`, `4h`, `7d`, `2w`; or ISO 8601 and objects, as durations elsewhere |
| a rate | `10/s`, `100/30s`, `5000/h`, `3/d` |
| money | text, `"25.00"`, with at most nine decimals |
| a name in a `match` | exact, or with one `*` at its end: `payments.*` |
| a host | `api.example.com`, `*.example.com` for all below it, an address; never a URL |
| hours | `Mon-Fri 08:00-18:00`, `Sat,Sun`, `22:00-06:00` |
| dates | `"2026-12-25"`, `"2026-12-24..2026-12-26"` |
| a consequence | `deny`, `approve:<tier>`; `queue` or `hold` where the field has it |
"""

_CEL = """
## What expressions may name

`when` must be true or false, `messageExpr` a text; both are [CEL](https://cel.dev). A name that is not in
this list, or a comparison of different types, is refused when the policy is declared. An expression that
runs for more than 10,000 steps, or reads arguments that are larger than a million characters or nest
deeper than 64 levels, fails.

| name | type |
|---|---|
"""

_TESTS = """
## What a test may say

A test describes an action by these names, under `with` and in each item of `after`. What it leaves out is
made up so that the policy is about it: an agent that is active, if anything of an agent is said; the
first tenant of `appliesTo`; noon on a Wednesday by the clock of the policy.

| name | value |
|---|---|
"""


def page() -> str:
    """The page, as Markdown."""
    parts = [_HEAD]
    schemas = Policy.model_json_schema(by_alias=True)["$defs"]
    for place, model in models_of(Policy, "").items():
        parts.append(f"\n## `{place}`\n\n{inspect.cleandoc(model.__doc__ or '')}\n\n")
        parts.append("| field | value | default | meaning |\n|---|---|---|---|\n")
        members = schemas[model.__name__]["properties"]
        parts += [
            row_of(name, field, members[field.alias or name]) for name, field in model.model_fields.items()
        ]
    parts.append(_CEL)
    parts += [f"| `{name}` | {_cel(kind)} |\n" for name, kind in NAMES.items()]
    parts.append(_TESTS)
    parts += [f"| `{name}` | {what} |\n" for name, what in TEST_VALUES.items()]
    return "".join(parts)


def models_of(model: type[BaseModel], place: str) -> dict[str, type[BaseModel]]:
    """Every model by the place where it stands; one that stands in several, at the first."""
    found: dict[str, type[BaseModel]] = {place: model} if place else {}
    for name, field in model.model_fields.items():
        inner, mark = _inner(field.annotation)
        for one in inner:
            at = f"{place}.{field.alias or name}{mark}".lstrip(".")
            for where, other in models_of(one, at).items():
                if other not in found.values():
                    found[where] = other
    return found


def _inner(annotation: Any) -> tuple[list[type[BaseModel]], str]:
    """The models in a type, and how a place shows that there are several."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation], ""
    mark = {list: "[]", dict: ".*"}.get(get_origin(annotation), "")
    found: list[type[BaseModel]] = []
    for part in get_args(annotation):
        models, deeper = _inner(part)
        found, mark = found + models, mark or (deeper if models else mark)
    return found, mark if found else ""


def row_of(name: str, field: Any, schema: dict[str, Any]) -> str:
    """A line of the table of a model's fields."""
    default = field.default
    shown = (
        "" if default is PydanticUndefined or default is None or isinstance(default, BaseModel) else default
    )
    if isinstance(shown, bool):
        shown = str(shown).lower()
    if isinstance(shown, list):
        shown = ", ".join(shown)
    if isinstance(shown, int) and _value(schema) == "duration":
        shown = f"PT{shown // 1000}S" if shown else ""
    needed = "**needed**" if field.is_required() else f"`{shown}`" if shown not in ("", {}) else ""
    return f"| `{field.alias or name}` | {_value(schema)} | {needed} | {field.description} |\n"


def _value(schema: dict[str, Any]) -> str:
    """What a JSON Schema takes, for people."""
    if "anyOf" in schema and {"examples": ["PT30S"], "pattern": "^P", "type": "string"} in schema["anyOf"]:
        return "duration"
    if "anyOf" in schema:
        return ", ".join(_value(one) for one in schema["anyOf"] if one.get("type") != "null")
    if "examples" in schema:
        return "such as " + ", ".join(f"`{one}`" for one in schema["examples"])
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{one}`" for one in schema.get("enum", [schema.get("const")]))
    if str(schema.get("pattern", "")).startswith("^(deny"):
        words = schema["pattern"].removeprefix("^(").partition("|approve")[0].split("|")
        return ", ".join(f"`{one}`" for one in (*words, "approve:1"))
    kind = schema.get("type", "object")
    if isinstance(kind, list):
        return ", ".join(dict.fromkeys(_value({"type": one}) for one in kind))
    if kind == "array":
        return f"list of {_value(schema['items'])}"
    return {"string": "text", "integer": "whole number", "boolean": "`true`, `false`"}.get(kind, "object")


def _cel(kind: Any) -> str:
    known = {
        "list<string>": "list of texts",
        "int": "whole number",
        "bool": "true or false",
        "string": "text",
    }
    return known.get(kind.name().lower(), "object")


if __name__ == "__main__":
    PAGE.write_text(page())
