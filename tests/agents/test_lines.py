"""The log of an agent's process."""

from __future__ import annotations

from podium.agents.lines import LINE_BYTES_MAX, LINES_MAX, Lines


def kept(*chunks: bytes) -> tuple[list[str], Lines]:
    said: list[str] = []
    lines = Lines(said.append)
    for chunk in chunks:
        lines.feed(chunk)
    lines.finish()
    return said, lines


def test_chunks_become_lines() -> None:
    assert kept(b"one\ntw", b"o\r\n", b"three")[0] == ["one", "two", "three"]


def test_bytes_that_are_no_text_are_replaced() -> None:
    assert kept(b"a\xffb\n")[0] == ["a\ufffdb"]


def test_a_line_without_end_is_cut_once() -> None:
    said, _ = kept(*[b"x" * 1000] * 50, b"\nnext\n")
    assert said[1:] == ["next"]
    assert len(said[0]) == LINE_BYTES_MAX + 1


def test_a_flood_is_not_kept_but_its_end_is() -> None:
    said, lines = kept(*[b"%d\n" % number for number in range(LINES_MAX * 2)])
    assert len(said) == LINES_MAX + 1
    assert lines.text().endswith(f"\n{LINES_MAX * 2 - 1}")
