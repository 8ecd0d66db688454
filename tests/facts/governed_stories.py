"""Stories of effects that policy holds back, for the tables of lifecycles."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from podium.facts import inputs as i
from podium.facts.approvals import Approval
from podium.facts.catalog import Declared
from podium.facts.identity import run_id_of
from podium.facts.policy_version import Budget, Hours, Match, OpenHours, Rate, Rule, Tier
from tests.kernel.conversation import Conversation, agent, workflow
from tests.policies import ANYTHING, policy

AGENTS = (
    agent("one", cost_nano=1, priced=True, concurrency=1, retry={"attempts": 9, "delay_ms": 1_000}),
    agent("many", cost_nano=1, priced=True),
    workflow([{"a": {"set": {"x": 1}}}], name="child"),
)
TIERS = {
    "1": Tier(("operator",), timeout_ms=60_000, on_timeout="2", second_person=True),
    "2": Tier(("lead",), quorum=2, timeout_ms=60_000),
}
DENY = policy(rules=(Rule("no", "deny"),))
ASK = policy(rules=(ANYTHING, Rule("ask", "approve", tier=1)), tiers=TIERS)
QUORUM = policy(rules=(ANYTHING, Rule("ask", "approve", tier=2)), tiers=TIERS)
OPEN = policy(tiers=TIERS)
SHUT = policy(windows=(OpenHours("week", open=(Hours((0,), 0, 1440),), closed="hold"),), tiers=TIERS)
ONE = policy(budgets=(Budget("one", ("run",), {"nano": 1}),), tiers=TIERS)
SLOW = policy(rates=(Rate("slow", ("tenant",), Match(kinds=("human", "workflow")), count=1, per_ms=1_000),))

DAY_MS = 86_400_000


def call(name: str = "many") -> dict[str, Any]:
    return {"call": "agent", "with": {"agent": name}}


def both(first: dict[str, Any], second: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"all": {"fork": {"branches": [{"a": first}, {"b": second}]}}}]


def child() -> dict[str, Any]:
    return {"run": {"workflow": {"namespace": "test", "name": "child", "version": "latest"}}}


def human(**given: Any) -> dict[str, Any]:
    return {"call": "human", "with": {"title": "Go?", **given}}


class Talk(Conversation):
    """A run that was submitted under a policy."""

    def __init__(self, do: Any, declared: Declared) -> None:
        super().__init__(do, agents=(*AGENTS, declared), trusting=False)
        self.submit({}, principal="user:bob")

    def approval(self, number: int = 1) -> Approval:
        approval = self.run.effects[number].approval
        assert approval is not None
        return approval

    def say(self, kind: Any, number: int = 1, **fields: Any) -> None:
        said = {
            "principal": "user:ann",
            "roles": ("operator", "lead", "break-glass"),
            "why": "because",
            **fields,
        }
        action = self.run.effects[number].action
        self.tell(kind(run_id=self.run_id, effect=number, action=action, **said))

    def decide(self, verdict: str = "approve", number: int = 1, **fields: Any) -> None:
        self.say(i.DecideApproval, number, verdict=verdict, **fields)

    def override(self, number: int = 1, **fields: Any) -> None:
        self.say(i.OverrideDecision, number, expires_at=self.now + 60_000, **fields)


def stories() -> Iterator[Conversation]:
    """Every one of them, told to its end."""
    for do, declared, tell in STORIES:
        talk = Talk(do, declared)
        tell(talk)
        yield talk
    yield _in_turns()


def _in_turns() -> Conversation:
    """Runs of a workflow that takes one at a time."""
    one = workflow([{"a": {"wait": "PT1S"}}], name="one")
    one.spec["document"]["document"]["metadata"] = {"concurrency": {"key": "${ .key }"}}
    talk = Conversation(agents=(one,))
    for name in ("first", "second", "third"):
        talk.submit({"key": 1}, workflow="one", run_id=run_id_of("test", name))
    talk.tell(i.CancelRun(run_id=run_id_of("test", "second")))
    talk.wait(1_000)
    talk.wait(1_000)
    return talk


def _denied(talk: Talk) -> None:
    assert talk.status == "faulted"


def _granted(talk: Talk) -> None:
    talk.decide()
    talk.settle("a")


def _by_two(talk: Talk) -> None:
    talk.decide()
    talk.decide(principal="user:cid")


def _changed(talk: Talk) -> None:
    """Another policy, between yes and start."""
    talk.apply(DENY)
    talk.decide()


def _changed_to_shut(talk: Talk) -> None:
    talk.apply(SHUT)
    talk.decide()
    talk.cancel()


def _silent(talk: Talk) -> None:
    talk.wait(60_000)
    talk.wait(60_000)


def _helped(talk: Talk) -> None:
    talk.say(i.DelegateApproval, to="user:cid")
    talk.say(i.EditAction, input={"other": 1})
    talk.override()
    talk.override(principal="user:cid")
    talk.settle("a")


def _answered(talk: Talk) -> None:
    talk.say(i.DelegateApproval, to="user:dan")
    for who in ("user:ann", "user:cid"):
        talk.answer_human("go", identity=who, roles=("lead",))


def _unanswered(talk: Talk) -> None:
    talk.wait(60_000)
    talk.wait(60_000)
    assert talk.status == "faulted"


def _again(declared: Declared) -> Callable[[Talk], None]:
    """The policy is another one when a failed attempt is made again."""

    def tell(talk: Talk) -> None:
        talk.fail("a")
        talk.apply(declared)
        talk.wait(1_000)
        talk.cancel()

    return tell


def _deferred(declared: Declared) -> Callable[[Talk], None]:
    """The policy is another one when what was deferred is decided again."""

    def tell(talk: Talk) -> None:
        talk.apply(declared)
        talk.wait(DAY_MS)
        talk.cancel()

    return tell


def _released(talk: Talk) -> None:
    """What one holds is what the other waits for; a slot is free later still."""
    talk.override(2)
    talk.settle("all/a")


def _in_line(declared: Declared) -> Callable[[Talk], None]:
    """The policy is another one when a slot is free."""

    def tell(talk: Talk) -> None:
        talk.apply(declared)
        talk.settle("all/a")
        talk.cancel()

    return tell


def _slow(talk: Talk) -> None:
    talk.wait(1_000)
    if talk.status == "running":
        talk.answer_human("approve")


STORIES: tuple[tuple[list[dict[str, Any]], Declared, Callable[[Talk], None]], ...] = (
    ([{"a": call()}], DENY, _denied),
    ([{"a": call()}], ASK, _granted),
    ([{"a": call()}], ASK, lambda talk: talk.decide("deny")),
    ([{"a": call()}], ASK, _changed),
    ([{"a": call()}], ASK, _changed_to_shut),
    ([{"a": call()}], ASK, _silent),
    ([{"a": call()}], ASK, _helped),
    ([{"a": call()}], QUORUM, _by_two),
    ([{"a": human(roles=["lead"], quorum=2, decisions=["go"])}], OPEN, _answered),
    (
        [{"a": human(roles=["lead"], decisions=["go"], escalate={"after": "PT1M", "tier": 2})}],
        OPEN,
        _unanswered,
    ),
    *(([{"a": call("one")}], OPEN, _again(declared)) for declared in (DENY, ASK, SHUT)),
    *(([{"a": call()}], SHUT, _deferred(declared)) for declared in (DENY, ASK, OPEN)),
    (both(call("one"), call("one")), ONE, _released),
    *((both(call("one"), call("one")), OPEN, _in_line(declared)) for declared in (DENY, ASK, SHUT)),
    ([{"a": {"call": "policy"}}], OPEN, lambda talk: None),
    ([{"a": {"call": "policy"}}], ASK, lambda talk: talk.decide()),
    (both(human(), human()), SLOW, _slow),
    (both(child(), child()), SLOW, _slow),
)
