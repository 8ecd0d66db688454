"""What a team on call may rely on."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from podium.sdk.client import Client
from podium.testing.team import team, until_waiting

HERE = Path(__file__).parent
BROKEN, WELL = {"v1": 0, "v2": 100}, {"v1": 100, "v2": 0}
numbers = count()


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with team(tmp_path_factory.mktemp("hub"), HERE) as client:
        yield client


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Path]:
    """A shop whose broken version serves everybody; customers and watch are the test's own."""
    spec = importlib.util.spec_from_file_location("shop", HERE / "shop.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "traffic.json").write_text(json.dumps({"checkout": BROKEN, "search": WELL}))
    shop = module.Shop(tmp_path)
    yield tmp_path
    shop.close()


def traffic(shop: Path) -> dict[str, Any]:
    return dict(json.loads((shop / "traffic.json").read_text()))


def begin(client: Client, shop: Path, blamed: str = "v2", **more: Any) -> str:
    """Stand by, and let the first alert come."""
    run_id = client.submit("incident", {"shop": str(shop), "window": "PT0.1S", **more}).run_id
    until_waiting(client, run_id, "event")
    send(client, run_id, "checkout", blamed, 0.33)
    return run_id


def send(client: Client, run_id: str, service: str, version: str, errors: float) -> None:
    about = {"specversion": "1.0", "type": "alert.raised", "source": "/test", "id": str(next(numbers))}
    client.send({**about, "data": {"service": service, "version": version, "errors": errors}}, run_id)


def decide(client: Client, run_id: str, *decisions: str) -> dict[str, Any]:
    """Answer the run's question, and that of its mitigation, and give what came of it."""
    until_waiting(client, run_id)
    client.answer(run_id, decision=decisions[0])
    for decision in decisions[1:]:
        below = str(until_waiting(client, run_id, "run")["run"])
        until_waiting(client, below)
        client.answer(below, decision=decision)
    ended = client.wait(run_id, 60_000)
    assert ended.status == "completed", ended.error
    assert isinstance(ended.output, dict)
    return ended.output


def test_traffic_leaves_the_bad_version(client: Client, shop: Path) -> None:
    output = decide(client, begin(client, shop), "mitigate", "keep")
    assert output["outcome"] == "all traffic to v1"
    assert traffic(shop) == {"checkout": WELL, "search": WELL}
    assert (shop / "frozen" / "checkout").read_text() == "33% of requests to checkout v2 fail (1 alert)\n"
    assert "decided: mitigate, by user:test" in Path(output["report"]).read_text()


def test_everything_is_undone_when_a_person_says_so(client: Client, shop: Path) -> None:
    output = decide(client, begin(client, shop), "mitigate", "undo")
    assert output["outcome"] == "undone (shift, freeze), because user:test wanted it so"
    assert traffic(shop) == {"checkout": BROKEN, "search": WELL}
    assert not (shop / "frozen" / "checkout").exists()


def test_an_undo_that_fails_is_not_lost(client: Client, shop: Path) -> None:
    run_id = begin(client, shop)
    until_waiting(client, run_id)
    client.answer(run_id, decision="mitigate")
    below = str(until_waiting(client, run_id, "run")["run"])
    until_waiting(client, below)
    was = (shop / "traffic.json").rename(shop / "away")
    client.answer(below, decision="undo")
    assert until_waiting(client, below)["title"].startswith("Undoing /do/0/mitigate/try/1/shift failed")
    was.rename(shop / "traffic.json")
    client.answer(below, decision="retry")
    assert client.wait(run_id, 60_000).status == "completed"
    assert traffic(shop) == {"checkout": BROKEN, "search": WELL}
    assert not (shop / "frozen" / "checkout").exists()


def test_what_does_not_help_is_undone_without_asking(client: Client, shop: Path) -> None:
    (shop / "traffic.json").write_text(json.dumps({"checkout": WELL}))
    output = decide(client, begin(client, shop, blamed="v1"), "mitigate")
    assert output["outcome"] == "undone (shift, freeze), because it did not help: 33% of requests still fail"
    assert traffic(shop) == {"checkout": WELL}


def test_nothing_is_touched_when_a_person_says_no(client: Client, shop: Path) -> None:
    assert decide(client, begin(client, shop), "ignore")["outcome"] == "left alone"
    assert traffic(shop)["checkout"] == BROKEN


def test_only_alerts_of_the_same_service_belong_together(client: Client, shop: Path) -> None:
    run_id = begin(client, shop, window="PT2S")
    send(client, run_id, "search", "v1", 0.99)
    send(client, run_id, "checkout", "v2", 0.5)
    asked = until_waiting(client, run_id)
    assert asked["title"] == "50% of requests to checkout v2 fail (2 alerts). Mitigate?"
    client.cancel(run_id)


def test_somebody_else_is_paged_and_in_the_end_nobody_is_asked(client: Client, shop: Path) -> None:
    run_id = begin(client, shop, patience="PT0.1S")
    below = str(until_waiting(client, run_id, "run")["run"])
    until_waiting(client, below)
    client.answer(below, decision="keep")
    output: Any = client.wait(run_id, 60_000).output
    assert (output["decision"], output["by"]) == ("mitigate", "nobody")
    pages = (shop / "pages.log").read_text().splitlines()
    assert [line.partition(":")[0] for line in pages] == ["first line", "second line"]
