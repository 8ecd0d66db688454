"""Whole workflows of the language's core, through the kernel and, where they call, the real HTTP adapter.

What the specification's own conformance scenarios ask for, on other material.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from podium.facts.values import JSON
from tests.kernel.conversation import Conversation
from tests.kernel.web import StandIn

Converse = Callable[..., Conversation]

SHOP = "https://shop.example.com"
BOOKS = [{"id": 3, "title": "Walden", "shelf": "new"}, {"id": 5, "title": "Emma", "shelf": "new"}]


def shop(method: str, uri: str, headers: Mapping[str, str]) -> tuple[int, JSON]:
    """A shop with two new books."""
    if uri == f"{SHOP}/books?shelf=new":
        return 200, BOOKS
    found = [book for book in BOOKS if uri == f"{SHOP}/book/{book['id']}"]
    return (200, found[0]) if found and method == "GET" else (404, {"message": f"no {uri}"})


def visit(talk: Conversation, given: JSON) -> StandIn:
    """Run the workflow with a shop in the web."""
    web = StandIn(shop)
    talk.submit(given)
    web.serve(talk)
    return web


def test_the_content_of_an_answer_is_decoded_and_filtered(converse: Converse) -> None:
    talk = converse(f"""
    - find:
        call: http
        with: {{method: get, endpoint: {{uri: '{SHOP}/books?shelf={{shelf}}'}}}}
        output: {{as: '.[0]'}}
    """)
    assert visit(talk, {"shelf": "new"}).asked == [("GET", f"{SHOP}/books?shelf=new")]
    assert talk.output == BOOKS[0]


def test_the_whole_response_says_what_was_asked_and_answered(converse: Converse) -> None:
    talk = converse(f"""
    - get:
        call: http
        with:
          method: get
          endpoint: '{SHOP}/book/{{id}}'
          headers: {{Accept: application/json}}
          output: response
    """)
    visit(talk, {"id": 5})
    assert talk.output["request"]["method"] == "GET"
    assert talk.output["request"]["uri"] == f"{SHOP}/book/5"
    assert talk.output["request"]["headers"]["accept"] == "application/json"
    assert talk.output["headers"]["content-type"].startswith("application/json")
    assert (talk.output["statusCode"], talk.output["content"]) == (200, BOOKS[1])


def test_an_output_that_is_no_object_is_the_input_of_the_next_task(converse: Converse) -> None:
    talk = converse(f"""
    - first:
        call: http
        with: {{method: get, endpoint: '{SHOP}/book/{{id}}'}}
        output: {{as: .id}}
    - second:
        call: http
        with: {{method: get, endpoint: '{SHOP}/book/5'}}
        output: {{as: '{{ids: [$input, .id]}}'}}
    """)
    visit(talk, {"id": 3})
    assert talk.output == {"ids": [3, 5]}


LOOK_UP = f"""
- careful:
    try:
      - look: {{call: http, with: {{method: get, endpoint: '{SHOP}/book/{{id}}'}}}}
    catch:
      errors:
        with: {{type: TYPE, status: 404}}
      as: trouble
      do:
        - tell: {{set: {{trouble: '${{ $trouble }}'}}}}
"""
COMMUNICATION = "https://serverlessworkflow.io/spec/1.0.0/errors/communication"


@pytest.mark.parametrize(
    "kind",
    [
        COMMUNICATION,
        "https://open-workflow-specification.org/spec/1.0.0/errors/communication",
        "https://open-workflow-specification.org/dsl/errors/types/communication",
    ],
)
def test_an_answer_that_tells_of_an_error_is_caught_with_its_place(converse: Converse, kind: str) -> None:
    talk = converse(LOOK_UP.replace("TYPE", kind))
    visit(talk, {"id": 4})
    trouble = talk.output["trouble"]
    assert (trouble["type"], trouble["status"]) == (COMMUNICATION, 404)
    assert trouble["instance"] == "/do/0/careful/try/0/look"
    assert trouble["title"] == f"GET {SHOP}/book/4 answered 404"


def test_an_error_of_another_status_is_not_caught(converse: Converse) -> None:
    talk = converse(LOOK_UP.replace("TYPE", COMMUNICATION).replace("404", "503"))
    visit(talk, {"id": 4})
    assert (talk.error.type, talk.error.status) == (COMMUNICATION, 404)
    assert talk.error.instance == "/do/0/careful/try/0/look"


def test_a_loop_gathers_under_the_names_it_gives(converse: Converse) -> None:
    talk = converse("""
    - gather:
        for: {each: book, in: .books}
        do:
          - add:
              set:
                read: '${ {titles: (.read.titles + [$book.title]), places: (.read.places + [$index])} }'
    """)
    talk.submit({"books": BOOKS})
    assert talk.output == {"read": {"titles": ["Walden", "Emma"], "places": [0, 1]}}


@pytest.mark.parametrize(
    ("shelf", "trace", "output"),
    [
        ("new", ["route", "buy"], {"did": ["bought"]}),
        ("old", ["route", "other"], {"did": ["old"]}),
    ],
)
def test_a_switch_leads_to_one_task_and_no_other(
    converse: Converse, shelf: str, trace: list[str], output: JSON
) -> None:
    talk = converse("""
    - route:
        switch:
          - new: {when: '.shelf == "new"', then: buy}
          - any: {then: other}
    - buy: {set: {did: '${ .did + ["bought"] }'}, then: end}
    - other: {set: {did: '${ .did + [$input.shelf] }'}}
    """)
    talk.submit({"shelf": shelf})
    assert talk.trace() == trace
    assert talk.output == output


def test_a_raised_error_is_the_runs_with_the_place_it_came_from(converse: Converse) -> None:
    talk = converse(
        [{"no": {"raise": {"error": {"type": "https://example.com/no", "status": 400, "title": "No"}}}}]
    )
    talk.submit(None)
    found = (talk.error.type, talk.error.status, talk.error.title, talk.error.instance)
    assert found == ("https://example.com/no", 400, "No", "/do/0/no")
