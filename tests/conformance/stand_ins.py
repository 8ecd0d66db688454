"""Stand-ins for the services that kit and examples call: one server on this machine, over real HTTP.

An address `https://host/path` becomes `http://127.0.0.1:port/host/path` in a document before it is applied.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

HOSTS = (
    "petstore.swagger.io", "httpbin.org", "swapi.dev", "keycloak", "superbet-casinos.com",
    "fake-hospital.com", "virtual-wf-powered-race.com", "external-service.example.com", "fake.com",
)  # fmt: skip
TOKEN = "a-token-of-the-stand-in"
MISSING_PET = "404"

_HOST = re.compile(r"https?://(" + "|".join(map(re.escape, HOSTS)) + r")(?=[/\s\"'{]|$)")


class StandIns:
    """The server.

    Attributes:
        url: its address.
        asked: method, path and headers of every request, oldest first.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def rewritten(self, text: str) -> str:
        """A document whose calls come here."""
        return _HOST.sub(lambda found: f"{self.url}/{found[1]}", text)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        stand_ins = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                body = self.rfile.read(int(headers.get("content-length", 0)))
                stand_ins.asked.append((self.command, self.path, headers))
                status, answer = stand_ins.answer(self.command, self.path, headers, body)
                content = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = answer

            def log_message(self, *_: object) -> None:
                """Keep the output of the tests clean."""

        return Handler

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> tuple[int, Any]:
        """Status and JSON of an answer."""
        parts = urlsplit(target)
        host, _, path = parts.path[1:].partition("/")
        if host == "petstore.swagger.io":
            return self._petstore(method, path, parts.query, headers)
        if host == "httpbin.org":
            return _httpbin(path, headers)
        if host == "swapi.dev":
            return self._people(path, parts.query)
        if host == "keycloak":
            return self._authority(path, body)
        if host == "external-service.example.com":
            return 503, {"title": "out of service"}
        return 200, {"host": host, "path": path}

    def _petstore(self, method: str, path: str, query: str, headers: dict[str, str]) -> tuple[int, Any]:
        if path == "v2/swagger.json":
            return 200, self._swagger()
        if path == "v2/pet/findByStatus":
            return 200, [_pet(1, status) for status in parse_qs(query).get("status", [])]
        if found := re.fullmatch(r"v2/pet/(\d+)", path):
            if found[1] == MISSING_PET:
                return 404, {"message": "Pet not found"}
            return 200, _pet(int(found[1]), "available")
        return 404, {"message": "there is nothing here"}

    def _swagger(self) -> dict[str, Any]:
        """The two operations of the pet store's description that are called."""
        status = {
            "name": "status", "in": "query", "required": True, "type": "array", "collectionFormat": "multi",
            "items": {"type": "string", "enum": ["available", "pending", "sold"], "default": "available"},
        }  # fmt: skip
        identity = {"name": "petId", "in": "path", "required": True, "type": "integer", "format": "int64"}
        return {
            "swagger": "2.0",
            "info": {"title": "Stand-in of a pet store", "version": "1.0.0"},
            "host": self.url.removeprefix("http://"),
            "basePath": "/petstore.swagger.io/v2",
            "schemes": ["http"],
            "paths": {
                "/pet/findByStatus": {"get": {"operationId": "findPetsByStatus", "parameters": [status]}},
                "/pet/{petId}": {"get": {"operationId": "getPetById", "parameters": [identity]}},
            },
        }

    def _people(self, path: str, query: str) -> tuple[int, Any]:
        person = {"name": "Luke Skywalker", "homeworld": f"{self.url}/swapi.dev/api/planets/1/"}
        if path.startswith("api/planets"):
            return 200, {"name": "Tatooine"}
        if path == "api/people/":
            wanted = parse_qs(query).get("search", [""])[0].lower()
            found = [person] if wanted in person["name"].lower() else []
            return 200, {"count": len(found), "results": found}
        return 200, person

    def _authority(self, path: str, body: bytes) -> tuple[int, Any]:
        authority = f"{self.url}/keycloak/realms/fake-authority"
        if path.endswith("/.well-known/openid-configuration"):
            return 200, {"issuer": authority, "token_endpoint": f"{authority}/auth/token"}
        asked = parse_qs(body.decode())
        client = (asked.get("client_id"), asked.get("client_secret"), asked.get("grant_type"))
        if client != (["workflow-runtime-id"], ["workflow-runtime-secret"], ["client_credentials"]):
            return 401, {"error": "invalid_client"}
        return 200, {"access_token": TOKEN, "token_type": "Bearer", "expires_in": 60}


def _pet(number: int, status: str) -> dict[str, Any]:
    return {"id": number, "name": "Rex", "status": status, "photoUrls": []}


def _httpbin(path: str, headers: dict[str, str]) -> tuple[int, Any]:
    """`basic-auth/{user}/{password}`, which accepts that login alone."""
    user, password = path.split("/")[1:3]
    expected = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    if headers.get("authorization") != expected:
        return 401, {"authenticated": False}
    return 200, {"authenticated": True, "user": user}
