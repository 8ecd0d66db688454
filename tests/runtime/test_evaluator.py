"""The evaluator: an answer to every question, and no program that harms or delays more than its own."""

from __future__ import annotations

import os
import queue
import select
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator

import msgspec
import pytest

from podium.facts.inputs import Evaluated
from podium.runtime.evaluator import SLOW_MAX, SPARE, Evaluator, EvaluatorClosed
from podium.runtime.jq_worker import OUTPUT_BYTES_MAX

MEMORY_BYTES = 256 * 1024 * 1024
PATIENCE_SECONDS = 60
ENDLESS = "def forever: forever; forever"


class Asker:
    """An evaluator whose answers can be waited for."""

    def __init__(self, deadline_ms: int = 300) -> None:
        self.answers: queue.Queue[Evaluated] = queue.Queue()
        self.evaluator = Evaluator(self.answers.put, deadline_ms=deadline_ms, memory_bytes=MEMORY_BYTES)

    def ask(self, program: str, argument: bytes = b"null", run_id: str = "r1") -> None:
        self.evaluator.ask(run_id, program, argument)

    def next(self) -> Evaluated:
        return self.answers.get(timeout=PATIENCE_SECONDS)

    def answer(self, program: str, argument: bytes = b"null") -> Evaluated:
        self.ask(program, argument)
        return self.next()


@pytest.fixture(name="asker")
def _asker() -> Iterator[Asker]:
    asker = Asker()
    yield asker
    asker.evaluator.close()


def test_an_answer_carries_its_question(asker: Asker) -> None:
    asker.ask(".d.a + 1", b'{"d":{"a":1}}', run_id="r7")
    assert asker.next() == Evaluated(run_id="r7", program=".d.a + 1", argument=b'{"d":{"a":1}}', value=2)


@pytest.mark.parametrize(
    ("program", "value"),
    [
        ("empty", None),
        ("1, 2, 3", 1),
        ("range(1; 1000000000000)", 1),
        ("12345678901234567891", 12345678901234567891),
        ('"é😀\\u0000"', "é😀\x00"),
        ("nan", None),
        ("[1, 2] | map(. * 2)", [2, 4]),
        ("# a comment\n1 # and another", 1),
    ],
)
def test_the_first_value_counts(asker: Asker, program: str, value: object) -> None:
    answer = asker.answer(program + "\n")
    assert (answer.value, answer.failure) == (value, "")


@pytest.mark.parametrize(
    ("program", "failure"),
    [
        ('error("no luck")', "no luck"),
        (".a b", "syntax error"),
        ("1 | .a", "Cannot index number"),
        ("$nobody", "$nobody is not defined"),
        ("nonsense(1)", "nonsense/1 is not defined"),
        ('import "a" as a; 1', "syntax error"),
        ("[limit(15000; repeat(0))] | reduce .[] as $x (0; [.])", "cannot be stored"),
    ],
)
def test_a_bad_program_is_answered_with_the_reason(asker: Asker, program: str, failure: str) -> None:
    answer = asker.answer(program)
    assert failure in answer.failure
    assert "\n" not in answer.failure
    assert asker.answer("1").value == 1


@pytest.mark.parametrize(
    "program",
    [
        "env", "input", "[inputs]", "debug", 'debug("x")', "stderr", "halt", "halt_error", "halt_error(1)",
        "now", "0 | localtime", '0 | strflocaltime("%c")', "input_line_number", "input_filename",
        '"a" | modulemeta', "get_search_list", "get_jq_origin", "get_prog_origin",
    ],
)  # fmt: skip
def test_what_would_reach_outside_is_not_available(asker: Asker, program: str) -> None:
    assert "is not available" in asker.answer(program).failure


