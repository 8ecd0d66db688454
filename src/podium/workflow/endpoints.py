"""The endpoint of an HTTP call: an expression, or a URI whose `{name}` come from the task's input."""

from __future__ import annotations

import json
import re

from podium.facts.values import JSON
from podium.resources.troubles import shown
from podium.workflow.draft import Draft, Place
from podium.workflow.expressions import WHOLE, Part, concatenated, mapped, template
from podium.workflow.jq_values import scalar_text
from podium.workflow.program import ExpressionFailed

_URI = re.compile(r"(?!\s*\$\{)(?=\S)(([^:/?#]+):)?(//([^/?#\s]*))?([^?#\s]*)(\?([^#\s]*))?(#(\S*))?")
_CHARACTERS = re.compile(r"(?:[A-Za-z0-9!#$&'()*+,\-./:;=?@\[\]_~]|%[0-9A-Fa-f]{2}|\{[^{}\s]+\})*")
_FILE = re.compile(r"file:///(?:[A-Za-z0-9!$&'()*+,\-./:;=@_~]|%[0-9A-Fa-f]{2})+")
_NAMED = re.compile(r"(\$\{|\{[^{}]*\})")
_NAME = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def is_uri(text: str) -> bool:
    """Whether the language's schema takes the text for a literal URI or URI template."""
    return _URI.fullmatch(text) is not None and _CHARACTERS.fullmatch(text) is not None


def is_local(endpoint: JSON) -> bool:
    """Whether an endpoint is a fixed URI of a file."""
    uri = endpoint.get("uri") if isinstance(endpoint, dict) else endpoint
    return isinstance(uri, str) and _FILE.fullmatch(uri) is not None


def endpoint_part(draft: Draft, value: JSON, place: Place, *, may_be_local: bool = False) -> Part:
    """The part of a request that gives the URI.

    Source: workflow DSL 1.0.3, "Endpoint" and "URI Template"; of RFC 6570 the simple `{name}` only.

    Args:
        may_be_local: whether it may be a file's, which then is written out.
    """
    local = may_be_local and is_local(value)
    path = "/endpoint"
    if isinstance(value, dict):
        given = draft.table(value, place, "An endpoint", ("uri", "authentication"), required=("uri",))
        value, place, path = given.get("uri", "http://"), place / "uri", "/endpoint/uri"
    if not isinstance(value, str):
        draft.refuse("wrong-type", place, "An endpoint must be a URI or an object with `uri`.")
        return template("", "")
    if WHOLE.fullmatch(value):
        return draft.part(lambda: template(value, ""), place).under(path)
    return template(value, "") if local else _of_uri(draft, value, place)


def _of_uri(draft: Draft, uri: str, place: Place) -> Part:
    if "${" in uri:
        message = 'An endpoint is a URI with `{name}`, or one expression on one line: `${ "…\\(.id)" }`.'
        draft.refuse("endpoint", place, message)
    elif not is_uri(uri) or not re.match(r"https?://[^/?#]|\{", uri):
        draft.refuse("endpoint", place, f"`{shown(uri)}` is no URI; write `https://host/path`.")
    parts = [_piece(draft, piece, place) for piece in _NAMED.split(uri) if piece]
    return concatenated(parts) if parts else template("", "")


def _piece(draft: Draft, piece: str, place: Place) -> Part:
    if not piece.startswith("{"):
        return template(piece.replace("${", ""), "")
    name = _NAME.fullmatch(piece)
    if name is None:
        draft.unsupported(place, f"`{shown(piece)}` in an endpoint", "use `{name}` or an expression")
        return template("", "")
    return _member(name.group(1))


def _member(name: str) -> Part:
    missing = f"the endpoint needs a text or a number as `{name}` in the task's input"
    check = (
        f'if type == "string" then @uri elif type == "number" or type == "boolean" then tojson | @uri '
        f"else error({json.dumps(missing)}) end"
    )

    def encoded(value: JSON) -> JSON:
        if value is None or isinstance(value, list | dict):
            raise ExpressionFailed(missing)
        return _percent_encoded(scalar_text(value))

    return mapped(template(f"${{ .{name} }}", ""), check, encoded)


def _percent_encoded(text: str) -> str:
    return "".join(
        chr(byte) if byte in _UNRESERVED else f"%{byte:02X}" for byte in text.encode("utf-8", "replace")
    )
