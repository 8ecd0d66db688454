"""Every document that compiles is valid by the language's official schema.

The schema, the examples and the conformance scenarios are not part of this repository: these tests run where
`PODIUM_OWS` names a folder that holds `schema/workflow.yaml`, `examples/` and `ctk/features/` of the Open
Workflow Specification.
"""

from __future__ import annotations

import os
import re
import textwrap
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, event, given, settings
from ruamel.yaml import YAML

from podium.workflow.compile import compile_workflow
from tests.kernel.random_workflows import Made, workflows
from tests.workflow.documents import DOCUMENTS, document, spoiled

_FOLDER = os.environ.get("PODIUM_OWS", "")
pytestmark = pytest.mark.skipif(not _FOLDER, reason="PODIUM_OWS names no copy of the specification")


def _yaml(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def _validators() -> list[Any]:
    if not _FOLDER:
        return []
    schema = _yaml((Path(_FOLDER) / "schema" / "workflow.yaml").read_text())
    return [jsonschema_rs.Draft202012Validator(schema, validate_formats=formats) for formats in (False, True)]


VALIDATORS = _validators()


def _assert_valid(document: Any) -> None:
    for validator in VALIDATORS:
        validator.validate(document)


def _examples() -> list[Any]:
    folder = Path(_FOLDER or ".") / "examples"
    return [pytest.param(path, id=path.stem) for path in sorted(folder.glob("*.yaml"))] if _FOLDER else []


def _scenarios() -> list[Any]:
    if not _FOLDER:
        return []
    found = []
    for path in sorted((Path(_FOLDER) / "ctk" / "features").glob("*.feature")):
        definitions = re.findall(r'with definition:\s*"""yaml\n(.*?)\n\s*"""', path.read_text(), re.DOTALL)
        for number, text in enumerate(definitions):
            found.append(pytest.param(textwrap.dedent(text), id=f"{path.stem}-{number}"))
    return found


@pytest.mark.parametrize("name", DOCUMENTS)
def test_our_own_documents_are_valid(name: str) -> None:
    _assert_valid(DOCUMENTS[name])


@settings(max_examples=2000, suppress_health_check=[HealthCheck.too_slow])
@given(spoiled())
def test_what_compiles_is_valid(document: Any) -> None:
    program, _ = compile_workflow(document, "sha256:0")
    event("compiles" if program else "is refused")
    if program is not None:
        _assert_valid(document)


@settings(max_examples=300)
@given(workflows())
def test_workflows_made_at_random_are_valid(made: Made) -> None:
    _assert_valid(document(*made.do))


@pytest.mark.parametrize("path", _examples())
def test_an_example_compiles_or_is_refused_for_what_is_not_supported(path: Path) -> None:
    program, problems = compile_workflow(_yaml(path.read_text()), "sha256:0")
    assert (program is None) == bool(problems)
    assert {problem.rule for problem in problems} <= {"configuration"}
    assert all(problem.path.startswith("/") for problem in problems)


@pytest.mark.parametrize("text", _scenarios())
def test_a_scenario_compiles_or_is_refused_for_what_is_not_supported(text: str) -> None:
    program, problems = compile_workflow(_yaml(text), "sha256:0")
    assert program is not None or {problem.rule for problem in problems} == {"configuration"}
