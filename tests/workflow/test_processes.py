"""`run: script` and `run: shell`: what compiles, what is refused, and what a hub has to allow."""

from __future__ import annotations

from typing import Any

import pytest

from podium.workflow.compile import compile_workflow
from podium.workflow.processes import CODE_BYTES_MAX, PROCESSES, forbidden
from podium.workflow.program import RunProcess
from tests.workflow.documents import DOCUMENTS, problems_of, task


def shell(**members: Any) -> dict[str, Any]:
    return task({"run": {"shell": {"command": "ls", **members}}})


def script(**members: Any) -> dict[str, Any]:
    return task({"run": {"script": {"language": "python", "code": "1", **members}}})


def test_processes_become_expressions() -> None:
    program, problems = compile_workflow(DOCUMENTS["processes"], "sha256:0")
    assert program is not None, problems
    found = {node.name: node.detail for node in program.nodes if isinstance(node.detail, RunProcess)}
    one, two, three = found["shell"], found["script"], found["js"]
    assert (one.what, one.language, one.returns) == ("shell", "sh", "all")
    assert one.code.startswith('echo "$1 ${GREETING:-none}')
    assert one.request.native is not None
    assert one.request.native({"text": [1], "first": "a", "name": "Ada"}, {}) == {
        "stdin": [1], "arguments": ["a", "plain"], "environment": {"GREETING": "Hello, Ada", "COUNT": 3},
    }  # fmt: skip
    assert (two.what, two.language, two.returns) == ("script", "python", "stdout")
    assert two.code == "print('${not an expression}')"
    assert (three.language, three.returns) == ("js", "code")


def test_a_hub_has_to_allow_them() -> None:
    program, _ = compile_workflow(DOCUMENTS["processes"], "sha256:0")
    assert program is not None
    assert forbidden(program, PROCESSES) == []
    found = forbidden(program, {"script"})
    assert [(problem.rule, problem.path) for problem in found] == [("configuration", "/do/0/shell/run/shell")]
    assert "PODIUM_ALLOW_RUN=shell" in found[0].message
    assert len(forbidden(program, frozenset())) == 3


@pytest.mark.parametrize(
    "command", ["echo ${ .x }", "echo ${.x}", "echo '${ $input }'", 'echo ${"x"}', "${(.x)}"]
)
def test_data_cannot_become_a_command(command: str) -> None:
    assert problems_of(shell(command=command)) == [("wrong-value", "/do/0/a/run/shell/command")]


@pytest.mark.parametrize("command", ["echo ${x}", "echo ${#x} ${1} ${@} ${!x} ${?} ${x:-y}", "echo $x"])
def test_variables_of_the_shell_are_its_own(command: str) -> None:
    program, problems = compile_workflow(shell(command=command), "sha256:0")
    assert program is not None, problems


AT = "/do/0/a/run"


@pytest.mark.parametrize(
    ("value", "rule", "path"),
    [
        (task({"run": {"shell": {"command": "ls"}, "script": {}}}), "wrong-value", ""),
        (task({"run": {"shell": "ls"}}), "wrong-type", "/shell"),
        (task({"run": {"shell": {}}}), "missing-field", "/shell"),
        (task({"run": {"shell": {"command": "ls"}, "await": False}}), "configuration", "/await"),
        (task({"run": {"shell": {"command": "ls"}, "await": 1}}), "wrong-type", "/await"),
        (task({"run": {"shell": {"command": "ls"}, "return": "both"}}), "wrong-value", "/return"),
        (task({"run": {"shell": {"command": "ls"}, "retrun": "all"}}), "unknown-field", "/retrun"),
        (shell(command=1), "wrong-type", "/shell/command"),
        (shell(command="a\0b"), "wrong-value", "/shell/command"),
        (shell(command="x" * (CODE_BYTES_MAX + 1)), "wrong-value", "/shell/command"),
        (shell(stdin=1), "wrong-type", "/shell/stdin"),
        (shell(stdin="${ .x"), "expression", "/shell/stdin"),
        (shell(arguments="x"), "wrong-type", "/shell/arguments"),
        (shell(arguments=[1]), "wrong-type", "/shell/arguments/0"),
        (shell(arguments=["${ $x }"]), "unknown-variable", "/shell/arguments/0"),
        (shell(environment=[1]), "wrong-type", "/shell/environment"),
        (shell(environment={"a b": "x"}), "wrong-value", "/shell/environment/a b"),
        (shell(language="sh"), "unknown-field", "/shell/language"),
        (script(language="ruby"), "configuration", "/script/language"),
        (script(language=1), "wrong-type", "/script/language"),
        (script(source={"endpoint": "https://x"}), "configuration", "/script/source"),
        (script(code=1), "wrong-type", "/script/code"),
        (task({"run": {"container": {"image": "x"}}}), "configuration", "/container"),
    ],
)  # fmt: skip
def test_refusals(value: Any, rule: str, path: str) -> None:
    assert set(problems_of(value)) == {(rule, AT + path)}
