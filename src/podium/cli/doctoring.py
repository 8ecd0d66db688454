"""`doctor`: is this machine fit, and is the state folder well?"""

from __future__ import annotations

import os
import platform
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from cyclopts import Parameter

from podium.cli import hubs
from podium.cli.exits import Exit, exit_of
from podium.cli.options import Options
from podium.cli.output import coloured, show_json, show_line, span

Given = Annotated[Options, Parameter(parse=False)]

FSYNCS = 20
FSYNC_PLAUSIBLE_MS = 0.02
"""No device that keeps what it is told to keep is faster."""
FSYNC_SLOW_MS = 20.0
DISK_FREE_WARN_BYTES = 1 << 30
DISK_FREE_FAIL_BYTES = 64 << 20
_ELSEWHERE = "choose another state folder with --state, or let this user write there"
_JQ_PROGRAM = ".d"


class Finding(NamedTuple):
    """What one check found: `ok`, `warn` or `fail`, and the way out where it is not ok."""

    check: str
    status: str
    found: str
    way_out: str = ""


def doctor(*, options: Given) -> int:
    """Check this machine and the state folder."""
    hubs.refuse_far("podium doctor")
    findings = []
    for finding in _findings(options.state):
        findings.append(finding)
        _show(finding, options)
    if options.format == "json":
        show_json([finding._asdict() for finding in findings])
    return Exit.REFUSED if any(finding.status == "fail" for finding in findings) else Exit.OK


def _show(finding: Finding, options: Options) -> None:
    if options.format == "jsonl":
        show_line(finding._asdict())
    elif options.format != "json":
        print(f"{coloured(f'{finding.status:<4}')}  {finding.check:<12}  {finding.found}", flush=True)
        if finding.way_out:
            print(f"{'':20}{finding.way_out}", flush=True)


def _findings(state: Path) -> Iterator[Finding]:
    checks: tuple[tuple[str, Callable[[Path], Finding]], ...] = (
        ("python", _python), ("sqlite", _sqlite), ("state", _state), ("fsync", _fsync), ("disk", _disk),
        ("clock", _clock), ("hub", _hub), ("socket", _socket), ("jq", _jq), ("schemas", _schemas),
        ("audit", _audit),
    )  # fmt: skip
    for name, check in checks:
        try:
            yield check(state)
        except Exception as error:
            known = exit_of(error) is not None
            found = str(error) if known else f"the check failed: {type(error).__name__}: {error}"
            yield Finding(name, "fail", found)


def _python(_: Path) -> Finding:
    found = f"{platform.python_implementation()} {platform.python_version()} on {platform.system()}"
    if sys.implementation.name != "cpython":
        return Finding("python", "warn", found, "podium is tested on CPython")
    return Finding("python", "ok", found)


def _sqlite(_: Path) -> Finding:
    import apsw

    from podium.store.connecting import refuse_old
    from podium.store.interface import Unwritable

    version = apsw.sqlite_lib_version()
    try:
        refuse_old(version)
    except Unwritable as error:
        return Finding("sqlite", "fail", f"SQLite {version}", str(error))
    return Finding("sqlite", "ok", f"SQLite {version}")


def _state(state: Path) -> Finding:
    folder = _present(state)
    if state.exists() and not state.is_dir():
        return Finding("state", "fail", f"{state} is no folder", "name a state folder with --state")
    if not os.access(folder, os.W_OK | os.X_OK):
        return Finding("state", "fail", f"{folder} cannot be written to", _ELSEWHERE)
    log = state / "log.db"
    if not log.exists():
        return Finding("state", "ok", f"{state} is new")
    from podium.bootstrap import look
    from podium.sdk.client import Client

    with Client(look(state)) as client:
        client.get("runs", limit=1)
    return Finding("state", "ok", f"{log} can be read, {log.stat().st_size:,} bytes")


