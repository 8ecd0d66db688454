"""What a change adds, changes and removes, and what it would break."""

from __future__ import annotations

from typing import Any

import pytest

from podium.facts.catalog import Declared
from podium.planning.declarations import Declarations
from podium.planning.plan import Plan, left_out, plan
from tests.planning.world import NUMBER, TEXT, agent, declared, given, record, workflow

GREETER = agent("greeter", greet=(record(name=TEXT), record(text=TEXT)))
GREET = workflow("- greet: {call: agent, with: {capability: greet, input: {name: Ada}}}", "greet")
PASS_ON = workflow("- greet: {call: agent, with: {capability: greet}}", "pass-on")


def changes(found: Plan) -> list[tuple[str, str]]:
    return [(change.action, f"{change.name}@{change.version}") for change in found.changes]


def breaks(found: Plan) -> list[tuple[str, str, str]]:
    return [(remark.rule, remark.resource, remark.path) for remark in found.breaks]


# --- what changes -----------------------------------------------------------------------------


def test_a_first_plan_adds_everything() -> None:
    found = plan(Declarations(), [GREETER, GREET])
    assert changes(found) == [("add", "greeter@1.0.0"), ("add", "support/greet@1.0.0")]
    assert (found.differs, found.breaks) == (True, ())


def test_what_is_the_same_does_not_change() -> None:
    found = plan(declared(GREETER, GREET), [GREETER, GREET])
    assert {change.action for change in found.changes} == {"none"}
    assert (found.differs, found.remarks) == (False, ())


def test_a_change_names_what_is_declared_otherwise() -> None:
    newer = agent("greeter", "1.1.0", greet=(record(name=TEXT, _title=TEXT), record(text=TEXT)))
    [change] = plan(declared(GREETER, GREET), [newer]).changes
    assert (change.action, change.before_version, change.before_digest) == ("change", "1.0.0", GREETER.digest)
    assert {(one.action, one.path) for one in change.differences} == {
        ("change", "/version"),
        ("add", "/capabilities/0/input/properties/title"),
    }


def test_an_older_version_comes_back() -> None:
    newer = agent("greeter", "1.1.0", greet=(record(name=TEXT), record(text=TEXT)))
    [change] = plan(declared(GREETER, newer), [GREETER]).changes
    assert (change.action, change.before_version, change.version) == ("change", "1.1.0", "1.0.0")


def test_two_versions_at_once_change_nothing_the_second_time() -> None:
    newer = agent("greeter", "1.1.0", greet=(record(name=TEXT), record(text=TEXT)))
    first = plan(Declarations(), [GREETER, newer])
    assert changes(first) == [("add", "greeter@1.0.0"), ("add", "greeter@1.1.0")]
    assert not plan(declared(GREETER, newer), [GREETER, newer]).differs


def test_pruning_removes_what_is_left_out_and_every_version_of_it() -> None:
    newer = agent("greeter", "1.1.0", greet=(record(name=TEXT), record(text=TEXT)))
    before = declared(GREETER, newer, GREET, PASS_ON)
    gone = left_out(before, [newer, GREET])
    assert [entry.label for entry in gone] == ["Workflow/support/pass-on@1.0.0"]
    assert changes(plan(before, [newer, GREET], gone))[-1] == ("remove", "support/pass-on@1.0.0")


def test_runs_that_keep_their_version_are_counted() -> None:
    newer = workflow(
        "- greet: {call: agent, with: {capability: greet, input: {name: Bob}}}", "greet", "1.1.0"
    )
    found = plan(declared(GREETER, GREET), [newer], runs={GREET.digest: 3})
    assert (found.changes[0].runs, found.breaks) == (3, ())


# --- what breaks ------------------------------------------------------------------------------


def test_a_workflow_whose_agent_nobody_declares_breaks() -> None:
    assert breaks(plan(Declarations(), [GREET])) == [
        ("missing-agent", "Workflow/support/greet@1.0.0", "/do/0/greet/with")
    ]


