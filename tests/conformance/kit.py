"""The official conformance kit: its scenarios, read from the feature files, and what their steps mean.

The kit is not part of this repository; it is read where `PODIUM_OWS` names a copy of the specification.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

_STEP = re.compile(r"\s*(?:Given|When|Then|And|But) (.*?):?\s*$")
_QUOTED = re.compile(r"'([^']*)'")
_FENCE = '"""'


def from_yaml(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


@dataclass
class Scenario:
    """One scenario: its steps, each with the text that stands below it, if there is one."""

    feature: str
    name: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    @property
    def title(self) -> str:
        return f"{self.feature}: {self.name}"

    def text(self, step: str) -> str:
        """The text below a step; "" without that step."""
        return next((text for said, text in self.steps if said == step), "")

    @property
    def document(self) -> str:
        return self.text("a workflow with definition")

    @property
    def input(self) -> Any:
        return from_yaml(self.text("given the workflow input is") or "{}")

    @property
    def expectations(self) -> list[tuple[str, str]]:
        executed = [said for said, _ in self.steps].index("the workflow is executed")
        return self.steps[executed + 1 :]


def scenarios(folder: Path) -> Iterator[Scenario]:
    """All scenarios of the feature files in a folder."""
    for path in sorted(folder.glob("*.feature")):
        yield from _of_feature(path.stem, path.read_text().splitlines())


def _of_feature(feature: str, lines: list[str]) -> Iterator[Scenario]:
    scenario: Scenario | None = None
    below: list[str] | None = None
    for line in lines:
        bare = line.strip()
        if below is not None:
            if bare == _FENCE:
                assert scenario is not None
                said, _ = scenario.steps[-1]
                scenario.steps[-1] = (said, textwrap.dedent("\n".join(below)))
                below = None
            else:
                below.append(line)
        elif bare.startswith(_FENCE):
            below = []
        elif bare.startswith("Scenario:"):
            if scenario is not None:
                yield scenario
            scenario = Scenario(feature, bare.removeprefix("Scenario:").strip())
        elif scenario is not None and (step := _STEP.match(line)):
            scenario.steps.append((step[1], ""))
    if scenario is not None:
        yield scenario


@dataclass(frozen=True)
class Ended:
    """How a run ended; `tasks` are the names of its tasks in the order in which they started."""

    status: str
    output: Any
    error: Any
    tasks: list[str]


def check(said: str, text: str, ended: Ended) -> None:
    """Hold a run to an expectation. Raises AssertionError; ValueError for a step that means nothing here."""
    expected = from_yaml(text) if text else None
    quoted = _QUOTED.findall(said)
    if said.startswith("the workflow should complete"):
        assert ended.status == "completed", ended
        if "with output" in said:
            assert ended.output == expected, ended.output
    elif said.startswith("the workflow should fault"):
        assert ended.status == "faulted", ended
        for name, value in (expected or {}).items():
            assert ended.error.get(name) == value, ended.error
    elif said.startswith("the workflow output should have properties"):
        for path in quoted:
            at(ended.output, path)
    elif said.endswith("with value"):
        assert at(ended.output, quoted[0]) == expected
    elif count := re.search(r"containing (\d+) items?", said):
        assert len(at(ended.output, quoted[0])) == int(count[1])
    elif order := re.fullmatch(r"(\S+) should run (first|last|after (\S+))", said):
        _check_order(order, ended.tasks)
    else:
        raise ValueError(f"no meaning for the step: {said}")


def _check_order(order: re.Match[str], tasks: list[str]) -> None:
    name, place, before = order[1], order[2], order[3]
    assert name in tasks, tasks
    if place == "first":
        assert tasks[0] == name, tasks
    elif place == "last":
        assert tasks[-1] == name, tasks
    else:
        assert tasks.index(before) < tasks.index(name), tasks


def at(value: Any, path: str) -> Any:
    """The member of an output that a path with dots names."""
    for name in path.split("."):
        assert isinstance(value, dict) and name in value, (path, value)
        value = value[name]
    return value
