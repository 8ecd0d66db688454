"""Worlds that broke a guarantee once are lived through for ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from podium.sim import transcripts
from podium.sim.faults import Conditions, Faults
from podium.sim.shrinking import Failure, attempt
from podium.sim.violation import Violation

KEPT = sorted((Path(__file__).parent / "transcripts").glob("*.txt"))


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_a_world_that_failed_once_does_not_any_more(path: Path) -> None:
    failure = attempt(*transcripts.read(path))
    assert failure is None, f"{failure.kind} {failure.error}"


def test_there_are_transcripts() -> None:
    assert KEPT


def test_a_transcript_gives_back_seed_and_conditions(tmp_path: Path) -> None:
    conditions = Conditions(Faults(crash=0.25, rot=1), runs=(3, 5), troubled_ms=9_000, passivate_ms=0)
    path = tmp_path / "violation.txt"
    path.write_text(transcripts.text(Failure(17, conditions, Violation("I4: seed: 3"))))
    assert transcripts.read(path) == (17, conditions)


def test_a_text_without_a_seed_is_no_transcript(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("broke: nothing\n")
    with pytest.raises(ValueError, match="is no transcript"):
        transcripts.read(path)
