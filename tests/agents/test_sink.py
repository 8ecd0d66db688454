"""What subscribers get, and what is not sent to them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event

from podium.agents.interface import AttemptFailed
from podium.agents.sink import SinkAdapter, signed
from podium.agents.web import Web
from tests.agents.attempts import Attempted, agent
from tests.agents.servers import Asked, Server, response

EVENT = {
    "specversion": "1.0", "id": "4f1c/2/0", "source": "/käse/ä b", "type": "io.example",
    "time": "2026-01-01T00:00:00Z", "subject": 'x/do/0/50 % "off"', "datacontenttype": "application/json",
    "data": {"n": [1, "ü"]},
}  # fmt: skip


def send(
    mode: str = "structured", status: int = 200, host: str = "127.0.0.1", given: Any = None, **order: Any
) -> tuple[list[Asked], AttemptFailed | None]:
    """Send the event; gives what arrived, and how that failed."""

    async def resolved(name: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    async def scenario() -> tuple[list[Asked], AttemptFailed | None]:
        web = Web(resolve=resolved)
        async with Server(lambda _: response(status)) as server:
            url = server.url.replace("127.0.0.1", host)
            to = agent(Path(), {"type": "sink", "url": url, "headers": {}, "mode": mode})
            attempt = Attempted({"event": EVENT, **(given or {})}, **order)
            try:
                await SinkAdapter(web, lambda: 1_700_000_000.5).perform(to, attempt)
            except AttemptFailed as failure:
                return server.asked, failure
            finally:
                await web.close()
            return server.asked, None

    return asyncio.run(scenario())


@pytest.mark.parametrize("mode", ["structured", "binary"])
def test_an_event_is_read_as_it_was_told(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    (asked,), failure = send(mode)
    assert failure is None
    event = from_http_event(HTTPMessage(asked.headers, asked.body))
    assert (event.get_id(), event.get_source(), event.get_subject(), event.get_data()) == (
        EVENT["id"], EVENT["source"], EVENT["subject"], EVENT["data"],
    )  # fmt: skip
    assert asked.headers["idempotency-key"] == EVENT["id"]
    assert "webhook-signature" not in asked.headers


def test_a_message_is_signed_as_the_standard_shows() -> None:
    # What libraries of Standard Webhooks are tested with.
    headers = signed("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}', KEY)
    assert headers == {
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.mark.parametrize("status", [301, 400, 404, 410, 500])
def test_whatever_is_no_success_is_tried_again(status: int) -> None:
    asked, failure = send(status=status)
    assert len(asked) == 1 and failure is not None
    assert (failure.retryable, failure.kind) == (True, "communication")


@pytest.mark.parametrize("secret", ["whsec_no base64", {"key": "x"}])
def test_what_is_no_key_signs_nothing(secret: Any) -> None:
    asked, failure = send(given={"secret": secret})
    assert asked == [] and failure is not None
    assert (failure.kind, failure.unstarted) == ("configuration", True)


def test_a_name_that_leads_inside_is_not_connected_to_where_policy_says_so() -> None:
    asked, failure = send(host="events.example", reach="public")
    assert asked == [] and failure is not None
    assert (failure.kind, failure.retryable) == ("authorization", False)
