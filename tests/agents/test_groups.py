"""No process outlives the hub: the reaper, and the record for the next hub."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from podium.agents import groups as recording
from podium.agents import reaper
from podium.agents.groups import Groups, reap_leftovers, started_at
from tests.agents.attempts import is_running, until

SOURCES = str(Path(reaper.__file__).parents[2])
linux_only = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")


def sleeper() -> subprocess.Popen[bytes]:
    return subprocess.Popen(["sleep", "1000"], start_new_session=True)


def ended(process: subprocess.Popen[bytes]) -> bool:
    return process.wait(20) == -signal.SIGKILL


def test_closing_kills_what_is_alive_and_forgets(tmp_path: Path) -> None:
    groups = Groups(tmp_path)
    one, two = sleeper(), sleeper()
    groups.spawned(one.pid)
    groups.spawned(two.pid)
    groups.spawned(-two.pid)
    groups.close()
    assert ended(one)
    assert two.poll() is None
    assert not list(tmp_path.iterdir())
    two.kill()
    two.wait()


def test_a_reaper_that_died_is_replaced_and_told_all(tmp_path: Path) -> None:
    groups = Groups(tmp_path)
    one, two = sleeper(), sleeper()
    groups.spawned(one.pid)
    first = groups._reaper
    assert first is not None
    first.kill()
    first.wait()
    groups.spawned(two.pid)
    second = groups._reaper
    assert second is not None
    assert second.stdin is not None
    second.stdin.close()
    assert ended(one)
    assert ended(two)
    groups.close()


def test_a_folder_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    groups = Groups(tmp_path / "file" / "processes")
    one = sleeper()
    groups.spawned(one.pid)
    groups.close()
    assert ended(one)


HUB = """
    import sys, time
    from pathlib import Path
    from podium.agents.interface import OUTPUT_BYTES_MAX
    from podium.facts.catalog import AgentVersion, Capability
    from podium.facts.orders import Perform
    from podium.runtime.worker import EmbeddedWorker

    folder = Path(sys.argv[1])
    (folder / "agents.py").write_text(
        "import os, subprocess\\n"
        "def work(input):\\n"
        "    stray = subprocess.Popen(['sleep', '1000'])\\n"
        "    open('child', 'w').write(f'{os.getpid()} {stray.pid} .')\\n"
        "    stray.wait()\\n"
    )
    script = "sleep 1000 & sleep 1000 & echo $$ $! . > process; wait"
    agents = {
        "process": {"type": "process", "command": ["sh", "-c", script]},
        "child": {"type": "function", "callable": "agents:work", "isolation": "process"},
    }
    def version(name):
        return AgentVersion(name, "1.0.0", (Capability("c"),), agents[name], folder=str(folder))
    clock = lambda: int(time.time() * 1000)
    worker = EmbeddedWorker(lambda reports: print(reports, flush=True), version, folder / ".podium", clock)
    worker.perform([
        Perform("r", "/do/0/x", n, 1, n, 1, "agent", name, name, "c", {}, "at-least-once", 0, 0, "k")
        for n, name in enumerate(agents, 1)
    ])
    time.sleep(1000)
"""


def start_hub(folder: Path) -> tuple[subprocess.Popen[bytes], list[int]]:
    """A hub with a process agent and a child at work; gives their pids and those of what they started."""
    hub = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(HUB), str(folder)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": SOURCES},
    )
    pids: list[int] = []
    for name in ("process", "child"):
        file = folder / name
        until(lambda file=file: file.exists() and file.read_text().strip().endswith("."))  # type: ignore[misc]
        pids += map(int, file.read_text().split()[:2])
    return hub, pids


def test_a_killed_hub_takes_everything_with_it(tmp_path: Path) -> None:
    hub, pids = start_hub(tmp_path)
    assert all(map(is_running, pids))
    hub.kill()
    hub.wait()
    for pid in pids:
        until(lambda pid=pid: not is_running(pid))  # type: ignore[misc]


@linux_only
def test_the_next_hub_reaps_what_the_reaper_could_not(tmp_path: Path) -> None:
    hub, pids = start_hub(tmp_path)
    reapers = [pid for pid in children_of(hub.pid) if "reaper" in command_of(pid)]
    assert len(reapers) == 1
    os.kill(reapers[0], signal.SIGKILL)
    assert reap_leftovers(tmp_path / ".podium" / "processes") == []
    hub.kill()
    hub.wait()
    strays = [pid for pid in pids if is_running(pid)]
    assert strays
    assert reap_leftovers(tmp_path / ".podium" / "processes")
    for pid in pids:
        until(lambda pid=pid: not is_running(pid))  # type: ignore[misc]
    assert not list((tmp_path / ".podium" / "processes").iterdir())


@linux_only
def test_a_process_that_took_over_the_number_is_spared(tmp_path: Path) -> None:
    other = sleeper()
    boot = recording._boot()
    (tmp_path / "99999-1").write_text(f"{boot} 4194305 1\n+{other.pid} 12345\n")
    assert reap_leftovers(tmp_path) == []
    assert other.poll() is None
    (tmp_path / "99999-1").write_text(f"another-boot 4194305 1\n+{other.pid} {started_at(other.pid)}\n")
    assert reap_leftovers(tmp_path) == []
    (tmp_path / "99999-1").write_text(f"{boot} 4194305 1\n+{other.pid} {started_at(other.pid)}\n+x\nrubbish")
    assert reap_leftovers(tmp_path) == [other.pid]
    assert ended(other)


def test_a_record_that_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "1-1").write_bytes(b"\xff\xfe")
    (tmp_path / "2-1").write_text("")
    assert reap_leftovers(tmp_path) == []
    assert reap_leftovers(tmp_path / "absent") == []


def test_the_reaper_never_kills_its_own_group_or_everybody() -> None:
    assert not reaper.kill_group(os.getpgrp())
    assert not reaper.kill_group(1)
    groups: set[int] = set()
    for line in (b"+1", b"+0", b"+-5", b"", b"+", b"rubbish", b"+77", b"+88", b"-77"):
        reaper.change(groups, line)
    assert groups == {88}


def children_of(parent: int) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "stat").read_text().rpartition(")")[2].split()[1] == str(parent):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def command_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().decode()
