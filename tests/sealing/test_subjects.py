"""Submissions get keys in the place of subjects, all of a batch at once, or a refusal each."""

from __future__ import annotations

from collections.abc import Iterable

from podium.facts.inputs import SubmitRun, Tick
from podium.kernel.catalog import Catalog
from podium.runtime.subjects import with_keys
from podium.store.interface import StoreError


class Keys:
    def __init__(self, broken: bool = False) -> None:
        self.asked: list[list[str]] = []
        self._broken = broken

    def keys_of(self, names: Iterable[str]) -> dict[str, str]:
        self.asked.append(list(names))
        if self._broken:
            raise StoreError("the disk is full")
        return {name: f"key of {name}" for name in self.asked[-1]}


def submit(ticket: int, subject: str = "") -> SubmitRun:
    return SubmitRun(ticket=ticket, run_id=f"run {ticket}", workflow="any", subject=subject)


BATCH = [submit(1), submit(2, "ada"), Tick(), submit(3, "charles"), submit(4, "x" * 1001)]


def test_subjects_of_a_batch_get_their_keys_together() -> None:
    keys = Keys()
    kept, refused = with_keys(BATCH, Catalog(), keys)
    assert keys.asked == [["ada", "charles"]]
    assert [getattr(told, "subject", None) for told in kept] == ["", "key of ada", None, "key of charles"]
    assert [(ticket, one.problems[0].rule) for ticket, one in refused] == [(4, "subject")]


def test_without_keys_only_what_is_about_nobody_is_accepted() -> None:
    for keys, why in ((None, "seals nothing"), (Keys(broken=True), "the disk is full; nothing was accepted")):
        kept, refused = with_keys(BATCH, Catalog(), keys)
        assert kept == [BATCH[0], BATCH[2]]
        assert sorted(ticket for ticket, _ in refused) == [2, 3, 4]
        assert any(why in one.problems[0].message for _, one in refused)


def test_a_batch_about_nobody_needs_no_keys() -> None:
    keys = Keys()
    assert with_keys(BATCH[:1], Catalog(), keys) == (BATCH[:1], [])
    assert keys.asked == []
