"""HTTP agents: an attempt is a POST of the input, the output is the answer's JSON."""

from __future__ import annotations

import msgspec

from podium.agents.answer import parse
from podium.agents.environment import expanded
from podium.agents.interface import Attempt, AttemptFailed, Performed
from podium.agents.web import Web, refused
from podium.facts.catalog import AgentVersion


class HttpAdapter:
    """Performs attempts by asking `runtime.url`."""

    def __init__(self, web: Web) -> None:
        self._web = web

    async def perform(self, agent: AgentVersion, attempt: Attempt) -> Performed:
        order = attempt.order
        declared = {
            name: expanded(value, f"header {name}")
            for name, value in (agent.runtime.get("headers") or {}).items()
        }
        headers = {
            "content-type": "application/json",
            "accept": "application/json",
            **declared,
            "idempotency-key": order.key,
            "x-podium-run": order.run_id,
            "x-podium-task": order.task,
            "x-podium-attempt": str(order.attempt),
            "x-podium-capability": order.capability,
            **({"traceparent": order.trace} if order.trace else {}),
        }
        body = msgspec.json.encode(order.input)
        url = str(agent.runtime["url"])
        answered = await self._web.request("POST", url, headers, body, reach=order.reach)
        if not 200 <= answered.status < 300:
            raise refused(answered, agent.name)
        if not answered.body.strip():
            return Performed(None)
        try:
            return Performed(parse(answered.body, 0, "the response"))
        except AttemptFailed as failure:
            failure.detail += f"\nContent-Type: {answered.headers.get('content-type', 'none')}"
            raise

    async def close(self) -> None:
        """The connections belong to whoever made the client."""
