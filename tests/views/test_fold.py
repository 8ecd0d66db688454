"""What records come to in the tables."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from podium.facts import events as e
from podium.facts.values import Error
from podium.views.queries import Views
from podium.views.tables import Tables
from tests.views.ledger import AT, Ledger, effects_of, run_of

LOST = Error("https://example.com/lost", 500, "the parcel was lost")


class Board(Ledger):
    """A ledger whose every batch is in the views at once."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._tables = Tables(path)
        self.views = Views(path)

    def write(self, *events: tuple[str, e.Event] | tuple[str, e.Event, e.Body | None]) -> list[e.Record]:
        records = super().write(*events)
        self._tables.take(self.shard, records)
        self._tables.write({self.shard: (self.seq, self.store.head(self.shard).hash)})
        return records

    def close(self) -> None:
        self.views.close()
        self._tables.close()


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Board]:
    board = Board(tmp_path / "views.db")
    yield board
    board.close()


def started(workflow: str = "shop/order@1.2.0", **fields: str) -> e.RunStarted:
    return e.RunStarted(workflow=workflow, digest="sha256:abc", principal="user:ada", **fields)


def asked(effect: int = 1, started: bool = True, parent: int = 1, **fields: object) -> e.EffectRequested:
    given = {"task": f"/do/{effect}/pack", "agent": "packer@2.0.0", "capability": "parcel.pack", **fields}
    return e.EffectRequested(
        **{"effect": effect, "frame": 100 + effect, "parent": parent, "started": started, **given},
        reason="only agent",
    )


def human(effect: int = 1, title: str = "Send it?", parent: int = 1) -> tuple[e.Event, e.Body]:
    event = asked(
        effect, False, parent, kind="human", agent="", capability="", given=True, task_deadline_at=AT + 60_000
    )
    return event, e.EffectRequestedBody(input={"title": title})


def settled(effect: int = 1, **fields: object) -> e.EffectSettled:
    return e.EffectSettled(effect=effect, attempt=1, task=f"/do/{effect}/pack", **fields)


def failed(effect: int = 1) -> tuple[e.Event, e.Body]:
    return settled(effect, status="failed"), e.EffectSettledBody(error=LOST)


def entered(frame: int, kind: str, parent: int = 1) -> e.TaskStarted:
    return e.TaskStarted(frame=frame, parent=parent, kind=kind)


def test_an_item_that_fails_takes_what_was_below_it_and_nothing_else(board: Board) -> None:
    board.write(
        ("a", started()), ("a", entered(2, "map")), ("a", entered(3, "do", 2)), ("a", asked(1, parent=3)),
        ("a", asked(2, parent=2)), ("a", asked(3, parent=2)), ("a", *failed(2)),
    )  # fmt: skip
    board.write(
        ("a", e.ItemFailed(frame=2, child=3, slot=0)), ("a", e.ItemFailed(frame=2, child=103, slot=2))
    )
    assert [effect.status for effect in effects_of(board.views, "a")] == ["cancelled", "failed", "cancelled"]
    board.write(("a", e.RunFaulted(task="/do/2/pack")))
    (escalation,) = board.views.escalations()
    assert escalation.kind == "faulted"


def test_a_run_and_its_effect_are_one_row_each(board: Board) -> None:
    labels = e.RunStartedBody(labels={"team": "north"})
    board.write(("a", started(key="order-7"), labels), ("a", asked()))
    board.later(5)
    board.write(("a", settled(cost_nano=7)), ("a", e.RunCompleted()))
    run = run_of(board.views, "a")
    assert (run.workflow, run.version, run.digest) == ("shop/order", "1.2.0", "sha256:abc")
    assert (run.status, run.principal, run.key, run.labels) == (
        "completed", "user:ada", "order-7", {"team": "north"},
    )  # fmt: skip
    assert (run.started_at, run.ended_at, run.updated_at) == (AT, AT + 5, AT + 5)
    assert (run.effects_open, run.effects_done, run.cost_nano, run.last_seq) == (0, 1, 7, board.seq)
    [effect] = effects_of(board.views, "a")
    assert (effect.kind, effect.agent, effect.capability) == ("agent", "packer@2.0.0", "parcel.pack")
    assert (effect.status, effect.attempt, effect.cost_nano) == ("succeeded", 1, 7)
    assert (effect.requested_at, effect.settled_at) == (AT, AT + 5)
    assert (effect.reason, effect.verdict, effect.error_title) == ("only agent", "allow", "")


