"""Checkpoints reach the places that keep them; a place that fails stops nothing, and says so."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from podium.audit.notes import Key, parse, signed_by
from podium.bootstrap import reader_of
from podium.runtime import checkpoints
from podium.runtime.checkpoints import Settings, settings_of
from podium.runtime.signing import KEY, Signer, public_key, signer_of, verify_signature
from podium.runtime.sinks import Folder as FolderSink
from podium.runtime.sinks import Git, History, SinkError, Witness, parse_sink
from podium.store.interface import StoreError
from tests.audit import witness as witnesses
from tests.audit.folders import Folder, size_of
from tests.runtime.serving import House


def key_of(folder: Folder) -> Key:
    assert folder.key is not None
    return folder.key


def deliver(sink: FolderSink | Witness, folder: Folder, number: int) -> list[str]:
    with reader_of(folder.state) as reader:
        history = History(reader, number)
        added = sink.deliver(parse(folder.notes[number - 1]), key_of(folder), history)
    return [one.name for one in added]


# --- a folder ---------------------------------------------------------------------------------------


def test_a_folder_keeps_every_checkpoint_and_the_key(folder: Folder, tmp_path: Path) -> None:
    place = tmp_path / "elsewhere"
    place.mkdir()
    for number in (1, 2, 2):
        deliver(FolderSink(place), folder, number)
    kept = place / key_of(folder).name.rpartition("/")[2]
    assert (kept / "checkpoint").read_text() == folder.notes[1]
    assert [(kept / f"0000000{number}.checkpoint").read_text() for number in (1, 2)] == list(folder.notes)
    assert (kept / "key").read_text().strip() == key_of(folder).text


def test_a_folder_refuses_what_does_not_follow(folder: Folder, tmp_path: Path) -> None:
    place = tmp_path / "elsewhere"
    place.mkdir()
    deliver(FolderSink(place), folder, 2)
    with pytest.raises(SinkError, match="knows 2 statements of this log, which has 1: statements were lost"):
        deliver(FolderSink(place), folder, 1)
    folder.change("UPDATE statement SET text = text || ' ' WHERE number = 1")
    kept = place / key_of(folder).name.rpartition("/")[2] / "checkpoint"
    kept.write_text(folder.notes[0])
    with pytest.raises(SinkError, match="is not of this log's past"):
        deliver(FolderSink(place), folder, 2)
    kept.write_text("nonsense")
    with pytest.raises(SinkError, match="cannot be read"):
        deliver(FolderSink(place), folder, 2)


def test_a_folder_refuses_another_key(folder: Folder, tmp_path: Path) -> None:
    place = tmp_path / "elsewhere"
    place.mkdir()
    deliver(FolderSink(place), folder, 1)
    other = Signer(key_of(folder).name, b"o" * 32)
    with reader_of(folder.state) as reader, pytest.raises(SinkError, match="by another key"):
        FolderSink(place).deliver(parse(folder.notes[1]), other.key, History(reader, 2))


def test_a_folder_that_is_not_there(folder: Folder, tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="there is no folder"):
        deliver(FolderSink(tmp_path / "unmounted"), folder, 1)


def test_a_git_folder_commits_every_checkpoint(folder: Folder, tmp_path: Path) -> None:
    place = tmp_path / "repository"
    subprocess.run(["git", "init", "-q", place], check=True)
    for number in (1, 2, 2):
        deliver(Git(place), folder, number)
    said = subprocess.run(
        ["git", "-C", place, "log", "--format=%s"], check=True, capture_output=True, text=True
    )
    identity = key_of(folder).name.rpartition("/")[2]
    assert said.stdout.splitlines() == [f"checkpoint {number} of {identity}" for number in (2, 1)]
    with pytest.raises(SinkError, match=r"git add: .*not a git repository"):
        (tmp_path / "bare").mkdir()
        deliver(Git(tmp_path / "bare"), folder, 1)


# --- a witness --------------------------------------------------------------------------------------


@pytest.fixture
def witness(folder: Folder) -> Iterator[witnesses.Witness]:
    witness = witnesses.Witness(key_of(folder))
    yield witness
    witness.close()


def test_a_witness_signs_what_follows(folder: Folder, witness: witnesses.Witness) -> None:
    sink = Witness(witness.url, witness.key, verify_signature)
    assert deliver(sink, folder, 1) == ["witness.example"]
    assert deliver(sink, folder, 2) == ["witness.example"]
    assert witness.known[key_of(folder).name][0] == 2
    assert witness.asked == 2
    another = Witness(witness.url, witness.key, verify_signature)
    assert deliver(another, folder, 2) == ["witness.example"], "it is told how much the witness knows"
    assert witness.asked == 4


def test_a_witness_refuses_a_log_that_was_rewritten(folder: Folder, witness: witnesses.Witness) -> None:
    witness.known[key_of(folder).name] = (1, b"another root, of thirty-two bytes")
    sink = Witness(witness.url, witness.key, verify_signature)
    with pytest.raises(SinkError, match=r"refuses the checkpoint \(422\)"):
        deliver(sink, folder, 2)


def test_a_witness_knows_that_statements_were_lost(folder: Folder, witness: witnesses.Witness) -> None:
    witness.known[key_of(folder).name] = (7, b"")
    with pytest.raises(SinkError, match="knows 7 statements of this log, which has 2"):
        deliver(Witness(witness.url, witness.key, verify_signature), folder, 2)


def test_a_witness_with_another_key_is_not_believed(folder: Folder, witness: witnesses.Witness) -> None:
    other = witness.key._replace(public=b"p" * 32)
    with pytest.raises(SinkError, match="did not sign the checkpoint with the key"):
        deliver(Witness(witness.url, other, verify_signature), folder, 1)


def test_a_witness_that_cannot_be_reached(folder: Folder, witness: witnesses.Witness) -> None:
    witness.failing = True
    with pytest.raises(SinkError, match="500"):
        deliver(Witness(witness.url, None, verify_signature), folder, 1)
    with pytest.raises(SinkError, match=r"http://127\.0\.0\.1:9"):
        deliver(Witness("http://127.0.0.1:9", None, verify_signature), folder, 1)


# --- the key ----------------------------------------------------------------------------------------


def test_the_key_is_made_once_and_for_this_user_alone(tmp_path: Path) -> None:
    first = signer_of(tmp_path, "podium.dev/log/1")
    assert stat.S_IMODE((tmp_path / KEY).stat().st_mode) == 0o600
    assert signer_of(tmp_path, "podium.dev/log/1").key == first.key == public_key(tmp_path)
    with pytest.raises(StoreError, match="the key of another log"):
        signer_of(tmp_path, "podium.dev/log/2")
    (tmp_path / KEY).write_text("nonsense")
    with pytest.raises(StoreError, match="holds no key"):
        signer_of(tmp_path, "podium.dev/log/1")


# --- settings ---------------------------------------------------------------------------------------


def test_settings(tmp_path: Path) -> None:
    assert settings_of(tmp_path, "") == Settings()
    (tmp_path / checkpoints.FILE).write_text(
        "to: [/mnt/a, 'git:/srv/b', 'https://witness.example/']\nevery: {records: 5, seconds: 0.5}\n"
    )
    found = settings_of(tmp_path, "/mnt/a, /mnt/c")
    assert [(given.kind, given.where) for given in found.to] == [
        ("folder", "/mnt/a"), ("git", "/srv/b"), ("witness", "https://witness.example"), ("folder", "/mnt/c"),
    ]  # fmt: skip
    assert (found.records, found.seconds) == (5, 0.5)


@pytest.mark.parametrize(
    "text, said",
    [
        ("to: {a: b}", "must be a list of places"), ("where: /mnt", "and nothing else"),
        ("[", "cannot be read"),
        ("every: {records: 0}", "above 0"), ("every: {days: 1}", "and nothing else"),
        ("every: {seconds: soon}", "above 0"), ("to: ['s3://bucket']", "is no place for checkpoints"),
        ("to: ['https://w.example a+b']", "of the witness https://w.example"),
    ],
)  # fmt: skip
def test_settings_that_cannot_be_understood(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / checkpoints.FILE).write_text(text)
    with pytest.raises(ValueError, match=said):
        settings_of(tmp_path, "")


def test_the_key_given_for_a_witness_is_that_of_a_witness() -> None:
    log = Signer("log.example", b"l" * 32).key
    with pytest.raises(ValueError, match="is not that of a witness"):
        parse_sink(f"https://w.example {log.text}")


# --- a hub ------------------------------------------------------------------------------------------


def settle(house: House, sink: str, number: int) -> dict[str, object]:
    """Wait until the newest checkpoint was delivered, or was not; gives what became of it."""
    for _ in range(3000):
        found = next(one for one in house.call("status")["audit"]["sinks"] if one["sink"] == sink)
        if found["number"] >= number or found["trouble"]:
            return dict(found)
        Event().wait(0.01)
    raise AssertionError(f"nothing became of checkpoint {number}")


def write_settings(folder: Folder, *places: str, records: int = 3) -> None:
    text = json.dumps({"to": places, "every": {"records": records, "seconds": 3600}})
    (folder.state / checkpoints.FILE).write_text(text)


def test_a_hub_delivers_as_the_log_grows_and_at_its_end(
    folder: Folder, tmp_path: Path, witness: witnesses.Witness
) -> None:
    place = tmp_path / "elsewhere"
    place.mkdir()
    write_settings(folder, str(place), f"{witness.url} {witness.key.text}")
    kept = place / key_of(folder).name.rpartition("/")[2] / "checkpoint"
    house = House(folder.state.parent)
    house.call("execute", workflow="echo", input={})
    found = settle(house, str(place), 3)
    assert found["trouble"] == ""
    assert size_of(kept.read_text()) == 3
    house.call("execute", workflow="echo", input={})
    house.close()
    last = kept.read_text()
    assert size_of(last) > 3
    assert signed_by(parse(last), witness.key, verify_signature), "it comes with the witness's signature"
    with reader_of(folder.state) as reader:
        newest = reader.last_statement()
        assert newest is not None
        assert size_of(last) == newest.number
        assert reader.head(1).seq == int(newest.text.splitlines()[2].split()[2]), "nothing came after it"
    assert folder.verify([*folder.notes, last]).sound


def test_a_place_that_fails_stops_nothing_and_is_tried_again(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "RETRY_S", 0.02)
    place = tmp_path / "unmounted"
    write_settings(folder, str(place))
    house = House(folder.state.parent)
    assert house.call("execute", workflow="echo", input={})["status"] == "completed"
    trouble = settle(house, str(place), 99)["trouble"]
    assert trouble == f"there is no folder {place}"
    assert house.call("status")["audit"]["trouble"] == trouble
    assert checkpoints.last_status(folder.state)[0].trouble == trouble
    place.mkdir()
    for _ in range(3000):
        if not house.call("status")["audit"]["trouble"]:
            break
        Event().wait(0.01)
    assert settle(house, str(place), 2)["trouble"] == ""
    house.close()


def test_what_was_not_delivered_is_with_the_next_start(folder: Folder, tmp_path: Path) -> None:
    place = tmp_path / "elsewhere"
    place.mkdir()
    write_settings(folder, str(place), records=1_000_000)
    house = House(folder.state.parent)
    assert settle(house, str(place), 2)["number"] == 2
    house.serving.stop(0)


def test_settings_that_cannot_be_understood_stop_nothing(folder: Folder) -> None:
    (folder.state / checkpoints.FILE).write_text("to: 5")
    house = House(folder.state.parent)
    assert house.call("execute", workflow="echo", input={})["status"] == "completed"
    assert "must be a list of places" in house.call("status")["audit"]["trouble"]
    house.close()


def test_without_places_nothing_is_stated(folder: Folder) -> None:
    House(folder.state.parent).close()
    with reader_of(folder.state) as reader:
        newest = reader.last_statement()
    assert newest is not None and newest.number == 2
    assert not os.path.exists(folder.state / checkpoints.STATUS)
