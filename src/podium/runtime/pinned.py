"""Unfinished runs, counted by the workflow version that they are pinned to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

import msgspec

from podium.facts.identity import run_text
from podium.kernel.state import Run
from podium.runtime.sealing import clear_of
from podium.store.interface import ColdRun

UNFINISHED = ("queued", "running", "suspended")
"""What the store calls runs that have not ended."""
BATCH = 1_000


class _Pinned(msgspec.Struct):
    """As much of a run as is needed here."""

    digest: str


_decode = msgspec.json.Decoder(_Pinned).decode


def unfinished(runs: Mapping[str, Run]) -> dict[str, str]:
    """The digests of the workflows of unfinished runs in memory, by the runs' ids."""
    return {run.id: run.digest for run in runs.values() if not run.ended}


def pinned(hot: Mapping[str, str], cold: Callable[[str, bytes, int], list[ColdRun]]) -> dict[str, int]:
    """Unfinished runs by the digest of their workflow.

    Args:
        hot: those in memory.
        cold: gives the others by status, after one of them, so many at most.
    """
    found = Counter(hot.values())
    for status in UNFINISHED:
        after = b""
        while rows := cold(status, after, BATCH):
            found.update(_decode(clear_of(row.state)).digest for row in rows if run_text(row.run) not in hot)
            after = rows[-1].run
    return dict(found)
