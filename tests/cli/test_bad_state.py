"""State folders that are full, closed, damaged, too new or left behind: said so; nothing accepted is lost."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from tests.cli.command import Command, until

TASKS = """\
document: {dsl: '1.0.3', namespace: t, name: echo, version: '1.0.0'}
do:
  - same: {set: '${ . }'}
---
document: {dsl: '1.0.3', namespace: t, name: ask, version: '1.0.0'}
do:
  - ask: {call: human, with: {title: Go?}}
"""


@pytest.fixture
def told(podium: Command) -> Command:
    """With workflows that need no agent, and one run that waits for a person."""
    (podium.folder / "tasks.yaml").write_text(TASKS)
    assert podium("apply", "tasks.yaml").returncode == 0
    return podium


def asks(podium: Command) -> str:
    """A run that waits for a person, on record."""
    done = podium("run", "ask", "--detach")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def kill_hub(podium: Command) -> None:
    pid = podium.hub()
    os.kill(pid, 9)
    until(lambda: not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text())


def refuses(done: subprocess.CompletedProcess[str], code: int, *said: str) -> None:
    assert done.returncode == code, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    for words in said:
        assert words in done.stderr


# --- no room ----------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="no disk can be made to look full here")
def test_a_full_disk_is_said_and_loses_nothing(told: Command) -> None:
    hub = told.start("up")
    until(told.hub)
    first, second = asks(told), asks(told)
    # No file of the hub may grow beyond what its log has now: to SQLite that is a full disk.
    size = max((told.state / name).stat().st_size for name in ("log.db", "log.db-wal"))
    resource.prlimit(hub.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    big = "x" * 200_000
    (told.folder / "big").write_text(big)
    refuses(
        told("run", "echo", "-i", "a=@big"),
        6,
        "no room is left",
        "Free space under",
        "nothing was accepted",
    )
    refuses(told("run", "echo"), 6, "nothing was accepted")
    refuses(told("apply", "team"), 6, "nothing was accepted")
    batch = told("batch", input='{"id": 1, "workflow": "echo"}\n')
    assert (batch.returncode, json.loads(batch.stdout)["status"]) == (6, "refused")
    doctor = told("doctor")
    assert doctor.returncode == 6
    assert "read-only" in doctor.stdout
    assert {run["id"] for run in told.json("get", "runs")} == {first, second}
    assert told("story", first).returncode == 0
    resource.prlimit(hub.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    again = told("run", "echo", "-i", "a=@big")
    assert json.loads(again.stdout) == {"a": big}
    assert told("answer", first).returncode == 0
    assert told("doctor").returncode == 0
    assert told("audit", "verify").returncode == 0
    assert {run["id"]: run["status"] for run in told.json("get", "runs")}[second] == "running"


# --- no way in --------------------------------------------------------------------------------


def test_a_state_folder_that_is_a_file(podium: Command) -> None:
    podium.state.write_text("not a folder")
    for command in (
        ("run", "team", "--workflow", "greet"), ("run", "team", "--workflow", "greet", "--detach"),
        ("get", "runs"), ("up",), ("cancel", "x"), ("batch",), ("views", "rebuild"),
    ):  # fmt: skip
        refuses(podium(*command), 7, ".podium is no folder", "--state")
    doctor = podium("doctor")
    assert doctor.returncode == 6
    assert ".podium is no folder" in doctor.stdout
    assert podium.state.read_text() == "not a folder"


def test_a_folder_where_nothing_is(podium: Command) -> None:
    for command in (
        ("get", "runs"),
        ("story", "x"),
        ("cancel", "x"),
        ("send", "--type", "x"),
        ("audit", "verify"),
    ):
        refuses(podium(*command), 7, "no hub has worked there yet", "podium run")
    refuses(podium("run", "greet"), 4, "no workflow is named 'greet'")
    assert not podium.state.exists()


READ_ONLY = (
    "mount --bind {state} {state} && mount -o remount,bind,ro {state} && "
    "exec {python} -P -m podium.cli {command}"
)


def read_only(podium: Command, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command that sees the state folder as read-only, as even root must."""
    script = READ_ONLY.format(state=podium.state, python=sys.executable, command=" ".join(arguments))
    return subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script], cwd=podium.folder,
        env=podium.environment(), capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def may_unshare() -> bool:
    try:
        tried = subprocess.run(
            ["unshare", "--user", "--map-root-user", "--mount", "true"], capture_output=True
        )
    except FileNotFoundError:
        return False
    return tried.returncode == 0


