"""What policy holds a connection to: no other place by a redirect, and no private address by a name."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from podium.agents.authorizing import Authorizer
from podium.agents.http import HttpAdapter
from podium.agents.http_call import HttpCallAdapter
from podium.agents.interface import AttemptFailed
from podium.agents.reaching import is_public_address, pinned
from podium.agents.requesting import Sender
from podium.agents.web import Web
from podium.facts.policy import Reach
from tests.agents.attempts import Attempted, agent
from tests.agents.servers import Asked, Server, response


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


def names(*addresses: str) -> Callable[[str, int], Awaitable[list[str]]]:
    """A directory in which every name has these addresses."""

    async def resolve(name: str, port: int) -> list[str]:
        return list(addresses)

    return resolve


def call(
    web: Web, path: str, reach: Reach, answer: Callable[[Asked, str], bytes], host: str = ""
) -> tuple[Any, list[Asked]]:
    """Call a server by whatever name; `answer` gets its URL."""

    async def whole() -> tuple[Any, list[Asked]]:
        async with Server(lambda asked: answer(asked, server.url)) as server:
            url = server.url.replace("127.0.0.1", host) if host else server.url
            attempt = Attempted({"method": "GET", "endpoint": url + path, "redirect": True}, reach=reach)
            try:
                performed = await HttpCallAdapter(Sender(web, Authorizer(web))).perform(
                    agent(Path(), {}), attempt
                )
                return performed.output, server.asked
            except AttemptFailed as failure:
                return failure, server.asked
            finally:
                await web.close()

    return asyncio.run(whole())


def there(asked: Asked, url: str) -> bytes:
    return response(200, b'"arrived"')


def redirecting(to: str) -> Callable[[Asked, str], bytes]:
    def answer(asked: Asked, url: str) -> bytes:
        if asked.target == "/there":
            return response(200, b'"arrived"')
        return response(302, b"", f"Location: {to.format(url=url, port=url.rpartition(':')[2])}")

    return answer


@pytest.mark.parametrize(
    "to", ["http://localhost:{port}/there", "https://127.0.0.1:{port}/there", "//localhost/there"]
)
@pytest.mark.parametrize("reach", ["vetted", "public"])
def test_a_redirect_to_another_place_is_not_followed(to: str, reach: Reach) -> None:
    web = Web(names("127.0.0.1"), lambda _: True)
    failure, asked = call(web, "/", reach, redirecting(to))
    assert isinstance(failure, AttemptFailed)
    assert (failure.kind, failure.status, failure.retryable) == ("authorization", 403, False)
    assert "was redirected to" in failure.title
    assert [one.target for one in asked] == ["/"]


@pytest.mark.parametrize("to", ["/there", "{url}/there"])
@pytest.mark.parametrize("reach", ["", "vetted", "public"])
def test_a_redirect_to_the_same_place_is_followed(to: str, reach: Reach) -> None:
    output, _ = call(Web(names("127.0.0.1"), lambda _: True), "/", reach, redirecting(to))
    assert output == "arrived"


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"], ["10.0.0.5"], ["169.254.169.254"], ["::1"], ["fe80::1%eth0"], ["::ffff:127.0.0.1"],
        ["8.8.8.8", "127.0.0.1"], ["64:ff9b::7f00:1"],
    ],
)  # fmt: skip
def test_a_name_that_leads_to_a_private_address_is_refused(addresses: list[str]) -> None:
    failure, asked = call(Web(names(*addresses)), "/", "public", there, "rebound.example")
    assert isinstance(failure, AttemptFailed)
    assert (failure.kind, failure.unstarted, failure.retryable) == ("authorization", True, False)
    assert asked == []


def test_an_address_that_is_written_out_is_looked_at_too() -> None:
    failure, asked = call(Web(), "/", "public", there)
    assert isinstance(failure, AttemptFailed)
    assert failure.title == "127.0.0.1 leads to 127.0.0.1, which is no public address"
    assert asked == []


def test_the_address_that_was_looked_at_is_connected_to() -> None:
    """The name is asked for once; were it asked for again, it would lead to nowhere."""
    asked_for: list[str] = []

    async def resolve(name: str, port: int) -> list[str]:
        asked_for.append(name)
        return ["127.0.0.1"]

    output, asked = call(Web(resolve, lambda _: True), "/x?y=1", "public", there, "elsewhere.example")
    assert output == "arrived"
    assert asked_for == ["elsewhere.example"]
    assert asked[0].target == "/x?y=1"
    assert asked[0].headers["host"].startswith("elsewhere.example:")


def test_what_no_policy_bounds_goes_where_it_did() -> None:
    assert call(Web(names()), "/", "", there)[0] == "arrived"
    assert call(Web(names()), "/", "vetted", there)[0] == "arrived"


def test_a_name_without_an_address() -> None:
    async def resolve(name: str, port: int) -> list[str]:
        raise OSError("no such name")

    failure, _ = call(Web(resolve), "/", "public", there, "nowhere.example")
    assert isinstance(failure, AttemptFailed)
    assert (failure.kind, failure.unstarted, failure.retryable) == ("communication", True, True)
    failure, _ = call(Web(names()), "/", "public", there, "nowhere.example")
    assert failure.kind == "authorization"


def test_agents_and_tools_over_http_are_held_to_it_too() -> None:
    async def whole() -> None:
        web = Web()
        try:
            declared = agent(Path(), {"type": "http", "url": "http://127.0.0.1:9/x"})
            await HttpAdapter(web).perform(declared, Attempted({}, reach="public"))
        finally:
            await web.close()

    with pytest.raises(AttemptFailed) as failed:
        asyncio.run(whole())
    assert failed.value.kind == "authorization"


@pytest.mark.parametrize(
    ("url", "place", "host"),
    [
        ("https://a.example/x?y#z", "https://8.8.8.8/x?y#z", "a.example"),
        ("https://a.example:8443/", "https://8.8.8.8:8443/", "a.example:8443"),
    ],
)
def test_how_an_address_stands_for_a_name(url: str, place: str, host: str) -> None:
    found = asyncio.run(pinned(url, names("8.8.8.8"), is_public_address))
    assert (found.url, found.host, found.name) == (place, host, "a.example")
    assert asyncio.run(pinned(url, names("2606:4700::1"), is_public_address)).url == place.replace(
        "8.8.8.8", "[2606:4700::1]"
    )


@pytest.mark.parametrize(
    ("status", "headers", "pause_ms"),
    [
        (429, ["Retry-After: 7"], 7000),
        (503, ["Retry-After: 7"], 7000),
        (500, ["Retry-After: 7"], None),
        (429, [], None),
        (429, ["Retry-After: soon"], None),
        (429, ["Retry-After: -5"], None),
        (429, ["Date: Sun, 06 Nov 1994 08:49:37 GMT", "Retry-After: Sun, 06 Nov 1994 08:50:07 GMT"], 30_000),
        (429, ["Date: Sun, 06 Nov 1994 08:49:37 GMT", "Retry-After: Sun, 06 Nov 1994 08:48:07 GMT"], None),
    ],
)
def test_a_server_that_asks_for_a_pause(status: int, headers: list[str], pause_ms: int | None) -> None:
    failure, _ = call(Web(), "/", "", lambda asked, url: response(status, b"", "\r\n".join(headers)))
    assert isinstance(failure, AttemptFailed)
    assert failure.provenance.get("retry_after_ms") == pause_ms
