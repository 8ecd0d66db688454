"""How a run begins, whoever starts it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from podium.facts.events import RunStarted
from podium.facts.sharing import TENANT, TENANT_LABEL
from podium.kernel.state import Shard
from podium.workflow.program import Program

DATA = "data"
"""The label of a run whose value names the labels of its data, `pii,secret`."""


def data_labels(labels: Mapping[str, str]) -> tuple[str, ...]:
    """The labels of the data that a run begins with, by what it was submitted with."""
    named = labels.get(DATA, "")
    return tuple(sorted({one.strip() for one in named.split(",")} - {""})) if named else ()


def tenant_of(labels: Mapping[str, str]) -> str:
    """Whose a run is, by what it was submitted with; "" for `TENANT`."""
    named = labels.get(TENANT_LABEL, "")
    return named if named != TENANT else ""


def run_started(shard: Shard, program: Program, digest: str, **fields: Any) -> RunStarted:
    """The first event of a run of a workflow; `fields` are those that do not follow from that."""
    return RunStarted(
        workflow=program.label, digest=digest,
        deadline_at=shard.now + program.timeout.ms if program.timeout is not None else 0,
        prepares=program.input_from is not None, secrets=program.secrets, deprecated=program.deprecated,
        ordinal=1, **fields,
    )  # fmt: skip
