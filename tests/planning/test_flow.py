"""What is known of the data along a workflow's tasks, and who gets what does not suit him."""

from __future__ import annotations

from typing import Any

import pytest
from ruamel.yaml import YAML

from podium.facts.catalog import Declared, WorkflowVersion
from podium.planning.declarations import Declarations, Programs
from podium.planning.reviewing import Remark, review
from tests.planning.world import NUMBER, TEXT, agent, declared, given, record, workflow

CLASSIFIED = record(category={"enum": ["refund", "other"]}, _amount={"type": ["number", "null"]})
TEAM = (
    agent("classifier", ticket_classify=(record(text=TEXT), CLASSIFIED)),
    agent("payer", payment_refund=(record(amount=NUMBER), record(reference=TEXT))),
    agent("writer", text_write=(None, None)),
)


def remarks(one: Declared, *more: Declared) -> list[Remark]:
    everything: Declarations = declared(*TEAM, *more, one)
    program, problems = Programs().of(one.digest, WorkflowVersion(**one.spec))
    assert program is not None, problems
    return review(program, "here", everything)


def told(one: Declared, *more: Declared) -> list[tuple[str, str, str, str]]:
    """Weight, rule, place in the workflow and place in the data of each remark."""
    return [(of.weight, of.rule, of.path, of.at) for of in remarks(one, *more)]


def breaks(one: Declared) -> list[tuple[str, str]]:
    return [(of.path, of.at) for of in remarks(one) if of.weight == "breaks"]


CLASSIFY = "{call: agent, with: {capability: ticket.classify, input: {text: hello}}}"
REFUND = "/do/1/refund/with/input"


@pytest.mark.parametrize(
    ("amount", "found"),
    [
        ("${ 5 }", []),
        ("${ .amount // 0 }", []),
        ("${ if .amount == null then 1 else .amount end }", [("unknown", "/amount")]),
        ("${ .amount + 1 }", [("unknown", "/amount")]),
        ("${ .category }", [("breaks", "/amount")]),
        ("five", [("breaks", "/amount")]),
        ("EUR ${ .amount }", [("breaks", "/amount")]),
        ("${ .amount }", [("breaks", "/amount")]),
        ("${ .amonut }", [("unknown", "/amount")]),
        ("${ [.amount] }", [("breaks", "/amount")]),
        ("${ {a: 1}.a }", []),
        ("${ .category | length }", []),
        ("${ [1, 2][1] }", []),
        ("${ [1, 2][2] }", [("breaks", "/amount")]),
        ("${ $input.category }", [("breaks", "/amount")]),
        ("${ $workflow.input.sum }", []),
        ("${ [.a[]] | length }", [("unknown", "/amount")]),
    ],
)
def test_what_an_expression_gives_is_told_from_what_it_is_made_of(
    amount: str, found: list[tuple[str, str]]
) -> None:
    tasks = f"""
    - classify: {CLASSIFY}
    - refund: {{call: agent, with: {{capability: payment.refund, input: {{amount: '{amount}'}}}}}}
    """
    about = remarks(workflow(tasks, input=given(record(sum=NUMBER))))
    assert [(one.weight, one.at) for one in about if one.path == REFUND] == found


def test_a_break_names_both_ends_and_shows_a_value() -> None:
    tasks = f"""
    - classify: {CLASSIFY}
    - refund: {{call: agent, with: {{capability: payment.refund}}}}
    """
    missing, null = remarks(workflow(tasks))
    assert (missing.rule, missing.path, missing.keyword) == ("handoff", "/do/1/refund", "required")
    assert "payer@1.0.0 (payment.refund)" in missing.message
    assert missing.witness == {"category": "refund"}
    assert (null.at, null.keyword, null.witness["amount"]) == ("/amount", "type", None)


