"""Where values come from: followed through every way that a value can go in a workflow, in real runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from podium.facts.catalog import Declared
from podium.facts.identity import digest_of
from tests.provenance.team import apply, choices, explained, named, origins
from tests.runtime.serving import House, agent, call, human, workflow


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.close()


def run(house: House, folder: Path, tasks: list[dict[str, Any]], input: Any = None, **more: Any) -> str:
    apply(house, folder, workflow("flow", *tasks, **more))
    ended = house.call("execute", workflow="flow", input=input)
    assert ended["status"] == "completed", ended["error"]
    run_id: str = ended["id"]
    return run_id


def ask(name: str, input: Any, **more: Any) -> dict[str, Any]:
    return {"call": "agent", "with": {"capability": name, "input": input}, **more}


def test_members_are_followed_through_set_output_and_export(house: House, tmp_path: Path) -> None:
    run_id = run(
        house, tmp_path,
        [
            {"price": ask("price", {"count": "${ .items }"}, export={"as": "${ {price: .} }"})},
            {"rate": ask("rate", "${ $workflow.input.country }", output={"as": "${ .tax }"})},
            {"sum": {"set": {
                "total": "${ $context.price.net * (1 + .) }",
                "currency": "${ $context.price.currency }",
                "note": "${ $context.price.net | tostring }",
                "fixed": "yes",
            }}},
        ],
        {"items": 4, "country": "fr"},
    )  # fmt: skip
    told = explained(house, run_id)
    parts = named(told)
    assert told.value["total"] == 50
    assert origins(parts["/total"]) == {("effect", 1, "/net"), ("effect", 2, "/tax")}
    assert origins(parts["/currency"]) == {("effect", 1, "/currency")}
    assert origins(parts["/note"]) == {("effect", 1, "/net")}
    assert origins(parts["/fixed"]) == set()
    assert [step.part for step in parts["/total"].steps] == ["export.as", "output.as", "set"]
    price, rate = told.deeds
    assert origins(price.inputs[0]) == {("input", 0, "/items")}
    assert origins(rate.inputs[0]) == {("input", 0, "/country")}
    assert (price.agent, price.description) == ("price@1.0.0", "Says what a thing costs.")
    assert price.digest.startswith("sha256:")


def test_only_what_a_place_rests_on_is_told_of_it(house: House, tmp_path: Path) -> None:
    run_id = run(
        house, tmp_path,
        [
            {"price": ask("price", {"count": 1}, export={"as": "${ {price: .} }"})},
            {"stock": ask("stock", {}, output={"as": "${ {price: $context.price.net, left: .left} }"})},
        ],
    )  # fmt: skip
    told = explained(house, run_id, path="/left")
    assert told.value == 3
    assert [deed.agent for deed in told.deeds] == ["stock@1.0.0"]
    assert [(deed.agent, deed.role) for deed in explained(house, run_id, path="/price").deeds] == [
        ("price@1.0.0", "value")
    ]


@pytest.mark.parametrize(
    ("expression", "found", "exact"),
    [
        ("${ [.tags[] | ascii_upcase] }", {("effect", 1, "")}, False),
        ("${ .tags | map(ascii_upcase) | join(\", \") }", {("effect", 1, "/tags")}, False),
        ("${ .tags[0] }", {("effect", 1, "/tags/0")}, True),
        ("${ [$context.left.where | ascii_upcase] }", {("effect", 2, "/where")}, False),
        ("${ . as $all | $all.net }", {("effect", 1, "")}, False),
        ("a ${ .net } b ${ .currency }", {("effect", 1, "/net"), ("effect", 1, "/currency")}, True),
    ],
)  # fmt: skip
def test_what_cannot_be_read_counts_with_all_it_looks_at(
    house: House, tmp_path: Path, expression: str, found: set[Any], exact: bool
) -> None:
    run_id = run(
        house, tmp_path,
        [
            {"price": ask("price", {"count": 1}, export={"as": "${ {price: .} }"})},
            {"stock": ask("stock", {}, export={"as": "${ $context + {left: .} }"})},
            {"give": {"set": {"it": expression}, "input": {"from": "${ $context.price }"}}},
        ],
    )  # fmt: skip
    (part,) = explained(house, run_id).parts
    assert origins(part) == found
    assert part.steps[-1].exact is exact


def test_what_cannot_be_read_is_taken_apart_as_far_as_it_can_be(house: House, tmp_path: Path) -> None:
    run_id = run(
        house, tmp_path,
        [
            {"price": ask("price", {"count": 1}, export={"as": "${ {price: .} }"})},
            {"stock": ask("stock", {}, output={"as": """${
                {where, left: 1} + {said: "yes", tags: ($context.price.tags | join(", ")), sum: .left}
            }"""})},
            {"again": {"set": """${
                {said: .said, both: (.tags | ascii_upcase), sum: .sum} + {more: (.sum | sin)}
            }"""}},
        ],
    )  # fmt: skip
    parts = named(explained(house, run_id))
    assert parts["/said"].sources == ()
    assert origins(parts["/both"]) == {("effect", 1, "/tags")}
    assert origins(parts["/sum"]) == origins(parts["/more"]) == {("effect", 2, "/left")}
    whole = explained(house, run_id).value
    assert explained(house, run_id, path="/both").value == whole["both"]


def test_a_choice_inside_an_expression_is_no_part_of_the_value(house: House, tmp_path: Path) -> None:
    run_id = run(
        house, tmp_path,
        [
            {"price": ask("price", {"count": 1}, export={"as": "${ {price: .} }"})},
            {"stock": ask("stock", {}, output={
                "as": "${ {it: (if .left > 2 then $context.price.net else . end), or: (.none // .left)} }"
            })},
        ],
    )  # fmt: skip
    parts = named(explained(house, run_id))
    assert origins(parts["/it"]) == {("effect", 1, "/net")}
    assert choices(parts["/it"]) == {("effect", 2, "/left")}
    assert origins(parts["/or"]) == {("effect", 2, "/left")}
    assert choices(parts["/or"]) == {("effect", 2, "/none")}


def test_items_branches_and_graphs_keep_who_gave_what(house: House, tmp_path: Path) -> None:
    run_id = run(
        house, tmp_path,
        [
            {"many": {"call": "map", "with": {
                "in": "${ .counts }", "each": "count", "function": "priced",
                "input": {"count": "${ $count }"},
            }, "export": {"as": "${ {many: .} }"}}},
            {"both": {"fork": {"branches": [{"a": ask("stock", {})}, {"b": ask("rate", 1)}]},
                      "export": {"as": "${ $context + {both: .} }"}}},
            {"needs": {"call": "graph", "with": {"nodes": {
                "first": {"function": "stocked", "input": {}},
                "second": {"needs": ["first"], "function": "echoed", "input": "${ $needs.first.left }"},
            }}}},
            {"give": {"set": {
                "second": "${ $context.many[1].net }", "where": "${ $context.both[0].where }",
                "tax": "${ $context.both[1].tax }", "deep": "${ .second }",
            }}},
        ],
        {"counts": [1, 2]},
        use={"functions": {"priced": call("price"), "stocked": call("stock"), "echoed": call("echo")}},
    )  # fmt: skip
    told = explained(house, run_id)
    parts = named(told)
    by_input = {deed.effect: deed for deed in told.deeds}
    ((_, second, path),) = origins(parts["/second"])
    assert (by_input[second].input, path) == ({"count": 2}, "/net")
    assert origins(by_input[second].inputs[0]) == {("input", 0, "/counts/1")}
    ((_, where, _),) = origins(parts["/where"])
    ((_, tax, _),) = origins(parts["/tax"])
    assert (by_input[where].agent, by_input[tax].agent) == ("stock@1.0.0", "rate@1.0.0")
    ((_, deep, _),) = origins(parts["/deep"])
    ((_, first, path),) = origins(by_input[deep].inputs[0])
    assert (by_input[first].agent, path) == ("stock@1.0.0", "/left")


def test_loops_carry_what_was_gathered(house: House, tmp_path: Path) -> None:
    run_id = run(
        house, tmp_path,
        [
            {"start": {"set": {"all": []}, "export": {"as": "${ {all: []} }"}}},
            {"each": {
                "for": {"each": "count", "in": "${ $workflow.input }"},
                "do": [{"price": ask("price", {"count": "${ $count }"},
                                     export={"as": "${ {all: ($context.all + [.net])} }"})}],
            }},
            {"give": {"set": {"last": "${ $context.all[2] }", "all": "${ $context.all }"}}},
        ],
        [1, 2, 3],
    )  # fmt: skip
    parts = named(explained(house, run_id))
    assert origins(parts["/last"]) == {("effect", 3, "/net")}
    assert origins(parts["/all"]) == {("effect", number, "/net") for number in (1, 2, 3)}


def test_ways_people_events_and_errors_are_told(house: House, tmp_path: Path) -> None:
    apply(
        house, tmp_path,
        workflow(
            "flow",
            {"stock": ask("stock", {}, export={"as": "${ {stock: .} }"})},
            {"enough": {"switch": [
                {"yes": {"when": "${ .left > 2 }", "then": "try"}}, {"no": {"then": "exit"}},
            ]}},
            {"never": {"set": {"a": 1}}},
            {"try": {"try": [{"bad": ask("breaks", {})}],
                     "catch": {"do": [{"say": {"set": {"why": "${ $error.title }"}}}]},
                     "export": {"as": "${ $context + {why: .why} }"}}},
            {"hear": {"listen": {"to": {"one": {"with": {"type": "go"}}}},
                      "export": {"as": "${ $context + {heard: .[0].n} }"}}},
            {"ok": human("Go on?")},
            {"give": {"set": {
                "why": "${ $context.why }", "heard": "${ $context.heard }", "said": "${ .decision }",
            }}},
        ),
    )  # fmt: skip
    run_id = house.submit("flow")
    house.until(run_id, "event")
    house.call("send", run_id=run_id, event={"type": "go", "source": "/bell", "data": {"n": 7}})
    house.until(run_id, "human")
    house.call("answer", run_id=run_id, decision="approve", principal="user:ada", why="looks fine")
    house.call("wait", run_id=run_id)
    told = explained(house, run_id)
    parts = named(told)
    (heard,) = parts["/heard"].sources
    assert (heard.kind, heard.path, heard.who, heard.text) == ("event", "/data/n", "/bell", "go")
    (why,) = parts["/why"].sources
    assert (why.kind, why.path) == ("error", "/title") and why.text
    (said,) = parts["/said"].sources
    assert (said.kind, said.path, said.who) == ("effect", "/decision", "user:ada")
    (way,) = told.ways
    assert (way.way, way.because) == ("yes", ".left > 2")
    assert {(one.effect, one.path) for one in way.sources} == {(1, "/left")}
    roles = {deed.task: deed.role for deed in told.deeds}
    assert roles["/do/0/stock"] == "choice" and roles["/do/5/ok"] == "value"
    (answer,) = (word for deed in told.deeds for word in deed.words if word.kind == "answer")
    assert (answer.principal, answer.verdict, answer.why) == ("user:ada", "approve", "looks fine")


def test_a_run_below_is_explained_with_it(house: House, tmp_path: Path) -> None:
    apply(
        house, tmp_path,
        workflow("below", {"price": ask("price", "${ . }", output={"as": "${ {cost: .net, other: 1} }"})}),
        workflow("above", {"child": {
            "run": {"workflow": {"namespace": "test", "name": "below", "version": "1.0.0",
                                 "input": {"count": "${ .n }"}}},
            "output": {"as": "${ {sum: .cost} }"},
        }}),
    )  # fmt: skip
    run_id = house.call("execute", workflow="above", input={"n": 5})["id"]
    told = explained(house, run_id, path="/sum")
    (deed,) = told.deeds
    assert deed.kind == "workflow" and origins(deed.inputs[0]) == {("input", 0, "/n")}
    inner = told.runs[deed.run]
    assert (inner.path, inner.value, inner.parent) == ("/cost", 50, run_id)
    assert origins(inner.parts[0]) == {("effect", 1, "/net")}
    assert [one.agent for one in inner.deeds] == ["price@1.0.0"]


def test_what_is_skipped_and_what_is_empty(house: House, tmp_path: Path) -> None:
    run_id = run(
        house, tmp_path,
        [
            {"stock": ask("stock", {}, output={"as": "${ {left: .left, none: []} }"})},
            {"no": {"if": "${ .left > 5 }", "set": {"a": 1}}},
            {"many": {"call": "map", "with": {
                "in": "${ .none }", "each": "one", "function": "echoed",
            }, "output": {"as": "${ {all: .} }"}}},
        ],
        use={"functions": {"echoed": call("echo")}},
    )  # fmt: skip
    told = explained(house, run_id)
    assert told.value == {"all": []}
    (part,) = told.parts
    assert [deed.agent for deed in told.deeds] == ["stock@1.0.0"]
    assert {way.way for way in told.ways} == {"skipped"}
    assert part.path == "/all"


LEADER = """
async def lead(input, context):
    price = await context.tool("count", {"n": input["n"]})
    return {"sum": price["sum"]}


