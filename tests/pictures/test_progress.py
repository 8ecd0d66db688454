"""How each task does, as the kernel's own events tell it."""

from __future__ import annotations

from typing import Any

from podium.pictures.progress import progress


def started(frame: int, task: str, parent: int = 1, kind: str = "do") -> dict[str, Any]:
    return {"type": "TaskStarted", "frame": frame, "parent": parent, "task": task, "kind": kind}


def requested(effect: int, frame: int, task: str, parent: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "type": "EffectRequested", "effect": effect, "frame": frame, "parent": parent, "task": task,
        "kind": "agent", "started": True, **more,
    }  # fmt: skip


def settled(effect: int, task: str, status: str = "succeeded") -> dict[str, Any]:
    return {
        "type": "EffectSettled", "effect": effect, "task": task, "status": status,
        "completes": status == "succeeded",
    }  # fmt: skip


def completed(frame: int, task: str, skipped: bool = False) -> dict[str, Any]:
    return {"type": "TaskCompleted", "frame": frame, "parent": 1, "task": task, "skipped": skipped}


def faulted(task: str, catcher: int = 0, retry_at: int = 0) -> dict[str, Any]:
    return {"type": "TaskFaulted", "task": task, "catcher": catcher, "retry_at": retry_at}


def told(*events: dict[str, Any]) -> dict[str, str]:
    return {reference: task.status for reference, task in progress(events).items()}


def test_an_effect_is_queued_runs_and_is_done() -> None:
    queued = requested(1, 2, "/a", started=False)
    assert told(queued) == {"/a": "queued"}
    assert told(queued, {"type": "AttemptStarted", "task": "/a"}) == {"/a": "running"}
    assert told(queued, settled(1, "/a")) == {"/a": "done"}
    assert told(queued, {"type": "AttemptFailed", "task": "/a"}) == {"/a": "retrying"}
    assert told(queued, {"type": "EffectInDoubt", "task": "/a"}) == {"/a": "in doubt"}


def test_people_events_and_timers_are_waited_for() -> None:
    assert told(requested(1, 2, "/ask", kind="human")) == {"/ask": "waiting"}
    assert told(started(2, "/hear", kind="listen"), started(3, "/pause", kind="wait")) == {
        "/hear": "waiting",
        "/pause": "waiting",
    }


def test_a_task_that_runs_again_is_counted() -> None:
    again = [requested(1, 2, "/a"), settled(1, "/a"), requested(2, 3, "/a")]
    found = progress(again)["/a"]
    assert (found.status, found.times) == ("running", 2)


def test_a_skipped_task_is_told_apart() -> None:
    assert told(completed(0, "/a", skipped=True), completed(0, "/b")) == {"/a": "skipped", "/b": "done"}


def test_the_losers_of_a_race_were_stopped() -> None:
    race = [
        started(2, "/race", kind="fork"), requested(1, 3, "/race/a", 2), requested(2, 4, "/race/b", 2),
        settled(1, "/race/a"), completed(2, "/race"),
    ]  # fmt: skip
    assert told(*race) == {"/race": "done", "/race/a": "done", "/race/b": "stopped"}


def test_an_error_stops_what_is_below_its_catcher() -> None:
    care = [
        started(2, "/try", kind="try"), started(3, "/try/both", 2, "fork"), requested(1, 4, "/try/a", 3),
        requested(2, 5, "/try/b", 3), settled(1, "/try/a", "failed"),
        faulted("/try/a", catcher=2, retry_at=9),
    ]  # fmt: skip
    stopped = {"/try/both": "stopped", "/try/a": "failed", "/try/b": "stopped"}
    assert told(*care) == {"/try": "retrying", **stopped}
    assert told(*care, {"type": "TaskResumed", "task": "/try"}) == {"/try": "running", **stopped}


def test_the_end_of_a_run_stops_everything() -> None:
    assert told(requested(1, 2, "/a"), {"type": "RunCancelled"}) == {"/a": "stopped"}


def test_a_task_with_extensions_counts_once() -> None:
    around = [started(2, "/a", kind="extended"), requested(1, 3, "/a/extensions/x/before/0/b", 2)]
    inside = [settled(1, "/a/extensions/x/before/0/b"), requested(2, 4, "/a", 2)]
    found = progress([*around, *inside])["/a"]
    assert (found.status, found.times) == ("running", 1)
    assert told(*around, *inside, settled(2, "/a"), completed(2, "/a"))["/a"] == "done"
