"""A decorated function declares the same agent as a manifest that says the same."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.agents import calling
from podium.resources.manifest import read_text
from podium.sdk.agent import Context, agent, declared

HEAD = "from __future__ import annotations\nfrom podium.sdk.agent import agent, Context\n"


def module_of(text: str, folder: Path, name: str = "team_agents") -> ModuleType:
    """A module as an import would make it."""
    path = folder.joinpath(*name.split(".")).with_suffix(".py")
    module = ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module
    try:
        exec(compile(text, str(path), "exec"), vars(module))
    finally:
        del sys.modules[name]
    return module


def spec_of(text: str, name: str = "team_agents") -> dict[str, Any]:
    [document], troubles = declared(module_of(HEAD + text, Path("/team"), name))
    assert troubles == []
    return document.spec


def test_the_decorator_and_the_manifest_declare_the_same() -> None:
    python = '''
@agent(
    name="surveyor", version="1.0.0", capability="repo.survey", deadline="PT30S", heartbeat={"seconds": 5},
    delivery="at-most-once", retry={"attempts": 3, "delay": "PT1S", "maxDelay": "PT1M"}, concurrency=8,
    cost={"perCall": {"usd": "0.002"}}, labels={"team": "review"}, isolation="process", memory="512Mi",
)
async def survey(repo: str, depth: int = 3, *, tags: list[str], context: Context) -> dict[str, int]:
    """Counts what is in a repository.

    At length.
    """
'''
    yaml = """
apiVersion: podium.dev/v1
kind: Agent
metadata: {name: surveyor, labels: {team: review}}
spec:
  version: 1.0.0
  description: Counts what is in a repository.
  capabilities:
    - name: repo.survey
      input:
        type: object
        additionalProperties: false
        required: [repo, tags]
        properties:
          repo: {type: string}
          depth: {type: integer, default: 3}
          tags: {type: array, items: {type: string}}
      output: {type: object, additionalProperties: {type: integer}}
  delivery: at-most-once
  timing: {deadline: {seconds: 30}, heartbeat: PT5S}
  retry: {attempts: 3, delay: {seconds: 1}, maxDelay: {minutes: 1}}
  concurrency: 8
  cost: {perCall: {usd: "0.002"}}
  runtime:
    function: {callable: "team_agents:survey", isolation: process, memory: 512Mi}
