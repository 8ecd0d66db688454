"""The API against its own description: whatever is sent, no defect and no answer that is not described."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.server.hubs import Hub, served

CHECKS: Any = (
    not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance,
)  # fmt: skip

EXAMPLES = 6

LEFT_OUT = r"^/v1/(erase|audit/export)$|^/v1/workers"
"""What ends for good, what takes its time, and what waits for work."""


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with served(tmp_path_factory.mktemp("api")) as hub:
        hub.serving.accounts().set_roles("adam", ("admin", "operator", "approver", "worker"))
        yield hub


@pytest.mark.parametrize(
    "mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda mode: mode.value
)
def test_it_answers_as_it_says(api: Hub, mode: GenerationMode) -> None:
    schema = schemathesis.openapi.from_url(f"{api.url}/v1/openapi.json")
    wanted = schema.exclude(path_regex=LEFT_OUT).exclude(path="/v1/events", method="GET")
    headers = {"authorization": f"Bearer {api.tokens['adam']}"}
    wrong, tried = [], 0
    for found in wanted.get_all_operations():
        operation = found.ok()

        @settings(
            max_examples=EXAMPLES, derandomize=True, deadline=None, phases=[Phase.generate],
            database=None, suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=operation.as_strategy(generation_mode=mode))
        def answers(case: Any) -> None:
            case.call_and_validate(headers=headers, checks=CHECKS, timeout=40)

        try:
            answers()
        except Unsatisfiable:
            # There is nothing that could be wrong about it.
            continue
        except BaseExceptionGroup as failure:
            wrong.append(f"{operation.label}: {failure.exceptions}")
        tried += 1
    assert not wrong, "\n\n".join(wrong)
    assert tried > 40
