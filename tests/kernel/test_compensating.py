"""`with.compensate` and `call: compensate`: what was done well is undone in reverse order, each once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from podium.facts import events as e
from podium.facts.values import ERRORS, JSON
from tests.kernel.conversation import Conversation, agent, reported

Converse = Callable[..., Conversation]
AGENTS = (
    agent("shop", "book", concurrency=100),
    agent("clerk", "cancel", concurrency=100, retry={"attempts": 2, "backoff": "constant"}),
)
FUNCTIONS = {"cancel": {"call": "agent", "with": {"capability": "cancel"}}}
BOOM = {"boom": {"raise": {"error": {"type": "test:boom", "status": 500}}}}
UNDO = {"undo": {"call": "compensate"}}


def book(what: str = "", **compensate: JSON) -> JSON:
    compensate.setdefault("function", "cancel")
    given = {"capability": "book", "compensate": compensate}
    if what:
        given["input"] = what
    return {"call": "agent", "with": given}


def trying(*body: JSON, catch: JSON = (UNDO,), **more: JSON) -> JSON:
    return {"try": list(body), "catch": {"do": list(catch)}, **more}


def begin(converse: Converse, *tasks: JSON, functions: JSON = FUNCTIONS, input: JSON = None) -> Conversation:
    talk = converse(list(tasks), agents=AGENTS, use={"functions": functions})
    talk.submit(input)
    return talk


def booked(talk: Conversation) -> None:
    """Every booking that is open succeeds, and gives an id."""
    while found := [order for order in talk.open.values() if order.capability == "book"]:
        order = found[0]
        del talk.open[order.run_id, order.effect]
        talk.tell(reported(order, {"id": f"id-{order.input}"}))


def cancelling(talk: Conversation) -> Any:
    """The only open attempt, which undoes something."""
    (order,) = talk.open.values()
    assert order.capability == "cancel"
    return order


def cancelled(talk: Conversation, output: JSON = "gone") -> JSON:
    """The undo that is open succeeds; gives what it was asked."""
    order = cancelling(talk)
    del talk.open[order.run_id, order.effect]
    talk.tell(reported(order, output))
    return order.input


def failing(talk: Conversation) -> None:
    """The undo that is open fails for good: all attempts of its contract."""
    for _ in range(2):
        order = cancelling(talk)
        del talk.open[order.run_id, order.effect]
        talk.tell(reported(order, status="failed"))
        talk.go_on()


def two(**catch: JSON) -> JSON:
    return trying({"one": book("a")}, {"two": book("b")}, BOOM, **catch)


# --- what is undone ---------------------------------------------------------------------------------


def test_what_was_done_is_undone_in_reverse_order_one_by_one(converse: Converse) -> None:
    talk = begin(converse, {"saga": two()})
    booked(talk)
    assert cancelled(talk) == {"input": "b", "output": {"id": "id-b"}}
    assert cancelled(talk) == {"input": "a", "output": {"id": "id-a"}}
    one, other = "/do/0/saga/try/0/one", "/do/0/saga/try/1/two"
    assert talk.output == [{"task": other, "output": "gone"}, {"task": one, "output": "gone"}]
    assert [event.task for event in talk.events(e.EffectUndone)] == [other, one]
    assert not talk.run.undos


def test_the_log_says_what_undoes_an_effect(converse: Converse) -> None:
    talk = begin(converse, {"saga": two()})
    booked(talk)
    undo = [event.undo for event in talk.events(e.EffectSettled)]
    assert undo[0] == "/do/0/saga/try/0/one/with/compensate/function"


def test_the_input_of_an_undo_sees_the_calls_input_and_output_and_its_scope(converse: Converse) -> None:
    given = {"was": "${ .input }", "id": "${ .output.id }", "at": "${ $index }", "of": "${ $context.who }"}
    loop = {"for": {"in": '["x", "y"]'}, "do": [{"one": book("${ $item }", input=given)}]}
    talk = begin(
        converse,
        {"who": {"set": {"who": "ann"}, "export": {"as": "."}}},
        {
            "saga": trying(
                {"loop": loop}, {"later": {"set": {}, "export": {"as": "{who: 1}"}}} if False else BOOM
            )
        },
    )
    booked(talk)
    assert cancelled(talk) == {"was": "y", "id": "id-y", "at": 1, "of": "ann"}
    assert cancelled(talk) == {"was": "x", "id": "id-x", "at": 0, "of": "ann"}
    assert talk.status == "completed"


def test_what_failed_or_was_torn_down_is_not_undone(converse: Converse) -> None:
    both = {"fork": {"branches": [{"good": book("a")}, {"slow": book("c")}, {"bad": book("b")}]}}
    talk = begin(converse, {"saga": trying({"both": both})})
    for what in ("a", "b"):
        order = next(one for one in talk.open.values() if one.input == what)
        del talk.open[order.run_id, order.effect]
        talk.tell(reported(order, {"id": 1}, status="succeeded" if what == "a" else "failed"))
    assert cancelled(talk)["input"] == "a"
    assert len(talk.output) == 1


def test_nothing_to_undo(converse: Converse) -> None:
    assert begin(converse, {"saga": trying(BOOM)}).output == []


def test_a_call_that_came_out_of_doubt_is_undone(converse: Converse) -> None:
    once = agent("once", "once", delivery="at-most-once")
    task = {"call": "agent", "with": {"capability": "once", "compensate": {"function": "cancel"}}}
    talk = converse(
        [{"saga": trying({"a": task}, BOOM)}], agents=(*AGENTS, once), use={"functions": FUNCTIONS}
    )
    talk.submit({})
    talk.lose("saga/a")
    talk.resolve("succeeded", {"id": 7})
    assert cancelled(talk)["output"] == {"id": 7}


def test_http_calls_are_undone_too(converse: Converse) -> None:
    orders = "https://shop.example.com/orders"
    functions = {
        "order": {"call": "http", "with": {"method": "post", "endpoint": orders, "body": "${ . }"}},
        "withdraw": {"call": "http", "with": {"method": "delete", "endpoint": f"{orders}/{{id}}"}},
    }
    undo = {"function": "withdraw", "input": {"id": "${ .output.id }"}}
    task = {"call": "order", "with": {"what": "tea", "compensate": undo}}
    talk = begin(converse, {"saga": trying({"order": task}, BOOM)}, functions=functions)
    assert talk.order("saga/order").input["body"] == {"what": "tea"}
    talk.settle("saga/order", {"id": 7})
    (order,) = talk.open.values()
    assert (order.input["method"], order.input["endpoint"]) == ("DELETE", f"{orders}/7")


def test_an_output_that_needs_jq_is_transformed_later_and_undone_all_the_same(converse: Converse) -> None:
    task = {**book("a"), "output": {"as": '.id | test("id") | tostring'}}
    talk = begin(converse, {"saga": trying({"one": task}, BOOM)})
    booked(talk)
    assert cancelled(talk)["output"] == {"id": "id-a"}


# --- which of it ------------------------------------------------------------------------------------


def test_an_inner_try_undoes_its_own_and_the_outer_the_rest(converse: Converse) -> None:
    inner = trying({"b": book("b")}, BOOM, catch=[UNDO])
    talk = begin(converse, {"saga": trying({"a": book("a")}, {"inner": inner}, {"c": book("c")}, BOOM)})
    booked(talk)
    assert cancelled(talk)["input"] == "b"
    booked(talk)
    assert cancelled(talk)["input"] == "c"
    assert cancelled(talk)["input"] == "a"
    assert talk.status == "completed"


def test_what_an_inner_try_did_well_belongs_to_the_outer(converse: Converse) -> None:
    inner = trying({"b": book("b")}, catch=[UNDO])
    talk = begin(converse, {"saga": trying({"inner": inner}, BOOM)})
    booked(talk)
    assert cancelled(talk)["input"] == "b"


def test_all_tries_of_a_body_are_undone(converse: Converse) -> None:
    saga = {
        "try": [{"a": book("a")}, BOOM],
        "catch": {"retry": {"limit": {"attempt": {"count": 1}}}, "do": [UNDO]},
    }
    talk = begin(converse, {"saga": saga})
    booked(talk)
    talk.go_on()
    booked(talk)
    assert [cancelled(talk)["input"], cancelled(talk)["input"]] == ["a", "a"]
    keys = [event.key for event in talk.events(e.EffectRequested) if event.key]
    assert len(set(keys)) == 2


def test_a_try_around_the_compensation_is_not_the_scope(converse: Converse) -> None:
    safe = {"safe": trying(UNDO, catch=[{"no": {"set": {"no": 1}}}])}
    talk = begin(converse, {"saga": trying({"a": book("a")}, BOOM, catch=[safe])})
    booked(talk)
    assert cancelled(talk)["input"] == "a"


def test_in_no_catch_it_is_the_try_around_or_the_whole_run(converse: Converse) -> None:
    talk = begin(
        converse,
        {"a": book("a")},
        {"saga": {"try": [{"b": book("b")}, UNDO], "catch": {}}},
        {"all": {"call": "compensate"}},
    )
    booked(talk)
    assert cancelled(talk)["input"] == "b"
    assert cancelled(talk)["input"] == "a"
    assert [one["task"] for one in talk.output] == ["/do/0/a"]


@pytest.mark.parametrize(
    ("scope", "undone"), [("workflow", ["c", "b", "a"]), ("saga", ["c", "b"]), ("inner", ["c"])]
)
def test_a_scope_can_be_named(converse: Converse, scope: str, undone: list[str]) -> None:
    undo = {"undo": {"call": "compensate", "with": {"scope": scope}}}
    inner = trying({"c": book("c")}, BOOM, catch=[undo])
    talk = begin(converse, {"a": book("a")}, {"saga": trying({"b": book("b")}, {"inner": inner})})
    booked(talk)
    assert [cancelled(talk)["input"] for _ in undone] == list(undone)
    assert talk.status == "completed"


def test_maps_and_forks_are_undone_by_when_each_ended(converse: Converse) -> None:
    each = {"call": "map", "with": {"in": '["x", "y", "z"]', "function": book("${ $item }")}}
    talk = begin(converse, {"saga": trying({"each": each}, BOOM)})
    for item in ("y", "x", "z"):
        order = next(one for one in talk.open.values() if one.input == item)
        del talk.open[order.run_id, order.effect]
        talk.tell(reported(order, {"id": item}))
    assert [cancelled(talk)["input"] for _ in range(3)] == ["z", "x", "y"]


def test_each_is_undone_once_however_many_ask(converse: Converse) -> None:
    both = {"fork": {"branches": [UNDO, {"too": {"call": "compensate"}}]}}
    talk = begin(converse, {"saga": two(catch=[{"both": both}, {"again": {"call": "compensate"}}])})
    booked(talk)
    assert len(talk.open) == 2
    for order in list(talk.open.values()):
        del talk.open[order.run_id, order.effect]
        talk.tell(reported(order, "gone"))
    assert talk.output == []
    assert len(talk.events(e.EffectUndone)) == 2


# --- keys -------------------------------------------------------------------------------------------


def test_the_key_of_an_undo_derives_from_that_of_what_it_undoes(converse: Converse) -> None:
    talk = begin(converse, {"saga": two()})
    booked(talk)
    assert cancelling(talk).key == f"{talk.run_id}/2/undo"
    cancelled(talk)
    assert cancelling(talk).key == f"{talk.run_id}/1/undo"


def test_a_key_of_the_authors_own_is_kept(converse: Converse) -> None:
    task = {"call": "agent", "with": {"capability": "book", "input": "a", "idempotencyKey": "order-7"}}
    task["with"]["compensate"] = {"function": "cancel"}  # type: ignore[index]
    own = {"cancel": {"call": "agent", "with": {"capability": "cancel", "idempotencyKey": "mine"}}}
    talk = begin(converse, {"saga": trying({"a": task}, BOOM)})
    booked(talk)
    assert cancelling(talk).key == "order-7/undo"
    talk = begin(converse, {"saga": trying({"a": task}, BOOM)}, functions=own)
    booked(talk)
    assert cancelling(talk).key == "mine"


def test_each_call_of_a_longer_undo_has_a_key_of_its_own_that_never_changes(converse: Converse) -> None:
    cancel = {"call": "agent", "with": {"capability": "cancel"}}
    functions = {
        "cancel": {
            "do": [
                {"first": cancel},
                {"each": {"for": {"in": "[1, 2]"}, "do": [{"one": cancel}]}},
                {"many": {"call": "map", "with": {"in": "[1, 2]", "function": cancel, "concurrency": 1}}},
            ]
        }
    }

    def keys(dies: bool) -> list[str]:
        talk = begin(converse, {"saga": trying({"a": book("a")}, BOOM)}, functions=functions)
        booked(talk)
        found = []
        while talk.status == "running":
            if dies:
                talk.crash()
            found.append(cancelling(talk).key)
            cancelled(talk)
        return found

    found = keys(dies=False)
    assert len(set(found)) == 5
    assert all(key.startswith(f"{found[0].split('/undo')[0]}/undo/") for key in found)
    assert keys(dies=True) == found


# --- failing ----------------------------------------------------------------------------------------


def test_an_undo_that_fails_asks_a_person_and_then_is_done_again(converse: Converse) -> None:
    talk = begin(converse, {"saga": two()})
    booked(talk)
    key = cancelling(talk).key
    failing(talk)
    (asked,) = (effect for effect in talk.run.effects.values() if effect.status == "waiting")
    assert asked.input["title"].startswith("Undoing /do/0/saga/try/1/two failed: ")
    assert asked.input["decisions"] == ["retry", "done"]
    assert '{"id":"id-b"}' in asked.input["description"] and "1 time" in asked.input["description"]
    assert asked.input["undo"]["task"] == "/do/0/saga/try/1/two"
    talk.answer_human("retry")
    assert cancelling(talk).key == key
    assert cancelled(talk)["input"] == "b"
    assert cancelled(talk)["input"] == "a"
    assert [event.verdict for event in talk.events(e.EffectUndone)] == ["succeeded", "succeeded"]
    assert len(talk.events(e.UndoFailed)) == 1


def test_a_person_may_say_that_it_is_done(converse: Converse) -> None:
    talk = begin(converse, {"saga": two()})
    booked(talk)
    failing(talk)
    talk.answer_human("done", why="by telephone")
    assert cancelled(talk)["input"] == "a"
    assert [event.verdict for event in talk.events(e.EffectUndone)] == ["done", "succeeded"]
    assert talk.output[0]["output"]["by"] == "user:ann"


def test_it_may_fail_again_and_again(converse: Converse) -> None:
    talk = begin(converse, {"saga": trying({"a": book("a")}, BOOM)})
    booked(talk)
    for time in range(1, 4):
        failing(talk)
        (asked,) = talk.run.effects.values()
        assert f"It was tried {time} time" in asked.input["description"]
        talk.answer_human("retry")
    cancelled(talk)
    assert talk.status == "completed"


def test_an_input_that_cannot_be_made_asks_a_person(converse: Converse) -> None:
    task = book("a", input="${ .output.id + 1 }")
    talk = begin(converse, {"saga": trying({"a": task}, BOOM)})
    booked(talk)
    (asked,) = talk.run.effects.values()
    assert asked.input["undo"]["error"]["type"] == f"{ERRORS}expression"
    talk.answer_human("retry")
    talk.answer_human("done")
    assert talk.status == "completed"


def test_an_undo_may_see_to_its_own_errors(converse: Converse) -> None:
    careful = trying(
        {"a": {"call": "agent", "with": {"capability": "cancel"}}}, catch=[{"b": {"set": {"ok": 1}}}]
    )
    talk = begin(converse, {"saga": trying({"a": book("a")}, BOOM)}, functions={"cancel": careful})
    booked(talk)
    failing(talk)
    assert talk.output == [{"task": "/do/0/saga/try/0/a", "output": {"ok": 1}}]


def test_a_deep_fault_leaves_nothing_of_the_undo_running(converse: Converse) -> None:
    wide = {"do": [{"both": {"fork": {"branches": [{"w": {"wait": "PT1H"}}, {"c": FUNCTIONS["cancel"]}]}}}]}
    talk = begin(converse, {"saga": trying({"a": book("a")}, BOOM)}, functions={"cancel": wide})
    booked(talk)
    failing(talk)
    assert [frame.kind for frame in talk.run.frames.values()][-2:] == ["compensate", "human"]


def test_the_reason_is_recorded_and_told(converse: Converse) -> None:
    undo = {"undo": {"call": "compensate", "with": {"reason": "because of ${ $error.type }"}}}
    talk = begin(converse, {"saga": trying({"a": book("a")}, BOOM, catch=[undo])})
    booked(talk)
    assert "because of test:boom" in [body.why for body in talk.bodies(e.TaskStarted) if body]
    failing(talk)
    (asked,) = talk.run.effects.values()
    assert asked.input["description"].startswith("Why it is undone: because of test:boom")


def test_a_compensation_that_is_torn_down_leaves_the_rest_to_the_next(converse: Converse) -> None:
    undo = {"undo": {"call": "compensate", "timeout": {"after": "PT1M"}}}
    inner = trying({"a": book("a")}, {"b": book("b")}, BOOM, catch=[undo])
    talk = begin(converse, {"saga": trying({"inner": inner}, catch=[UNDO])})
    booked(talk)
    cancelled(talk)
    key = cancelling(talk).key
    talk.wait(60_000)
    assert cancelling(talk).key == key
    cancelled(talk)
    assert len(talk.events(e.EffectUndone)) == 2


def test_what_an_undo_does_is_not_undone(converse: Converse) -> None:
    functions = {
        "cancel": {"call": "agent", "with": {"capability": "cancel", "compensate": {"function": "noop"}}}
    }
    functions["noop"] = {"set": {"x": 1}}
    talk = begin(converse, {"saga": two()}, functions=functions)
    booked(talk)
    cancelled(talk)
    assert len(talk.run.undos) == 1
    cancelled(talk)
    assert len(talk.output) == 2


@pytest.mark.parametrize("dies", [(0,), (1,), (0, 1, 2, 3, 4, 5, 6)])
def test_a_hub_that_dies_while_it_undoes_goes_on(converse: Converse, dies: tuple[int, ...]) -> None:
    talk = begin(converse, {"saga": two()})
    turn = 0
    failed = False
    while talk.status == "running":
        if turn in dies:
            talk.crash()
        turn += 1
        waiting = [effect for effect in talk.run.effects.values() if effect.status == "waiting"]
        if waiting:
            talk.answer_human("retry")
        elif any(order.capability == "book" for order in talk.open.values()):
            booked(talk)
        elif not failed:
            failing(talk)
            failed = True
        else:
            cancelled(talk)
    assert [event.verdict for event in talk.events(e.EffectUndone)] == ["succeeded", "succeeded"]
    assert len(talk.output) == 2


def test_end_and_exit_lose_nothing(converse: Converse) -> None:
    functions = {"cancel": {"do": [{"c": {"set": {"done": 1}, "then": "exit"}}, BOOM]}}
    talk = begin(converse, {"saga": two()}, functions=functions)
    booked(talk)
    assert [one["output"] for one in talk.output] == [{"done": 1}, {"done": 1}]
