"""The page about tests lists the bugs that are seeded."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from tests.mutations.mutations import MUTATIONS

ROOT = Path(__file__).parents[2]


def test_the_table_of_seeded_bugs_is_made_from_the_code() -> None:
    spec = importlib.util.spec_from_file_location("docs_mutations", ROOT / "docs" / "mutations.py")
    assert spec is not None and spec.loader is not None
    mutations = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(mutations)
    assert mutations.PAGE.read_text() == mutations.page(), "run: python docs/mutations.py"


def test_every_guarantee_that_catches_a_bug_is_explained() -> None:
    page = (ROOT / "docs" / "testing.md").read_text()
    for by in {by for mutation in MUTATIONS for by in mutation.caught_by if by[1:].isdigit()}:
        assert f"| {by} |" in page
