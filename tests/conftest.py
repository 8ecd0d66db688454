"""What every test shares: one reproducible Hypothesis profile."""

from __future__ import annotations

from hypothesis import settings

# A shared machine is no stopwatch, and a failure must repeat on the next one.
settings.register_profile("podium", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("podium")