def test_an_effect_goes_through_its_states(board: Board) -> None:
    def state() -> tuple[str, int, str]:
        [effect] = effects_of(board.views, "a")
        return effect.status, effect.attempt, effect.error_title

    board.write(("a", started()), ("a", asked(started=False)))
    assert state() == ("queued", 0, "")
    board.write(("a", e.AttemptStarted(effect=1, attempt=1)))
    assert state() == ("running", 1, "")
    board.write(("a", e.AttemptFailed(effect=1, attempt=1), e.AttemptFailedBody(error=LOST)))
    assert state() == ("backoff", 1, "the parcel was lost")
    board.write(("a", e.AttemptStarted(effect=1, attempt=2)))
    assert state() == ("running", 2, "the parcel was lost")
    board.write(("a", settled()))
    assert state() == ("succeeded", 2, "the parcel was lost")


@pytest.mark.parametrize("pause", ["human", "wait", "listen", "backoff", "retry"])
def test_a_run_that_only_waits_is_waiting(board: Board, pause: str) -> None:
    board.write(("a", started()), ("a", asked()))
    assert run_of(board.views, "a").status == "running"
    if pause == "human":
        board.write(("a", settled()), ("a", *human(2)))
    elif pause == "backoff":
        board.write(("a", e.AttemptFailed(effect=1, attempt=1, retry_at=AT + 9)))
    elif pause == "retry":
        board.write(
            ("a", entered(2, "try")), ("a", settled()), ("a", e.TaskFaulted(catcher=2, retry_at=AT + 9))
        )
    else:
        board.write(("a", settled()), ("a", entered(2, pause)))
    assert run_of(board.views, "a").status == "waiting"
    board.write(("a", asked(3)))
    assert run_of(board.views, "a").status == "running"


def test_what_a_run_waited_for_is_over(board: Board) -> None:
    board.write(("a", started()), ("a", entered(2, "wait")), ("b", started()), ("b", entered(2, "try")))
    board.write(("b", e.TaskFaulted(catcher=2, retry_at=AT + 9)))
    assert [run_of(board.views, of).status for of in "ab"] == ["waiting", "waiting"]
    board.write(("a", e.TaskCompleted(frame=2, parent=1)), ("b", e.TaskResumed(frame=2)))
    assert [run_of(board.views, of).status for of in "ab"] == ["running", "running"]


def test_suspended_and_resumed(board: Board) -> None:
    board.write(("a", started()), ("a", *human()), ("a", e.RunSuspended()))
    assert run_of(board.views, "a").status == "suspended"
    board.write(("a", e.RunResumed()))
    assert run_of(board.views, "a").status == "waiting"


# --- who has to act ---------------------------------------------------------------------------------


def test_an_approval_waits_until_it_is_answered(board: Board) -> None:
    board.write(("a", started()), ("a", *human()))
    [approval] = board.views.approvals()
    assert (approval.run_id, approval.effect, approval.title) == (
        run_of(board.views, "a").run_id,
        1,
        "Send it?",
    )
    assert (approval.workflow, approval.since, approval.deadline_at) == ("shop/order", AT, AT + 60_000)
    assert board.views.overview().approvals == 1
    board.write(("a", settled(principal="user:bob")))
    assert board.views.approvals() == [] and board.views.overview().approvals == 0


def test_an_approval_ends_with_its_run(board: Board) -> None:
    board.write(("a", started()), ("a", *human()))
    board.write(("a", e.RunCancelled()))
    assert board.views.approvals() == [] and board.views.overview().approvals == 0
    assert [effect.status for effect in effects_of(board.views, "a")] == ["cancelled"]


def test_an_approval_ends_with_the_scope_that_timed_out(board: Board) -> None:
    board.write(
        ("a", started()), ("a", entered(2, "try")), ("a", entered(3, "do", 2)), ("a", *human(parent=3))
    )
    board.write(("a", *human(2, "Another?")))
    board.write(("a", e.TaskFaulted(frame=3, parent=2, catcher=2)))
    assert [approval.effect for approval in board.views.approvals()] == [2]
    assert [effect.status for effect in effects_of(board.views, "a")] == ["cancelled", "waiting"]


