"""Process agents that ask the hub by its socket, and who is shown the door."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

import podium
from podium.agents.doorway import Doorway
from podium.agents.interface import Attempt
from podium.facts.catalog import Declared
from podium.facts.identity import digest_of
from tests.runtime.serving import House, call, workflow

PROGRAM = '''\
import json, os, socket, subprocess, sys, time

HERE = os.path.dirname(os.path.abspath(__file__))


def raw(request, token=None):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(os.environ["PODIUM_SOCKET"])
        request = {"token": token or os.environ["PODIUM_TOKEN"], **request}
        connection.sendall(json.dumps(request).encode() + b"\\n")
        with connection.makefile() as lines:
            return json.loads(lines.readline())


def plain(given):
    return raw({"id": "one", "tool": "double", "args": {"n": given["n"]}})


def by_command(given):
    ran = subprocess.run(
        [sys.executable, "-m", "podium.cli", "tool", "double", f"n={given['n']}"],
        capture_output=True, text=True,
    )
    return [ran.returncode, ran.stdout.strip(), ran.stderr.strip()]


def by_library(given):
    from podium.sdk.asking import CallFailed, call, tool
    try:
        tool("double", {"n": "x"})
    except CallFailed as failure:
        return [tool("double", {"n": given["n"]}), call("say", {"what": "hi"}), failure.title]


def many(given):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(os.environ["PODIUM_SOCKET"])
        for number in range(5):
            request = {"token": os.environ["PODIUM_TOKEN"], "id": number, "tool": "double"}
            request["args"] = {"n": number}
            connection.sendall(json.dumps(request).encode() + b"\\n")
        with connection.makefile() as lines:
            answers = [json.loads(lines.readline()) for _ in range(5)]
    return sorted((answer["id"], answer["result"]) for answer in answers)


def rubbish(given):
    told = [raw(one) for one in ({"id": 1}, {"id": 2, "tool": "a", "call": "b"}, {"id": 3, "tol": "a"})]
    told.append(raw({"id": 4, "tool": "double"}, token="guessed"))
    return [answer["error"]["title"][:20] for answer in told]


def stranger(given):
    """A process that has left the agent's groups has the token, and no right to it."""
    code = "import sys; sys.path.insert(0, %r); import program; print(program.plain({'n': 1})['error'])"
    ran = subprocess.run(
        [sys.executable, "-c", code % HERE], capture_output=True, text=True, start_new_session=True
    )
    return ran.stdout or ran.stderr


def leave_token(given):
    with open(given["file"], "w") as file:
        json.dump([os.environ["PODIUM_SOCKET"], os.environ["PODIUM_TOKEN"]], file)
    return None


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](json.load(sys.stdin))))
'''

TOOLS = """\
async def double(n: int) -> int:
    return 2 * n


async def say(what: str) -> str:
    return what


"""


def declared(kind: str, folder: Path, name: str, runtime: dict[str, Any], **more: Any) -> Declared:
    spec = {"name": name, "version": "1.0.0", "folder": str(folder), "runtime": runtime, **more}
    if kind == "Agent":
        spec["capabilities"] = [{"name": name}]
    return Declared(kind, name, "1.0.0", digest_of(spec), spec)


def function(name: str) -> dict[str, Any]:
    return {
        "type": "function", "callable": f"tools:{name}", "isolation": "none", "memory_bytes": 0,
        "python_path": [],
    }  # fmt: skip


def program(folder: Path, name: str) -> dict[str, Any]:
    source = str(Path(podium.__file__).parent.parent)
    return {
        "type": "process", "command": [sys.executable, str(folder / "program.py"), name], "cwd": str(folder),
        "env": {"PYTHONPATH": source}, "memory_bytes": 0,
    }  # fmt: skip


NAMES = ("plain", "by_command", "by_library", "many", "rubbish", "stranger", "leave_token")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "tools.py").write_text(TOOLS)
    house = House(tmp_path)
    number = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
    house.apply(
        declared("Tool", tmp_path, "double", function("double"), args=number, side_effect="none"),
        declared("Tool", tmp_path, "door", program(tmp_path, "plain"), side_effect="none"),
        declared("Agent", tmp_path, "say", function("say")),
        *(declared("Agent", tmp_path, name, program(tmp_path, name)) for name in NAMES),
        *(workflow(name.replace("_", "-"), {"go": call(name)}) for name in NAMES),
        workflow("tool", {"go": {"call": "tool", "with": {"tool": "door"}}}),
    )
    yield house
    house.close()


def run(house: House, name: str, given: Any = None) -> Any:
    ended = house.call("execute", workflow=name, input=given or {"n": 4})
    assert ended["status"] == "completed", ended["error"]
    return ended["output"]


def test_a_line_of_json_asks_and_one_answers(house: House) -> None:
    assert run(house, "plain") == {"id": "one", "result": 8}


def test_a_command_asks(house: House) -> None:
    assert run(house, "by-command") == [0, "8", ""]


def test_a_library_asks(house: House) -> None:
    assert run(house, "by-library") == [8, "hi", "the arguments break the schema of double@1.0.0"]


def test_several_may_be_open_at_once(house: House) -> None:
    assert run(house, "many") == [[number, 2 * number] for number in range(5)]


def test_what_is_no_request_is_refused(house: House) -> None:
    title = "name either a `tool`"
    assert run(house, "rubbish") == [title, title, "a request is a line ", "the token is none, o"]


def test_a_token_is_no_good_in_other_hands(house: House) -> None:
    assert "'status': 401" in run(house, "stranger")


def test_a_token_dies_with_its_attempt(house: House) -> None:
    run(house, "leave-token", {"file": str(house.folder / "token")})
    path, token = json.loads((house.folder / "token").read_text())
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        request = {"token": token, "id": 1, "tool": "double", "args": {"n": 1}}
        connection.sendall(json.dumps(request).encode() + b"\n")
        with connection.makefile() as lines:
            answer = json.loads(lines.readline())
    assert answer["error"]["status"] == 401


def test_a_pass_that_is_given_back_is_none(tmp_path: Path) -> None:
    async def come_and_go() -> None:
        doorway = Doorway(tmp_path / "agents.sock")
        granted = await doorway.admit(cast(Attempt, None))
        assert doorway.holder(granted.token) is granted
        doorway.dismiss(granted)
        assert doorway.holder(granted.token) is None
        await doorway.close()

    asyncio.run(come_and_go())


def test_nobody_else_may_use_the_socket(house: House) -> None:
    run(house, "plain")
    path = house.state / "agents.sock"
    assert path.stat().st_mode & 0o777 == 0o600
    house.close()
    assert not path.exists()


def test_a_tool_is_given_no_token(house: House) -> None:
    ended = house.call("execute", workflow="tool", input={"n": 1})
    assert ended["status"] == "faulted" and "PODIUM_SOCKET" in ended["error"]["detail"]
