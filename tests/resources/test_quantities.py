"""Money and memory are read as integers, without ever being a float."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.resources.quantities import NANO, QuantityInvalid, money_text, parse_memory, parse_money


@pytest.mark.parametrize(
    ("written", "nano"),
    [
        ("0.002", 2_000_000),
        ("0", 0),
        ("12", 12 * NANO),
        ("0.000000001", 1),
        ("999999999.999999999", 10**18 - 1),
    ],
)
def test_money_in_nano_units(written: str, nano: int) -> None:
    assert parse_money(written) == nano


@given(st.integers(0, 10**18 - 1))
def test_money_is_exact(nano: int) -> None:
    assert parse_money(format(Decimal(nano).scaleb(-9), "f")) == nano


@pytest.mark.parametrize(
    "written",
    [0.002, 1, "", ".5", "1.", "-1", "+1", "1e3", "1,5", "$1", "0.0000000001", "1 ", "1٠", None, True],
)
def test_what_is_no_money(written: object) -> None:
    with pytest.raises(QuantityInvalid, match="as text with at most nine decimals"):
        parse_money(written)


@pytest.mark.parametrize(
    ("written", "size_bytes"),
    [("512Mi", 512 * 2**20), ("2Gi", 2**31), ("2G", 2 * 10**9), ("1k", 1000), ("4096", 4096), (4096, 4096)],
)
def test_memory_in_bytes(written: object, size_bytes: int) -> None:
    assert parse_memory(written) == size_bytes


@pytest.mark.parametrize(
    "written", ["512MB", "0", 0, -1, 1.5, "1.5Gi", "Mi", "", True, None, "99999999999Ti"]
)
def test_what_is_no_memory(written: object) -> None:
    with pytest.raises(QuantityInvalid, match="`512Mi`"):
        parse_memory(written)


@given(st.integers(0, 10**18 - 1), st.integers(0, 9))
def test_money_as_text_is_the_same_money(nano: int, decimals_min: int) -> None:
    text = money_text(nano, decimals_min)
    assert parse_money(text) == nano
    decimals = text.partition(".")[2]
    assert len(decimals) >= decimals_min
    assert len(decimals) == decimals_min or not decimals.endswith("0")


def test_large_amounts_are_exact() -> None:
    assert money_text(123_456_789_000_000_001) == "123456789.000000001"
    assert (money_text(2 * NANO), money_text(2 * NANO, 2), money_text(0)) == ("2", "2.00", "0")
