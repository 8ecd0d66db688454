"""Forms of questions without script: what stands in them, and what they come to."""

from __future__ import annotations

import html
import re

import pytest

from podium.contracts.checking import compile_schema
from podium.server.answer_form import fields, filled

FORM = {
    "type": "object",
    "required": ["cause", "amount", "covered"],
    "additionalProperties": False,
    "properties": {
        "cause": {"title": "Cause", "enum": ["storm", "water", 7, None]},
        "amount": {"type": "integer", "minimum": 1, "description": "in <euro>"},
        "share": {"type": "number"},
        "covered": {"type": "boolean"},
        "seen": {"type": "string", "format": "date"},
        "remarks": {"type": "string", "maxLength": 2_000},
        "rooms": {"type": "array", "items": {"type": "string"}},
        "contact": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}},
    },
}


def test_every_place_has_a_field_and_nothing_is_taken_for_markup() -> None:
    page = fields(FORM)
    names = re.findall(r'name="([^"]+)"', page)
    assert names == [
        "data/cause", "data/amount", "data/share", "data/covered", "data/seen", "data/remarks", "data/rooms",
        "data/contact/name",
    ]  # fmt: skip
    assert html.escape("in <euro>") in page and "<euro>" not in page
    assert page.count("(may be left out)") == 4
    assert 'type="date"' in page and page.count("<textarea") == 2


def test_what_is_filled_in_is_data_of_the_right_types() -> None:
    given = {
        "data/cause": "7", "data/amount": " 900 ", "data/share": "0.5", "data/covered": "yes",
        "data/seen": "2026-11-02", "data/rooms": '["kitchen"]', "data/contact/name": "Eva", "why": "so",
    }  # fmt: skip
    data = filled(FORM, given)
    assert data == {
        "cause": 7, "amount": 900, "share": 0.5, "covered": True, "seen": "2026-11-02",
        "rooms": ["kitchen"], "contact": {"name": "Eva"},
    }  # fmt: skip
    assert compile_schema(FORM)(data) == []


def test_what_is_left_empty_is_left_out_but_a_box_says_no() -> None:
    assert filled(FORM, {"data/cause": "storm", "data/amount": "1"}) == {
        "cause": "storm", "amount": 1, "covered": False,
    }  # fmt: skip


@pytest.mark.parametrize("text", ["many", "[[[", "1e"])
def test_what_is_no_number_is_for_the_hub_to_refuse(text: str) -> None:
    data = filled(FORM, {"data/cause": "storm", "data/amount": text})
    assert data["amount"] == text
    assert [breach.path for breach in compile_schema(FORM)(data)] == ["/amount"]
