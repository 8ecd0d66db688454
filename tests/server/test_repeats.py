"""What is asked for twice with one key is done once."""

from __future__ import annotations

import threading
from pathlib import Path

import httpx2
import pytest

from podium.server import repeats as repeats_module
from podium.server.repeats import KEPT_MS, Repeats
from tests.server.hubs import Hub, declare

YEARLY = """\
apiVersion: podium.dev/v1
kind: Schedule
metadata: {name: yearly}
spec: {version: "1.0.0", workflow: test/echo, cron: 0 0 1 1 *}
"""

KEY = {"idempotency-key": "k1"}


def rule(found: httpx2.Response) -> str:
    assert found.status_code == 409
    return str(found.json()["problems"][0]["rule"])


def test_what_is_asked_again_is_answered_as_before(hub: Hub) -> None:
    account = {"name": "once", "roles": ["viewer"]}
    with hub.http() as adam:
        first = adam.post("/v1/accounts", json=account, headers=KEY)
        again = adam.post("/v1/accounts", json=account, headers=KEY)
        assert (first.status_code, again.status_code) == (201, 201)
        assert again.json() == first.json()
        assert again.headers["idempotency-replayed"] == "true"
        assert "idempotency-replayed" not in first.headers
        assert (
            rule(adam.post("/v1/accounts", json={**account, "name": "two"}, headers=KEY)) == "key-of-another"
        )
        assert rule(adam.post("/v1/accounts/once/link", json={}, headers=KEY)) == "key-of-another"
        assert rule(adam.post("/v1/accounts", json=account)) == "account-taken"
    with hub.http("mia") as mia:
        assert rule(mia.post("/v1/accounts", json=account, headers=KEY)) == "account-taken", (
            "a key is one's own"
        )


def test_a_run_is_started_again_once(hub: Hub) -> None:
    with hub.http() as adam:
        run_id = adam.post("/v1/runs", json={"workflow": "test/echo"}).json()["run_id"]
        path, key = f"/v1/runs/{run_id}/again", {"idempotency-key": "again1"}
        first, second = (adam.post(path, json={}, headers=key) for _ in range(2))
        assert (first.status_code, second.status_code) == (201, 200)
        assert first.json()["run_id"] == second.json()["run_id"] != run_id
        assert adam.post(path, json={"input": {"word": "x"}}, headers=key).status_code == 409


def test_a_schedule_is_triggered_once(hub: Hub, tmp_path: Path) -> None:
    declare(hub.serving, tmp_path, YEARLY)
    key = {"idempotency-key": "now"}
    with hub.http() as adam:
        first, second = (
            adam.post("/v1/schedules/yearly", json={"action": "trigger"}, headers=key) for _ in range(2)
        )
        assert first.status_code == 200 and second.json() == first.json()
        assert adam.post("/v1/schedules/yearly", json={"action": "pause"}, headers=key).status_code == 409
        runs = adam.get("/v1/runs?workflow=echo&limit=1000").json()["items"]
        assert sum(run["id"] == first.json()["run_id"] for run in runs) == 1
        assert adam.post("/v1/schedules/yearly", json={"action": "trigger"}).json() != first.json()


def test_secrets_are_not_kept(hub: Hub) -> None:
    with hub.http() as adam:
        key = {"idempotency-key": "token1"}
        made = adam.post("/v1/tokens", json={"name": "ci"}, headers=key)
        assert made.status_code == 201
        assert rule(adam.post("/v1/tokens", json={"name": "ci"}, headers=key)) == "done-before"
        assert len([one for one in adam.get("/v1/tokens").json()["items"] if one["name"] == "ci"]) == 1
    kept = b"".join(file.read_bytes() for file in hub.serving.hub.folder.glob("repeats.db*"))
    assert made.json()["secret"].encode() not in kept


def test_what_was_refused_may_be_asked_for_again(hub: Hub) -> None:
    key = {"idempotency-key": "refused1"}
    with hub.http() as adam:
        missing = adam.post("/v1/accounts/later/link", json={}, headers=key)
        assert missing.status_code == 404
        adam.post("/v1/accounts", json={"name": "later", "roles": ["viewer"]})
        assert adam.post("/v1/accounts/later/link", json={}, headers=key).status_code == 200
        long = adam.post("/v1/accounts/later/link", json={}, headers={"idempotency-key": "x" * 1_001})
        assert long.status_code == 422


def test_whoever_asks_at_the_same_time_waits_his_turn(tmp_path: Path) -> None:
    repeats = Repeats(tmp_path / "repeats.db", lambda: 1)
    found: list[object] = []

    def begin() -> None:
        found.append(repeats.begin("ada", "k", b"r"))

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found.count(None) == 1 and repeats.is_under_way("ada", "k")
    repeats.close()


def test_keys_outlive_the_hub_and_one_that_was_killed_leaves_a_doubt(tmp_path: Path) -> None:
    now = [1_000_000]
    for done in (True, False):
        repeats = Repeats(tmp_path / "repeats.db", lambda: now[0])
        assert repeats.begin("ada", f"{done}", b"r") is None
        if done:
            repeats.end("ada", f"{done}", 201, "/v1/x", b"{}")
        repeats.close()
    repeats = Repeats(tmp_path / "repeats.db", lambda: now[0])
    assert repeats.begin("ada", "True", b"r") == (True, 201, "/v1/x", b"{}")
    assert repeats.begin("ada", "True", b"other") == (False, 201, "/v1/x", b"{}")
    assert repeats.begin("ada", "False", b"r") == (True, 0, "", None)
    assert not repeats.is_under_way("ada", "False")
    now[0] += KEPT_MS
    assert repeats.begin("ada", "True", b"r") is None, "a day later it is forgotten"
    repeats.close()
    assert (tmp_path / "repeats.db").stat().st_mode & 0o077 == 0


def test_keys_of_one_caller_are_bounded_and_crowd_out_nobody_elses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repeats_module, "KEYS_EACH_MAX", most := 20)
    now = [1]
    repeats = Repeats(tmp_path / "repeats.db", lambda: now[0])
    assert repeats.begin("ada", "k", b"r") is None
    for number in range(most + 5):
        now[0] += 1
        repeats.begin("eve", f"k{number}", b"r")
        repeats.end("eve", f"k{number}", 200, "", b"")
    assert repeats.begin("eve", "k0", b"r") is None, "his oldest is gone"
    assert repeats.begin("eve", f"k{most}", b"r") is not None
    assert repeats.begin("ada", "k", b"r") is not None
    repeats.close()
