"""Whatever guards the guarantees bites: every seeded bug is caught, and nothing where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutations.mutations import MUTATIONS, Edit, Mutation
from tests.mutations.seeding import copy_sources, hunt


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_seeded_bug_is_caught(mutation: Mutation, tmp_path: Path) -> None:
    caught = hunt(copy_sources(tmp_path, mutation.edits), mutation)
    assert caught.by, f"nothing noticed that {mutation.breaks}: {caught.message}"
    if not mutation.tests:
        assert caught.by in mutation.caught_by, caught.message


def test_an_unchanged_copy_passes(tmp_path: Path) -> None:
    caught = hunt(copy_sources(tmp_path, ()), seeds=20)
    assert (caught.by, caught.seeds) == ("", 20), caught.message


def test_an_edit_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="0 times"):
        copy_sources(tmp_path, [Edit("audit.py", "this is not there", "")])
