"""The socket: every call for other processes, and rubbish that kills nothing."""

from __future__ import annotations

import json
import math
import os
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from podium.bootstrap import serve
from podium.runtime import socket as serving
from podium.runtime.identity import user_name
from podium.sdk import transport as transport_of
from podium.sdk.client import (
    Client,
    ConflictError,
    InvalidError,
    NotFoundError,
    SocketTransport,
    UnreachableError,
    connect,
)
from tests.cli.command import until
from tests.runtime.serving import House, agent, call, human, workflow


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    house.apply(
        agent(tmp_path, "echo"),
        workflow("echo", {"one": call("echo")}),
        workflow("ask", {"ask": human("Go?")}),
    )
    yield house
    house.close()


@pytest.fixture
def podium(house: House) -> Iterator[Client]:
    with connect(house.state, "user:ada") as client:
        yield client


class Raw:
    """A connection that sends whatever it likes."""

    def __init__(self, house: House) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(60)
        self._socket.connect(str(house.serving.server.path))
        self._lines = self._socket.makefile("rb")

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def answer(self) -> Any:
        line = self._lines.readline()
        return json.loads(line) if line else None

    def close(self) -> None:
        self._socket.close()


def test_calls_from_another_process(house: House, podium: Client) -> None:
    assert [row["name"] for row in podium.get("workflows")] == ["test/ask", "test/echo"]
    run = podium.run("echo", {"n": 1}, key="k", labels={"a": "b"})
    assert (run.status, run.output, run.created, run.ended) == ("completed", {"n": 1}, True, True)
    assert podium.get_run(run.id[:8]).labels == {"a": "b"}
    assert podium.submit("echo", {"n": 1}, key="k").created is False
    asked = podium.submit("ask").run_id
    assert podium.wait(asked, 0).ended is False
    assert podium.answer(asked, decision="deny", why="no") == "/do/0/ask: deny"
    answered = next(r for r in podium.follow(asked) if r["type"] == "EffectSettled")
    assert answered["principal"] == f"user:{user_name(os.getuid())}"
    assert answered["via"].startswith("unix-socket uid=")
    assert podium.trace(run.id) == ["/do/0/one"]
    assert podium.status()["status"] == "serving"
    assert podium.verify()["sound"]
    assert podium.activity() == []


def test_refusals_are_errors_of_their_kind(podium: Client) -> None:
    podium.run("echo", 1, key="k")
    with pytest.raises(ConflictError, match="already stands for"):
        podium.run("echo", 2, key="k")
    with pytest.raises(NotFoundError) as not_found:
        podium.run("gone")
    assert not_found.value.problems[0].rule == "unknown-workflow"
    with pytest.raises(InvalidError, match="no status"):
        podium.get("runs", status="lost")
    with pytest.raises(NotFoundError):
        list(podium.follow("ffffffff"))


def test_many_calls_at_once_are_answered_as_they_end(podium: Client) -> None:
    asked = podium.run_soon("ask")
    runs = [podium.run_soon("echo", n, trace=True) for n in range(200)]
    assert [run.result(timeout=60).output for run in runs] == list(range(200))
    assert not asked.done()
    (waiting,) = podium.get("runs", status="waiting")
    podium.cancel(waiting["id"])
    assert asked.result(timeout=60).status == "cancelled"


@pytest.mark.parametrize(
    "line",
    [
        b"rubbish",
        b"[]",
        b"{}",
        b'{"id": 1}',
        b'{"id": 1, "call": 2}',
        b'{"id": [], "call": "get"}',
        b"\xff\xfe{",
        b'{"id": 1, "call": "submit", "params": {"input": ' + b"[" * 100_000 + b"]" * 100_000 + b"}}",
    ],
)
def test_rubbish_gets_an_error(house: House, line: bytes) -> None:
    raw = Raw(house)
    raw.send(b"\n" + line + b"\n")
    answer = raw.answer()
    assert answer["id"] is None
    assert "one line of JSON" in answer["error"]["message"]
    raw.send(b'{"id": "a", "call": "status"}\n{"id": 2, "call": "nothing", "params": {}}\n')
    answers = {answer["id"]: answer for answer in (raw.answer(), raw.answer())}
    assert answers["a"]["result"]["status"] == "serving"
    assert answers[2]["refused"]["problems"][0]["rule"] == "unknown-call"
    raw.send(b'{"id": 3, "call": "follow", "params": {"run_id": 7}}\n')
    assert "error" in raw.answer()
    raw.close()


def test_an_endless_line_ends_its_connection_alone(
    house: House, podium: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "LINE_BYTES_MAX", 1000)
    raw = Raw(house)
    raw.send(b'{"id": 1, "call": "' + b"x" * 2000)
    assert "longer than 1000 bytes" in raw.answer()["error"]["message"]
    assert raw.answer() is None
    assert podium.status()["status"] == "serving"


