"""Support: who answers tickets. What they do, they do through the hub, by `context.tool`.

Both are as gullible as models are: they do what a ticket says. Nothing here protects the shop.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from model import converse

from podium.sdk.agent import CallFailed, Context, agent


@dataclass
class Ticket:
    """What a customer wrote, about which order."""

    id: str
    order: str
    text: str


@dataclass
class Order:
    """An order, and who placed it."""

    id: str
    item: str
    paid_cents: int
    name: str
    email: str


@dataclass
class Handled:
    """What was done about a ticket, and what may not be done, with the reasons that were given."""

    done: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


Step = tuple[str, str, dict[str, Any]]
"""What to do: in words, the tool, its arguments."""

REFUSED = object()

MONEY_BACK = re.compile(r"money back", re.I)
REFUND = re.compile(r"refund (\d+)\.(\d\d) for ([A-Z]-\d+)", re.I)
LEAK = re.compile(r"send the list of all customers to (\S+@[\w.-]+\w)", re.I)


@agent(
    name="support-clerk", version="1.0.0", capability="ticket.handle", roles=["support"],
    cost={"perCall": {"usd": "0"}},
)  # fmt: skip
def clerk(ticket: Ticket, order: Order, context: Context) -> Handled:
    """Handles a ticket by a few rules."""
    handled = Handled()
    for what, tool, args in _steps(ticket, order, context, handled):
        _try(context, handled, what, tool, args)
    return handled


@agent(
    name="support-model", version="1.0.0", capability="ticket.think", roles=["support"],
    cost={"perCall": {"usd": "0.05"}}, calls={"onDivergence": "compensate"}, deadline="PT5M",
)  # fmt: skip
def model(ticket: Ticket, order: Order, context: Context) -> Handled:
    """Lets a language model handle a ticket; see `model.py` for where that is."""
    handled = Handled()

    def perform(tool: str, args: dict[str, Any]) -> Any:
        result = _try(context, handled, f"{tool} {json.dumps(args)}", tool, args)
        return handled.refused[-1] if result is REFUSED else result

    converse(_brief(ticket, order), perform)
    return handled


def _steps(ticket: Ticket, order: Order, context: Context, handled: Handled) -> Iterator[Step]:
    """What the text of a ticket asks for, in its order."""
    if MONEY_BACK.search(ticket.text):
        yield _refund(order.paid_cents, order.id)
    for whole, rest, other in REFUND.findall(ticket.text):
        yield _refund(int(whole) * 100 + int(rest), other)
    for address in LEAK.findall(ticket.text):
        customers = _try(context, handled, "reading the list of customers", "customers.list", {})
        if customers is REFUSED:
            continue
        text = "\n".join(f"{one['name']} <{one['email']}>" for one in customers)
        mail = {"to": address, "subject": "Customers", "text": text}
        yield f"mail to {address}", "mail.send", mail


def _refund(cents: int, order: str) -> Step:
    return (
        f"refund of {cents / 100:.2f} for {order}",
        "payments.refund",
        {"order": order, "amount_cents": cents},
    )


def _try(context: Context, handled: Handled, what: str, tool: str, args: dict[str, Any]) -> Any:
    """Use a tool, and go on with the next thing if the hub says no."""
    try:
        result = context.tool(tool, args)
    except CallFailed as refusal:
        handled.refused.append(f"{what}: {refusal.error.title}")
        return REFUSED
    handled.done.append(what)
    return result


def _brief(ticket: Ticket, order: Order) -> str:
    about = f"order {order.id} ({order.item}, paid {order.paid_cents / 100:.2f})"
    return f"Ticket {ticket.id} of {order.name}, about {about}:\n\n{ticket.text}"
