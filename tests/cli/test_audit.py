"""`podium audit` as people have it: checkpoints elsewhere, and a log that others check."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from tests.cli.command import Command

VERIFIER = Path(__file__).resolve().parents[2] / "tools" / "verify_podium.py"


@pytest.fixture
def told(podium: Command) -> Command:
    assert podium("run", "team", "--workflow", "greet", "--input", "name=Ada").returncode == 0
    return podium


def standalone(*arguments: object) -> tuple[int, str]:
    command = [sys.executable, "-I", VERIFIER, *arguments]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout


def cut_off(podium: Command) -> None:
    """Take away the last records, and what was stated of them."""
    podium("audit", "verify")
    with apsw.Connection(str(podium.state / "log.db")) as log:
        log.execute("DELETE FROM log WHERE position > (1 << 40) + 3")
        log.execute("DELETE FROM statement")
        log.execute("DELETE FROM tile")
    log.close()


def test_a_log_that_is_cut_off_is_found_by_its_checkpoint(told: Command) -> None:
    made = told("audit", "checkpoint")
    assert made.returncode == 0, made.stderr
    kept = told.folder / "kept.checkpoint"
    kept.write_text(made.stdout)
    sound = told("audit", "verify", "--against", kept.name)
    assert sound.returncode == 0, sound.stderr
    assert "the log is sound\n" in sound.stderr
    cut_off(told)
    assert told("audit", "verify").returncode == 0
    found = told("audit", "verify", "--against", kept.name)
    assert found.returncode == 1
    assert "truncated   shard 1: records 4 to " in found.stdout
    assert f"{kept.name} knew them" in found.stdout
    shown = told("audit", "verify", "--against", kept.name, "-o", "json")
    assert {one["kind"] for one in json.loads(shown.stdout)["findings"]} == {"truncated"}


def test_checkpoints_go_to_the_places_of_the_settings(told: Command) -> None:
    place = told.folder / "elsewhere"
    (told.state / "audit.yaml").write_text(f"to: {place}\n")
    doctor = told("doctor")
    assert "checkpoints go to 1 places" in doctor.stdout
    assert told("run", "greet").returncode == 0
    assert f"there is no folder {place}" in told("doctor").stdout
    place.mkdir()
    assert told("run", "greet").returncode == 0
    assert "the last one is number" in told("doctor").stdout
    assert told("audit", "verify", "--against", "elsewhere").returncode == 0
    cut_off(told)
    found = told("audit", "verify", "--against", "elsewhere")
    assert found.returncode == 1
    assert "truncated" in found.stdout


def test_a_checkpoint_is_taken_somewhere_at_once(told: Command) -> None:
    place = told.folder / "elsewhere"
    failed = told("audit", "checkpoint", "--to", str(place))
    assert failed.returncode == 1
    assert "there is no folder" in failed.stderr
    place.mkdir()
    assert told("audit", "checkpoint", "--to", str(place)).returncode == 0
    assert len(list(place.rglob("*.checkpoint"))) == 1
    assert told("audit", "checkpoint", "--to", "s3://bucket").returncode == 2


def test_a_proof_is_checked_without_the_log(told: Command) -> None:
    made = told("audit", "prove", "2")
    assert made.returncode == 0, made.stderr
    proof = told.folder / "proof.json"
    proof.write_text(made.stdout)
    code, said = standalone(proof, "--key", told.state / "audit.pub")
    assert code == 0, said
    assert "record 2 of shard 1: " in said
    assert told("audit", "prove", "1:99999").returncode == 4
    for wrong in ("x", "1:x", "1:0", ":"):
        assert told("audit", "prove", wrong).returncode == 2


def test_an_export_is_checked_without_podium(told: Command) -> None:
    made = told("audit", "export", "out")
    assert made.returncode == 0, made.stderr
    again = told("audit", "export", "out", "-o", "json")
    assert json.loads(again.stdout)["records"]["1"] > 2
    code, said = standalone(told.folder / "out", "--key", told.state / "audit.pub")
    assert code == 0, said
    lines = (told.folder / "out" / "shard" / "1" / "records.jsonl").read_text().splitlines()
    assert any('"name":"Ada"' in line for line in lines)
    (told.folder / "full").mkdir()
    (told.folder / "full" / "file").write_text("")
    assert told("audit", "export", "full").returncode == 5


def test_what_is_no_checkpoint_and_no_key(told: Command) -> None:
    assert told("audit", "verify", "--against", "missing").returncode == 4
    (told.folder / "text").write_text("hello")
    assert told("audit", "verify", "--against", "text").returncode == 1
    assert told("audit", "verify", "--key", "a+b").returncode == 2
    assert told("audit", "verify", "--key", "missing").returncode == 4
    (told.folder / "empty").mkdir()
    assert told("audit", "verify", "--against", "empty").returncode == 4
