"""What people write on the command line, and the values that it means."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from podium.cli import values
from podium.cli.exits import Exit, Stop


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ((), {}),
        (("name=Ada",), {"name": "Ada"}),
        (("n=3", "f=1.5", "yes=true", "no=null"), {"n": 3, "f": 1.5, "yes": True, "no": None}),
        (('l=[1, "a"]', 'o={"a": 1}'), {"l": [1, "a"], "o": {"a": 1}}),
        (("quoted=\"3\"", "open=[1"), {"quoted": "3", "open": "[1"}),
        (("a.b=1", "a.c.d=x"), {"a": {"b": 1, "c": {"d": "x"}}}),
        (("empty=", "equals=a=b", "a=1", "a=2"), {"empty": "", "equals": "a=b", "a": 2}),
        (("n=NaN",), {"n": "NaN"}),
    ],
)  # fmt: skip
def test_pairs(given: tuple[str, ...], meant: Any) -> None:
    assert values.inputs(given) == meant


def test_files(tmp_path: Path) -> None:
    whole, text = tmp_path / "whole.json", tmp_path / "note.txt"
    whole.write_text('{"a": {"b": 1}, "c": 2}')
    text.write_text("a note\n")
    given = (f"@{whole}", "a.d=3", f"note=@{text}", f"copy=@{whole}")
    meant = {"a": {"b": 1, "d": 3}, "c": 2, "note": "a note\n", "copy": {"a": {"b": 1}, "c": 2}}
    assert values.inputs(given) == meant
    whole.write_text("[1, 2]")
    assert values.inputs((f"@{whole}",)) == [1, 2]


@pytest.mark.parametrize("given", ["name", "=3", "@/no/such/file", "k=@/no/such/file"])
def test_what_means_nothing(given: str) -> None:
    with pytest.raises(Stop) as stop:
        values.inputs((given,))
    assert stop.value.code == Exit.USAGE


def test_a_member_of_what_is_no_object() -> None:
    with pytest.raises(Stop):
        values.inputs(("a=1", "a.b=2"))


def test_a_file_that_is_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    with pytest.raises(Stop, match="not UTF-8"):
        values.inputs((f"k=@{tmp_path / 'bytes'}",))


def test_labels() -> None:
    assert values.pairs(("a=1", "b="), "the label") == {"a": "1", "b": ""}
    with pytest.raises(Stop):
        values.pairs(("a",), "the label")
