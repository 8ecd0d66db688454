"""The people of a world: clients that submit and insist, and operators that answer, resolve and meddle."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any, Literal

import msgspec

from podium.facts import inputs as i
from podium.facts.identity import run_id_of
from podium.facts.recovery import BREAKER_CLOSED
from podium.facts.sharing import PRIORITIES, TENANT_LABEL
from podium.facts.suspension import EVERYTHING
from podium.facts.values import Accepted, Reply
from podium.kernel.state import Effect, Run
from podium.sim.governed import POLICY
from podium.sim.mending import MENDED, MENDERS
from podium.sim.promises import resubmitted
from podium.sim.stage import Stage
from podium.sim.succession import Succession
from podium.sim.timetable import Timetable
from podium.sim.violation import hold
from podium.sim.workload import AGENTS, BUSY, LATER, LEADERS, TOOLS, WORKFLOWS

VERDICTS: tuple[Literal["succeeded", "failed", "retry"], ...] = ("succeeded", "failed", "retry")

MEDDLES = (i.CancelRun, i.SuspendRun, i.SuspendRun, i.SuspendRun)

DELETED = ("sim/patient", "sim/retry", "sim/race")
"""What may be deleted for a while: no other workflow runs it."""

PERSONS = ("ada", "charles", "mary")
"""Whom runs are about."""

HOLDS = 0.06
"""How likely somebody who looks around suspends something, in a world where people meddle."""

HOLDABLE = tuple(sorted({one.name for one in (*AGENTS, *TOOLS, *LEADERS)}))

PATIENCE_MS = 10_000
"""After so long without a reply a client asks again."""


class People:
    """Everybody who uses the hubs.

    Attributes:
        unaccepted: idempotency key to what no hub has accepted yet.
    """

    def __init__(self, stage: Stage, hubs: Succession) -> None:
        self._stage, self._hubs = stage, hubs
        self.unaccepted: dict[str, i.SubmitRun] = {}
        self._submitted: dict[str, i.SubmitRun] = {}
        self._erased: set[str] = set()
        self._count = 0
        self.timetable = Timetable(stage, self._apply, self._tell)

    def begin(self) -> None:
        """Plan what happens when."""
        stage = self._stage
        troubled_ms = stage.conditions.troubled_ms
        for number in stage.conditions.runs:
            random = stage.chance[f"run {number}"]
            told = _submission(number, random)
            if stage.chance[f"subject {number}"].random() < stage.conditions.subjects:
                told = msgspec.structs.replace(told, subject=PERSONS[number % len(PERSONS)])
            stage.at(random.randrange(stage.conditions.within_ms), partial(self.submit, told))
            if random.random() < 0.4:
                again = told if random.random() < 0.5 else msgspec.structs.replace(told, input={"number": -1})
                stage.at(random.randrange(troubled_ms), partial(self._again, again))
        stage.at(stage.chance["later"].randrange(5_000, 60_000), lambda: self._apply(LATER))
        stage.at(stage.chance["delete"].randrange(2_000, troubled_ms), self._delete)
        for name in PERSONS:
            stage.at(stage.chance[f"erase {name}"].randrange(5_000, troubled_ms), partial(self._erase, name))
        self.timetable.begin()
        self._look_after()

    def introduce(self) -> None:
        """Tell a new hub what is declared."""
        self._apply((POLICY, *AGENTS, *TOOLS, *LEADERS, *MENDERS, *WORKFLOWS, BUSY))

    @property
    def content(self) -> bool:
        """Whether all that they wanted to submit was accepted."""
        submitted = len(self._submitted) == len(self._stage.conditions.runs)
        held = self._stage.ledger.replica.suspended
        return submitted and not self.unaccepted and self.timetable.over and not held

    def submit(self, told: i.SubmitRun) -> None:
        """Ask until it is accepted, as a careful client does."""
        self.unaccepted[told.key] = self._submitted[told.key] = told

        def answered(reply: Reply) -> None:
            if isinstance(reply, Accepted):
                self.unaccepted.pop(told.key, None)

        def insist() -> None:
            if told.key in self.unaccepted:
                self.submit(told)

        self._tell(told, answered)
        patience_ms = self._stage.chance[told.key].choice((1_000, PATIENCE_MS))
        self._stage.after(patience_ms, insist)

    def ask_again(self) -> None:
        """Submit everything once more, the same and not the same."""
        for told in self._submitted.values():
            self._again(told)
            self._again(msgspec.structs.replace(told, input={"number": -1}))

    def _again(self, again: i.SubmitRun) -> None:
        first = self._submitted.get(again.key)
        if first is not None and first.run_id in self._stage.ledger.replica.runs:

            def answered(reply: Reply) -> None:
                # Nobody knows any more what a run got that is about somebody who was erased.
                if not first.subject or first.subject not in self._erased:
                    resubmitted(again, first, reply)

            self._tell(again, answered)

    def _apply(self, resources: Any) -> None:
        """Declare until it is accepted. New versions may come before any hub knows the old ones."""
        done = False

        def answered(reply: Reply) -> None:
            nonlocal done
            done = isinstance(reply, Accepted)
            rules = [] if isinstance(reply, Accepted) else [problem.rule for problem in reply.problems]
            hold(
                not set(rules) - {"storage-full", "missing-agent"}, "I1", f"declarations are refused: {reply}"
            )

        def insist() -> None:
            if not done:
                self._apply(resources)

        self._tell(i.Apply(resources=resources), answered)
        self._stage.after(PATIENCE_MS, insist)

    def _delete(self) -> None:
        """Delete a workflow, whether or not runs are pinned to it, and think better of it soon."""
        random = self._stage.chance["delete"]
        gone = random.choice([one for one in WORKFLOWS if one.name in DELETED])
        force = random.random() < 0.7

        def answered(reply: Reply) -> None:
            rules = [] if isinstance(reply, Accepted) else [problem.rule for problem in reply.problems]
            allowed = {"storage-full", "unknown-workflow"} | (set() if force else {"in-use"})
            hold(not set(rules) - allowed, "I1", f"{gone.name} is not deleted: {reply}")

        why = "nobody wants it" if force else ""
        self._tell(i.Delete(kind="Workflow", name=gone.name, force=force, why=why), answered)
        self._stage.after(random.randrange(500, 5_000), lambda: self._apply((gone,)))

    def _erase(self, name: str) -> None:
        """Have somebody erased, if any run was about them."""
        key = self._stage.disk.keys.begin_erasing(name)
        if key:
            self._erased.add(name)
            self._go_on_erasing(key)

    def _go_on_erasing(self, key: str) -> None:
        stage, keys = self._stage, self._stage.disk.keys
        if keys.cipher(key) is None:
            return

        def answered(reply: Reply) -> None:
            if isinstance(reply, Accepted):
                stage.after(1, partial(keys.destroy, key))

        self._tell(i.EraseSubject(subject=key, why="it was asked for"), answered)
        stage.after(PATIENCE_MS, partial(self._go_on_erasing, key))

    # --- operators -----------------------------------------------------------------------------------

    def _look_after(self) -> None:
        stage = self._stage
        if stage.over:
            return
        stage.after(stage.chance["people"].randrange(1_000, 6_000), self._look_after)
        for run in list(stage.ledger.replica.runs.values()):
            if not run.ended:
                self._look_at(run)
        for breaker in stage.ledger.replica.breakers.values():
            if breaker.status != BREAKER_CLOSED and stage.chance["breakers"].random() < 0.1:
                self._tell(i.ResetBreaker(agent=breaker.agent, why="it is said to work again"))
        self._hold_still()

    def _hold_still(self) -> None:
        """Suspend everything, or an agent, now and then, and think better of it."""
        stage, random = self._stage, self._stage.chance["holds"]
        for target in stage.ledger.replica.suspended:
            if stage.healed or random.random() < 0.4:
                self._tell(i.ResumeWork(agent=target, why="it was a false alarm"))
        if stage.conditions.meddling and not stage.healed and random.random() < HOLDS:
            target = random.choice((EVERYTHING, EVERYTHING, *HOLDABLE))
            self._tell(i.SuspendWork(agent=target, cancel=random.random() < 0.3, why="it looked wrong"))

    def _look_at(self, run: Run) -> None:
        stage, random = self._stage, self._stage.chance[f"people {run.id}"]

        def chance(likelihood: float) -> bool:
            return random.random() < likelihood

        for effect in list(run.effects.values()):
            if effect.status == "waiting" and chance(0.3):
                decision = random.choice(effect.input["decisions"])
                self._tell(i.AnswerHuman(run_id=run.id, task=str(effect.id), decision=decision))
            elif effect.status == "approval" and effect.approval is not None and chance(0.4):
                self._decide(run, effect, random)
            elif effect.status == "dead" and chance(0.5):
                last: Literal["retry", "drop"] = "drop" if chance(0.4) else "retry"
                self._tell(i.SettleDeadLetter(run_id=run.id, effect=effect.id, verdict=last))
            elif effect.status == "in_doubt" and chance(0.5):
                verdict = random.choice(VERDICTS)
                output = {"token": effect.token} if verdict == "succeeded" else None
                self._tell(i.ResolveEffect(run_id=run.id, effect=effect.id, verdict=verdict, output=output))
        if run.data_labels and chance(0.02):
            self._tell(
                i.Declassify(
                    run_id=run.id, labels=run.data_labels, roles=("data-steward",), why="it was cleaned",
                )
            )  # fmt: skip
        listens = any(frame.kind == "listen" for frame in run.frames.values())
        if chance(0.5 if listens else 0.05):
            for number in range(2 if chance(0.3) else 1):
                self._send(run, number, random)
        if run.status == "suspended" and (stage.healed or chance(0.3)):
            self._tell(i.ResumeRun(run_id=run.id))
        elif not stage.healed and chance(stage.conditions.meddling):
            meddle = random.choice(MEDDLES)
            self._tell(meddle(run_id=run.id))

    def _decide(self, run: Run, effect: Effect, random: Random) -> None:
        """Do something about an action that policy asks about."""
        assert effect.approval is not None
        said: dict[str, Any] = {
            "run_id": run.id, "effect": effect.id, "action": effect.approval.action,
            "roles": random.choice((("operator",), ("operator",), ("lead",), ("break-glass",), ())),
        }  # fmt: skip
        drawn = random.random()
        if drawn < 0.6:
            self._tell(i.DecideApproval(**said, verdict="approve"))
        elif drawn < 0.7:
            self._tell(i.DecideApproval(**said, verdict="deny"))
        elif drawn < 0.78:
            self._tell(i.DelegateApproval(**said, to="user:helper"))
        elif drawn < 0.9:
            other = {**effect.input, "endpoint": "https://sim.example/edited"}
            self._tell(i.EditAction(**said, input=other))
        else:
            expires_at = self._stage.ledger.replica.now + 600_000
            self._tell(i.OverrideDecision(**said, expires_at=expires_at, why="it cannot wait"))

    def _send(self, run: Run, number: int, random: Random) -> None:
        to_all = random.random() < 0.3
        event = {
            "specversion": "1.0",
            "type": random.choice(("sim.go", "sim.stop", "sim.other")),
            "source": "sim",
            "id": f"{run.id}/{self._stage.now}/{number}",
            "subject": "all" if to_all else "one",
            "data": {"for": "sim" if random.random() < 0.7 else "nobody"},
        }
        self._tell(i.SendEvent(run_id="" if to_all else run.id, event=event))

    def _tell(self, told: Any, answered: Callable[[Reply], None] | None = None) -> None:
        """Tell a hub, under a name of one's own; sometimes the former hub, sometimes twice."""
        stage, hubs = self._stage, self._hubs
        hub = hubs.current
        if hubs.former is not None and stage.dice.strikes("stray"):
            hub = hubs.former
        if hub is None or not hub.alive:
            return
        for _ in range(2 if stage.dice.strikes("repeat") else 1):
            self._count += 1
            named = {} if isinstance(told, i.SubmitRun) else {"principal": f"user:{self._count}"}
            said = msgspec.structs.replace(told, ticket=self._count, **named)

            def replied(reply: Reply, said: i.Input = said) -> None:
                stage.note("reply", type(said).__name__, _brief(reply))
                stage.promises.replied(said, reply)
                if answered is not None:
                    answered(reply)

            hub.replies[self._count] = replied
            hub.told(said)


def _brief(reply: Reply) -> str:
    return "accepted" if isinstance(reply, Accepted) else reply.problems[0].rule


def _submission(number: int, random: Random) -> i.SubmitRun:
    key = f"run{number}"
    padding = {"padding": "y" * 5_000} if random.random() < 0.05 else {}
    workflow = BUSY if random.random() < 0.01 else random.choice((*WORKFLOWS, MENDED, MENDED))
    labels = {"number": str(number), **({"data": "pii"} if number % 4 == 0 else {})}
    if number % 5 == 0:
        labels[TENANT_LABEL] = "other"
    return i.SubmitRun(
        run_id=run_id_of("sim", key),
        workflow=workflow.name,
        input={"number": number, "group": number % 3, **padding},
        key=key,
        labels=labels,
        priority=PRIORITIES[number % 7 % 3],
    )
