"""Podium's own functions: what they compile to, and what of them is refused, where."""

from __future__ import annotations

from typing import Any

import pytest

from podium.workflow.compile import compile_workflow
from podium.workflow.program import CallHuman, Compensate, Do, Extended, Fanout, Graph, Map
from podium.workflow.targets import END
from podium.workflow.tasks import DEPTH_MAX
from tests.workflow.documents import DOCUMENTS, document, problems_of
from tests.workflow.nesting import KINDS, nested
from tests.workflow.test_compile import by_reference, program_of

ASK = {"call": "agent", "with": {"capability": "doc.check"}}


def calling(name: str, /, **given: Any) -> dict[str, Any]:
    return document({"a": {"call": name, "with": given}}, use={"functions": {"f": ASK}})


def test_a_map() -> None:
    nodes = by_reference(program_of(DOCUMENTS["spreads"]))
    plain, collected = nodes["/do/0/plain"].detail, nodes["/do/1/collected"].detail
    assert isinstance(plain, Map) and isinstance(collected, Map)
    assert (plain.each, plain.at, plain.limit, plain.on_error, plain.quorum) == (
        "item",
        "index",
        32,
        "fail",
        0,
    )
    assert (collected.each, collected.at, collected.limit) == ("doc", "place", 256)
    assert (plain.fed, collected.fed) == (True, False)
    assert collected.on_error == "collect"


def test_the_task_of_a_map_is_a_node_of_its_own() -> None:
    program = program_of(DOCUMENTS["spreads"])
    nodes = by_reference(program)
    body = nodes["/do/0/plain/with/function"]
    assert body.kind == "agent" and body.input_from is None
    assert nodes["/do/0/plain"].detail.body == body.index
    polish = nodes["/do/1/collected/with/function"]
    assert polish.kind == "do" and polish.input_from is not None
    assert "/do/1/collected/with/function/call/polish/do/0/once" in nodes


def test_a_task_with_an_input_of_its_own_is_wrapped() -> None:
    nodes = by_reference(program_of(DOCUMENTS["spreads"]))
    wrapper = nodes["/do/3/filtered/with/input"]
    assert isinstance(wrapper.detail, Do) and wrapper.input_from is not None
    assert nodes["/do/3/filtered"].detail.body == wrapper.index
    (inner,) = wrapper.detail.children
    assert inner == nodes["/do/3/filtered/with/function"].index


def test_a_graph() -> None:
    program = program_of(DOCUMENTS["graphs"])
    nodes = by_reference(program)
    plan = nodes["/do/0/plan"].detail
    assert isinstance(plan, Graph)
    assert plan.names == ("source", "index", "both", "last")
    assert plan.needs == ((), (), (0, 1), (2, 0))
    assert plan.dependents == ((2, 3), (2,), (3,), ())
    source, index, both, wrapper = (program.nodes[node] for node in plan.nodes)
    assert (source.reference, source.kind) == ("/do/0/plan/with/nodes/source", "agent")
    assert index.input_from is None
    assert both.input_from is not None and both.input_from.arguments == ("needs",)
    assert wrapper.reference == "/do/0/plan/with/nodes/last/input"


def test_a_graph_of_thousands_in_a_line_compiles() -> None:
    nodes = {
        f"n{at}": {"function": {"set": {"x": 1}}, "needs": [f"n{at + 1}"] if at < 4_999 else []}
        for at in range(5_000)
    }
    assert len(program_of(calling("graph", nodes=nodes)).nodes) == 5_002


def graph(**nodes: Any) -> dict[str, Any]:
    given = {
        name: {"function": "f", **node} if isinstance(node, dict) else node for name, node in nodes.items()
    }
    return calling("graph", nodes=given)


def test_nodes_that_need_each_other_are_named() -> None:
    _, problems = compile_workflow(
        graph(a={}, b={"needs": ["a", "d"]}, c={"needs": ["b"]}, d={"needs": ["c"]}, e={"needs": ["d"]}), "x"
    )
    (problem,) = problems
    assert problem.path == "/do/0/a/with/nodes/b/needs"
    assert "`b` needs `d` needs `c` needs `b`" in problem.message