def test_the_environment_is_out_of_reach(asker: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PODIUM_SECRET", "s3cret")
    assert asker.answer("$ENV").value == {}
    assert asker.answer('"\\($ENV.PODIUM_SECRET)"').value == "null"


@pytest.mark.parametrize("argument", [b"\xff\xfe", b'{"d": "\xc3"}', b"{", b"[1,", b"nonsense"])
def test_an_argument_that_is_not_json_is_a_failure(asker: Asker, argument: bytes) -> None:
    assert asker.answer(".", argument).failure
    assert asker.answer("1").value == 1


def test_an_endless_program_is_ended_and_the_others_are_answered(asker: Asker) -> None:
    programs = ["1", ENDLESS, "2", f"{ENDLESS} | 3", "4"]
    for program in programs:
        asker.ask(program)
    answers = [asker.next() for _ in programs]
    assert sorted(answer.value for answer in answers if not answer.failure) == [1, 2, 4]
    failures = {answer.program: answer.failure for answer in answers if answer.failure}
    assert failures == dict.fromkeys((ENDLESS, f"{ENDLESS} | 3"), "it ran longer than 300 ms")


def test_others_do_not_wait_for_what_is_slow() -> None:
    asker = Asker(deadline_ms=600_000)
    for number in range(6):
        asker.ask(f"{ENDLESS} | {number}")
        asker.ask(f"{number}")
    # The endless ones would take an hour: whatever is answered did not wait for them.
    assert sorted(asker.next().value for _ in range(6)) == list(range(6))
    for number in range(300):
        asker.ask(f"{ENDLESS} | {number % 6}")
        asker.ask(f"{number} + 0")
    assert sorted(asker.next().value for _ in range(300)) == list(range(300))
    assert len(asker.evaluator.pids) <= 1 + SPARE + SLOW_MAX + 1
    asker.evaluator.close()


def test_programs_that_were_quick_do_not_wait_for_new_ones() -> None:
    asker = Asker(deadline_ms=600_000)
    assert asker.answer(". + 0", b"1").value == 1
    for number in range(20):
        asker.ask(f"{ENDLESS} | {number}")
    # Each of the others would have to be found out first.
    assert asker.answer(". + 0", b"2").value == 2
    assert len(asker.evaluator._known_slow) < 20
    asker.evaluator.close()


def test_what_is_known_to_be_slow_is_answered_too() -> None:
    asker = Asker(deadline_ms=2_000)
    slow = "reduce range(150000) as $x (.; . + 1)"
    for number in range(8):
        asker.ask(slow, str(number).encode())
        asker.ask("0")
    answers = [asker.next() for _ in range(16)]
    assert sorted(answer.value for answer in answers if answer.program == slow) == list(range(150000, 150008))
    asker.evaluator.close()


def test_what_was_slow_once_is_forgiven_when_it_is_quick_again() -> None:
    asker = Asker(deadline_ms=5_000)
    program = "reduce range(.) as $x (0; . + 1)"
    asker.ask(program, b"200000")
    for number in range(2):
        asker.ask(f"{number}")
    assert {asker.next().value for _ in range(3)} == {0, 1, 200000}
    assert program in asker.evaluator._known_slow
    for _ in range(200):
        # On a busy machine even this may take long once.
        assert asker.answer(program, b"5").value == 5
        if program not in asker.evaluator._known_slow:
            break
    else:
        raise AssertionError("it was never forgiven")
    asker.evaluator.close()


def test_a_greedy_program_is_ended(asker: Asker) -> None:
    asker.ask('"x" * 400000000 | length')
    asker.ask('"still here"')
    answers = {asker.next().failure or "answered", asker.next().failure or "answered"}
    assert answers == {"it needed more than 256 MiB", "answered"}


def test_an_output_beyond_the_limit_is_a_failure() -> None:
    asker = Asker(deadline_ms=20_000)
    answer = asker.answer('"x" * 50000000')
    assert answer.failure == f"it gave more than {OUTPUT_BYTES_MAX >> 20} MiB"
    assert len(asker.answer('"x" * 5000000').value) == 5_000_000
    asker.evaluator.close()


def test_an_argument_larger_than_every_buffer_arrives() -> None:
    asker = Asker(deadline_ms=20_000)
    argument = msgspec.json.encode(["x" * 1000] * 5000)
    asker.ask("length", argument)
    asker.ask("1")
    assert {asker.next().value, asker.next().value} == {5000, 1}
    asker.evaluator.close()


def test_a_process_that_is_killed_is_replaced(asker: Asker) -> None:
    assert asker.answer("1").value == 1
    for number in range(50):
        asker.ask(f"{number}")
    os.kill(asker.evaluator.pids[0], signal.SIGKILL)
    for number in range(50, 100):
        asker.ask(f"{number}")
    assert sorted(asker.next().value for _ in range(100)) == list(range(100))


def test_many_questions_from_many_threads_are_answered(asker: Asker) -> None:
    def ask(name: str) -> None:
        for number in range(300):
            asker.ask(".", str(number).encode(), run_id=name)

    threads = [threading.Thread(target=ask, args=(f"r{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    answers = [asker.next() for _ in range(1200)]
    for number in range(4):
        values = [answer.value for answer in answers if answer.run_id == f"r{number}"]
        assert sorted(values) == list(range(300))
    for thread in threads:
        thread.join()


def test_programs_beyond_the_cache_are_compiled_again() -> None:
    asker = Asker(deadline_ms=5000)
    for _ in range(2):
        for number in range(300):
            asker.ask(f"{number} + 0")
        assert sorted(asker.next().value for _ in range(300)) == list(range(300))
    asker.evaluator.close()


def test_syntax_is_checked_without_running(asker: Asker) -> None:
    programs = [".d | (\n.a\n)", ".d | (\n.a b\n)", ENDLESS, 'error("x")', ".d | (\n1 +\n)"]
    right, wrong, endless, failing, unfinished = asker.evaluator.check_syntax(programs)
    assert right is endless is failing is None
    assert wrong is not None and wrong.endswith("(line 1, column 4)")
    assert unfinished is not None and "unexpected" in unfinished
    assert asker.evaluator.check_syntax([]) == []


def test_closing_ends_the_process() -> None:
    asker = Asker()
    asker.answer("1")
    pids = asker.evaluator.pids
    assert pids
    asker.ask(ENDLESS)
    asker.evaluator.close()
    asker.evaluator.close()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    with pytest.raises(EvaluatorClosed):
        asker.ask("1")
    with pytest.raises(EvaluatorClosed):
        asker.evaluator.check_syntax(["1"])


def test_an_evaluator_that_was_never_asked_has_no_process() -> None:
    asker = Asker()
    assert asker.evaluator._thread is None and not asker.evaluator.pids
    asker.evaluator.close()


@pytest.mark.skipif(sys.platform != "linux", reason="pidfd is Linux only")
def test_the_process_dies_with_its_parent() -> None:
    script = textwrap.dedent(
        f"""
        import os, queue, signal
        from podium.runtime.evaluator import Evaluator
        answers = queue.Queue()
        evaluator = Evaluator(answers.put, deadline_ms=600_000)
        evaluator.ask("r", "1", b"null")
        answers.get()
        evaluator.ask("r", {ENDLESS!r}, b"null")
        print(evaluator.pids[0], flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    path = os.pathsep.join(sys.path)
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    pid = int(done.stdout)
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    assert select.select([descriptor], [], [], PATIENCE_SECONDS)[0], "the worker outlived its parent"
    os.close(descriptor)
