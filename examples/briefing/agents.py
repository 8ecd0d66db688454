"""An agent that sums up, and one that directs: it asks for tools and for the other agent, through the hub."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from podium.sdk.agent import Context, agent


@dataclass
class Summary:
    """What is left of some notes."""

    text: str


@dataclass
class Briefing:
    """What was published, and where."""

    page: str
    topics: int


@agent(name="summariser", version="1.0.0", capability="text.summarise")
async def summarise(lines: list[str]) -> Summary:
    """Sums notes up in a line."""
    return Summary(" ".join(lines) or "Nothing was noted.")


@agent(
    name="editor",
    version="1.0.0",
    capability="briefing.make",
    roles=["editor"],
    retry={"attempts": 3},
    calls={"onDivergence": "compensate", "parkAfter": "PT1M"},
)
async def make(topics: list[str], folder: str, context: Context) -> Briefing:
    """Directs the making of a briefing."""

    async def about(topic: str) -> str:
        notes = await context.tool("notes.find", {"topic": topic})
        summary = await context.call("text.summarise", {"lines": notes})
        return str(summary["text"])

    texts = await asyncio.gather(*map(about, topics))
    given = {"folder": folder, "title": "briefing", "text": "\n".join(texts)}
    page = await context.tool("page.publish", given)
    return Briefing(page, len(topics))
