"""Agents that write down what they do, each in a different kind of place."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import book

Given = dict[str, Any]


def noted(agent: str, input: Given, context: Any) -> Given:
    """Perform: what counts as the effect is the line in the book."""
    output = {"n": input["n"], "seen": [*input["seen"], agent]}
    book.write(agent, context.key, context.attempt, context.run_id, input["n"], output)
    return output


def pause_s(input: Given) -> float:
    n: int = input["n"]
    return 0.002 + n % 13 / 250


async def loop(input: Given, context: Any) -> Given:
    """On the worker's loop, in the hub's process."""
    await asyncio.sleep(pause_s(input))
    output = noted("loop", input, context)
    await asyncio.sleep(pause_s(input))
    return output


def child(input: Given, context: Any) -> Given:
    """Not async: in a process of its own."""
    time.sleep(pause_s(input))
    return noted("child", input, context)


async def apart(input: Given, context: Any) -> Given:
    """Async, and asks for a process of its own."""
    await asyncio.sleep(pause_s(input))
    return noted("apart", input, context)


async def pay(input: Given, context: Any) -> Given:
    """At most once, on the worker's loop."""
    await asyncio.sleep(pause_s(input))
    output = noted("pay", input, context)
    await asyncio.sleep(pause_s(input))
    return output


def charge(input: Given, context: Any) -> Given:
    """At most once, in a process of its own."""
    time.sleep(pause_s(input))
    output = noted("charge", input, context)
    time.sleep(pause_s(input))
    return output


async def shaky(input: Given, context: Any) -> Given:
    """Fails at first; its contract allows more attempts."""
    output = noted("shaky", input, context)
    if context.attempt == 1:
        raise ValueError("not at the first attempt")
    return output


async def stubborn(input: Given, context: Any) -> Given:
    """Fails the first two times in a run; it is for the workflow to try again."""
    output = noted("stubborn", input, context)
    if book.count("stubborn", context.run_id) < 3:
        raise ValueError("not the first two times")
    return output


async def bulk(input: Given, context: Any) -> Given:
    """Gives more than a record holds."""
    output = noted("bulk", input, context)
    return {**output, "text": "b" * 20_000}
