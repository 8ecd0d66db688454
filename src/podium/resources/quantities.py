"""Quantities: money and memory as people write them, as integers."""

from __future__ import annotations

import re

from podium.resources.troubles import shown

NANO = 1_000_000_000
"""Nano-units in one unit of an account's currency."""

_MONEY = re.compile(r"(\d{1,9})(?:\.(\d{1,9}))?", re.ASCII)
_MEMORY = re.compile(r"(\d{1,15})(Ki|Mi|Gi|Ti|k|M|G|T)?", re.ASCII)
_MEMORY_BYTES = {
    None: 1,
    "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12,
    "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40,
}  # fmt: skip


class QuantityInvalid(ValueError):
    """Not a quantity; the message says why and what to write."""


def parse_money(value: object) -> int:
    """An amount of money in nano-units, exactly.

    Args:
        value: text such as `"0.002"`, with at most nine decimals. A number is refused: on its way through a
            float it would no longer be the amount that was written.
    Raises:
        QuantityInvalid: it is not such text.
    """
    match = _MONEY.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise QuantityInvalid(
            f'{shown(value)} is no amount of money; write it as text with at most nine decimals, "0.002".'
        )
    whole, decimals = match.groups()
    return int(whole) * NANO + int((decimals or "").ljust(9, "0"))


def money_text(nano: int, decimals_min: int = 0) -> str:
    """An amount of money, exactly, without zeros at its end: `0.002`.

    Args:
        decimals_min: so many decimals there are at least.
    """
    whole, part = divmod(nano, NANO)
    decimals = f"{part:09}".rstrip("0").ljust(decimals_min, "0")
    return f"{whole}.{decimals}" if decimals else str(whole)


def parse_memory(value: object) -> int:
    """An amount of memory in bytes.

    Args:
        value: text such as `512Mi`, `2G` or `1000000`, or a whole number of bytes.
    Raises:
        QuantityInvalid: it is neither, or it is 0.
    """
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    match = _MEMORY.fullmatch(text) if isinstance(text, str) else None
    size_bytes = int(match[1]) * _MEMORY_BYTES[match[2]] if match else 0
    if not 0 < size_bytes < 2**63:
        raise QuantityInvalid(f"{shown(value)} is no amount of memory; write for example `512Mi` or `2Gi`.")
    return size_bytes
