"""For programs that are process agents: ask the hub for a tool, or for another agent.

What is needed stands in the environment of the attempt. Any language can do it: see docs/guides/tools.md.
"""

from __future__ import annotations

import os
import socket
from typing import Any

import msgspec

from podium.agents.asking import CallFailed
from podium.facts.values import JSON, Error, standard_error

__all__ = ["CallFailed", "call", "tool"]


class _Answer(msgspec.Struct):
    result: JSON = None
    error: Error | None = None


def tool(name: str, args: JSON = None, *, key: str = "") -> JSON:
    """Call a declared tool; gives its result. As `Context.tool`.

    Raises:
        CallFailed: it failed, or may not be called, or there is no hub.
    """
    return _asked({"tool": name, "args": args, "key": key})


def call(capability: str = "", input: JSON = None, *, key: str = "", agent: str = "") -> JSON:
    """Ask another agent; gives its output. As `Context.call`. Raises CallFailed."""
    return _asked({"call": capability, "agent": agent, "input": input, "key": key})


def _asked(request: dict[str, Any]) -> JSON:
    path, token = os.environ.get("PODIUM_SOCKET", ""), os.environ.get("PODIUM_TOKEN", "")
    if not path or not token:
        title = "PODIUM_SOCKET and PODIUM_TOKEN are not set: only process agents that a hub started have them"
        raise _failed("configuration", title)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.connect(path)
            connection.sendall(msgspec.json.encode({"token": token, "id": 1, **request}) + b"\n")
            with connection.makefile("rb") as answers:
                line = answers.readline()
    except OSError as error:
        raise _failed(
            "communication", f"the hub cannot be reached at {path}: {error.strerror or error}"
        ) from None
    if not line:
        raise _failed("communication", "the hub went away before it answered")
    answer = msgspec.json.decode(line, type=_Answer)
    if answer.error is not None:
        raise CallFailed(answer.error)
    return answer.result


def _failed(kind: str, title: str) -> CallFailed:
    return CallFailed(standard_error(kind, "", title))
