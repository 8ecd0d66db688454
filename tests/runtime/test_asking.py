"""Agents that ask a real hub for tools and for each other, in the loop and in children of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from podium.facts.catalog import Declared
from podium.facts.identity import digest_of
from tests.runtime.serving import House, call, workflow

CODE = """\
import asyncio
import os
from pathlib import Path

from podium.sdk.agent import CallFailed

HERE = Path(__file__).parent


async def double(n: int) -> int:
    with (HERE / "doubled").open("a") as file:
        file.write(f"{n}\\n")
    return 2 * n


def pay(to: str) -> str:
    with (HERE / "paid").open("a") as file:
        file.write(f"{to}\\n")
    return f"paid {to}"


async def lead(input, context):
    one, two = await asyncio.gather(
        context.tool("double", {"n": input["n"]}), context.tool("double", {"n": input["n"] + 1})
    )
    return {"sum": one + two, "said": await context.call("say", {"what": "well"})}


def lead_alone(input, context):
    one = context.tool("double", {"n": input["n"]})
    two = context.tool("double", {"n": input["n"] + 1})
    return {"sum": one + two, "said": context.call(agent="say", input={"what": "well"})}


async def say(what: str, context) -> str:
    return f"{what}, {context.attempt}"


def refused(input, context):
    try:
        context.tool("double", {"n": "x"})
    except CallFailed as failure:
        return {"kind": failure.kind, "status": failure.error.status}


async def uncaught(input, context):
    await context.tool("nothing")


def twice(input, context):
    paid = context.tool("pay", {"to": "ann"})
    if context.attempt == 1:
        os._exit(9)
    return [context.attempt, paid]


def chain(input, context):
    return 0 if input == 0 else 1 + context.call("chain", input - 1)


def waits(input, context):
    first = context.tool("double", {"n": 1})
    context.tool("gate", {"gate": input["gate"]})
    return [context.attempt, first]


async def gate(gate: str) -> None:
    while not Path(gate).exists():
        await asyncio.sleep(0.005)
"""

CHILD = {"isolation": "process"}


def declared(kind: str, folder: Path, name: str, callable: str = "", **more: Any) -> Declared:
    runtime = {
        "type": "function", "callable": f"team:{callable or name}", "isolation": "none", "memory_bytes": 0,
        "python_path": [], **more.pop("runtime", {}),
    }  # fmt: skip
    spec = {"name": name, "version": "1.0.0", "folder": str(folder), "runtime": runtime, **more}
    if kind == "Agent":
        spec["capabilities"] = [{"name": name}]
    else:
        spec.setdefault("side_effect", "read")
    return Declared(kind, name, "1.0.0", digest_of(spec), spec)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    (tmp_path / "team.py").write_text(CODE)
    house = House(tmp_path)
    number = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
    once = {"side_effect": "read", "delivery": "at-most-once"}
    house.apply(
        declared("Tool", tmp_path, "double", args=number, result={"type": "integer"}),
        declared("Tool", tmp_path, "pay", runtime=CHILD, **once),
        declared("Tool", tmp_path, "gate"),
        declared("Agent", tmp_path, "say"),
        declared("Agent", tmp_path, "lead"),
        declared("Agent", tmp_path, "alone", "lead_alone", runtime=CHILD),
        declared("Agent", tmp_path, "refused", runtime=CHILD),
        declared("Agent", tmp_path, "uncaught"),
        declared("Agent", tmp_path, "twice", runtime=CHILD, retry={"attempts": 2}),
        declared("Agent", tmp_path, "chain", runtime=CHILD, concurrency=1),
        declared("Agent", tmp_path, "waits", runtime=CHILD, park_ms=100),
        *(
            workflow(name, {name: call(name)})
            for name in ("lead", "alone", "refused", "uncaught", "twice", "chain", "waits")
        ),
    )
    yield house
    house.close()


@pytest.mark.parametrize("name", ["lead", "alone"])
def test_an_agent_gets_what_it_asks_for(house: House, name: str) -> None:
    ended = house.call("execute", workflow=name, input={"n": 3})
    assert ended["output"] == {"sum": 14, "said": "well, 1"}
    asked = [
        (record["task"], record["asked"])
        for record in house.call("events", run_id=ended["id"])
        if record["type"] == "EffectRequested" and record["asker"]
    ]
    assert sorted(asked) == [
        (f"/do/0/{name}/double", "tool double"),
        (f"/do/0/{name}/double", "tool double"),
        (f"/do/0/{name}/say", "agent say"),
    ]


def test_a_refusal_is_an_exception_that_says_why(house: House) -> None:
    ended = house.call("execute", workflow="refused", input={})
    assert ended["output"] == {"kind": "validation", "status": 400}
    assert not (house.folder / "doubled").exists()


def test_an_exception_that_nobody_catches_is_the_attempts_error(house: House) -> None:
    ended = house.call("execute", workflow="uncaught", input={})
    assert (ended["status"], ended["error"]["title"]) == ("faulted", "no tool is named nothing")
    assert ended["error"]["type"].endswith("/configuration")


def test_what_was_done_for_a_child_that_died_is_not_done_again(house: House) -> None:
    ended = house.call("execute", workflow="twice", input={})
    assert ended["output"] == [2, "paid ann"]
    assert (house.folder / "paid").read_text() == "ann\n"


def test_children_that_ask_each_other_need_no_more_places_than_there_are(house: House) -> None:
    refused = house.call("execute", workflow="chain", input=5)
    assert refused["status"] == "faulted" and "one line" in refused["error"]["title"]
    assert house.call("execute", workflow="chain", input=2)["output"] == 2


def test_a_child_that_waits_long_is_let_go_and_begun_again(house: House) -> None:
    gate = house.folder / "open"
    run_id = house.submit("waits", {"gate": str(gate)})
    for reply in house.door.follow(run_id):
        if reply.get("item", {}).get("type") == "AttemptParked":
            gate.touch()
    ended = house.call("wait", run_id=run_id)
    assert ended["output"] == [2, 2]
    assert (house.folder / "doubled").read_text() == "1\n"


def test_a_hub_that_stops_leaves_it_to_the_next(house: House) -> None:
    gate = house.folder / "open"
    run_id = house.submit("waits", {"gate": str(gate)})
    for reply in house.door.follow(run_id):
        if reply.get("item", {}).get("asked") == "tool gate":
            break
    house.restart()
    gate.touch()
    assert house.call("wait", run_id=run_id)["output"] in ([2, 2], [3, 2])
    assert (house.folder / "doubled").read_text() == "1\n"