def test_the_branches_that_lost_a_race_are_cancelled(board: Board) -> None:
    board.write(
        ("a", started()), ("a", entered(2, "fork")), ("a", entered(3, "do", 2)), ("a", asked(1, parent=3)),
        ("a", asked(2, parent=2)),
    )  # fmt: skip
    board.write(("a", settled(2)), ("a", e.TaskCompleted(frame=2, parent=1)))
    assert [effect.status for effect in effects_of(board.views, "a")] == ["cancelled", "succeeded"]
    assert run_of(board.views, "a").effects_open == 0


def test_an_effect_in_doubt_is_escalated_until_it_is_resolved(board: Board) -> None:
    board.write(("a", started()), ("a", asked()))
    board.write(("a", e.EffectInDoubt(effect=1, attempt=1, task="/do/1/pack", reason="its hub died")))
    [escalation] = board.views.escalations()
    assert (escalation.kind, escalation.effect, escalation.task) == ("in_doubt", 1, "/do/1/pack")
    assert (escalation.reason, escalation.since) == ("its hub died", AT)
    assert run_of(board.views, "a").status == "waiting"
    board.write(("a", e.EffectResolved(effect=1, verdict="retry")))
    assert board.views.escalations() == [] and board.views.overview().escalations == 0
    assert [effect.status for effect in effects_of(board.views, "a")] == ["queued"]


def test_a_failure_that_nobody_caught_is_escalated_as_exhausted(board: Board) -> None:
    board.write(("a", started()), ("a", asked()), ("a", *failed()))
    board.write(("a", e.RunFaulted(task="/do/1/pack"), e.RunFaultedBody(LOST)))
    [escalation] = board.views.escalations()
    assert (escalation.kind, escalation.effect, escalation.reason) == ("exhausted", 1, "the parcel was lost")
    assert run_of(board.views, "a").error_title == "the parcel was lost"
    assert effects_of(board.views, "a")[0].error_title == "the parcel was lost"


def test_a_failure_that_was_caught_is_nobodys_business(board: Board) -> None:
    board.write(("a", started()), ("a", entered(2, "try")), ("a", asked(parent=2)), ("a", *failed()))
    board.write(("a", e.TaskFaulted(frame=101, parent=2, catcher=2, task="/do/1/pack")))
    assert board.views.escalations() == []
    board.write(("a", e.RunFaulted(task="/do/1/pack"), e.RunFaultedBody(Error("about:blank", 500))))
    [escalation] = board.views.escalations()
    assert (escalation.kind, escalation.effect, escalation.reason) == ("faulted", 0, "about:blank")


# --- what adds up -----------------------------------------------------------------------------------


def test_the_overview_counts_every_run_once(board: Board) -> None:
    board.write(*((of, started()) for of in "abcd"))
    board.write(("a", *human()), ("b", e.RunSuspended()), ("c", e.RunCompleted()), ("d", asked()))
    assert board.views.overview().runs == {
        "queued": 0, "running": 1, "waiting": 1, "suspended": 1, "completed": 1, "faulted": 0, "cancelled": 0,
    }  # fmt: skip


def test_spend_is_booked_by_day_and_agent(board: Board) -> None:
    board.write(("a", started()), ("a", asked(1)), ("a", asked(2, started=False)), ("a", *human(3)))
    board.write(("a", e.AttemptFailed(effect=1, attempt=1, cost_nano=3)))
    board.later(86_400_000)
    board.write(("a", e.AttemptStarted(effect=1, attempt=2)), ("a", settled(1, cost_nano=4)))
    board.write(("a", asked(4, kind="http", agent="", capability="")), ("a", settled(4)), ("a", settled(3)))
    spend = [(of.day, of.agent, of.calls, of.cost_nano) for of in board.views.spend(2, date(2023, 11, 15))]
    assert spend == [
        ("2023-11-15", "http", 1, 0),
        ("2023-11-15", "packer@2.0.0", 1, 4),
        ("2023-11-14", "packer@2.0.0", 1, 3),
    ]
    assert [of.day for of in board.views.spend(1, date(2023, 11, 15))] == ["2023-11-15", "2023-11-15"]
    assert run_of(board.views, "a").cost_nano == 7


