"""Known kinds: every kind that a resource in Kubernetes shape may have."""

from __future__ import annotations

from typing import Any

from podium.resources.kinds import Agent
from podium.resources.tool import Tool

KINDS: dict[str, Any] = {kind.KIND: kind for kind in (Agent, Tool)}
"""Models by the name of their kind; each is a `resources.kinds.Resource`."""
