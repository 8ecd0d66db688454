"""Problem documents (RFC 9457): every answer that is no result, with the rule that was broken and where."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from fastapi import HTTPException
from starlette.responses import Response

TYPES = "https://podium.dev/problems/"
"""What the `type` of a problem begins with; its rule follows."""

MEDIA_TYPE = "application/problem+json"

OVERLOADED_RETRY_S = 5
"""Said there to whoever submits what nobody gets to do soon."""

RETRY_S = 1
"""Said in `Retry-After` where the hub has no better idea."""

_STATUS = {"usage": 422, "not-found": 404, "conflict": 409, "refused": 403}
_UNAVAILABLE = frozenset(("hub-stopped", "storage-full", "views-behind"))
_TITLES = {
    400: "This cannot be read",
    401: "Sign in first",
    403: "This is not allowed",
    404: "There is no such thing",
    405: "This cannot be done here",
    406: "This cannot be given in that form",
    409: "This conflicts with what is there",
    410: "This is over",
    413: "This is too large",
    415: "This cannot be read in that form",
    422: "What was given is not as it must be",
    429: "Too much at once",
    500: "A defect of the hub",
    503: "The hub cannot do this now",
}

_encode = msgspec.json.Encoder(order="sorted").encode


class Trouble(HTTPException):
    """A request comes to nothing, and why.

    Args:
        status: of the answer.
        rule: short stable name of the rule that was broken.
        detail: what is wrong and what to do about it.
        problems: every reason, each with `rule`, `path` and `message`.
        code: who must act, as in `Refused`; "" where it never came to that.
        headers: of the answer, beside its own.
    """

    def __init__(
        self, status: int, rule: str, detail: str, *, problems: Iterable[Mapping[str, Any]] = (),
        code: str = "", headers: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(status, detail, dict(headers or {}))
        self.status, self.rule, self.code = status, rule, code
        self.problems = [dict(one) for one in problems]

    def shown(self) -> dict[str, Any]:
        """The document."""
        return {
            "type": TYPES + self.rule, "title": _TITLES.get(self.status, "It could not be done"),
            "status": self.status, "detail": self.detail, "code": self.code,
            "problems": self.problems or [{"rule": self.rule, "path": "", "message": self.detail}],
        }  # fmt: skip

    def response(self) -> Response:
        """The answer."""
        return Response(_encode(self.shown()), self.status, self.headers, MEDIA_TYPE)


def of_reply(reply: Mapping[str, Any]) -> Trouble:
    """What a reply of the door that has no result means to a client."""
    refused = reply.get("refused")
    if refused is not None:
        problems, code = refused["problems"], str(refused["code"])
        first = problems[0]
        detail = "; ".join(one["message"] for one in problems[:20])
        if first["rule"] in _UNAVAILABLE:
            return unavailable(first["rule"], detail)
        if first["rule"] == "overloaded":
            return too_much(detail, OVERLOADED_RETRY_S, first["rule"])
        return Trouble(_STATUS[code], first["rule"], detail, problems=problems, code=code)
    if "gone" in reply:
        return unavailable("hub-stopped", str(reply["gone"]["message"]))
    return Trouble(500, "failed", str(reply.get("error", {}).get("message", "no reason was given")))


def unavailable(rule: str, detail: str) -> Trouble:
    """The hub cannot do it now; it may soon."""
    return Trouble(503, rule, detail, headers={"Retry-After": str(RETRY_S)})


def too_much(detail: str, retry_s: int = RETRY_S, rule: str = "too-much") -> Trouble:
    """Somebody asks for more than the hub takes on."""
    return Trouble(429, rule, detail, headers={"Retry-After": str(retry_s)})
