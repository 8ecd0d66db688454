"""What routers have of what measures a hub."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from podium.runtime.gauges import Check
from podium.telemetry.following import Telemetry

MEASURED = "measured"
"""By this name it is among what is served, in `Served.extra`."""


class Measured(NamedTuple):
    """What measures a hub.

    Attributes:
        telemetry: what is counted of its commits.
        checks: what must hold for it to take work, as it is now.
    """

    telemetry: Telemetry
    checks: Callable[[], list[Check]]
