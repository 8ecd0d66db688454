"""What a process agent may write to stdout, and what is made of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.agents import answer as answering
from podium.agents.answer import Answer
from podium.agents.interface import AttemptFailed, Performed


def read(text: bytes, step: int = 0) -> tuple[Performed, list[Any]]:
    said: list[Any] = []
    answer = Answer(said.append)
    for start in range(0, len(text), step or len(text) or 1):
        answer.feed(text[start : start + step] if step else text)
    return answer.finish(), said


def refuse(text: bytes) -> AttemptFailed:
    with pytest.raises(AttemptFailed) as caught:
        read(text)
    return caught.value


@pytest.mark.parametrize("step", [0, 1, 2, 7])
@pytest.mark.parametrize(
    ("text", "output", "said"),
    [
        (b'{"a": 1}', {"a": 1}, []),
        (b'\n  {"a": 1}\n\n', {"a": 1}, []),
        (b'{\n  "a": [\n1,\n2]}\n', {"a": [1, 2]}, []),
        (b"null", None, []),
        (b"[1]\n", [1], []),
        (b'{"result": 5}', 5, []),
        (b'{"result": {"result": 5}}\n', {"result": 5}, []),
        (b'{"progress": 1}\n\n{"progress": {"of": 2}}\n{"result": [3]}\n', [3], [1, {"of": 2}]),
        (b'{"result": 1, "more": 2}', {"result": 1, "more": 2}, []),
        (b'{"error": "text"}', {"error": "text"}, []),
    ],
)
def test_documents_and_lines(text: bytes, output: Any, said: list[Any], step: int) -> None:
    performed, progress = read(text, step)
    assert (performed.output, progress) == (output, said)


def test_a_result_may_tell_its_cost() -> None:
    assert read(b'{"result": 1, "cost_nano": 2000}')[0].cost_nano == 2000
    assert read(b'{"result": 1}')[0].cost_nano == -1


def test_a_cost_that_is_none_makes_it_a_plain_document() -> None:
    for cost in (-3, 10**30):
        performed, _ = read(b'{"result": 1, "cost_nano": %d}' % cost)
        assert (performed.output, performed.cost_nano) == ({"result": 1, "cost_nano": cost}, -1)


def test_an_agent_may_call_its_failure_by_name() -> None:
    failure = refuse(b'{"error": {"title": "no such file", "detail": "a.py", "retryable": false}}')
    assert (failure.title, failure.detail, failure.retryable) == ("no such file", "a.py", False)


@pytest.mark.parametrize(
    ("text", "title", "detail"),
    [
        (b"", "the agent wrote nothing to stdout", "null"),
        (b" \n \n", "the agent wrote nothing to stdout", "null"),
        (b"\n \n" * 300_000 + b"hello", "stdout is not JSON", "At byte 900000: 'hello"),
        (b"hello\n", "stdout is not JSON", "At byte 0: 'hello"),
        (b'{"a": 1}\nDone.\n', "stdout is not JSON", "At byte 9: "),
        (b'{"a": oops}', "stdout is not JSON", "At byte 6: "),
        (b'{"a": "\xff\xfe"}', "stdout is not UTF-8", r"At byte 7: "),
        (b'{"a": NaN}', "stdout is not JSON", "At byte 6"),
        (b'{"a": 1', "stdout is not JSON", "At byte 7"),
        (b'{"progress": 1}\n', "the agent told its progress and then ended without a result", ""),
        (b'{"progress": 1}\nrubbish\n', "stdout is not JSON", "At byte 16: 'rubbish'"),
        (b'{"progress": 1}\n{"a": 2}\n', "a line on stdout is neither progress nor a result", "At byte 16"),
        (b'{"result": 1}\n{"result": 2}\n', "there is more on stdout after the result", "At byte 14"),
        (b"[" * 100_000, "the output is nested too deeply", ""),
    ],
)
def test_rubbish_is_named_with_its_place(text: bytes, title: str, detail: str) -> None:
    failure = refuse(text)
    assert failure.title == title
    assert detail in failure.detail


def test_more_than_the_limit_is_refused_as_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "OUTPUT_BYTES_MAX", 1000)
    answer = Answer(lambda _: None)
    answer.feed(b'"' + b"x" * 900)
    with pytest.raises(AttemptFailed, match="larger than"):
        answer.feed(b"x" * 200)


def test_progress_does_not_add_up_to_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "OUTPUT_BYTES_MAX", 1000)
    performed, said = read(b'{"progress": "xxxxxxxxxxxxxxxxxxxx"}\n' * 200 + b'{"result": 1}\n')
    assert (performed.output, len(said)) == (1, 200)


@given(st.binary(max_size=200), st.integers(1, 5))
def test_any_bytes_give_an_output_or_a_failure(text: bytes, step: int) -> None:
    try:
        read(text, step)
    except AttemptFailed as failure:
        assert failure.title
