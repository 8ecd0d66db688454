"""Documents to programs: the nodes, their details, and where control goes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from podium.workflow.compile import compile_workflow
from podium.workflow.program import (
    CallAgent,
    CallHttp,
    CallHuman,
    Do,
    Events,
    For,
    Fork,
    Iteration,
    Listen,
    Program,
    Raise,
    RunWorkflow,
    Set,
    Switch,
    Try,
    Wait,
)
from podium.workflow.targets import END, EXIT
from tests.workflow.documents import DOCUMENTS, document, problems_of, spoiled, task

SET = {"set": {"x": 1}}


def program_of(value: dict[str, Any]) -> Program:
    program, problems = compile_workflow(value, "sha256:0")
    assert problems == []
    assert program is not None
    return program


def by_reference(program: Program) -> dict[str, Any]:
    return {node.reference: node for node in program.nodes}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_whole_documents_compile(name: str) -> None:
    program = program_of(DOCUMENTS[name])
    assert [node.index for node in program.nodes] == list(range(len(program.nodes)))
    assert program.nodes[0].kind == "do" and program.nodes[0].reference == "/do"
    # A task and its extensions stand at one place.
    references = [node.reference for node in program.nodes if node.kind != "extended"]
    assert len(set(references)) == len(references)
    again, _ = compile_workflow(DOCUMENTS[name], "sha256:0")
    assert again is not None
    assert [node.reference for node in again.nodes] == [node.reference for node in program.nodes]


def test_the_program_of_a_document() -> None:
    program = program_of(DOCUMENTS["triage"])
    assert (program.namespace, program.name, program.version) == ("support", "triage", "1.2.0")
    assert program.label == "support/triage@1.2.0" and program.digest == "sha256:0"
    assert program.timeout is not None and program.timeout.ms == 7_200_000
    assert program.input_schema is not None and program.input_schema.check({"text": "x"}) == []
    breaches = program.input_schema.check({"text": 3})
    assert [(breach.rule, breach.path) for breach in breaches] == [("type", "/text")]
    assert "3" in breaches[0].message
    assert program.input_from is not None and program.input_from.native is not None
    assert program.input_from.native({"text": "x"}, {}) == {"ticket": {"text": "x"}}
    assert program.output_as is not None and program.output_schema is not None


def test_nodes_are_numbered_in_the_order_of_reading() -> None:
    program = program_of(DOCUMENTS["loops"])
    assert [(node.reference, node.kind) for node in program.nodes] == [
        ("/do", "do"),
        ("/do/0/each", "for"),
        ("/do/0/each/do", "do"),
        ("/do/0/each/do/0/mark", "set"),
        ("/do/0/each/do/1/enough", "set"),
        ("/do/1/listed", "for"),
        ("/do/1/listed/do", "do"),
        ("/do/1/listed/do/0/add", "set"),
        ("/do/2/together", "fork"),
        ("/do/2/together/fork/branches/0/left", "wait"),
        ("/do/2/together/fork/branches/1/right", "do"),
        ("/do/2/together/fork/branches/1/right/do/0/pause", "wait"),
        ("/do/2/together/fork/branches/1/right/do/1/later", "wait"),
    ]


def test_each_kind_has_its_detail() -> None:
    nodes = by_reference(program_of(DOCUMENTS["loops"]))
    loop = nodes["/do/0/each"].detail
    assert isinstance(loop, For) and (loop.each, loop.at) == ("pet", "place")
    assert loop.while_ is not None and loop.body == nodes["/do/0/each/do"].index
    listed = nodes["/do/1/listed"].detail
    assert isinstance(listed, For) and (listed.each, listed.at, listed.while_) == ("item", "index", None)
    assert listed.items.native is not None and listed.items.native({"start": 5}, {}) == [{"n": 1}, {"n": 5}]
    fork = nodes["/do/2/together"].detail
    assert isinstance(fork, Fork) and fork.compete and fork.names == ("left", "right")
    pause = nodes["/do/2/together/fork/branches/1/right/do/0/pause"].detail
    assert isinstance(pause, Wait) and pause.duration.ms == 2005
    later = nodes["/do/2/together/fork/branches/1/right/do/1/later"].detail
    assert isinstance(later, Wait) and later.duration.expression is not None


def test_an_agent_call() -> None:
    node = program_of(DOCUMENTS["triage"]).nodes[1]
    call = node.detail
    assert isinstance(call, CallAgent) and node.kind == "agent" and node.name == "classify"
    assert (call.capability, call.agent) == ("ticket.classify", "")
    assert (call.require, call.prefer) == ({"region": "eu"}, {"tier": "fast"})
    assert call.input is not None and call.input.native is not None
    assert call.input.native({"ticket": {"text": "t"}}, {}) == {"text": "t", "locale": "en"}
    assert call.key is not None and call.key.arguments == ("workflow",)
    assert node.timeout is not None and node.timeout.ms == 30_000
    assert node.definition == DOCUMENTS["triage"]["do"][0]["classify"]
    assert node.export_as is not None and node.export_as.arguments == ("context", "output")


def test_a_human_call() -> None:
    node = by_reference(program_of(DOCUMENTS["triage"]))["/do/2/ask"]
    call = node.detail
    assert isinstance(call, CallHuman) and call.decisions == ("urgent", "normal") and call.form is not None
    assert call.request.native is not None
    asked = call.request.native({"ticket": {"text": "This"}}, {})
    assert asked == {"title": "Is This urgent?", "description": "Answer within a day."}
    assert node.condition is not None and (node.then, node.target) == ("end", END)
    plain = program_of(document({"ask": {"call": "human", "with": {"title": "Go?"}}})).nodes[1].detail
    assert isinstance(plain, CallHuman) and plain.decisions == ("approve", "deny") and plain.form is None


def test_an_http_call() -> None:
    call = by_reference(program_of(DOCUMENTS["calls"]))["/do/0/direct"].detail
    assert isinstance(call, CallHttp) and call.method == "POST" and call.redirect and call.idempotent
    assert call.output == "response" and call.request.native is not None
    data = {"kind": "ä/b", "n": 5, "id": "k1", "x": None}
    assert call.request.native(data, {}) == {
        "method": "POST",
        "endpoint": "https://pets.example.com/%C3%A4%2Fb/x?n=5",
        "headers": {"Accept": "application/json", "Idempotency-Key": "k1"},
        "query": {"q": "about ä/b"},
        "body": {"nested": [None, 1]},
    }


@pytest.mark.parametrize(
    ("method", "headers", "idempotent"),
    [
        ("get", {}, True), ("Put", {}, True), ("delete", {}, True), ("head", {}, True), ("options", {}, True),
        ("post", {}, False), ("patch", {}, False), ("post", {"idempotency-key": "x"}, True),
        ("post", "${ .h }", False),
    ],
)  # fmt: skip
def test_which_http_calls_may_be_repeated(method: str, headers: Any, idempotent: bool) -> None:
    arguments = {"method": method, "endpoint": "https://example.com", "headers": headers}
    call = program_of(document({"a": {"call": "http", "with": arguments}})).nodes[1].detail
    assert isinstance(call, CallHttp) and call.idempotent is idempotent and call.output == "content"


def test_functions_see_their_arguments_as_input() -> None:
    nodes = by_reference(program_of(DOCUMENTS["calls"]))
    by_name = nodes["/do/2/byName"]
    assert by_name.kind == "do" and isinstance(by_name.detail, Do)
    assert by_name.input_from is not None and by_name.input_from.constant
    inner = nodes["/do/2/byName/call/getPet"]
    assert (
        by_name.detail.children == (inner.index,) and inner.kind == "http" and inner.input_schema is not None
    )
    assert inner.detail.request.native({"petId": 69}, {})["endpoint"] == "https://pets.example.com/pet/69"
    filtered = nodes["/do/3/filtered"]
    assert filtered.input_from is not None and filtered.input_from.text == ".inner"
    wrapper = nodes["/do/3/filtered/with"]
    assert filtered.detail.children == (wrapper.index,)
    assert wrapper.input_from.native({"id": 4}, {}) == {"petId": 4}
    assert wrapper.detail.children == (nodes["/do/3/filtered/call/getPet"].index,)


def test_a_function_that_is_only_a_call_needs_no_task_of_its_own() -> None:
    nodes = by_reference(program_of(DOCUMENTS["calls"]))
    plain = nodes["/do/4/plain"]
    assert plain.kind == "agent" and plain.detail.agent == "calculator@1.0.0"
    assert plain.input_from.native({"b": 2}, {}) == {"a": 1, "b": 2}
    assert nodes["/do/5/passed"].kind == "agent" and nodes["/do/5/passed"].input_from is None
    assert nodes["/do/6/nested/call/twice/do/0/once"].kind == "agent"


def test_errors_and_retries() -> None:
    nodes = by_reference(program_of(DOCUMENTS["errors"]))
    careful = nodes["/do/0/careful"]
    assert isinstance(careful.detail, Try) and careful.timeout.ms == 5000
    catch = careful.detail.catch
    assert catch.matches == {"type": "https://serverlessworkflow.io/spec/1.0.0/errors/timeout", "status": 408}
    assert catch.variable == "trouble" and catch.body == nodes["/do/0/careful/catch/do"].index
    assert catch.when is not None and catch.when.arguments == ("trouble",) and catch.except_when is not None
    retry = catch.retry
    assert retry is not None and (retry.backoff, retry.multiplier, retry.attempts) == ("exponential", 3.0, 4)
    assert (retry.delay.ms, retry.delay_max.ms, retry.duration.ms) == (1000, 60_000, 600_000)
    assert (retry.jitter_from.ms, retry.jitter_to.ms) == (0, 500)
    fail = nodes["/do/0/careful/try/0/fail"].detail
    assert isinstance(fail, Raise) and fail.error.native is not None
    assert fail.error.native({"why": "because"}, {})["detail"] == "because"
    inline = nodes["/do/1/inline"].detail
    assert isinstance(inline, Try) and inline.catch.body == 0 and inline.catch.variable == "error"
    retry = inline.catch.retry
    assert retry is not None and (retry.backoff, retry.increment.ms, retry.attempts) == ("linear", 2000, 2)
    assert inline.catch.target is None
    recovered = nodes["/do/2/recovered"]
    assert recovered.target == 3 and recovered.detail.catch.target == 1


def test_listening() -> None:
    nodes = by_reference(program_of(DOCUMENTS["events"]))
    one = nodes["/do/0/one"].detail
    assert isinstance(one, Listen) and (one.to.mode, one.read) == ("one", "envelope")
    [first] = one.to.filters
    assert set(first.attributes) == {"type", "source"} and first.predicate is not None
    assert first.attributes["type"].constant
    every = nodes["/do/1/any"].detail
    assert isinstance(every, Listen) and (every.to, every.read) == (Events("any", ()), "data")
    assert not every.streams
    both = nodes["/do/2/all"].detail
    assert isinstance(both, Listen) and both.to.mode == "all" and len(both.to.filters) == 2
    assert both.to.filters[0].attributes["subject"].arguments == ("context",)
    assert both.to.filters[1].predicate is None and "data" in both.to.filters[1].attributes


def test_running_workflows() -> None:
    nodes = by_reference(program_of(DOCUMENTS["nested"]))
    below = nodes["/do/0/below"].detail
    assert isinstance(below, RunWorkflow) and nodes["/do/0/below"].kind == "workflow"
    assert (below.workflow, below.awaits, below.gives_output) == ("default/child@1.2.0", True, True)
    assert below.input is not None and below.input.native is not None
    assert below.input.native({"n": 1}, {}) == {"n": 1, "fixed": [True]}
    latest = nodes["/do/1/latest"].detail
    assert latest == RunWorkflow("default/child", None, awaits=False, gives_output=False)


def test_listening_to_many() -> None:
    nodes = by_reference(program_of(DOCUMENTS["events"]))
    enough = nodes["/do/3/enough"].detail
    assert isinstance(enough, Listen) and enough.goes_on and enough.foreach is None
    assert enough.until is not None and enough.until.text == "( . | length ) > 3"
    ended = nodes["/do/4/ended"].detail
    assert isinstance(ended, Listen) and ended.until_events is not None and ended.until is None
    assert (ended.until_events.mode, len(ended.until_events.filters)) == ("all", 2)
    order = ended.until_events.filters[0].keys["order"]
    assert (order.source.text, order.expect and order.expect.text) == (".data.order", "${ .order }")
    for_ever = nodes["/do/5/each"].detail
    assert isinstance(for_ever, Listen) and for_ever.endless and for_ever.until is None
    assert for_ever.foreach == Iteration("event", "i", nodes["/do/5/each/foreach"].index)
    body = nodes["/do/5/each/foreach"]
    assert body.kind == "foreach" and body.output_as is not None and body.export_as is not None
    assert [nodes[f"/do/5/each/foreach/do/0/{name}"].name for name in ("keep",)] == ["keep"]


def test_where_control_goes() -> None:
    program = program_of(
        document(
            {"a": {**SET, "then": "c"}},
            {"b": {**SET, "then": "exit"}},
            {
                "c": {
                    "switch": [{"rest": {"then": "b"}}, {"one": {"when": ".x", "then": "end"}}],
                    "then": "continue",
                }
            },
            {"d": {"do": [{"e": {**SET, "then": "continue"}}]}},
        )
    )
    targets = {node.name: node.target for node in program.nodes if node.name}
    assert targets == {"a": 2, "b": EXIT, "c": 3, "d": 4, "e": 1}
    switch = program.nodes[3].detail
    assert isinstance(switch, Switch)
    assert [(case.name, case.target, case.when is None) for case in switch.cases] == [
        ("one", END, False),
        ("rest", 1, True),
    ]


def test_names_are_escaped_in_references() -> None:
    assert program_of(document({"a/b~c": SET})).nodes[1].reference == "/do/0/a~1b~0c"


def test_data_of_the_document_is_never_an_expression() -> None:
    node = program_of(document({"a": {"set": {"bare": ".x", "text": "$x", "n": 1}}})).nodes[1]
    assert isinstance(node.detail, Set) and node.detail.value.constant
    assert node.detail.value.native is not None
    assert node.detail.value.native({"x": 9}, {}) == {"bare": ".x", "text": "$x", "n": 1}


# --- the syntax of expressions ------------------------------------------------------------------


def test_only_what_is_not_native_is_asked_of_jq() -> None:
    asked: list[str] = []

    def check(programs: list[str]) -> list[str | None]:
        asked.extend(programs)
        return [None] * len(programs)

    value = document({"a": {"set": {"x": "${ .a.b }", "y": "${ map(.a) }", "z": ["and ${ map(.a) }"]}}})
    program, _ = compile_workflow(value, "sha256:0", syntax_check=check)
    assert program is not None
    assert asked == [".d | (\n map(.a) \n)"]
    compile_workflow(task(SET), "sha256:0", syntax_check=lambda programs: pytest.fail("nothing to ask"))


def test_what_jq_refuses_is_refused_at_its_place() -> None:
    value = document(
        {"a": {"set": {"x": "${ map(.a) }", "y": ["${ .a b }"]}}}, {"b": {**SET, "if": "nope(1)"}}
    )
    found = problems_of(
        value, syntax_check=lambda programs: [None if "map" in one else "not so" for one in programs]
    )
    assert found == [("expression", "/do/0/a/set/y/0"), ("expression", "/do/1/b/if")]


# --- whatever comes -----------------------------------------------------------------------------


@settings(max_examples=1500, suppress_health_check=[HealthCheck.too_slow])
@given(spoiled())
def test_no_document_breaks_the_compiler(value: Any) -> None:
    program, problems = compile_workflow(value, "sha256:0")
    assert (program is None) == bool(problems)
    for problem in problems:
        assert problem.path == "" or problem.path.startswith("/")
        assert problem.rule and problem.message and "\n" not in problem.message
    if program is not None:
        assert [node.index for node in program.nodes] == list(range(len(program.nodes)))
