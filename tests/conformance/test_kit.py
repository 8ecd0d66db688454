"""All scenarios of the official conformance kit, through a real hub; and the official examples.

They are not part of this repository: these tests run where `PODIUM_OWS` names a folder that holds `schema/`,
`examples/` and `ctk/features/` of the Open Workflow Specification.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.examples import RUNS
from tests.conformance.hosting import Host, hosted
from tests.conformance.kit import Scenario, check, scenarios

_FOLDER = os.environ.get("PODIUM_OWS", "")
ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(not _FOLDER, reason="PODIUM_OWS names no copy of the specification")

KIT = list(scenarios(Path(_FOLDER) / "ctk" / "features")) if _FOLDER else []
EXAMPLES = sorted((Path(_FOLDER) / "examples").glob("*.yaml")) if _FOLDER else []


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("PODIUM_ALLOW_RUN", "script,shell")
    with hosted() as made:
        policy = {
            "authority": f"{made.stand_ins.url}/keycloak/realms/fake-authority",
            "grant": "client_credentials",
            "client": {"id": "workflow-runtime-id", "secret": "workflow-runtime-secret"},
        }
        monkeypatch.setenv("PODIUM_SECRET_MYSECRET", json.dumps(policy))
        yield made


def test_the_kit_has_the_scenarios_that_are_known() -> None:
    assert len(KIT) == 21


@pytest.mark.parametrize("scenario", KIT, ids=lambda scenario: scenario.title)
def test_a_scenario(host: Host, scenario: Scenario) -> None:
    ended = host.run(scenario.document, scenario.input)
    for said, text in scenario.expectations:
        check(said, text, ended)


@pytest.mark.parametrize("path", [path for path in EXAMPLES if path.stem in RUNS], ids=lambda path: path.stem)
def test_an_example_runs(host: Host, path: Path) -> None:
    if "script" in path.stem and shutil.which("node") is None:
        pytest.skip("there is no node here")
    given = RUNS[path.stem]
    if given.beside:
        assert not host.apply(given.beside)
    ended = host.run(path.read_text(), given.input, given.events)
    assert ended.status == given.status, ended
    shown: Any = ended.output if ended.status == "completed" else ended.error
    if isinstance(given.output, dict):
        assert {name: shown[name] for name in given.output} == given.output
    elif given.output is not None:
        assert shown == given.output


def test_the_page_says_what_is_so() -> None:
    spec = importlib.util.spec_from_file_location("docs_conformance", ROOT / "docs" / "conformance.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.PAGE.read_text() == module.page(Path(_FOLDER)), "run: python docs/conformance.py"
