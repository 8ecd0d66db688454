"""The command line as people have it: real processes in a folder with a few agents and workflows."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).resolve().parents[2] / "src"

PATIENCE_S = 60.0
"""A machine that many share may be this slow; nothing is proven by it."""

MANIFEST = """\
apiVersion: podium.dev/v1
kind: Agent
metadata: {name: greeter}
spec:
  version: 1.0.0
  capabilities:
    - name: greet
      input: {type: object, required: [name], properties: {name: {type: string}}}
      output: {type: object, required: [text]}
  runtime:
    function: {callable: "agents:greet"}
---
apiVersion: podium.dev/v1
kind: Agent
metadata: {name: gate}
spec:
  version: 1.0.0
  capabilities: [{name: pass}]
  retry: {attempts: 1}
  runtime:
    function: {callable: "agents:pass_gate"}
---
apiVersion: podium.dev/v1
kind: Agent
metadata: {name: once}
spec:
  version: 1.0.0
  delivery: at-most-once
  capabilities: [{name: once}]
  runtime:
    function: {callable: "agents:pass_gate"}
---
document: {dsl: '1.0.3', namespace: test, name: greet, version: '1.0.0'}
input:
  schema: {document: {type: object, properties: {name: {type: string}}}}
do:
  - greet:
      call: agent
      with: {capability: greet, input: {name: '${ .name // "you" }'}}
---
document: {dsl: '1.0.3', namespace: test, name: fail, version: '1.0.0'}
do:
  - check:
      raise:
        error: {type: 'https://example.com/no', status: 409, title: It cannot be, detail: It never could.}
---
document: {dsl: '1.0.3', namespace: test, name: ask, version: '1.0.0'}
do:
  - approve:
      call: human
      with: {title: Send it?, decisions: [approve, deny]}
---
document: {dsl: '1.0.3', namespace: test, name: slow, version: '1.0.0'}
do:
  - before: {call: agent, with: {capability: greet, input: {name: first}}}
  - wait: {call: agent, with: {capability: pass}}
  - after: {call: agent, with: {capability: greet, input: {name: last}}}
---
document: {dsl: '1.0.3', namespace: test, name: once, version: '1.0.0'}
do:
  - act: {call: agent, with: {capability: once}}
---
document: {dsl: '1.0.3', namespace: test, name: listen, version: '1.0.0'}
do:
  - hear: {listen: {to: {one: {with: {type: go}}}}}
"""

AGENTS = """\
import asyncio
from pathlib import Path

HERE = Path(__file__).parent


async def greet(input):
    return {"text": f"Hello, {input['name']}!"}


async def pass_gate(input):
    with open(HERE / "calls", "a") as calls:
        calls.write("call\\n")
    while not (HERE / "open").exists():
        await asyncio.sleep(0.02)
    return {"passed": True}
"""


def hear_signals() -> None:
    """Whoever runs the tests in the background has children that ignore what a terminal sends."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


class Command:
    """Runs `podium` in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / ".podium"
        self.team = folder / "team"
        self._started: list[subprocess.Popen[str]] = []
        self.team.mkdir()
        (self.team / "team.yaml").write_text(MANIFEST)
        (self.team / "agents.py").write_text(AGENTS)

    def __call__(self, *arguments: str, input: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            self.command(arguments), cwd=self.folder, env=self.environment(), input=input,
            capture_output=True, text=True, timeout=2 * PATIENCE_S,
        )  # fmt: skip

    def start(self, *arguments: str, stdin: Path | None = None) -> subprocess.Popen[str]:
        """Start a command; what it reads is in a file, or nothing."""
        with open(stdin or os.devnull, encoding="utf-8") as given:
            process = self._popen(arguments, given)
        self._started.append(process)
        return process

    def _popen(self, arguments: tuple[str, ...], stdin: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(arguments), cwd=self.folder, env=self.environment(), stdin=stdin,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
            preexec_fn=hear_signals,  # noqa: PLW1509 (a test has no other thread)
        )  # fmt: skip

    def json(self, *arguments: str) -> Any:
        """What a command shows, as data."""
        done = self(*arguments, "-o", "json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def open_gate(self) -> None:
        """Let the agents at the gate pass."""
        (self.team / "open").touch()

    def calls(self) -> int:
        """How often an agent came to the gate."""
        try:
            return (self.team / "calls").read_text().count("call")
        except FileNotFoundError:
            return 0

    def hub(self) -> int:
        """The pid of the hub that serves here; 0 if none says that it does."""
        try:
            return int(json.loads((self.state / "hub.json").read_bytes())["pid"])
        except (FileNotFoundError, NotADirectoryError):
            return 0

    def close(self) -> None:
        """End whatever is left: what was started here, and the hub in the background."""
        for process in self._started:
            if process.poll() is None:
                process.kill()
            process.communicate()
        if (pid := self.hub()) and is_podium(pid):
            os.kill(pid, signal.SIGKILL)

    def command(self, arguments: tuple[str, ...]) -> list[str]:
        """Its words, as a process has them."""
        return [sys.executable, "-P", "-m", "podium.cli", *arguments]

    def environment(self) -> dict[str, str]:
        """What its commands have."""
        kept = {name: value for name, value in os.environ.items() if name != "PODIUM_STATE"}
        return {
            **kept, "PYTHONPATH": str(SOURCE), "NO_COLOR": "1", "COLUMNS": "200", "PODIUM_LISTEN": "off",
        }  # fmt: skip


def is_podium(pid: int) -> bool:
    """Whether a process is one of ours: pids are used again."""
    try:
        return b"podium" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def until(holds: Callable[[], Any]) -> Any:
    """Wait for another process to get somewhere; gives what `holds` gave at last."""
    limit = time.monotonic() + PATIENCE_S
    while not (found := holds()):
        assert time.monotonic() < limit, "waited in vain"
        time.sleep(0.02)
    return found