@pytest.mark.parametrize(
    "tasks",
    [
        "- a: {set: {n: one}}\n"
        "- b: {call: agent, with: {capability: payment.refund, input: {amount: '${ .n }'}}}",
        "- a: {set: {n: one}, export: {as: '${ {kept: .n} }'}}\n"
        "- b: {call: agent, with: {capability: payment.refund, input: {amount: '${ $context.kept }'}}}",
        "- a: {set: {n: 1}, output: {as: '${ {m: \"one\"} }'}}\n"
        "- b: {call: agent, with: {capability: payment.refund, input: {amount: '${ .m }'}}}",
        "- a: {set: {n: 1}}\n- b: {input: {from: '${ {n: \"one\"} }'}, call: agent, "
        "with: {capability: payment.refund, input: {amount: '${ .n }'}}}",
        "- a: {do: [{c: {set: {n: one}}}]}\n"
        "- b: {call: agent, with: {capability: payment.refund, input: {amount: '${ .n }'}}}",
        "- a: {fork: {branches: [{c: {set: {n: one}}}, {d: {set: {n: 2}}}]}}\n"
        "- b: {call: agent, with: {capability: payment.refund, input: {amount: '${ .[0].n }'}}}",
        "- a: {for: {each: item, in: '${ [\"x\"] }'}, do: [{c: {set: {n: '${ $item }'}}}]}\n"
        "- b: {call: agent, with: {capability: payment.refund, input: {amount: '${ .n }'}}}",
        "- a:\n    call: graph\n    with:\n      nodes:\n        one: {function: {set: {n: one}}}\n"
        "        two:\n          needs: [one]\n          function: {call: agent, with: "
        "{capability: payment.refund, input: {amount: '${ .one.n }'}}}",
        "- a: {call: graph, with: {nodes: {one: {function: {set: {n: one}}}}}}\n"
        "- b: {call: agent, with: {capability: payment.refund, input: {amount: '${ .one.n }'}}}",
        "- a: {call: map, with: {in: '${ [1] }', function: {set: {n: one}}}}\n"
        "- b: {call: map, with: {in: '${ . }', function: "
        "{call: agent, with: {capability: payment.refund, input: {amount: '${ .n }'}}}}}",
        "- a: {set: {n: one}}\n- w: {wait: {seconds: 1}}\n"
        "- b: {call: agent, with: {capability: payment.refund, input: {amount: '${ .n }'}}}",
        "- a: {call: human, with: {title: T, decisions: [one]}}\n"
        "- b: {call: agent, with: {capability: payment.refund, input: {amount: '${ .decision }'}}}",
        "- a: {call: agent, with: {capability: payment.refund, input: {amount: 1}}}\n"
        "- b: {call: agent, with: {capability: payment.refund, input: {amount: '${ .reference }'}}}",
    ],
)
def test_data_is_followed_through_every_kind_of_task(tasks: str) -> None:
    assert len(breaks(workflow(tasks))) == 1
    assert breaks(workflow(tasks))[0][1] == "/amount"


@pytest.mark.parametrize(
    "tasks",
    [
        # A condition may have seen to it.
        "- classify: {call: agent, with: {capability: ticket.classify, input: {text: hello}}}\n"
        "- refund: {if: '${ .amount != null }', call: agent, with: {capability: payment.refund, "
        "input: {amount: '${ .amount }'}}}",
        "- classify: {call: agent, with: {capability: ticket.classify, input: {text: hello}}}\n"
        "- which: {switch: [{some: {when: '${ .amount != null }', then: refund}}, {none: {then: end}}]}\n"
        "- refund: {call: agent, with: {capability: payment.refund, input: {amount: '${ .amount }'}}}",
        # An agent without a contract may give the right thing.
        "- write: {call: agent, with: {capability: text.write, input: {}}}\n"
        "- refund: {call: agent, with: {capability: payment.refund, input: {amount: '${ .amount }'}}}",
        "- get: {call: http, with: {method: get, endpoint: 'http://example.org/a'}}\n"
        "- refund: {call: agent, with: {capability: payment.refund}}",
        # Going round changes the data.
        "- first: {set: {n: 1}}\n- again: {switch: [{yes: {when: '${ .n < 3 }', then: refund}}]}\n"
        "- refund: {call: agent, with: {capability: payment.refund, input: {amount: '${ .n }'}}}\n"
        "- back: {set: {n: '${ .reference }'}, then: again}",
    ],
)
def test_what_is_not_certain_does_not_break(tasks: str) -> None:
    assert breaks(workflow(tasks)) == []
    assert any(one.weight == "unknown" for one in remarks(workflow(tasks)))


