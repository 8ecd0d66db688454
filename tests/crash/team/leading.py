"""Agents that ask the hub for each other and for tools while they work."""

from __future__ import annotations

import asyncio
from typing import Any

from work import Given, noted, pause_s


async def ink(input: Given, context: Any) -> Given:
    """A tool that may be used again."""
    await asyncio.sleep(pause_s(input))
    return noted("ink", input, context)


async def stamp(input: Given, context: Any) -> Given:
    """A tool that is used at most once."""
    output = noted("stamp", input, context)
    await asyncio.sleep(pause_s(input))
    return output


async def lead(input: Given, context: Any) -> Given:
    """On the worker's loop."""
    one = await context.tool("ink", input)
    two = await context.call("second", one, key="second")
    three = await context.tool("stamp", two)
    return noted("lead", three, context)


def second(input: Given, context: Any) -> Given:
    """Not async: in a process of its own, which is let go where it waits long."""
    one = context.tool("stamp", input)
    return noted("second", context.call("scribe", one), context)
