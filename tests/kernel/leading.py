"""Agents that ask for tools and for each other, in conversations with the kernel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from podium.facts import inputs as i
from tests.kernel.conversation import Conversation, agent
from tests.kernel.toolbox import tool

Converse = Callable[..., Conversation]

LEADS = {"call": "agent", "with": {"agent": "leader"}}
LEAD = "[{lead: {call: agent, with: {agent: leader}}}]"
NUMBER = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
ADD = tool("math.add", args=NUMBER, result={"type": "integer"})
PAY = tool(
    "pay", side_effect="write", delivery="at-most-once",
    undo={"tool": "pay.back", "args": {"id": "${ .output }"}},
)  # fmt: skip
BACK = tool("pay.back", side_effect="write", delivery="at-least-once")


def leader(**spec: Any) -> Any:
    return agent("leader", retry={"attempts": 3}, **spec)


def lead(converse: Converse, *more: Any, do: Any = LEAD, **spec: Any) -> Conversation:
    talk = converse(do, agents=(leader(**spec), ADD, PAY, BACK, *more))
    talk.submit({})
    talk.forget()
    return talk


def statuses(talk: Conversation) -> list[tuple[str, str]]:
    return [(effect.agent.partition("@")[0], effect.status) for effect in talk.run.effects.values()]


def reported_as(order: Any, output: Any) -> i.Reported:
    return i.Reported(
        run_id=order.run_id, effect=order.effect, token=order.token, status="succeeded", output=output
    )


def again(talk: Conversation) -> None:
    """The attempt fails, and another is made."""
    talk.fail("lead")
    talk.go_on()
    talk.forget()