def test_a_workflow_that_does_not_compile_breaks_with_its_own_rules() -> None:
    found = plan(Declarations(), [workflow("- a: {st: {n: 1}}")])
    assert [rule for rule, _, _ in breaks(found)] == ["unknown-task"]


def test_removing_an_agent_breaks_who_calls_it() -> None:
    before = declared(GREETER, GREET)
    entry = before.newest("Agent")["greeter"]
    assert breaks(plan(before, [], [entry])) == [
        ("missing-agent", "Workflow/support/greet@1.0.0", "/do/0/greet/with")
    ]
    other = agent("other", greet=(record(name=TEXT), None))
    assert breaks(plan(declared(GREETER, GREET, other), [], [entry])) == []


def test_removing_agent_and_workflow_together_breaks_nothing() -> None:
    before = declared(GREETER, GREET)
    assert breaks(plan(before, [], before.entries)) == []


def test_removing_the_newest_version_brings_the_one_before_back() -> None:
    before = declared(agent("greeter", "0.9.0", greet=(record(name=TEXT, title=TEXT), None)), GREETER, GREET)
    found = plan(before, [], [before.newest("Agent")["greeter"]])
    assert breaks(found) == [("handoff", "Workflow/support/greet@1.0.0", "/do/0/greet/with/input")]
    before = declared(NULLABLE, GREETER, PASS_ON)
    found = plan(before, [], [before.newest("Agent")["greeter"]])
    assert breaks(found) == [("contract", "Workflow/support/pass-on@1.0.0", "/do/0/greet")]


def test_removing_a_workflow_breaks_its_runs() -> None:
    before = declared(GREETER, GREET)
    entry = before.newest("Workflow")["support/greet"]
    [remark] = plan(before, [], [entry], runs={GREET.digest: 2}).breaks
    assert (remark.rule, remark.runs) == ("in-use", 2)
    assert breaks(plan(before, [], [entry])) == []


WIDER = agent("greeter", "1.1.0", greet=(record(name=TEXT, _title=TEXT), record(text=TEXT, tone=TEXT)))
NARROWER = agent("greeter", "2.0.0", greet=(record(name=TEXT, title=TEXT), record(text=TEXT)))
NULLABLE = agent("greeter", "2.0.0", greet=(record(name=TEXT), record(text={"type": ["string", "null"]})))
GONE = agent("greeter", "2.0.0", hail=(record(name=TEXT), record(text=TEXT)))


@pytest.mark.parametrize(
    ("newer", "kind", "backward", "forward"),
    [
        (agent("greeter", "1.0.1", greet=(record(name=TEXT), record(text=TEXT))), "", "", ""),
        (WIDER, "backward", "fits", "breaks"),
        (agent("greeter", "2.0.0", greet=(record(), record(text=TEXT))), "backward", "fits", "breaks"),
        (NARROWER, "forward", "breaks", "fits"),
        (NULLABLE, "forward", "breaks", "fits"),
        (GONE, "none", "breaks", "fits"),
        (agent("greeter", "2.0.0", greet=(None, record(text=TEXT))), "backward", "fits", "unknown"),
        (agent("greeter", "2.0.0", greet=(record(name=TEXT), None)), "unknown", "unknown", "fits"),
        (
            agent("greeter", "1.0.1", greet=({**record(name=TEXT), "title": "T"}, record(text=TEXT))),
            "full",
            "fits",
            "fits",
        ),
    ],
)
def test_a_contract_changes_in_one_of_five_ways(
    newer: Declared, kind: str, backward: str, forward: str
) -> None:
    [change] = plan(declared(GREETER), [newer]).changes
    found = [(one.compatibility, one.backward, one.forward) for one in change.contract]
    assert found == ([(kind, backward, forward)] if kind else [])


def test_a_narrower_input_breaks_who_is_known_to_give_too_little() -> None:
    found = plan(declared(GREETER, GREET), [NARROWER])
    assert breaks(found) == [("handoff", "Workflow/support/greet@1.0.0", "/do/0/greet/with/input")]


