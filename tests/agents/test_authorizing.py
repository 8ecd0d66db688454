"""Authentication of workflows' calls, against servers that check it."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from podium.agents.authorizing import Authorizer
from podium.agents.http_call import HttpCallAdapter
from podium.agents.interface import AttemptFailed
from podium.agents.requesting import Sender
from podium.agents.web import Web
from podium.facts.secrets import AUTHORIZATION
from tests.agents.attempts import Attempted, agent
from tests.agents.authorities import Authority, basic, digest
from tests.agents.servers import Answering, Asked, Server, response

T = TypeVar("T")
CLIENT = {"id": "client of ours", "secret": "its secret: 1+1"}


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


class Calls:
    """Calls of one worker, which keeps its tokens between them, at a clock that the test moves."""

    def __init__(self, web: Web, url: str) -> None:
        self.now = 0.0
        self.url = url
        self._adapter = HttpCallAdapter(Sender(web, Authorizer(web, lambda: self.now)))

    async def __call__(self, policy: Any, **request: Any) -> Any:
        call = {"endpoint": f"{self.url}/thing", "method": "GET", "authentication": policy, **request}
        attempt = Attempted(call, kind="http", agent="")
        performed = await self._adapter.perform(agent(Path(), {}), attempt)
        return attempt.veil.masked(performed.output)


def at(answering: Answering, scenario: Callable[[Calls, Server], Awaitable[T]]) -> T:
    async def whole() -> T:
        web = Web()
        try:
            async with Server(answering) as server:
                return await scenario(Calls(web, server.url), server)
        finally:
            await web.close()

    return asyncio.run(whole())


def one(answering: Answering, policy: Any, **request: Any) -> Any:
    async def scenario(calls: Calls, _: Server) -> Any:
        made = json.loads(json.dumps(policy).replace("{url}", calls.url))
        return await calls(made, **request)

    return at(answering, scenario)


def failure(answering: Answering, policy: Any, **request: Any) -> AttemptFailed:
    with pytest.raises(AttemptFailed) as caught:
        one(answering, policy, **request)
    return caught.value


def oauth2(**changes: Any) -> Any:
    return {"oauth2": {"authority": "{url}", "grant": "client_credentials", "client": CLIENT, **changes}}


# --- basic, bearer, digest


def test_basic() -> None:
    login = {"username": "grün", "password": "a:b"}
    assert one(basic("grün", "a:b"), {"basic": login}) == {"ok": True}
    assert failure(basic("grün", "other"), {"basic": login}).status == 401


@pytest.mark.parametrize("policy", [{"bearer": {"token": "abc.def"}}, {"bearer": "abc.def"}])
def test_bearer(policy: Any) -> None:
    def answer(asked: Asked) -> bytes:
        return response(200 if asked.headers.get("authorization") == "Bearer abc.def" else 401, b"1")

    assert one(answer, policy) == 1


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_digest(algorithm: str) -> None:
    login = {"username": "ann", "password": "pass word"}
    assert one(digest("ann", "pass word", algorithm), {"digest": login}) == {"ok": True}
    assert failure(digest("ann", "another", algorithm), {"digest": login}).status == 401


def test_digest_sends_the_body_again() -> None:
    async def scenario(calls: Calls, server: Server) -> list[bytes]:
        await calls({"digest": {"username": "a", "password": "b"}}, method="POST", body={"x": 1})
        return [asked.body for asked in server.asked]

    assert at(digest("a", "b"), scenario) == [b'{"x":1}', b'{"x":1}']


def test_a_digest_of_a_kind_that_nobody_speaks_is_a_configuration_error() -> None:
    refused = failure(digest("a", "b", qop="auth-int"), {"digest": {"username": "a", "password": "b"}})
    assert (refused.kind, refused.retryable) == ("configuration", False)


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ({"basic": "no object"}, "no policy for `basic`"),
        ({"basic": {"username": "hush"}}, "no policy for `basic`"),
        ({"basic": {"username": "hush", "password": 5}}, "at $.password"),
        ({"basic": {"username": "hu:sh", "password": "x"}}, "must not hold `:`"),
        ({"bearer": {"tokens": "hush"}}, "no policy for `bearer`"),
        ({"oauth2": {"authority": "https://x", "grant": "hush"}}, "at $.grant"),
        ({"oauth2": {"authority": "https://x", "grant": "password", "client": {"hush": 1}}}, "at $.client"),
    ],
)
def test_what_is_no_policy_is_told_without_what_it_holds(policy: Any, said: str) -> None:
    refused = failure(lambda _: response(200), policy)
    assert (refused.kind, refused.unstarted) == ("configuration", True)
    assert said in refused.title and "hush" not in refused.title + refused.detail


def test_the_header_is_masked_in_what_a_task_sees() -> None:
    basic_login = {"basic": {"username": "someone", "password": "swordfish"}}

    def echo(asked: Asked) -> bytes:
        return response(200, json.dumps({"you": asked.headers["authorization"]}).encode())

    told = one(echo, basic_login, output="response")
    assert told["request"]["headers"]["authorization"] == "Basic (secret authorization)"
    assert told["content"] == {"you": "Basic (secret authorization)"}
    assert base64.b64encode(b"someone:swordfish").decode() not in json.dumps(told)


def test_the_parameter_stands_where_the_request_asks_for_it() -> None:
    async def scenario(calls: Calls, server: Server) -> Asked:
        await calls(
            {"bearer": {"token": "abc.def"}}, method="POST", endpoint=f"{calls.url}/{AUTHORIZATION}",
            headers={"X-Token": f"t {AUTHORIZATION}"}, query={"q": AUTHORIZATION},
            body=[{"a": AUTHORIZATION}],
        )  # fmt: skip
        return server.asked[0]

    asked = at(lambda _: response(200), scenario)
    assert (asked.target, asked.headers["x-token"]) == ("/abc.def?q=abc.def", "t abc.def")
    assert asked.body == b'[{"a":"abc.def"}]'


# --- oauth2


@pytest.mark.parametrize(
    ("changes", "members"),
    [
        ({}, {"client_id": CLIENT["id"], "client_secret": CLIENT["secret"]}),
        (
            {"client": {**CLIENT, "authentication": "client_secret_basic"}},
            {"header": [CLIENT["id"], CLIENT["secret"]]},
        ),
        ({"client": {"id": "public", "authentication": "none"}}, {"client_id": "public"}),
        (
            {"scopes": ["read", "write"], "audiences": ["https://x"], "client": {"id": "a", "secret": "b"}},
            {"scope": "read write", "audience": "https://x", "client_id": "a", "client_secret": "b"},
        ),
        (
            {"request": {"encoding": "application/json"}, "audiences": ["x", "y"]},
            {"audience": ["x", "y"], "client_id": CLIENT["id"], "client_secret": CLIENT["secret"]},
        ),
    ],
)  # fmt: skip
def test_a_token_is_asked_for_as_the_policy_says(changes: Any, members: Any) -> None:
    authority = Authority()
    assert one(authority, oauth2(**changes)) == {"ok": True}
    assert authority.asked == [{"grant_type": "client_credentials", **members}]


def test_the_grant_of_a_password() -> None:
    authority = Authority()
    changes = {"grant": "password", "username": "ann", "password": "p", "client": {"id": "c"}}
    assert one(authority, oauth2(**changes)) == {"ok": True}
    assert authority.asked == [
        {"grant_type": "password", "client_id": "c", "username": "ann", "password": "p"}
    ]


@pytest.mark.parametrize(
    ("endpoints", "path"),
    [
        ({"token": "/auth/token"}, "/realm/auth/token"),
        ({}, "/realm/oauth2/token"),
        ({"token": "t"}, "/realm/t"),
    ],
)
def test_the_token_endpoint_is_relative_to_the_authority(endpoints: Any, path: str) -> None:
    assert one(Authority(path), oauth2(authority="{url}/realm/", endpoints=endpoints)) == {"ok": True}
    assert one(Authority("/t"), oauth2(authority="http://no", endpoints={"token": "{url}/t"})) == {"ok": True}


def test_a_token_is_kept_until_it_ends_soon() -> None:
    authority = Authority(expires_in=100)

    async def scenario(calls: Calls, _: Server) -> list[int]:
        policy = {"oauth2": {**oauth2()["oauth2"], "authority": calls.url}}
        other = {"oauth2": {**policy["oauth2"], "scopes": ["more"]}}
        authority.valid = 9
        given = []
        for now, asked in ((0, policy), (69, policy), (69, other), (71, policy), (72, other)):
            calls.now = now
            await calls(asked)
            given.append(len(authority.tokens))
        return given

    assert at(authority, scenario) == [1, 1, 2, 3, 3]


def test_many_at_once_share_one_token() -> None:
    authority = Authority()

    async def scenario(calls: Calls, _: Server) -> None:
        policy = {"oauth2": {**oauth2()["oauth2"], "authority": calls.url}}
        await asyncio.gather(*(calls(policy) for _ in range(10)))

    at(authority, scenario)
    assert len(authority.tokens) == 1


def test_a_kept_token_that_is_refused_is_replaced_once() -> None:
    authority = Authority()

    async def scenario(calls: Calls, server: Server) -> Any:
        policy = {"oauth2": {**oauth2()["oauth2"], "authority": calls.url}}
        await calls(policy, method="POST", body=1)
        authority.tokens.append("revoked the first")
        await calls(policy, method="POST", body=2)
        authority.tokens.append("revoked the next")
        authority.token_of = lambda _: "of no use"
        authority.valid = 0
        with pytest.raises(AttemptFailed) as caught:
            await calls(policy)
        return [asked.target for asked in server.asked], caught.value.status

    targets, status = at(authority, scenario)
    renewed = ["/thing", "/oauth2/token", "/thing"]
    assert targets == ["/oauth2/token", "/thing", *renewed, *renewed]
    assert status == 401


def test_a_token_is_masked_in_what_a_task_sees() -> None:
    authority = Authority()
    told = one(authority, oauth2(), output="response")
    assert "token-number" not in json.dumps(told)
    assert told["request"]["headers"]["authorization"] == "Bearer (secret authorization)"


@pytest.mark.parametrize(
    ("answer", "kind", "retryable", "said"),
    [
        (response(400, b'{"error": "invalid_client"}'), "authentication", False, "(400)"),
        (response(401), "authentication", False, "(401)"),
        (response(503), "communication", True, "answered 503"),
        (response(200, b"<html>"), "authentication", False, "JSON object"),
        (response(200, b'{"token": 1}'), "authentication", False, "no bearer token"),
        (response(200, b'{"access_token": "x", "token_type": "mac"}'), "authentication", False, "no bearer"),
        (b"", "communication", True, "broke"),
    ],
)
def test_an_authority_that_gives_no_token(answer: bytes, kind: str, retryable: bool, said: str) -> None:
    authority = Authority()
    authority.failure = answer
    refused = failure(lambda asked: answer if asked.target == "/oauth2/token" else authority(asked), oauth2())
    assert (refused.kind, refused.retryable, refused.unstarted) == (kind, retryable, True)
    assert said in refused.title


def test_issuers_of_a_token() -> None:
    claims = base64.urlsafe_b64encode(json.dumps({"iss": "https://issuer"}).encode()).decode().rstrip("=")
    authority = Authority()
    authority.token_of = lambda _: f"e30.{claims}.c2ln"
    assert one(authority, oauth2(issuers=["https://issuer"])) == {"ok": True}
    assert "none of the `issuers`" in failure(authority, oauth2(issuers=["https://other"])).title
    authority.token_of = lambda _: "opaque"
    assert "none of the `issuers`" in failure(authority, oauth2(issuers=["https://issuer"])).title


# --- oidc


def test_the_token_endpoint_is_discovered_once() -> None:
    authority = Authority("/somewhere/token", expires_in=0)

    async def scenario(calls: Calls, server: Server) -> list[str]:
        authority.issuer = f"{calls.url}/realm"
        policy = {"oidc": {**oauth2()["oauth2"], "authority": f"{calls.url}/realm/"}}
        await calls(policy)
        await calls(policy)
        return [asked.target for asked in server.asked]

    discovered = ["/realm/.well-known/openid-configuration"]
    assert at(authority, scenario) == [*discovered, *["/somewhere/token", "/thing"] * 2]


def test_an_authority_that_speaks_for_another_is_not_believed() -> None:
    authority = Authority()
    authority.issuer = "https://other"
    policy = {"oidc": oauth2()["oauth2"]}
    assert "another issuer" in failure(authority, policy).title
    assert failure(lambda _: response(404), policy).kind == "authentication"
