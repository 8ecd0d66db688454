"""Schedules: runs that begin when they are due, each due time once, whatever happens to the hub."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from podium.facts import events as e
from podium.facts import inputs as i
from podium.facts.catalog import Declared
from podium.facts.identity import digest_of, run_id_of
from podium.facts.values import Accepted, Refused, Reply
from podium.kernel.state import Run
from tests.kernel.conversation import START, Conversation, agent, workflow

HOUR = 3_600_000
DAY = 24 * HOUR

WAIT = [{"a": {"wait": "PT30M"}}]


def schedule(when: Any = None, name: str = "often", **terms: Any) -> Declared:
    spec = {
        "name": name, "version": "1.0.0", "workflow": "test/job", "when": when or {"every": {"hours": 1}},
        **terms,
    }  # fmt: skip
    return Declared("Schedule", name, "1.0.0", digest_of(spec), spec)


def tell_catalog(talk: Conversation) -> None:
    talk.tell(i.CatalogChanged(revision=talk.catalog.revision, digest=talk.catalog.digest))


def talk_of(*declared: Declared, do: Any = WAIT, **parts: Any) -> Conversation:
    talk = Conversation(agents=(agent("once"), workflow(do, name="job", **parts), *declared))
    tell_catalog(talk)
    return talk


def runs(talk: Conversation) -> list[Run]:
    return sorted(talk.shard.runs.values(), key=lambda run: run.started_at)


def begun(talk: Conversation) -> list[int]:
    """When runs began, in ms since the conversation did."""
    return [record.at - START for record in talk.log if isinstance(record.event, e.RunStarted)]


def inputs(talk: Conversation) -> list[Any]:
    return [record.body.input for record in talk.log if isinstance(record.body, e.RunStartedBody)]


def passed(talk: Conversation) -> list[tuple[str, int]]:
    return [(event.reason, event.count) for event in talk.events(e.SchedulePassed)]


def trigger(talk: Conversation, name: str = "often", key: str = "now") -> Reply | None:
    return talk.tell(i.TriggerSchedule(schedule=name, run_id=run_id_of("test", key), principal="user:ann"))


def test_a_run_begins_with_every_step() -> None:
    talk = talk_of(schedule(input={"due": "${ .due }", "of": "${ .schedule }"}))
    talk.wait(3 * HOUR + 1)
    assert begun(talk) == [HOUR, 2 * HOUR, 3 * HOUR]
    first = runs(talk)[0]
    assert inputs(talk)[0] == {"due": "2025-06-15T16:06:40.000Z", "of": "often"}
    assert (first.principal, first.labels) == ("schedule:often", {"podium.dev/schedule": "often"})
    assert first.id == run_id_of("schedule often", "2025-06-15T16:06:40.000Z")
    assert [event.due_at for event in talk.events(e.ScheduleFired)] == [START + n * HOUR for n in (1, 2, 3)]


def test_what_is_due_is_dealt_with_once_wherever_the_hub_dies() -> None:
    whole = talk_of(schedule(overlap="queue"))
    whole.wait(4 * HOUR + 1)
    expected = [run.id for run in runs(whole)]
    assert len(expected) == 4
    for records in sorted(set(whole.commits)):
        talk = talk_of(schedule(overlap="queue"))
        talk.wait(4 * HOUR + 1)
        talk.rewind(records)
        tell_catalog(talk)
        talk.wait(START + 4 * HOUR + 1 - talk.now)
        assert [run.id for run in runs(talk)] == expected, records


@pytest.mark.parametrize(
    ("missed", "more", "at", "passes"),
    [
        ("latest", {}, [10 * HOUR], [("missed", 4)]),
        ("skip", {}, [], [("missed", 5)]),
        ("all", {}, [10 * HOUR] * 5, []),
        ("all", {"missed_max": 2}, [10 * HOUR] * 2, [("missed", 3)]),
    ],
)
def test_what_was_missed_becomes_what_is_declared(
    missed: str, more: dict[str, int], at: list[int], passes: list[tuple[str, int]]
) -> None:
    talk = talk_of(schedule(missed=missed, **more))
    talk.wait(5 * HOUR + 1)
    before = len(begun(talk))
    talk.now = START + 10 * HOUR + 120_000
    talk.crash()
    talk.tell(i.Tick())
    later = [(ms - 120_000) for ms in begun(talk)[before:]]
    assert (later, passed(talk)) == (at, passes)
    causes = [event.cause for event in talk.events(e.ScheduleFired)]
    assert causes == ["due"] * 5 + ["missed"] * len(at)
    talk.wait(HOUR)
    assert begun(talk)[-1] == 11 * HOUR


def test_a_short_delay_misses_nothing() -> None:
    talk = talk_of(schedule({"every": {"seconds": 10}}, missed="skip"))
    talk.now = START + 30_500
    talk.tell(i.Tick())
    assert len(begun(talk)) == 3 and not passed(talk)


@pytest.mark.parametrize(
    ("overlap", "statuses", "passes"),
    [
        ("allow", ["running", "running", "running"], []),
        ("skip", ["running"], [("overlap", 1), ("overlap", 1)]),
        ("queue", ["running", "queued", "queued"], []),
        ("cancelPrevious", ["cancelled", "cancelled", "running"], []),
    ],
)
def test_a_run_that_is_not_over_is_dealt_with_as_declared(
    overlap: str, statuses: list[str], passes: list[tuple[str, int]]
) -> None:
    talk = talk_of(schedule(overlap=overlap), do=[{"a": {"wait": "P1D"}}])
    talk.wait(3 * HOUR + 1)
    assert [run.status for run in runs(talk)] == statuses
    assert passed(talk) == passes
    talk.crash()
    talk.wait(4 * DAY)
    assert {run.status for run in runs(talk)[: len(statuses)]} <= {"completed", "cancelled", "running"}


def test_a_place_is_taken_after_a_crash_before_the_former_was_cancelled() -> None:
    talk = talk_of(schedule(overlap="cancelPrevious"), do=[{"a": {"wait": "P1D"}}])
    talk.wait(HOUR + 1)
    talk.holds = True
    talk.wait(HOUR)
    assert [run.status for run in runs(talk)] == ["running", "queued"]
    talk.holds = False
    talk.crash()
    assert [run.status for run in runs(talk)] == ["cancelled", "running"]


def test_the_workflows_own_exclusion_holds() -> None:
    made = workflow(WAIT, name="job")
    made.spec["document"]["document"]["metadata"] = {
        "concurrency": {"key": "${ .of }", "onConflict": "reject"}
    }
    talk = Conversation(agents=(made, schedule({"every": {"minutes": 10}}, input={"of": "x"})))
    tell_catalog(talk)
    talk.wait(30 * 60_000 + 1)
    assert begun(talk) == [600_000] and passed(talk) == [("overlap", 1)] * 2


def test_after_counts_from_the_end_of_the_last_run() -> None:
    talk = talk_of(schedule({"after": {"hours": 1}}))
    talk.wait(5 * HOUR)
    assert begun(talk) == [HOUR, 2.5 * HOUR, 4 * HOUR]
    talk.crash()
    talk.wait(HOUR)
    assert begun(talk)[3:] == [5.5 * HOUR]


def test_pausing_begins_nothing_and_makes_up_for_nothing() -> None:
    talk = talk_of(schedule(missed="all"))
    talk.wait(HOUR + 1)
    reply = talk.tell(i.PauseSchedule(schedule="often", principal="user:ann", why="holidays"))
    assert isinstance(reply, Accepted) and reply.detail == "paused"
    talk.wait(5 * HOUR)
    talk.crash()
    known = talk.shard.schedules["often"]
    assert len(begun(talk)) == 1 and (known.paused_by, known.why) == ("user:ann", "holidays")
    talk.tell(i.ResumeSchedule(schedule="often", principal="user:ann"))
    talk.wait(HOUR)
    assert begun(talk) == [HOUR, 7 * HOUR] and not passed(talk)


def test_triggering_begins_one_for_each_key_and_leaves_the_clock_alone() -> None:
    talk = talk_of(schedule())
    talk.wait(HOUR // 2)
    first, again = trigger(talk), trigger(talk)
    assert isinstance(first, Accepted) and first.created
    assert isinstance(again, Accepted) and not again.created and again.run_id == first.run_id
    talk.wait(HOUR // 2 + 1)
    assert begun(talk) == [HOUR // 2, HOUR]
    assert [run.principal for run in runs(talk)] == ["user:ann", "schedule:often"]
    refused = trigger(talk, "unknown")
    assert isinstance(refused, Refused) and "podium get schedules" in refused.problems[0].message


def test_triggering_obeys_overlap() -> None:
    talk = talk_of(schedule(overlap="skip"))
    talk.wait(HOUR + 1)
    reply = trigger(talk)
    assert isinstance(reply, Refused) and "is not over" in reply.problems[0].message


def test_declaring_it_anew_neither_repeats_nor_forgets() -> None:
    talk = talk_of(schedule())
    talk.wait(HOUR + 1)
    talk.apply(schedule(description="the same steps"))
    tell_catalog(talk)
    talk.wait(HOUR)
    assert begun(talk) == [HOUR, 2 * HOUR]
    talk.apply(schedule({"cron": "0 * * * *"}))
    tell_catalog(talk)
    made = talk.catalog.declare(i.Delete(kind="Schedule", name="often"), dict)
    assert not isinstance(made, Refused)
    for event, body in made.changes:
        talk.catalog.fold(e.Record(talk.catalog.seq + 1, "", talk.now, event, body))
    tell_catalog(talk)
    talk.wait(5 * HOUR)
    assert len(begun(talk)) == 2
    assert isinstance(trigger(talk), Refused)
    talk.apply(schedule())
    tell_catalog(talk)
    talk.wait(HOUR)
    assert len(begun(talk)) == 3


def test_what_cannot_begin_is_recorded_with_the_reason() -> None:
    talk = talk_of(schedule(input={"n": "${ .events[0] }"}), input={
        "schema": {"document": {"type": "object", "properties": {"n": {"type": "integer"}}}}
    })  # fmt: skip
    talk.wait(HOUR + 1)
    assert passed(talk) == [("refused", 1)] and not begun(talk)
    assert "does not keep the schema" in talk.shard.schedules["often"].trouble
    assert talk.shard.schedules["often"].next_at == START + 2 * HOUR


def local(*parts: int, zone: str = "Europe/Berlin", fold: int = 0) -> int:
    there = datetime(*parts, tzinfo=ZoneInfo(zone), fold=fold)  # type: ignore[arg-type]
    return int(there.timestamp() * 1000)


def cron_times(text: str, since: int, count: int, zone: str = "Europe/Berlin") -> list[int]:
    talk = Conversation(agents=(workflow([{"a": {"set": {"x": 1}}}], name="job"), schedule(
        {"cron": text}, zone=zone
    )))  # fmt: skip
    talk.checks = False
    talk.now = since
    tell_catalog(talk)
    while len(talk.events(e.ScheduleFired)) < count:
        talk.now = talk.shard.schedules["often"].next_at
        talk.tell(i.Tick())
    return [event.due_at for event in talk.events(e.ScheduleFired)]


def test_clocks_that_are_put_forward_make_a_skipped_time_later() -> None:
    found = cron_times("30 2 * * *", local(2026, 3, 28, 12), 2)
    assert found == [local(2026, 3, 29, 3, 30), local(2026, 3, 30, 2, 30)]


def test_clocks_that_are_put_back_show_a_fixed_time_twice_and_it_counts_once() -> None:
    found = cron_times("30 2 * * *", local(2026, 10, 24, 12), 2)
    assert found == [local(2026, 10, 25, 2, 30), local(2026, 10, 26, 2, 30)]


def test_by_the_hour_every_hour_that_passes_counts() -> None:
    found = cron_times("15 * * * *", local(2026, 10, 25, 1), 4)
    assert found == [
        local(2026, 10, 25, 1, 15), local(2026, 10, 25, 2, 15), local(2026, 10, 25, 2, 15, fold=1),
        local(2026, 10, 25, 3, 15),
    ]  # fmt: skip
    found = cron_times("15 * * * *", local(2026, 3, 29, 1), 2)
    assert found == [local(2026, 3, 29, 1, 15), local(2026, 3, 29, 3, 15)]


def test_days_of_month_and_week_add_up_where_both_are_given() -> None:
    found = cron_times("0 9 13 * FRI", local(2026, 2, 1), 6)
    assert [datetime.fromtimestamp(at / 1000, ZoneInfo("Europe/Berlin")).day for at in found] == [
        6, 13, 20, 27, 6, 13,
    ]  # fmt: skip
    assert cron_times("0 0 29 2 *", local(2026, 3, 1), 1) == [local(2028, 2, 29)]
    assert cron_times("0 12 * * *", local(2026, 3, 1), 1, "Asia/Kolkata") == [
        local(2026, 3, 1, 12, zone="Asia/Kolkata")
    ]


def test_years_that_were_missed_cost_nothing() -> None:
    talk = talk_of(schedule({"cron": "* * * * *"}, missed="all", missed_max=3))
    talk.now = START + 400 * DAY + 5_000
    talk.tell(i.Tick())
    due = [event.due_at for event in talk.events(e.ScheduleFired)]
    minute = (talk.now // 60_000) * 60_000
    assert due == [minute - 120_000, minute - 60_000, minute]
    assert passed(talk) == [("missed", 0)]
    assert talk.events(e.SchedulePassed)[0].due_at == minute - 180_000


def test_a_workflow_has_a_schedule_of_its_own() -> None:
    own = workflow(WAIT, name="job", schedule={"every": "PT1H"})
    own.spec["document"]["document"]["metadata"] = {
        "schedule": {"overlap": "skip", "input": {"at": "${ .dueAt }"}}
    }
    talk = Conversation(agents=(own,))
    tell_catalog(talk)
    talk.wait(2 * HOUR + 1)
    assert begun(talk) == [HOUR, 2 * HOUR]
    assert inputs(talk)[0] == {"at": START + HOUR}
    assert list(talk.shard.schedules) == ["test/job"]
    talk.apply(workflow(WAIT, name="job", version="2.0.0"))
    tell_catalog(talk)
    talk.wait(3 * HOUR)
    assert len(begun(talk)) == 2


def test_one_event_begins_one_run_however_often_it_is_sent() -> None:
    when = {"on": {"one": {"with": {"type": "paid", "data": "${ .amount > 10 }"}}}}
    talk = talk_of(schedule(when))
    for amount, number in ((5, "1"), (50, "2"), (50, "2"), (60, "3")):
        talk.send("paid", {"amount": amount}, run_id="", id=number)
    assert inputs(talk) == [[{"amount": 50}], [{"amount": 60}]]
    talk.crash()
    talk.send("paid", {"amount": 60}, run_id="", id="3")
    assert len(runs(talk)) == 2


def test_several_events_that_belong_together_begin_one_run() -> None:
    correlate = {"order": {"from": "${ .data.order }"}}
    when = {
        "on": {"all": [{"with": {"type": kind}, "correlate": correlate} for kind in ("paid", "packed")]},
        "read": "envelope",
    }
    talk = talk_of(schedule(when))
    for number, (kind, order) in enumerate([("paid", 1), ("paid", 2), ("packed", 2), ("packed", 1)]):
        talk.send(kind, {"order": order}, run_id="", id=str(number))
        if number == 1:
            assert len(talk.shard.schedules["often"].gathered) == 2
            talk.crash()
    found = [[(event["type"], event["data"]["order"]) for event in one] for one in inputs(talk)]
    assert found == [[("paid", 2), ("packed", 2)], [("paid", 1), ("packed", 1)]]
    assert talk.shard.schedules["often"].gathered == []


def test_runs_that_summon_each_other_come_to_an_end() -> None:
    emit = [{"again": {"emit": {"event": {"with": {"type": "again", "source": "/test"}}}}}]
    talk = talk_of(schedule({"on": {"one": {"with": {"type": "again"}}}}), do=emit)
    talk.checks = False
    talk.send("again", run_id="")
    assert len(runs(talk)) == 101
    assert passed(talk) == [("refused", 1)]


def test_labels_of_data_go_along() -> None:
    emit = [{"tell": {"emit": {"event": {"with": {"type": "found", "source": "/test"}}}}}]
    talk = talk_of(schedule({"on": {"one": {"with": {"type": "found"}}}}))
    talk.apply(workflow(emit, name="sender"))
    talk.submit(workflow="sender", labels={"data": "pii"})
    begun_run = next(run for run in talk.shard.runs.values() if run.principal.startswith("schedule:"))
    assert begun_run.data_labels == ("pii",)
    assert begun_run.tree == talk.run_id


@pytest.mark.parametrize(
    ("part", "rule"),
    [
        ({"when": {"cron": "61 * * * *"}}, "cron"),
        ({"when": {"every": "PT0.1S"}}, "duration"),
        ({"when": {"every": "PT1H", "after": "PT1H"}}, "wrong-value"),
        ({"when": {"cron": "@daily"}, "zone": "Mars/Base"}, "unknown-zone"),
        ({"input": {"a": "${ [.events[] | .x] | add }"}}, "configuration"),
    ],
)
def test_what_can_never_be_gone_by_is_refused(part: dict[str, Any], rule: str) -> None:
    talk = talk_of()
    spec = {"name": "bad", "version": "1.0.0", "workflow": "test/job", "when": {"every": "PT1H"}, **part}
    told = i.Apply(resources=(Declared("Schedule", "bad", "1.0.0", digest_of(spec), spec),))
    made = talk.catalog.declare(told, dict)
    assert isinstance(made, Refused) and made.problems[0].rule == rule, made
