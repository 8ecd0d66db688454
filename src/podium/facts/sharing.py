"""What runs share slots and budgets by: whose they are, and how urgent."""

from __future__ import annotations

from typing import Literal, TypeAlias

TENANT = "default"
"""The tenant of runs that say nothing of theirs; in records and in the state it is ""."""

TENANT_LABEL = "tenant"
"""The label of a run whose value names its tenant."""

Priority: TypeAlias = Literal["high", "normal", "low"]
NORMAL: Priority = "normal"
PRIORITIES: tuple[Priority, ...] = ("high", NORMAL, "low")
"""What waits for a slot is taken in this order."""
