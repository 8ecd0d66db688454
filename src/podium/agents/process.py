"""Process agents: a program for every attempt, its input on stdin, its answer on stdout."""

from __future__ import annotations

import asyncio
import os
import sys

import msgspec

from podium.agents.answer import Answer
from podium.agents.doorway import Doorway, Pass
from podium.agents.environment import environment
from podium.agents.interface import Attempt, AttemptFailed, Performed, Spawned
from podium.agents.lines import Lines
from podium.agents.program import Program, ending
from podium.facts.catalog import AgentVersion

INTERPRETERS = ("python", "python3", "{python}")
"""As first word of a command these mean the interpreter that the hub runs on."""


class ProcessAdapter:
    """Performs attempts by starting `runtime.command`; whatever it started is gone when the attempt is.

    Args:
        doorway: by which agents ask the hub; None lets nobody ask.
    """

    def __init__(self, spawned: Spawned, doorway: Doorway | None = None) -> None:
        self._spawned = spawned
        self._doorway = doorway
        self._programs: set[Program] = set()

    async def perform(self, agent: AgentVersion, attempt: Attempt) -> Performed:
        if self._doorway is None or attempt.order.kind != "agent":
            return await self._perform(agent, attempt, {})
        granted = await self._doorway.admit(attempt)
        try:
            door = {"PODIUM_SOCKET": str(self._doorway.path), "PODIUM_TOKEN": granted.token}
            return await self._perform(agent, attempt, door, granted)
        finally:
            self._doorway.dismiss(granted)

    async def _perform(
        self, agent: AgentVersion, attempt: Attempt, door: dict[str, str], granted: Pass | None = None
    ) -> Performed:
        answer = Answer(attempt.progress)
        lines = Lines(attempt.log)
        program = self._start(agent, attempt, answer, lines, door)
        if granted is not None:
            granted.leader = program.pid
        self._programs.add(program)
        try:
            program.write(msgspec.json.encode(attempt.order.input) + b"\n", last=True)
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
        return _outcome(agent, answer, lines, code)

    async def close(self) -> None:
        for program in list(self._programs):
            await program.stop(0)
        if self._doorway is not None:
            await self._doorway.close()

    def _start(
        self, agent: AgentVersion, attempt: Attempt, answer: Answer, lines: Lines, door: dict[str, str]
    ) -> Program:
        cwd = os.path.join(agent.folder or os.getcwd(), str(agent.runtime.get("cwd") or ""))
        return Program(
            _command(agent, cwd),
            cwd=cwd,
            env={**environment(agent.runtime.get("env") or {}, attempt.order), **door},
            on_stdout=answer.feed,
            on_stderr=lines.feed,
            spawned=self._spawned,
            memory_bytes=int(agent.runtime.get("memory_bytes") or 0),
        )


def _command(agent: AgentVersion, cwd: str) -> list[str]:
    first, *rest = (str(word) for word in agent.runtime["command"])
    if first in INTERPRETERS:
        first = sys.executable
    elif os.path.dirname(first):
        first = os.path.join(cwd, first)
    return [first, *rest]


def _outcome(agent: AgentVersion, answer: Answer, lines: Lines, code: int) -> Performed:
    """What the attempt gave; the exit code counts before what stands on stdout."""
    try:
        performed = answer.finish()
    except AttemptFailed as failure:
        # What the agent calls its error says more than the exit code that goes with it.
        if code == 0 or failure is answer.failure:
            failure.detail = "\n".join(part for part in (failure.detail, lines.text()) if part)
            raise
    else:
        if code == 0:
            return performed
    raise AttemptFailed(f"{agent.name}'s process {ending(code)}", lines.text(), lost=code < 0)
