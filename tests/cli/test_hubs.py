"""One state, many processes: being served, handing over, dying, and going on where it stood."""

from __future__ import annotations

import json
import os
import signal

import pytest

from tests.cli.command import Command, until


def test_a_second_process_is_served(podium: Command) -> None:
    first = podium.start("run", "team", "--workflow", "slow")
    until(podium.calls)
    assert podium.hub() == first.pid
    (run,) = podium.json("get", "runs")
    assert run["status"] == "running"
    assert podium.json("describe", "run", run["id"])["waiting_for"][0]["kind"] == "attempt"
    served = podium("run", "greet", "--input", "name=Bob")
    assert json.loads(served.stdout) == {"text": "Hello, Bob!"}
    assert podium("suspend", run["id"], "--why", "lunch").returncode == 0
    podium.open_gate()
    until(lambda: len(podium.json("events", run["id"])) >= 6)
    assert podium.json("get", "runs", "--status", "suspended")[0]["id"] == run["id"]
    assert podium("resume", run["id"]).returncode == 0
    out, _ = first.communicate(timeout=60)
    assert json.loads(out) == {"text": "Hello, last!"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_an_interrupt_hands_the_work_over(podium: Command, number: signal.Signals) -> None:
    first = podium.start("run", "team", "--workflow", "slow")
    until(podium.calls)
    first.send_signal(number)
    out, said = first.communicate(timeout=60)
    assert (first.returncode, out) == (0, "")
    assert f"hub pid {podium.hub()}" in said
    assert podium.hub() not in (0, first.pid)
    assert "Traceback" not in said
    podium.open_gate()
    (run,) = podium.json("get", "runs")
    done = podium("follow", run["id"][:8])
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"text": "Hello, last!"}


def test_a_killed_run_goes_on(podium: Command) -> None:
    first = podium.start("run", "team", "--workflow", "slow")
    until(podium.calls)
    first.kill()
    first.communicate()
    # Looking sets nothing going.
    (run,) = podium.json("get", "runs", "--status", "running")
    assert podium.calls() == 1
    podium.open_gate()
    again = podium("run", "team", "--workflow", "slow", "--resume")
    assert again.returncode == 0, again.stderr
    assert "resuming 1 unfinished run" in again.stderr
    assert json.loads(again.stdout) == {"text": "Hello, last!"}
    assert [row["id"] for row in podium.json("get", "runs")] == [run["id"]]
    assert podium.calls() == 2
    assert podium("audit", "verify").returncode == 0


def test_a_served_run_survives_the_hub(podium: Command) -> None:
    hub = podium.start("up")
    until(podium.hub)
    served = podium.start("run", "team", "--workflow", "slow")
    until(podium.calls)
    hub.kill()
    hub.communicate()
    podium.open_gate()
    out, said = served.communicate(timeout=60)
    assert served.returncode == 0, said
    assert json.loads(out) == {"text": "Hello, last!"}


def test_what_may_have_been_done_once_waits_for_a_verdict(podium: Command) -> None:
    first = podium.start("run", "team", "--workflow", "once")
    until(podium.calls)
    first.kill()
    first.communicate()
    asked = podium("run", "team", "--workflow", "once", "--resume", "--timeout", "0")
    assert asked.returncode == 8
    (run,) = podium.json("get", "runs", "--status", "waiting")
    assert podium("resolve", run["id"], "--verdict", "maybe").returncode == 2
    resolved = podium("resolve", run["id"], "--verdict", "succeeded", "--output", '{"passed": "yes"}')
    assert resolved.returncode == 0, resolved.stderr
    done = podium("follow", run["id"])
    assert json.loads(done.stdout) == {"passed": "yes"}
    assert podium.calls() == 1
    assert "resolved /do/0/act: succeeded" in podium("story", run["id"]).stdout


def test_a_second_hub_is_refused(podium: Command) -> None:
    podium.start("up")
    pid = until(podium.hub)
    second = podium("up")
    assert second.returncode == 7
    assert f"pid {pid}" in second.stderr
    os.kill(pid, signal.SIGTERM)
    until(lambda: not podium.hub())


def test_a_hub_that_has_nothing_to_do_may_end(podium: Command) -> None:
    done = podium("up", "--idle-exit", "0")
    assert done.returncode == 0, done.stderr
    assert podium.hub() == 0


def test_an_event_reaches_a_run_in_the_background(podium: Command) -> None:
    started = podium("run", "team", "--workflow", "listen", "--detach")
    run_id = started.stdout.strip()
    sent = podium("send", run_id, "--type", "go", "--data", '{"n": 1}')
    assert sent.returncode == 0, sent.stderr
    assert json.loads(podium("follow", run_id).stdout) == [{"n": 1}]
    cancelled = podium("cancel", run_id)
    assert cancelled.returncode == 5


def test_a_second_interrupt_stops_at_once(podium: Command) -> None:
    first = podium.start("run", "team", "--workflow", "slow")
    until(podium.calls)
    first.send_signal(signal.SIGINT)
    assert first.stderr is not None
    while "handing over" not in (line := first.stderr.readline()):
        assert line, "it ended without handing over"
    first.send_signal(signal.SIGINT)
    first.communicate(timeout=60)
    assert first.returncode == 130
    podium.open_gate()
    again = podium("run", "slow", "--resume")
    assert json.loads(again.stdout) == {"text": "Hello, last!"}
    assert len(podium.json("get", "runs")) == 1


def test_a_damaged_log_is_named(podium: Command) -> None:
    podium.state.mkdir()
    (podium.state / "log.db").write_bytes(b"no database, though long enough to be one " * 500)
    done = podium("run", "team", "--workflow", "greet")
    assert done.returncode == 6
    assert "log.db" in done.stderr
    detached = podium("run", "team", "--workflow", "greet", "--detach")
    assert detached.returncode == 6
    assert "log.db" in detached.stderr
    assert "Traceback" not in detached.stderr
    assert podium("audit", "verify").returncode == 6
