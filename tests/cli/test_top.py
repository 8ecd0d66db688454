"""A hub on one screen, and what keeps runs from going on, from the command line."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import threading

from tests.cli.command import PATIENCE_S, Command, hear_signals, until


def test_a_hub_on_one_screen(podium: Command) -> None:
    podium.start("up")
    until(podium.hub)
    assert podium("apply", "team").returncode == 0
    podium("send", "--type", "nothing")
    podium.start("run", "slow")
    podium.start("run", "ask")
    until(podium.calls)
    until(lambda: len(podium.json("get", "runs", "--status", "waiting")) == 1)
    shown = podium("top", "--once")
    assert shown.returncode == 0, shown.stderr
    for part in ("hub serving", "NEEDS SOMEBODY", "an answer: Send it?", "AT WORK", "gate@1.0.0", "RUNS"):
        assert part in shown.stdout, shown.stdout
    told = podium.json("top")
    assert told["hub"]["status"] == "serving"
    assert [one["kind"] for one in told["stuck"]] == ["human"]
    stuck = podium("explain", "--stuck")
    assert "an answer: Send it?" in stuck.stdout and "gate@1.0.0, which is at work" in stuck.stdout
    run = told["stuck"][0]["run_id"]
    assert [one["run_id"] for one in podium.json("explain", "--stuck", run[:8])] == [run]


def test_a_folder_without_a_hub_shows_how_it_was_left(podium: Command) -> None:
    assert podium("run", "team", "--workflow", "greet").returncode == 0
    shown = podium("top")
    assert "no hub is at work here" in shown.stdout and "test/greet@1.0.0" in shown.stdout
    assert podium("explain", "--stuck").stderr.strip() == "nothing waits: no run is unfinished"


def test_the_screen_follows_hubs_that_go_and_come(podium: Command) -> None:
    podium.start("up")
    until(podium.hub)
    ours, theirs = pty.openpty()
    screen = bytearray()
    top = subprocess.Popen(
        podium.command(("top", "--every", "0.2")), cwd=podium.folder, start_new_session=True,
        env={**podium.environment(), "TERM": "xterm"}, stdin=theirs, stdout=theirs, stderr=theirs,
        preexec_fn=hear_signals,  # noqa: PLW1509 (no other thread yet)
    )  # fmt: skip
    os.close(theirs)

    def read() -> None:
        try:
            while told := os.read(ours, 65_536):
                screen.extend(told)
        except OSError:
            """The last who writes has closed it."""

    reader = threading.Thread(target=read)
    reader.start()
    try:
        until(lambda: b"hub serving" in screen)
        os.kill(podium.hub(), signal.SIGKILL)
        until(lambda: b"no hub is at work here" in screen)
        screen.clear()
        podium.start("up")
        until(lambda: b"hub serving" in screen)
        top.send_signal(signal.SIGINT)
        assert top.wait(PATIENCE_S) == 130
    finally:
        top.kill()
        top.wait()
        reader.join(PATIENCE_S)
        os.close(ours)
    # The terminal gets back what it showed before.
    assert screen.rstrip().endswith(b"\x1b[?1049l")
