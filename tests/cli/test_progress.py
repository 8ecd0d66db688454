"""What people see while a run goes on, on screens of any width, and tables on terminals."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from rich.console import Console

from podium.cli import output, progress
from podium.cli.progress import Screen, fit, name_of, widths_of
from podium.facts.events import EVENTS, Record
from podium.facts.values import standard_error
from podium.runtime.presenting import record_shown

DEEP = "/do/3/look/fork/branches/2/complexity/try/0/measureAll/try/0/measure"


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("/do/0/greet", "greet"),
        (DEEP, "measureAll/measure"),
        ("/do/1/each/do/0/ask", "each/ask"),
        ("/do/0/a/catch/do/0/b", "a/b"),
        ("/", "/"),
    ],
)
def test_a_task_is_called_by_its_name(reference: str, name: str) -> None:
    assert name_of(reference) == name


@pytest.mark.parametrize("total", [20, 40, 80, 120, 300])
def test_columns_fit_the_screen(total: int) -> None:
    rows = [("in doubt", "t" * 30, "a" * 40, "2 h 10 min", "n" * 200), ("done", "t", "a", "1 ms", "")]
    widths = widths_of(rows, total)
    assert widths[0] == 8 and widths[3] == 10
    assert total < 40 or sum(widths) + 8 < total
    assert total < 120 or widths[1:3] == [30, 40]


def test_a_text_in_so_many_columns() -> None:
    assert [fit("abcdef", width) for width in (0, 1, 3, 6, 8)] == ["", "…", "ab…", "abcdef", "abcdef  "]


class Story:
    """Records of a run as they come, and the screen that shows them."""

    def __init__(self, width: int) -> None:
        self.screen = Screen("test/a@1.0.0 3f2a", lambda: [{"effect": 2, "progress": {"seen": 3, "of": 9}}])
        self.screen._console = Console(width=width)

    def hear(self, type: str, body: Any = None, **fields: Any) -> None:
        """A record with this event and body comes, as the door shows it."""
        kind = EVENTS[type]
        told = None if kind.BODY is None else msgspec.convert(body or {}, kind.BODY)
        self.screen.hear(record_shown(Record(1, "3f2a", 1_000, kind(**fields), told)))

    def lines(self) -> list[str]:
        console = Console(width=self.screen._console.width, file=io.StringIO())
        console.print(self.screen._render())
        assert isinstance(console.file, io.StringIO)
        return [line.rstrip() for line in console.file.getvalue().splitlines()]


@pytest.fixture(params=[80, 120])
def story(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Story]:
    monkeypatch.setattr(progress.time, "time_ns", lambda: 3_000_000_000)
    story = Story(request.param)
    yield story
    story.screen.close()


def test_a_screen(story: Story) -> None:
    ask: dict[str, Any] = {"kind": "human", "agent": "", "started": False}
    call = {"kind": "agent", "agent": "measurer@1.0.0", "started": True}
    story.hear("EffectRequested", effect=1, frame=2, parent=1, task="/do/0/first", **call)
    story.hear("EffectSettled", effect=1, status="succeeded", cost_nano=2_000_000)
    story.hear("EffectRequested", effect=2, frame=3, parent=1, task=DEEP, **call)
    asked = {"input": {"title": "Go?"}}
    story.hear("EffectRequested", asked, effect=3, frame=4, parent=1, task="/do/2/ask", **ask)
    story.hear("TaskStarted", task="/do/3/nap", kind="wait", frame=7, parent=1)
    assert story.lines() == [
        "test/a@1.0.0 3f2a: running, cost 0.002",
        "done   first               measurer@1.0.0   0 ms  0.002",
        "runs   measureAll/measure  measurer@1.0.0  2.0 s  seen 3 of 9",
        "asks   ask                 human           2.0 s",
        "waits  nap                                 2.0 s",
        "Go?",
        "  podium answer 3f2a --task ask --decision approve",
    ]
    failed = {"error": standard_error("runtime", DEEP, "x" * 300)}
    story.hear("AttemptFailed", failed, effect=2, cost_nano=0)
    story.hear("TaskCompleted", task="/do/3/nap", frame=7, parent=1)
    assert max(map(len, story.lines())) < story.screen._console.width
    story.hear("RunCancelled")
    shown = story.lines()
    assert shown[0] == "test/a@1.0.0 3f2a: cancelled, cost 0.002"
    assert [line.split()[0] for line in shown[1:]] == ["done", "stopped", "stopped", "done"]


def test_a_table_is_cut_for_terminals_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [["3f2a", "waits for a person (/do/0/" + "x" * 80 + ")"], ["4b", ""]]
    output.show_table(["run", "remark"], rows)
    assert rows[0][1] in capsys.readouterr().out
    monkeypatch.setattr(output, "_columns", lambda: 40)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")
    output.show_table(["run", "remark"], rows)
    shown = capsys.readouterr().out.splitlines()
    assert [len(line) <= 40 for line in shown] == [True] * 3
    assert shown[1].endswith("…")
    assert shown[2] == "4b    -"
