"""The workflow's `run: script` and `run: shell`: a program in an empty folder, killable like any agent's."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import Set
from typing import Any

from podium.agents.environment import environment
from podium.agents.interface import OUTPUT_BYTES_MAX, Attempt, AttemptFailed, Performed, Spawned
from podium.agents.lines import Lines
from podium.agents.output import too_large
from podium.agents.program import Program, ending
from podium.agents.requesting import as_text
from podium.facts.catalog import AgentVersion
from podium.facts.values import JSON

SETTING = "PODIUM_ALLOW_RUN"
"""The variable that names what a hub allows, such as `script,shell`."""
_FILES = {"python": "script.py", "js": "script.mjs"}


class CommandAdapter:
    """Performs effects of kind `process`. The agent it is given says nothing and is not read.

    Args:
        allowed: which of `script` and `shell` the hub allows.
    """

    def __init__(self, spawned: Spawned, allowed: Set[str]) -> None:
        self._spawned, self._allowed = spawned, allowed
        self._programs: set[Program] = set()

    async def perform(self, agent: AgentVersion, attempt: Attempt) -> Performed:
        asked: dict[str, Any] = attempt.order.input
        if asked["what"] not in self._allowed:
            raise AttemptFailed(
                f"`run: {asked['what']}` is off on this hub", f"Start it with {SETTING}={asked['what']}.",
                retryable=False, unstarted=True, kind="configuration",
            )  # fmt: skip
        folder = await asyncio.to_thread(tempfile.mkdtemp, prefix="podium-")
        try:
            return await self._run(asked, attempt, folder)
        finally:
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))

    async def _run(self, asked: dict[str, Any], attempt: Attempt, folder: str) -> Performed:
        output, errors, lines = _Output(), _Output(), Lines(attempt.log)

        def on_stderr(chunk: bytes) -> None:
            errors.feed(chunk)
            lines.feed(chunk)

        declared = {name: as_text(value) for name, value in asked["environment"].items() if value is not None}
        command = _command(asked, folder)
        if any("\0" in text for text in (*command, *declared.values())):
            raise AttemptFailed(
                "an argument or a variable holds the character 0", "No program can be given that.",
                retryable=False, unstarted=True, kind="validation",
            )  # fmt: skip
        program = Program(
            command,
            cwd=folder,
            env={**environment({}, attempt.order), **declared},
            on_stdout=output.feed,
            on_stderr=on_stderr,
            spawned=self._spawned,
        )
        self._programs.add(program)
        try:
            program.write(_stdin(asked), last=True)
            code = await program.ended()
        except asyncio.CancelledError:
            await program.stop()
            raise
        except AttemptFailed:
            await program.stop(0)
            raise
        finally:
            lines.finish()
            self._programs.discard(program)
        return _outcome(asked, code, output.text(), errors.text(), lines)

    async def close(self) -> None:
        for program in list(self._programs):
            await program.stop(0)


class _Output:
    """What a program writes, up to the most that an output may have."""

    def __init__(self) -> None:
        self._content = bytearray()

    def feed(self, chunk: bytes) -> None:
        self._content += chunk
        if len(self._content) > OUTPUT_BYTES_MAX:
            raise too_large(len(self._content))

    def text(self) -> str:
        """As text, without the line breaks at its end; what is no UTF-8 is replaced."""
        return self._content.decode("utf-8", "replace").rstrip("\r\n")


def _command(asked: dict[str, Any], folder: str) -> list[str]:
    arguments = [as_text(argument) for argument in asked["arguments"]]
    if asked["what"] == "shell":
        return ["sh", "-c", asked["code"], "sh", *arguments]
    file = os.path.join(folder, _FILES[asked["language"]])
    with open(file, "w", encoding="utf-8") as script:
        script.write(asked["code"])
    if asked["language"] == "python":
        return [sys.executable, "-I", file, *arguments]
    return ["node", file, *arguments]


def _stdin(asked: dict[str, Any]) -> bytes:
    given = asked.get("stdin")
    return b"" if given is None else as_text(given).encode("utf-8", "replace")


def _outcome(asked: dict[str, Any], code: int, stdout: str, stderr: str, lines: Lines) -> Performed:
    returned: str = asked["return"]
    if code < 0 or (code > 0 and returned not in ("code", "all")):
        # Killed by a signal: nobody knows how far it came.
        raise AttemptFailed(
            f"the {asked['what']} {ending(code)}", lines.text(), retryable=False, lost=code < 0
        )
    outputs: dict[str, JSON] = {"stdout": stdout, "stderr": stderr, "code": code, "none": None}
    outputs["all"] = {"code": code, "stdout": stdout, "stderr": stderr}
    return Performed(outputs[returned])