def test_what_undoes_a_call() -> None:
    program = program_of(DOCUMENTS["undoing"])
    nodes = by_reference(program)
    flight, hotel, car = (
        nodes[f"/do/0/trip/try/{place}"] for place in ("0/flight", "1/hotel", "3/inner/try/0/car")
    )
    assert flight.undo.input.arguments == ("input",)
    assert program.nodes[flight.undo.node].reference == "/do/0/trip/try/0/flight/compensate/function"
    assert program.nodes[flight.undo.node].kind == "agent"
    assert hotel.undo.input is None and program.nodes[hotel.undo.node].kind == "do"
    assert program.nodes[car.undo.node].kind == "http"
    suite = nodes["/do/0/trip/try/2/suite/call/room"]
    assert suite.kind == "http" and suite.undo.input is not None
    assert nodes["/do/0/trip/try/2/suite"].undo is None
    assert nodes["/do/0/trip/try/0/flight"].definition == {"call": "book", "with": {"who": "${ .who }"}}


def test_a_compensation() -> None:
    program = program_of(DOCUMENTS["undoing"])
    nodes = by_reference(program)
    undo = nodes["/do/0/trip/catch/do/0/undo"].detail
    named = nodes["/do/0/trip/try/3/inner/catch/do/0/all"].detail
    assert isinstance(undo, Compensate) and undo.scope == "" and undo.reason is None
    assert named.scope == "trip" and named.reason.arguments == ("error",)
    asks = program.nodes[undo.escalation].detail
    assert isinstance(asks, CallHuman) and asks.decisions == ("retry", "done")


def undone(compensate: Any, **more: Any) -> dict[str, Any]:
    return document(
        {"a": {"call": "agent", "with": {"capability": "x", "compensate": compensate}}},
        use={"functions": {"f": ASK, **more}},
    )


def back(**task: Any) -> dict[str, Any]:
    return undone({"function": "loop"}, loop={"do": [{"one": {"set": {"x": 1}}}, {"two": task}]})


def test_a_fan_out() -> None:
    program = program_of(DOCUMENTS["fanouts"])
    nodes = by_reference(program)
    named = nodes["/do/0/named"]
    assert isinstance(named.detail, Fanout) and named.kind == "fanout"
    assert (named.detail.count, named.detail.quorum, named.detail.reconciles) == (0, 2, False)
    calls = [program.nodes[body] for body in named.detail.bodies]
    assert [call.reference for call in calls] == [f"/do/0/named/with/fanout/to/{at}" for at in range(3)]
    assert [call.detail.agent for call in calls] == ["ann", "bob@1.0.0", "eve"]
    some = nodes["/do/1/some"]
    assert isinstance(some.detail, Do)
    fanout, judge = (program.nodes[child] for child in some.detail.children)
    assert fanout.detail.count == 3 and fanout.detail.reconciles
    assert judge.reference == "/do/1/some/with/fanout/reconcile" and judge.detail.agent == "judge"
    assert some.output_as is not None and fanout.output_as is None
    every = nodes["/do/2/every"]
    assert program.nodes[every.detail.children[1]].detail.capability == "text.merge"
    (call,) = (program.nodes[body] for body in program.nodes[every.detail.children[0]].detail.bodies)
    assert call.undo is not None and every.undo is None


def fan(**given: Any) -> dict[str, Any]:
    asked = {} if isinstance(given.get("to"), list) else {"capability": "x"}
    more = given.pop("more", {})
    return document({"a": {"call": "agent", "with": {**asked, **more, "fanout": given}}})


