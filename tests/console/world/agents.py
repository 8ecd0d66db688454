"""Those who settle claims: quick, made up, and as fallible as their inputs say."""

from __future__ import annotations

import asyncio
from typing import Any

from podium.sdk.agent import Context, agent, tool

JSON = dict[str, Any]


class Broken(Exception):
    """What an agent fails with."""


@agent(name="intake", version="1.4.0", capability="claim.read", cost={"perCall": {"usd": "0.004"}})
async def read(claim: str, amount: int, damage: str) -> JSON:
    """Reads what a customer writes about a loss."""
    await asyncio.sleep(0.02)
    return {"claim": claim, "amount": amount, "damage": damage, "pages": 3}


@agent(name="assessor", version="2.1.0", capability="damage.assess", cost={"perCall": {"usd": "0.03"}})
async def assess(claim: str, amount: int, damage: str) -> JSON:
    """Says what a damage is worth."""
    await asyncio.sleep(0.05)
    return {"worth": amount if damage != "old" else amount // 2, "because": f"as usual for {damage} damage"}


@agent(name="fraud-watch", version="0.9.2", capability="fraud.score", cost={"perCall": {"usd": "0.012"}})
async def score(claim: str, amount: int, damage: str, context: Context) -> JSON:
    """Says how odd a claim is, from 0 to 100."""
    context.log(f"claims like {claim} of late: {3 if damage == 'sudden' else 0}")
    await asyncio.sleep(0.04)
    return {
        "score": 91 if damage == "sudden" else 8,
        "signs": ["third claim in a month"] if damage == "sudden" else [],
    }


@agent(
    name="cashier", version="1.0.0", capability="claim.pay", roles=["finance"],
    cost={"perCall": {"usd": "0.002"}},
)  # fmt: skip
async def pay(claim: str, amount: int, context: Context) -> JSON:
    """Pays what was decided, through the bank."""
    paid = await context.tool("bank.transfer", {"claim": claim, "amount": amount})
    return {"paid": amount, "payment": paid["id"]}


@tool(
    name="bank.transfer", version="1.0.0", side_effect="write", risk=3, groups=["money"],
    cost={"perCall": {"usd": "0.25"}}, delivery="at-least-once",
)  # fmt: skip
async def transfer(claim: str, amount: int) -> JSON:
    """Transfers money to a customer."""
    await asyncio.sleep(0.03)
    return {"id": f"P-{claim}", "cents": amount}


@agent(name="letters", version="1.2.0", capability="letter.write", cost={"perCall": {"usd": "0.008"}})
async def write(claim: str, outcome: str) -> JSON:
    """Writes to the customer."""
    await asyncio.sleep(0.02)
    return {"letter": f"Your claim {claim}: {outcome}."}


@agent(
    name="registry", version="3.0.0", capability="registry.look", cost={"perCall": {"usd": "0.001"}},
    retry={"attempts": 2, "delay": "PT0.05S"},
)  # fmt: skip
async def look(claim: str) -> JSON:
    """Looks a claim up in the registry of the ministry, which is often down."""
    raise Broken("the registry of the ministry does not answer")


@agent(
    name="scanner",
    version="1.0.0",
    capability="page.scan",
    cost={"perCall": {"usd": "0.0001"}},
    concurrency=64,
)
async def scan(page: int) -> JSON:
    """Reads a page."""
    await asyncio.sleep(0.001)
    return {"page": page}


@agent(name="archivist", version="1.0.0", capability="claims.keep", cost={"perCall": {"usd": "0.0001"}})
async def keep(claim: str, context: Context) -> JSON:
    """Keeps a claim for the long time that the law asks for."""
    context.progress({"message": "looking for a shelf"})
    for place in ("cellar", "attic"):
        context.log(f"the {place} is full")
    await asyncio.sleep(30)
    return {"kept": claim}
