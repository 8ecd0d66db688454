"""Whatever happens in whatever order: no ceiling is passed, and whatever is held is held by somebody."""

from __future__ import annotations

from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from podium.facts import events as e
from podium.facts import inputs as i
from podium.facts.identity import run_id_of
from podium.facts.orders import Perform
from podium.facts.policy_version import Budget, Window
from tests.kernel.conversation import Conversation, agent
from tests.kernel.toolbox import tool
from tests.policies import policy

CEILINGS = {"run": 12, "tree": 14, "agent": 9, "tenant": 20}
PRICE = {"cheap": 1, "dear": 4, "once": 2, "keyed": 3}
BUDGETS = (
    Budget("run", ("run",), {"nano": CEILINGS["run"]}),
    Budget("tree", ("tree",), {"nano": CEILINGS["tree"]}, warn_at=(50,)),
    Budget("agent", ("agent",), {"nano": CEILINGS["agent"]}, window=Window("minute"), on_exhausted="queue"),
    Budget("tenant", ("tenant",), {"nano": CEILINGS["tenant"]}, window=Window("hour")),
)
AGENTS = (
    agent("cheap", cost_nano=1, priced=True, retry={"attempts": 3, "delay_ms": 500}),
    agent("dear", cost_nano=4, priced=True, concurrency=2),
    agent("once", cost_nano=2, priced=True, delivery="at-most-once"),
    tool("keyed", cost_nano=3, priced=True, retry={"attempts": 2, "delay_ms": 500}),
    policy(budgets=BUDGETS),
)


def caught(name: str) -> dict[str, Any]:
    used = {"call": "agent", "with": {"agent": name}}
    if name == "keyed":
        used = {"call": "tool", "with": {"tool": name}}
    return {"try": [{name: used}], "catch": {}}


DO = [
    {"all": {"fork": {"branches": [{"a": caught("cheap")}, {"b": caught("dear")}, {"c": caught("once")}]}}},
    {"race": {"fork": {"compete": True, "branches": [{"d": caught("dear")}, {"e": caught("keyed")}]}}},
    {"last": caught("keyed")},
]
KINDS = (
    "submit", "submit", "settle", "settle", "settle", "fail", "lose", "unstarted", "again", "crash", "cancel",
    "wait", "resolve", "suspend", "resume",
)  # fmt: skip
DEEDS = st.lists(
    st.tuples(st.sampled_from(KINDS), st.integers(0, 7), st.integers(0, 4)), min_size=5, max_size=60
)


@settings(max_examples=120)
@given(DEEDS)
def test_no_ceiling_is_ever_passed(deeds: list[tuple[str, int, int]]) -> None:
    talk = Conversation(DO, agents=AGENTS, trusting=False)
    done: list[Perform] = []
    for deed, which, amount in deeds:
        _do(talk, done, deed, which, amount)
        _check(talk)
    event(f"{len(talk.events(e.EffectDecided)) // 5 * 5} decided again")


def _check(talk: Conversation) -> None:
    ledger = talk.shard.ledger
    for counter in {*ledger.spent, *ledger.held}:
        name = counter.partition("house/")[2].partition("/")[0]
        assert ledger.spent.get(counter, 0) + ledger.held.get(counter, 0) <= CEILINGS[name], counter
    held: dict[str, int] = {}
    for one in (*(one for of in talk.shard.held.values() for one in of.values()), *talk.shard.torn.values()):
        for hold in one.holds:
            held[hold.counter] = held.get(hold.counter, 0) + hold.amount
    assert held == {counter: amount for counter, amount in ledger.held.items() if amount}


def _do(talk: Conversation, done: list[Perform], deed: str, which: int, amount: int) -> None:
    run_id = run_id_of("test", str(which))
    if deed == "submit":
        talk.submit({}, run_id=run_id)
    elif deed == "crash":
        talk.crash()
    elif deed == "wait":
        talk.wait((0, 500, 5_000, 61_000, 3_600_000)[amount])
    elif deed in ("cancel", "suspend", "resume"):
        kind: Any = {"cancel": i.CancelRun, "suspend": i.SuspendRun, "resume": i.ResumeRun}[deed]
        talk.tell(kind(run_id=run_id))
    elif deed == "resolve":
        verdicts: Any = ("succeeded", "failed", "retry", "succeeded", "retry")
        talk.tell(i.ResolveEffect(run_id=run_id, verdict=verdicts[amount], output={}))
    elif deed == "again":
        if done:
            _report(talk, done[which % len(done)], "succeeded", amount)
    elif talk.open:
        order = list(talk.open.values())[which % len(talk.open)]
        del talk.open[order.run_id, order.effect]
        done.append(order)
        said = {"settle": "succeeded", "fail": "failed", "lose": "lost", "unstarted": "unstarted"}[deed]
        _report(talk, order, said, amount)


def _report(talk: Conversation, order: Perform, status: Any, amount: int) -> None:
    """What a performer says; he does not always know what it cost."""
    cost = -1 if amount == 0 or status == "lost" else min(amount, PRICE[order.agent.partition("@")[0]])
    told = i.Reported(
        run_id=order.run_id, effect=order.effect, token=order.token, status=status, output={}, cost_nano=cost
    )
    talk.tell(told)