def test_what_no_way_leads_round_breaks_behind_a_condition_too() -> None:
    tasks = """
    - a: {set: {n: one}}
    - b: {if: '${ .n != null }', call: agent, with: {capability: payment.refund, input: {amount: '${ .n }'}}}
    """
    assert breaks(workflow(tasks)) == [("/do/1/b/with/input", "/amount")]


def test_answers_of_several_agents_go_to_who_makes_one_of_them() -> None:
    answer = record(agent=TEXT, output=record(reference=NUMBER))
    judge = agent("judge", payment_judge=(record(answers={"type": "array", "items": answer}), TEXT))
    tasks = """
    - pay:
        call: agent
        with: {capability: payment.refund, input: {amount: one}, fanout: {to: all, reconcile: payment.judge}}
    - again: {call: agent, with: {capability: payment.refund, input: {amount: '${ . }'}}}
    """
    found = [(one.path, one.at) for one in remarks(workflow(tasks), judge) if one.weight == "breaks"]
    assert [at for _, at in found] == ["/amount", "/answers/0/output/reference", "/amount"]
    tasks = """
    - pay: {call: agent, with: {capability: payment.refund, input: {amount: 1}, fanout: {to: all}}}
    - again: {call: agent, with: {capability: payment.refund, input: {amount: '${ .[0].reference }'}}}
    """
    assert breaks(workflow(tasks)) == [("/do/1/again/with/input", "/amount")]


def test_what_undoes_a_call_gets_what_the_call_got_and_gave() -> None:
    undo = "{call: agent, with: {capability: payment.refund, input: {amount: '${ .output.reference }'}}}"
    pay = "{capability: payment.refund, input: {amount: 1}, compensate: {function: back}}"
    functions = YAML(typ="safe", pure=True).load(f"{{functions: {{back: {undo}}}}}")
    one = workflow(f"- pay: {{call: agent, with: {pay}}}", use=functions)
    assert [at for _, at in breaks(one)] == ["/amount"]


def test_a_check_tells_what_comes_after_it() -> None:
    tasks = """
    - get:
        call: http
        with: {method: get, endpoint: 'http://example.org/a'}
        output: {schema: {document: {type: object, required: [sum], properties: {sum: {type: number}}}}}
    - refund: {call: agent, with: {capability: payment.refund, input: {amount: '${ .sum }'}}}
    """
    assert told(workflow(tasks)) == [("unknown", "handoff", "/do/0/get/output/schema", "")] * 1 or all(
        weight != "breaks" and path != "/do/1/refund/with/input"
        for weight, _, path, _ in told(workflow(tasks))
    )


@pytest.mark.parametrize(
    ("top", "task", "place"),
    [
        ({}, "{set: {n: 1}, output: {schema: {document: {type: string}}}}", "/do/0/a/output/schema"),
        ({}, "{set: {n: 1}, input: {schema: {document: {type: string}}}}", "/do/0/a/input/schema"),
        (
            {},
            "{set: {n: 1}, export: {as: '${ . }', schema: {document: {type: string}}}}",
            "/do/0/a/export/schema",
        ),
        ({"output": {"schema": {"document": TEXT}}}, "{set: {n: 1}}", "/output/schema"),
        ({"output": {"as": "${ .n }", "schema": {"document": TEXT}}}, "{set: {n: 1}}", "/output/schema"),
    ],
)
def test_every_schema_of_a_workflow_is_a_taker(top: dict[str, Any], task: str, place: str) -> None:
    one = workflow(f"- a: {task}", input=given(record(n=NUMBER)), **top)
    assert [path for path, _ in breaks(one)] == [place]


