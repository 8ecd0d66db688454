"""`call: openapi` over real connections: the document, the request it means, the answer."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs

import pytest
from ruamel.yaml import YAML

from podium.agents.authorizing import Authorizer
from podium.agents.interface import AttemptFailed, Performed
from podium.agents.openapi_call import OpenApiCallAdapter
from podium.agents.openapi_document import KEPT_S, Documents
from podium.agents.requesting import Sender
from podium.agents.web import Web
from podium.facts.secrets import AUTHORIZATION
from tests.agents.attempts import Attempted, agent
from tests.agents.authorities import basic
from tests.agents.petstore import PET, openapi, serving, swagger
from tests.agents.servers import Answering, Asked, Server, response

T = TypeVar("T")
FORM = "application/x-www-form-urlencoded"
CIRCLE = {"$ref": "#/components/circle"}


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def at(answering: Answering, scenario: Callable[[Server, Sender], Awaitable[T]]) -> T:
    async def whole() -> T:
        web = Web()
        try:
            async with Server(answering) as server:
                return await scenario(server, Sender(web, Authorizer(web)))
        finally:
            await web.close()

    return asyncio.run(whole())


def call(
    document: Any, operation: str, /, parameters: Any = None, **more: Any
) -> tuple[Performed, list[Asked]]:
    async def scenario(server: Server, sender: Sender) -> tuple[Performed, list[Asked]]:
        asked = {
            "document": f"{server.url}/document",
            "operation": operation,
            "parameters": parameters,
            **more,
        }
        attempt = Attempted(asked, kind="openapi", agent="")
        return await OpenApiCallAdapter(sender).perform(agent(Path(), {}), attempt), server.asked

    answering = document if callable(document) else serving(document)
    return at(answering, scenario)


def request(document: Any, operation: str, /, **parameters: Any) -> Asked:
    """What an operation's server is asked."""
    return call(document, operation, parameters)[1][-1]


def failure(document: Any, operation: str, /, parameters: Any = None, **more: Any) -> AttemptFailed:
    with pytest.raises(AttemptFailed) as caught:
        call(document, operation, parameters, **more)
    return caught.value


def test_an_operation_gives_its_content_and_tells_which_document_it_went_by() -> None:
    performed, asked = call(swagger(), "getPetById", {"petId": 1})
    assert performed.output == PET
    assert [one.target for one in asked] == ["/document", "/v2/pet/1"]
    content = json.dumps(swagger()).encode()
    document = performed.provenance["document"]
    assert document["digest"] == f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert document["uri"].endswith("/document")
    assert asked[1].headers["traceparent"].startswith("00-")


def test_the_forms_of_the_answer() -> None:
    performed, _ = call(openapi(), "getPetById", {"petId": 1}, output="response")
    assert (performed.output["statusCode"], performed.output["content"]) == (200, PET)
    assert performed.output["request"]["uri"].endswith("/v3/pet/1")


# --- parameters


@pytest.mark.parametrize(
    ("operation", "parameters", "method", "target"),
    [
        ("getPetById", {"petId": "a/b ü"}, "GET", "/v2/pet/a%2Fb%20%C3%BC"),
        ("findPetsByStatus", {"status": "available"}, "GET", "/v2/pet/findByStatus?status=available"),
        (
            "findPetsByStatus", {"status": ["a b", "c&d"], "tags": ["x", "y"]},
            "GET", "/v2/pet/findByStatus?status=a%20b&status=c%26d&tags=x%7Cy",
        ),
        ("findPetsByStatus", {"status": True, "tags": None}, "GET", "/v2/pet/findByStatus?status=true"),
        ("deletePet", {"petId": 5, "api_key": "k"}, "DELETE", "/v2/pet/5"),
    ],
)  # fmt: skip
def test_parameters_of_swagger(operation: str, parameters: Any, method: str, target: str) -> None:
    asked = request(swagger(), operation, **parameters)
    assert (asked.method, asked.target) == (method, target)
    assert asked.headers.get("api_key") == parameters.get("api_key")
    assert asked.headers["accept"] == "application/json"