"""
    [by_function], troubles = declared(module_of(HEAD + python, Path("/team")))
    [by_manifest], more = read_text(yaml, "agents.yaml", "/team")
    assert troubles + more == []
    assert by_function.spec == by_manifest.spec
    assert by_function.digest == by_manifest.digest


OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "deadline": st.sampled_from(["PT30S", "P1D"]),
        "heartbeat": st.sampled_from(["PT0S", "PT3S"]),
        "delivery": st.sampled_from(["at-least-once", "at-most-once"]),
        "retry": st.sampled_from(
            [{}, {"attempts": 2}, {"attempts": 5, "backoff": "linear", "jitter": "PT1S"}]
        ),
        "concurrency": st.integers(1, 300),
        "cost": st.sampled_from([{"perCall": {"usd": "1"}}]),
        "description": st.sampled_from(["One line."]),
        "isolation": st.sampled_from(["none", "process"]),
        "memory": st.sampled_from(["1Gi", "77"]),
    },
)


@given(OPTIONS)
def test_every_option_means_what_it_means_in_a_manifest(options: dict[str, Any]) -> None:
    @agent(name="a", version="1.0.0", capability="a.b", **options)
    async def work(x):  # type: ignore[no-untyped-def]
        return x

    work.__qualname__, work.__module__ = "work", "team_agents"
    module = ModuleType("team_agents")
    module.work = work  # type: ignore[attr-defined]
    [by_function], troubles = declared(module)
    assert troubles == []
    timing: dict[str, Any] = {key: options[key] for key in ("deadline", "heartbeat") if key in options}
    rest: dict[str, Any] = {
        key: options[key]
        for key in ("delivery", "retry", "concurrency", "cost", "description")
        if key in options
    }
    function: dict[str, Any] = {key: options[key] for key in ("isolation", "memory") if key in options}
    spec: dict[str, Any] = {
        "version": "1.0.0",
        "capabilities": [{"name": "a.b"}],
        "timing": timing,
        **rest,
        "runtime": {"function": {"callable": "team_agents:work", **function}},
    }
    manifest = {"apiVersion": "podium.dev/v1", "kind": "Agent", "metadata": {"name": "a"}, "spec": spec}
    [by_manifest], troubles = read_text(json.dumps(manifest), "a.json", str(Path(__file__).parent))
    assert troubles == []
    assert by_function.spec == by_manifest.spec


def test_the_function_stays_what_it_is() -> None:
    def work(x: int) -> int:
        return x + 1

    assert agent(name="a", version="1.0.0")(work) is work
    assert work(1) == 2


NUMBER = {"type": "number", "default": 1.5}


@pytest.mark.parametrize(
    ("signature", "properties", "rest"),
    [
        ("(input: dict)", None, {"additionalProperties": True}),
        ("(input: Model)", {"a": {"type": "integer"}}, {"title": "Model", "required": ["a"]}),
        ("(name: str)", {"name": {"type": "string"}}, {"additionalProperties": False, "required": ["name"]}),
        (
            "(name: str = 'x', **more)",
            {"name": {"type": "string", "default": "x"}},
            {"additionalProperties": True},
        ),
        ("(a, b: float = 1.5)", {"a": {}, "b": NUMBER}, {"additionalProperties": False, "required": ["a"]}),
    ],
)
def test_parameters_become_the_input_schema(
    signature: str, properties: dict[str, Any] | None, rest: dict[str, Any]
) -> None:
    schema = {"type": "object", **rest} | ({} if properties is None else {"properties": properties})
    assert input_schema_of(signature) == schema


@pytest.mark.parametrize("signature", ["(x)", "()", "(context)", "(*args)"])
def test_parameters_that_take_anything_have_no_schema(signature: str) -> None:
    assert input_schema_of(signature) is None


def input_schema_of(signature: str) -> Any:
    model = "from pydantic import BaseModel\nclass Model(BaseModel):\n    a: int\n"
    [capability] = spec_of(f"{model}@agent(name='a', version='1.0.0')\nasync def work{signature}: ...\n")[
        "capabilities"
    ]
    return capability.get("input")


@pytest.mark.parametrize(
    ("returns", "schema"),
    [
        ("", None),
        (" -> Any", None),
        (" -> None", {"type": "null"}),
        (" -> list[str]", {"type": "array", "items": {"type": "string"}}),
        (" -> str | None", {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        (" -> datetime", {"type": "string", "format": "date-time"}),
    ],
)
def test_what_is_returned_becomes_the_output_schema(returns: str, schema: Any) -> None:
    text = "from typing import Any\nfrom datetime import datetime\n"
    [capability] = spec_of(text + f"@agent(name='a', version='1.0.0')\nasync def work(x){returns}: ...\n")[
        "capabilities"
    ]
    assert capability.get("output") == schema


def test_a_function_that_is_not_async_has_a_process() -> None:
    text = "@agent(name='a', version='1.0.0')\n{} work(x): ...\n"
    assert spec_of(text.format("def"))["runtime"]["isolation"] == "process"
    assert spec_of(text.format("async def"))["runtime"]["isolation"] == "none"


def test_where_the_worker_finds_the_function() -> None:
    spec = spec_of("@agent(name='a', version='1.0.0')\ndef work(x): ...\n", "pkg.inner.agents")
    assert spec["runtime"]["callable"] == "pkg.inner.agents:work"
    assert spec["runtime"]["python_path"] == ["/team"]
    assert spec["folder"] == "/team"
    run_as_script = module_of(
        HEAD + "@agent(name='a', version='1.0.0')\ndef work(x): ...\n", Path("/team"), "agents"
    )
    run_as_script.work.__module__ = "__main__"
    [document], _ = declared(run_as_script)
    assert document.spec["runtime"]["callable"] == "agents:work"


BAD = [
    ("@agent(name='A', version='1.0.0', capability='a')", "def f(x): ...", "name", "lower-case"),
    ("@agent(name='a', version='1')", "def f(x): ...", "version", "1.0.0"),
    ("@agent(name='a', version=1)", "def f(x): ...", "wrong-type", "must be text"),
    ("@agent(name='a', version='1.0.0', deadline=30)", "def f(x): ...", "duration", "PT30S"),
    ("@agent(name='a', version='1.0.0', cost={'perCall': {'usd': 0.1}})", "def f(x): ...", "money", "text"),
    ("@agent(name='a', version='1.0.0', retry={'attempt': 2})", "def f(x): ...", "unknown-field", "attempts"),
    ("@agent(name='a', version='1.0.0', labels=3)", "def f(x): ...", "wrong-type", "object"),
    ("@agent(name='a', version='1.0.0')", "def f(x: Missing, y: int): ...", "annotation", "`Missing`"),
    ("@agent(name='a', version='1.0.0')", "def f(x: object(), y: int): ...", "annotation", "`f`"),
    ("@agent(name='a', version='1.0.0')", "def f(x) -> open: ...", "annotation", "output"),
    ("@agent(name='a', version='1.0.0')", "def f(x): yield x", "annotation", "yields"),
    ("@agent(name='a', version='1.0.0')", "def f(x, y, /): ...", "annotation", "positional-only"),
]


@pytest.mark.parametrize(("decorator", "function", "rule", "words"), BAD)
def test_a_bad_declaration_is_a_trouble_at_the_function(
    decorator: str, function: str, rule: str, words: str
) -> None:
    module = module_of(f"{HEAD}\n\n{decorator}\n{function}\n", Path("/team"))
    documents, troubles = declared(module)
    assert documents == []
    assert rule in {trouble.rule for trouble in troubles}
    assert words in " ".join(trouble.message for trouble in troubles)
    assert {(trouble.file, trouble.line) for trouble in troubles} == {("/team/team_agents.py", 5)}


def make() -> Callable[..., Any]:
    @agent(name="a", version="1.0.0")
    def work(x: Any) -> Any:
        return x

    return work


def test_a_function_that_no_worker_can_import_is_refused() -> None:
    module = ModuleType("m")
    module.work = make()  # type: ignore[attr-defined]
    documents, [trouble] = declared(module)
    assert documents == []
    assert trouble.rule == "callable"
    assert trouble.file == __file__


def test_functions_from_elsewhere_count_once_and_wrapped_ones_too() -> None:
    text = """
