"""Whatever guards the guarantees bites: every seeded bug is caught, and nothing where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutations.mutation import Edit, Mutation
from tests.mutations.mutations import MUTATIONS
from tests.mutations.seeding import TRANSCRIPTS, copy_sources, hunt, hunt_worlds


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_seeded_bug_is_caught(mutation: Mutation, tmp_path: Path) -> None:
    caught = hunt(copy_sources(tmp_path, mutation.edits), mutation)
    assert caught.by, f"nothing noticed that {mutation.breaks}: {caught.message}"
    if not mutation.tests:
        assert caught.by in mutation.caught_by, caught.message


@pytest.mark.parametrize("path", sorted(TRANSCRIPTS.glob("*.txt")), ids=lambda path: path.stem)
def test_a_world_that_is_kept_still_shows_what_was_wrong(path: Path, tmp_path: Path) -> None:
    """If it does not, the simulator has changed: `python -m tests.mutations.record NAME`."""
    mutation = next(mutation for mutation in MUTATIONS if mutation.name == path.stem)
    caught = hunt_worlds(copy_sources(tmp_path, mutation.edits), "--world", str(path))
    assert caught.by in mutation.caught_by, caught.message


def test_an_unchanged_copy_passes(tmp_path: Path) -> None:
    caught = hunt(copy_sources(tmp_path, ()), seeds=20)
    assert (caught.by, caught.seeds) == ("", 20), caught.message


def test_an_edit_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="0 times"):
        copy_sources(tmp_path, [Edit("audit/chain.py", "this is not there", "")])
