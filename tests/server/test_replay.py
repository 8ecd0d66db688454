"""What other policies would have said, asked of a running hub; and who did what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from podium.facts.catalog import Declared
from podium.runtime import replaying
from podium.sdk.client import Client
from podium.sdk.errors import InvalidError
from podium.sdk.manifests import load
from tests.cli.command import until
from tests.server.hubs import Hub

GUARD = """\
apiVersion: podium.dev/v1
kind: Policy
metadata: {name: guard}
spec:
  version: 1.0.0
  budgets:
    - {name: hour, scope: [tenant], limit: {toolCalls: 100}, window: {per: hour, timezone: UTC}}
  rules:
    - {id: ask, effect: allow, match: {kinds: [human]}}
    - {id: no-questions, effect: deny, match: {kinds: [human]}, message: nobody is asked from here}
"""


@pytest.fixture(scope="module")
def asked(hub: Hub) -> list[str]:
    """Runs that ask somebody."""
    client = Client(hub.serving.door)
    return [client.submit("test/ask", None).run_id for _ in range(3)]


def test_a_draft_is_tried_on_what_was_done(hub: Hub, asked: list[str]) -> None:
    with hub.http("vera") as http:
        found = http.post("/v1/policies/replay", json={"text": GUARD}).json()
    assert (found["actions"], found["changed"], found["begins_at"]) == (3, 3, 0)
    assert {row["run_id"] for row in found["rows"]} == set(asked)
    assert {(row["was"], row["now"], row["message"]) for row in found["rows"]} == {
        ("allow", "deny", "nobody is asked from here")
    }
    assert found["sums"]["denied"]["actions"] == 3


def test_nothing_is_changed_by_it(hub: Hub, asked: list[str]) -> None:
    with hub.http("vera") as http:
        before = http.get("/v1/status").json()["seq"], http.get("/v1/policies").json()
        assert http.post("/v1/policies/replay", json={"text": GUARD}).status_code == 200
        assert (http.get("/v1/status").json()["seq"], http.get("/v1/policies").json()) == before


def test_the_client_asks_with_manifests(hub: Hub, asked: list[str], tmp_path: Path) -> None:
    (tmp_path / "guard.yaml").write_text(GUARD)
    resources: list[Declared] = list(load([tmp_path / "guard.yaml"]).resources)
    with_http = hub.client("vera")
    assert with_http.replay(resources)["changed"] == 3
    assert with_http.replay(resources, since=2**50)["actions"] == 0


def test_only_the_newest_records_are_looked_at(
    hub: Hub, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the log begins with: runs that began before are left out, and nothing breaks."""
    client = Client(hub.serving.door)
    whole = int(client.status()["seq"])  # type: ignore[call-overload]
    found = []
    with hub.http("vera") as http:
        for many in range(1, whole + 1):
            monkeypatch.setattr(replaying, "RECORDS_MAX", many)
            answer = http.post("/v1/policies/replay", json={"text": GUARD})
            assert answer.status_code == 200, answer.text
            found.append(answer.json()["actions"])
    assert found == sorted(found) and found[-1] == 3 and found[0] == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no policy is declared there"),
        ("kind: [", "draft.yaml"),
        (GUARD.replace("effect: deny", "effect: forbid"), "forbid"),
        (GUARD.replace("kinds: [human]}, message", "kinds: [human]}, when: 'args.', message"), "when"),
        (GUARD.replace("kind: Policy", "kind: Agent"), "capabilities"),
    ],
)
def test_what_is_no_policy_is_refused_with_its_place(hub: Hub, text: str, said: str) -> None:
    with hub.http("vera") as http:
        answer = http.post("/v1/policies/replay", json={"text": text})
    assert answer.status_code == 422
    assert said in answer.text


def test_a_client_is_told_so_too(hub: Hub) -> None:
    with pytest.raises(InvalidError, match="no policy is declared"):
        hub.client("vera").replay([])


def test_acts_of_people_are_told_once_with_what_came_of_them(hub: Hub, asked: list[str]) -> None:
    hub.client("anna").answer(asked[2], decision="deny", why="not today")
    with hub.http("vera") as http:
        [act] = until(lambda: done(http.get("/v1/acts", params={"about": "approvals"}).json()["items"]))
        assert (act["principal"], act["act"], act["why"]) == ("user:anna", "answered deny", "not today")
        assert act["target"] == f"{asked[2]}/1" and act["via"].startswith("http token")
        assert http.get("/v1/acts", params={"principal": "user:nobody"}).json()["items"] == []
        assert http.get("/v1/acts", params={"before": "soon"}).status_code == 422
        started = http.get("/v1/acts", params={"by": "hub", "about": "hub"}).json()["items"]
    assert [one["act"] for one in started] == ["started"]


def done(acts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What was not only noted, if all of it came to something."""
    return [] if any(one["noted"] for one in acts) else acts
