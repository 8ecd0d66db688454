"""The schema for editors takes what the compiler takes."""

from __future__ import annotations

import jsonschema_rs
import pytest

from podium.resources.workflow_schema import workflow_schema
from tests.workflow.documents import DOCUMENTS

CHECK = jsonschema_rs.validator_for(workflow_schema())


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_shape_that_compiles_is_known(name: str) -> None:
    assert [error.message for error in CHECK.iter_errors(DOCUMENTS[name])] == []
