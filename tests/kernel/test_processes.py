"""`run: script` and `run: shell` in the kernel: made at most once, with the deadline that the task has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from podium.facts.secrets import placeholder
from tests.kernel.conversation import START, Conversation

Converse = Callable[..., Conversation]


def test_the_performer_gets_all_of_it(converse: Converse) -> None:
    shell = {
        "command": "echo $1",
        "arguments": ["${ .x }"],
        "environment": {"KEY": "${ .key }"},
        "stdin": "${ . }",
    }
    task = {
        "input": {"from": {"x": "${ .x }", "key": "${ $secrets.key }"}},
        "run": {"shell": shell, "return": "all"},
        "output": {"as": ".stdout"},
    }
    talk = converse([{"a": task}], use={"secrets": ["key"]})
    talk.submit({"x": "1"})
    order = talk.order("a")
    key = placeholder("key")
    assert (order.kind, order.delivery, order.secrets) == ("process", "at-most-once", ("key",))
    assert order.input == {
        "what": "shell", "language": "sh", "code": "echo $1", "return": "all", "arguments": ["1"],
        "environment": {"KEY": key}, "stdin": {"x": "1", "key": key},
    }  # fmt: skip
    talk.settle("a", {"code": 0, "stdout": "1", "stderr": ""})
    assert talk.output == "1"


def test_what_a_crash_left_unknown_is_in_doubt(converse: Converse) -> None:
    talk = converse([{"a": {"run": {"shell": {"command": "ls"}}}}])
    talk.submit({})
    talk.lose("a")
    assert talk.run.effects[1].status == "in_doubt"


@pytest.mark.parametrize(("timeout", "deadline_ms"), [(None, 60_000), ("PT10M", 600_000), ("PT1S", 1_000)])
def test_its_deadline_is_the_tasks(converse: Converse, timeout: str | None, deadline_ms: int) -> None:
    task: dict[str, Any] = {"run": {"script": {"language": "python", "code": "1"}}}
    if timeout:
        task["timeout"] = {"after": timeout}
    talk = converse([{"a": task}])
    talk.submit({})
    assert talk.order("a").deadline_at == START + deadline_ms
