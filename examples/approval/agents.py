"""The agents that write an announcement and send it; between them a person decides."""

from __future__ import annotations

from dataclasses import dataclass

from podium.sdk.agent import agent


@dataclass
class Draft:
    """An announcement that nobody has seen yet."""

    subject: str
    text: str


@dataclass
class Sent:
    """An announcement that went out."""

    sent: bool
    subject: str


@agent(name="announcer", version="1.0.0", capability="announcement.draft")
async def draft(product: str) -> Draft:
    """Writes the announcement of a product."""
    return Draft(f"{product} is here", f"From today, everyone can use {product}.")


# A second announcement cannot be taken back, so a crash must never send one twice.
@agent(name="sender", version="1.0.0", capability="announcement.send", delivery="at-most-once")
async def send(subject: str, text: str) -> Sent:
    """Sends an announcement; here it only says so."""
    return Sent(bool(text), subject)
