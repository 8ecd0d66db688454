"""Plans of tools: who calls them, what they take and give, and the tools that they name."""

from __future__ import annotations

from typing import Any

from podium.facts.catalog import Declared
from podium.planning.declarations import Declarations
from podium.planning.plan import Plan, plan
from tests.kernel.toolbox import tool
from tests.planning.world import NUMBER, TEXT, declared, record, workflow

PAY = tool("pay", args=record(amount=NUMBER), result=record(id=TEXT))
CALLS = workflow("- pay: {call: tool, with: {tool: pay, args: {amount: 5}}}", "buy")


def breaks(found: Plan) -> list[tuple[str, str, str]]:
    return [(remark.rule, remark.resource, remark.path) for remark in found.breaks]


def pay(version: str = "1.1.0", **spec: Any) -> Declared:
    return tool("pay", version, **{"args": record(amount=NUMBER), "result": record(id=TEXT), **spec})


def test_a_workflow_whose_tool_nobody_declares_breaks() -> None:
    assert breaks(plan(Declarations(), [CALLS])) == [
        ("missing-tool", "Workflow/support/buy@1.0.0", "/do/0/pay/with/tool")
    ]
    assert not plan(Declarations(), [PAY, CALLS]).breaks


def test_arguments_that_do_not_suit_it_break() -> None:
    wrong = workflow("- pay: {call: tool, with: {tool: pay, args: {amount: five}}}", "buy")
    assert breaks(plan(declared(PAY), [wrong])) == [
        ("handoff", "Workflow/support/buy@1.0.0", "/do/0/pay/with/args")
    ]
    silent = workflow("- pay: {call: tool, with: {tool: pay}}", "buy", input=NOTHING)
    assert breaks(plan(declared(PAY), [silent])) == [("handoff", "Workflow/support/buy@1.0.0", "/do/0/pay")]


NOTHING = {"schema": {"document": {"type": "object", "maxProperties": 0}}}


def test_what_it_gives_is_known_to_the_next_task() -> None:
    two = workflow(
        "- one: {call: tool, with: {tool: pay, args: {amount: 5}}}\n"
        "- two: {call: tool, with: {tool: pay, args: {amount: '${ .id }'}}}",
        "buy",
    )
    assert breaks(plan(declared(PAY), [two])) == [
        ("handoff", "Workflow/support/buy@1.0.0", "/do/1/two/with/args")
    ]


def test_removing_a_tool_breaks_who_calls_it() -> None:
    before = declared(PAY, CALLS)
    assert breaks(plan(before, [], [before.newest("Tool")["pay"]])) == [
        ("missing-tool", "Workflow/support/buy@1.0.0", "/do/0/pay/with/tool")
    ]


def test_a_version_that_takes_less_breaks_who_gave_more() -> None:
    narrower = pay(args=record(amount={"type": "integer", "minimum": 10}))
    found = plan(declared(PAY, CALLS), [narrower])
    assert ("handoff", "Workflow/support/buy@1.0.0", "/do/0/pay/with/args") in breaks(found)
    assert found.changes[0].contract[0].narrows


def test_a_version_that_is_named_stays_what_it_was() -> None:
    named = workflow("- pay: {call: tool, with: {tool: pay@1.0.0, args: {amount: 5}}}", "buy")
    narrower = pay(args=record(amount={"type": "integer", "minimum": 10}))
    assert not plan(declared(PAY, named), [narrower]).breaks


# --- the tools that it names ------------------------------------------------------------------------


def undoing(args: Any = None, **more: Any) -> Declared:
    undo = {"tool": "pay.back"} if args is None else {"tool": "pay.back", "args": args}
    return pay("1.0.0", undo=undo, **more)


BACK = tool("pay.back", args=record(id=TEXT))


def test_an_undo_that_nobody_declares_breaks() -> None:
    found = plan(Declarations(), [undoing({"id": "${ .output.id }"})])
    assert breaks(found) == [("missing-tool", "Tool/pay@1.0.0", "/spec/undo/tool")]


def test_an_undo_gets_what_it_takes() -> None:
    assert not plan(declared(BACK), [undoing({"id": "${ .output.id }"})]).remarks
    wrong = plan(declared(BACK), [undoing({"id": "${ .input.amount }"})])
    assert breaks(wrong) == [("handoff", "Tool/pay@1.0.0", "/spec/undo/args")]
    whole = plan(declared(BACK), [undoing()])
    assert breaks(whole) == [("handoff", "Tool/pay@1.0.0", "/spec/undo")]


def test_what_is_not_known_to_suit_is_told() -> None:
    found = plan(declared(BACK), [undoing({"id": "${ .output.id }"}, result=None)])
    assert not found.breaks
    assert [(remark.weight, remark.path) for remark in found.remarks] == [("unknown", "/spec/undo/args")]


def test_removing_an_undo_breaks_the_tool_that_names_it() -> None:
    before = declared(BACK, undoing({"id": "${ .output.id }"}))
    assert breaks(plan(before, [], [before.newest("Tool")["pay.back"]])) == [
        ("missing-tool", "Tool/pay@1.0.0", "/spec/undo/tool")
    ]


def test_an_undo_that_takes_something_else_now_breaks_the_tool_that_names_it() -> None:
    before = declared(BACK, undoing({"id": "${ .output.id }"}))
    newer = tool("pay.back", "1.1.0", args=record(id=NUMBER))
    assert breaks(plan(before, [newer])) == [("handoff", "Tool/pay@1.0.0", "/spec/undo/args")]


def test_what_is_no_expression_breaks() -> None:
    found = plan(declared(BACK), [undoing({"id": "${ $input.id }"})])
    assert breaks(found) == [("unknown-variable", "Tool/pay@1.0.0", "/spec/undo/args/id")]
    own = plan(Declarations(), [pay("1.0.0", undo={"tool": "pay"})])
    assert breaks(own) == [("circular", "Tool/pay@1.0.0", "/spec/undo/tool")]