@pytest.mark.parametrize(
    ("tasks", "lost"),
    [
        ("- a: {set: {n: 1}, then: c}\n- b: {set: {n: 2}}\n- c: {set: {n: 3}}", ["/do/1/b"]),
        ("- a: {set: {n: 1}, then: end}\n- b: {do: [{c: {set: {n: 2}}}]}", ["/do/1/b"]),
        (
            "- a: {raise: {error: {type: 'https://example.org/e', status: 500}}}\n- b: {set: {n: 2}}",
            ["/do/1/b"],
        ),
        ("- a: {switch: [{x: {then: c}}]}\n- b: {set: {n: 2}}\n- c: {set: {n: 3}}", ["/do/1/b"]),
        ("- a: {switch: [{x: {when: '${ .n }', then: c}}]}\n- b: {set: {n: 2}}\n- c: {set: {n: 3}}", []),
        (
            "- a: {do: [{b: {set: {n: 1}, then: exit}}, {c: {set: {n: 2}}}]}\n- d: {set: {n: 3}}",
            ["/do/0/a/do/1/c"],
        ),
        (
            "- a:\n    try: [{b: {raise: {error: {type: 'https://example.org/e', status: 500}}}}]\n"
            "    catch: {do: [{c: {set: {n: 2}}}]}\n- d: {set: {n: 3}}",
            [],
        ),
        ("- a: {if: '${ .n }', set: {n: 1}, then: end}\n- b: {set: {n: 2}}", []),
    ],
)
def test_tasks_that_nothing_leads_to_are_named(tasks: str, lost: list[str]) -> None:
    found = [one.path for one in remarks(workflow(tasks)) if one.rule == "unreachable-task"]
    assert found == lost


def test_agents_that_nobody_declares_are_missing() -> None:
    tasks = "- a: {call: agent, with: {capability: no.such}}\n- b: {call: agent, with: {agent: nobody@2.0.0}}"
    assert told(workflow(tasks)) == [
        ("breaks", "missing-agent", "/do/0/a/with", ""),
        ("breaks", "missing-agent", "/do/1/b/with", ""),
    ]


def test_every_agent_that_may_be_asked_counts() -> None:
    other = agent("teller", payment_refund=(record(amount=NUMBER, currency=TEXT), None))
    tasks = "- a: {call: agent, with: {capability: payment.refund, input: {amount: 5}}}"
    [remark] = remarks(workflow(tasks), other)
    assert "teller@1.0.0" in remark.message


def test_the_use_of_what_is_deprecated_is_told() -> None:
    old = agent("old", deprecated="use payer", old_refund=(None, None))
    tasks = "- a: {call: agent, with: {capability: old.refund, input: {}}}"
    [remark] = remarks(workflow(tasks), old)
    assert (remark.weight, remark.rule) == ("warns", "deprecated")
    assert remark.message == "old@1.0.0 is deprecated: use payer"


def test_references_of_a_contract_lead_into_that_contract() -> None:
    node = {
        "$ref": "#/$defs/node",
        "$defs": {
            "node": {
                "type": "object",
                "required": ["value"],
                "properties": {"value": TEXT, "next": {"$ref": "#/$defs/node"}},
            }
        },
    }
    lister = agent("lister", list_make=(None, node))
    taker = agent("taker", list_take=(node, None))
    tasks = """
    - make: {call: agent, with: {capability: list.make, input: {}}}
    - take: {call: agent, with: {capability: list.take, input: '${ {value: .value, next: .} }'}}
    """
    assert remarks(workflow(tasks), lister, taker) == []
    tasks = """
    - make: {call: agent, with: {capability: list.make, input: {}}}
    - pay: {call: agent, with: {capability: payment.refund, input: {amount: '${ .next.next.value }'}}}
    """
    found = remarks(workflow(tasks), lister, taker)
    assert [(one.weight, one.at, one.keyword) for one in found] == [("breaks", "/amount", "type")]
