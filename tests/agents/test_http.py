"""HTTP agents and the workflow's `call: http`, over real connections."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from podium.agents import web as webs
from podium.agents.authorizing import Authorizer
from podium.agents.http import HttpAdapter
from podium.agents.http_call import HttpCallAdapter
from podium.agents.interface import AttemptFailed
from podium.agents.requesting import Sender
from podium.agents.web import Web
from tests.agents.attempts import Attempted, agent
from tests.agents.servers import Answering, Server, response

T = TypeVar("T")


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def with_server(answering: Answering, scenario: Callable[[Server, Web], Awaitable[T]]) -> T:
    async def whole() -> T:
        web = Web()
        try:
            async with Server(answering) as server:
                return await scenario(server, web)
        finally:
            await web.close()

    return asyncio.run(whole())


def ask(answering: Answering, input: Any = None, **headers: str) -> tuple[Any, Server]:
    async def scenario(server: Server, web: Web) -> tuple[Any, Server]:
        runtime = {"type": "http", "url": server.url + "/agent", "headers": headers}
        performed = await HttpAdapter(web).perform(agent(Path(), runtime), Attempted(input))
        return performed.output, server

    return with_server(answering, scenario)


def refused(answering: Answering) -> AttemptFailed:
    with pytest.raises(AttemptFailed) as caught:
        ask(answering)
    return caught.value


def call(answering: Answering, **request: Any) -> tuple[Any, Server]:
    async def scenario(server: Server, web: Web) -> tuple[Any, Server]:
        attempt = Attempted({"endpoint": server.url + "/thing", **request}, kind="http", agent="")
        performed = await HttpCallAdapter(Sender(web, Authorizer(web))).perform(agent(Path(), {}), attempt)
        return performed.output, server

    return with_server(answering, scenario)


# --- agents


def test_the_input_is_posted_and_the_answer_is_the_output(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_OF_IT", "abc")
    output, server = ask(
        lambda asked: response(200, b'{"echo": %s}' % asked.body),
        {"n": 1},
        Authorization="Bearer ${TOKEN_OF_IT}",
    )
    assert output == {"echo": {"n": 1}}
    asked = server.asked[0]
    assert (asked.method, asked.target) == ("POST", "/agent")
    assert asked.headers["authorization"] == "Bearer abc"
    assert asked.headers["content-type"] == "application/json"
    assert asked.headers["idempotency-key"] == "key-1"
    assert asked.headers["x-podium-run"] == "r1"
    assert asked.headers["x-podium-task"] == "/do/0/x"
    assert asked.headers["x-podium-attempt"] == "2"
    assert asked.headers["traceparent"].startswith("00-")


def test_an_empty_answer_is_null() -> None:
    assert ask(lambda _: response(204, headers=""))[0] is None


@pytest.mark.parametrize(
    ("status", "retryable"),
    [
        (400, False),
        (401, False),
        (404, False),
        (408, True),
        (425, True),
        (429, True),
        (500, True),
        (503, True),
    ],
)
def test_statuses_that_may_pass_are_retryable(status: int, retryable: bool) -> None:
    failure = refused(lambda _: response(status, b'{"title": "why"}'))
    assert (failure.status, failure.retryable, failure.kind) == (status, retryable, "communication")
    assert failure.title == f"a answered {status}"
    assert "why" in failure.detail


def test_redirects_are_not_followed() -> None:
    failure = refused(lambda _: response(302, headers="Location: http://127.0.0.1:1/"))
    assert failure.status == 302


def test_an_answer_that_is_no_json_tells_where() -> None:
    failure = refused(lambda _: response(200, b"<html>", "Content-Type: text/html"))
    assert failure.title == "the response is not JSON"
    assert "At byte 0" in failure.detail
    assert "text/html" in failure.detail


def test_too_much_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webs, "OUTPUT_BYTES_MAX", 10_000)
    assert "larger than" in refused(lambda _: response(200, b'"' + b"x" * 20_000 + b'"')).title
    bomb = gzip.compress(b'"' + b"x" * 5_000_000 + b'"')
    headers = "Content-Encoding: gzip"
    assert "larger than" in refused(lambda _: response(200, bomb, headers)).title


def test_a_connection_that_breaks_is_lost() -> None:
    failure = refused(lambda _: b"")
    assert (failure.lost, failure.unstarted, failure.kind) == (True, False, "communication")


def test_nobody_there_is_unstarted() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/"
        failure = _failure_of(url)
    assert (failure.unstarted, failure.retryable, failure.kind) == (True, True, "communication")
    assert url.rstrip("/") in failure.title


@pytest.mark.parametrize("url", ["ftp://x/", "no url", "http://"])
def test_what_is_no_url_is_a_configuration_error(url: str) -> None:
    failure = _failure_of(url)
    assert (failure.unstarted, failure.retryable, failure.kind) == (True, False, "configuration")


def _failure_of(url: str) -> AttemptFailed:
    async def scenario() -> AttemptFailed:
        web = Web()
        with pytest.raises(AttemptFailed) as caught:
            await HttpAdapter(web).perform(agent(Path(), {"type": "http", "url": url}), Attempted())
        await web.close()
        return caught.value

    return asyncio.run(scenario())


def test_cancelling_closes_the_connection() -> None:
    async def scenario(server: Server, web: Web) -> None:
        runtime = {"type": "http", "url": server.url}
        performing = asyncio.ensure_future(HttpAdapter(web).perform(agent(Path(), runtime), Attempted()))
        await begun.wait()
        performing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await performing
        await server.closed.wait()

    begun = asyncio.Event()

    def half(_: object) -> bytes:
        begun.set()
        return b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"

    with_server(half, scenario)


def test_cookies_are_not_carried_from_one_attempt_to_the_next() -> None:
    async def scenario(server: Server, web: Web) -> list[dict[str, str]]:
        for _ in range(2):
            await HttpAdapter(web).perform(agent(Path(), {"type": "http", "url": server.url}), Attempted())
        return [asked.headers for asked in server.asked]

    headers = with_server(lambda _: response(200, b"1", "Set-Cookie: a=b"), scenario)
    assert len(headers) == 2
    assert not any("cookie" in one for one in headers)


# --- call: http


def test_a_get_gives_content_by_its_type() -> None:
    output, server = call(
        lambda _: response(200, b'{"a": 1}'),
        method="get",
        query={"q": "x y", "n": 3, "none": None},
        headers={"X-A": "1"},
    )
    assert output == {"a": 1}
    asked = server.asked[0]
    assert (asked.method, asked.headers["x-a"]) == ("GET", "1")
    assert asked.target.replace("%20", "+") == "/thing?q=x+y&n=3"
    assert "idempotency-key" not in asked.headers


def test_text_stays_text() -> None:
    assert call(lambda _: response(200, "grün".encode(), "Content-Type: text/plain"))[0] == "grün"
    latin = response(200, "grün".encode("latin-1"), "Content-Type: text/plain; charset=iso-8859-1")
    assert call(lambda _: latin)[0] == "grün"


def test_raw_is_base64() -> None:
    output, _ = call(lambda _: response(200, b"\x00\xff"), output="raw")
    assert base64.b64decode(output) == b"\x00\xff"


def test_response_tells_all() -> None:
    output, _ = call(
        lambda _: response(201, b"[1]", "Content-Type: application/problem+json\r\nX-B: 2"),
        output="response",
        method="PUT",
        body={"a": 1},
    )
    assert (output["statusCode"], output["content"], output["headers"]["x-b"]) == (201, [1], "2")
    assert output["request"]["method"] == "PUT"
    assert output["request"]["uri"].endswith("/thing")
    assert output["request"]["headers"]["content-type"] == "application/json"
    json.dumps(output)


@pytest.mark.parametrize(
    ("body", "headers", "sent", "kind"),
    [
        ({"a": 1}, {}, b'{"a":1}', "application/json"),
        ("text", {}, b"text", "text/plain"),
        ("text", {"Content-Type": "application/json"}, b'"text"', "application/json"),
        ([1], {"content-type": "application/x+json"}, b"[1]", "application/x+json"),
    ],
)
def test_bodies(body: Any, headers: dict[str, str], sent: bytes, kind: str) -> None:
    _, server = call(lambda _: response(200, b"1"), method="POST", body=body, headers=headers)
    assert (server.asked[0].body, server.asked[0].headers["content-type"]) == (sent, kind)


def test_the_endpoint_may_be_an_object() -> None:
    async def scenario(server: Server, web: Web) -> Any:
        attempt = Attempted({"method": "GET", "endpoint": {"uri": server.url}}, kind="http", agent="")
        return (
            await HttpCallAdapter(Sender(web, Authorizer(web))).perform(agent(Path(), {}), attempt)
        ).output

    assert with_server(lambda _: response(200, b"5"), scenario) == 5


def test_a_status_out_of_range_is_a_communication_error() -> None:
    for status, request in ((404, {}), (302, {}), (404, {"redirect": True}), (500, {"output": "response"})):
        with pytest.raises(AttemptFailed) as caught:
            call(lambda _, status=status: response(status), **request)  # type: ignore[misc]
        assert (caught.value.kind, caught.value.status) == ("communication", status)


def test_parameters_join_those_that_the_endpoint_has() -> None:
    async def scenario(server: Server, web: Web) -> str:
        call = {"endpoint": f"{server.url}/x?n=1#part", "query": {"q": "a b", "list": [1]}}
        await HttpCallAdapter(Sender(web, Authorizer(web))).perform(agent(Path(), {}), Attempted(call))
        return server.asked[0].target

    assert with_server(lambda _: response(200), scenario) == "/x?n=1&q=a%20b&list=%5B1%5D"


def test_json_that_is_none_is_a_communication_error() -> None:
    with pytest.raises(AttemptFailed) as caught:
        call(lambda _: response(200, b"{"))
    assert (caught.value.kind, caught.value.title) == ("communication", "the response is not JSON")