def test_parameters_of_openapi() -> None:
    point = {"x": 1, "y": "a b"}
    asked = request(
        openapi(), "styles", simple=["a", "b/c"], label=[1, 2], matrix=point, form=["p", "q r"],
        space=["s", "t"], pipe=[1, 2], deep=point, free="a/b?c", json=point, crumb=["u", "v"],
        **{"X-List": [1, "two"]},
    )  # fmt: skip
    path, _, query = asked.target.partition("?")
    assert path == "/v3/styles/a,b%2Fc/.1.2/;matrix=x,1,y,a%20b"
    assert query.split("&") == [
        "form=p", "form=q%20r", "space=s%20t", "pipe=1%7C2", "deep%5Bx%5D=1", "deep%5By%5D=a%20b",
        "free=a/b?c", "json=%7B%22x%22%3A1%2C%22y%22%3A%22a%20b%22%7D",
    ]  # fmt: skip
    assert (asked.headers["cookie"], asked.headers["x-list"]) == ("crumb=u,v", "1,two")


@pytest.mark.parametrize(
    ("styles", "value", "path"),
    [
        ({"style": "matrix", "explode": True}, [1, 2], ";v=1;v=2"),
        ({"style": "matrix", "explode": True}, {"a": 1}, ";a=1"),
        ({"style": "matrix"}, "", ";v"),
        ({"style": "label"}, [1, 2], ".1,2"),
        ({"style": "label", "explode": True}, {"a": 1, "b": 2}, ".a=1.b=2"),
        ({"explode": True}, {"a": 1, "b": 2}, "a=1,b=2"),
        ({}, {"a": 1, "b": [2]}, "a,1,b,%5B2%5D"),
    ],
)
def test_styles_of_a_path(styles: Any, value: Any, path: str) -> None:
    one = {"name": "v", "in": "path", "required": True, **styles}
    document = openapi(paths={"/x/{v}": {"get": {"operationId": "o", "parameters": [one]}}})
    assert request(document, "o", v=value).target == f"/v3/x/{path}"


def test_what_an_operation_says_comes_before_what_its_path_says() -> None:
    asked = request(openapi(), "getPetById", petId=1, verbose=["a", "b"], **{"X-Trace": "t"})
    assert (asked.target, asked.headers["x-trace"]) == ("/v3/pet/1?verbose=a,b", "t")
    assert asked.headers["accept"] == "application/vnd.pet+json"


def test_a_default_stands_for_what_is_required() -> None:
    one = {"name": "v", "in": "query", "required": True, "schema": {"default": 7}}
    document = openapi(paths={"/x": {"get": {"operationId": "o", "parameters": [one]}}})
    assert request(document, "o").target == "/v3/x?v=7"


# --- bodies


@pytest.mark.parametrize(
    ("document", "operation", "parameters", "body", "kind"),
    [
        (swagger(), "addPet", {"pet": PET}, json.dumps(PET, separators=(",", ":")), "application/json"),
        (swagger(), "addPet", {"body": [1]}, "[1]", "application/json"),
        (openapi(), "addPet", {"body": [1]}, "[1]", "application/json"),
        (openapi(), "addPet", {"name": "Rex", "age": 3}, '{"name":"Rex","age":3}', "application/json"),
        (openapi(), "formPet", {"a": "x y", "b": [1, 2]}, "a=x+y&b=1&b=2", FORM),
        (openapi(), "say", {"body": "grün"}, "grün", "text/plain"),
    ],
)  # fmt: skip
def test_bodies(document: Any, operation: str, parameters: Any, body: str, kind: str) -> None:
    asked = request(document, operation, **parameters)
    assert (asked.body.decode(), asked.headers["content-type"]) == (body, kind)


def test_forms_of_swagger() -> None:
    asked = request(swagger(), "updatePetWithForm", petId=1, name="Rex", tags=["a", "b"])
    assert parse_qs(asked.body.decode()) == {"name": ["Rex"], "tags": ["a", "b"]}
    asked = request(swagger(), "upload", file="a\r\nb")
    kind, _, boundary = asked.headers["content-type"].partition("; boundary=")
    assert kind == "multipart/form-data"
    assert asked.body.count(boundary.encode()) == 2
    assert b'name="file"\r\n\r\na\r\nb\r\n' in asked.body


