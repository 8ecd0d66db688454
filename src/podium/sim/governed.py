"""The policy of a simulated world, and what it guarantees: ceilings hold, nothing is done without a yes."""

from __future__ import annotations

from typing import Any

import msgspec

from podium.facts import events as e
from podium.facts.catalog import Declared
from podium.facts.events import Record
from podium.facts.identity import digest_of
from podium.facts.orders import Perform
from podium.facts.policy_version import Budget, Match, PolicyVersion, Rate, Rule, Tier, Window
from podium.kernel.state import Effect, Run, Shard
from podium.policy.ledger import IN_FLIGHT
from podium.sim.documents import COST_NANO
from podium.sim.ledger import Ledger
from podium.sim.violation import hold

CEILINGS = {
    "run": 40 * COST_NANO,
    "tree": 60 * COST_NANO,
    "agent": 6 * COST_NANO,
    "tenant": 150 * COST_NANO,
}
"""Of what attempts cost: in one run, with all below it, by one agent in a minute, by everybody in an hour."""

AT_ONCE = 2
"""So many calls of one host may be in flight."""

ASKED = "http.post"
"""What people are asked about first."""

_VERSION = PolicyVersion(
    name="sim",
    version="1.0.0",
    budgets=(
        Budget("run", ("run",), {"nano": CEILINGS["run"]}, warn_at=(25, 50)),
        Budget("tree", ("tree",), {"nano": CEILINGS["tree"]}),
        Budget(
            "agent", ("agent",), {"nano": CEILINGS["agent"]}, window=Window("minute"), on_exhausted="queue"
        ),
        Budget(
            "tenant", ("tenant",), {"nano": CEILINGS["tenant"]}, window=Window("hour"), on_exhausted="queue"
        ),
    ),
    rates=(
        Rate("web", ("host",), Match(kinds=("http",)), count=30, per_ms=60_000, burst=2, concurrency=AT_ONCE),
    ),
    tiers={
        "1": Tier(("operator",), quorum=2, timeout_ms=40_000, on_timeout="2"),
        "2": Tier(("lead",), timeout_ms=60_000, second_person=True),
    },
    rules=(Rule("any", "allow"), Rule("post", "approve", Match(tools=(ASKED,)), tier=1)),
)

_SPEC = msgspec.to_builtins(_VERSION)

POLICY = Declared("Policy", _VERSION.name, _VERSION.version, digest_of(_SPEC), _SPEC)


