"""Staffing: letting workers in that fit what is declared, and telling of those that are there."""

from __future__ import annotations

from concurrent.futures import Future

from podium.facts.catalog import Declared
from podium.facts.values import Problem, Refused
from podium.runtime.fitting import bounds, contract_digest, declaration, differences, found
from podium.runtime.fleet import Crowded, Fleet
from podium.runtime.hub import Hub
from podium.runtime.inquiry import Declined, decline
from podium.runtime.members import Hosted, Registration, Worker
from podium.runtime.presenting import Shown


class Staffing:
    """Lets workers into the fleet of a hub. From any thread.

    Attributes:
        fleet: who is there.
    """

    def __init__(self, hub: Hub, fleet: Fleet) -> None:
        self._hub, self.fleet = hub, fleet

    def undeclared(self, told: Registration, *, may_declare: bool) -> tuple[Declared, ...]:
        """What a worker would declare by registering. Raises Declined where it cannot, or may not."""
        problems = bounds(told)
        if problems:
            raise Declined(Refused("usage", tuple(problems)))
        made = []
        for number, hosting in enumerate(told.agents):
            if found(self._hub.system.catalog, hosting):
                continue
            one, troubles = declaration(hosting, f"/agents/{number}")
            problems += troubles
            if one is not None:
                made.append(one)
        if problems:
            raise Declined(Refused("usage", tuple(problems)))
        if made and not may_declare:
            names = ", ".join(f"{one.name}@{one.version}" for one in made)
            message = f"{names} is not declared, and this takes the scope `declare`; apply it first"
            raise decline("refused", "undeclared", "/agents", message)
        return tuple(made)

    def join(self, told: Registration, principal: str) -> Shown:
        """Take a worker in, with all that it hosts or not at all. Raises Declined, with every difference."""
        catalog = self._hub.system.catalog
        problems: list[Problem] = []
        hosts: dict[str, Hosted] = {}
        shown = []
        for number, hosting in enumerate(told.agents):
            digest = found(catalog, hosting)
            if not digest:
                message = f"nothing named {hosting.agent} is declared"
                problems.append(Problem("unknown-agent", f"/agents/{number}/agent", message))
                continue
            problems += differences(catalog, digest, hosting, told, f"/agents/{number}")
            hosts[digest] = Hosted(
                digest, hosting.agent, hosting.code, hosting.concurrency or told.concurrency
            )
            contract = contract_digest(catalog.agents[digest])
            shown.append(
                {"agent": hosting.agent, "kind": hosting.kind, "digest": digest, "contract": contract}
            )
        if problems:
            raise Declined(Refused("conflict", tuple(problems)))
        try:
            worker, words = self.fleet.join(told, hosts, principal)
        except Crowded as error:
            raise decline("refused", "workers", "", str(error)) from None
        return {"id": worker.id, "lease_ms": told.lease_ms, "agents": shown, "holding": dict(words)}

    def durable(self) -> Future[str]:
        """How the hub is, once all that it was told before is durable."""
        return self._hub.do(lambda: self._hub.status)

    def listed(self) -> list[Shown]:
        """The workers that are there, and those that went a short while ago."""
        return [shown(one) for one in self.fleet.workers()]


def shown(worker: Worker) -> Shown:
    """A worker as a line of a list; times are ms since 1970."""
    told = worker.told
    return {
        "id": worker.id, "name": told.name, "status": worker.standing, "region": told.region,
        "labels": told.labels, "weight": told.weight, "concurrency": told.concurrency,
        "attempts": len(worker.bound), "principal": worker.principal, "joined_at": worker.joined_at,
        "heard_at": worker.heard_at, "lease_ms": told.lease_ms, "succeeded": worker.succeeded,
        "failed": worker.failed,
        "agents": [
            {
                "agent": one.agent, "digest": one.digest, "code": one.code, "concurrency": one.concurrency,
                "attempts": worker.at_work.get(one.digest, 0),
            }
            for one in worker.hosts.values()
        ],
    }  # fmt: skip
