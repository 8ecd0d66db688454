"""A small identity provider: OpenID Connect with PKCE, on a port of its own, with a key of its own."""

from __future__ import annotations

import base64
import json
import secrets
import threading
import time
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey

CLIENT, SECRET = "podium", "kept between the two"


class Provider:
    """Lets everybody in as `person`, whose claims a test may change; `spoil` changes the tokens it gives."""

    def __init__(self) -> None:
        self.person: dict[str, Any] = {"sub": "4711", "preferred_username": "Grace Hopper"}
        self.spoil: dict[str, Any] = {}
        self.asked_for_keys = 0
        self.rotate()
        self._codes: dict[str, dict[str, str]] = {}
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.get(self)

            def do_POST(self) -> None:
                provider.post(self)

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def rotate(self) -> None:
        """Sign with another key from now on."""
        self.key = self.published = self.named(secrets.token_hex(4))

    @staticmethod
    def named(kid: str) -> ECKey:
        """A new key of that name."""
        return ECKey.generate_key("P-256", {"kid": kid, "use": "sig"})

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def get(self, request: BaseHTTPRequestHandler) -> None:
        path, query = urlsplit(request.path).path, parse_qs(urlsplit(request.path).query)
        if path == "/.well-known/openid-configuration":
            known = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
            _answer(request, {"issuer": self.issuer, **{k: f"{self.issuer}/{v}" for k, v in known.items()}})
        elif path == "/keys":
            self.asked_for_keys += 1
            _answer(request, {"keys": [self.published.as_dict(private=False)]})
        else:
            asked = {name: values[0] for name, values in query.items()}
            assert (asked["client_id"], asked["code_challenge_method"]) == (CLIENT, "S256")
            code = secrets.token_urlsafe(8)
            self._codes[code] = asked
            request.send_response(302)
            back = urlencode({"code": code, "state": asked["state"]})
            request.send_header("location", f"{asked['redirect_uri']}?{back}")
            request.end_headers()

    def post(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["content-length"])).decode()
        given = {name: values[0] for name, values in parse_qs(body).items()}
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        asked = self._codes.pop(given["code"], None)
        challenge = base64.urlsafe_b64encode(sha256(given["code_verifier"].encode()).digest()).rstrip(b"=")
        if (
            asked is None
            or request.headers["authorization"] != f"Basic {basic}"
            or challenge.decode() != asked["code_challenge"]
            or given["redirect_uri"] != asked["redirect_uri"]
        ):
            _answer(request, {"error": "invalid_grant"}, 400)
            return
        now = int(time.time())
        claims = {
            "iss": self.issuer, "aud": CLIENT, "exp": now + 300, "iat": now, "nonce": asked["nonce"],
            **self.person, **self.spoil,
        }  # fmt: skip
        token = jwt.encode({"alg": "ES256", "kid": self.key.kid}, claims, self.key)
        _answer(request, {"access_token": "x", "token_type": "Bearer", "id_token": token})


def _answer(request: BaseHTTPRequestHandler, value: Any, status: int = 200) -> None:
    body = json.dumps(value).encode()
    request.send_response(status)
    request.send_header("content-type", "application/json")
    request.send_header("content-length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)
