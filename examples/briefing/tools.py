"""Two tools, declared by decorator: one that only looks, and one that writes and can be undone."""

from __future__ import annotations

import asyncio
from pathlib import Path

from podium.sdk.agent import Context, tool

NOTES = {
    "tea": ["Sales of tea rose by a tenth.", "The harvest was late."],
    "coffee": ["The price of coffee fell.", "Two shops stopped selling it."],
}


@tool(name="notes.find", version="1.0.0", side_effect="read", groups=["notes"])
async def find(topic: str) -> list[str]:
    """Finds what was noted about a topic."""
    return NOTES.get(topic, [])


@tool(
    name="page.publish",
    version="1.0.0",
    side_effect="write",
    delivery="at-least-once",
    risk=1,
    groups=["pages"],
    undo={"tool": "page.withdraw", "args": {"path": "${ .output }"}},
)
async def publish(folder: str, title: str, text: str, context: Context) -> str:
    """Writes a page; the same call, made again, writes the same file."""
    path = Path(folder, f"{title}.md")
    await asyncio.to_thread(path.write_text, f"# {title}\n\n{text}\n")
    await asyncio.to_thread(note, Path(folder, "published.log"), f"{context.key} {title}\n")
    return str(path)


def note(path: Path, line: str) -> None:
    with path.open("a") as log:
        log.write(line)


@tool(name="page.withdraw", version="1.0.0", side_effect="write", delivery="at-least-once", groups=["pages"])
async def withdraw(path: str) -> None:
    """Takes a page back."""
    await asyncio.to_thread(Path(path).unlink, missing_ok=True)
