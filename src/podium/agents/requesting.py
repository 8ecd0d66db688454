"""Requests of workflows: authorized, redirected where that is wanted, answered in the form asked for."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, urlencode, urljoin, urlsplit

import msgspec

from podium.agents.answer import parse
from podium.agents.authorizing import HIDDEN, Access, Authorizer
from podium.agents.interface import Attempt, AttemptFailed
from podium.agents.web import Answered, Web, refused
from podium.facts.secrets import AUTHORIZATION
from podium.facts.values import JSON

REDIRECTS_MAX = 10
_REDIRECTED = (301, 302, 303, 307, 308)
_PORTS = {"http": 80, "https": 443}
_CREDENTIALS = ("authorization", "cookie", "proxy-authorization")


@dataclass(frozen=True, slots=True)
class Request:
    """What to send. Names of headers are in lower case."""

    method: str
    uri: str
    headers: dict[str, str]
    body: bytes | None = None


class Sender:
    """Sends requests; lives on one loop."""

    def __init__(self, web: Web, authorizer: Authorizer) -> None:
        self._web, self._authorizer = web, authorizer

    async def access(self, policy: JSON, attempt: Attempt) -> Access | None:
        """What a policy gives; None for none. Raises as the authorizer does."""
        return None if policy is None else await self._authorizer.access(policy, attempt)

    async def send(
        self, request: Request, attempt: Attempt, *, policy: JSON = None, access: Access | None = None,
        redirect: bool = False,
    ) -> Answered:  # fmt: skip
        """Send a request and, where a token that was kept is refused, once more with a new one.

        Args:
            policy: whence `access` came; None for none.
            redirect: whether redirects are followed.
        Raises:
            AttemptFailed: no answer, or one that is not a success (`communication`).
        """
        answered = await self._followed(request, access, attempt, redirect)
        if answered.status == 401 and access is not None and access.renewable:
            access = await self._authorizer.access(policy, attempt, access)
            answered = await self._followed(request, access, attempt, redirect)
        if not 200 <= answered.status < (400 if redirect else 300):
            raise refused(answered, f"{request.method} {answered.uri}")
        return answered

    async def _followed(
        self, request: Request, access: Access | None, attempt: Attempt, redirect: bool
    ) -> Answered:
        for _ in range(REDIRECTS_MAX + 1):
            answered = await self._once(request, access, attempt)
            location = answered.headers.get("location")
            if not redirect or answered.status not in _REDIRECTED or not location:
                return answered
            uri = urljoin(answered.uri, location)
            if attempt.order.reach and _origin(uri) != _origin(answered.uri):
                raise _unvetted(request, answered, uri)
            request, access = _redirected(request, access, answered, uri, attempt)
        raise AttemptFailed(
            f"{request.method} {request.uri} was redirected more than {REDIRECTS_MAX} times",
            retryable=False, kind="communication",
        )  # fmt: skip

    async def _once(self, request: Request, access: Access | None, attempt: Attempt) -> Answered:
        headers, digest = request.headers, None
        if access is not None:
            digest = access.digest
            if digest is None:
                headers = {**headers, "authorization": f"{access.scheme} {access.parameter}"}
        answered = await self._web.request(
            request.method, request.uri, headers, request.body, digest, attempt.order.reach
        )
        if access is not None and "authorization" in answered.sent:
            answered.sent["authorization"] = f"{access.scheme} (secret {HIDDEN})"
        return answered


def with_parameter(value: JSON, parameter: str) -> JSON:
    """The value with an authorization's parameter where `$authorization` stands for it."""
    if isinstance(value, str):
        return value.replace(AUTHORIZATION, parameter)
    if isinstance(value, list):
        return [with_parameter(item, parameter) for item in value]
    if isinstance(value, dict):
        return {name: with_parameter(member, parameter) for name, member in value.items()}
    return value


def _redirected(
    request: Request, access: Access | None, answered: Answered, uri: str, attempt: Attempt
) -> tuple[Request, Access | None]:
    """The request that a redirect leads to. Source: RFC 9110, section 15.4."""
    if urlsplit(uri).scheme not in _PORTS:
        raise AttemptFailed(
            f"{request.method} {answered.uri} was redirected to what is no web address",
            retryable=False, kind="communication",
        )  # fmt: skip
    method, body, headers = request.method, request.body, request.headers
    if answered.status == 303 or (answered.status in (301, 302) and method == "POST"):
        method, body = method if method == "HEAD" else "GET", None
        headers = {name: value for name, value in headers.items() if not name.startswith("content-")}
    if _origin(uri) != _origin(answered.uri):
        access = None
        headers = {name: value for name, value in headers.items() if not _is_private(name, value, attempt)}
        if body is not None and attempt.hides(body.decode("utf-8", "replace")):
            raise AttemptFailed(
                f"{request.method} {answered.uri} was redirected to another origin",
                "What it would send there again holds a secret.", retryable=False, kind="communication",
            )  # fmt: skip
    return replace(request, method=method, uri=uri, headers=headers, body=body), access


def _unvetted(request: Request, answered: Answered, uri: str) -> AttemptFailed:
    """The failure of a redirect to where policy was not asked about."""
    scheme, host, _ = _origin(uri)
    return AttemptFailed(
        f"{request.method} {answered.uri} was redirected to {scheme}://{host}",
        "Policy bounds what it reaches, and was not asked about that; make it a call of its own.",
        retryable=False, kind="authorization", status=403,
    )  # fmt: skip


def _origin(uri: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(uri)
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)


def _is_private(name: str, value: str, attempt: Attempt) -> bool:
    return name in _CREDENTIALS or attempt.hides(value)


def with_query(uri: str, query: Iterable[tuple[str, str]]) -> str:
    """The URI with more parameters behind those that it has."""
    added = urlencode(list(query), quote_via=quote)
    if not added:
        return uri
    before, mark, fragment = uri.partition("#")
    glue = "" if before.endswith(("?", "&")) else "&" if "?" in before else "?"
    return f"{before}{glue}{added}{mark}{fragment}"


def as_text(value: Any) -> str:
    """A value of a header or a query: texts as they are, anything else as JSON."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


# --- answers


def result_of(form: str, method: str, answered: Answered) -> JSON:
    """What a task gets of an answer: `raw` is Base64, `response` tells all, else the content by its type."""
    if form == "raw":
        return base64.b64encode(answered.body).decode()
    if form != "response":
        return _content(answered)
    return {
        "request": {"method": method, "uri": answered.uri, "headers": answered.sent},
        "statusCode": answered.status,
        "headers": answered.headers,
        "content": _content(answered),
    }


def _content(answered: Answered) -> JSON:
    if not answered.is_json:
        return answered.text()
    if not answered.body.strip():
        return None
    try:
        return parse(answered.body, 0, "the response")
    except AttemptFailed as failure:
        failure.kind = "communication"
        raise
