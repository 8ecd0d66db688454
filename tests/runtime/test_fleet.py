"""The fleet and its join with a hub: binding, leases, lost and late, restarts."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from podium.agents.interface import AttemptFailed, Question
from podium.facts.catalog import Capability, Declared
from podium.facts.identity import digest_of
from podium.facts.inputs import Asked, FleetChanged, Reported
from podium.facts.orders import Abandon, Answer, Perform
from podium.runtime.fleet import Fleet, Gone, Pulled
from podium.runtime.inquiry import Declined
from podium.runtime.members import Hosted, Hosting, Registration, Worker
from podium.runtime.tokens import Named, is_genuine, named_by, token_of
from tests.runtime.serving import House, agent, call, workflow

KEY = b"k" * 32
OPS = "user:ops"
D = "sha256:" + "d" * 64
OK = Reported(run_id="", effect=0, token=0, status="succeeded", output={"ok": True})


class Yard:
    """A fleet with a clock that a test moves, and what it told the kernel."""

    def __init__(self) -> None:
        self.now = 1_000_000
        self.reports: list[Reported] = []
        self.asked: list[Asked] = []
        self.capacity: dict[str, int] = {}
        self.tokens = 0
        self.fleet = self.made()

    def made(self) -> Fleet:
        return Fleet(
            self.reports.extend, self.asked.append, self._change, lambda: self.now, KEY, reclaim_ms=30_000
        )

    def _change(self, changed: FleetChanged) -> None:
        self.capacity = changed.capacity

    def join(self, digest: str = D, **more: Any) -> Worker:
        concurrency = more.get("concurrency", 4)
        told = Registration(agents=(Hosting("a@1.0.0"),), **more)
        worker, self.words = self.fleet.join(told, {digest: Hosted(digest, "a@1.0.0", "", concurrency)}, OPS)
        return worker

    def order(self, **changes: Any) -> Perform:
        self.tokens += 1
        order = Perform(
            str(uuid4()), "/do/0/x", 1, 1, self.tokens, 1, "agent", "a@1.0.0", D, "a", {"n": self.tokens},
            "at-least-once", self.now + 60_000, 0, f"k{self.tokens}",
        )  # fmt: skip
        return msgspec.structs.replace(order, **changes)

    def perform(self, count: int = 1, **changes: Any) -> list[Perform]:
        orders = [self.order(**changes) for _ in range(count)]
        self.fleet.perform(orders)
        return orders

    def pull(self, worker: Worker, most: int = 10, *, started: bool = True) -> list[str]:
        pulled = self.fleet.pull(worker.id, OPS, most, started=started)
        assert pulled is not None
        tokens = [one.token for one in pulled.attempts]
        if started:
            assert set(self.fleet.begin(tokens)) <= {"accepted"}
        return tokens

    def stops(self, worker: Worker) -> list[str]:
        return self.fleet.renew(worker.id, OPS)[1]

    def pass_ms(self, span: int, *alive: Worker) -> None:
        """Let time pass in small steps, in which some workers are heard of."""
        for _ in range(0, span, 500):
            self.now += 500
            for worker in alive:
                self.fleet.renew(worker.id, OPS)
            self.fleet.sweep()

    @property
    def statuses(self) -> list[str]:
        return [one.status for one in self.reports]


@pytest.fixture
def yard() -> Yard:
    return Yard()


def test_attempts_go_to_whoever_hosts_them_and_no_more_than_it_takes(yard: Yard) -> None:
    orders = yard.perform(5)
    first = yard.join(concurrency=3)
    other = yard.join(digest="sha256:" + "e" * 64)
    assert yard.pull(other) == []
    tokens = yard.pull(first)
    handed = [(one.run_id, one.effect, one.token) for one in orders[:3]]
    assert [(named_by(one) or ())[:3] for one in tokens] == handed
    assert yard.fleet.settle([(tokens[0], OK)]) == ["accepted"]
    assert len(yard.pull(first)) == 1
    assert yard.fleet.backlog() == {D: 1}
    [report] = yard.reports
    assert (report.run_id, report.token, report.output) == (orders[0].run_id, 1, {"ok": True})
    assert report.provenance == {"worker": {"id": first.id}}


def test_whoever_waits_and_has_least_to_do_for_its_weight_is_given_it(yard: Yard) -> None:
    heavy, light = yard.join(weight=3, concurrency=100), yard.join(concurrency=100)
    woken: list[str] = []
    for worker in (heavy, light):
        assert yard.fleet.pull(worker.id, OPS, 50, wake=lambda of=worker.id: woken.append(of)) is None  # type: ignore[misc]
    yard.perform(40)
    assert woken == [heavy.id, light.id]
    assert (len(yard.pull(heavy, 50)), len(yard.pull(light, 50))) == (30, 10)


def test_the_record_says_which_workers_it_could_have_been_and_why_it_was_this_one(yard: Yard) -> None:
    busy, idle, full = yard.join(name="busy"), yard.join(name="idle"), yard.join(name="full", concurrency=1)
    for worker, count in ((busy, 2), (full, 1)):
        yard.perform(count)
        assert len(yard.pull(worker)) == count
    for worker in (busy, idle, full):
        assert yard.fleet.pull(worker.id, OPS, 4, wake=lambda: None) is None
    yard.perform()
    [token] = yard.pull(idle)
    yard.fleet.settle([(token, OK)])
    reason = f"least busy for its weight, of 2 that waited: {busy.id}, {idle.id}"
    assert yard.reports[-1].provenance == {"worker": {"id": idle.id, "reason": reason}}


def test_what_is_urgent_is_handed_out_first_whatever_version_it_is_of(yard: Yard) -> None:
    """A worker that hosts two versions, with room for one attempt at a time."""
    other = "sha256:" + "e" * 64
    hosts = {one: Hosted(one, "a@1.0.0", "", 1) for one in (D, other)}
    worker, _ = yard.fleet.join(Registration(agents=(Hosting("a@1.0.0"),), concurrency=1), hosts, OPS)
    orders = [
        *yard.perform(2), *yard.perform(1, digest=other, priority="low"),
        *yard.perform(1, digest=other, priority="high"), *yard.perform(1, tenant="acme"),
    ]  # fmt: skip
    handed = []
    while got := yard.pull(worker):
        handed.append((named_by(got[0]) or ("", 0, 0))[2])
        yard.fleet.settle([(got[0], OK)])
    first, second, low, high, of_acme = (one.token for one in orders)
    assert handed == [high, first, of_acme, second, low]


def test_what_waits_is_handed_to_a_worker_that_has_room_again_while_it_waits(yard: Yard) -> None:
    worker = yard.join(concurrency=1)
    yard.perform(2)
    [first] = yard.pull(worker)
    woken: list[int] = []
    assert yard.fleet.pull(worker.id, OPS, 1, wake=lambda: woken.append(1)) is None
    assert not woken
    yard.fleet.settle([(first, OK)])
    assert woken == [1]
    assert len(yard.pull(worker)) == 1


def test_a_poll_that_ends_leaves_what_it_was_meant_to_get_to_others(yard: Yard) -> None:
    first = yard.join()
    assert yard.fleet.pull(first.id, OPS, 5, wake=lambda: None) is None
    yard.perform(2)
    yard.fleet.rest(first.id)
    assert len(yard.pull(yard.join())) == 2
    assert yard.reports == []


def test_a_worker_that_is_not_heard_of_loses_what_it_has(yard: Yard) -> None:
    worker, other = yard.join(lease_ms=5_000), yard.join(lease_ms=5_000)
    yard.perform(1)
    yard.perform(1, delivery="at-most-once")
    begun = yard.pull(worker)
    yard.perform(1, delivery="at-most-once")
    [idle] = yard.pull(worker, started=False)
    assert yard.capacity == {D: 8}
    yard.pass_ms(6_000, other)
    assert yard.statuses == ["lost", "lost", "returned"]
    assert worker.standing == "stale" and yard.capacity == {D: 4}
    assert all("nothing was heard of it for 5 s" in one.error.title for one in yard.reports if one.error)
    with pytest.raises(Gone):
        yard.pull(worker)
    assert yard.fleet.begin([idle]) == ["stale"], "it was given back: nobody may begin it any more"
    assert yard.fleet.settle([(begun[0], OK)]) == ["stale"]
    assert yard.statuses[3:] == ["succeeded"], "for the record"


def test_a_late_result_is_recorded_as_stale(yard: Yard) -> None:
    worker = yard.join()
    [order] = yard.perform(1)
    [token] = yard.pull(worker)
    yard.fleet.abandon([Abandon(order.run_id, order.effect, order.token)])
    assert yard.stops(worker) == [token]
    yard.pass_ms(3_000, worker)
    assert yard.reports == [], "nobody waits for what may be made again"
    assert yard.fleet.settle([(token, OK)]) == ["stale"]
    [late] = yard.reports
    assert (late.token, late.output) == (order.token, {"ok": True}), "the kernel knows it by its token"
    assert yard.fleet.settle([("attempt_nonsense", OK), (token[:-1] + "!", OK)]) == ["unknown", "unknown"]


def test_what_is_not_begun_in_time_is_given_back(yard: Yard) -> None:
    worker = yard.join(lease_ms=4_000)
    yard.perform(1)
    [token] = yard.pull(worker, started=False)
    yard.pass_ms(5_000, worker)
    assert yard.statuses == ["returned"]
    assert yard.fleet.begin([token]) == ["stale"]


def test_silence_and_deadlines_are_noticed_here(yard: Yard) -> None:
    worker = yard.join()
    yard.perform(1, heartbeat_ms=3_000)
    yard.perform(1, deadline_at=yard.now + 8_000)
    silent, late = yard.pull(worker)
    yard.pass_ms(2_500, worker)
    assert yard.fleet.tell(silent, {"at": 1}, ["a line"]) == "accepted"
    assert next((one.progress, one.lines) for one in yard.fleet.snapshot()) == ({"at": 1}, ("a line",))
    yard.pass_ms(3_500, worker)
    assert [one.error.title for one in yard.reports if one.error] == ["a@1.0.0 was silent for more than 3 s"]
    yard.pass_ms(5_000, worker)
    assert "passed its deadline after 8 s" in yard.reports[1].error.title  # type: ignore[union-attr]
    assert yard.fleet.settle([(late, OK)]) == ["stale"]


def test_an_attempt_asks_once_and_its_time_stands_still_meanwhile(yard: Yard) -> None:
    worker = yard.join(concurrency=1)
    [order] = yard.perform(1, deadline_at=yard.now + 2_000)
    [token] = yard.pull(worker)
    question = Question("tool", "clock", {}, "k")
    future = yard.fleet.ask(token, 1, question)
    assert future is not None and yard.fleet.ask(token, 1, question) is future
    assert [(one.number, one.target) for one in yard.asked] == [(1, "clock")]
    yard.perform(1)
    assert len(yard.pull(worker)) == 1, "one that waits leaves its place to another"
    yard.pass_ms(10_000, worker)
    assert yard.reports == []
    answer = Answer(order.run_id, order.effect, order.token, 1, 42, None, yard.now + 1_000)
    yard.fleet.answer([answer, answer])
    assert future.result(0).output == 42
    yard.pass_ms(4_000, worker)
    assert yard.statuses == ["failed"]
    assert yard.fleet.ask(token, 2, question) is None, "its token ends with it"


def test_draining_takes_nothing_new_and_ends_what_there_is(yard: Yard) -> None:
    worker = yard.join()
    yard.perform(1)
    [token] = yard.pull(worker)
    yard.fleet.drain(worker.id, OPS)
    yard.perform(1)
    assert yard.capacity == {}
    assert yard.fleet.pull(worker.id, OPS, 5) == Pulled([], [], True)
    assert yard.fleet.settle([(token, OK)]) == ["accepted"]
    yard.fleet.leave(worker.id, OPS)
    assert yard.statuses == ["succeeded"] and worker.standing == "left"


def test_nobody_speaks_for_the_worker_of_another(yard: Yard) -> None:
    worker = yard.join()
    with pytest.raises(Gone):
        yard.fleet.pull(worker.id, "user:mallory", 1)


def test_what_a_former_hub_handed_out_is_waited_for(yard: Yard) -> None:
    worker = yard.join()
    orders = yard.perform(4)
    tokens = yard.pull(worker)
    yard.fleet.close()
    assert yard.reports == [], "what workers have is theirs"
    yard.fleet = yard.made()
    yard.fleet.perform([msgspec.structs.replace(one, again=True) for one in orders])
    assert yard.fleet.settle([(tokens[0], OK)]) == ["accepted"], "a result counts even before it registers"
    back = yard.join(previous=worker.id, holding=tuple(tokens[:2]))
    assert yard.fleet.settle([(tokens[0], OK)]) == ["repeated"]
    assert yard.words == {tokens[0]: "stale", tokens[1]: "accepted"}
    assert list(back.bound) == [(orders[1].run_id, 1, orders[1].token)]
    yard.pass_ms(20_000, back)
    assert yard.fleet.tell(tokens[2], 1, []) == "accepted"
    yard.pass_ms(15_000, back)
    assert yard.statuses == ["succeeded", "lost"], "nobody came back with the last one"
    yard.pass_ms(20_000, back)
    assert yard.statuses == ["succeeded", "lost", "lost"]
    assert yard.fleet.settle([(tokens[1], OK)]) == ["accepted"]


def test_what_nobody_had_is_given_back_when_the_hub_ends(yard: Yard) -> None:
    yard.perform(1, delivery="at-most-once")
    yard.fleet.close()
    assert yard.statuses == ["returned"]


def test_a_failure_of_an_attempt_is_one(yard: Yard) -> None:
    worker = yard.join()
    yard.perform(1)
    [token] = yard.pull(worker)
    yard.fleet.settle([(token, AttemptFailed("no such ticket", kind="validation", retryable=False))])
    [report] = yard.reports
    assert (report.status, report.retryable, report.error.title) == ("failed", False, "no such ticket")  # type: ignore[union-attr]


def test_tokens_are_proof_against_change() -> None:
    named = Named(str(uuid4()), 3, 77, "node.ab12")
    token = token_of(KEY, named)
    assert named_by(token) == named and is_genuine(KEY, token)
    assert not is_genuine(b"x" * 32, token)
    assert not is_genuine(KEY, token.replace(".77.", ".78."))
    for text in ("", "attempt_", "attempt_....", "attempt_" + "a" * 600, "ä.1.2.w.x", "attempt_zz.1.2.w.x"):
        assert named_by(text) is None


# --- with a hub -----------------------------------------------------------------------------------


def hosted(name: str, **more: Any) -> Declared:
    spec = {
        "name": name, "version": "1.0.0", "capabilities": [{"name": name}], "runtime": {"type": "worker"},
        "concurrency": 10_000, **more,
    }  # fmt: skip
    return Declared("Agent", name, "1.0.0", digest_of(spec), spec)


class Farm(House):
    """A hub with workers that a test plays."""

    def registered(self, *agents: str, **more: Any) -> str:
        told = Registration(agents=tuple(Hosting(one) for one in agents), **more)
        return str(self.door.staffing.join(told, OPS)["id"])

    def pull(self, worker: str, most: int = 10) -> list[Any]:
        """What there is for a worker; waits until there is something."""
        while True:
            come: Future[None] = Future()
            wake = partial(come.set_result, None)
            pulled = self.door.staffing.fleet.pull(worker, OPS, most, started=True, wake=wake)
            if pulled is not None:
                return pulled.attempts
            come.result(30)

    def settle(self, token: str, output: Any = None) -> str:
        report = Reported(run_id="", effect=0, token=0, status="succeeded", output=output)
        [word] = self.door.staffing.fleet.settle([(token, report)])
        self.door.staffing.durable().result(30)
        return word

    def submit(self, name: str, **more: Any) -> str:
        return str(self.call("submit", workflow=name, **more)["run_id"])

    def types(self, run: str) -> list[str]:
        return [one["type"] for one in self.call("events", run_id=run)]


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[Farm]:
    house = Farm(tmp_path)
    yield house
    house.close()


def test_a_run_waits_for_a_worker_and_says_so(farm: Farm) -> None:
    farm.call("apply", resources=msgspec.to_builtins((hosted("far"), workflow("w", {"a": call("far")}))))
    run = farm.submit("w", input={"n": 1})
    [waits] = farm.call("run", run_id=run)["waiting_for"]
    assert (waits["kind"], waits["message"]) == ("queue", "no live worker hosts far@1.0.0")
    [listed] = farm.call("get", kind="runs")
    assert listed["waiting_for"][0]["message"] == "no live worker hosts far@1.0.0"
    [one] = farm.pull(farm.registered("far@1.0.0", region="eu"))
    assert (one.order.input, one.order.capability) == ({"n": 1}, "far")
    assert farm.settle(one.token, {"n": 2}) == "accepted"
    ended = farm.call("wait", run_id=run)
    assert ended["output"] == {"n": 2}
    settled = farm.call("events", run_id=run)[-2]
    assert settled["body"]["provenance"]["worker"]["region"] == "eu"


def test_a_result_of_another_life_changes_nothing(farm: Farm) -> None:
    farm.call("apply", resources=msgspec.to_builtins((hosted("far"), workflow("w", {"a": call("far")}))))
    first = farm.registered("far@1.0.0")
    run = farm.submit("w")
    [one] = farm.pull(first)
    farm.door.staffing.fleet.leave(first, OPS)
    [again] = farm.pull(farm.registered("far@1.0.0"))
    assert again.order.attempt == 2 and again.order.key == one.order.key
    assert farm.settle(one.token, "late") == "stale"
    assert farm.settle(again.token, "in time") == "accepted"
    assert farm.call("wait", run_id=run)["output"] == "in time"
    assert [one for one in farm.types(run) if one in ("AttemptFailed", "StaleReply", "EffectSettled")] == [
        "AttemptFailed", "StaleReply", "EffectSettled",
    ]  # fmt: skip


def test_work_goes_on_over_a_restart_of_the_hub(farm: Farm) -> None:
    agents = (hosted("far"), hosted("once", delivery="at-most-once"))
    flows = (workflow("w", {"a": call("far")}), workflow("o", {"a": call("once")}))
    farm.call("apply", resources=msgspec.to_builtins((*agents, *flows)))
    worker = farm.registered("far@1.0.0", "once@1.0.0")
    runs = [farm.submit("w"), farm.submit("o"), farm.submit("o")]
    held = {one.order.run_id: one for _ in range(3) for one in farm.pull(worker, 1)}
    assert farm.door.staffing.fleet.begin([one.token for one in held.values()]) == ["accepted"] * 3
    farm.door.staffing.durable().result()
    farm.restart()
    assert farm.settle(held[runs[0]].token, 1) == "accepted"
    token = held[runs[1]].token
    back = farm.registered("far@1.0.0", "once@1.0.0", previous=worker, holding=(token,))
    assert farm.settle(token, 2) == "accepted"
    assert [farm.call("wait", run_id=run)["output"] for run in runs[:2]] == [1, 2]
    assert "AttemptStarted" not in farm.types(runs[1]), "it was made once"
    assert farm.call("run", run_id=runs[2])["waiting_for"][0]["kind"] == "attempt", "it may yet be claimed"
    assert back


def test_registering_for_what_does_not_fit_names_the_difference(farm: Farm, tmp_path: Path) -> None:
    number = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    text = {"type": "object", "properties": {"n": {"type": "string"}}, "required": ["n"]}
    far = hosted("far", capabilities=[{"name": "far", "input": number, "output": number}])
    near = hosted("near", runtime={"type": "worker", "regions": ["eu"], "labels": {"gpu": "yes"}})
    farm.call("apply", resources=msgspec.to_builtins((far, near, agent(tmp_path, "echo"))))

    def refused(*hosting: Hosting, **more: Any) -> list[tuple[str, str]]:
        with pytest.raises(Declined) as caught:
            farm.door.staffing.join(Registration(agents=hosting, **more), OPS)
        return [(one.rule, one.path) for one in caught.value.refused.problems]

    assert refused(Hosting("echo@1.0.0")) == [("runtime", "/agents/0/agent")]
    assert refused(Hosting("near@1.0.0"), region="us") == [("labels", "/labels"), ("region", "/region")]
    wrong = Hosting("far@1.0.0", capabilities=(Capability("far", text, text),))
    assert refused(wrong) == [
        ("contract", "/agents/0/capabilities/0/input"), ("contract", "/agents/0/capabilities/0/output"),
    ]  # fmt: skip
    assert refused(Hosting("far@1.0.0", contract="sha256:0")) == [("contract", "/agents/0/contract")]
    assert refused(Hosting("nobody@1.0.0")) == [("unknown-agent", "/agents/0/agent")]
    right = Hosting("far@1.0.0", capabilities=(Capability("far", number, number),))
    joined = farm.door.staffing.join(Registration(agents=(right,)), OPS)
    again = Hosting("far@1.0.0", contract=joined["agents"][0]["contract"])
    assert farm.door.staffing.join(Registration(agents=(again,)), OPS)["id"] != joined["id"]


def test_a_worker_may_declare_what_it_hosts(farm: Farm) -> None:
    told = Registration(
        agents=(
            Hosting("new@1.0.0", capabilities=(Capability("new"),), spec={"timing": {"deadline": "PT5S"}}),
        )
    )
    with pytest.raises(Declined, match="scope `declare`"):
        farm.door.staffing.undeclared(told, may_declare=False)
    made = farm.door.staffing.undeclared(told, may_declare=True)
    farm.call("apply", resources=msgspec.to_builtins(made))
    assert farm.door.staffing.undeclared(told, may_declare=False) == ()
    shown = farm.call("describe", kind="agent", name="new")
    assert (shown["runtime"], shown["deadline_ms"]) == ({"type": "worker"}, 5_000)
    odd = Hosting(
        "odd@1", capabilities=(Capability("odd"),), spec={"runtime": {"function": {"callable": "os:abort"}}}
    )
    with pytest.raises(Declined, match="semantic version"):
        farm.door.staffing.undeclared(Registration(agents=(odd,)), may_declare=True)
    sly = msgspec.structs.replace(odd, agent="odd@1.0.0")
    [declared] = farm.door.staffing.undeclared(Registration(agents=(sly,)), may_declare=True)
    assert declared.spec["runtime"] == {"type": "worker"}, "workers declare nothing that the hub would run"


def test_routing_follows_who_is_there_and_says_who_could_be_chosen(farm: Farm) -> None:
    offer = [{"name": "c"}]
    farm.call(
        "apply",
        resources=msgspec.to_builtins(
            (
                hosted("one", capabilities=offer),
                hosted("two", capabilities=offer),
                workflow("w", {"a": call("c")}),
            )
        ),
    )
    worker = farm.registered("two@1.0.0")
    run = farm.submit("w")
    [got] = farm.pull(worker)
    assert got.order.agent == "two@1.0.0"
    asked = next(one for one in farm.call("events", run_id=run) if one["type"] == "EffectRequested")
    assert list(asked["candidates"]) == ["one@1.0.0", "two@1.0.0"]
