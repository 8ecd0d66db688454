"""Keys of subjects are found by name, wrapped by one that wraps them all, and gone once destroyed."""

from __future__ import annotations

import stat
from pathlib import Path

import apsw
import pytest

from podium.facts.stored import ERASED, SEALED
from podium.runtime.keyring import KEYS, WRAPPING_KEY, FileKeys, Keyring
from podium.runtime.sealing import UNSEALED, Sealing
from podium.store.interface import Corrupted, StoreError

PLACE = b"a place"


def key_of(keyring: Keyring, name: str) -> str:
    return keyring.keys_of([name])[name]


def test_a_subject_keeps_its_key(tmp_path: Path) -> None:
    keyring = Keyring(tmp_path)
    assert keyring.find("ada") == ""
    assert not (tmp_path / KEYS).exists(), "looking makes nothing"
    keys = keyring.keys_of(["ada", "charles", "ada"])
    assert len(set(keys.values())) == 2
    assert keyring.keys_of(["charles", "ada"]) == {name: keys[name] for name in ("charles", "ada")}
    again = Keyring(tmp_path)
    assert again.find("ada") == key_of(again, "ada") == keys["ada"]
    for name in (KEYS, WRAPPING_KEY):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
        assert b"ada" not in (tmp_path / name).read_bytes()


def test_what_is_sealed_opens_in_its_place_alone(tmp_path: Path) -> None:
    keyring = Keyring(tmp_path)
    sealing, ada = Sealing(keyring), key_of(keyring, "ada")
    sealed = sealing.seal(ada, PLACE, b"content")
    assert sealed[:1] == SEALED and b"content" not in sealed
    assert sealing.seal(ada, PLACE, b"content") != sealed, "every nonce is another"
    assert Sealing(Keyring(tmp_path)).unseal(sealed, PLACE) == b"content"
    with pytest.raises(Corrupted):
        sealing.unseal(sealed, b"elsewhere")
    with pytest.raises(Corrupted):
        sealing.unseal(sealed[:-1] + bytes((sealed[-1] ^ 1,)), PLACE)
    charles = key_of(keyring, "charles")
    with pytest.raises(Corrupted):
        sealing.unseal(SEALED + bytes.fromhex(charles) + sealed[17:], PLACE)


def test_a_key_that_was_destroyed_seals_and_opens_nothing(tmp_path: Path) -> None:
    keyring = Keyring(tmp_path)
    sealing, ada = Sealing(keyring), key_of(keyring, "ada")
    sealed = sealing.seal(ada, PLACE, b"content")
    keyring.begin_erasing(ada, "os:root", "asked for it")
    assert [(one.key, one.principal, one.why) for one in keyring.erasing()] == [
        (ada, "os:root", "asked for it")
    ]
    assert keyring.find("ada") == ""
    assert sealing.unseal(sealed, PLACE) == b"content", "until it is logged"
    keyring.destroy(ada)
    for ring in (keyring, Keyring(tmp_path)):
        assert Sealing(ring).unseal(sealed, PLACE) is None
        assert Sealing(ring).seal(ada, PLACE, b"more") == ERASED
        assert ring.erasing() == []
    assert key_of(keyring, "ada") != ada


def test_a_key_that_nobody_knows_is_no_erasure(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    keyring, other = Keyring(tmp_path), Keyring(tmp_path / "other")
    sealed = Sealing(other).seal(key_of(other, "ada"), PLACE, b"content")
    with pytest.raises(StoreError, match="is not there, but something is sealed"):
        Sealing(keyring).unseal(sealed, PLACE)
    key_of(keyring, "charles")
    with pytest.raises(StoreError, match="does not know the key"):
        Sealing(keyring).unseal(sealed, PLACE)
    with pytest.raises(StoreError, match="there are no keys here"):
        UNSEALED.unseal(sealed, PLACE)


def test_the_wrapping_key_changes_without_anything_sealed_anew(tmp_path: Path) -> None:
    keyring = Keyring(tmp_path)
    sealing = Sealing(keyring)
    keys = keyring.keys_of(["ada", "charles", "gone"])
    sealed = {name: sealing.seal(key, PLACE, name.encode()) for name, key in keys.items()}
    keyring.destroy(keys["gone"])
    before = (tmp_path / WRAPPING_KEY).read_text()
    assert keyring.rotate() == 2
    after = (tmp_path / WRAPPING_KEY).read_text()
    assert before.split() != after.split() and len(after.splitlines()) == 1
    for ring in (keyring, Keyring(tmp_path)):
        assert Sealing(ring).unseal(sealed["ada"], PLACE) == b"ada"
        assert Sealing(ring).unseal(sealed["gone"], PLACE) is None
        assert ring.find("charles") == keys["charles"]
    (tmp_path / WRAPPING_KEY).write_text(before)
    with pytest.raises(StoreError, match="does not hold key 2"):
        Keyring(tmp_path).find("ada")


def test_another_wrapping_key_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PODIUM_SEAL_KEY", str(tmp_path / "elsewhere.key"))
    ada = key_of(Keyring(tmp_path), "ada")
    assert (tmp_path / "elsewhere.key").exists() and not (tmp_path / WRAPPING_KEY).exists()
    (tmp_path / "elsewhere.key").unlink()
    FileKeys(tmp_path / "elsewhere.key").wrap(b"k" * 32)
    with pytest.raises(StoreError, match="is not the key with which these were sealed"):
        Keyring(tmp_path).cipher(ada)
    (tmp_path / "elsewhere.key").write_text("nonsense")
    with pytest.raises(StoreError, match="holds no keys"):
        Keyring(tmp_path).cipher(ada)


def test_a_damaged_file_of_keys_is_named(tmp_path: Path) -> None:
    (tmp_path / KEYS).write_bytes(b"no database, but quite long enough to be taken for one" * 30)
    with pytest.raises(StoreError, match=r"keys\.db"):
        Keyring(tmp_path).find("ada")


def test_nothing_of_a_destroyed_key_is_left_in_the_file(tmp_path: Path) -> None:
    keyring = Keyring(tmp_path)
    keys = keyring.keys_of([f"somebody {number}" for number in range(200)])
    with apsw.Connection(str(tmp_path / KEYS)) as file:
        wrapped = dict(file.execute("SELECT lower(hex(key)), wrapped FROM subject"))
    file.close()
    for key in list(keys.values())[::2]:
        keyring.destroy(key)
    content = (tmp_path / KEYS).read_bytes()
    assert [key for key in keys.values() if wrapped[key] in content] == list(keys.values())[1::2]
