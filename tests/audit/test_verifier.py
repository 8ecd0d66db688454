"""The standalone verifier checks exports and proofs without anything of Podium."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from podium.audit.notes import parse, parse_checkpoint
from podium.audit.tiles import bundle
from podium.bootstrap import reader_of
from podium.runtime.exporting import export
from podium.runtime.proving import prove
from podium.runtime.signing import public_key
from podium.store.interface import Row
from tests.audit.folders import Folder
from tests.runtime.serving import House

VERIFIER = Path(__file__).resolve().parents[2] / "tools" / "verify_podium.py"


@pytest.fixture(scope="module")
def exported(original: tuple[Path, list[str]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    state, notes = original
    folder = Folder(state, tmp_path_factory.mktemp("exported") / ".podium", notes)
    place = folder.state.with_name("export")
    assert folder.key is not None
    with reader_of(folder.state) as reader:
        made = export(reader, place, folder.key)
    assert made.statements == 2
    return place


class Case:
    """An export of one's own, and what is known of its log from elsewhere."""

    def __init__(self, folder: Folder, exported: Path, place: Path) -> None:
        self.folder, self.place = folder, place
        shutil.copytree(exported, place)
        assert folder.key is not None
        self.key = place.with_name("key")
        self.key.write_text(folder.key.text)
        self.older = place.with_name("older")
        self.older.write_text(folder.notes[0])

    def verify(self, what: Path | None = None, *arguments: object, trust: bool = True) -> tuple[int, str]:
        trusted = ("--key", self.key, "--against", self.older) if trust else ()
        command = [sys.executable, "-I", VERIFIER, what or self.place, *trusted, *arguments]
        done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=60)
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, done.stdout


@pytest.fixture
def case(folder: Folder, exported: Path, tmp_path: Path) -> Case:
    return Case(folder, exported, tmp_path / "export")


def test_it_is_short_and_imports_nothing_of_podium() -> None:
    source = VERIFIER.read_text()
    assert len(source.splitlines()) < 200
    imported = set(re.findall(r"^\s*(?:from|import) ([a-z0-9_]+)", source, re.MULTILINE))
    assert imported <= {*sys.stdlib_module_names, "cryptography"}


def test_an_export_verifies(case: Case) -> None:
    code, said = case.verify()
    assert code == 0, said
    assert "NOT CHECKED" not in said
    assert said.endswith("it verifies\n")


def test_what_is_not_checked_is_said(case: Case) -> None:
    code, said = case.verify(trust=False)
    assert code == 0
    assert "whose key it is" in said and "all there ever was" in said


def entries_of(case: Case) -> Path:
    return next((case.place / "shard" / "1" / "tile" / "entries").glob("000*"))


def flip_entry(case: Case) -> None:
    path = entries_of(case)
    content = bytearray(path.read_bytes())
    content[5000] ^= 1
    path.write_bytes(content)


def flip_line(case: Case) -> None:
    path = case.place / "shard" / "1" / "records.jsonl"
    before = path.read_text()
    after = before.replace('"effect":1', '"effect":2', 1)
    assert after != before
    path.write_text(after)


def cut_lines(case: Case) -> None:
    path = case.place / "shard" / "1" / "records.jsonl"
    path.write_text("".join(path.read_text().splitlines(True)[:-1]))


def swap_lines(case: Case) -> None:
    path = case.place / "shard" / "1" / "records.jsonl"
    lines = path.read_text().splitlines(True)
    lines[4], lines[5] = lines[5], lines[4]
    path.write_text("".join(lines))


def drop_shard(case: Case) -> None:
    shutil.rmtree(case.place / "shard" / "0")


def flip_blob(case: Case) -> None:
    blob = next((case.place / "blobs").iterdir())
    blob.write_bytes(blob.read_bytes() + b" ")


def drop_blob(case: Case) -> None:
    next((case.place / "blobs").iterdir()).unlink()


def flip_checkpoint(case: Case) -> None:
    path = case.place / "checkpoint"
    path.write_text(path.read_text().replace("\nat 1", "\nat 2"))


