"""Two agents, declared by decorator. What their functions take and give is their contract."""

from __future__ import annotations

from dataclasses import dataclass

from podium.sdk.agent import agent


@dataclass
class Greeting:
    """What a greeting says."""

    greeting: str


@agent(name="greeter", version="1.0.0", capability="hello.greet")
async def greet(name: str) -> Greeting:
    """Greets somebody by name."""
    return Greeting(f"Hello, {name}!")


@agent(name="shouter", version="1.0.0", capability="hello.shout")
async def shout(greeting: str) -> Greeting:
    """Says it louder."""
    return Greeting(greeting.upper())
