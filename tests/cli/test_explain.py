"""`podium explain` on a real run of an example, as people and programs read it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from podium.cli.exits import Exit
from tests.cli.command import Command

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "content-pipeline"


def piped(podium: Command) -> str:
    """A run of the pipeline over two pages, one of which has a dead link; it was let through beforehand."""
    docs = podium.folder / "docs"
    docs.mkdir()
    (docs / "a.md").write_text("# A\n\nHello. See [b](b.md).\n")
    (docs / "b.md").write_text("# B\n\nWorld. Bad [x](nothing.md).\n")
    done = podium(
        "run",
        str(EXAMPLE),
        "--input",
        "docs=docs",
        "--input",
        "out=site",
        "--input",
        "accept=true",
        "--no-input",
    )
    assert done.returncode == 0, done.stderr
    (row,) = podium.json("get", "runs")
    found: str = row["id"]
    return found


def test_an_example_explained(podium: Command) -> None:
    run_id = piped(podium)
    told = podium("explain", f"{run_id[:8]}:/output/headline")
    assert told.returncode == 0, told.stderr
    text = told.stdout
    assert text.startswith(
        f"/headline of the output of run {run_id[:8]} of examples/content-pipeline@1.0.0 is"
    )
    assert "1 survey: the agent docs-surveyor@1.0.0 was asked for docs.survey" in text
    assert "judge (/headline)" in text and "publish (/pages)" in text
    assert "gate: open\n      by .passed or $workflow.input.accept == true, looking at" in text
    assert "the run's input (/accept)" in text and "policy allowed it by " in text
    assert max(map(len, text.splitlines())) < 400

    site: Any = podium.json("explain", run_id, "--path", "/site")
    assert site["value"].endswith("site/current/index.html")
    publisher = next(deed for deed in site["deeds"] if deed["agent"].startswith("docs-publisher@"))
    assert site["parts"][0]["sources"][0]["effect"] == publisher["effect"]
    assert {deed["role"] for deed in site["deeds"]} <= {"value", "choice"}
    # Two pages, each through all stages: what was not known of the whole is known of one of them.
    prepared = podium.json("explain", f"{run_id}:prepare", "--path", "/1/path")
    assert prepared["value"] == "b.md"
    assert prepared["parts"][0]["sources"][0]["path"] == "/todo/1/path"

    prov = podium("explain", run_id, "--as", "prov")
    assert "agent:docs-judge" not in prov.stdout and "run:output" in json.loads(prov.stdout)["entity"]
    events = [
        json.loads(line) for line in podium("explain", run_id, "--as", "openlineage").stdout.splitlines()
    ]
    assert events[0]["eventType"] == "START" and events[-1]["eventType"] == "COMPLETE"

    for thing, said in (
        ("{run}:/output/nothing", "there is no /nothing in what was given; there is /published, /headline"),
        ("{run}:nobody", "the workflow has no task nobody; its tasks are /do/0/survey"),
        ("{run}/999", "the run has no effect 999"),
        ("{run}:ask", "has not ended in this run"),
        ("{run}:", "is nothing to explain"),
        ("ffffffff", "there is no run 'ffffffff'"),
    ):
        told = podium("explain", thing.format(run=run_id))
        assert told.returncode not in (Exit.OK, Exit.DEFECT)
        assert said in told.stderr
