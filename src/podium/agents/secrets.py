"""Secrets: where their values come from. Read when they are needed, kept in memory only."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from podium.agents.interface import AttemptFailed
from podium.agents.veil import Veil
from podium.facts.secrets import NAME, parts_of
from podium.facts.values import JSON

PREFIX = "PODIUM_SECRET_"
FILE = "secrets.yaml"
"""The file of secrets in the state folder."""
FILE_VARIABLE = "PODIUM_SECRETS"
"""The variable that names another file."""
FILE_BYTES_MAX = 1024 * 1024

_MADE_UPPER = re.compile(r"[.-]")


class Vault:
    """Gives the values of secrets: from variables `PODIUM_SECRET_<NAME>`, else from a file.

    A variable's name is the secret's as it is, or in capitals with `_` for `.` and `-`. Its value is a text,
    or a JSON object. The file is YAML, names to texts or objects; it is read again when it has changed.
    """

    def __init__(self, folder: Path, hub: Mapping[str, str] = os.environ) -> None:
        """
        Args:
            folder: the state folder.
            hub: the environment of the hub.
        """
        self._hub = hub
        named = hub.get(FILE_VARIABLE, "")
        self._is_named = bool(named)
        self._file = Path(named) if named else folder / FILE
        self._seen: tuple[int, ...] = ()
        self._kept: dict[str, JSON] = {}
        self._found = Veil(self.value)

    def mask(self, text: str) -> str:
        """A text without any value that was ever asked for."""
        return self._found.text(text)

    def value(self, name: str, pointer: str = "") -> JSON:
        """A secret's value, or that of a member of one which is an object.

        Raises:
            AttemptFailed: kind `configuration`: there is none, or the file may not be used.
        """
        found = self.find(name)
        if found is None:
            upper = _MADE_UPPER.sub("_", name).upper()
            message = f"Set the variable {PREFIX}{upper} where the hub is started, or add it to {self._file}."
            raise _unusable(f"the secret {name} is not set", message)
        for part in parts_of(pointer):
            if not isinstance(found, dict) or part not in found:
                raise _unusable(f"the secret {name} has no member {pointer[1:]}", "It must be an object.")
            found = found[part]
        return found

    def find(self, name: str) -> JSON:
        """A secret's value; None if there is none. Raises as `value` does."""
        for variable in (PREFIX + name, PREFIX + _MADE_UPPER.sub("_", name).upper()):
            if variable in self._hub:
                found = _of_text(self._hub[variable])
                break
        else:
            found = self._filed().get(name)
        self._found.hide(name, found)
        return found

    def _filed(self) -> dict[str, JSON]:
        try:
            with self._file.open("rb") as file:
                status = os.fstat(file.fileno())
                seen = (status.st_ino, status.st_mtime_ns, status.st_size)
                if seen != self._seen:
                    self._check(status)
                    self._kept, self._seen = self._parsed(file.read(FILE_BYTES_MAX + 1)), seen
        except FileNotFoundError:
            if self._is_named:
                raise _unusable(
                    f"there is no file of secrets {self._file}", f"See {FILE_VARIABLE}."
                ) from None
            return {}
        except OSError as error:
            raise _unusable(f"{self._file} cannot be read", str(error.strerror)) from None
        return self._kept

    def _check(self, status: os.stat_result) -> None:
        if stat.S_IMODE(status.st_mode) & 0o077 or status.st_uid not in (os.geteuid(), 0):
            raise _unusable(
                f"{self._file} can be read or changed by others, so its secrets are not used",
                f"Make it your own: chmod 600 {self._file}",
            )

    def _parsed(self, text: bytes) -> dict[str, JSON]:
        from ruamel.yaml import YAML
        from ruamel.yaml.error import YAMLError

        try:
            if len(text) > FILE_BYTES_MAX:
                raise ValueError
            found: Any = YAML(typ="safe", pure=True).load(text.decode()) or {}
            kept = msgspec.to_builtins(found)
            if not isinstance(kept, dict) or not all(_is_secret(*pair) for pair in kept.items()):
                raise ValueError
        except (YAMLError, ValueError, TypeError):
            # What is wrong is not told: it would be said with a piece of the file.
            message = (
                "It must be YAML: names of letters, digits, `_`, `.` and `-`, each with a text or an object."
            )
            raise _unusable(f"{self._file} is no file of secrets", message) from None
        return kept


def _of_text(text: str) -> JSON:
    """The value of a variable: an object if it looks like one, else the text as it is."""
    if text.lstrip().startswith("{"):
        try:
            return msgspec.json.decode(text)
        except msgspec.DecodeError:
            return text
    return text


def _is_secret(name: object, value: object) -> bool:
    return isinstance(name, str) and NAME.fullmatch(name) is not None and isinstance(value, str | dict)


def _unusable(title: str, detail: str) -> AttemptFailed:
    return AttemptFailed(title, detail, retryable=False, unstarted=True, kind="configuration")