import functools
def logged(function):
    @functools.wraps(function)
    async def inner(*args, **kwargs):
        return await function(*args, **kwargs)
    return inner
@logged
@agent(name='a', version='1.0.0')
async def work(name: str): ...
again = work
class Not: pass
other = {'no': 'agent'}
"""
    spec = spec_of(text)
    assert spec["runtime"]["callable"] == "team_agents:work"
    assert spec["capabilities"][0]["input"]["required"] == ["name"]


def test_the_context_is_the_one_that_functions_get() -> None:
    assert Context is calling.Context


def test_a_tool_is_declared_by_a_decorator_too() -> None:
    python = """
from podium.sdk.agent import tool

@tool(
    name="payments.refund", version="1.0.0", side_effect="write", risk=3, groups=["payments"],
    result_labels=["pii"], egress=[{"host": "api.example.com"}], deadline="PT10S",
    cost={"perCall": {"usd": "0.01"}},
    undo={"tool": "payments.cancel", "args": {"id": "${ .output }"}}, labels={"team": "payments"},
)
async def refund(amount: int, context: Context) -> str:
    \"\"\"Gives money back.\"\"\"
"""
    yaml = """
apiVersion: podium.dev/v1
kind: Tool
metadata: {name: payments.refund, labels: {team: payments}}
spec:
  version: 1.0.0
  description: Gives money back.
  args:
    type: object
    properties: {amount: {type: integer}}
    required: [amount]
    additionalProperties: false
  result: {type: string}
  sideEffect: write
  risk: 3
  groups: [payments]
  resultLabels: [pii]
  egress: [{host: api.example.com}]
  timing: {deadline: PT10S}
  cost: {perCall: {usd: "0.01"}}
  undo: {tool: payments.cancel, args: {id: '${ .output }'}}
  runtime: {function: {callable: 'team_agents:refund'}}
"""
    [document], troubles = read_text(yaml, "tools.yaml", "/team")
    assert troubles == []
    assert spec_of(python) == document.spec


def test_a_tool_that_is_no_coroutine_has_a_process_of_its_own() -> None:
    python = """
from podium.sdk.agent import tool

@tool(name="clock.read", version="1.0.0", side_effect="none")
def read():
    return 0
"""
    spec = spec_of(python)
    assert spec["runtime"]["isolation"] == "process"
    assert "args" not in spec and "result" not in spec


def test_how_an_agent_asks_is_declared_with_it() -> None:
    python = """
@agent(name="lead", version="1.0.0", calls={"replay": "strict", "onDivergence": "ask", "parkAfter": "PT1M"})
async def lead(input): ...
"""
    spec = spec_of(python)
    assert (spec["replay"], spec["on_divergence"], spec["park_ms"]) == ("strict", "ask", 60_000)
