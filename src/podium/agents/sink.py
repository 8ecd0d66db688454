"""Sinks: an attempt posts a CloudEvent to a subscriber, signed where a secret is given.

Whatever is no success is tried again: receivers that are being mended or moved answer anything.
Sources: CloudEvents 1.0.2, "HTTP Protocol Binding"; Standard Webhooks 1.0.0.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import msgspec

from podium.agents.environment import expanded
from podium.agents.interface import Attempt, AttemptFailed, Performed
from podium.agents.web import Web, refused
from podium.facts.catalog import AgentVersion
from podium.facts.values import JSON

KEY_MARK = "whsec_"
"""What keys of Standard Webhooks begin with; Base64 follows."""

_PLAIN = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')
"""What stands for itself in a header of the binary form."""


class SinkAdapter:
    """Performs attempts by posting `{event, secret}` to `runtime.url`."""

    def __init__(self, web: Web, now: Callable[[], float] = time.time) -> None:
        self._web, self._now = web, now

    async def perform(self, agent: AgentVersion, attempt: Attempt) -> Performed:
        order, runtime = attempt.order, agent.runtime
        event: dict[str, JSON] = order.input["event"]
        declared = {
            name.lower(): expanded(value, f"header {name}")
            for name, value in (runtime.get("headers") or {}).items()
        }
        form, body = (_binary if runtime.get("mode") == "binary" else _structured)(event)
        headers = {
            **declared, **form, "idempotency-key": str(event["id"]), "webhook-id": str(event["id"]),
            **({"traceparent": order.trace} if order.trace else {}),
        }  # fmt: skip
        if "secret" in order.input:
            headers |= signed(str(event["id"]), int(self._now()), body, order.input["secret"])
        answered = await self._web.request("POST", str(runtime["url"]), headers, body, reach=order.reach)
        if not 200 <= answered.status < 300:
            failure = refused(answered, agent.name)
            failure.retryable = True
            raise failure
        return Performed({"status": answered.status})

    async def close(self) -> None:
        """The connections belong to whoever made the client."""


def _structured(event: dict[str, JSON]) -> tuple[dict[str, str], bytes]:
    return {"content-type": "application/cloudevents+json; charset=utf-8"}, msgspec.json.encode(event)


def _binary(event: dict[str, JSON]) -> tuple[dict[str, str], bytes]:
    attributes = {name: value for name, value in event.items() if name not in ("data", "datacontenttype")}
    headers = {f"ce-{name}": quote(str(value), safe=_PLAIN) for name, value in attributes.items()}
    return {**headers, "content-type": "application/json"}, msgspec.json.encode(event.get("data"))


def signed(name: str, at: int, body: bytes, secret: Any) -> dict[str, str]:
    """The headers that prove who sends a message, and when.

    Args:
        name: of the message. at: seconds since 1970.
        secret: a text; what begins with `whsec_` is Base64.
    Raises:
        AttemptFailed: kind `configuration`: no key is in it.
    """
    try:
        key = _key(secret)
    except (binascii.Error, TypeError):
        raise AttemptFailed(
            "the secret is no key", f"It must be a text; after `{KEY_MARK}` it must be Base64.",
            unstarted=True, kind="configuration",
        ) from None  # fmt: skip
    content = f"{name}.{at}.".encode() + body
    signature = base64.b64encode(hmac.digest(key, content, "sha256")).decode()
    return {"webhook-timestamp": str(at), "webhook-signature": f"v1,{signature}"}


def _key(secret: Any) -> bytes:
    if not isinstance(secret, str):
        raise TypeError
    if secret.startswith(KEY_MARK):
        return base64.b64decode(secret[len(KEY_MARK) :], validate=True)
    return secret.encode()