def test_a_narrower_input_breaks_who_may_give_too_little() -> None:
    found = plan(declared(GREETER, PASS_ON), [NARROWER])
    assert breaks(found) == [("contract", "Workflow/support/pass-on@1.0.0", "/do/0/greet")]
    assert "does not take all that greeter@1.0.0 took" in found.breaks[0].message


def test_a_narrower_input_suits_who_gives_enough() -> None:
    rich = workflow(
        "- greet: {call: agent, with: {capability: greet, input: {name: Ada, title: Dr}}}", "rich"
    )
    assert breaks(plan(declared(GREETER, rich), [NARROWER])) == []


def test_an_optional_member_more_breaks_nobody() -> None:
    assert breaks(plan(declared(GREETER, GREET, PASS_ON), [WIDER])) == []


def test_a_wider_output_breaks_whoever_uses_it() -> None:
    found = plan(declared(GREETER, GREET), [NULLABLE])
    assert breaks(found) == [("contract", "Workflow/support/greet@1.0.0", "/do/0/greet")]
    assert "may give what greeter@1.0.0 did not: at /text: null is not of type" in found.breaks[0].message


def test_who_is_declared_anew_with_the_agent_has_seen_the_change() -> None:
    newer = workflow(
        "- greet: {call: agent, with: {capability: greet, input: {name: Bob}}}", "greet", "1.1.0"
    )
    assert breaks(plan(declared(GREETER, GREET), [NULLABLE, newer])) == []


def test_who_is_declared_with_it_but_unchanged_has_not() -> None:
    assert breaks(plan(declared(GREETER, GREET), [NULLABLE, GREET])) != []


def test_a_pinned_version_stays() -> None:
    pinned = workflow("- greet: {call: agent, with: {agent: greeter@1.0.0, input: {name: Ada}}}", "pinned")
    assert breaks(plan(declared(GREETER, pinned), [NARROWER])) == []
    assert breaks(plan(declared(GREETER, pinned), [GONE])) == []


def test_a_capability_that_is_gone_breaks_who_asks_for_it() -> None:
    assert [rule for rule, _, _ in breaks(plan(declared(GREETER, GREET), [GONE]))] == ["missing-agent"]


def test_who_calls_by_name_is_told_when_that_means_another_capability() -> None:
    named = workflow("- greet: {call: agent, with: {agent: greeter, input: {name: Ada}}}", "named")
    assert [rule for rule, _, _ in breaks(plan(declared(GREETER, named), [GONE]))] == ["contract"]


def test_runs_of_an_older_version_are_seen_to_as_well() -> None:
    newer = workflow("- a: {set: {n: 1}}", "greet", "2.0.0")
    before = declared(GREETER, GREET, newer)
    assert breaks(plan(before, [NARROWER])) == []
    [remark] = plan(before, [NARROWER], runs={GREET.digest: 4}).breaks
    assert (remark.resource, remark.runs) == ("Workflow/support/greet@1.0.0", 4)


def test_what_was_broken_before_does_not_stand_in_the_way() -> None:
    broken = workflow("- greet: {call: agent, with: {capability: greet, input: {}}}", "broken")
    before = declared(GREETER, broken)
    better = agent("greeter", "1.1.0", greet=({**record(name=TEXT), "title": "T"}, record(text=TEXT)))
    assert breaks(plan(before, [better])) == []
    assert breaks(plan(before, [workflow("- a: {set: {n: 1}}")])) == []


def test_the_consumer_of_an_output_is_checked_with_the_new_one() -> None:
    chain = workflow(
        "- greet: {call: agent, with: {capability: greet, input: {name: Ada}}}\n"
        "- again: {call: agent, with: {capability: greet, input: {name: '${ .text }'}}}",
        "chain",
    )
    newer = agent("greeter", "2.0.0", greet=(record(name=TEXT), record(text=NUMBER)))
    found = plan(declared(GREETER, chain), [newer])
    assert ("handoff", "Workflow/support/chain@1.0.0", "/do/1/again/with/input") in breaks(found)