async def count(input):
    return {"sum": input["n"] + 1}
"""


def test_what_an_agent_asked_for_is_part_of_what_it_gave(house: House, tmp_path: Path) -> None:
    spec = {
        "name": "count", "version": "1.0.0", "side_effect": "none", "folder": str(tmp_path),
        "runtime": {
            "type": "function", "callable": "agents:count", "isolation": "none", "memory_bytes": 0,
            "python_path": [],
        },
    }  # fmt: skip
    tool = Declared("Tool", "count", "1.0.0", digest_of(spec), spec)
    lead = agent(tmp_path, "lead")
    apply(house, tmp_path, lead, tool, workflow("flow", {"lead": ask("lead", {"n": "${ .n }"})}))
    with (tmp_path / "agents.py").open("a") as code:
        code.write(LEADER)
    ended = house.call("execute", workflow="flow", input={"n": 4})
    assert ended["status"] == "completed", ended["error"]
    told = explained(house, ended["id"])
    asked = next(deed for deed in told.deeds if deed.kind == "tool")
    assert (asked.agent, asked.asker, asked.role, asked.output) == ("count@1.0.0", 1, "value", {"sum": 5})
    assert {(one.kind, one.effect) for one in asked.inputs[0].sources} == {("asker", 1)}


def test_who_was_chosen_rests_on_who_chose(house: House, tmp_path: Path) -> None:
    given = {"capability": "price", "select": {"by": "pick"}, "input": {"count": "${ .items }"}}
    run_id = run(house, tmp_path, [{"ask": {"call": "agent", "with": given}}], {"items": 4})
    told = explained(house, run_id)
    pick, price = told.deeds
    assert {path: origins(part) for path, part in ((one.path, one) for one in price.inputs)} == {
        "/count": {("input", 0, "/items")}
    }
    (way,) = told.ways
    assert (way.way, way.because) == ("price@1.0.0", "chosen by pick")
    assert [(one.kind, one.effect) for one in way.sources] == [("effect", 1)]
    assert pick.inputs
