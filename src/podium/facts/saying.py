"""What attempts say while they are made. It is told live, and never logged as it comes."""

from __future__ import annotations

from typing import NamedTuple

from podium.facts.orders import Perform
from podium.facts.values import JSON


class Said(NamedTuple):
    """Something that an attempt said.

    Attributes:
        order: which attempt.
        progress: how far it is; None says nothing of that.
        lines: further lines of its log.
        tail: the line that it has not ended yet, as far as it goes; None says nothing of that.
    """

    order: Perform
    progress: JSON = None
    lines: tuple[str, ...] = ()
    tail: str | None = None