class Books:
    """What is known of a world's budgets and approvals beside its hubs.

    Attributes:
        counters: (run, effect, token) to the counters of money that the attempt holds something in.
        charged: the same to what its agent took.
        true: counter to what agents took in all.
        votes: (run, effect) to what people said of the action as it is, by person.
        granted: the same to the digest of what they agreed to.
        paused: counter of a rate to when the pause is over that its target asked for.
    """

    def __init__(self) -> None:
        self.counters: dict[tuple[str, int, int], tuple[str, ...]] = {}
        self.charged: dict[tuple[str, int, int], int] = {}
        self.true: dict[str, int] = {}
        self.votes: dict[tuple[str, int], dict[str, str]] = {}
        self.granted: dict[tuple[str, int], str] = {}
        self.paused: dict[str, int] = {}

    # --- money ---------------------------------------------------------------------------------------

    def charge(self, order: Perform) -> None:
        """An attempt goes out: from here on it may have cost something. A tool takes it once for a key."""
        attempt = (order.run_id, order.effect, order.token if order.kind != "tool" else 0)
        if attempt not in self.charged:
            self.charged[attempt] = COST_NANO
            self._add(attempt, COST_NANO)

    def pardon(self, run_id: str, effect: Effect) -> None:
        """A person says that an attempt in doubt took nothing; that counts."""
        attempt = (run_id, effect.id, effect.token if effect.kind != "tool" else 0)
        self._add(attempt, -self.charged.pop(attempt, 0))

    def _add(self, attempt: tuple[str, int, int], amount: int) -> None:
        for counter in self.counters.get(attempt, ()):
            self.true[counter] = self.true.get(counter, 0) + amount

    def _reserve(self, run_id: str, effect: int, token: int, counters: tuple[str, ...]) -> None:
        """Note what an attempt holds. What a tool took once counts where the last attempt for it does."""
        own = (run_id, effect, 0)
        former = self.charged.get(own, 0)
        if former:
            self._add(own, -former)
        self.counters[own] = self.counters[run_id, effect, token] = counters
        if former:
            self._add(own, former)

    def hold_to(self, shard: Shard, counters: tuple[str, ...]) -> None:
        """Hold these counters of a shard to their ceilings, and to the truth. Raises Violation: I14."""
        ledger = shard.ledger
        for counter in counters:
            if counter not in ledger.held and counter not in ledger.spent:
                continue
            spent, held = ledger.spent.get(counter, 0), ledger.held.get(counter, 0)
            name = counter.partition("sim/")[2].partition("/")[0]
            ceiling = CEILINGS[name] + ledger.raised.get(counter, 0)
            told = f"{counter}: {spent} spent, {held} held"
            hold(spent + held <= ceiling, "I14", f"{told}, {ceiling} at most")
            true = self.true.get(counter, 0)
            hold(true <= spent + held, "I14", f"{told}, and agents took {true}")

    # --- records -------------------------------------------------------------------------------------

    def before(self, run: Run, record: Record) -> None:
        """Hold a record to the state of its run before it. Raises Violation: I15."""
        event = record.event
        key = (run.id, getattr(event, "effect", 0))
        if isinstance(event, e.ApprovalDecided):
            self._vote(run, event, key)
        elif isinstance(event, e.ApprovalEscalated | e.ActionEdited | e.EffectDecided):
            self.votes.pop(key, None)
            deferred = isinstance(event, e.EffectDecided) and event.verdict in ("defer", "allow")
            if not deferred and not isinstance(event, e.ApprovalEscalated):
                self.granted.pop(key, None)
        elif isinstance(event, e.EffectRequested) and event.started:
            given = getattr(record.body, "input", None)
            asked = event.kind == "http" and isinstance(given, dict) and given.get("method") == "POST"
            may = not asked or event.override > 0
            hold(may, "I15", f"{key} is done at record {record.seq}, and nobody was asked")
        elif isinstance(event, e.AttemptStarted):
            self._started(run.effects[event.effect], event, key)
        elif isinstance(event, e.EffectResolved) and event.verdict != "succeeded":
            self.pardon(run.id, run.effects[event.effect])

    def _alone(self, shard: Shard, run: Run) -> None:
        """No other of a workflow that takes one run at a time is at work. Raises Violation: I16."""
        for other in shard.runs.values():
            same = other.id != run.id and _work(other) == _work(run)
            at_work = same and not other.ended and other.status != "queued"
            hold(not at_work, "I16", f"runs {run.id} and {other.id} are at work on the same")

    def _vote(self, run: Run, event: e.ApprovalDecided, key: tuple[str, int]) -> None:
        effect = run.effects[event.effect]
        approval = effect.approval
        assert approval is not None, f"nobody was asked about {key}"
        votes = self.votes.setdefault(key, {})
        votes[event.principal] = event.verdict
        roles = set(event.roles) & set(approval.terms.roles)
        may = bool(roles) or event.principal in approval.delegates
        hold(may, "I15", f"{event.principal} decided on {key} without any of {approval.terms.roles}")
        if event.outcome != "granted":
            return
        agreed = list(votes.values()).count("approve")
        hold(agreed >= approval.terms.quorum, "I15", f"{key} is granted by {agreed} people")
        hold(event.action == approval.action, "I15", f"{key} is granted for another action")
        self.granted[key] = digest_of(effect.input)

    def _started(self, effect: Effect, event: e.AttemptStarted, key: tuple[str, int]) -> None:
        if event.granted:
            action = self.granted.pop(key, "")
            hold(action != "", "I15", f"{key} begins by what nobody granted, or by what was used up")
            hold(action == digest_of(effect.input), "I15", f"{key} begins with other arguments than granted")
        given: Any = effect.input
        asked = effect.kind == "http" and isinstance(given, dict) and given.get("method") == "POST"
        may = not asked or event.granted or event.override > 0
        hold(may, "I15", f"{key} begins, and nobody was asked")

    def after(self, shard: Shard, record: Record) -> None:
        """Hold the state to what it must be after a record. Raises Violation: I14, I16."""
        event = record.event
        if isinstance(event, e.RunAdmitted) or (isinstance(event, e.RunStarted) and event.claim):
            run = shard.runs[record.run_id]
            if run.status != "queued":
                self._alone(shard, run)
        reserved: e.Reserved | None = getattr(event, "reserved", None)
        if reserved is not None:
            of_money = tuple(one.counter for one in reserved.holds if one.counter[:2] == "bn")
            self._reserve(record.run_id, event.effect, record.seq, of_money)  # type: ignore[attr-defined]
            self.hold_to(shard, of_money)
            if not event.override:  # type: ignore[attr-defined]
                self._hold_to_rates(shard, reserved, record)
        elif isinstance(event, e.TargetPaused):
            for counter in event.counters:
                self.paused[counter] = max(event.until, self.paused.get(counter, 0))
        elif getattr(event, "took", None) is not None:
            self.hold_to(shard, tuple(one for one in shard.ledger.spent if one[:2] == "bn"))

    def _hold_to_rates(self, shard: Shard, reserved: e.Reserved, record: Record) -> None:
        """Who asked for a pause is left alone, and few call at once. Raises Violation: I14."""
        for one in reserved.counts:
            until = self.paused.get(one.counter, 0)
            hold(until <= record.at, "I14", f"record {record.seq} calls {one.counter}, paused until {until}")
        for held in reserved.holds:
            most = shard.ledger.held.get(held.counter, 0) <= AT_ONCE or held.counter[0] != IN_FLIGHT
            hold(most, "I14", f"record {record.seq} makes it more than {AT_ONCE} of {held.counter}")


def _work(run: Run) -> tuple[str, Any]:
    """The workflow of a run, and the group that it is at work for."""
    return run.workflow.partition("@")[0], run.input.get("group") if isinstance(run.input, dict) else None


def left_held(ledger: Ledger) -> str:
    """What is held though nothing is under way, in a sentence; "" if nothing is."""
    shard = ledger.replica
    torn: dict[str, int] = {}
    for held in shard.torn.values():
        for one in held.holds:
            torn[one.counter] = torn.get(one.counter, 0) + one.amount
    held_now = {counter: amount for counter, amount in shard.ledger.held.items() if amount}
    if held_now != torn:
        return f"{held_now} is held, and {torn} by attempts that were told to stop"
    return f"effects of runs that are over hold {shard.held}" if shard.held else ""
