"""Known kinds: every kind that a resource in Kubernetes shape may have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from podium.resources.kinds import Agent
from podium.resources.schedule import Schedule
from podium.resources.subscription import Subscription
from podium.resources.tool import Tool


class _Known(Mapping[str, Any]):
    """Models by the name of their kind; that of policies, which is large, is made where one is read."""

    def __init__(self) -> None:
        self._models: dict[str, Any] = {
            "Agent": Agent, "Tool": Tool, "Policy": None, "Schedule": Schedule, "Subscription": Subscription,
        }  # fmt: skip

    def __getitem__(self, name: str) -> Any:
        if name == "Policy" and self._models[name] is None:
            from podium.resources.policy import Policy

            self._models[name] = Policy
        return self._models[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._models)

    def __len__(self) -> int:
        return len(self._models)


KINDS: Mapping[str, Any] = _Known()
"""Models by the name of their kind; each is a `resources.kinds.Resource`."""
