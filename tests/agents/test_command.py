"""Scripts and shell commands of workflows: what they are given, what they give, and that nothing is left."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from podium.agents import command as commands
from podium.agents.command import CommandAdapter
from podium.agents.interface import AttemptFailed
from tests.agents.attempts import Attempted, Spawns, agent, is_running, until

EMPTY: dict[str, Any] = {"arguments": [], "environment": {}, "return": "stdout", "stdin": None}


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the processes get their folders; nothing may be left there."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def run(what: str, language: str, code: str, **more: Any) -> tuple[Any, Attempted]:
    async def whole() -> tuple[Any, Attempted]:
        spawns = Spawns()
        adapter = CommandAdapter(spawns, {"script", "shell"})
        attempt = Attempted(
            {**EMPTY, "what": what, "language": language, "code": code, **more}, kind="process"
        )
        try:
            performed = await adapter.perform(agent(Path(), {}), attempt)
        finally:
            assert not spawns.alive
            await adapter.close()
        return performed.output, attempt

    return asyncio.run(whole())


def shell(command: str, **more: Any) -> Any:
    return run("shell", "sh", command, **more)[0]


def failure(command: str, **more: Any) -> AttemptFailed:
    with pytest.raises(AttemptFailed) as caught:
        shell(command, **more)
    return caught.value


def test_a_command_gets_what_the_task_gives_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OF_THE_HUB", "private")
    given = {
        "arguments": ["a b", 5, {"x": 1}],
        "environment": {"NAME": "Ada", "N": 3, "NONE": None},
        "stdin": "text",
    }
    said = shell('echo "$1|$2|$3|$NAME|$N|${NONE-unset}|${OF_THE_HUB-unset}|$(cat)|$PODIUM_TASK"', **given)
    assert said == 'a b|5|{"x":1}|Ada|3|unset|unset|text|/do/0/x'


@pytest.mark.parametrize(
    ("language", "code", "said"),
    [
        (
            "python",
            "import sys, os; print(sys.argv[1:], sys.stdin.read(), os.environ['A'])",
            "['x', 'y'] in 1",
        ),
        (
            "js",
            "import {readFileSync} from 'node:fs'; const [, , ...rest] = process.argv;"
            "console.log(rest.join(), readFileSync(0, 'utf8'), process.env.A)",
            "x,y in 1",
        ),
    ],
)
def test_scripts(language: str, code: str, said: str) -> None:
    if language == "js" and not any(
        Path(folder, "node").exists() for folder in os.environ["PATH"].split(":")
    ):
        pytest.skip("there is no node here")
    output, _ = run("script", language, code, arguments=["x", "y"], stdin="in", environment={"A": 1})
    assert output == said


@pytest.mark.parametrize(
    ("returned", "output"),
    [
        ("stdout", "out"), ("stderr", "err"), ("code", 3), ("none", None),
        ("all", {"code": 3, "stdout": "out", "stderr": "err"}),
    ],
)  # fmt: skip
def test_what_is_returned(returned: str, output: Any) -> None:
    code = 3 if returned in ("code", "all") else 0
    assert shell(f"echo out; echo err >&2; exit {code}", **{"return": returned}) == output


@pytest.mark.parametrize("returned", ["stdout", "stderr", "none"])
def test_an_exit_code_that_nobody_asked_for_is_an_error(returned: str) -> None:
    found = failure("echo why >&2; exit 4", **{"return": returned})
    assert (found.title, found.detail) == ("the shell exited with code 4", "why")
    assert (found.kind, found.lost, found.retryable) == ("runtime", False, False)


def test_nobody_knows_how_far_a_killed_one_came() -> None:
    found = failure("kill -9 $$", **{"return": "all"})
    assert "SIGKILL" in found.title and found.lost


def test_stderr_is_the_log() -> None:
    _, attempt = run("shell", "sh", "echo one >&2; echo two >&2")
    assert attempt.lines == ["one", "two"]


def test_line_breaks_at_the_end_go_and_what_is_no_text_is_replaced() -> None:
    assert shell("printf 'a\\n\\n'") == "a"
    assert shell("printf '\\377'") == "�"


def test_it_runs_in_an_empty_folder_that_is_gone_afterwards(folders: Path) -> None:
    where = shell("ls -A; touch left; pwd")
    assert Path(where).parent == folders
    assert not list(folders.iterdir())


def test_too_much_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "OUTPUT_BYTES_MAX", 10_000)
    assert "larger than" in failure("yes").title
    assert "larger than" in failure("yes >&2").title


def test_what_no_program_can_be_given() -> None:
    assert failure("true", arguments=["a\0b"]).kind == "validation"
    assert failure("true", environment={"A": "\0"}).kind == "validation"


def test_what_the_hub_does_not_allow_is_not_run(tmp_path: Path) -> None:
    async def whole() -> AttemptFailed:
        adapter = CommandAdapter(Spawns(), {"script"})
        asked = {**EMPTY, "what": "shell", "language": "sh", "code": f"touch {tmp_path}/run"}
        with pytest.raises(AttemptFailed) as caught:
            await adapter.perform(agent(tmp_path, {}), Attempted(asked))
        return caught.value

    found = asyncio.run(whole())
    assert (found.kind, found.unstarted) == ("configuration", True)
    assert "PODIUM_ALLOW_RUN=shell" in found.detail and not (tmp_path / "run").exists()


def test_cancelling_kills_all_that_it_started(folders: Path) -> None:
    async def whole() -> list[int]:
        spawns = Spawns()
        adapter = CommandAdapter(spawns, {"shell"})
        begun = asyncio.Event()
        code = "sleep 1000 & echo $! >&2; trap '' TERM; wait; sleep 1000"
        attempt = Attempted({**EMPTY, "what": "shell", "language": "sh", "code": code}, lambda _: begun.set())
        performing = asyncio.ensure_future(adapter.perform(agent(Path(), {}), attempt))
        await begun.wait()
        performing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await performing
        assert not spawns.alive
        return [*spawns.started, int(attempt.lines[0])]

    for process in asyncio.run(whole()):
        until(lambda process=process: not is_running(process))  # type: ignore[misc]
    assert not list(folders.iterdir())
