"""The code review, through the command line, on small repositories."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import Command
from tests.examples.conftest import EXAMPLES
from tests.examples.repositories import FILES, JAVASCRIPT, SECRET, committed, lay

pytestmark = pytest.mark.xdist_group("code-review")


@dataclass(frozen=True)
class Review:
    """What a run said, and what it wrote."""

    output: dict[str, Any]
    progress: str
    markdown: str
    html: str


def review(podium: Command, repo: Path, out: Path, team: Path = EXAMPLES / "code-review") -> Review:
    done = podium("run", str(team), "--input", f"repo={repo}", "--input", f"out={out}", "--no-input")
    assert done.returncode == 0, done.stderr
    output = json.loads(done.stdout)
    written = [
        (out / name).read_text() if "report" in output else "" for name in ("report.md", "report.html")
    ]
    return Review(output, done.stderr, *written)


@pytest.fixture(scope="module")
def shop(podium: Command, tmp_path_factory: pytest.TempPathFactory) -> Review:
    """The review of a repository with something wrong in every respect."""
    root = committed(lay(tmp_path_factory.mktemp("shop a la carté"), FILES))
    return review(podium, root, tmp_path_factory.mktemp("report"))


def test_it_says_what_is_grave_first(shop: Review) -> None:
    assert shop.output["verdict"] == "act"
    assert shop.output["headline"].startswith("Act now: ")
    assert "(without " not in shop.output["headline"]
    findings = shop.markdown.split("## Findings")[1]
    assert findings.index("high:") < findings.index("medium:") < findings.index("low:")


@pytest.mark.parametrize(
    ("rule", "place"),
    [
        ("unparsable", "shop/broken.py:1"),
        ("F821", "shop/prices.py:32"),
        ("B105", "shop/prices.py:3"),
        ("B307", "shop/prices.py:7"),
        ("hard-function", "shop/prices.py:10"),
        ("unpinned", "requirements.txt:1"),
        ("no-licence", ""),
    ],
)
def test_it_finds_what_is_wrong(shop: Review, rule: str, place: str) -> None:
    assert f"`{rule}`" in shop.markdown
    assert place in shop.markdown.split(f"`{rule}`")[1].split("`  \n")[0]
    assert rule in shop.html
    assert place in shop.html


def test_it_catches_the_file_that_does_not_parse_and_measures_the_rest(shop: Review) -> None:
    assert "measureTheRest -> measurer" in shop.progress
    assert "1 file does not parse: shop/broken.py:1" in shop.markdown
    assert "`total`" in shop.markdown
    assert any("broken.py" in said for said in shop.output["missing"])


def test_it_knows_where_the_project_changes(shop: Review) -> None:
    spots = shop.markdown.split("## Hotspots")[1]
    first = next(line for line in spots.splitlines() if line.startswith("| `"))
    assert first.startswith("| `shop/prices.py`")
    assert "| 7 | 6 | 1 |" in first


def test_it_shows_no_secret_and_leaves_out_what_is_not_the_projects_own(shop: Review) -> None:
    for report in (shop.markdown, shop.html):
        assert SECRET not in report
        assert "node_modules" not in report


def test_the_page_stands_alone(shop: Review) -> None:
    assert "<svg" in shop.html
    for outside in ("<script", "<link", "src=", "@import", "url("):
        assert outside not in shop.html


def test_a_folder_without_git(podium: Command, tmp_path: Path) -> None:
    found = review(podium, lay(tmp_path / "code", FILES), tmp_path / "out")
    assert found.output["verdict"] == "act"
    assert "There is no history to look at: this is no git repository." in found.markdown
    assert "`B105`" in found.markdown
    assert "no continuous integration" not in found.markdown.lower()


def test_a_project_without_python(podium: Command, tmp_path: Path) -> None:
    found = review(podium, lay(tmp_path / "code", JAVASCRIPT), tmp_path / "out")
    assert found.output["verdict"] == "act"
    for rule, place in {
        "js-shell": "src/shell.js:2",
        "js-eval": "src/clock.js:3",
        "js-breakpoint": "src/clock.js:2",
    }.items():
        assert f"`{rule}`" in found.markdown
        assert place in found.markdown
    assert "`unpinned-npm`" in found.markdown


SPELLING = """\
from judging.rules import Rule, grouped
from speaking import speak


def spelling(given):
    rules = {"recieve": Rule("medium", "Word that is spelt wrong", "Write receive.")}
    found = [{"rule": "recieve", "role": "source", "path": "README.md", "line": 3, "message": "recieve"}]
    return {"tool": "spell", "files": 1, "seen": 1, "findings": grouped(found, rules, "lint"),
            "unparsable": [], "took_ms": 0}


if __name__ == "__main__":
    speak(spelling)
"""

SPELLER = """\
---
apiVersion: podium.dev/v1
kind: Agent
metadata: {name: speller, labels: {team: code-review}}
spec:
  version: 1.0.0
  capabilities:
    - {name: code.spelling, input: schemas/place.yaml, output: schemas/findings.yaml}
  timing: {deadline: PT1M}
  runtime:
    process: {command: [python, spelling.py]}
"""

BRANCH = """\
          - spelling:
              try:
                - check:
                    call: agent
                    with:
                      capability: code.spelling
                      input: '${ {root: .root, out: .out} }'
              catch:
                do:
                  - goOnWithoutSpelling:
                      set:
                        failed: '${ $error.title }'
      output:
        as:
          spelling: '${ .[4] }'
"""


def test_a_further_agent_needs_no_change_to_the_others(podium: Command, tmp_path: Path) -> None:
    team = tmp_path / "team"
    shutil.copytree(EXAMPLES / "code-review", team)
    (team / "spelling.py").write_text(SPELLING)
    with (team / "agents.yaml").open("a") as manifest:
        manifest.write(SPELLER)
    workflow = (team / "workflow.yaml").read_text()
    (team / "workflow.yaml").write_text(workflow.replace("      output:\n        as:\n", BRANCH, 1))
    found = review(podium, lay(tmp_path / "code", FILES), tmp_path / "out", team)
    assert "speller@1.0.0" in found.progress
    assert "**medium: Word that is spelt wrong** `recieve`" in found.markdown
    assert "| spelling | done | spell |" in found.markdown


def test_an_empty_folder(podium: Command, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    found = review(podium, tmp_path / "empty", tmp_path / "out")
    assert found.output == {
        "verdict": "nothing",
        "headline": f"Nothing to review: there is no text file under {tmp_path / 'empty'}",
    }
    assert not (tmp_path / "out").exists()
    assert "linter" not in found.progress


def test_a_folder_that_is_not_there(podium: Command, tmp_path: Path) -> None:
    done = podium("run", str(EXAMPLES / "code-review"), "--input", f"repo={tmp_path / 'nowhere'}")
    assert done.returncode == 1
    assert f"{tmp_path / 'nowhere'} does not exist; give a folder, --input repo=PATH" in done.stderr