# --- what is worth a look ---------------------------------------------------------------------


def test_remarks_come_worst_first() -> None:
    tasks = """
    - a: {call: agent, with: {capability: greet}, then: end}
    - b: {call: agent, with: {capability: nobody.knows}}
    """
    found = plan(declared(GREETER), [workflow(tasks)])
    weights = [remark.weight for remark in found.remarks]
    assert weights == sorted(weights)
    assert set(weights) == {"breaks", "unknown", "warns"}


def test_deprecating_an_agent_is_told_to_who_uses_it() -> None:
    old = agent("greeter", "1.0.1", deprecated="use hailer", greet=(record(name=TEXT), record(text=TEXT)))
    [remark] = plan(declared(GREETER, GREET), [old]).remarks
    assert (remark.weight, remark.rule, remark.resource) == (
        "warns", "deprecated", "Workflow/support/greet@1.0.0",
    )  # fmt: skip


def test_a_version_that_means_something_else_is_told() -> None:
    other = agent("greeter", greet=({**record(name=TEXT), "title": "T"}, record(text=TEXT)))
    assert [(one.weight, one.rule) for one in plan(declared(GREETER), [other]).remarks] == [
        ("warns", "same-version")
    ]


def test_a_workflow_has_a_contract_too() -> None:
    tasks = "- a: {set: {n: 1}}"
    before = workflow(tasks, input=given(record(a=TEXT)))
    after: Any = workflow(tasks, version="1.1.0", input=given(record(a=TEXT, b=TEXT)))
    [change] = plan(declared(before), [after]).changes
    assert [(one.capability, one.compatibility) for one in change.contract] == [("", "forward")]


CHILD = workflow(
    "- a: {set: {n: 1}}",
    "child",
    input=given(record(a=TEXT)),
    output={"schema": {"document": record(n=NUMBER)}},
)
RUN = "run: {workflow: {namespace: support, name: child, version: latest, input: {a: x}}}"


def test_a_workflow_below_is_a_taker_and_a_giver() -> None:
    bad = workflow(
        "- r: {run: {workflow: {namespace: support, name: child, version: latest, input: {a: 1}}}}"
    )
    assert breaks(plan(declared(CHILD), [bad])) == [
        ("handoff", "Workflow/support/refund@1.0.0", "/do/0/r/run/workflow/input")
    ]
    wrong = workflow(
        f"- r: {{{RUN}}}\n- g: {{call: agent, with: {{capability: greet, input: {{name: '${{ .n }}'}}}}}}"
    )
    assert breaks(plan(declared(CHILD, GREETER), [wrong])) == [
        ("handoff", "Workflow/support/refund@1.0.0", "/do/1/g/with/input")
    ]
    assert [rule for rule, _, _ in breaks(plan(Declarations(), [bad]))] == ["missing-workflow"]


def test_a_workflow_below_that_is_removed_or_changes_breaks_those_above() -> None:
    above = workflow(f"- r: {{{RUN}}}", "above")
    before = declared(CHILD, above)
    entry = before.newest("Workflow")["support/child"]
    assert [rule for rule, _, _ in breaks(plan(before, [], [entry]))] == ["missing-workflow"]
    newer = workflow("- a: {set: {n: 1}}", "child", "2.0.0", input=given(record(a=TEXT, b=TEXT)))
    assert ("handoff", "Workflow/support/above@1.0.0", "/do/0/r/run/workflow/input") in breaks(
        plan(before, [newer])
    )


def test_items_of_a_map_are_handed_over_one_by_one() -> None:
    tasks = """
    - all:
        call: map
        with: {in: '${ [1, 2] }', function: {call: agent, with: {capability: greet, input: {name: '${ . }'}}}}
    """
    [remark] = plan(declared(GREETER), [workflow(tasks)]).breaks
    assert (remark.rule, remark.at, remark.witness) == ("handoff", "/name", {"name": 1})