def test_the_last_version_applied_is_the_current_one(board: Board) -> None:
    def applied(version: str) -> tuple[str, e.Event, e.Body]:
        event = e.ResourceApplied(
            kind="Agent", name="packer", version=version, digest=version, principal="user:ada"
        )
        spec = {"capabilities": [{"name": "parcel.pack"}], "description": "Packs."}
        return "", event, e.ResourceBody(spec)

    workflow = e.ResourceApplied(kind="Workflow", name="shop/order", version="1.2.0")
    document = {"document": {"document": {"summary": "Sends what was bought."}}}
    board.write(applied("1.0.0"), applied("2.0.0"), ("", workflow, e.ResourceBody(document)))
    board.write(applied("1.1.0"))
    [agent] = board.views.agents()
    assert (agent.name, agent.version, agent.capabilities) == ("packer", "1.1.0", ["parcel.pack"])
    assert (agent.description, agent.applied_at, agent.principal) == ("Packs.", AT, "user:ada")
    versions = board.views.agents(every_version=True)
    assert [(of.version, of.current) for of in versions] == [
        ("1.0.0", False),
        ("1.1.0", True),
        ("2.0.0", False),
    ]
    [declared] = board.views.workflows()
    assert (declared.name, declared.description) == ("shop/order", "Sends what was bought.")


def test_a_late_reply_moves_the_run_and_nothing_else(board: Board) -> None:
    board.write(("a", started()), ("a", asked()), ("a", e.RunCancelled()))
    before = effects_of(board.views, "a")
    board.write(("a", e.StaleReply(effect=1, token=2)))
    run = run_of(board.views, "a")
    assert (run.status, run.last_seq) == ("cancelled", board.seq)
    assert effects_of(board.views, "a") == before


def test_erased_bodies_leave_blanks(board: Board) -> None:
    board.write(("", e.ResourceApplied(kind="Agent", name="packer", version="1.0.0")))
    board.write(("a", started()), ("a", human()[0]))
    board.write(("b", started()), ("b", asked()), ("b", failed()[0]), ("b", e.RunFaulted(task="/do/1/pack")))
    board.write(("c", started()), ("c", asked()), ("c", e.AttemptFailed(effect=1, attempt=1)))
    assert [agent.capabilities for agent in board.views.agents()] == [[]]
    assert [approval.title for approval in board.views.approvals()] == [""]
    assert [escalation.reason for escalation in board.views.escalations()] == [""]
    assert run_of(board.views, "a").labels == {} and run_of(board.views, "b").error_title == ""
    assert effects_of(board.views, "c")[0].status == "backoff"


def below(effect: int, asker: int, **fields: object) -> e.EffectRequested:
    """Something that an attempt of another effect asks for."""
    return asked(effect, asker=asker, **{"frame": 101, "number": effect, "asked": "tool weigh", **fields})


def test_what_an_attempt_asked_for_ends_with_it(board: Board) -> None:
    board.write(
        ("r", started()), ("r", asked(1)), ("r", below(2, 1)), ("r", below(3, 2)), ("r", below(4, 1)),
        ("r", settled(4)), ("r", settled(1)),
    )  # fmt: skip
    found = {effect.effect: (effect.status, effect.asker) for effect in effects_of(board.views, "r")}
    assert found == {1: ("succeeded", 0), 2: ("cancelled", 1), 3: ("cancelled", 2), 4: ("succeeded", 1)}


def test_what_an_attempt_asked_for_is_torn_down_with_its_task(board: Board) -> None:
    board.write(
        ("r", started()), ("r", e.TaskStarted(frame=2, parent=1, kind="try")),
        ("r", asked(1, parent=2)), ("r", below(2, 1, parent=2)),
    )  # fmt: skip
    board.write(("r", e.TaskFaulted(frame=101, parent=2, task="/do/1/pack", catcher=2)))
    assert [effect.status for effect in effects_of(board.views, "r")] == ["cancelled", "cancelled"]


def test_a_failure_that_an_attempt_was_told_is_nobody_elses(board: Board) -> None:
    """Nothing waits for an operator because of it."""
    board.write(("r", started()), ("r", asked(1)), ("r", below(2, 1)), ("r", *failed(2)))
    board.write(("r", settled(1)), ("r", e.RunCompleted()))
    assert board.views.escalations() == []


def test_attempts_that_are_parked_and_results_that_are_left_over_show(board: Board) -> None:
    board.write(("r", started()), ("r", asked(1)), ("r", below(2, 1)))
    board.write(("r", e.AttemptParked(effect=1, attempt=1)))
    assert effects_of(board.views, "r")[0].status == "parked"
    board.write(("r", settled(2)), ("r", e.AttemptStarted(effect=1, attempt=2)))
    board.write(("r", e.ResultsUnclaimed(effect=1, attempt=2, calls=(2,), then="ask", cost_nano=5)))
    assert (effects_of(board.views, "r")[0].status, run_of(board.views, "r").cost_nano) == ("diverged", 5)
