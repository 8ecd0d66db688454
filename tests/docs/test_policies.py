"""The pages about policies: what they show can be applied, and what they list is there."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from ruamel.yaml import YAML

from podium.facts.policy_version import Match, PolicyVersion, Rule
from podium.policy.rehearsing import rehearse, unsound
from podium.resources.manifest import read_text
from tests.kernel.conversation import Conversation, agent
from tests.policies import policy
from tests.policy.making import compiled, version

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs" / "guides" / "policy.md"
BLOCKS = re.findall(r"^```yaml\n(.*?)^```", GUIDE.read_text(), flags=re.MULTILINE | re.DOTALL)
WHOLE = [block for block in BLOCKS if block.startswith("apiVersion:")]
GUARDED = [block for block in BLOCKS if block.startswith("document:")]
PARTS = [block for block in BLOCKS if block not in (*WHOLE, *GUARDED)]


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


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("It is on its way.", {"text": "It is on its way."}),
        ("-----BEGIN PRIVATE KEY-----", "desk/no-keys"),
        ("x" * 2001, "desk/short"),
    ],
)
def test_the_check_of_the_guide_stands_guard_over_every_answer(text: str, given: Any) -> None:
    (document,) = (YAML(typ="safe", pure=True).load(block) for block in GUARDED)
    (rules,) = (block for block in PARTS if "kinds: [guard]" in block)
    allowed = Rule("agents", "allow", Match(kinds=("agent",)))
    desk = policy("desk", rules=(*version(rules).rules, allowed))
    asked = agent("writer", "ticket.answer")
    talk = Conversation(document["do"], agents=(asked, desk), trusting=False, use=document["use"])
    talk.submit({"id": 7})
    (order,) = talk.open.values()
    talk.settle(order.task, {"text": text})
    assert talk.output == given or given in talk.output["why"]


def test_the_whole_policy_of_the_guide_passes_its_tests() -> None:
    (text,) = WHOLE
    documents, troubles = read_text(text, str(GUIDE), "/")
    assert troubles == []
    outcomes = rehearse(compiled(msgspec.convert(documents[0].spec, PolicyVersion)))
    assert [(one.test.name, one.failure) for one in outcomes if one.failure] == []
    assert len(outcomes) == 9
