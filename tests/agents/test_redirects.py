"""Redirects of workflows' calls: followed where that is wanted, and nothing private goes to strangers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from podium.agents.authorizing import Authorizer
from podium.agents.http_call import HttpCallAdapter
from podium.agents.interface import AttemptFailed
from podium.agents.requesting import Sender
from podium.agents.web import Web
from tests.agents.attempts import Attempted, agent
from tests.agents.servers import Asked, Server, response

SECRET = "swordfish-and-chips"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def call(there: Callable[[Asked], bytes], **request: Any) -> tuple[Any, list[Asked], list[Asked]]:
    """Calls a server that redirects to `/there` of another one or, for `/here`, to itself."""

    async def whole() -> tuple[Any, list[Asked], list[Asked]]:
        web = Web()
        async with Server(there) as second:

            def first(asked: Asked) -> bytes:
                if asked.target == "/there":
                    return there(asked)
                status, _, target = asked.target[1:].partition("-")
                location = second.url + "/there" if target == "away" else "/there"
                return response(int(status), b"", f"Location: {location}")

            async with Server(first) as server:
                path = request.pop("path")
                attempt = Attempted({"endpoint": server.url + path, "redirect": True, **request})
                attempt.hide("fish", SECRET)
                adapter = HttpCallAdapter(Sender(web, Authorizer(web)))
                try:
                    performed = await adapter.perform(agent(Path(), {}), attempt)
                finally:
                    await web.close()
                return performed.output, server.asked, second.asked

    return asyncio.run(whole())


def ok(asked: Asked) -> bytes:
    return response(200, b"" if asked.method == "HEAD" else b'"arrived"')


@pytest.mark.parametrize(
    ("status", "method", "then", "keeps"),
    [
        (301, "GET", "GET", False), (302, "POST", "GET", False), (301, "PUT", "PUT", True),
        (303, "PUT", "GET", False), (303, "HEAD", "HEAD", False), (307, "POST", "POST", True),
        (308, "DELETE", "DELETE", False),
    ],
)  # fmt: skip
def test_the_method_is_kept_or_becomes_get(status: int, method: str, then: str, keeps: bool) -> None:
    body = {"x": 1} if method in ("POST", "PUT") else None
    _, (first, second), _ = call(ok, path=f"/{status}-here", method=method, body=body)
    assert (first.method, second.method) == (method, then)
    assert (second.body == b'{"x":1}') == keeps
    assert ("content-type" in second.headers) == keeps


def test_the_answer_is_that_of_the_last_place() -> None:
    output, _, there = call(ok, path="/302-away", method="GET", output="response")
    assert (output["statusCode"], output["content"]) == (200, "arrived")
    assert output["request"]["uri"].endswith("/there") and len(there) == 1


def test_without_redirect_it_is_an_error() -> None:
    with pytest.raises(AttemptFailed) as caught:
        call(ok, path="/302-here", method="GET", redirect=False)
    assert (caught.value.kind, caught.value.status) == ("communication", 302)


@pytest.mark.parametrize("status", [300, 304])
def test_what_leads_nowhere_is_the_answer(status: int) -> None:
    output, _, _ = call(lambda _: response(status), path="/302-here", method="GET", output="response")
    assert output["statusCode"] == status


def test_an_error_at_the_end_is_an_error() -> None:
    with pytest.raises(AttemptFailed) as caught:
        call(lambda _: response(404), path="/302-here", method="GET")
    assert caught.value.status == 404


def test_a_circle_ends() -> None:
    with pytest.raises(AttemptFailed) as caught:
        call(lambda _: response(302, headers="Location: /there"), path="/302-here", method="GET")
    assert "more than 10 times" in caught.value.title


def test_only_the_web_is_followed() -> None:
    with pytest.raises(AttemptFailed) as caught:
        call(lambda _: response(302, headers="Location: file:///etc/passwd"), path="/302-here", method="GET")
    assert "no web address" in caught.value.title


def test_credentials_stay_with_their_origin() -> None:
    private = {"Cookie": "a=b", "X-Key": f"key {SECRET}", "X-Plain": "plain"}
    login = {"basic": {"username": "someone", "password": SECRET}}
    _, (first, second), _ = call(ok, path="/307-here", method="GET", headers=private, authentication=login)
    assert second.headers["authorization"] == first.headers["authorization"]
    assert second.headers["x-key"] == private["X-Key"]
    _, _, (there,) = call(ok, path="/307-away", method="GET", headers=private, authentication=login)
    assert there.headers["x-plain"] == "plain"
    assert not {"authorization", "cookie", "x-key"} & there.headers.keys()
    assert SECRET not in str(there.headers)


def test_a_digest_is_not_made_for_strangers() -> None:
    def asks(asked: Asked) -> bytes:
        return response(
            401, headers='WWW-Authenticate: Digest realm="x", qop="auth", nonce="n", algorithm=MD5'
        )

    with pytest.raises(AttemptFailed) as caught:
        call(
            asks,
            path="/302-away",
            method="GET",
            authentication={"digest": {"username": "a", "password": "b"}},
        )
    assert caught.value.status == 401


def test_a_body_with_a_secret_is_not_sent_to_strangers() -> None:
    _, (_, second), _ = call(ok, path="/307-here", method="POST", body={"key": SECRET})
    assert SECRET.encode() in second.body
    with pytest.raises(AttemptFailed) as caught:
        call(ok, path="/307-away", method="POST", body={"key": SECRET})
    assert "another origin" in caught.value.title
    _, _, (there,) = call(ok, path="/307-away", method="POST", body={"key": "public"})
    assert there.body == b'{"key":"public"}'
