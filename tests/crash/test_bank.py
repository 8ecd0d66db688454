"""Hubs are killed while runs spend more than there is: the ledger is the bank's own book, ceilings hold."""

from __future__ import annotations

from pathlib import Path

from tests.crash.customers import spend


def test_the_ledger_is_the_banks_book_whenever_hubs_die(tmp_path: Path) -> None:
    assert spend(tmp_path, 50).runs == 50
