"""`podium worker`, as a process, against a real hub."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from podium.sdk.http import sse
from tests.runtime.serving import call, workflow
from tests.server.yard import Yard

WAIT_S = 30

AGENTS = '''\
import asyncio
import os
import time
from pathlib import Path

from podium.sdk.agent import agent


@agent(name="shouter", version="1.0.0", capability="text.shout")
async def shout(text: str, context) -> str:
    context.log(f"shouts {text}")
    return text.upper()


@agent(name="boss", version="1.0.0", capability="text.boss")
async def boss(text: str, context) -> str:
    return await context.call("text.shout", {"text": text})


@agent(name="gate", version="1.0.0", capability="gate", deadline="PT1M")
def gate(path: str, context) -> int:
    """Note that it began, and wait until it is let through."""
    with Path(path + ".begun").open("a") as begun:
        begun.write(f"{context.attempt}\\n")
    while not Path(path).exists():
        context.progress("waits")
        time.sleep(0.01)
    return os.getpid()


@agent(name="once", version="1.0.0", capability="once", delivery="at-most-once")
async def once(path: str) -> str:
    with Path(path).open("a") as file:
        file.write("done\\n")
    return "done"


@agent(name="teller", version="1.0.0", capability="tell", deadline="PT1M")
async def tell(folder: str, context) -> str:
    """Say things, and wait after each until somebody has heard it."""
    async def heard(name: str) -> None:
        while not (Path(folder) / name).exists():
            await asyncio.sleep(0.01)
    context.progress({"pages": 1})
    context.log("begins")
    await heard("begins")
    for token in ("Once ", "upon ", "a time"):
        print(token, end="")
    await heard("tail")
    print(" it ended.")
    for number in range(150):
        context.log(f"line {number}")
    return "told"


named = [shout, boss]
'''


@pytest.fixture
def yard(yard: Yard, tmp_path: Path) -> Yard:
    (tmp_path / "house_agents.py").write_text(AGENTS)
    return yard


Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(yard: Yard, tmp_path: Path) -> Iterator[Start]:
    token = yard.token("w", "worker", "operator")
    processes: list[subprocess.Popen[str]] = []

    def started(*arguments: str, target: str = "house_agents") -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "podium.cli", "--hub", yard.url, "worker", target, *arguments]
        environment = {**os.environ, "PODIUM_TOKEN": token}
        process = subprocess.Popen(
            command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        processes.append(process)
        return process

    yield started
    for process in processes:
        process.kill()
        process.communicate()


def until(condition: Callable[[], Any]) -> Any:
    """Look until something is so."""
    limit_at = time.monotonic() + WAIT_S
    while not (found := condition()):
        assert time.monotonic() < limit_at, "it does not come to that"
        time.sleep(0.02)
    return found


def live(yard: Yard) -> list[Any]:
    return [one for one in yard.call("workers") if one["status"] == "live"]


def run(yard: Yard, capability: str, **input: Any) -> str:
    yard.apply(workflow(capability.replace(".", "-"), {"a": call(capability)}))
    return str(yard.call("submit", workflow=capability.replace(".", "-"), input=input)["run_id"])


def output(yard: Yard, of: str) -> Any:
    ended = yard.call("wait", run_id=of, timeout_ms=WAIT_S * 1000)
    assert ended["status"] == "completed", ended["error"]
    return ended["output"]


def test_agents_of_a_module_are_hosted_and_ask_each_other(yard: Yard, start: Start) -> None:
    start("--region", "eu", "--label", "gpu=no", "--name", "box")
    [worker] = until(lambda: live(yard))
    assert (worker["name"], worker["region"], worker["labels"]) == ("box", "eu", {"gpu": "no"})
    assert {one["agent"] for one in worker["agents"]} == {
        "shouter@1.0.0",
        "boss@1.0.0",
        "gate@1.0.0",
        "once@1.0.0",
        "teller@1.0.0",
    }
    assert all(one["code"].startswith("sha256:") for one in worker["agents"])
    one = run(yard, "text.boss", text="hello")
    assert output(yard, one) == "HELLO"
    settled = [one["body"] for one in yard.call("events", run_id=one) if one["type"] == "EffectSettled"]
    assert [list(one["log"]) for one in settled] == [["shouts hello"], []]
    assert all(one["provenance"]["worker"]["region"] == "eu" for one in settled)


def test_what_an_attempt_says_is_heard_while_it_runs_and_kept_with_it(
    yard: Yard, start: Start, tmp_path: Path
) -> None:
    start()
    until(lambda: live(yard))
    one = run(yard, "tell", folder=str(tmp_path))
    token = yard.token("v", "viewer")
    watches = [curl(f"{yard.url}/v1/runs/{one}/events", token), curl(f"{yard.url}/v1/events", token)]
    try:
        of_run, of_all = (sse(line.rstrip("\n") for line in watch.stdout or ()) for watch in watches)
        hear(of_run, "record", lambda record: True)
        hear(of_all, "resync", lambda lost: True)
        # One who comes late finds what was said before he came.
        [at] = until(lambda: [at for at in yard.call("activity", run_id=one) if "begins" in at["lines"]])
        assert at["progress"] == {"pages": 1}
        (tmp_path / "begins").touch()
        for heard in (of_run, of_all):
            told = hear(heard, "said", lambda said: said.get("tail") == "Once upon a time")
            assert (told["run_id"], told["task"], told["agent"]) == (one, "/do/0/a", "teller@1.0.0")
        (tmp_path / "tail").touch()
        lines: list[str] = []
        while "line 149" not in lines:
            lines += hear(of_run, "said", lambda said: "lines" in said)["lines"]
        assert lines.count("line 149") == 1
        assert hear(of_run, "end", lambda run: True)["status"] == "completed"
    finally:
        for watch in watches:
            watch.kill()
            watch.communicate()
    [kept] = [one["body"]["log"] for one in yard.call("events", run_id=one) if one["type"] == "EffectSettled"]
    assert kept[-1] == "line 149" and len(kept) == 101
    assert kept[0].endswith("lines before this were not kept")


def curl(url: str, token: str) -> subprocess.Popen[str]:
    headers = ("accept: text/event-stream", f"authorization: Bearer {token}", "last-event-id: 0")
    given = [part for header in headers for part in ("-H", header)]
    return subprocess.Popen(["curl", "-sSN", *given, url], stdout=subprocess.PIPE, text=True)


def hear(events: Iterator[tuple[str, Any]], kind: str, wanted: Callable[[Any], bool]) -> Any:
    """The next event of a kind that is as wanted."""
    return next(data for of, data in events if of == kind and wanted(data))


def test_a_name_of_a_module_is_enough(yard: Yard, start: Start) -> None:
    start(target="house_agents:named")
    [worker] = until(lambda: live(yard))
    assert [one["agent"] for one in worker["agents"]] == ["shouter@1.0.0", "boss@1.0.0"]


def test_what_runs_may_end_when_it_is_told_to_stop(yard: Yard, start: Start, tmp_path: Path) -> None:
    process = start()
    until(lambda: live(yard))
    gate = tmp_path / "gate"
    one = run(yard, "gate", path=str(gate))
    until(lambda: [at for at in yard.call("activity") if at["progress"] == "waits"])
    process.send_signal(signal.SIGTERM)
    until(lambda: not live(yard))
    gate.touch()
    assert isinstance(output(yard, one), int)
    assert process.wait(WAIT_S) == 0
    assert [at["status"] for at in yard.call("workers")] == ["left"]


def test_what_a_killed_worker_had_begun_another_makes(yard: Yard, start: Start, tmp_path: Path) -> None:
    first = start("--lease", "1")
    until(lambda: live(yard))
    gate = tmp_path / "gate"
    one = run(yard, "gate", path=str(gate))
    until(lambda: [at for at in yard.call("activity") if at["progress"] == "waits"])
    first.kill()
    [waits] = until(
        lambda: [at for at in yard.call("run", run_id=one)["waiting_for"] if at["kind"] in ("queue", "retry")]
    )
    assert waits["message"] == "no live worker hosts gate@1.0.0"
    gate.touch()
    start("--lease", "1")
    output(yard, one)
    assert (tmp_path / "gate.begun").read_text() == "1\n2\n"


def test_it_keeps_its_attempts_while_the_hub_is_away(yard: Yard, start: Start, tmp_path: Path) -> None:
    start()
    until(lambda: live(yard))
    gate = tmp_path / "gate"
    one = run(yard, "gate", path=str(gate))
    until(lambda: [at for at in yard.call("activity") if at["progress"] == "waits"])
    yard.close()
    gate.touch()
    yard.open()
    output(yard, one)
    until(lambda: live(yard))
    assert (tmp_path / "gate.begun").read_text() == "1\n", "it was made once"
    file = tmp_path / "once"
    assert output(yard, run(yard, "once", path=str(file))) == "done"


def test_what_the_hub_refuses_is_told(yard: Yard, start: Start, tmp_path: Path) -> None:
    start()
    until(lambda: live(yard))
    source = AGENTS.replace(
        "text: str, context) -> str:\n    context.log", "text: int, context) -> str:\n    context.log"
    )
    (tmp_path / "house_agents.py").write_text(source)
    process = start()
    _, told = process.communicate(timeout=WAIT_S)
    assert process.returncode == 5
    assert "text.shout is given what the worker refuses at /text" in told


def test_without_a_hub_it_says_what_it_needs(yard: Yard, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "podium.cli", "worker", "house_agents"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, "needs the address of its hub" in done.stderr) == (2, True)
