"""Pairs of schemas whose verdicts follow from the specification."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from podium.contracts.compatibility import compare
from podium.resources.schemas import make_validator, schema_faults

PAIRS: list[dict[str, Any]] = YAML(typ="safe", pure=True).load(Path(__file__).with_name("pairs.yaml"))


@pytest.mark.parametrize("pair", PAIRS, ids=[pair["name"] for pair in PAIRS])
def test_the_verdict_is_known(pair: dict[str, Any]) -> None:
    producer, consumer = pair["producer"], pair["consumer"]
    found = compare(producer, consumer)
    assert found.verdict == pair["then"], found
    if "by" in pair:
        assert pair["by"] in {finding.keyword for finding in found.findings}, found
    if "at" in pair:
        assert pair["at"] in {finding.path for finding in found.findings}, found
    for finding in found.findings:
        if finding.verdict == "breaks":
            assert make_validator(producer).is_valid(finding.witness)
            assert not make_validator(consumer).is_valid(finding.witness)


def test_there_are_enough_of_each() -> None:
    verdicts = [pair["then"] for pair in PAIRS]
    assert len(verdicts) >= 100
    assert min(verdicts.count(verdict) for verdict in ("fits", "breaks", "unknown")) >= 6


@pytest.mark.parametrize("side", ["producer", "consumer"])
def test_each_is_a_schema(side: str) -> None:
    assert [pair["name"] for pair in PAIRS if schema_faults(pair[side])] == []
