"""The keys of subjects in a world: they outlive hubs, and are the same whenever the world is lived again."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from hashlib import sha256

from podium.runtime.sealing import Cipher, Sealing


class Strongbox:
    """Keys by name, and what was destroyed.

    Attributes:
        sealing: seals with them.
    """

    def __init__(self) -> None:
        self._keys: dict[str, str] = {}
        self._ciphers: dict[str, Cipher | None] = {}
        numbers = itertools.count()
        self.sealing = Sealing(self, lambda size: next(numbers).to_bytes(size, "big"))

    def keys_of(self, names: Iterable[str]) -> dict[str, str]:
        """The key of each subject; those that have none get one."""
        return {name: self._keys.get(name) or self._add(name) for name in names}

    def cipher(self, subject: str) -> Cipher | None:
        return self._ciphers[subject]

    def erased(self, key: str) -> bool:
        return key != "" and self._ciphers[key] is None

    def begin_erasing(self, name: str) -> str:
        """From here on the name has no key; gives the one that it had, "" if none."""
        return self._keys.pop(name, "")

    def destroy(self, key: str) -> None:
        self._ciphers[key] = None

    def _add(self, name: str) -> str:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        seed = sha256(f"{name} {len(self._ciphers)}".encode()).digest()
        key = self._keys[name] = seed[:16].hex()
        self._ciphers[key] = AESGCM(seed)
        return key
