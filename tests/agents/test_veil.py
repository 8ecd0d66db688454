"""The veil: values go in, and no form of them comes out."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.agents.veil import Veil
from podium.facts.secrets import placeholder

SECRETS: dict[str, Any] = {
    "token": 's3cr3t+/?&=ü "quoted"',
    "db": {"user": "bob", "password": "correct horse", "port": 54321987, "nested": {"key": "in-the-depth"}},
    "pem": "-----BEGIN KEY-----\nAAAABBBBCCCC\nDDDDEEEEFFFF\n-----END KEY-----\n",
}


def value(name: str, pointer: str) -> Any:
    found = SECRETS[name]
    for part in pointer.split("/")[1:]:
        found = found[part]
    return found


@pytest.fixture
def veil() -> Veil:
    made = Veil(value)
    for name, one in SECRETS.items():
        made.hide(name, one)
    return made


def test_values_stand_in_for_placeholders(veil: Veil) -> None:
    token, user = placeholder("token"), placeholder("db", ["user"])
    assert veil.revealed({"a": [token, f"Bearer {token}!"], "b": user, "c": 1}) == {
        "a": [SECRETS["token"], f"Bearer {SECRETS['token']}!"], "b": "bob", "c": 1,
    }  # fmt: skip
    assert veil.used == {"token", "db"}


def test_a_value_that_is_no_text_is_itself_alone_and_json_in_a_text(veil: Veil) -> None:
    assert veil.revealed(placeholder("db")) == SECRETS["db"]
    port = placeholder("db", ["port"])
    assert veil.revealed([port, f":{port}"]) == [54321987, ":54321987"]


def test_a_placeholder_in_a_uri_is_encoded_like_it(veil: Veil) -> None:
    part = quote(placeholder("token"), safe="")
    assert veil.revealed(f"https://x/{part}/y") == f"https://x/{quote(SECRETS['token'], safe='')}/y"


def test_what_holds_no_placeholder_is_the_same(veil: Veil) -> None:
    payload = {"a": ["secret:token", "%EF"]}
    assert veil.revealed(payload) is payload
    assert not veil.used


@pytest.mark.parametrize("secret", [SECRETS["token"], "correct horse", "in-the-depth"])
def test_every_form_is_masked(veil: Veil, secret: str) -> None:
    forms = [
        secret, f"a{secret}b", json.dumps({"x": secret}), json.dumps({"x": secret}, ensure_ascii=False),
        quote(secret), quote(secret, safe=""), quote_plus(secret),
    ]  # fmt: skip
    told = veil.masked({"list": forms, secret: 1, "deep": {"x": [{"y": f"{secret}{secret}"}]}})
    assert secret not in json.dumps(told, ensure_ascii=False)
    for form in told["list"]:
        assert "(secret " in form and secret[:4] not in form


@given(st.text(max_size=9), st.text(max_size=9))
def test_base64_of_a_text_around_it_is_masked(before: str, after: str) -> None:
    veil = Veil(value)
    veil.hide("db", SECRETS["db"])
    text = f"{before}correct horse{after}".encode("utf-8", "replace")
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        encoded = encode(text).decode()
        told = veil.text(f"Basic {encoded}")
        assert "(secret db)" in told
        assert len(told) < len(f"Basic {encoded}") - len("correct horse") + len("(secret db)") + 2


def test_short_values_are_masked_where_they_stand_alone(veil: Veil) -> None:
    assert veil.masked(["bob", "bobsled", {"bob": 1}]) == ["(secret db)", "bobsled", {"(secret db)": 1}]


def test_numbers_are_masked(veil: Veil) -> None:
    assert veil.masked([54321987, "54321987", 5, True]) == ["(secret db)", "(secret db)", 5, True]


def test_each_line_of_a_long_value_is_masked(veil: Veil) -> None:
    assert veil.text("see AAAABBBBCCCC") == "see (secret pem)"
    assert "BBBB" not in veil.text(json.dumps(SECRETS["pem"]))


def test_a_veil_without_anything_changes_nothing() -> None:
    assert Veil(value).masked({"a": [1, "x", None]}) == {"a": [1, "x", None]}
