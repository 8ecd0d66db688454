"""Documents that do not compile: each is refused at its place, with the rule and the way out."""

from __future__ import annotations

from typing import Any

import pytest

from podium.workflow.compile import compile_workflow
from tests.workflow.documents import HEADER, document, problems_of, task

AGENT = {"call": "agent", "with": {"capability": "ticket.classify"}}
SET = {"set": {"x": 1}}


def agent(**arguments: Any) -> dict[str, Any]:
    return task({"call": "agent", "with": arguments})


def human(**arguments: Any) -> dict[str, Any]:
    return task({"call": "human", "with": {"title": "x", **arguments}})


def http(**arguments: Any) -> dict[str, Any]:
    return task({"call": "http", "with": {"method": "get", "endpoint": "https://example.com", **arguments}})


def run(**more: Any) -> dict[str, Any]:
    asked = {"namespace": "x", "name": "y", "version": "latest", **more.pop("asked", {})}
    return task({"run": {"workflow": asked, **more}})


def catch(**arguments: Any) -> dict[str, Any]:
    return task({"try": [{"b": SET}], "catch": arguments})


UNSUPPORTED = {
    "until of a schedule": (
        document({"a": SET}, schedule={"on": {"any": [{"with": {"type": "a"}}], "until": "${ true }"}}),
        "/schedule/on/until",
    ),
    "input of a schedule": (
        {
            "document": {**HEADER, "metadata": {"schedule": {"input": "${ [.events[]] }"}}},
            "schedule": {"every": "PT1H"},
            "do": [{"a": SET}],
        },
        "/document/metadata/schedule/input",
    ),
    "filter of a schedule": (
        document({"a": SET}, schedule={"on": {"one": {"with": {"type": '${ test("a") }'}}}}),
        "/schedule/on",
    ),
    "catalogs": (document({"a": SET}, use={"catalogs": {}}), "/use/catalogs"),
    "language": (document({"a": SET}, evaluate={"language": "js"}), "/evaluate/language"),
    "old version": ({"document": {**HEADER, "dsl": "0.8"}, "do": [{"a": SET}]}, "/document/dsl"),
    "container": (task({"run": {"container": {"image": "x"}}}), "/do/0/a/run/container"),
    "run and return": (run(**{"return": "code"}), "/do/0/a/run/return"),
    "script source": (
        task({"run": {"script": {"language": "js", "source": {"endpoint": "https://x"}, "code": ""}}}),
        "/do/0/a/run/script/source",
    ),
    "script language": (
        task({"run": {"script": {"language": "ruby", "code": ""}}}),
        "/do/0/a/run/script/language",
    ),
    "process that nobody waits for": (
        task({"run": {"shell": {"command": "ls"}, "await": False}}),
        "/do/0/a/run/await",
    ),
    "grants": (
        http(
            endpoint={
                "uri": "https://x",
                "authentication": {
                    "oauth2": {
                        "authority": "https://x",
                        "grant": "refresh_token",
                        "client": {"id": "a", "secret": "b"},
                    }
                },
            }
        ),
        "/do/0/a/with/endpoint/authentication/oauth2/grant",
    ),
    "signed clients": (
        http(
            endpoint={
                "uri": "https://x",
                "authentication": {
                    "oidc": {
                        "authority": "https://x",
                        "grant": "client_credentials",
                        "client": {"id": "a", "secret": "b", "authentication": "client_secret_jwt"},
                    }
                },
            }
        ),
        "/do/0/a/with/endpoint/authentication/oidc/client/authentication",
    ),
    "emit a template": (
        task({"emit": {"event": {"with": {"type": "x", "source": "https://x/{id}"}}}}),
        "/do/0/a/emit/event/with/source",
    ),
    "emit another version": (
        task({"emit": {"event": {"with": {"type": "x", "specversion": "0.3"}}}}),
        "/do/0/a/emit/event/with/specversion",
    ),
    "external schema": (
        task({**SET, "input": {"schema": {"resource": {"endpoint": "https://x"}, "document": {}}}}),
        "/do/0/a/input/schema/resource",
    ),
    "schema format": (
        task({**SET, "output": {"schema": {"format": "avro", "document": {}}}}),
        "/do/0/a/output/schema/format",
    ),
    "uri template operators": (http(endpoint="https://example.com/{?q}"), "/do/0/a/with/endpoint"),
    "catalog function": (task({"call": "log:1.0.0@default"}), "/do/0/a/call"),
    "remote function": (task({"call": "https://example.com/function.yaml"}), "/do/0/a/call"),
    "attempt duration": (
        catch(retry={"limit": {"attempt": {"duration": "PT1S"}}}),
        "/do/0/a/catch/retry/limit/attempt/duration",
    ),
    "workflow timeout expression": (document({"a": SET}, timeout={"after": "${ .x }"}), "/timeout"),
    **{
        name: (task({"call": name, "with": {}}), "/do/0/a/call")
        for name in (
            "grpc",
            "asyncapi",
            "a2a",
            "mcp",
        )
    },
    **{
        f"agent {name}": (agent(capability="x", **{name: {}}), f"/do/0/a/with/{name}")
        for name in ("team", "budget", "route")
    },
}


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_what_is_not_supported_is_refused_and_an_alternative_named(name: str) -> None:
    value, path = UNSUPPORTED[name]
    program, problems = compile_workflow(value, "sha256:0")
    assert program is None
    assert [(problem.rule, problem.path) for problem in problems] == [("configuration", path)]
    assert "not supported yet; " in problems[0].message


