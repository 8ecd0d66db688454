"""Servers that ask who it is: they check basic, digest and bearer, and give tokens, as their RFCs say."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import re
from typing import Any
from urllib.parse import parse_qs, unquote_plus

from tests.agents.servers import Asked, response

OK = b'{"ok": true}'


def basic(username: str, password: str) -> Any:
    """RFC 7617."""
    expected = "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()

    def answer(asked: Asked) -> bytes:
        if asked.headers.get("authorization") == expected:
            return response(200, OK)
        return response(401, b"{}", "WWW-Authenticate: Basic realm=x")

    return answer


def digest(username: str, password: str, algorithm: str = "SHA-256", qop: str = "auth") -> Any:
    """RFC 7616, with a nonce of its own for each challenge."""
    numbers = itertools.count()

    def hashed(text: str) -> str:
        return hashlib.new("sha256" if algorithm == "SHA-256" else "md5", text.encode()).hexdigest()

    def answer(asked: Asked) -> bytes:
        given = dict(re.findall(r'(\w+)="?([^",]*)"?', asked.headers.get("authorization", "")))
        if "response" in given:
            secret = hashed(f"{username}:realm of x:{password}")
            request = hashed(f"{asked.method}:{given['uri']}")
            parts = [secret, given["nonce"], given["nc"], given["cnonce"], given["qop"], request]
            if given["uri"] == asked.target and given["response"] == hashed(":".join(parts)):
                return response(200, OK)
        challenge = f'Digest realm="realm of x", qop="{qop}", nonce="n{next(numbers)}", algorithm={algorithm}'
        return response(401, b"{}", f"WWW-Authenticate: {challenge}")

    return answer


class Authority:
    """An OAuth2 server and the service behind it, on one address.

    Attributes:
        tokens: what was given, oldest first; the last `valid` of them are accepted.
        asked: token requests: their members, and the client that the header named.
    """

    def __init__(self, path: str = "/oauth2/token", expires_in: int | None = 300, valid: int = 1) -> None:
        self.path, self.expires_in, self.valid = path, expires_in, valid
        self.tokens: list[str] = []
        self.asked: list[dict[str, Any]] = []
        self.token_of = lambda number: f"token-number-{number}"
        self.issuer = ""
        self.failure: bytes = b""

    def __call__(self, asked: Asked) -> bytes:
        if asked.target == self.path:
            return self._token(asked)
        if asked.target.endswith("/.well-known/openid-configuration"):
            said = {"issuer": self.issuer, "token_endpoint": f"http://{asked.headers['host']}{self.path}"}
            return response(200, json.dumps(said).encode())
        accepted = [f"Bearer {token}" for token in self.tokens[len(self.tokens) - self.valid :]]
        if asked.headers.get("authorization") in accepted:
            return response(200, OK)
        return response(401, b'{"title": "who?"}')

    def _token(self, asked: Asked) -> bytes:
        if "json" in asked.headers["content-type"]:
            members = json.loads(asked.body)
        else:
            listed = parse_qs(asked.body.decode())
            members = {name: one[0] if len(one) == 1 else one for name, one in listed.items()}
        if header := asked.headers.get("authorization", ""):
            client = base64.b64decode(header.removeprefix("Basic ")).decode().split(":")
            members["header"] = [unquote_plus(part) for part in client]
        self.asked.append(members)
        if self.failure:
            return self.failure
        self.tokens.append(self.token_of(len(self.tokens)))
        said: dict[str, Any] = {"access_token": self.tokens[-1], "token_type": "bearer"}
        if self.expires_in is not None:
            said["expires_in"] = self.expires_in
        return response(200, json.dumps(said).encode())
