"""The vault: where the values of secrets come from, and what is refused."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from podium.agents.interface import AttemptFailed
from podium.agents.secrets import Vault


def filed(folder: Path, text: str, mode: int = 0o600) -> Path:
    file = folder / "secrets.yaml"
    file.write_text(text)
    file.chmod(mode)
    return file


def refused(vault: Vault, *asked: str) -> AttemptFailed:
    with pytest.raises(AttemptFailed) as caught:
        vault.value(*asked)
    failure = caught.value
    assert (failure.kind, failure.retryable, failure.unstarted) == ("configuration", False, True)
    return failure


@pytest.mark.parametrize("variable", ["PODIUM_SECRET_api-key.v2", "PODIUM_SECRET_API_KEY_V2"])
def test_a_variable_names_a_secret_as_it_is_or_in_capitals(tmp_path: Path, variable: str) -> None:
    assert Vault(tmp_path, {variable: "abc"}).value("api-key.v2") == "abc"


def test_a_variable_may_hold_an_object(tmp_path: Path) -> None:
    vault = Vault(tmp_path, {"PODIUM_SECRET_DB": json.dumps({"user": "u", "of": {"a/b": 1}})})
    assert vault.value("db") == {"user": "u", "of": {"a/b": 1}}
    assert vault.value("db", "/of/a~1b") == 1
    assert "no member of/x" in refused(vault, "db", "/of/x").title
    assert Vault(tmp_path, {"PODIUM_SECRET_X": "{no json"}).value("x") == "{no json"


def test_the_file_is_read_again_when_it_has_changed(tmp_path: Path) -> None:
    vault = Vault(tmp_path, {})
    assert "PODIUM_SECRET_TOKEN" in refused(vault, "token").detail
    filed(tmp_path, "token: one\ndb: {user: u}\n")
    assert vault.value("token") == "one"
    assert vault.value("db", "/user") == "u"
    filed(tmp_path, "token: another\n")
    assert vault.value("token") == "another"
    assert "is not set" in refused(vault, "db").title


def test_variables_come_before_the_file(tmp_path: Path) -> None:
    filed(tmp_path, "token: from the file\n")
    assert Vault(tmp_path, {"PODIUM_SECRET_TOKEN": "from outside"}).value("token") == "from outside"


def test_another_file_may_be_named_and_must_be_there(tmp_path: Path) -> None:
    file = filed(tmp_path, "token: x\n")
    elsewhere = tmp_path / "state"
    assert Vault(elsewhere, {"PODIUM_SECRETS": str(file)}).value("token") == "x"
    assert "no file of secrets" in refused(Vault(elsewhere, {"PODIUM_SECRETS": "/nowhere"}), "token").title


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    filed(tmp_path, "token: hush-hush\n", mode)
    failure = refused(Vault(tmp_path, {}), "token")
    assert "chmod 600" in failure.detail and "hush" not in failure.title + failure.detail


@pytest.mark.parametrize(
    "text", ["- a\n", "token: [hush-hush\n", "token: 5\n", "a b: hush-hush\n", "\xff: x"]
)
def test_what_is_no_file_of_secrets_is_not_quoted(tmp_path: Path, text: str) -> None:
    filed(tmp_path, text)
    failure = refused(Vault(tmp_path, {}), "token")
    assert "is no file of secrets" in failure.title and "hush" not in failure.title + failure.detail


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "secrets.yaml").mkdir()
    assert "cannot be read" in refused(Vault(tmp_path, {}), "token").title


def test_what_was_asked_for_is_masked(tmp_path: Path) -> None:
    hub: dict[str, Any] = {"PODIUM_SECRET_TOKEN": "hush-hush"}
    vault = Vault(tmp_path, hub)
    assert vault.mask("a hush-hush b") == "a hush-hush b"
    vault.value("token")
    hub["PODIUM_SECRET_TOKEN"] = "changed-now"
    vault.value("token")
    assert vault.mask("a hush-hush b changed-now") == "a (secret token) b (secret token)"
    assert os.environ.get("PODIUM_SECRET_TOKEN") is None
