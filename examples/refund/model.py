"""A conversation with a language model that may use the shop's tools.

Any endpoint in the form of OpenAI's chat completions will do, on this machine or elsewhere: `OPENAI_BASE_URL`
(https://api.openai.com/v1 unless given), `OPENAI_MODEL`, and `OPENAI_API_KEY` if it wants one.
"""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

TURNS_MAX = 12

TASK = """\
You handle a ticket of a shop's customer by the tools that you have. Give money back where that is fair, never
more than was paid. When you are done, say so in one sentence; others write to the customer."""


def _tool(name: str, description: str, **properties: Any) -> dict[str, Any]:
    """A tool as the endpoint wants it; it allows no dots in names."""
    parameters = {"type": "object", "required": list(properties), "properties": properties}
    function = {"name": name.replace(".", "__"), "description": description, "parameters": parameters}
    return {"type": "function", "function": function}


TEXT = {"type": "string"}
TOOLS = [
    _tool("payments.refund", "Pays money back for an order.", order=TEXT, amount_cents={"type": "integer"}),
    _tool("customers.list", "Lists all customers."),
    _tool("mail.send", "Sends a mail.", to=TEXT, subject=TEXT, text=TEXT),
]


class NotReached(Exception):
    """The model cannot be asked; the text says why."""

    def __init__(self, why: str, *, retryable: bool) -> None:
        super().__init__(why)
        self.retryable = retryable


def converse(brief: str, perform: Callable[[str, dict[str, Any]], Any]) -> str:
    """Talk until the model asks for no more tools; gives what it says in the end.

    Args:
        perform: uses a tool by its name and arguments.
    Raises:
        NotReached: the endpoint does not answer as it should, or the model finds no end.
    """
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": TASK},
        {"role": "user", "content": brief},
    ]
    for _ in range(TURNS_MAX):
        said = _answer(messages)
        messages.append(said)
        calls = said.get("tool_calls") or []
        if not calls:
            return str(said.get("content") or "")
        for call in calls:
            asked = call["function"]
            name, arguments = asked["name"].replace("__", "."), json.loads(asked["arguments"] or "{}")
            result = json.dumps(perform(name, arguments))
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": result})
    raise NotReached(f"the model found no end in {TURNS_MAX} turns", retryable=False)


def _answer(messages: list[dict[str, Any]]) -> dict[str, Any]:
    base = os.environ.get("OPENAI_BASE_URL", "https://api.openai.com/v1").rstrip("/")
    model, key = os.environ.get("OPENAI_MODEL", ""), os.environ.get("OPENAI_API_KEY", "")
    if not model:
        raise NotReached("set OPENAI_MODEL, and start the hub again", retryable=False)
    body = json.dumps({"model": model, "messages": messages, "tools": TOOLS}).encode()
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
    request = urllib.request.Request(f"{base}/chat/completions", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=120) as response:
            return dict(json.load(response)["choices"][0]["message"])
    except urllib.error.HTTPError as error:
        retryable = error.code in (408, 429) or error.code >= 500
        raise NotReached(f"{base} answers {error.code} {error.reason}", retryable=retryable) from None
    except OSError as error:
        raise NotReached(f"{base} cannot be reached: {error}", retryable=True) from None
    except (ValueError, LookupError, TypeError) as error:
        raise NotReached(f"{base} answers something else: {error!r}", retryable=True) from None
