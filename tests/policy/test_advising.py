"""What nothing allows is told with the policies that could, and with words to copy that help."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest

from podium.cli.policing import _set
from podium.facts.policy import Action, Destination
from podium.policy.advising import ways_out
from podium.policy.rehearsing import scene_of
from tests.policy.making import asked, policies, tool, version

READ = "rules: [{id: read, effect: allow, match: {tools: [orders.read]}}]"
HELLO = Action("agent", "greeter", "hello.greet", workflow="examples/hello")
ACTIONS = [
    HELLO,
    tool("payments.refund", groups=("payments",), side_effect="write"),
    tool("mail.send", roles=(), destinations=(Destination("letters.example", "mailto"),)),
    Action(
        "http", "http.get", workflow="a/b", destinations=(Destination("api.example"),), side_effect="read"
    ),
    Action("emit", "it's here", workflow="a/b"),
    Action("human", workflow="a/b"),
    Action("workflow", "examples/greet", workflow="a/b"),
]


def advice(action: Action) -> tuple[str, list[str]]:
    """The rule that is offered, and the values of the command."""
    rule, command = ways_out(action).splitlines()
    found = re.search(r"\{id: …, (effect: allow, .*)\}$", rule)
    assert found
    words = shlex.split(command.partition(": ")[2])
    assert words[:3] == ["podium", "policy", "explain"]
    assert set(words[3::2]) == {"--value"}
    return found[1], words[4::2]


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: f"{action.kind} {action.target}")
def test_the_rule_that_is_offered_allows_it(action: Action) -> None:
    assert asked(policies(READ), action).rules == ("default",)
    rule, _ = advice(action)
    assert asked(policies(f"rules: [{{id: new, {rule}}}]"), action).rules == ("test/new",)


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: f"{action.kind} {action.target}")
def test_the_command_that_is_offered_is_about_the_same_action(action: Action) -> None:
    rule, given = advice(action)
    values: dict[str, Any] = {}
    for one in given:
        name, _, text = one.partition("=")
        _set(values, name, text)
    scene = scene_of(values, version(READ))
    same = ("kind", "target", "capability", "groups", "side_effect", "agent", "roles", "workflow")
    assert [getattr(scene.action, name) for name in same] == [getattr(action, name) for name in same]
    assert asked(policies(f"rules: [{{id: new, {rule}}}]"), scene.action).verdict == "allow"


def test_the_policies_that_could_allow_it_are_named() -> None:
    assert asked(policies(READ), HELLO).message == (
        "no policy allows agent greeter (hello.greet) by workflow examples/hello: no rule of test does"
    )


def test_policies_about_other_things_are_named_as_such() -> None:
    other = f"appliesTo: {{workflows: [shop/refund]}}\n{READ}"
    assert asked(policies(other), HELLO).message.endswith(": test is about other things (`appliesTo`)")


def test_a_narrower_policy_that_takes_away_is_named() -> None:
    wide, narrow = "rules: [{id: all, effect: allow}]", f"appliesTo: {{workflows: [examples/*]}}\n{READ}"
    decision = asked(policies(wide, narrow), HELLO)
    assert (decision.verdict, decision.rules) == ("deny", ("default",))
    assert "test/all would, but no rule of test1, which is about it by `appliesTo`" in decision.message
