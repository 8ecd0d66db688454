"""`authentication`: what compiles, and what is refused where."""

from __future__ import annotations

from typing import Any

import pytest

from podium.facts.secrets import placeholder
from podium.workflow.compile import compile_workflow
from podium.workflow.program import CallHttp
from tests.workflow.documents import DOCUMENTS, document, problems_of

GET = {"method": "get"}
OAUTH2 = {
    "authority": "https://issuer/x",
    "grant": "client_credentials",
    "client": {"id": "a", "secret": "b"},
}


def calling(authentication: Any, use: Any = None, **more: Any) -> dict[str, Any]:
    endpoint = {"uri": "https://example.com", "authentication": authentication}
    call = {"call": "http", "with": {"method": "get", "endpoint": endpoint, **more}}
    return document({"a": call}, use=use or {})


def test_policies_become_expressions() -> None:
    program, problems = compile_workflow(DOCUMENTS["authentication"], "sha256:0")
    assert program is not None, problems
    calls = {node.name: node.detail for node in program.nodes if isinstance(node.detail, CallHttp)}
    proofs = {name: call.authentication for name, call in calls.items()}
    schemes = {name: proof.scheme for name, proof in proofs.items() if proof is not None}
    assert schemes == {"basic": "Basic", "digest": "Digest", "bearer": "Bearer", "named": "Bearer"}
    data = {"login": "l", "password": "p", "keys": {"api": "k"}, "scope": "s", "clientSecret": "c"}
    given = {
        name: proof.policy.native(data, {})
        for name, proof in proofs.items()
        if proof is not None and proof.policy.native is not None
    }
    assert given["basic"] == {"basic": {"username": "l", "password": "p"}}
    assert given["digest"] == {"digest": placeholder("login")}
    assert given["bearer"] == {"bearer": {"token": "k"}}
    assert given["named"]["oauth2"]["scopes"] == ["read", "s"]
    assert calls["bearer"].request.arguments == ("authorization",)


def test_every_policy_may_stand_in_a_secret() -> None:
    for kind in ("basic", "bearer", "digest", "oauth2", "oidc"):
        program, problems = compile_workflow(calling({kind: {"use": "x"}}, {"secrets": ["x"]}), "sha256:0")
        assert program is not None, problems


AT = "/do/0/a/with/endpoint/authentication"


@pytest.mark.parametrize(
    ("authentication", "rule", "path"),
    [
        ("x", "wrong-type", ""),
        ({}, "wrong-value", ""),
        ({"basic": {"username": "a", "password": "b"}, "bearer": {"token": "c"}}, "wrong-value", ""),
        ({"certificate": {}}, "unknown-field", "/certificate"),
        ({"basic": "x"}, "wrong-type", "/basic"),
        ({"basic": {"username": "a"}}, "missing-field", "/basic"),
        ({"basic": {"username": "a", "password": 1}}, "wrong-type", "/basic/password"),
        ({"bearer": {"token": "${ .x"}}, "expression", "/bearer/token"),
        ({"bearer": {"token": "${ $secrets.x }"}}, "unknown-variable", "/bearer/token"),
        ({"bearer": {"token": "a", "use": "known"}}, "unknown-field", "/bearer/token"),
        ({"basic": {"use": "x"}}, "unknown-secret", "/basic/use"),
        ({"use": "missing"}, "unknown-name", "/use"),
        ({"use": "mine", "basic": {"use": "y"}}, "unknown-field", "/basic"),
        ({"oauth2": {"authority": "https://x", "client": OAUTH2["client"]}}, "missing-field", "/oauth2"),
        ({"oauth2": {**OAUTH2, "authority": "${ .x }"}}, "wrong-type", "/oauth2/authority"),
        ({"oauth2": {**OAUTH2, "authority": "/relative"}}, "endpoint", "/oauth2/authority"),
        ({"oauth2": {**OAUTH2, "grant": "x"}}, "wrong-value", "/oauth2/grant"),
        ({"oauth2": {**OAUTH2, "grant": "refresh_token"}}, "configuration", "/oauth2/grant"),
        ({"oauth2": {**OAUTH2, "grant": "password"}}, "missing-field", "/oauth2"),
        ({"oauth2": {**OAUTH2, "client": {"id": "a"}}}, "missing-field", "/oauth2/client"),
        (
            {"oauth2": {**OAUTH2, "client": {"assertion": "x", "id": "a", "secret": "b"}}},
            "configuration", "/oauth2/client/assertion",
        ),
        ({"oauth2": {**OAUTH2, "scopes": "x"}}, "wrong-type", "/oauth2/scopes"),
        ({"oauth2": {**OAUTH2, "scopes": [1]}}, "wrong-type", "/oauth2/scopes/0"),
        ({"oauth2": {**OAUTH2, "request": {"encoding": "x"}}}, "wrong-value", "/oauth2/request/encoding"),
        ({"oauth2": {**OAUTH2, "subject": {"token": "x", "type": "y"}}}, "configuration", "/oauth2/subject"),
        ({"oauth2": {**OAUTH2, "endpoints": {"token": "${ .x }"}}}, "wrong-type", "/oauth2/endpoints/token"),
        ({"oauth2": {**OAUTH2, "endpoints": {"token": "a b"}}}, "endpoint", "/oauth2/endpoints/token"),
        ({"oidc": {**OAUTH2, "endpoints": {"token": "/x"}}}, "unknown-field", "/oidc/endpoints"),
        (
            {"oauth2": {**OAUTH2, "client": {"id": "a", "authentication": "private_key_jwt", "secret": "b"}}},
            "configuration", "/oauth2/client/authentication",
        ),
    ],
)  # fmt: skip
def test_refusals(authentication: Any, rule: str, path: str) -> None:
    use = {"secrets": ["known"], "authentications": {"mine": {"basic": {"use": "known"}}}}
    ((found, where),) = set(problems_of(calling(authentication, use)))
    assert found == rule
    assert where == AT + path


def test_a_policy_for_reuse_is_checked_whether_it_is_used_or_not() -> None:
    use = {"authentications": {"mine": {"basic": {}}}}
    unused = document({"a": {"set": {"x": 1}}}, use=use)
    assert {path for _, path in problems_of(unused)} == {"/use/authentications/mine/basic"}


def test_authorization_is_there_where_it_is_known_before_the_request() -> None:
    bearer = {"bearer": {"token": "x"}}
    program, _ = compile_workflow(calling(bearer, body="${ $authorization.parameter }"), "sha256:0")
    assert program is not None
    login = {"digest": {"username": "a", "password": "b"}}
    (problem,) = problems_of(calling(login, body="${ $authorization.parameter }"))
    assert problem[0] == "unknown-variable"
    call = {"call": "http", "with": {**GET, "endpoint": "https://x", "body": "${ $authorization }"}}
    assert problems_of(document({"a": call}))[0][0] == "unknown-variable"


def test_the_header_is_made_once() -> None:
    (problem,) = problems_of(calling({"bearer": {"token": "x"}}, headers={"AUTHORIZATION": "y"}))
    assert problem == ("conflicting-fields", "/do/0/a/with/headers/AUTHORIZATION")
