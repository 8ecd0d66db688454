"""The same flow as Python and as YAML, under one policy; and the Python one again after a hub was killed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.command import Command
from tests.examples.conftest import EXAMPLES

BRIEFING = EXAMPLES / "briefing"
TEXT = "Sales of tea rose by a tenth. The harvest was late.\nNothing was noted."


@pytest.fixture(scope="module")
def applied(podium: Command) -> Command:
    done = podium("apply", str(BRIEFING))
    assert done.returncode == 0, done.stderr
    return podium


def inputs(folder: Path) -> list[str]:
    return ["--input", 'topics=["tea", "salt"]', "--input", f"folder={folder}"]


@pytest.mark.parametrize("form", ["directed", "written"])
def test_both_forms_publish_the_same(applied: Command, tmp_path: Path, form: str) -> None:
    done = applied("run", f"examples/{form}", *inputs(tmp_path))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"page": str(tmp_path / "briefing.md"), "topics": 2}
    assert (tmp_path / "briefing.md").read_text() == f"# briefing\n\n{TEXT}\n"
    assert len((tmp_path / "published.log").read_text().splitlines()) == 1


def test_what_the_editor_asked_for_stands_in_its_story(applied: Command, tmp_path: Path) -> None:
    run = applied("run", "examples/directed", *inputs(tmp_path), "--key", "story")
    assert run.returncode == 0, run.stderr
    (row,) = json.loads(applied("get", "runs", "-o", "json", "--limit", "1").stdout)
    told = applied("story", row["id"]).stdout
    for line in (
        "/do/0/make/notes.find calls the tool notes.find@1.0.0",
        "editor@1.0.0 asks for it",
        "routed to summariser@1.0.0: editor@1.0.0 asks for it; only agent",
        "policy: allow by briefing/editor",
        "it can be undone by tool page.withdraw",
    ):
        assert line in told


def test_nobody_else_may_publish(applied: Command, tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("""
document: {dsl: '1.0.3', namespace: examples, name: other, version: '1.0.0'}
do:
  - publish: {call: tool, with: {tool: page.publish, args: {folder: /tmp, title: no, text: no}}}
""")
    done = applied("run", str(tmp_path / "other.yaml"))
    assert done.returncode == 1
    assert "policy denies it" in done.stderr


def test_a_plan_knows_what_tools_take(applied: Command, tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text("""
document: {dsl: '1.0.3', namespace: examples, name: wrong, version: '1.0.0'}
do:
  - publish: {call: tool, with: {tool: page.publish, args: {folder: 7, title: no, text: no}}}
  - lost: {call: tool, with: {tool: page.print, args: {}}}
""")
    done = applied("plan", str(tmp_path / "wrong.yaml"))
    assert done.returncode == 3
    assert "tool page.publish@1.0.0" in done.stdout and "no tool is named page.print" in done.stdout