def _fsync(state: Path) -> Finding:
    folder = _present(state)
    probe = folder / f".podium-doctor-{os.getpid()}"
    took = []
    try:
        with probe.open("wb", buffering=0) as file:
            for _ in range(FSYNCS):
                file.write(b"x" * 4096)
                before = time.perf_counter()
                os.fsync(file.fileno())
                took.append((time.perf_counter() - before) * 1000)
    except OSError as error:
        return Finding("fsync", "fail", f"{folder} takes no file: {error.strerror}", _ELSEWHERE)
    finally:
        with suppress(OSError):
            probe.unlink(missing_ok=True)
    median = sorted(took)[len(took) // 2]
    found = f"{median:.2f} ms (median of {FSYNCS})"
    if median < FSYNC_PLAUSIBLE_MS:
        way_out = (
            "a disk this fast does not keep what it is told to keep; a power cut may lose what was accepted"
        )
        return Finding("fsync", "warn", found, way_out)
    if median > FSYNC_SLOW_MS:
        return Finding("fsync", "warn", found, "each commit waits for this; a local disk is faster")
    return Finding("fsync", "ok", found)


def _disk(state: Path) -> Finding:
    free = shutil.disk_usage(_present(state)).free
    found = f"{free / (1 << 30):.1f} GiB free"
    if free < DISK_FREE_FAIL_BYTES:
        return Finding("disk", "fail", found, "make room; without it the hub only reads")
    if free < DISK_FREE_WARN_BYTES:
        return Finding("disk", "warn", found, "make room soon; on a full disk the hub only reads")
    return Finding("disk", "ok", found)


def _clock(state: Path) -> Finding:
    now = time.time_ns() // 1_000_000
    log = state / "log.db"
    if time.gmtime().tm_year < 2025:
        return Finding("clock", "fail", time.strftime("%Y-%m-%d %H:%M:%S"), "set the clock; timers go by it")
    ahead = int(log.stat().st_mtime * 1000) - now if log.exists() else 0
    if ahead > 30_000:
        way_out = "the log was written later than it is now; timers wait until the clock has caught up"
        return Finding("clock", "warn", f"{span(ahead)} behind the log", way_out)
    return Finding("clock", "ok", time.strftime("%Y-%m-%d %H:%M:%S %Z"))


def _hub(state: Path) -> Finding:
    from podium.store.lock import held

    found = hubs.find(state)
    if found is None:
        if held(state / "hub.lock"):
            way_out = "it starts, stops or hangs; look into hub.log, or end that process"
            return Finding("hub", "fail", "a process holds the state folder, but does not answer", way_out)
        if (state / "hub.json").exists():
            return Finding("hub", "ok", "none is live; the last one died, the next one takes over")
        return Finding("hub", "ok", "none is live; the next command that needs one starts it")
    with found.client as client:
        status = client.status()
    shown = f"pid {status['pid']}, {status['status']}, epoch {status['epoch']}, seq {status['seq']}"
    if status["trouble"]:
        return Finding("hub", "fail", shown, str(status["trouble"]))
    if status["clock_jump_ms"]:
        way_out = "the clock was set while the hub ran; start the hub again to believe it"
        return Finding("hub", "warn", f"{shown}, clock off by {status['clock_jump_ms']} ms", way_out)
    return Finding("hub", "ok", shown)


def _socket(state: Path) -> Finding:
    from podium.runtime.addresses import socket_path

    path = socket_path(state.absolute())
    if path.parent == state.absolute():
        return Finding("socket", "ok", str(path))
    return Finding("socket", "ok", f"{path} (the state folder's path is too long for a socket)")


def _jq(_: Path) -> Finding:
    from podium.runtime.evaluator import Evaluator

    evaluator = Evaluator(lambda _: None)
    try:
        before = time.perf_counter()
        fault = evaluator.check_syntax([_JQ_PROGRAM])[0]
        took = int((time.perf_counter() - before) * 1000)
    finally:
        evaluator.close()
    if fault:
        return Finding("jq", "fail", f"the worker process answers: {fault}", "install the `jq` package again")
    return Finding("jq", "ok", f"the worker process answers after {took} ms")


def _schemas(_: Path) -> Finding:
    from importlib.metadata import version

    from podium.contracts.checking import compile_schema

    schema: dict[str, Any] = {"type": "object", "required": ["a"]}
    check = compile_schema(schema)
    if check({"a": 1}) or not check({}):
        return Finding("schemas", "fail", "payloads are not checked", "install `jsonschema-rs` again")
    return Finding("schemas", "ok", f"jsonschema-rs {version('jsonschema-rs')}")


def _audit(state: Path) -> Finding:
    from podium.runtime.checkpoints import VARIABLE, last_status, settings_of

    try:
        settings = settings_of(state, os.environ.get(VARIABLE, ""))
    except ValueError as error:
        return Finding(
            "audit", "fail", str(error), "put it right; until then no checkpoints are taken elsewhere"
        )
    if not settings.to:
        way_out = f"name a place in {state / 'audit.yaml'}; without one, a log that is cut off looks sound"
        return Finding("audit", "warn", "no checkpoints of the log are taken elsewhere", way_out)
    troubles = [one.trouble for one in last_status(state) if one.trouble]
    if troubles:
        return Finding("audit", "warn", troubles[0], "it is tried again; the hub goes on meanwhile")
    last = max((one.number for one in last_status(state)), default=0)
    return Finding(
        "audit", "ok", f"checkpoints go to {len(settings.to)} places, the last one is number {last}"
    )


def _present(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    folder = folder.absolute()
    while not folder.is_dir():
        folder = folder.parent
    return folder
