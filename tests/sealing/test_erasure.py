"""What is about somebody is sealed wherever it is kept; erased, nobody can read it, and proofs still hold."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest

from podium.bootstrap import LOG, RUNS_SHARD, VIEWS, look, reader_of
from podium.facts import events as e
from podium.facts.identity import digest_of
from podium.facts.inputs import EraseSubject
from podium.runtime.keyring import KEYS, Keyring
from podium.runtime.proving import prove
from podium.runtime.signing import public_key, verify_signature
from podium.runtime.verifying import verify_log
from podium.store.interface import StoreError
from tests.runtime.serving import House, agent, call, human, workflow

SECRET = "Grosvenor-Square-17"
BIG = f"{SECRET}:" + "z" * 6000
ADA = "ada.lovelace@example.org"


def about(name: str, *tasks: dict[str, Any]) -> Any:
    """A workflow whose runs are about `.who`."""
    made = workflow(name, *tasks)
    made.spec["document"]["document"]["metadata"] = {"subject": "${ .who }"}
    return msgspec.structs.replace(made, digest=digest_of(made.spec))


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    house.apply(
        agent(tmp_path, "echo"), agent(tmp_path, "gate"), workflow("echo", {"echo": call("echo")}),
        workflow("ask", {"first": call("echo")}, {"ask": human("${ .text }")}),
        workflow("gate", {"gate": call("gate")}),
        workflow("fail", {"no": {"raise": {"error": {
            "type": "https://example.org/no", "status": 400, "title": "${ .text }", "detail": "${ .text }",
        }}}}),
        workflow("parent", {"child": {"run": {"workflow": {
            "namespace": "test", "name": "ask", "version": "1.0.0",
        }}}}),
        about("about", {"echo": call("echo")}),
    )  # fmt: skip
    yield house
    house.close()


def files_with(folder: Path, *texts: str) -> list[str]:
    """Files in which any of these texts stands, plain, in base64 or in hex."""
    needles = []
    for text in texts:
        plain = text.encode()
        needles += [plain, plain.hex().encode(), json.dumps(text)[1:-1].encode()]
        needles += [base64.b64encode(b"." * pad + plain)[4:-4] for pad in range(3)]
    return sorted(
        path.name
        for path in folder.rglob("*")
        if path.is_file() and any(needle in path.read_bytes() for needle in needles)
    )


def busy(house: House) -> dict[str, str]:
    """Runs about Ada of every kind: ended, failed, waiting in the cold, in flight, and a family."""
    text = {"text": SECRET, "who": ADA, "gate": str(house.folder / "go")}
    ids = {
        "ended": house.submit("echo", text, subject=ADA, labels={"place": SECRET}),
        "big": house.submit("echo", {"big": BIG}, subject=ADA),
        "failed": house.submit("fail", text, subject=ADA),
        "about": house.submit("about", text),
        "asks": house.submit("ask", text, subject=ADA),
        "parent": house.submit("parent", text, subject=ADA),
        "gate": house.submit("gate", text, subject=ADA),
    }
    for name in ("ended", "big", "failed", "about"):
        house.call("wait", run_id=ids[name])
    house.until(ids["asks"], "human")
    return ids


# --- sealed -----------------------------------------------------------------------------------------


def test_nothing_about_somebody_is_readable_in_any_file(house: House) -> None:
    ids = busy(house)
    other = house.call("execute", workflow="echo", input={"text": "somebody-else"})
    house.serving.hub.do(house.serving.hub.shard.save_snapshot).result()
    assert files_with(house.state, "somebody-else"), "what is not sealed is there, so the search finds things"
    assert files_with(house.state, SECRET, ADA) == []
    assert house.call("run", run_id=ids["ended"])["output"]["text"] == SECRET
    assert house.call("run", run_id=ids["big"])["output"]["big"] == BIG
    assert house.call("events", run_id=ids["ended"])[0]["body"]["input"]["text"] == SECRET
    assert house.call("run", run_id=ids["failed"])["error"]["title"] == SECRET
    assert other["status"] == "completed"
    house.close()
    assert files_with(house.state, SECRET, ADA) == []


def test_a_restart_goes_on_with_what_is_sealed(house: House) -> None:
    ids = busy(house)
    house.restart()
    house.call("answer", run_id=ids["asks"])
    assert house.call("wait", run_id=ids["asks"])["status"] == "completed"
    assert house.call("describe", kind="run", name=ids["asks"])["input"]["text"] == SECRET
    (house.folder / "go").write_text("")
    assert house.call("wait", run_id=ids["gate"])["status"] == "completed"
    house.close()
    assert files_with(house.state, SECRET, ADA) == []


def test_children_are_sealed_as_their_parent_is(house: House) -> None:
    ids = busy(house)
    children = house.call("get", kind="runs", parent=ids["parent"])
    assert [one["workflow"] for one in children] == ["test/ask@1.0.0"]
    key = house.call("events", run_id=ids["parent"])[0]["subject"]
    assert house.call("events", run_id=children[0]["id"])[0]["subject"] == key


def test_one_key_for_a_subject_and_none_for_nobody(house: House) -> None:
    ids = busy(house)
    first, second = (house.call("events", run_id=ids[name])[0]["subject"] for name in ("ended", "about"))
    assert first == second and len(first) == 32
    other = house.submit("echo", {}, subject="somebody else")
    assert house.call("events", run_id=other)[0]["subject"] not in ("", first)
    nobody = house.submit("echo", {})
    assert house.call("events", run_id=nobody)[0]["subject"] == ""


@pytest.mark.parametrize(
    "given", [{}, {"who": None}, {"who": ""}, {"who": ["a"]}, {"who": True}, {"who": "x" * 1001}]
)
def test_a_run_whose_subject_cannot_be_told_does_not_begin(house: House, given: dict[str, Any]) -> None:
    assert house.refused("submit", workflow="about", input=given) == ("usage", "subject")


def test_whoever_submits_cannot_name_another_subject_than_the_workflow(house: House) -> None:
    assert house.refused("submit", workflow="about", input={"who": ADA}, subject="b") == ("usage", "subject")
    house.submit("about", {"who": ADA}, subject=ADA)
    house.submit("about", {"who": 17})


def test_swapped_bodies_do_not_open(house: House) -> None:
    ids = busy(house)
    one, two = (house.call("events", run_id=ids[name])[0]["seq"] for name in ("ended", "asks"))
    house.close()
    base = RUNS_SHARD << 40
    with apsw.Connection(str(house.state / LOG)) as log:
        bodies = [
            log.execute("SELECT body FROM log WHERE position = ?", (base + seq,)).get for seq in (one, two)
        ]
    log.close()
    from podium.facts.identity import run_bytes
    from podium.facts.stored import place_of
    from podium.runtime.sealing import Sealing
    from podium.store.interface import Corrupted

    sealing = Sealing(Keyring(house.state))
    place = place_of(run_bytes(ids["ended"]), 1)
    assert sealing.unseal(bodies[0], place) is not None
    with pytest.raises(Corrupted):
        sealing.unseal(bodies[1], place)


# --- erased -----------------------------------------------------------------------------------------


def test_erasure_ends_what_goes_on_and_leaves_nothing_to_read(house: House) -> None:
    ids = busy(house)
    note = house.call("checkpoint")["note"]
    detail = house.call("erase", subject=ADA, why="asked for it")["detail"]
    assert detail == "4 cancelled"
    for name in ("asks", "parent", "gate"):
        assert house.call("run", run_id=ids[name])["status"] == "cancelled"
    check_erased(house, ids)
    (house.folder / "go").write_text("")
    house.call("execute", workflow="echo", input={"text": "goes on"})
    house.close()
    assert files_with(house.state, SECRET, ADA) == []
    with reader_of(house.state) as reader:
        assert verify_log(reader, public_key(house.state), verify_signature, [("kept", note)]).sound
        assert prove(reader, RUNS_SHARD, 5, note)["seq"] == 5


def check_erased(house: House, ids: dict[str, str]) -> None:
    for name, run_id in ids.items():
        shown = house.call("run", run_id=run_id)
        assert SECRET not in json.dumps(shown), name
        assert house.call("describe", kind="run", name=run_id)["input"] is None
        records = house.call("events", run_id=run_id)
        assert SECRET not in json.dumps(records)
        assert records[0]["erased"] and records[0]["body"] is None
        assert not any(record["body"] for record in records)
    assert {one["id"] for one in house.call("get", kind="runs", nested=True)} >= set(ids.values())


def test_an_erased_log_is_taken_over_with_and_without_snapshot(house: House) -> None:
    ids = busy(house)
    house.serving.hub.do(house.serving.hub.shard.save_snapshot).result()
    house.call("erase", subject=ADA, why="asked for it")
    for table in ("snapshot", None):
        house.close()
        (house.state / VIEWS).unlink()
        if table:
            with apsw.Connection(str(house.state / LOG)) as log:
                log.execute(f"DELETE FROM {table}")
            log.close()
        house.restart()
        check_erased(house, ids)
        assert house.call("execute", workflow="echo", input={"n": 1})["output"] == {"n": 1}
    house.close()
    door = look(house.state)
    shown = door.start("run", {"run_id": ids["asks"]}).result()["result"]
    assert shown["status"] == "cancelled"
    door.close()


def test_the_erasure_is_in_the_log(house: House) -> None:
    busy(house)
    house.call("erase", subject=ADA, why="asked for it on 3 May")
    house.close()
    with reader_of(house.state) as reader:
        rows = [row for row in reader.scan(RUNS_SHARD, 0, 10_000) if row.type == "SubjectErased"]
    assert len(rows) == 1
    assert b"asked for it on 3 May" in rows[0].body
    assert json.loads(rows[0].envelope)["runs"] == 4
    assert json.loads(rows[0].envelope)["principal"]


def test_the_key_is_gone_from_every_file(house: House) -> None:
    busy(house)
    key = house.serving.hub.keyring.find(ADA)
    with apsw.Connection(str(house.state / KEYS)) as keys:
        wrapped = keys.execute("SELECT wrapped FROM subject WHERE key = ?", (bytes.fromhex(key),)).get
    keys.close()
    assert any(wrapped in path.read_bytes() for path in house.state.rglob("*") if path.is_file())
    house.call("erase", subject=ADA, why="asked for it")
    assert not any(wrapped in path.read_bytes() for path in house.state.rglob("*") if path.is_file())


def test_who_comes_again_after_an_erasure_is_somebody_new(house: House) -> None:
    ids = busy(house)
    before = house.call("events", run_id=ids["ended"])[0]["subject"]
    house.call("erase", subject=ADA, why="asked for it")
    again = house.call("execute", workflow="echo", input={"text": SECRET}, subject=ADA)
    assert again["output"] == {"text": SECRET}
    assert house.call("events", run_id=again["id"])[0]["subject"] not in ("", before)
    assert house.refused("erase", subject="nobody", why="x") == ("not-found", "unknown-subject")
    assert house.refused("erase", subject=ADA, why=" ") == ("usage", "no-reason")


def test_others_are_left_alone(house: House) -> None:
    busy(house)
    kept = house.call("execute", workflow="echo", input={"text": "kept"}, subject="Charles")
    waits = house.submit("ask", {"text": "kept"}, subject="Charles")
    house.until(waits, "human")
    house.call("erase", subject=ADA, why="asked for it")
    house.restart()
    assert house.call("run", run_id=kept["id"])["output"] == {"text": "kept"}
    assert house.call("run", run_id=waits)["status"] == "running"


def test_an_erasure_that_was_cut_short_is_ended_by_the_next_hub(house: House) -> None:
    ids = busy(house)
    keyring = house.serving.hub.keyring
    keyring.begin_erasing(keyring.find(ADA), "os:ada", "asked for it")
    house.restart()
    check_erased(house, ids)
    assert house.serving.hub.keyring.erasing() == []


def test_an_erasure_that_was_logged_but_whose_key_is_there_still(house: House) -> None:
    ids = busy(house)
    hub = house.serving.hub
    key = hub.keyring.find(ADA)
    hub.keyring.begin_erasing(key, "os:ada", "asked for it")
    hub.tell(EraseSubject(subject=key, principal="os:ada", why="asked for it")).result()
    house.restart()
    check_erased(house, ids)


def test_a_late_reply_about_somebody_erased_is_not_kept(house: House) -> None:
    from podium.facts.inputs import Reported

    ids = busy(house)
    house.call("erase", subject=ADA, why="asked for it")
    late = Reported(run_id=ids["ended"], effect=1, token=1, status="succeeded", output={"late": SECRET})
    house.serving.hub.tell_all([late])
    records = house.call("events", run_id=ids["ended"])
    assert records[-1]["type"] == e.StaleReply.__name__
    assert records[-1]["erased"] and records[-1]["body"] is None
    house.close()
    assert files_with(house.state, SECRET) == []


def test_lost_keys_are_no_erasure(house: House) -> None:
    """A log without its keys is refused: what nobody erased must not look erased."""
    busy(house)
    house.close()
    kept = (house.state / KEYS).read_bytes()
    (house.state / KEYS).unlink()
    with pytest.raises(StoreError, match=r"keys\.db is not there, but something is sealed"):
        house.restart()
    (house.state / KEYS).write_bytes(kept)
    wrapping = house.state / "seal.key"
    secret = wrapping.read_bytes()
    wrapping.unlink()
    with pytest.raises(StoreError, match=r"seal\.key does not hold key 1"):
        house.restart()
    wrapping.write_bytes(secret)
    house.restart()
