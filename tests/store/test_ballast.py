"""Room kept back on the disk, and given up when the disk is full."""

from __future__ import annotations

import os
from pathlib import Path

from podium.store.ballast import Ballast


def test_it_takes_room_once_and_gives_it_back(tmp_path: Path) -> None:
    ballast = Ballast(tmp_path / "ballast", 100_000)
    assert not ballast.loaded()
    assert ballast.load()
    assert ballast.load()
    assert ballast.loaded()
    assert (tmp_path / "ballast").stat().st_blocks * 512 >= 100_000
    ballast.drop()
    ballast.drop()
    assert not ballast.loaded()


def test_it_leaves_a_nearly_full_disk_alone(tmp_path: Path) -> None:
    """Taking the last room would fill the disk, so that the ballast is given up and taken in turns."""
    disk = os.statvfs(tmp_path)
    ballast = Ballast(tmp_path / "ballast", disk.f_bavail * disk.f_frsize * 3 // 4)
    assert not ballast.load()
    assert list(tmp_path.iterdir()) == []


def test_one_that_was_cut_short_is_made_whole(tmp_path: Path) -> None:
    (tmp_path / "ballast").write_bytes(bytes(10))
    ballast = Ballast(tmp_path / "ballast", 100_000)
    assert not ballast.loaded()
    assert ballast.load()
    assert ballast.loaded()


def test_a_place_that_cannot_be_written_has_none(tmp_path: Path) -> None:
    assert not Ballast(tmp_path / "missing" / "ballast", 100).load()


def test_none_is_always_loaded(tmp_path: Path) -> None:
    assert Ballast(tmp_path / "ballast", 0).load()
    assert not (tmp_path / "ballast").exists()
