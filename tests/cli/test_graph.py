"""`podium graph`, on files, workflows and runs."""

from __future__ import annotations

from xml.etree import ElementTree

from tests.cli.command import Command


def test_a_file_is_drawn_without_a_hub(podium: Command) -> None:
    done = podium("graph", "team", "--workflow", "slow")
    assert done.stdout.splitlines()[0] == "test/slow@1.0.0"
    assert [line.split()[1] for line in done.stdout.splitlines()[1:]] == ["before", "wait", "after"]
    assert not podium.state.exists()
    assert podium("graph", "team").returncode == 2


def test_a_run_is_drawn_as_far_as_it_is(podium: Command) -> None:
    run_id = podium("run", "team", "--workflow", "ask", "--detach").stdout.strip()
    lines = podium("graph", run_id[:8]).stdout.splitlines()
    assert lines[0] == "test/ask@1.0.0  running"
    assert lines[1].endswith("waiting")
    assert podium("answer", run_id).returncode == 0
    podium("follow", run_id)
    assert podium("graph", run_id).stdout.splitlines()[1].endswith("done")


def test_a_picture_is_written_by_the_ending_of_its_file(podium: Command) -> None:
    podium("apply", "team")
    picture = podium.folder / "ask.svg"
    assert podium("graph", "ask", "--to", str(picture)).returncode == 0
    assert ElementTree.parse(picture).getroot().tag.endswith("svg")
    assert podium("graph", "ask", "--form", "mermaid").stdout.startswith("flowchart TD")
    unwritable = podium("graph", "ask", "--to", str(podium.folder / "no" / "ask.svg"))
    assert unwritable.returncode == 2
    assert "cannot be written" in unwritable.stderr


def test_what_is_not_there_is_told(podium: Command) -> None:
    podium("apply", "team")
    unknown = podium("graph", "nothing")
    assert unknown.returncode == 4
    assert "neither a run nor a workflow" in unknown.stderr