BAD = {
    "no object": ([], "wrong-type", ""),
    "nothing": ({}, "missing-field", ""),
    "no header": ({"do": [{"a": SET}]}, "missing-field", ""),
    "no tasks": ({"document": HEADER, "do": []}, "missing-field", "/do"),
    "unknown top": (document({"a": SET}, metadata={}), "unknown-field", "/metadata"),
    "bad name": (
        {"document": {**HEADER, "name": "a b"}, "do": [{"a": SET}]},
        "wrong-value",
        "/document/name",
    ),
    "bad version": (
        {"document": {**HEADER, "version": "1"}, "do": [{"a": SET}]},
        "wrong-value",
        "/document/version",
    ),
    "number as version": (
        {"document": {**HEADER, "version": 1.0}, "do": [{"a": SET}]},
        "wrong-type",
        "/document/version",
    ),
    "unknown header": (
        {"document": {**HEADER, "nme": "x"}, "do": [{"a": SET}]},
        "unknown-field",
        "/document/nme",
    ),
    "tasks no list": ({"document": HEADER, "do": {"a": SET}}, "wrong-type", "/do"),
    "two tasks in one item": (document({"a": SET, "b": SET}), "wrong-type", "/do/0"),
    "tool without a name": (
        task({"call": "tool", "with": {"args": {}}}),
        "missing-field",
        "/do/0/a/with",
    ),
    "name of a tool": (
        task({"call": "tool", "with": {"tool": "Pay Now"}}),
        "wrong-value",
        "/do/0/a/with/tool",
    ),
    "tool of an expression": (
        task({"call": "tool", "with": {"tool": "${ .tool }"}}),
        "wrong-type",
        "/do/0/a/with/tool",
    ),
    "arguments of an agent": (
        task({"call": "tool", "with": {"tool": "a", "input": {}}}),
        "unknown-field",
        "/do/0/a/with/input",
    ),
    "empty key of a tool": (
        task({"call": "tool", "with": {"tool": "a", "idempotencyKey": ""}}),
        "wrong-type",
        "/do/0/a/with/idempotencyKey",
    ),
    "no kind": (task({}), "unknown-task", "/do/0/a"),
    "unknown kind": (task({"cal": "agent"}), "unknown-task", "/do/0/a"),
    "two kinds": (task({**SET, **AGENT}), "unknown-task", "/do/0/a"),
    "unknown member": (task({**SET, "outputs": {}}), "unknown-field", "/do/0/a/outputs"),
    "member of another kind": (task({**SET, "catch": {}}), "unknown-field", "/do/0/a/catch"),
    "same name twice": (document({"a": SET}, {"a": SET}), "duplicate-name", "/do/1/a"),
    "reserved name": (document({"end": SET}), "wrong-value", "/do/0"),
    "unknown target": (task({**SET, "then": "b"}), "unknown-target", "/do/0/a/then"),
    "target in another list": (
        document({"a": {"do": [{"b": {**SET, "then": "c"}}]}}, {"c": SET}),
        "unknown-target",
        "/do/0/a/do/0/b/then",
    ),
    "target between branches": (
        task({"fork": {"branches": [{"b": {**SET, "then": "c"}}, {"c": SET}]}}),
        "unknown-target",
        "/do/0/a/fork/branches/0/b/then",
    ),
    "same branch twice": (
        task({"fork": {"branches": [{"b": SET}, {"b": SET}]}}),
        "duplicate-name",
        "/do/0/a/fork/branches",
    ),
    "no branches": (task({"fork": {"branches": []}}), "missing-field", "/do/0/a/fork/branches"),
    "no cases": (task({"switch": []}), "missing-field", "/do/0/a/switch"),
    "two defaults": (
        task({"switch": [{"b": {"then": "end"}}, {"c": {"then": "end"}}]}),
        "conflicting-fields",
        "/do/0/a/switch",
    ),
    "case without then": (task({"switch": [{"b": {"when": ".x"}}]}), "missing-field", "/do/0/a/switch/0/b"),
    "case to nowhere": (
        task({"switch": [{"b": {"when": ".x", "then": "z"}}]}),
        "unknown-target",
        "/do/0/a/switch/0/b/then",
    ),
    "if is no text": (task({**SET, "if": True}), "wrong-type", "/do/0/a/if"),
    "if is empty": (task({**SET, "if": ""}), "expression", "/do/0/a/if"),
    "open bracket": (task({**SET, "if": "(.a"}), "expression", "/do/0/a/if"),
    "open string": (task({**SET, "if": '.a == "x'}), "expression", "/do/0/a/if"),
    "open braces": (task({"set": {"x": ["${ .a"]}}), "expression", "/do/0/a/set/x/0"),
    "two expressions": (task({**SET, "if": "${ .a } == ${ .b }"}), "expression", "/do/0/a/if"),
    "the clock": (task({"set": {"x": "${ now }"}}), "expression", "/do/0/a/set/x"),
    "the environment": (task({"set": {"x": "${ env.HOME }"}}), "expression", "/do/0/a/set/x"),
    "the environment by name": (task({"set": {"x": "${ $ENV.HOME }"}}), "expression", "/do/0/a/set/x"),
    "more input": (task({"set": {"x": "at ${ input }"}}), "expression", "/do/0/a/set/x"),
    "its own place": (task({"set": {"x": "${ $__loc__ }"}}), "expression", "/do/0/a/set/x"),
    "unknown variable": (task({"set": {"x": "${ $contxt.a }"}}), "unknown-variable", "/do/0/a/set/x"),
    "secrets as variable": (task({"set": {"x": "${ $secrets.a }"}}), "unknown-variable", "/do/0/a/set/x"),
    "output too early": (task({"set": {"x": "${ $output }"}}), "unknown-variable", "/do/0/a/set/x"),
    "input before the input": (
        task({**SET, "input": {"from": "$input.a"}}),
        "unknown-variable",
        "/do/0/a/input/from",
    ),
    "input in if": (task({**SET, "if": "$input.a"}), "unknown-variable", "/do/0/a/if"),
    "loop variable outside": (
        document({"a": {"for": {"in": ".x"}, "do": [{"b": SET}]}}, {"c": {"set": {"x": "${ $item }"}}}),
        "unknown-variable",
        "/do/1/c/set/x",
    ),
    "error outside the catch": (
        task({"try": [{"b": {"set": {"x": "${ $error }"}}}], "catch": {}}),
        "unknown-variable",
        "/do/0/a/try/0/b/set/x",
    ),
    "variable in a text": (task({"set": {"x": '${ "a\\($nope)" }'}}), "unknown-variable", "/do/0/a/set/x"),
    "empty set": (task({"set": {}}), "missing-field", "/do/0/a/set"),
    "bare set": (task({"set": ".x"}), "wrong-type", "/do/0/a/set"),
    "list as set": (task({"set": [1]}), "wrong-type", "/do/0/a/set"),
    "schema is none": (
        task({**SET, "input": {"schema": {"document": {"type": "objekt"}}}}),
        "schema",
        "/do/0/a/input/schema/document/type",
    ),
    "schema without document": (
        task({**SET, "input": {"schema": {}}}),
        "missing-field",
        "/do/0/a/input/schema",
    ),
    "bare number as input": (task({**SET, "input": {"from": 3}}), "wrong-type", "/do/0/a/input/from"),
    "wait": (task({"wait": "30 seconds"}), "duration", "/do/0/a/wait"),
    "wait years": (task({"wait": "P1Y"}), "duration", "/do/0/a/wait"),
    "wait less than nothing": (task({"wait": {"seconds": -1}}), "duration", "/do/0/a/wait"),
    "wait unit": (task({"wait": {"second": 1}}), "duration", "/do/0/a/wait"),
    "timeout without after": (task({**SET, "timeout": {}}), "missing-field", "/do/0/a/timeout"),
    "unknown timeout": (task({**SET, "timeout": "long"}), "unknown-name", "/do/0/a/timeout"),
    "loop without in": (task({"for": {}, "do": [{"b": SET}]}), "missing-field", "/do/0/a/for"),
    "loop without body": (task({"for": {"in": ".x"}}), "missing-field", "/do/0/a"),
    "loop variable with dollar": (
        task({"for": {"each": "$x", "in": ".x"}, "do": [{"b": SET}]}),
        "wrong-value",
        "/do/0/a/for/each",
    ),
    "loop variable taken": (
        task({"for": {"each": "input", "in": ".x"}, "do": [{"b": SET}]}),
        "wrong-value",
        "/do/0/a/for/each",
    ),
    "loop variables alike": (
        task({"for": {"each": "x", "at": "x", "in": ".x"}, "do": [{"b": SET}]}),
        "wrong-value",
        "/do/0/a/for",
    ),
    "loop over numbers": (task({"for": {"in": [1]}, "do": [{"b": SET}]}), "wrong-type", "/do/0/a/for/in/0"),
    "try without catch": (task({"try": [{"b": SET}]}), "missing-field", "/do/0/a"),
    "unknown error": (task({"raise": {"error": "broken"}}), "unknown-name", "/do/0/a/raise/error"),
    "error without status": (
        task({"raise": {"error": {"type": "x"}}}),
        "missing-field",
        "/do/0/a/raise/error",
    ),
    "status as text": (
        task({"raise": {"error": {"type": "x", "status": "404"}}}),
        "wrong-type",
        "/do/0/a/raise/error/status",
    ),
    "unknown retry": (catch(retry="patient"), "unknown-name", "/do/0/a/catch/retry"),
    "catch to nowhere": (catch(then="z"), "unknown-target", "/do/0/a/catch/then"),
    "two backoffs": (
        catch(retry={"backoff": {"linear": {}, "constant": {}}}),
        "wrong-value",
        "/do/0/a/catch/retry/backoff",
    ),
    "empty error filter": (catch(errors={"with": {}}), "missing-field", "/do/0/a/catch/errors/with"),
    "error filter member": (
        catch(errors={"with": {"code": 1}}),
        "unknown-field",
        "/do/0/a/catch/errors/with/code",
    ),
    "run nothing": (task({"run": {}}), "wrong-value", "/do/0/a/run"),
    "run a text": (task({"run": "x"}), "wrong-type", "/do/0/a/run"),
    "run two things": (run(shell={"command": "ls"}), "wrong-value", "/do/0/a/run"),
    "run what has no version": (
        task({"run": {"workflow": {"namespace": "x", "name": "y"}}}),
        "missing-field",
        "/do/0/a/run/workflow",
    ),
    "run an expression": (run(asked={"name": "${ .x }"}), "wrong-type", "/do/0/a/run/workflow/name"),
    "run without a name": (run(asked={"name": ""}), "wrong-value", "/do/0/a/run/workflow/name"),
    "run a path": (run(asked={"name": "a/b"}), "wrong-value", "/do/0/a/run/workflow/name"),
    "run with a text": (run(asked={"input": "${ . }"}), "wrong-type", "/do/0/a/run/workflow/input"),
    "run and wait": (run(**{"await": "yes"}), "wrong-type", "/do/0/a/run/await"),
    "run and return more": (run(**{"return": "output"}), "wrong-value", "/do/0/a/run/return"),
    "run in": (run(asked={"in": 1}), "unknown-field", "/do/0/a/run/workflow/in"),
    "emit nothing": (task({"emit": {}}), "missing-field", "/do/0/a/emit"),
    "emit without attributes": (task({"emit": {"event": {}}}), "missing-field", "/do/0/a/emit/event"),
    "emit without type": (
        task({"emit": {"event": {"with": {"id": "1"}}}}),
        "missing-field",
        "/do/0/a/emit/event/with",
    ),
    "emit more": (
        task({"emit": {"event": {"with": {"type": "x"}, "to": "y"}}}),
        "unknown-field",
        "/do/0/a/emit/event/to",
    ),
    **{
        f"emit {name}": (
            task({"emit": {"event": {"with": {"type": "x", name: value}}}}),
            rule,
            f"/do/0/a/emit/event/with/{name}",
        )
        for name, value, rule in (
            ("Order", 1, "wrong-value"),
            ("data_base64", "AA==", "wrong-value"),
            ("order", {}, "wrong-type"),
            ("order", 1.5, "wrong-type"),
            ("subject", "", "wrong-value"),
            ("id", 1, "wrong-type"),
            ("source", "a b", "wrong-value"),
            ("time", "tomorrow", "wrong-value"),
        )
    },
    "listen to two": (task({"listen": {"to": {"one": {}, "any": []}}}), "wrong-value", "/do/0/a/listen/to"),
    "listen to nothing": (task({"listen": {"to": {"all": []}}}), "missing-field", "/do/0/a/listen/to/all"),
    "listen without filter": (
        task({"listen": {"to": {"one": {"with": {}}}}}),
        "missing-field",
        "/do/0/a/listen/to/one/with",
    ),
    "until of one": (
        task({"listen": {"to": {"one": {"with": {"type": "x"}}, "until": ".x"}}}),
        "unknown-field",
        "/do/0/a/listen/to/until",
    ),
    "until without quotes": (
        task({"listen": {"to": {"any": [], "until": False}}}),
        "wrong-type",
        "/do/0/a/listen/to/until",
    ),
    "until until": (
        task({"listen": {"to": {"any": [], "until": {"any": [], "until": "."}}}}),
        "unknown-field",
        "/do/0/a/listen/to/until/until",
    ),
    "until nothing": (
        task({"listen": {"to": {"any": [], "until": {}}}}),
        "wrong-value",
        "/do/0/a/listen/to/until",
    ),
    "foreach the same names": (
        task({"listen": {"to": {"any": []}}, "foreach": {"item": "x", "at": "x"}}),
        "wrong-value",
        "/do/0/a/foreach",
    ),
    "foreach while": (
        task({"listen": {"to": {"any": []}}, "foreach": {"while": ".x"}}),
        "unknown-field",
        "/do/0/a/foreach/while",
    ),
    "item outside": (
        task({"listen": {"to": {"any": []}}, "foreach": {}, "output": {"as": "$item"}}),
        "unknown-variable",
        "/do/0/a/output/as",
    ),
    "foreach alone": (task({"set": {"x": 1}, "foreach": {}}), "unknown-field", "/do/0/a/foreach"),
    "correlate without from": (
        task({"listen": {"to": {"one": {"with": {"type": "x"}, "correlate": {"k": {"expect": "1"}}}}}}),
        "missing-field",
        "/do/0/a/listen/to/one/correlate/k",
    ),
    "correlate with a number": (
        task(
            {
                "listen": {
                    "to": {"one": {"with": {"type": "x"}, "correlate": {"k": {"from": ".", "expect": 1}}}}
                }
            }
        ),
        "wrong-type",
        "/do/0/a/listen/to/one/correlate/k/expect",
    ),
    "listen and read": (
        task({"listen": {"to": {"any": []}, "read": "body"}}),
        "wrong-value",
        "/do/0/a/listen/read",
    ),
    "unknown function": (task({"call": "agnt"}), "unknown-function", "/do/0/a/call"),
    "call is no text": (task({"call": ["agent"]}), "wrong-type", "/do/0/a/call"),
    "neither agent nor capability": (agent(), "missing-field", "/do/0/a/with"),
    "agent and capability": (agent(agent="a", capability="b"), "conflicting-fields", "/do/0/a/with"),
    "agent argument": (agent(capability="b", inputs={}), "unknown-field", "/do/0/a/with/inputs"),
    "capability expression": (agent(capability="${ .x }"), "wrong-type", "/do/0/a/with/capability"),
    "agent name": (agent(agent="a b"), "wrong-value", "/do/0/a/with/agent"),
    "label": (agent(agent="a", select={"require": {"x": 1}}), "wrong-type", "/do/0/a/with/select/require/x"),
    "another agent of one": (agent(agent="a", reroute=True), "conflicting-fields", "/do/0/a/with/reroute"),
    "no other agents": (agent(capability="b", reroute={"max": 0}), "wrong-value", "/do/0/a/with/reroute/max"),
    "reroute no": (agent(capability="b", reroute=False), "wrong-type", "/do/0/a/with/reroute"),
    "other agents of many": (
        agent(capability="b", reroute=True, fanout={"to": "all"}),
        "conflicting-fields",
        "/do/0/a/with/reroute",
    ),
    "unknown end of a failure": (
        agent(capability="b", onFailure="deadletter"),
        "wrong-value",
        "/do/0/a/with/onFailure",
    ),
    "no title": (task({"call": "human", "with": {}}), "missing-field", "/do/0/a/with"),
    "no decisions": (human(decisions=[]), "wrong-value", "/do/0/a/with/decisions"),
    "decision twice": (human(decisions=["a", "a"]), "wrong-value", "/do/0/a/with/decisions"),
    "form": (human(form={"type": 3}), "schema", "/do/0/a/with/form/type"),
    "no endpoint": (task({"call": "http", "with": {"method": "get"}}), "missing-field", "/do/0/a/with"),
    "method": (http(method="fetch"), "wrong-value", "/do/0/a/with/method"),
    "endpoint": (http(endpoint="example.com/x"), "endpoint", "/do/0/a/with/endpoint"),
    "endpoint with spaces": (http(endpoint="https://e x/"), "endpoint", "/do/0/a/with/endpoint"),
    "endpoint mixed": (http(endpoint="https://example.com/${.a}"), "endpoint", "/do/0/a/with/endpoint"),
    "header": (http(headers={"x": 1}), "wrong-type", "/do/0/a/with/headers/x"),
    "query": (http(query=[1]), "wrong-type", "/do/0/a/with/query"),
    "http output": (http(output="json"), "wrong-value", "/do/0/a/with/output"),
    "http variable": (http(body={"x": ["${ $y }"]}), "unknown-variable", "/do/0/a/with/body/x/0"),
    "function taken": (
        document({"a": SET}, use={"functions": {"agent": SET}}),
        "wrong-value",
        "/use/functions/agent",
    ),
    "function unused and bad": (
        document({"a": SET}, use={"functions": {"f": {"call": "agent", "with": {}}}}),
        "missing-field",
        "/use/functions/f/with",
    ),
    "function with input": (
        document({"a": {"call": "f", "with": {"x": "${ $input }"}}}, use={"functions": {"f": AGENT}}),
        "unknown-variable",
        "/do/0/a/with/x",
    ),
    "not JSON": (document({"a": {"set": {"x": {1, 2}}}}), "wrong-type", "/do/0/a/set/x"),
    "not a number": (document({"a": {"set": {"x": float("nan")}}}), "wrong-type", "/do/0/a/set/x"),
    "too large a number": (document({"a": {"set": {"x": 10**30}}}), "wrong-type", "/do/0/a/set/x"),
    "a number as name": (document({"a": {"set": {1: "x"}}}), "wrong-type", "/do/0/a/set"),
    "half a character": (document({"a": {"set": {"x": "\ud800"}}}), "wrong-type", "/do/0/a/set/x"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_refused_at_its_place(name: str) -> None:
    value, rule, path = BAD[name]
    assert problems_of(value) == [(rule, path)] or (rule, path) in problems_of(value)[:2]


def test_every_problem_is_told_at_once_and_in_the_order_of_reading() -> None:
    value = document({"a": {"cal": "x"}}, {"b": {"wait": "x"}}, {"c": {**SET, "then": "z"}}, usee={})
    assert problems_of(value) == [
        ("unknown-field", "/usee"),
        ("unknown-task", "/do/0/a"),
        ("duration", "/do/1/b/wait"),
        ("unknown-target", "/do/2/c/then"),
    ]


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (task({"cal": "agent"}), "Did you mean `call`?"),
        (task({"call": "agnet"}), "Did you mean `agent`?"),
        (task({**SET, "outputs": {}}), "Did you mean `output`?"),
        (document({"first": SET}, {"b": {**SET, "then": "frist"}}), "Did you mean `first`?"),
        (task({"set": {"x": "${ $contxt }"}}), "Did you mean `context`?"),
        (agent(capabilty="x"), "Did you mean `capability`?"),
        (task({"call": "tol"}), "Did you mean `tool`?"),
        (task({"call": "tool", "with": {"tool": "a", "arg": {}}}), "Did you mean `args`?"),
        (
            task({**SET, "timeout": "lng"}) | {"use": {"timeouts": {"long": {"after": "PT1S"}}}},
            "Did you mean `long`?",
        ),
    ],
)
def test_a_slip_is_met_with_the_likeliest_word(value: Any, hint: str) -> None:
    _, problems = compile_workflow(value, "sha256:0")
    assert any(hint in problem.message for problem in problems), problems


