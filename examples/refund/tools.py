"""The shop's tools, a process for each call: arguments on stdin, the result on stdout."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

from shop import Refused, Shop

Tool = Callable[..., Any]


def main() -> None:
    tool, key = os.environ["PODIUM_CAPABILITY"], os.environ["PODIUM_KEY"]
    try:
        result = TOOLS[tool](Shop(), key, **json.load(sys.stdin))
    except Refused as error:
        answer: dict[str, Any] = {"error": {"title": str(error), "retryable": False}}
    else:
        # What the bank truly took counts, not what was held for it.
        fee = result.pop("fee_nano", 0) if isinstance(result, dict) else 0
        answer = {"result": result, "cost_nano": fee}
    print(json.dumps(answer))


def read_ticket(shop: Shop, key: str, id: str) -> Any:
    return shop.ticket(id)


def close_ticket(shop: Shop, key: str, id: str, status: str, note: str) -> Any:
    return shop.close_ticket(id, status, note)


def read_order(shop: Shop, key: str, order: str) -> Any:
    return shop.order(order)


def list_customers(shop: Shop, key: str) -> Any:
    return shop.customers()


def refund(shop: Shop, key: str, order: str, amount_cents: int) -> Any:
    return shop.refund(key, order, amount_cents)


def reclaim(shop: Shop, key: str, payment: str) -> Any:
    return shop.reclaim(key, payment)


def send_mail(shop: Shop, key: str, to: str, subject: str, text: str) -> Any:
    return shop.mail(key, to, subject, text)


TOOLS: dict[str, Tool] = {
    "tickets.read": read_ticket,
    "tickets.close": close_ticket,
    "orders.read": read_order,
    "customers.list": list_customers,
    "payments.refund": refund,
    "payments.reclaim": reclaim,
    "mail.send": send_mail,
}

if __name__ == "__main__":
    main()