def test_what_is_no_json_is_refused_before_it_is_sent(
    house: House, podium: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    itself: list[Any] = []
    itself.append(itself)
    odd = [math.nan, [math.inf], {1: 2}, object(), "\udce9", itself]
    for client in (podium, Client(house.door)):
        for value in odd:
            with pytest.raises(InvalidError):
                client.submit("echo", {"x": value})
            with pytest.raises(InvalidError):
                client.run_soon("echo", value)
        with pytest.raises(InvalidError, match="not JSON"):
            list(client.follow("\udce9"))
        given = {"pair": (1, 2), "deep": [[], {}]}
        assert client.run("echo", given).output == {"pair": [1, 2], "deep": [[], {}]}
    monkeypatch.setattr(transport_of, "REQUEST_BYTES_MAX", 1000)
    with pytest.raises(InvalidError, match="1,000 at most"):
        podium.submit("echo", "x" * 1000)
    assert podium.status()["status"] == "serving"
    assert len(podium.get("runs")) == 2


def test_a_client_knows_what_a_hub_takes() -> None:
    assert transport_of.REQUEST_BYTES_MAX == serving.LINE_BYTES_MAX
    assert transport_of.ADDRESS == serving.ADDRESS


def test_times_beyond_measure_are_no_trouble(podium: Client) -> None:
    assert podium.rebuild_views(-(10**400))["done"] in (True, False)
    assert podium.rebuild_views(10**400)["done"]
    assert podium.run("echo", 1, timeout_ms=10**400).output == 1


def test_an_id_in_use_is_refused(house: House) -> None:
    run_id = house.submit("ask")
    raw = Raw(house)
    wait = {"id": 1, "call": "wait", "params": {"run_id": run_id}}
    raw.send(json.dumps(wait).encode() + b"\n" + json.dumps(wait).encode() + b"\n")
    assert "one has the id 1" in raw.answer()["error"]["message"]
    house.call("cancel", run_id=run_id)
    assert raw.answer()["result"]["status"] == "cancelled"
    raw.close()


def test_clients_that_leave_take_nothing_with_them(house: House, podium: Client) -> None:
    run_id = house.submit("ask")
    raw = Raw(house)
    raw.send(json.dumps({"id": 1, "call": "wait", "params": {"run_id": run_id}}).encode() + b"\n")
    raw.send(json.dumps({"id": 2, "call": "follow", "params": {"run_id": run_id}}).encode() + b"\n")
    assert raw.answer()["item"]["type"] == "RunStarted"
    raw.close()
    podium.answer(run_id)
    assert podium.wait(run_id).status == "completed"


def test_a_hub_that_ends_tells_its_clients(house: House, podium: Client) -> None:
    waiting = podium.run_soon("ask")
    run_id = podium.get("runs")[0]["id"]
    told: list[BaseException] = []

    def watch() -> None:
        try:
            list(podium.follow(run_id))
        except UnreachableError as error:
            told.append(error)

    watching = threading.Thread(target=watch)
    watching.start()
    house.close()
    with pytest.raises(UnreachableError):
        waiting.result(timeout=60)
    watching.join(60)
    assert len(told) == 1
    with pytest.raises(UnreachableError):
        podium.status()
    with pytest.raises(UnreachableError):
        connect(house.state)


def test_what_was_asked_before_a_hub_ends_is_answered(house: House) -> None:
    asked = house.submit("ask")
    hub, path = house.serving.hub, house.serving.server.path
    held, go_on = threading.Event(), threading.Event()
    raw = Raw(house)
    raw.send(json.dumps({"id": 1, "call": "wait", "params": {"run_id": asked}}).encode() + b"\n")
    raw.send(b'{"id": 2, "call": "status"}\n')
    assert raw.answer()["id"] == 2
    hub.do(lambda: (held.set(), go_on.wait(60)))
    assert held.wait(60)
    told = {"event": {"id": "1", "type": "go", "source": "/test"}, "run_id": ""}
    raw.send(json.dumps({"id": 3, "call": "send", "params": told}).encode() + b"\n")
    until(lambda: hub._tickets)
    closing = threading.Thread(target=house.close)
    closing.start()
    until(lambda: not path.exists())
    go_on.set()
    answers = {answer["id"]: answer for answer in iter(raw.answer, None)}
    closing.join(60)
    assert answers[3]["result"]["detail"] == "reached 0 runs"
    assert "goes on with the next one" in answers[1]["gone"]["message"]


def test_a_client_that_does_not_read_does_not_keep_a_hub_from_ending(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "_SEND_S", 0.05)
    raw = Raw(house)
    run_id = house.call("execute", workflow="echo", input="x" * 1_000_000)["id"]
    for number in range(10):
        line = {"id": number, "call": "describe", "params": {"kind": "run", "name": run_id}}
        raw.send(json.dumps(line).encode() + b"\n")
    house.close()
    house.restart()
    assert house.call("run", run_id=run_id)["status"] == "completed"


def test_the_socket_is_private_and_goes_with_the_hub(house: House) -> None:
    path = house.serving.server.path
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(house.state.stat().st_mode) == 0o700
    house.close()
    assert not path.exists()
    assert not (house.state / serving.ADDRESS).exists()


def test_a_dead_hubs_socket_is_no_obstacle(house: House) -> None:
    house.close()
    house.serving.server.path.write_bytes(b"")
    address = {
        "pid": 1, "socket": str(house.serving.server.path), "inode": house.state.stat().st_ino,
    }  # fmt: skip
    (house.state / serving.ADDRESS).write_text(json.dumps(address))
    with pytest.raises(UnreachableError):
        SocketTransport(house.state)
    house.serving = serve(house.state)
    with connect(house.state) as client:
        assert client.status()["epoch"] == 2


def test_a_copy_of_the_folder_is_not_served(house: House, podium: Client, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / serving.ADDRESS).write_bytes((house.state / serving.ADDRESS).read_bytes())
    with pytest.raises(UnreachableError):
        connect(copy)
    other_name = tmp_path / "link"
    other_name.symlink_to(house.state)
    with connect(other_name) as client:
        assert client.status()["pid"] == podium.status()["pid"]


def test_a_long_path_gets_a_short_socket(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60) / ".podium"
    hub = serve(deep)
    try:
        assert deep not in hub.server.path.parents
        with connect(deep) as client:
            assert client.status()["status"] == "serving"
    finally:
        hub.stop(0)
    assert not hub.server.path.exists()