def test_a_body_that_is_not_required_may_be_left_out() -> None:
    asked = request(openapi(), "say")
    assert asked.body == b"" and "content-type" not in asked.headers


# --- what is wrong


@pytest.mark.parametrize(
    ("document", "operation", "parameters", "kind", "said"),
    [
        (swagger(), "getPetByID", {}, "configuration", "Did you mean `getPetById`"),
        (openapi(), "nothing-like-it", {}, "configuration", "no operation"),
        (openapi(), "twin", {}, "configuration", "several operations"),
        (openapi(), "outside", {}, "configuration", "inside the document"),
        (openapi(), "circle", {}, "configuration", "no object"),
        (openapi(components={"circle": CIRCLE}), "circle", {}, "configuration", "object"),
        (swagger(), "getPetById", {"petId": 1, "verbos": 1}, "configuration", "no parameter"),
        (swagger(), "getPetById", {}, "validation", "needs the parameter"),
        (swagger(), "getPetById", {"petId": None}, "validation", "needs the parameter"),
        (swagger(), "addPet", {}, "validation", "needs the parameter"),
        (openapi(), "addPet", {}, "validation", "needs a body"),
        (openapi(), "formPet", {"body": [1]}, "validation", "object as its body"),
        (openapi(), "xmlPet", {"body": 1}, "configuration", "application/xml only"),
        (openapi(servers=[{"url": "ftp://x"}]), "getPetById", {"petId": 1}, "configuration", "no server"),
        (openapi(servers=[{"url": "{x}"}]), "getPetById", {"petId": 1}, "configuration", "no default"),
        (openapi(paths={"/{x}": {"get": {"operationId": "o"}}}), "o", {}, "configuration", "not declare"),
        ({"openapi": "4.0.0", "paths": {}}, "o", {}, "configuration", "of version"),
        ({"hello": "world"}, "o", {}, "configuration", "describes no API"),
        (b"a: [1\nhush-hush", "o", {}, "configuration", "neither JSON nor YAML"),
        (b"\xff\xfe", "o", {}, "configuration", "neither JSON nor YAML"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_before_anything_is_called(
    document: Any, operation: str, parameters: Any, kind: str, said: str
) -> None:
    found = failure(document, operation, parameters)
    assert (found.kind, found.unstarted, found.retryable) == (kind, True, False)
    assert said in found.title + found.detail and "hush" not in found.title + found.detail


@pytest.mark.parametrize("status", [404, 500])
def test_a_document_that_is_not_there(status: int) -> None:
    found = failure(lambda _: response(status), "o")
    assert (found.kind, found.status, found.unstarted) == ("communication", status, True)


def test_an_error_of_the_api_says_by_which_document_it_was_called() -> None:
    def answer(asked: Asked) -> bytes:
        return serving(swagger())(asked) if asked.target == "/document" else response(404, b"{}")

    found = failure(answer, "getPetById", {"petId": 1})
    assert (found.kind, found.status, found.unstarted) == ("communication", 404, False)
    assert found.provenance["document"]["digest"].startswith("sha256:")


@pytest.mark.parametrize(("operation", "lost"), [("getPetById", False), ("addPet", True)])
def test_what_may_be_sent_again_is_not_lost_when_the_connection_breaks(operation: str, lost: bool) -> None:
    def answer(asked: Asked) -> bytes:
        return serving(swagger())(asked) if asked.target == "/document" else b""

    assert failure(answer, operation, {"petId": 1} if not lost else {"pet": {}}).lost == lost


# --- the document


def test_yaml_and_31() -> None:
    text = io.StringIO()
    YAML().dump(openapi(openapi="3.1.0"), text)
    assert request(text.getvalue().encode(), "shared").target == "/v3/shared"


@pytest.mark.parametrize(
    ("document", "target"),
    [
        (openapi(servers=[{"url": "/base/"}]), "/base/shared"),
        (openapi(servers=[]), "/shared"),
        (openapi(paths={"/x": {"servers": [{"url": "/p"}], "get": {"operationId": "shared"}}}), "/p/x"),
    ],
)
def test_servers(document: Any, target: str) -> None:
    assert request(document, "shared").target == target


def test_a_redirected_document_counts_from_where_it_was_found() -> None:
    def answer(asked: Asked) -> bytes:
        if asked.target == "/document":
            return response(302, headers="Location: /deep/description")
        return response(200, json.dumps(openapi(servers=[{"url": "api"}])).encode())

    assert request(answer, "shared").target == "/deep/api/shared"


def test_a_document_may_be_a_file_that_the_workflow_names(tmp_path: Path) -> None:
    async def scenario(server: Server, sender: Sender) -> list[str]:
        host = server.url.removeprefix("http://")
        file = tmp_path / "pets api.json"
        file.write_text(json.dumps(swagger(host, schemes=["http"])))
        uri = file.as_uri()
        asked = {"document": uri, "operation": "getPetById", "parameters": {"petId": 1}}
        adapter = OpenApiCallAdapter(sender)
        await adapter.perform(agent(Path(), {}), Attempted({**asked, "local": True}))
        with pytest.raises(AttemptFailed, match="cannot be read"):
            await adapter.perform(agent(Path(), {}), Attempted(asked))
        file.unlink()
        with pytest.raises(AttemptFailed, match="there is no file"):
            await OpenApiCallAdapter(sender).perform(agent(Path(), {}), Attempted({**asked, "local": True}))
        return [one.target for one in server.asked]

    assert at(serving(swagger()), scenario) == ["/v2/pet/1"]


def test_a_file_needs_the_whole_address_of_its_server(tmp_path: Path) -> None:
    file = tmp_path / "api.json"
    file.write_text(json.dumps(openapi()))
    found = failure(openapi(), "shared", document=file.as_uri(), local=True)
    assert "names no server" in found.title


def test_documents_are_kept_for_a_while() -> None:
    now = 0.0

    async def scenario(server: Server, sender: Sender) -> list[int]:
        nonlocal now
        documents = Documents(sender, lambda: now)
        fetched = []
        for then in (0.0, KEPT_S - 1, KEPT_S + 1):
            now = then
            await documents.get(f"{server.url}/document", None, Attempted())
            fetched.append(len(server.asked))
        return fetched

    assert at(serving(openapi()), scenario) == [1, 1, 2]


def test_kept_documents_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    from podium.agents import openapi_document

    monkeypatch.setattr(openapi_document, "KEPT_BYTES_MAX", len(json.dumps(openapi())) * 2)

    async def scenario(server: Server, sender: Sender) -> int:
        documents = Documents(sender)
        for _ in range(2):
            for number in range(3):
                await documents.get(f"{server.url}/document?{number}", None, Attempted())
        return len(server.asked)

    assert at(lambda _: response(200, json.dumps(openapi()).encode()), scenario) == 6


# --- authentication


def test_document_and_operation_are_authenticated_each_by_its_own_policy() -> None:
    def answer(asked: Asked) -> bytes:
        allowed = basic("reader", "r") if asked.target == "/document" else basic("caller", "c")
        return serving(swagger())(asked) if allowed(asked).startswith(b"HTTP/1.1 200") else response(401)

    reader, caller = ({"basic": {"username": name, "password": name[0]}} for name in ("reader", "caller"))
    performed, _ = call(
        answer, "getPetById", {"petId": 1}, authentication=caller, documentAuthentication=reader
    )
    assert performed.output == PET
    assert failure(answer, "getPetById", {"petId": 1}, documentAuthentication=reader).status == 401


def test_the_parameter_of_the_authorization_may_be_one_of_the_call() -> None:
    bearer = {"bearer": {"token": "abc def"}}
    parameters = {"petId": 1, "api_key": AUTHORIZATION}
    _, asked = call(swagger(), "deletePet", parameters, authentication=bearer)
    assert asked[1].headers["api_key"] == "abc def"
