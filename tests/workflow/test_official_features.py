"""The conformance scenarios of the Open Workflow Specification, run through the kernel.

They are not part of this repository: these tests run where `PODIUM_OWS` names a folder that holds
`ctk/features/` of the specification. The hosts that the scenarios call are played here; the calls go through
the real HTTP adapter.
"""

from __future__ import annotations

import base64
import os
import re
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from ruamel.yaml import YAML

from podium.facts.values import JSON
from podium.workflow.compile import compile_workflow
from tests.kernel.conversation import Conversation
from tests.kernel.web import StandIn

_FOLDER = os.environ.get("PODIUM_OWS", "")
pytestmark = pytest.mark.skipif(not _FOLDER, reason="PODIUM_OWS names no copy of the specification")

NOT_YET = {
    "Call HTTP Using Basic Authentication": "/do/0/login/with/endpoint/authentication",
    "Call OpenAPI With Content Output": "/do/0/findPet/call",
    "Call OpenAPI With Response Output": "/do/0/getPet/call",
    "Emit Task": "/do/0/emitEvent/emit",
}
"""Scenarios that use what is not supported yet, and the place at which they are refused."""


@dataclass
class Scenario:
    """One scenario: each step with the text block below it, if it has one."""

    name: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def block(self, words: str) -> Any:
        """The YAML below the step that holds these words; None if there is none."""
        return next((_yaml(block) for step, block in self.steps if words in step), None)


def _yaml(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(textwrap.dedent(text))


def scenarios(feature: str) -> list[Scenario]:
    """The scenarios of a feature file."""
    found: list[Scenario] = []
    blocks = re.split(r'^\s*"""(?:yaml)?\n?', feature, flags=re.MULTILINE)
    for number, part in enumerate(blocks):
        if number % 2:
            step, _ = found[-1].steps[-1]
            found[-1].steps[-1] = (step, part)
            continue
        for line in map(str.strip, part.splitlines()):
            if line.startswith("Scenario:"):
                found.append(Scenario(line.removeprefix("Scenario:").strip()))
            elif found and re.match(r"(Given|When|Then|And) ", line):
                found[-1].steps.append((line.partition(" ")[2], ""))
    return found


def _all() -> list[Any]:
    if not _FOLDER:
        return []
    return [
        pytest.param(one, id=f"{path.stem}: {one.name}")
        for path in sorted((Path(_FOLDER) / "ctk" / "features").glob("*.feature"))
        for one in scenarios(path.read_text())
    ]


# --- the hosts that they call -----------------------------------------------------------------------


def hosts(method: str, uri: str, headers: Mapping[str, str]) -> tuple[int, JSON]:
    """The pet store, and the site that asks for a password."""
    parts = urlsplit(uri)
    path = parts.path.strip("/").split("/")
    if parts.hostname == "httpbin.org" and path[0] == "basic-auth":
        wanted = base64.b64encode(":".join(path[1:3]).encode()).decode()
        return (
            (200, {"authenticated": True}) if headers.get("authorization") == f"Basic {wanted}" else (401, {})
        )
    if path[:2] != ["v2", "pet"]:
        return 404, {"message": "no such page"}
    if path[2:] == ["findByStatus"]:
        status = parse_qs(parts.query)["status"][0]
        return 200, [_pet(1, status), _pet(2, status)]
    return (
        (200, _pet(int(path[2]), "available"))
        if path[2:] and path[2].isdigit()
        else (404, {"message": "no pet"})
    )


def _pet(number: int, status: str) -> JSON:
    return {"id": number, "name": f"pet {number}", "status": status}


# --- the steps --------------------------------------------------------------------------------------


def _completes(talk: Conversation, block: str) -> None:
    assert talk.status == "completed", talk.run.error
    if block:
        assert talk.output == _yaml(block)


def _faults(talk: Conversation, block: str) -> None:
    expected = _yaml(block) if block else {}
    assert {name: getattr(talk.error, name) for name in expected} == expected


def _at(talk: Conversation, path: str) -> Any:
    value = talk.output
    for name in path.split("."):
        assert isinstance(value, dict) and name in value, f"no {path} in {talk.output}"
        value = value[name]
    return value


def _has(talk: Conversation, block: str, names: str) -> None:
    for path in re.findall(r"'([^']+)'", names):
        _at(talk, path)


def _has_items(talk: Conversation, block: str, path: str, count: str) -> None:
    assert len(_at(talk, path)) == int(count)


def _has_value(talk: Conversation, block: str, path: str) -> None:
    assert _at(talk, path) == _yaml(block)


def _first(talk: Conversation, block: str, task: str) -> None:
    assert talk.trace()[0] == task


def _last(talk: Conversation, block: str, task: str) -> None:
    assert talk.trace()[-1] == task


def _after(talk: Conversation, block: str, later: str, earlier: str) -> None:
    assert talk.trace().index(later) > talk.trace().index(earlier)


STEPS: list[tuple[str, Callable[..., None]]] = [
    (r"(?:and )?(?:given )?(?:a workflow with definition:|the workflow input is:)", lambda talk, block: None),
    (r"the workflow is executed", lambda talk, block: None),
    (r"the workflow should complete(?: with output:)?", _completes),
    (r"the workflow should fault(?: with error:)?", _faults),
    (r"the workflow output should have properties (.*)", _has),
    (r"the workflow output should have a '(.*)' property containing (\d+) items", _has_items),
    (r"the workflow output should have a '(.*)' property with value:", _has_value),
    (r"(\w+) should run first", _first),
    (r"(\w+) should run last", _last),
    (r"(\w+) should run after (\w+)", _after),
]


def _take(step: str, block: str, talk: Conversation) -> None:
    for pattern, look in STEPS:
        said = re.fullmatch(pattern, step)
        if said is not None:
            look(talk, block, *said.groups())
            return
    raise AssertionError(f"no such step is known: {step}")


@pytest.mark.parametrize("scenario", _all())
def test_a_scenario_holds(scenario: Scenario) -> None:
    document = scenario.block("a workflow with definition")
    program, problems = compile_workflow(document, "sha256:0")
    if scenario.name in NOT_YET:
        assert [(problem.rule, problem.path) for problem in problems] == [
            ("configuration", NOT_YET[scenario.name])
        ]
        pytest.xfail(problems[0].message)
    assert program is not None, problems
    parts = {name: part for name, part in document.items() if name not in ("document", "do")}
    talk = Conversation(document["do"], **parts)
    talk.submit(scenario.block("the workflow input is"))
    StandIn(hosts).serve(talk)
    for step, block in scenario.steps:
        _take(step, block, talk)


def test_every_scenario_is_found() -> None:
    names = [param.values[0].name for param in _all()]
    texts = [path.read_text() for path in (Path(_FOLDER) / "ctk" / "features").glob("*.feature")]
    assert len(names) == sum(text.count("Scenario:") for text in texts) > 0
    assert set(NOT_YET) <= set(names)