def test_extensions_stand_around_tasks() -> None:
    program = program_of(DOCUMENTS["extending"])
    nodes = [node for node in program.nodes if node.reference == "/do/0/first"]
    outer, inner, task = sorted(nodes, key=lambda node: node.kind != "extended")
    assert [node.kind for node in nodes].count("extended") == 2 and task.kind == "agent"
    assert isinstance(outer.detail, Extended) and isinstance(inner.detail, Extended)
    assert outer.detail.task == inner.index and inner.detail.task == task.index
    assert outer.extends == 0 and inner.extends == task.extends == outer.index
    assert outer.condition and outer.input_from and outer.output_as and outer.export_as
    assert not (task.condition or task.input_from or task.output_as or task.export_as)
    assert task.timeout is not None and outer.timeout is None
    assert {node.target for node in nodes} == {3}
    assert inner.detail.when is not None and inner.detail.after == 0
    before = program.nodes[outer.detail.before]
    assert before.reference == "/do/0/first/extensions/logging/before" and before.kind == "before"
    log = program.nodes[before.detail.children[0]]
    assert (log.kind, log.extends) == ("agent", outer.index)
    assert program.nodes[outer.detail.after].reference == "/do/0/first/extensions/logging/after"


def test_a_switch_keeps_its_cases_inside_its_extensions() -> None:
    nodes = [node for node in program_of(DOCUMENTS["extending"]).nodes if node.reference == "/do/1/choose"]
    outer, switch = nodes
    assert (outer.kind, switch.kind) == ("extended", "switch")
    assert [case.target for case in switch.detail.cases] == [0, END]


def test_what_an_extension_does_is_not_extended() -> None:
    references = [node.reference for node in program_of(DOCUMENTS["extending"]).nodes]
    assert not [one for one in references if one.count("/extensions/") > 1]
    assert "/do/3/last/fork/branches/1/b/with/function/extensions/logging/before" in references


@pytest.mark.parametrize("kinds", [KINDS, *((kind,) for kind in KINDS)], ids="-".join)
@pytest.mark.parametrize("extend", [False, True])
def test_tasks_nest_a_hundred_deep(kinds: tuple[str, ...], extend: bool) -> None:
    note = {"x": {"extend": "all", "after": [{"n": {"set": {"x": 1}}}]}}
    value = document(*nested(100, kinds, {"set": {"x": 1}}), use={"extensions": [note] if extend else []})
    assert len(program_of(value).nodes) > 100


def test_tasks_that_nest_deeper_are_refused() -> None:
    assert ("too-large") in {rule for rule, _ in problems_of(document(*nested(DEPTH_MAX, KINDS, ASK)))}
    deep = document(*nested(2_000, ("do",), ASK))
    assert {rule for rule, _ in problems_of(deep)} == {"too-large"}


def extension(**fields: Any) -> dict[str, Any]:
    return document({"a": {"set": {"x": 1}}}, use={"extensions": [{"e": {"extend": "all", **fields}}]})


MAP = {"in": ".x", "function": "f"}

