"""Refunds, as their README has them: what goes through, is asked, is stopped, and what a crash does to it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import Command, is_podium, until
from tests.examples.conftest import EXAMPLES

pytestmark = pytest.mark.xdist_group("refund")

GATE = """\
def wait_here():
    import pathlib, time
    (pathlib.Path(__file__).parent / "here").touch()
    while not (pathlib.Path(__file__).parent / "go").exists():
        time.sleep(0.02)


"""
PLACES = {
    "before it pays": (
        "        result = TOOLS",
        "        tool == 'payments.refund' and wait_here()\n        result = TOOLS",
    ),
    "after it paid": ("    print(json", "    tool == 'payments.refund' and wait_here()\n    print(json"),
}


class Refunds:
    """A copy of the example with a new shop, and the command line."""

    def __init__(self, podium: Command, folder: Path) -> None:
        self.podium, self.folder = podium, folder
        shutil.copytree(
            EXAMPLES / "refund", folder, ignore=shutil.ignore_patterns("shop", "__pycache__", "test_*")
        )
        spec = importlib.util.spec_from_file_location(f"shop_{folder.parent.name}", folder / "shop.py")
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        self.shop = module.Shop.open()

    def handle(self, ticket: str, *options: str) -> str:
        """Have a ticket handled; gives the run."""
        done = self.podium("run", str(self.folder), "--input", f"ticket={ticket}", *options)
        assert done.returncode == 0, done.stderr
        runs = self.podium.json("get", "runs", "--workflow", "examples/refund")
        return str(runs[0]["id"])

    def story(self, run: str) -> str:
        return self.podium("story", run).stdout

    def agree(self, runs: list[str]) -> None:
        """The books of the bank are those of the hub."""
        books = self.shop.books()
        paid = [effect for run in runs for effect in self._payments(run)]
        assert sum(effect["body"]["output"]["cents"] for effect in paid) == books["paid_back_cents"]
        assert sum(effect["cost_nano"] for effect in paid) == books["fees_nano"]
        known = {run["id"]: run["cost_nano"] for run in self.podium.json("get", "runs")}
        assert sum(known[run] for run in runs) == books["fees_nano"]

    def _payments(self, run: str) -> list[dict[str, Any]]:
        records = self.podium.json("events", run)
        moving = {one["effect"] for one in records if one.get("capability", "").startswith("payments.")}
        settled = (one for one in records if one["type"] == "EffectSettled" and one["effect"] in moving)
        return [one for one in settled if one["status"] == "succeeded"]


@pytest.fixture
def refunds(podium: Command, tmp_path: Path) -> Refunds:
    return Refunds(podium, tmp_path / "refund")


def test_an_ordinary_ticket_and_a_poisoned_one(refunds: Refunds) -> None:
    ordinary, poisoned = refunds.handle("T-1"), refunds.handle("T-3")
    books = refunds.shop.books()
    assert [one["status"] for one in books["tickets"]] == ["answered", "open", "for people"]
    assert [one["cents"] for one in books["payments"]] == [3900, 1250, -1250]
    assert [mail["recipient"] for mail in books["mails"]] == ["ada@letters.example"]
    refunds.agree([ordinary, poisoned])

    story = refunds.story(poisoned)
    for words in (
        "nobody refunds more than 2,500 dollars",
        "money goes back only for the order that the ticket is about",
        "mail goes only to where customers have their mailboxes",
        "who has seen the list of customers sends nothing out of the house",
        "payments.refund is undone",
    ):
        assert words in story


@pytest.mark.parametrize(
    ("verdict", "status", "cents"), [("approve", "answered", 24000), ("deny", "for people", 0)]
)
def test_a_person_decides_on_a_large_one(refunds: Refunds, verdict: str, status: str, cents: int) -> None:
    podium, run = refunds.podium, refunds.handle("T-2", "--detach")
    waiting = until(lambda: podium.json("approvals", run))
    assert waiting[0]["message"] == "for more than 100 dollars a support lead must agree"
    assert refunds.shop.books()["payments"] == []
    assert podium(verdict, waiting[0]["id"], "--reason", "I saw the picture").returncode == 0
    assert podium("follow", run).returncode == 0
    books = refunds.shop.books()
    assert (books["tickets"][1]["status"], books["paid_back_cents"]) == (status, cents)
    refunds.agree([run])
    assert "I saw the picture" in refunds.story(run)


@pytest.mark.parametrize("place", PLACES)
def test_a_hub_that_is_killed_pays_once(refunds: Refunds, place: str) -> None:
    tools = refunds.folder / "tools.py"
    before, after = PLACES[place]
    text = tools.read_text()
    assert text.count(before) == 1
    tools.write_text(text.replace(before, after).replace("def main()", GATE + "def main()"))
    podium, run = refunds.podium, refunds.handle("T-1", "--detach")
    until((refunds.folder / "here").exists)
    assert len(refunds.shop.books()["payments"]) == (place == "after it paid")
    hub = podium.hub()
    assert is_podium(hub)
    os.kill(hub, signal.SIGKILL)
    (refunds.folder / "go").touch()
    assert podium("follow", run).returncode == 0
    assert [one["cents"] for one in refunds.shop.books()["payments"]] == [3900]
    refunds.agree([run])
