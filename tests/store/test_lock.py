"""One hub per state folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from podium.store.interface import Unwritable
from podium.store.lock import HubLock

SOURCE = Path(__file__).resolve().parents[2] / "src"
HOLD = """
import sys
from pathlib import Path
from podium.store.lock import HubLock
lock = HubLock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def holding(path: Path) -> subprocess.Popen[str]:
    """Another process that holds the lock until its stdin closes."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": str(SOURCE)},
    )
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_hub_is_told_who_holds_the_folder(tmp_path: Path) -> None:
    lock = HubLock(tmp_path / "hub.lock")
    with pytest.raises(Unwritable, match=rf"another hub \(pid {os.getpid()}\) holds .*hub\.lock"):
        HubLock(tmp_path / "hub.lock")
    lock.release()


def test_a_released_lock_can_be_taken_again(tmp_path: Path) -> None:
    HubLock(tmp_path / "hub.lock").release()
    lock = HubLock(tmp_path / "hub.lock")
    lock.release()
    lock.release()


def test_the_lock_of_a_killed_hub_is_free(tmp_path: Path) -> None:
    process = holding(tmp_path / "hub.lock")
    with pytest.raises(Unwritable, match=f"pid {process.pid}"):
        HubLock(tmp_path / "hub.lock")
    process.kill()
    process.communicate()
    HubLock(tmp_path / "hub.lock").release()


def test_a_place_without_a_folder_is_unwritable(tmp_path: Path) -> None:
    with pytest.raises(Unwritable, match="choose another state folder"):
        HubLock(tmp_path / "missing" / "hub.lock")