BAD: dict[str, tuple[Any, str, str]] = {
    "map without in": (calling("map", function="f"), "missing-field", "/do/0/a/with"),
    "map without function": (calling("map", **{"in": ".x"}), "missing-field", "/do/0/a/with"),
    "map argument": (calling("map", **MAP, items=1), "unknown-field", "/do/0/a/with/items"),
    "map over a number": (calling("map", **{**MAP, "in": 3}), "wrong-type", "/do/0/a/with/in"),
    "map of an unknown function": (
        calling("map", **{**MAP, "function": "g"}),
        "unknown-function",
        "/do/0/a/with/function",
    ),
    "map of a function of Podium": (
        calling("map", **{**MAP, "function": "agent"}),
        "unknown-function",
        "/do/0/a/with/function",
    ),
    "map of nothing": (calling("map", **{**MAP, "function": None}), "wrong-type", "/do/0/a/with/function"),
    "map of a bad task": (
        calling("map", **{**MAP, "function": {"sett": {}}}),
        "unknown-task",
        "/do/0/a/with/function",
    ),
    "concurrency of none": (calling("map", **MAP, concurrency=0), "wrong-value", "/do/0/a/with/concurrency"),
    "concurrency of many": (
        calling("map", **MAP, concurrency=1001),
        "wrong-value",
        "/do/0/a/with/concurrency",
    ),
    "concurrency expression": (
        calling("map", **MAP, concurrency="${ .x }"),
        "wrong-type",
        "/do/0/a/with/concurrency",
    ),
    "onError": (calling("map", **MAP, onError="ignore"), "wrong-value", "/do/0/a/with/onError"),
    "no quorum": (calling("map", **MAP, onError="quorum"), "missing-field", "/do/0/a/with"),
    "quorum of none": (
        calling("map", **MAP, onError="quorum", quorum=0),
        "wrong-value",
        "/do/0/a/with/quorum",
    ),
    "quorum for nothing": (calling("map", **MAP, quorum=2), "conflicting-fields", "/do/0/a/with/quorum"),
    "same variable twice": (calling("map", **MAP, each="x", at="x"), "wrong-value", "/do/0/a/with"),
    "variable taken": (calling("map", **MAP, each="context"), "wrong-value", "/do/0/a/with/each"),
    "input of the map's own": (
        calling("map", **MAP, input="${ $input }"),
        "unknown-variable",
        "/do/0/a/with/input",
    ),
    "item where none is": (
        calling("map", **{**MAP, "in": "$item"}),
        "unknown-variable",
        "/do/0/a/with/in",
    ),
    "undo without function": (undone({"input": 1}), "missing-field", "/do/0/a/with/compensate"),
    "undo as a text": (undone("f"), "wrong-type", "/do/0/a/with/compensate"),
    "undo by an unknown function": (
        undone({"function": "g"}),
        "unknown-function",
        "/do/0/a/with/compensate/function",
    ),
    "undo argument": (undone({"function": "f", "with": 1}), "unknown-field", "/do/0/a/with/compensate/with"),
    "undo with an unknown variable": (
        undone({"function": "f", "input": "${ $x }"}),
        "unknown-variable",
        "/do/0/a/with/compensate/input",
    ),
    "undo of an endpoint": (
        document(
            {
                "a": {
                    "call": "http",
                    "with": {
                        "method": "get",
                        "endpoint": "https://example.com",
                        "compensate": {"function": "f"},
                    },
                }
            },
            use={"functions": {"f": ASK}},
        ),
        "unknown-field",
        "/do/0/a/with/compensate",
    ),
    "undo of a function that is no call": (
        document(
            {"a": {"call": "g", "with": {"compensate": {"function": "f"}}}},
            use={"functions": {"f": ASK, "g": {"do": [{"x": ASK}]}}},
        ),
        "unknown-field",
        "/do/0/a/with/compensate",
    ),
    "no arguments at all": (
        document({"a": {"call": "f", "with": None}}, use={"functions": {"f": ASK}}),
        "wrong-type",
        "/do/0/a/with",
    ),
    "undo said twice": (
        document(
            {"a": {"call": "g", "with": {"compensate": {"function": "f"}}}},
            use={
                "functions": {
                    "f": ASK,
                    "g": {"call": "agent", "with": {"capability": "x", "compensate": {"function": "f"}}},
                }
            },
        ),
        "conflicting-fields",
        "/use/functions/g/with/compensate",
    ),
    "undo of a human": (
        document({"a": {"call": "human", "with": {"title": "x", "compensate": {"function": "f"}}}}),
        "unknown-field",
        "/do/0/a/with/compensate",
    ),
    "undo that is undone by itself": (
        document(
            {"a": {"set": {"x": 1}}},
            use={
                "functions": {
                    "f": {"call": "agent", "with": {"capability": "x", "compensate": {"function": "f"}}}
                }
            },
        ),
        "circular",
        "/use/functions/f/with/compensate/function",
    ),
    "undo that compensates": (
        undone({"function": {"call": "compensate"}}),
        "circular",
        "/do/0/a/with/compensate/function/call",
    ),
    "undo that goes back": (
        back(set={"x": 2}, then="one"),
        "wrong-value",
        "/do/0/a/with/compensate/function",
    ),
    "undo that switches back": (
        back(switch=[{"x": {"when": ".x", "then": "one"}}, {"y": {"then": "exit"}}]),
        "wrong-value",
        "/do/0/a/with/compensate/function",
    ),
    "undo that catches back": (
        back(**{"try": [{"t": {"set": {"x": 2}}}], "catch": {"then": "two"}}),
        "wrong-value",
        "/do/0/a/with/compensate/function",
    ),
    "compensation argument": (calling("compensate", of="x"), "unknown-field", "/do/0/a/with/of"),
    "compensation of an unknown scope": (
        calling("compensate", scope="saga"),
        "unknown-name",
        "/do/0/a/with/scope",
    ),
    "compensation of a task that is no try": (
        document({"a": {"do": [{"b": {"call": "compensate", "with": {"scope": "a"}}}]}}),
        "unknown-name",
        "/do/0/a/do/0/b/with/scope",
    ),
    "compensation of the caller's try": (
        document(
            {"a": {"try": [{"b": {"call": "u"}}], "catch": {}}},
            use={"functions": {"u": {"call": "compensate", "with": {"scope": "a"}}}},
        ),
        "unknown-name",
        "/use/functions/u/with/scope",
    ),
    "compensation for no reason": (calling("compensate", reason=1), "wrong-type", "/do/0/a/with/reason"),
    "fan-out to nobody": (fan(quorum=1), "missing-field", "/do/0/a/with/fanout"),
    "fan-out to none": (fan(to=0), "wrong-value", "/do/0/a/with/fanout/to"),
    "fan-out to no list": (fan(to=[]), "wrong-value", "/do/0/a/with/fanout/to"),
    "fan-out to true": (fan(to=True), "wrong-value", "/do/0/a/with/fanout/to"),
    "fan-out to some": (fan(to="some"), "wrong-value", "/do/0/a/with/fanout/to"),
    "fan-out to too many": (fan(to=1001), "wrong-value", "/do/0/a/with/fanout/to"),
    "fan-out twice to one": (fan(to=["a", "a"]), "duplicate-name", "/do/0/a/with/fanout/to/1"),
    "fan-out to a bad name": (fan(to=["a b"]), "wrong-value", "/do/0/a/with/fanout/to/0"),
    "fan-out to a number": (fan(to=[1]), "wrong-type", "/do/0/a/with/fanout/to/0"),
    "fan-out for nothing": (
        document({"a": {"call": "agent", "with": {"fanout": {"to": "all"}}}}),
        "missing-field",
        "/do/0/a/with",
    ),
    "fan-out and an agent": (
        fan(to=["a"], more={"agent": "b"}),
        "conflicting-fields",
        "/do/0/a/with/agent",
    ),
    "fan-out argument": (fan(to="all", votes=1), "unknown-field", "/do/0/a/with/fanout/votes"),
    "fan-out quorum of none": (fan(to="all", quorum=0), "wrong-value", "/do/0/a/with/fanout/quorum"),
    "fan-out quorum of too many": (fan(to=2, quorum=3), "wrong-value", "/do/0/a/with/fanout/quorum"),
    "fan-out reconciled by nobody": (
        fan(to="all", reconcile={}),
        "missing-field",
        "/do/0/a/with/fanout/reconcile",
    ),
    "fan-out reconciled by a bad name": (
        fan(to="all", reconcile="a b"),
        "wrong-value",
        "/do/0/a/with/fanout/reconcile/capability",
    ),
    "fan-out of a fan-out": (
        fan(to="all", reconcile={"capability": "x", "fanout": {"to": 2}}),
        "unknown-field",
        "/do/0/a/with/fanout/reconcile/fanout",
    ),
    "fan-out with a team": (fan(to="all", more={"team": "x"}), "configuration", "/do/0/a/with/team"),
    "extensions as an object": (
        document({"a": {"set": {"x": 1}}}, use={"extensions": {}}),
        "wrong-type",
        "/use/extensions",
    ),
    "two extensions in one": (
        document({"a": {"set": {"x": 1}}}, use={"extensions": [{"a": {}, "b": {}}]}),
        "wrong-type",
        "/use/extensions/0",
    ),
    "two extensions of one name": (
        document({"a": {"set": {"x": 1}}}, use={"extensions": [{"e": {"extend": "all"}}] * 2}),
        "duplicate-name",
        "/use/extensions/1/e",
    ),
    "extension of nothing": (
        document({"a": {"set": {"x": 1}}}, use={"extensions": [{"e": {"before": []}}]}),
        "missing-field",
        "/use/extensions/0/e",
    ),
    "extension of an unknown kind": (
        extension(extend="do"),
        "wrong-value",
        "/use/extensions/0/e/extend",
    ),
    "extension member": (extension(during=[]), "unknown-field", "/use/extensions/0/e/during"),
    "extension condition": (extension(when="$item"), "unknown-variable", "/use/extensions/0/e/when"),
    "extension by an object": (extension(before={}), "wrong-type", "/use/extensions/0/e/before"),
    "extension by nothing": (extension(after=None), "wrong-type", "/use/extensions/0/e/after"),
    "extension by a bad task": (
        extension(before=[{"b": {"sett": 1}}]),
        "unknown-task",
        "/use/extensions/0/e/before/0/b",
    ),
    "extension that nobody needs and is bad": (
        extension(extend="wait", after=[{"b": {"set": {"x": 1}, "then": "a"}}]),
        "unknown-target",
        "/use/extensions/0/e/after/0/b/then",
    ),
    "graph without nodes": (calling("graph"), "missing-field", "/do/0/a/with"),
    "graph of nothing": (calling("graph", nodes={}), "missing-field", "/do/0/a/with/nodes"),
    "graph argument": (
        calling("graph", nodes={"a": {"function": "f"}}, x=1),
        "unknown-field",
        "/do/0/a/with/x",
    ),
    "nodes as a list": (calling("graph", nodes=[]), "wrong-type", "/do/0/a/with/nodes"),
    "node as a text": (graph(a="f"), "wrong-type", "/do/0/a/with/nodes/a"),
    "node without function": (
        calling("graph", nodes={"a": {"needs": []}}),
        "missing-field",
        "/do/0/a/with/nodes/a",
    ),
    "node of an unknown function": (
        graph(a={"function": "g"}),
        "unknown-function",
        "/do/0/a/with/nodes/a/function",
    ),
    "node argument": (graph(a={"need": []}), "unknown-field", "/do/0/a/with/nodes/a/need"),
    "unknown need": (graph(a={"needs": ["b"]}), "unknown-name", "/do/0/a/with/nodes/a/needs/0"),
    "need of a number": (graph(a={"needs": [1]}), "unknown-name", "/do/0/a/with/nodes/a/needs/0"),
    "needs as a text": (graph(a={"needs": "b"}, b={}), "wrong-type", "/do/0/a/with/nodes/a/needs"),
    "need twice": (graph(a={}, b={"needs": ["a", "a"]}), "duplicate-name", "/do/0/a/with/nodes/b/needs/1"),
    "need of itself": (graph(a={"needs": ["a"]}), "circular", "/do/0/a/with/nodes/a/needs"),
    "needs in a task": (
        graph(a={"function": {"set": "${ $needs }"}}),
        "unknown-variable",
        "/do/0/a/with/nodes/a/function/set",
    ),
    "function taken by map": (
        document({"a": {"set": {"x": 1}}}, use={"functions": {"map": ASK}}),
        "wrong-value",
        "/use/functions/map",
    ),
    "a map of itself": (
        document(
            {"a": {"call": "m"}}, use={"functions": {"m": {"call": "map", "with": {**MAP, "function": "m"}}}}
        ),
        "circular",
        "/use/functions/m/with/function",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_refused_at_its_place(name: str) -> None:
    value, rule, path = BAD[name]
    assert (rule, path) in problems_of(value)[:2]
