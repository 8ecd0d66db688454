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

ENDLESS = "/v1/events"
"""The answer to this never ends; looked at on its own."""


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
    wanted = schema.exclude(path=ENDLESS, method="GET")
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


@pytest.mark.parametrize("last", ["", "0.0", "1.5", "x", "9" * 41, "-1.-1", "1" * 61, "\xff"])
def test_the_endless_answer_is_as_it_is_described(api: Hub, last: str) -> None:
    with api.http() as http:
        answers = http.get("/v1/openapi.json").json()["paths"][ENDLESS]["get"]["responses"]
        with http.stream("GET", ENDLESS, headers={b"last-event-id": last.encode("latin-1")}) as found:
            kind = found.headers["content-type"].partition(";")[0]
            assert found.status_code == (422 if len(last) > 60 else 200)
            assert kind in answers[str(found.status_code)]["content"]
            assert next(found.iter_bytes())
