"""Whatever goes wrong while it is decided what may be done, nothing is: the book of the tool stays empty."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import apsw
import pytest

from podium.bootstrap import LOG
from podium.facts.policy_version import PolicyVersion, Rule
from podium.kernel.policies import in_force
from podium.policy import cel
from podium.resources.manifest import read_text
from podium.runtime.clock import GuardedClock
from tests.security.house import Shop, declared, policy

ALLOW = "rules:\n  - {id: pay, effect: allow, match: {tools: [payments.transfer]}}\n"
LIMITED = (
    ALLOW + "  - {id: large, effect: deny, match: {tools: [payments.transfer]}, when: args.cents > 10000}\n"
)
BUDGET = "budgets: [{name: day, scope: [tenant], limit: {usd: '5.00'}, window: {per: day}}]\n"
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
DAY_MS = 86_400_000


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(tmp_path)
    yield shop
    shop.close()


def test_what_may_be_done_is_done_and_counted(shop: Shop) -> None:
    shop.apply(LIMITED + BUDGET)
    assert shop.paid({"cents": 5}) == ("completed", 0)
    assert shop.calls() == 1


def test_without_a_policy_nothing_changes_the_world_unasked(shop: Shop) -> None:
    run_id = shop.pay({"cents": 5})
    shop.house.until(run_id, "approval")
    assert shop.calls() == 0


@pytest.mark.parametrize(
    "spec",
    [
        "rules: []",
        "rules: [{id: read, effect: allow, match: {tools: [payments.read]}}]",
        "rules: [{id: ask, effect: allow, match: {kinds: [agent]}}]",
        "rules: [{id: pay, effect: allow, match: {tools: [payments.transfer], roles: [finance]}}]",
        "agents: {states: [active]}\nrules: [{id: never, effect: deny}]",
        LIMITED + "  - {id: other, effect: deny, when: 'args.nothing == 1'}",
    ],
)
def test_what_no_policy_allows_is_denied(shop: Shop, spec: str) -> None:
    shop.apply(spec)
    assert shop.paid({"cents": 5}) == ("faulted", 403)
    assert shop.calls() == 0


@pytest.mark.parametrize("args", [{}, {"cents": None}, {"cents": []}, {"sum": 5}, "text", [5]])
def test_a_condition_that_cannot_be_evaluated_denies(shop: Shop, args: Any) -> None:
    shop.apply(LIMITED)
    status, error = shop.paid(args)
    assert status == "faulted"
    assert error in (400, 403), "what is no object is no arguments of a tool, before any policy"
    assert shop.calls() == 0


@pytest.mark.parametrize("cents", ["500", "5", True, 5.0e300, {"cents": 5}, [500]])
def test_a_value_of_another_type_denies(shop: Shop, cents: Any) -> None:
    shop.apply(LIMITED)
    assert shop.paid({"cents": cents}) == ("faulted", 403)
    assert shop.calls() == 0


def test_an_unknown_price_denies(tmp_path: Path) -> None:
    shop = Shop(tmp_path, cost="")
    try:
        shop.apply(ALLOW + BUDGET)
        assert shop.paid({"cents": 5})[0] == "faulted"
        assert shop.calls() == 0
    finally:
        shop.close()


@pytest.mark.parametrize(
    ("spec", "rule"),
    [
        (ALLOW + "  - {id: x, effect: deny, when: 'args.cents >'}", "expression"),
        (ALLOW + "  - {id: x, effect: deny, when: 'agnet.state == \"active\"'}", "expression"),
        (ALLOW + "  - {id: x, effect: approve, tier: 9}", "tier"),
        (
            ALLOW + "tests: [{name: t, with: {tool: payments.transfer}, expect: {decision: deny}}]",
            "test",
        ),
    ],
)
def test_a_broken_policy_is_refused_and_the_former_one_stays(shop: Shop, spec: str, rule: str) -> None:
    shop.apply("rules: [{id: nothing, effect: deny}]")
    documents, troubles = read_text(policy(spec), "given.yaml", str(shop.folder))
    if not troubles:
        resources = [{"kind": one.kind, "name": one.name, "version": one.version, "digest": one.digest,
                      "spec": one.spec} for one in documents]  # fmt: skip
        assert "refused" in shop.house.door.call("apply", {"resources": resources})
    assert shop.paid({"cents": 5}) == ("faulted", 403)
    assert shop.calls() == 0


@pytest.mark.parametrize("mode", ["enforce", "observe"])
def test_a_policy_that_no_longer_compiles_allows_nothing(mode: Any) -> None:
    broken = PolicyVersion("house", "1.0.0", mode=mode, rules=(Rule("pay", "allow", when="args.cents >"),))
    policies = in_force([("sha256:0", broken)])
    assert policies is not None
    (one,) = (*policies.enforced, *policies.observing)[:1]
    assert not one.allows or one.version.name == "development"


@pytest.mark.parametrize(
    "failure", [RuntimeError("it died"), MemoryError(), ZeroDivisionError(), OSError(32)]
)
@pytest.mark.parametrize("condition", ["args.cents < 100", "args.cents + 0 < 100"])
def test_an_evaluator_that_dies_denies(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, failure: Exception, condition: str
) -> None:
    def dies(*_: Any) -> None:
        raise failure

    native = cel.condition(condition).native
    monkeypatch.setattr(cel, "_evaluated", dies)
    monkeypatch.setattr("podium.policy.native.condition", lambda *_: dies if native else None)
    shop.apply(f"rules: [{{id: pay, effect: allow, when: {condition}}}]")
    assert shop.paid({"cents": 5}) == ("faulted", 403)
    assert shop.calls() == 0


def test_what_cannot_be_recorded_is_not_done(shop: Shop) -> None:
    shop.apply(LIMITED)
    locked = apsw.Connection(str(shop.house.state / LOG))
    locked.set_busy_timeout(10_000)
    locked.execute("BEGIN IMMEDIATE")
    submitted = shop.house.door.start("submit", {"workflow": "test/pay", "input": {"cents": 5}})
    told = submitted.result(timeout=60)
    assert "result" not in told, "nothing is accepted that is not durable"
    assert shop.calls() == 0
    locked.execute("ROLLBACK")
    locked.close()
    shop.house.restart()
    assert shop.paid({"cents": 5}) == ("completed", 0)
    assert shop.calls() == 1


def test_a_wall_clock_that_jumps_opens_no_window(shop: Shop) -> None:
    """It is not followed, as time that really passed shows on the other clock too."""
    now = shop.house.serving.hub.clock.now()
    ahead = now + 3 * DAY_MS
    day = DAYS[datetime.fromtimestamp(ahead / 1000, UTC).weekday()]
    shop.apply(ALLOW + f"windows: [{{name: day, timezone: UTC, open: ['{day} 00:00-24:00'], closed: deny}}]")
    assert shop.paid({"cents": 5}) == ("faulted", 403)
    clock: Any = shop.house.serving.hub.clock
    assert isinstance(clock, GuardedClock)
    clock._wall = lambda: time.time_ns() // 1_000_000 + 3 * DAY_MS
    assert shop.paid({"cents": 5}) == ("faulted", 403)
    clock._wall = lambda: 0
    assert shop.paid({"cents": 5}) == ("faulted", 403)
    assert shop.calls() == 0


def test_time_that_nobody_can_tell_denies(shop: Shop) -> None:
    """Past the end of the calendar there are no days: what depends on them cannot be evaluated."""
    shop.apply(ALLOW + "windows: [{name: day, timezone: UTC, open: ['Mon-Sun 00:00-24:00'], closed: deny}]")
    assert shop.paid({"cents": 5}) == ("completed", 0)
    clock: Any = shop.house.serving.hub.clock
    clock.at_least(10**15)
    assert shop.paid({"cents": 6}) == ("faulted", 403)
    assert shop.calls() == 1


# --- what is written wrongly --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "line", "column", "word"),
    [
        ("mode: enforce\nrulez: []", 7, 3, "rulez"),
        ("defaultaction: deny\nrules: []", 6, 3, "defaultaction"),
        ("OnError: deny\nrules: []", 6, 3, "OnError"),
        ("ratelimits: []\nrules: []", 6, 3, "ratelimits"),
        ("rules:\n  - {id: a, Effect: deny}", 7, 15, "Effect"),
        ("rules:\n  - {id: a, effect: Deny}", 7, 23, "Deny"),
        ("rules:\n  - {id: a, effect: deny, match: {tool: [x]}}", 7, 37, "tool"),
        ("rules:\n  - {id: a, effect: deny, id: b}", 7, 29, "id"),
        ("onError: allow\nrules: []", 6, 12, "allow"),
        ("rules:\n  - {id: a, effect: deny, when: !has(args.cents)}", 7, 35, "!"),
        ("rules:\n  - id: a\n    effect: deny\n    when: !has(args.cents)", 9, 13, "!"),
    ],
)
def test_a_slip_is_refused_at_its_place(tmp_path: Path, spec: str, line: int, column: int, word: str) -> None:
    documents, troubles = read_text(policy(spec), "given.yaml", str(tmp_path))
    assert not documents
    there = [one for one in troubles if (one.line, one.column) == (line, column)]
    assert any(word in one.message for one in there), troubles


def test_what_is_right_is_not_refused(tmp_path: Path) -> None:
    assert declared(policy("rules:\n  - {id: a, effect: deny, when: '!has(args.cents)'}"), tmp_path)