def test_what_is_wrong_in_a_function_is_told_once() -> None:
    functions = {"f": {"set": {"x": "${ $nope }"}}}
    calls = [{name: {"call": "f"}} for name in ("a", "b", "c")]
    assert problems_of(document(*calls, use={"functions": functions})) == [
        ("unknown-variable", "/use/functions/f/set/x")
    ]


@pytest.mark.parametrize(
    "functions",
    [
        {"f": {"call": "f"}},
        {"f": {"do": [{"a": {"call": "g"}}]}, "g": {"try": [{"b": {"call": "f"}}], "catch": {}}},
    ],
)
def test_functions_that_call_themselves_are_refused(functions: Any) -> None:
    found = problems_of(document({"a": SET}, use={"functions": functions}))
    assert {rule for rule, _ in found} == {"circular"}


def test_a_document_that_multiplies_is_refused() -> None:
    functions: dict[str, Any] = {"f0": SET}
    for number in range(1, 40):
        functions[f"f{number}"] = {
            "do": [{"a": {"call": f"f{number - 1}"}}, {"b": {"call": f"f{number - 1}"}}]
        }
    found = problems_of(document({"a": {"call": "f39"}}, use={"functions": functions}))
    assert {rule for rule, _ in found} == {"too-large"}


@pytest.mark.parametrize("depth", [130, 250, 5000])
def test_a_document_that_nests_too_deep_is_refused(depth: int) -> None:
    value: Any = SET
    for _ in range(depth):
        value = {"do": [{"a": value}]}
    assert problems_of(task(value))[0][0] == "too-large"


def test_shared_parts_that_unfold_without_end_are_refused() -> None:
    value: Any = {"x": 1}
    for _ in range(60):
        value = {"a": value, "b": value}
    assert problems_of(task({"set": value}))[0][0] == "too-large"