@pytest.mark.skipif(not may_unshare(), reason="this system gives no mounts of one's own")
def test_a_read_only_folder_can_be_looked_at(told: Command) -> None:
    run_id = asks(told)
    kill_hub(told)
    for command in (("run", "echo"), ("cancel", run_id), ("up",), ("run", "echo", "--detach"), ("batch",)):
        refuses(read_only(told, *command), 7, "Read-only file system", "another state folder")
    for command in (("get", "runs"), ("story", run_id), ("audit", "verify"), ("get", "workflows")):
        assert read_only(told, *command).returncode == 0
    doctor = read_only(told, "doctor")
    assert doctor.returncode == 6
    assert "cannot be written to" in doctor.stdout
    assert told("answer", run_id).returncode == 0


# --- damage -----------------------------------------------------------------------------------


def test_a_log_of_a_newer_release(told: Command) -> None:
    with apsw.Connection(str(told.state / "log.db")) as log:
        log.execute("PRAGMA user_version = 999")
    log.close()
    for command in (
        ("run", "echo"),
        ("get", "runs"),
        ("audit", "verify"),
        ("up",),
        ("run", "echo", "--detach"),
    ):
        refuses(told(*command), 6, "has format 999", "written by a newer release", "use that one")
    doctor = told("doctor")
    assert doctor.returncode == 6
    assert "has format 999" in doctor.stdout


def damage(path: Path, table: str) -> None:
    """Zero the last page of a table but one."""
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    size = connection.execute("PRAGMA page_size").fetchall()[0][0]
    query = "SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf' ORDER BY path"
    pages = [page for (page,) in connection.execute(query, (table,))]
    connection.close()
    with path.open("r+b") as file:
        file.seek((pages[-2] - 1) * size)
        file.write(bytes(size))


def test_a_damaged_page_is_named_and_the_shard_stopped(told: Command) -> None:
    told.start("up")
    until(told.hub)
    lines = "".join(json.dumps({"id": n, "workflow": "echo", "input": "x" * 100}) + "\n" for n in range(200))
    assert told("batch", input=lines).returncode == 0
    kill_hub(told)
    damage(told.state / "log.db", "log")
    verified = told("audit", "verify")
    refuses(verified, 1, "cannot be trusted", "of shard 1", "restore")
    assert "shard 1: " in verified.stdout
    verified = told("audit", "verify", "-o", "json")
    assert json.loads(verified.stdout)["sound"] is False
    for command in (("run", "echo"), ("run", "echo", "--detach"), ("up",), ("cancel", "a"), ("get", "runs")):
        refuses(told(*command), 6, "cannot be trusted", "of shard 1", "restore")


@pytest.mark.parametrize("serving", [False, True])
def test_views_are_made_again(told: Command, serving: bool) -> None:
    if serving:
        told.start("up")
        until(told.hub)
    assert told("run", "echo", "-i", "n=1").returncode == 0
    views = told.state / "views.db"
    for spoil in (views.unlink, lambda: views.write_bytes(os.urandom(50_000))):
        spoil()
        assert len(told.json("get", "runs")) == 1
        rebuilt = told("views", "rebuild")
        assert rebuilt.returncode == 0, rebuilt.stderr
        assert "the views reflect the log up to" in rebuilt.stderr
        with apsw.Connection(str(views), flags=apsw.SQLITE_OPEN_READONLY) as found:
            assert found.execute("SELECT count(*) FROM runs").fetchall() == [(1,)]
        found.close()
        assert len(told.json("get", "runs", "--status", "completed")) == 1
    assert json.loads(told("views", "rebuild", "-o", "json").stdout)["done"] is True


def test_views_that_cannot_be_made(told: Command) -> None:
    (told.state / "views.db").unlink()
    (told.state / "views.db").mkdir()
    refuses(told("views", "rebuild"), 6, "the views cannot be made", "the log is not touched")
    assert told("run", "echo").returncode == 0
    assert len(told.json("get", "runs")) == 1


# --- left behind ------------------------------------------------------------------------------


def test_what_a_dead_hub_left_is_no_obstacle(told: Command) -> None:
    run_id = asks(told)
    kill_hub(told)
    assert (told.state / "hub.sock").exists()
    assert "the last one died" in told("doctor").stdout
    assert told("answer", run_id).returncode == 0
    (told.state / "hub.json").write_text("rubbish")
    (told.state / "hub.sock").write_text("no socket")
    (told.state / "hub.lock").write_text("99999\n")
    assert [run["status"] for run in told.json("get", "runs")] == ["completed"]
    assert told("run", "echo").returncode == 0
