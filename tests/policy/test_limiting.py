"""Budgets, rates, quotas and sequences: what is reserved, counted and remembered, and when it is too much."""

from __future__ import annotations

from typing import Any

import pytest

from podium.facts.policy import Action, Amounts, Destination, Hold
from podium.policy.ledger import Ledger
from tests.policy.making import HOUR, NOON, asked, do, policies, tool

ALL = "\nrules: [{id: all, effect: allow}]\ntiers: {1: {approvers: {roles: [operator]}}}\n"
USD = 1_000_000_000


def budget(fields: str, more: str = "") -> str:
    return f"budgets: [{{name: b, {fields}}}]\n{more}{ALL}"


# --- budgets --------------------------------------------------------------------------------------


def test_what_is_reserved_and_what_is_booked() -> None:
    where, ledger = policies(budget("scope: [run], limit: {usd: '1.00'}")), Ledger()
    decision = do(where, tool(cost_nano=USD // 4), ledger)
    assert decision.holds == (Hold("bn0:test/b/nano|run@0", USD // 4),)
    assert ledger.taken("bn0:test/b/nano|run@0") == USD // 4
    assert ledger.settle(decision.holds, Amounts(cost_nano=7)) == ()
    assert (ledger.spent, ledger.held) == ({"bn0:test/b/nano|run@0": 7}, {"bn0:test/b/nano|run@0": 0})


def test_a_ceiling_that_is_spent_denies_and_one_that_is_held_waits() -> None:
    where, ledger = policies(budget("scope: [run], limit: {usd: '1.00'}")), Ledger()
    first = do(where, tool(cost_nano=USD), ledger)
    waiting = asked(where, tool(cost_nano=1), ledger)
    assert (waiting.verdict, waiting.until) == ("defer", 0)
    assert waiting.rules == ("test/budgets/b",)
    assert waiting.reads["test/budgets/b/nano"] == {"limit": USD, "spent": 0, "held": USD}
    ledger.settle(first.holds, Amounts(cost_nano=USD))
    spent = asked(where, tool(cost_nano=1), ledger)
    assert spent.verdict == "deny"
    assert "1.00 spent" in spent.message
    assert asked(where, tool(cost_nano=0), ledger).verdict == "allow"


def test_what_was_held_and_not_taken_is_free_again() -> None:
    where, ledger = policies(budget("scope: [run], limit: {usd: '1.00'}")), Ledger()
    first = do(where, tool(cost_nano=USD), ledger)
    ledger.settle(first.holds, Amounts(cost_nano=USD // 2))
    assert do(where, tool(cost_nano=USD // 2), ledger).verdict == "allow"
    second = asked(where, tool(cost_nano=1), ledger)
    assert second.verdict == "defer"


def test_more_than_the_whole_is_hopeless() -> None:
    where = policies(budget("scope: [run], limit: {usd: '1.00'}, onExhausted: queue"))
    assert asked(where, tool(cost_nano=USD + 1)).verdict == "deny"


def test_scopes_have_counters_of_their_own() -> None:
    where, ledger = policies(budget("scope: [tenant, agent], limit: {calls: 1}")), Ledger()
    assert do(where, tool(), ledger).verdict == "allow"
    assert do(where, tool(), ledger).verdict == "defer"
    assert do(where, tool(agent="other"), ledger).verdict == "allow"
    assert do(where, tool(tenant="other"), ledger).verdict == "allow"


def test_no_two_scopes_share_a_counter() -> None:
    where, ledger = policies(budget("scope: [tenant, principal], limit: {calls: 1}")), Ledger()
    for tenant, principal in (("a|b", "c"), ("a", "b|c"), ("a%7Cb", "c"), ("a", "b%7Cc"), ("a|b|c", "")):
        assert do(where, tool(tenant=tenant, principal=principal), ledger).verdict == "allow"


def test_of_a_call_by_a_workflow_the_agent_that_is_called_is_counted() -> None:
    where, ledger = policies(budget("scope: [agent], limit: {agentCalls: 1}")), Ledger()
    assert do(where, Action("agent", "writer", "text.write"), ledger).verdict == "allow"
    assert do(where, Action("agent", "writer", "text.write"), ledger).verdict == "defer"
    assert do(where, Action("agent", "critic", "text.write"), ledger).verdict == "allow"


def test_units() -> None:
    limit = (
        "{usd: '9', calls: 9, toolCalls: 9, agentCalls: 9, "
        "inputTokens: 99999, outputTokens: 99999, tokens: 99999, wallTime: 2h}"
    )
    where = policies(budget(f"scope: [run], limit: {limit}", "reservation: {outputTokens: {default: 100}}\n"))

    def amounts(action: Action) -> dict[str, int]:
        return {one.counter.split("/")[2].split("|")[0]: one.amount for one in asked(where, action).holds}

    called = tool(cost_nano=3, duration_ms=1000, input_tokens=7)
    assert amounts(called) == {
        "nano": 3,
        "calls": 1,
        "tool_calls": 1,
        "input_tokens": 7,
        "output_tokens": 100,
        "tokens": 107,
        "ms": 1000,
    }
    assert amounts(Action("agent", "a", output_tokens=5, output_tokens_max=3)).items() >= {
        ("agent_calls", 1),
        ("output_tokens", 3),
        ("calls", 1),
    }
    assert amounts(Action("human", "")) == {"calls": 1}
    assert amounts(Action("http", "http.get", duration_ms=5)) == {"calls": 1, "tool_calls": 1, "ms": 5}


def test_tokens_and_time_are_settled_as_they_were() -> None:
    where, ledger = (
        policies(budget("scope: [run], limit: {tokens: 99999, outputTokens: 99999, wallTime: 2h}")),
        Ledger(),
    )
    decision = do(where, tool(duration_ms=1000, input_tokens=7), ledger)
    ledger.settle(decision.holds, Amounts(input_tokens=7, output_tokens=20, duration_ms=300))
    assert sorted(ledger.spent.values()) == [20, 27, 300]


@pytest.mark.parametrize(
    ("follows", "verdict", "tier"), [("deny", "deny", 0), ("approve:1", "approve", 1), ("queue", "defer", 0)]
)
def test_what_follows_at_the_ceiling(follows: str, verdict: str, tier: int) -> None:
    text = budget(f"scope: [], limit: {{calls: 1}}, window: {{per: day}}, onExhausted: {follows}")
    where, ledger = policies(text), Ledger()
    first = do(where, tool(), ledger)
    ledger.settle(first.holds, Amounts())
    decision = asked(where, tool(), ledger)
    assert (decision.verdict, decision.tier) == (verdict, tier)
    if follows == "queue":
        assert decision.until == (NOON // 86_400_000 + 1) * 86_400_000
        assert asked(where, tool(), ledger, decision.until).verdict == "allow"
        assert asked(where, tool(), ledger, decision.until - 1).verdict == "defer"


def test_a_ceiling_without_a_window_never_frees_what_is_spent() -> None:
    where, ledger = policies(budget("scope: [run], limit: {calls: 1}, onExhausted: queue")), Ledger()
    ledger.settle(do(where, tool(), ledger).holds, Amounts())
    assert asked(where, tool(), ledger).verdict == "deny"


def test_people_may_raise_a_ceiling_for_one_action() -> None:
    where, ledger = policies(budget("scope: [run], limit: {usd: '1'}, onExhausted: approve:1")), Ledger()
    ledger.settle(do(where, tool(cost_nano=USD), ledger).holds, Amounts(cost_nano=USD))
    decision = asked(where, tool(cost_nano=USD // 2), ledger)
    assert decision.verdict == "approve"
    assert decision.holds[0].over == USD // 2
    ledger.hold(decision.holds)
    counter = decision.holds[0].counter
    assert ledger.raised == {counter: USD // 2}
    assert asked(where, tool(cost_nano=1), ledger).verdict == "approve"
    ledger.settle(decision.holds, Amounts(cost_nano=USD // 4))
    assert ledger.raised == {counter: USD // 4}
    assert ledger.taken(counter) == USD + USD // 4


def test_an_unknown_price_is_denied_unless_people_are_asked() -> None:
    text = "scope: [run], limit: {usd: '1'}"
    assert asked(policies(budget(text)), tool(cost_nano=None)).rules == ("test/budgets/b",)
    assert (
        asked(policies(budget(text, "reservation: {unknownPrice: approve:1}\n")), tool(cost_nano=None)).tier
        == 1
    )
    assert asked(policies(budget("scope: [run], limit: {calls: 1}")), tool(cost_nano=None)).verdict == "allow"


def test_thresholds_are_told_once() -> None:
    where, ledger = policies(budget("scope: [run], limit: {calls: 10}, warnAt: [50%, 80%]")), Ledger()
    told = [do(where, tool(), ledger).warnings for _ in range(10)]
    assert [number for number, one in enumerate(told, 1) if one] == [5, 8]
    assert told[7] == ("test/budgets/b: 80% of 10 calls",)


def test_what_an_effect_holds_already_is_not_in_its_way() -> None:
    where, ledger = policies(budget("scope: [run], limit: {calls: 1}")), Ledger()
    first = do(where, tool(), ledger)
    assert asked(where, tool(), ledger).verdict == "defer"
    again = asked(where, tool(), ledger, own=first.holds)
    assert (again.verdict, again.holds) == ("allow", first.holds)


def test_one_action_that_reaches_several_places_is_counted_once() -> None:
    text = budget("scope: [run], limit: {calls: 1}, warnAt: [100%]", "quotas: [{name: q, count: 1/h}]\n")
    there = (Destination("a.example"), Destination("b.example"))
    decision = asked(policies(text), tool(destinations=there))
    assert decision.verdict == "allow"
    assert [one.counter[0] for one in (*decision.holds, *decision.counts)] == ["b", "l"]
    assert len(decision.warnings) == 1
    by_host = asked(
        policies(f"quotas: [{{name: q, scope: [host], count: 1/h}}]{ALL}"), tool(destinations=there)
    )
    assert [one.counter for one in by_host.counts] == ["lc-:test/q|a.example@0", "lc-:test/q|b.example@0"]


def test_a_budget_of_some_tools() -> None:
    where, ledger = policies(budget("scope: [run], match: {tools: [pay.*]}, limit: {calls: 1}")), Ledger()
    assert do(where, tool("pay.out"), ledger).verdict == "allow"
    assert do(where, tool("mail.send"), ledger).holds == ()
    assert do(where, tool("pay.in"), ledger).verdict == "defer"


# --- rates ----------------------------------------------------------------------------------------


def rate(fields: str) -> str:
    return f"rateLimits: [{{name: r, {fields}}}]{ALL}"


@pytest.mark.parametrize(("count", "burst"), [(10, 1), (10, 3), (10, 10), (7, 4), (1, 1)])
def test_no_more_than_the_limit_in_any_such_time(count: int, burst: int) -> None:
    where, ledger = policies(rate(f"limit: {count}/s, burst: {burst}")), Ledger()
    begun: list[int] = []
    now = NOON
    while now < NOON + 5000:
        decision = do(where, tool(), ledger, now)
        if decision.verdict == "allow":
            begun.append(now)
        else:
            assert decision.until > now
            now = decision.until
    assert all(sum(at <= one < at + 1000 for one in begun) <= count for at in begun)
    assert sum(one == NOON for one in begun) == burst
    assert len(begun) >= (count - burst) * 4


def test_a_bucket_for_each_credential() -> None:
    where, ledger = policies(rate("target: {host: a.example}, scope: [credential], limit: 1/h")), Ledger()
    there = (Destination("a.example"),)
    assert do(where, tool(destinations=there, credential="x"), ledger).verdict == "allow"
    assert do(where, tool(destinations=there, credential="x"), ledger).verdict == "defer"
    assert do(where, tool(destinations=there, credential="y"), ledger).verdict == "allow"
    assert (
        do(where, tool(destinations=(Destination("b.example"),), credential="x"), ledger).verdict == "allow"
    )


def test_calls_at_once() -> None:
    where, ledger = policies(rate("concurrency: 2, scope: [tool]")), Ledger()
    flying = [do(where, tool(), ledger) for _ in range(2)]
    waiting = asked(where, tool(), ledger)
    assert (waiting.verdict, waiting.until) == ("defer", 0)
    assert do(where, tool("other.tool"), ledger).verdict == "allow"
    ledger.settle(flying[0].holds, Amounts())
    assert do(where, tool(), ledger).verdict == "allow"
    assert asked(where, tool(), ledger, own=flying[1].holds).verdict == "allow"


@pytest.mark.parametrize(
    ("over", "verdict"), [("deny", "deny"), ("approve:1", "approve"), ("queue", "defer")]
)
def test_what_follows_a_call_too_many(over: str, verdict: str) -> None:
    where, ledger = policies(rate(f"limit: 1/h, onLimit: {over}")), Ledger()
    do(where, tool(), ledger)
    assert asked(where, tool(), ledger).verdict == verdict


def test_nobody_waits_longer_than_is_said() -> None:
    where, ledger = policies(rate("limit: 1/m, onLimit: {queue: {maxWait: 30s}}")), Ledger()
    do(where, tool(), ledger)
    assert asked(where, tool(), ledger).verdict == "deny"
    assert asked(where, tool(), ledger, NOON + 31_000).verdict == "defer"
    assert asked(where, tool(asked_at=NOON), ledger, NOON + 31_000).verdict == "deny"


def test_a_target_that_asks_for_a_pause_gets_it() -> None:
    where, ledger = policies(rate("concurrency: 9, scope: [tool]")), Ledger()
    counters = where.pauses(tool(), NOON)
    assert counters == ("rc-:test/r|mail.send@0",)
    ledger.pause(counters, NOON + 5000)
    ledger.pause(counters, NOON + 10)
    assert asked(where, tool(), ledger, NOON + 1000).until == NOON + 5000
    assert asked(where, tool(), ledger, NOON + 5000).verdict == "allow"
    assert asked(where, tool("other.tool"), ledger, NOON + 1000).verdict == "allow"
    assert policies(rate("limit: 1/s, honourRetryAfter: false")).pauses(tool(), NOON) == ()


def test_every_attempt_counts_for_a_rate_and_the_first_for_a_quota() -> None:
    text = f"rateLimits: [{{name: r, limit: 1/s}}]\nquotas: [{{name: q, count: 9/h}}]{ALL}"
    kinds = [one.counter[0] for one in asked(policies(text), tool(attempt=2)).counts]
    assert kinds == ["r"]
    assert [one.counter[0] for one in asked(policies(text), tool()).counts] == ["r", "l"]


# --- quotas ---------------------------------------------------------------------------------------


def quota(fields: str) -> str:
    return f"quotas: [{{name: q, {fields}}}]{ALL}"


def test_calls_in_a_time_that_moves_along() -> None:
    where, ledger = policies(quota("scope: [agent], count: 3/h")), Ledger()
    for minute in (0, 10, 20):
        assert do(where, tool(), ledger, NOON + minute * 60_000).verdict == "allow"
    full = asked(where, tool(), ledger, NOON + 30 * 60_000)
    assert (full.verdict, full.rules) == ("deny", ("test/quotas/q",))
    assert do(where, tool(), ledger, NOON + HOUR - 1).verdict == "deny"
    assert do(where, tool(), ledger, NOON + HOUR).verdict == "allow"
    assert do(where, tool(), ledger, NOON + HOUR + 1).verdict == "deny"


def test_calls_still_in_flight_count() -> None:
    where, ledger = policies(quota("count: 1/h")), Ledger()
    flying = do(where, tool(), ledger)
    assert flying.verdict == "allow"
    assert asked(where, tool(), ledger).verdict == "deny"


def test_the_sum_of_an_argument_in_a_calendar_day() -> None:
    where = policies(quota("sum: args.to.amount, limit: 100, window: {per: day, timezone: Europe/Paris}"))
    ledger = Ledger()

    def pay(amount: Any, now: int = NOON) -> str:
        return do(where, tool(args={"to": {"amount": amount}}), ledger, now).verdict

    assert [pay(60), pay(41), pay(40), pay(1)] == ["allow", "deny", "allow", "deny"]
    assert pay(1, NOON + 11 * HOUR + 59 * 60_000) == "deny"
    assert pay(1, NOON + 12 * HOUR) == "allow"


@pytest.mark.parametrize("amount", ["5", None, 1.5, -1, True, [1], 10**30])
def test_what_is_no_number_cannot_be_summed_up(amount: Any) -> None:
    where = policies(quota("sum: args.amount, limit: 100, window: {per: day}"))
    assert asked(where, tool(args={"amount": amount})).verdict == "deny"
    assert asked(where, tool(args={})).rules == ("test/error/limits",)


def test_a_quota_that_queues_says_when_there_is_room() -> None:
    where, ledger = policies(quota("count: 2/h, over: queue")), Ledger()
    do(where, tool(), ledger, NOON)
    do(where, tool(), ledger, NOON + 60_000)
    waiting = asked(where, tool(), ledger, NOON + 120_000)
    assert (waiting.verdict, waiting.until) == ("defer", NOON + HOUR)
    assert asked(where, tool(), ledger, waiting.until).verdict == "allow"


def test_many_counts_are_kept_together_and_never_count_too_little() -> None:
    where, ledger = policies(quota("count: 1000/h")), Ledger()
    for number in range(1000):
        assert do(where, tool(), ledger, NOON + number * 1000).verdict == "allow"
    assert len(ledger.lately["lc-:test/q|@0"]) < 150
    assert asked(where, tool(), ledger, NOON + 1000_000).verdict == "deny"
    assert asked(where, tool(), ledger, NOON + HOUR + 1000_000).verdict == "allow"


# --- sequences ------------------------------------------------------------------------------------


class Run:
    """One run, as far as sequences look at it."""

    def __init__(self, text: str) -> None:
        self.where = policies(f"sequences: [{text}]{ALL}")
        self.marks: dict[str, int] = {}

    def asks(self, action: Action, now: int = NOON, *, succeeds: bool = True) -> str:
        decision = asked(self.where, action, now=now, marks=self.marks)
        if decision.verdict == "allow":
            self.marks.update(dict.fromkeys(decision.marks, now))
            if succeeds:
                self.marks.update(dict.fromkeys(decision.proofs, now))
        return decision.verdict


def read(path: str = "a") -> Action:
    return tool("repo.read", args={"path": path})


def write(path: str = "a") -> Action:
    return tool("repo.write", args={"path": path})


def test_what_must_come_before() -> None:
    run = Run(
        "{name: s, match: {tools: [repo.write]}, "
        "require: {tools: [repo.read], within: 1h, same: [args.path]}}"
    )
    assert run.asks(write()) == "deny"
    assert run.asks(read("b")) == "allow"
    assert run.asks(write()) == "deny"
    assert run.asks(read(), succeeds=False) == "allow"
    assert run.asks(write()) == "deny"
    assert run.asks(read()) == "allow"
    assert run.asks(write()) == "allow"
    assert run.asks(write(), NOON + HOUR) == "allow"
    assert run.asks(write(), NOON + HOUR + 1) == "deny"


def test_what_must_be_the_same_must_be_there() -> None:
    run = Run("{name: s, match: {tools: [repo.write]}, require: {tools: [repo.read], same: [args.path]}}")
    assert run.asks(tool("repo.read")) == "allow"
    assert run.marks == {}
    assert run.asks(tool("repo.write")) == "deny"


def test_what_must_not_come_after() -> None:
    run = Run("{name: s, match: {toolGroups: [pay]}, forbidAfter: {tools: [web.*]}, else: approve:1}")
    assert run.asks(tool("pay.out")) == "allow"
    assert run.asks(tool("web.fetch"), succeeds=False) == "allow"
    assert run.asks(tool("pay.out")) == "approve"


def test_what_forbids_does_so_even_without_the_argument() -> None:
    run = Run("{name: s, match: {tools: [repo.write]}, forbidAfter: {tools: [repo.lock], same: [args.path]}}")
    assert run.asks(tool("repo.lock", args={"path": "b"})) == "allow"
    assert run.asks(write("a")) == "allow"
    assert run.asks(tool("repo.lock")) == "allow"
    assert run.asks(write("a")) == "deny"


@pytest.mark.parametrize("field", ["labels", "result_labels"])
def test_labels_stay_with_the_run(field: str) -> None:
    run = Run("{name: s, match: {toolGroups: [pay]}, forbidAfter: {labels: [untrusted]}}")
    assert run.asks(tool("pay.out")) == "allow"
    assert run.asks(tool("web.fetch", **{field: ("untrusted", "other")})) == "allow"
    assert run.asks(tool("pay.out")) == "deny"


def test_data_that_is_given_at_once_counts_too() -> None:
    run = Run("{name: s, match: {toolGroups: [pay]}, forbidAfter: {labels: [untrusted]}}")
    assert run.asks(tool("pay.out", labels=("untrusted",))) == "deny"


def test_capabilities_of_agents() -> None:
    run = Run("{name: s, match: {tools: [mail.send]}, require: {capabilities: [text.review]}}")
    assert run.asks(tool("mail.send")) == "deny"
    assert run.asks(Action("agent", "critic", "text.review")) == "allow"
    assert run.asks(tool("mail.send")) == "allow"


# --- data -----------------------------------------------------------------------------------------


def place(host: str = "", region: str = "") -> dict[str, Any]:
    return {"destinations": (Destination(host, region=region),)}


@pytest.mark.parametrize(
    ("entry", "action", "by"),
    [
        ("regions: [eu]", tool(labels=("pii",), **place("a.example", "eu")), ""),
        ("regions: [eu]", tool(labels=("pii",), **place("a.example", "us")), "data/pii"),
        ("regions: [eu]", tool(labels=("pii",), **place("a.example")), "data/pii"),
        ("regions: [eu]", tool(labels=("pii",), external=True), "data/pii"),
        ("regions: [eu]", tool(labels=("pii",)), ""),
        ("regions: [eu]", tool(labels=("other",), **place("a.example", "us")), ""),
        ("neverTo: {external: true}", tool(labels=("pii",), **place("127.0.0.1")), "data/pii"),
        ("neverTo: {external: true}", tool(labels=("pii",)), ""),
        ("neverTo: {external: true}", tool(labels=("pii",), external=True), "data/pii"),
        (
            "neverTo: {domains: ['*.Bad.example']}",
            tool(labels=("pii",), **place("x.bad.example")),
            "data/pii",
        ),
        ("neverTo: {domains: ['*.bad.example']}", tool(labels=("pii",), **place("good.example")), ""),
        ("neverTo: {tools: [mail.*]}", tool(labels=("pii",)), "data/pii"),
        ("neverTo: {tools: [pay.*]}", tool(labels=("pii",)), ""),
    ],
)
def test_where_data_may_not_go(entry: str, action: Action, by: str) -> None:
    decision = asked(policies(f"data: [{{labels: [pii], {entry}}}]{ALL}"), action)
    assert decision.rules == ((f"test/{by}",) if by else ("test/all",))
