"""What the pipeline promises to those who write the documents."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from podium.sdk.client import Client
from podium.testing.team import team, until_waiting

HERE = Path(__file__).parent
GUIDE = "# Guide\n\n## Install\n\nRun it, and read [how to use it](use.md#start).\n"
USE = "# Use\n\n## Start\n\nType the first command.\n"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with team(tmp_path_factory.mktemp("hub"), HERE) as client:
        yield client


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "guide.md").write_text(GUIDE)
    (folder / "use.md").write_text(USE)
    return folder


def publish(client: Client, docs: Path, **more: Any) -> dict[str, Any]:
    run = client.run("content-pipeline", about(docs) | more, timeout_ms=60_000)
    assert run.status == "completed", run.error
    assert isinstance(run.output, dict)
    return run.output


def about(docs: Path) -> dict[str, Any]:
    return {"docs": str(docs), "out": str(docs.parent / "site"), "title": "Tea"}


def page(docs: Path, name: str) -> str:
    return (docs.parent / "site" / "current" / name).read_text()


def test_what_changed_is_worked_on_and_nothing_else(client: Client, docs: Path) -> None:
    assert publish(client, docs)["headline"].startswith("2 pages published: 2 worked on, 0 unchanged")
    assert 'href="use.html#start"' in page(docs, "guide.html")

    again = publish(client, docs)
    assert again["published"] is False
    assert again["headline"] == "Nothing changed: all 2 pages are as they were published."

    (docs / "guide.md").write_text(GUIDE.replace("Run it", "Start it"))
    assert "1 worked on, 1 unchanged" in publish(client, docs)["headline"]
    assert "Start it" in page(docs, "guide.html")
    assert "first command" in page(docs, "use.html")


def test_a_place_that_went_away_is_noticed_where_it_is_linked(client: Client, docs: Path) -> None:
    (docs / "other.md").write_text("# Other\n\nThis leads to [the page](use.md) and no place in it.\n")
    publish(client, docs)
    (docs / "use.md").write_text(USE.replace("## Start", "## Begin"))
    run_id = client.submit("content-pipeline", about(docs)).run_id
    asked = until_waiting(client, run_id)
    assert asked["title"] == "Publish with 1 error and no warnings?"
    assert "guide.md:5: `use.md#start` leads nowhere" in asked["description"]
    client.answer(run_id, decision="publish")
    output: Any = client.wait(run_id, 60_000).output
    assert "2 worked on, 1 unchanged" in output["headline"]


def test_a_person_can_stop_what_is_wrong(client: Client, docs: Path) -> None:
    publish(client, docs)
    (docs / "use.md").write_text(USE + "\n```\nnever closed\n")
    run_id = client.submit("content-pipeline", about(docs)).run_id
    until_waiting(client, run_id)
    client.answer(run_id, decision="stop")
    output: Any = client.wait(run_id, 60_000).output
    assert output["published"] is False
    assert "never closed" not in page(docs, "use.html")


def test_whoever_accepts_it_beforehand_is_not_asked_and_not_later_either(client: Client, docs: Path) -> None:
    (docs / "use.md").write_text(USE + "\n![](missing.png)\n")
    assert "2 errors" in publish(client, docs, accept=True)["headline"]
    (docs / "use.md").write_text(USE + "\nMore text, and the same picture.\n\n![](missing.png)\n")
    assert "no errors and no warnings, 2 known before" in publish(client, docs)["headline"]
