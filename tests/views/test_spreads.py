"""What is done many times side by side is told in few words."""

from __future__ import annotations

from typing import Any

import pytest

from podium.cli import progress
from podium.facts.inputs import Reported
from podium.facts.values import standard_error
from podium.runtime.presenting import record_shown, run_shown
from podium.views.story import tell
from tests.kernel.conversation import Conversation, agent

AGENTS = (agent("helper", concurrency=1_000),)


def mapped(function: Any = None, **given: Any) -> Any:
    function = function or {"call": "agent", "with": {"agent": "helper"}}
    return [{"each": {"call": "map", "with": {"in": ".", "function": function, **given}}}]


def played(count: int, tasks: Any, fails: Any = ()) -> Conversation:
    """Every attempt was answered, some of them badly."""
    talk = Conversation(tasks, agents=AGENTS)
    talk.checks = False
    talk.submit(list(range(count)))
    answer(talk, fails)
    return talk


def answer(talk: Conversation, fails: Any = (), left: int = 0) -> None:
    while len(talk.open) > left:
        order = talk.open.pop(next(iter(talk.open)))
        outcome: dict[str, Any] = {"status": "succeeded", "output": order.input}
        if order.input in fails:
            outcome = {"status": "failed", "error": standard_error("runtime", "", "no good")}
        told = {"run_id": order.run_id, "effect": order.effect, "token": order.token, **outcome}
        talk.tell(Reported(**told))


def records(talk: Conversation) -> list[dict[str, Any]]:
    return [record_shown(record) for record in talk.log if record.run_id]


def story(talk: Conversation) -> list[str]:
    return [line.text for line in tell(records(talk), talk.now + 5_000)]


def test_the_story_of_thousands_is_short() -> None:
    talk = played(2_000, mapped(onError="collect", concurrency=100), range(7, 2_000, 100))
    said = story(talk)
    assert len(said) < 30
    assert "/do/0/each goes over 2000 items, 100 at once" in said
    assert "/do/0/each ended after 0 ms: 1980 of 2000 done, 20 failed" in said
    assert "/do/0/each/with/function failed for item 7; the others go on" in said
    assert sum("; the others go on" in text for text in said) == 5
    assert "the run completed after 0 ms: 2000 calls" in said


def test_the_story_of_a_few_is_told_in_full() -> None:
    said = story(played(3, mapped()))
    assert sum(text.startswith("/do/0/each/with/function succeeded") for text in said) == 3


def test_the_story_of_what_goes_on_says_how_far_it_is() -> None:
    talk = Conversation(mapped(), agents=AGENTS)
    talk.checks = False
    talk.submit(list(range(20)))
    assert story(talk)[-1] == "/do/0/each goes on, since 5.0 s: 0 of 20 done"
    answer(talk, left=12)
    assert story(talk)[-1] == "/do/0/each goes on, since 5.0 s: 8 of 20 done"


def test_people_inside_are_told_of() -> None:
    talk = Conversation(mapped({"call": "human", "with": {"title": "Right?"}}), agents=AGENTS)
    talk.submit(list(range(12)))
    talk.answer_human(task="3")
    said = story(talk)
    assert said.count("/do/0/each/with/function asks a person: Right?") == 12
    assert "user:ann answered /do/0/each/with/function: approve" in said
    assert sum("waits for a person" in text for text in said) == 11


def test_maps_in_maps_are_told_as_one() -> None:
    inner = mapped()[0]["each"]
    talk = Conversation(mapped({**inner, "with": {**inner["with"], "in": "[range(12)]"}}), agents=AGENTS)
    talk.checks = False
    talk.submit(list(range(12)))
    answer(talk)
    said = story(talk)
    assert len(said) < 12
    assert "/do/0/each ended after 0 ms: 12 of 12 done" in said


def test_a_run_shows_how_far_it_is() -> None:
    talk = Conversation(mapped(onError="collect", concurrency=4), agents=AGENTS)
    talk.submit(list(range(20)))
    assert run_shown(talk.run)["progress"] == [
        {"task": "/do/0/each", "since": talk.now, "total": 20, "done": 0, "failed": 0, "running": 4}
    ]
    for item in range(3):
        order = next(one for one in talk.open.values() if one.input == item)
        del talk.open[order.run_id, order.effect]
        failed = item != 1
        talk.tell(
            Reported(
                run_id=order.run_id, effect=order.effect, token=order.token,
                status="failed" if failed else "succeeded", output=item,
            )
        )  # fmt: skip
    (shown,) = run_shown(talk.run)["progress"]
    assert (shown["done"], shown["failed"], shown["running"]) == (1, 2, 4)
    (waiting,) = run_shown(talk.run)["waiting_for"]
    assert (waiting["kind"], waiting["task"], waiting["count"]) == ("attempt", "/do/0/each/with/function", 4)


def test_progress_is_said_at_every_tenth(capsys: pytest.CaptureFixture[str]) -> None:
    talk = played(1_000, mapped(onError="collect"), range(500, 520))
    shown = progress.Lines()
    for record in records(talk):
        shown.hear(record)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) < 25
    assert any(line.endswith("/do/0/each: 1000 items") for line in lines)
    assert any(line.endswith("/do/0/each: 100 of 1000 done") for line in lines)
    assert any("of 1000 done, 20 failed" in line for line in lines)
    assert sum(line.endswith("no good") for line in lines) == 5


def test_the_screen_has_one_row_for_all() -> None:
    talk = played(100, mapped(onError="collect"), (3,))
    screen = progress.Screen("test", list)
    try:
        for record in records(talk):
            screen.hear(record)
        (row,) = screen._rows.values()
        assert (row.status, row.note) == ("done", "99 of 100 done, 1 failed")
    finally:
        screen.close()


def test_the_screen_says_of_a_spread_that_was_torn_down(capsys: pytest.CaptureFixture[str]) -> None:
    tasks = [{"a": {"try": mapped(), "catch": {"do": [{"b": {"set": {"x": 1}}}]}}}]
    talk = played(100, tasks, (3,))
    screen = progress.Screen("test", list)
    try:
        for record in records(talk):
            screen.hear(record)
        (row,) = screen._rows.values()
        assert row.status == "failed"
    finally:
        screen.close()
    said = story(talk)
    assert len(said) < 12 and not any("goes on" in text for text in said)
