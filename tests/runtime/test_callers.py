"""Whoever calls through the socket is recorded as who the operating system says, not as who he says."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from podium.facts import inputs as i
from podium.runtime import door
from podium.runtime.callers import identified
from podium.runtime.identity import HERE, Caller, Identities, user_name
from podium.sdk.client import Client, SocketTransport
from tests.runtime.serving import House, agent, call, human, workflow

ME = f"user:{user_name(os.getuid())}"
LIE = {"principal": "user:boss", "roles": ["operator"], "via": "a letter", "identity": "user:boss"}
OUTSIDE = Caller("unix-socket", os.getuid(), 0)
TELLING = (door.Apply, door.Delete, door.Submit, door.Execute, i.ResetBreaker, *door._ACTS.values())


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    made.apply(agent(tmp_path, "echo"), workflow("ask", {"one": human("Go?")}))
    made.apply(workflow("pause", {"one": {"wait": "PT1H"}}))
    yield made
    made.close()


def identities(tmp_path: Path) -> Identities:
    return Identities(tmp_path / "roles.yaml", lambda group: False)


@pytest.mark.parametrize("kind", TELLING)
def test_no_call_is_in_the_name_that_a_client_gives(kind: type[msgspec.Struct], tmp_path: Path) -> None:
    known = {name: value for name, value in LIE.items() if name in kind.__struct_fields__}
    assert "principal" in known
    told = identified(known, kind, OUTSIDE, identities(tmp_path))
    assert told["principal"] == ME
    assert told.get("identity", ME) == ME
    assert told.get("via", "unix-socket").startswith("unix-socket")
    unknown = identified(known, kind, Caller("unix-socket"), identities(tmp_path))
    assert unknown["principal"] == ""
    assert unknown.get("roles", ()) == ()


def test_the_process_of_the_hub_acts_for_whom_it_let_in(tmp_path: Path) -> None:
    who = identities(tmp_path)
    assert identified(LIE, door.Submit, HERE, who)["principal"] == "user:boss"
    assert identified({}, door.Submit, HERE, who)["principal"] == ME
    assert identified(LIE, i.DecideApproval, HERE, who)["principal"] == ME
    assert identified({"run_id": "a"}, door.OfRun, OUTSIDE, who) == {"run_id": "a"}


def test_the_log_has_the_user_of_the_other_end(house: House, tmp_path: Path) -> None:
    with Client(SocketTransport(house.state), "user:boss") as liar:
        liar.apply([workflow("more", {"one": call("echo")})])
        paused = liar.submit("pause").run_id
        liar.suspend(paused)
        liar.resume(paused)
        liar.cancel(paused)
        asked = liar.submit("ask").run_id
        liar.answer(asked)
    recorded = [one for run in (paused, asked) for one in house.call("events", run_id=run)]
    named = {one["type"]: one["principal"] for one in recorded if one.get("principal")}
    assert set(named) == {"RunStarted", "RunSuspended", "RunResumed", "RunCancelled", "EffectSettled"}
    assert set(named.values()) == {ME}
    assert {row["principal"] for row in house.call("history", name="more", kind="Workflow")} == {ME}
