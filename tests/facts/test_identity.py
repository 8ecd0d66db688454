"""Identity: what derives from content is the same on every machine, in every release."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.facts.identity import digest_of, run_bytes, run_id_of, run_text
from podium.resources import manifest
from tests.facts.messages import JSON
from tests.kernel.conversation import Conversation, agent

EXACT = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("tenant", "key", "run"),
    [
        ("default", "order-7", "1a5c4ec1-0da5-5d1f-aefd-ed1cd2ee2a24"),
        ("default", "", "9e3ae8b0-8696-50fb-8b41-da32900525dc"),
        ("", "default", "09f5b003-7425-57ed-a002-0ff7f2f7c1bc"),
        ("Zürich", "é", "4efb7eea-a685-5df1-aa72-f973b74fa544"),
    ],
)
def test_a_run_has_the_same_id_for_ever(tenant: str, key: str, run: str) -> None:
    assert run_id_of(tenant, key) == run


@given(st.tuples(st.text(), st.text()), st.tuples(st.text(), st.text()))
def test_other_tenants_and_other_keys_are_other_runs(one: tuple[str, str], other: tuple[str, str]) -> None:
    if not any("\x00" in part for part in one + other):
        assert (run_id_of(*one) == run_id_of(*other)) == (one == other)


@given(st.uuids())
def test_a_run_id_comes_back_from_its_bytes(run: UUID) -> None:
    assert run_text(run_bytes(str(run))) == str(run)
    assert run_bytes(str(run)) == run.bytes


def test_no_run_is_no_bytes() -> None:
    assert (run_bytes(""), run_text(b"")) == (b"", "")


@pytest.mark.parametrize(
    ("value", "digest"),
    [
        (None, "sha256:74234e98afe7498fb5daf1f36ac2d78acc339464f950703b8c019892f982b90b"),
        (
            {"b": [1, 2.5, "é", None], "a": {"y": True, "x": "\n"}},
            "sha256:1dde76a5a98d4de22413287f95e8b029cf7883bd7c910b89a977a18305081d1b",
        ),
        (
            {"1": 1.0, "10": 10**18, "2": -0.001},
            "sha256:05fe8a374af279d3506f3c6542cc16ddb638507bcea18bfc9610aea86eb50c0f",
        ),
    ],
)
def test_a_digest_is_the_same_for_ever(value: Any, digest: str) -> None:
    assert digest_of(value) == digest


@given(EXACT)
def test_a_digest_is_over_sorted_json_without_spaces_in_utf_8(value: Any) -> None:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert digest_of(value) == "sha256:" + sha256(text.encode()).hexdigest()


@given(st.dictionaries(st.text(max_size=4), JSON, max_size=5), st.randoms(use_true_random=False))
def test_the_order_of_members_is_no_part_of_a_digest(value: dict[str, Any], shuffled: Any) -> None:
    names = list(value)
    shuffled.shuffle(names)
    assert digest_of({name: value[name] for name in names}) == digest_of(value)


@given(JSON)
def test_manifests_digest_alike(value: Any) -> None:
    assert manifest.digest_of(value) == digest_of(value)


def test_an_effect_keeps_its_key_through_every_attempt() -> None:
    talk = Conversation(
        """
        - a: {call: agent, with: {agent: helper}}
        - b: {call: agent, with: {agent: helper, idempotencyKey: k}}
        """,
        agents=(agent("helper", retry={"attempts": 3}),),
    )
    talk.submit({})
    keys = []
    for task in ("a", "a", "a", "b"):
        keys.append(talk.order(task).key)
        if len(keys) < 3:
            talk.fail(task)
            talk.go_on()
        else:
            talk.settle(task)
    assert keys == [f"{talk.run_id}/1"] * 3 + ["k"]
