"""The pages about policies: what they show can be applied, and what they list is there."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from podium.facts.policy_version import PolicyVersion
from podium.policy.rehearsing import rehearse, unsound
from podium.resources.manifest import read_text
from tests.policy.making import compiled, version

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs" / "guides" / "policy.md"
BLOCKS = re.findall(r"^```yaml\n(.*?)^```", GUIDE.read_text(), flags=re.MULTILINE | re.DOTALL)
WHOLE = [block for block in BLOCKS if block.startswith("apiVersion:")]
PARTS = [block for block in BLOCKS if not block.startswith("apiVersion:")]


def test_the_reference_is_made_from_the_code() -> None:
    place = ROOT / "docs" / "policies.py"
    spec = importlib.util.spec_from_file_location(place.stem, place)
    assert spec is not None and spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.PAGE.read_text() == module.page(), "run: python docs/policies.py"


@pytest.mark.parametrize("block", PARTS)
def test_every_part_of_the_guide_is_sound(block: str) -> None:
    assert unsound(version(block)) == []


def test_the_whole_policy_of_the_guide_passes_its_tests() -> None:
    (text,) = WHOLE
    documents, troubles = read_text(text, str(GUIDE), "/")
    assert troubles == []
    outcomes = rehearse(compiled(msgspec.convert(documents[0].spec, PolicyVersion)))
    assert [(one.test.name, one.failure) for one in outcomes if one.failure] == []
    assert len(outcomes) == 9
