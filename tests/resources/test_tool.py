"""A tool's manifest says the same as the tool version that the catalog holds."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from podium.facts.catalog import Related, ToolVersion
from podium.resources.manifest import read_text
from podium.resources.tool import Tool

TOOL = """\
apiVersion: podium.dev/v1
kind: Tool
metadata:
  name: payments.refund
  labels: {team: payments}
spec:
  version: 1.0.0
  description: Gives money back.
  args: {type: object, required: [amount], properties: {amount: {type: integer}}}
  result: {type: object, required: [id]}
  sideEffect: write
  risk: 3
  groups: [payments, egress]
  resultLabels: [pii]
  egress:
    - {host: api.example.com, region: eu, method: POST}
    - {argument: /url}
  undo: {tool: payments.cancel, args: {id: '${ .output.id }'}}
  probe: {tool: payments.status@1.0.0}
  timing: {deadline: PT10S}
  retry: {attempts: 2}
  cost: {perCall: {usd: "0.01"}}
  runtime: {process: {command: [python, refund.py]}}
"""


def tool(**spec: Any) -> dict[str, Any]:
    """The spec of a tool with what is required, and more, as the catalog holds it."""
    given = {
        "version": "1.0.0",
        "sideEffect": "read",
        "runtime": {"function": {"callable": "shop:orders"}},
        **spec,
    }
    resource = {
        "apiVersion": "podium.dev/v1",
        "kind": "Tool",
        "metadata": {"name": "orders.find"},
        "spec": given,
    }
    return Tool.model_validate(resource).normalised("/shop")


def refused(text: str) -> list[tuple[str, str, int]]:
    """Rule, path and line of everything that is wrong with a manifest."""
    _, troubles = read_text(text, "tools.yaml", "/shop")
    return [(trouble.rule, trouble.path, trouble.line) for trouble in troubles]


def test_everything_that_a_tool_can_say() -> None:
    (document,), troubles = read_text(TOOL, "tools.yaml", "/shop")
    assert not troubles
    assert (document.kind, document.name, document.version) == ("Tool", "payments.refund", "1.0.0")
    assert document.spec == {
        "name": "payments.refund",
        "version": "1.0.0",
        "description": "Gives money back.",
        "args": {"type": "object", "required": ["amount"], "properties": {"amount": {"type": "integer"}}},
        "result": {"type": "object", "required": ["id"]},
        "side_effect": "write",
        "risk": 3,
        "groups": ["payments", "egress"],
        "result_labels": ["pii"],
        "egress": [{"host": "api.example.com", "region": "eu", "method": "POST"}, {"argument": "/url"}],
        "undo": {"tool": "payments.cancel", "args": {"id": "${ .output.id }"}},
        "probe": {"tool": "payments.status@1.0.0"},
        "delivery": "at-most-once",
        "deadline_ms": 10_000,
        "retry": {"attempts": 2},
        "cost_nano": 10_000_000,
        "priced": True,
        "labels": {"team": "payments"},
        "folder": "/shop",
        "runtime": {
            "type": "process", "command": ["python", "refund.py"], "cwd": "/shop", "env": {},
            "memory_bytes": 0,
        },
    }  # fmt: skip


def test_the_catalog_reads_what_the_manifest_says() -> None:
    (document,), _ = read_text(TOOL, "tools.yaml", "/shop")
    version = msgspec.convert(document.spec, ToolVersion)
    assert version.undo == Related("payments.cancel", {"id": "${ .output.id }"})
    assert [place.argument or place.host for place in version.egress] == ["api.example.com", "/url"]
    again = msgspec.json.decode(msgspec.json.encode(version))
    assert msgspec.convert(again, ToolVersion) == version


def test_a_tool_is_performed_as_an_agent_with_one_capability() -> None:
    (document,), _ = read_text(TOOL, "tools.yaml", "/shop")
    agent = msgspec.convert(document.spec, ToolVersion).performer()
    (capability,) = agent.capabilities
    assert (agent.name, capability.name) == ("payments.refund", "payments.refund")
    assert capability.input == document.spec["args"]
    assert capability.output == document.spec["result"]
    assert (agent.delivery, agent.deadline_ms, agent.retry.attempts) == ("at-most-once", 10_000, 2)


@pytest.mark.parametrize(
    ("side_effect", "delivery"),
    [
        ("none", "at-least-once"),
        ("read", "at-least-once"),
        ("write", "at-most-once"),
        ("irreversible", "at-most-once"),
    ],
)
def test_what_changes_something_is_done_once_unless_said_otherwise(side_effect: str, delivery: str) -> None:
    assert tool(sideEffect=side_effect).get("delivery", "at-least-once") == delivery
    assert "delivery" not in tool(sideEffect=side_effect, delivery="at-least-once")


def test_the_host_of_a_service_is_among_what_is_reached() -> None:
    runtime = {"http": {"url": "http://127.0.0.1:8080/refund"}}
    own = {"host": "127.0.0.1", "scheme": "http", "port": 8080, "method": "POST"}
    assert tool(runtime=runtime)["egress"] == [own]
    said = {"host": "127.0.0.1", "scheme": "http", "region": "eu"}
    assert tool(runtime=runtime, egress=[said])["egress"] == [said]


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("  sideEffect: write\n", "", ("missing-field", "/spec/sideEffect", 6)),
        ("sideEffect: write", "sideEffect: writes", ("unknown-value", "/spec/sideEffect", 11)),
        ("sideEffect: write", "sideeffect: write", ("unknown-field", "/spec/sideeffect", 11)),
        ("risk: 3", "risk: 6", ("out-of-range", "/spec/risk", 12)),
        ("risk: 3", 'risk: "3"', ("wrong-type", "/spec/risk", 12)),
        ("[payments, egress]", "[payments, payments]", ("duplicate-name", "/spec/groups", 13)),
        ("name: payments.refund", "name: http.get", ("reserved-name", "/metadata/name", 4)),
        ("host: api.example.com", "host: https://api.example.com", ("egress", "/spec/egress/0", 16)),
        ("{argument: /url}", "{region: eu}", ("egress", "/spec/egress/1", 17)),
        ("{argument: /url}", "{argument: url}", ("pointer", "/spec/egress/1/argument", 17)),
        ("tool: payments.cancel", "tool: Payments", ("name", "/spec/undo/tool", 18)),
        ("{type: object, required: [id]}", "{type: obj}", ("schema", "/spec/result/type", 10)),
        ("{type: object, required: [id]}", "result.json", ("schema-file", "/spec/result", 10)),
    ],
)
def test_what_is_wrong_is_told_at_its_place(old: str, new: str, found: tuple[str, str, int]) -> None:
    assert old in TOOL
    assert found in refused(TOOL.replace(old, new))


def test_a_schema_may_stand_in_a_file() -> None:
    text = TOOL.replace("{type: object, required: [id]}", "result.json")
    (document,), troubles = read_text(text, "tools.yaml", "/shop", lambda name: b'{"type": "integer"}')
    assert not troubles
    assert document.spec["result"] == {"type": "integer"}