def cut_off(case: Case) -> None:
    """Everything is as it was at the older checkpoint; the newer one is known elsewhere."""
    case.older.write_text(case.folder.notes[1])
    (case.place / "checkpoint").write_text(case.folder.notes[0])
    text = parse_checkpoint(parse(case.folder.notes[0]).text).statement.render().encode()
    (case.place / "tile" / "entries" / "000.p" / "1").write_bytes(bundle([text]))


@pytest.mark.parametrize(
    "tamper, kind",
    [
        (flip_entry, "forked"), (flip_line, "changed"), (cut_lines, "truncated"), (swap_lines, "changed"),
        (drop_shard, "dropped"), (flip_blob, "blob"), (drop_blob, "unreadable"),
        (flip_checkpoint, "forked|changed"), (cut_off, "truncated"),
    ],
)  # fmt: skip
def test_tampering_with_an_export_is_found(case: Case, tamper: Callable[[Case], None], kind: str) -> None:
    tamper(case)
    code, said = case.verify()
    assert code == 1, said
    assert re.search(rf"^FAULT  ({kind}):", said, re.MULTILINE), said


def test_an_export_of_a_fork_is_found_by_the_older_checkpoint(case: Case) -> None:
    folder = case.folder

    def change(rows: list[Row]) -> None:
        rows[50] = rows[50]._replace(envelope=rows[50].envelope + b" ")

    folder.forget_trees()
    folder.forget_statements()
    folder.forge(change)
    house = House(folder.state.parent)
    house.call("checkpoint")
    house.call("execute", workflow="echo", input={})
    house.call("checkpoint")
    house.close()
    place = case.place.with_name("forked")
    assert folder.key is not None
    with reader_of(folder.state) as reader:
        export(reader, place, folder.key)
    assert case.verify(place, trust=False)[0] == 0
    code, said = case.verify(place)
    assert code == 1
    assert "FAULT  forked: the statements are not those that" in said
    assert "FAULT  forked: the first " in said


def test_an_export_signed_by_another_key_is_found(case: Case) -> None:
    folder = case.folder
    folder.forget_key()
    folder.forget_statements()
    house = House(folder.state.parent)
    house.call("checkpoint")
    house.close()
    place, key = case.place.with_name("signed"), public_key(folder.state)
    assert key is not None
    with reader_of(folder.state) as reader:
        export(reader, place, key)
    code, said = case.verify(place)
    assert code == 1
    assert "FAULT  resigned: the newest checkpoint" in said


# --- proofs -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("note", [0, 1, None])
def test_a_proof_verifies(case: Case, note: int | None) -> None:
    proof = case.place.with_name("proof.json")
    with reader_of(case.folder.state) as reader:
        made = prove(reader, 1, 17, "" if note is None else case.folder.notes[note])
    proof.write_text(json.dumps(made))
    arguments = ("--key", case.key, *(("--against", case.older) if note == 0 else ()))
    code, said = case.verify(proof, *arguments, trust=False)
    assert code == 0, said
    assert "record 17 of shard 1: " in said


@pytest.mark.parametrize("field", ["entry", "inclusion", "statement_inclusion", "checkpoint", "seq"])
def test_a_proof_that_was_changed_does_not(case: Case, field: str) -> None:
    proof = case.place.with_name("proof.json")
    with reader_of(case.folder.state) as reader:
        made = prove(reader, 1, 17)
        other = prove(reader, 1, 18, case.folder.notes[0])
    proof.write_text(json.dumps({**made, field: other[field]}))
    code, said = case.verify(proof, "--key", case.key, trust=False)
    assert code == 1, said


def test_a_proof_under_another_checkpoint_is_told(case: Case) -> None:
    proof = case.place.with_name("proof.json")
    with reader_of(case.folder.state) as reader:
        proof.write_text(json.dumps(prove(reader, 1, 17)))
    code, said = case.verify(proof)
    assert code == 1
    assert "podium audit prove --against" in said
