"""What is suspended, as people see it: everything, or agents; and what waits because of it."""

from __future__ import annotations

from collections.abc import Mapping

from podium.facts.suspension import EVERYTHING, Suspension
from podium.runtime.presenting import Shown


def shown(suspended: Mapping[str, Suspension]) -> list[Shown]:
    """All that is suspended, everything first, then the longest.

    Each has `agent` ("" for everything), `at`, `principal`, `why`, `cancels`, `told` (all of it in a
    sentence), and `command`, which resumes it.
    """
    found: list[Shown] = [
        {
            "agent": name, "at": one.at, "principal": one.principal, "why": one.why, "cancels": one.cancels,
            "told": one.told(name or "the hub"), "command": command(name),
        }
        for name, one in suspended.items()
    ]  # fmt: skip
    return sorted(found, key=lambda one: (one["agent"] != EVERYTHING, one["at"], one["agent"]))


def command(name: str) -> str:
    """What resumes it."""
    return f"podium resume --agent {name} --why …" if name else "podium resume --all --why …"


def show_suspended(waits: list[Shown], suspended: Mapping[str, Suspension]) -> None:
    """Say of what waits to begin that it waits for what is suspended, where it does."""
    for one in waits:
        agents = (one.get("agent", ""), *one.get("askers", ()))
        names = (EVERYTHING, *(name for agent in agents for name in (agent, agent.partition("@")[0])))
        held = next((name for name in names if name in suspended), None)
        if held is not None:
            one["message"] = suspended[held].told(held or "the hub")
            one["command"] = command(held)


def show_performers(shown: list[Shown], suspended: Mapping[str, Suspension]) -> None:
    """Say of agents and tools in `suspended` that they are, by whom and why; "" of those that are not."""
    for one in shown:
        names = (f"{one['name']}@{one['version']}", str(one["name"]))
        held = next((name for name in names if name in suspended), None)
        one["suspended"] = suspended[held].told(held) if held is not None else ""
