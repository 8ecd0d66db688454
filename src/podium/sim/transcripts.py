"""Transcripts: worlds that broke a guarantee once, as texts that people read and tests live through again."""

from __future__ import annotations

from pathlib import Path

import msgspec

from podium.sim.faults import Conditions
from podium.sim.shrinking import Failure

LINES_MAX = 400
"""The end of a longer transcript is kept."""


def text(failure: Failure, was: str = "") -> str:
    """The transcript of a failure; `was` says in a line what had been wrong."""
    lines = failure.transcript[-LINES_MAX:]
    return "\n".join(
        [
            *([f"was: {was}"] if was else []),
            f"broke: {type(failure.error).__name__}: {failure.error}",
            f"seed: {failure.seed}",
            f"conditions: {msgspec.json.encode(failure.conditions).decode()}",
            "",
            *lines,
            "",
        ]
    )


def read(path: Path) -> tuple[int, Conditions]:
    """Seed and conditions of a transcript. Raises ValueError if it has none."""
    fields = dict(
        line.split(": ", 1) for line in path.read_text().split("\n\n", 1)[0].splitlines() if ": " in line
    )
    try:
        return int(fields["seed"]), msgspec.json.decode(fields["conditions"], type=Conditions)
    except (KeyError, msgspec.MsgspecError) as error:
        raise ValueError(f"{path} is no transcript: {error}") from None
