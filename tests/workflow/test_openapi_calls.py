"""`call: openapi`: what compiles, and what is refused where."""

from __future__ import annotations

from typing import Any

import pytest

from podium.workflow.compile import compile_workflow
from podium.workflow.program import CallOpenApi
from tests.workflow.documents import DOCUMENTS, problems_of, task

DOCUMENT = {"endpoint": "https://x/api.json"}


def calling(**arguments: Any) -> dict[str, Any]:
    return task({"call": "openapi", "with": {"document": DOCUMENT, "operationId": "o", **arguments}})


def test_calls_become_expressions() -> None:
    program, problems = compile_workflow(DOCUMENTS["openapi"], "sha256:0")
    assert program is not None, problems
    calls = {node.name: node.detail for node in program.nodes if isinstance(node.detail, CallOpenApi)}
    literal, whole, local = calls["literal"], calls["whole"], calls["local"]
    assert literal.request.native is not None
    assert literal.request.native({"version": "v 2", "status": "available"}, {}) == {
        "document": "https://pets.example.com/v%202/swagger.json",
        "parameters": {"status": ["available", "sold"]},
    }
    assert (literal.operation, literal.output, literal.redirect) == ("findPetsByStatus", "content", False)
    assert (literal.idempotent, literal.local, literal.authentication) == (False, False, None)
    assert (whole.output, whole.redirect, whole.idempotent) == ("response", True, True)
    assert whole.authentication is not None and whole.authentication.scheme == "Bearer"
    assert whole.document_authentication is not None and whole.document_authentication.scheme == "Basic"
    assert local.local and local.request.native is not None
    assert local.request.native({}, {})["document"] == "file:///srv/apis/pets%20v2.json"


@pytest.mark.parametrize(
    ("value", "rule", "path"),
    [
        (calling(document="https://x"), "wrong-type", "/document"),
        (calling(document={}), "missing-field", "/document"),
        (calling(document={"endpoint": "file://host/x"}), "endpoint", "/document/endpoint"),
        (calling(document={"endpoint": "file:///x/{name}"}), "endpoint", "/document/endpoint"),
        (calling(document={"endpoint": "ftp://x/y"}), "endpoint", "/document/endpoint"),
        (calling(document={"endpoint": "${ .x"}), "endpoint", "/document/endpoint"),
        (calling(document={"endpoint": "${ .x )}"}), "expression", "/document/endpoint"),
        (calling(document={**DOCUMENT, "name": 1}), "wrong-type", "/document/name"),
        (calling(operationId="${ .x }"), "wrong-type", "/operationId"),
        (calling(operationId=1), "wrong-type", "/operationId"),
        (calling(parameters=[1]), "wrong-type", "/parameters"),
        (calling(parameters={"a": ["${ $x }"]}), "unknown-variable", "/parameters/a/0"),
        (calling(parameters={"a": "${ $authorization }"}), "unknown-variable", "/parameters/a"),
        (calling(output="all"), "wrong-value", "/output"),
        (calling(redirect="yes"), "wrong-type", "/redirect"),
        (calling(authentication={"use": "x"}), "unknown-name", "/authentication/use"),
        (
            calling(document={"endpoint": {"uri": "https://x", "authentication": {"basic": {}}}}),
            "missing-field", "/document/endpoint/authentication/basic",
        ),
        (calling(body={}), "unknown-field", "/body"),
    ],
)  # fmt: skip
def test_refusals(value: Any, rule: str, path: str) -> None:
    assert set(problems_of(value)) == {(rule, f"/do/0/a/with{path}")}
