"""From an operation and the values of its parameters to the request that calls it."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import msgspec

from podium.agents.interface import AttemptFailed
from podium.agents.openapi_document import Document, Operation, unusable
from podium.agents.openapi_styles import (
    collected,
    encoded,
    in_collected_path,
    in_path,
    in_query,
    listed,
    reserved,
)
from podium.agents.requesting import Request, as_text
from podium.facts.values import JSON
from podium.resources.troubles import did_you_mean, shown

_BODY = "body"
_NAMED = re.compile(r"\{([^{}]+)\}")
_FORM, _MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"


@dataclass(slots=True)
class _Draft:
    """A request in the making."""

    path: str
    query: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    cookies: list[str] = field(default_factory=list)
    form: dict[str, Any] = field(default_factory=dict)
    body: JSON = None
    has_body: bool = False


def request_of(document: Document, operation: Operation, values: dict[str, JSON]) -> Request:
    """The request that an operation's call makes.

    Args:
        values: by name. What the operation declares goes where it says; `body`, or all the others
            together, are the body.
    Raises:
        AttemptFailed: `validation` where a value is missing; `configuration` where there is one that the
            operation does not know, or the document cannot be followed.
    """
    draft = _Draft(operation.path)
    declared = _parameters(document, operation)
    left = dict(values)
    for parameter in declared:
        name = str(parameter.get("name"))
        value = left.get(name, _default(parameter))
        if value is None:
            if parameter.get("required") and not (
                parameter.get("in") == _BODY and left.get(_BODY) is not None
            ):
                raise _missing(operation, f"the parameter {shown(name)}")
        elif document.is_swagger:
            _put_swagger(draft, parameter, name, value)
        else:
            _put(document, draft, parameter, name, value)
    for parameter in declared:
        left.pop(str(parameter.get("name")), None)
    _take_body(document, operation, declared, draft, left)
    for name in _NAMED.findall(draft.path):
        raise unusable(f"{operation.path} needs {shown(name)}, which the document does not declare")
    return _finished(document, operation, draft)


def _parameters(document: Document, operation: Operation) -> list[dict[str, Any]]:
    """What the operation declares, and what its path does and the operation does not anew."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for said in (operation.path_said, operation.said):
        for parameter in said.get("parameters") or []:
            one = document.resolved(parameter)
            found[str(one.get("name")), str(one.get("in"))] = one
    return list(found.values())


def _default(parameter: dict[str, Any]) -> JSON:
    """What stands for a value that is required and has a default."""
    schema = parameter.get("schema")
    found = schema.get("default") if isinstance(schema, dict) else parameter.get("default")
    return found if parameter.get("required") else None


# --- parameters


def _put(document: Document, draft: _Draft, parameter: dict[str, Any], name: str, value: JSON) -> None:
    """Of OpenAPI 3."""
    place = parameter.get("in")
    if parameter.get("content"):
        value = msgspec.json.encode(value).decode()
    style = str(parameter.get("style") or ("form" if place in ("query", "cookie") else "simple"))
    explode = bool(parameter.get("explode", style == "form"))
    if place == "path":
        draft.path = draft.path.replace(f"{{{name}}}", in_path(name, value, style, explode))
    elif place == "query":
        encode = reserved if parameter.get("allowReserved") else encoded
        draft.query += in_query(name, value, style, explode, encode)
    elif place == "header":
        draft.headers[name.lower()] = listed(value, explode, ",", as_text)
    elif place == "cookie":
        draft.cookies += in_query(name, value, "form", explode, encoded)


def _put_swagger(draft: _Draft, parameter: dict[str, Any], name: str, value: JSON) -> None:
    """Of Swagger 2.0."""
    place, form = parameter.get("in"), str(parameter.get("collectionFormat") or "csv")
    if place == "path":
        draft.path = draft.path.replace(f"{{{name}}}", in_collected_path(value, form))
    elif place == "query":
        draft.query += collected(name, value, form)
    elif place == "header":
        draft.headers[name.lower()] = listed(value, False, ",", as_text)
    elif place == "formData":
        draft.form[name] = (
            value if form == "multi" or not isinstance(value, list) else ",".join(map(as_text, value))
        )
    elif place == _BODY:
        draft.body, draft.has_body = value, True


# --- body


def _take_body(
    document: Document,
    operation: Operation,
    declared: list[dict[str, Any]],
    draft: _Draft,
    left: dict[str, JSON],
) -> None:
    """What no parameter took: the body, where the operation has one."""
    said = operation.said.get("requestBody")
    has_place = said is not None or any(parameter.get("in") == _BODY for parameter in declared)
    if left and not (has_place and not draft.has_body):
        known = [str(parameter.get("name")) for parameter in declared]
        name = next(iter(left))
        hint = did_you_mean(name, known) or f" It has {', '.join(known) or 'none'}."
        raise unusable(f"{_called(operation)} has no parameter {shown(name)}", hint.strip())
    if left:
        draft.body = left[_BODY] if left.keys() == {_BODY} else left
        draft.has_body = True
    elif said is not None and document.resolved(said).get("required"):
        raise _missing(operation, "a body")


def _media_type(document: Document, operation: Operation, draft: _Draft) -> str:
    """The first of the body's media types that can be made."""
    if document.is_swagger:
        known = operation.said.get("consumes") or document.root.get("consumes") or []
        if draft.form:
            return _MULTIPART if _MULTIPART in known and _FORM not in known else _FORM
    else:
        content = document.resolved(operation.said.get("requestBody") or {}).get("content")
        known = list(content) if isinstance(content, dict) else []
    known = [str(one) for one in known] or ["application/json"]
    ways = (_is_json, _FORM.__eq__, _MULTIPART.__eq__, lambda one: one.startswith("text/"))
    for way in ways:
        for one in known:
            if way(one.partition(";")[0].strip().lower()):
                return "application/json" if "*" in one else one
    message = "JSON, forms and texts can be sent."
    raise unusable(f"{_called(operation)} takes {', '.join(known)} only", message)


def _is_json(media_type: str) -> bool:
    return media_type in ("application/json", "*/*", "application/*") or media_type.endswith("+json")


def _written(media_type: str, body: JSON, operation: Operation) -> tuple[str, bytes]:
    """The `Content-Type` and the bytes of a body."""
    kind = media_type.partition(";")[0].strip().lower()
    if _is_json(kind):
        return media_type, msgspec.json.encode(body)
    if kind.startswith("text/"):
        return media_type, as_text(body).encode()
    if not isinstance(body, dict):
        raise AttemptFailed(
            f"{_called(operation)} needs an object as its body", f"It takes {media_type}.",
            retryable=False, unstarted=True, kind="validation",
        )  # fmt: skip
    members = [
        (name, as_text(one))
        for name, value in body.items()
        for one in (value if isinstance(value, list) else [value])
    ]
    if kind == _MULTIPART:
        return _multipart(members)
    return media_type, urlencode(members).encode()


def _multipart(members: list[tuple[str, str]]) -> tuple[str, bytes]:
    """Source: RFC 7578."""
    boundary = uuid.uuid4().hex
    parts = []
    for name, text in members:
        quoted = name.replace("\\", "\\\\").replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{quoted}"\r\n\r\n'
        parts.append(f"{head}{text}\r\n".encode())
    return f"{_MULTIPART}; boundary={boundary}", b"".join([*parts, f"--{boundary}--\r\n".encode()])


# --- the whole


def _finished(document: Document, operation: Operation, draft: _Draft) -> Request:
    headers = {"accept": _accepted(document, operation), **draft.headers}
    if draft.cookies:
        headers["cookie"] = "; ".join(draft.cookies)
    body = None
    if draft.has_body or draft.form:
        media_type = _media_type(document, operation, draft)
        headers["content-type"], body = _written(media_type, draft.form or draft.body, operation)
    uri = _server(document, operation).rstrip("/") + "/" + draft.path.lstrip("/")
    if draft.query:
        uri += ("&" if "?" in uri else "?") + "&".join(draft.query)
    return Request(operation.method, uri, headers, body)


def _accepted(document: Document, operation: Operation) -> str:
    """What to ask for: JSON if the operation gives it, or does not say what it gives."""
    if document.is_swagger:
        known = list(operation.said.get("produces") or document.root.get("produces") or [])
    else:
        responses = operation.said.get("responses")
        known = []
        for response in responses.values() if isinstance(responses, dict) else ():
            content = document.resolved(response).get("content")
            known += [one for one in content or () if one not in known]
    known = [str(one) for one in known]
    return next((one for one in known if _is_json(one)), ", ".join(known) or "application/json")


def _server(document: Document, operation: Operation) -> str:
    """The address that the operation's path is relative to."""
    uri = (
        _swagger_server(document, operation) if document.is_swagger else _openapi_server(document, operation)
    )
    if urlsplit(uri).scheme not in ("http", "https") or not urlsplit(uri).hostname:
        message = "A document that is read from a file needs the whole address of a server."
        raise unusable(f"the document {document.uri} names no server on the web", message)
    return uri


def _openapi_server(document: Document, operation: Operation) -> str:
    places = (operation.said, operation.path_said, document.root)
    servers = next((place["servers"] for place in places if place.get("servers")), [{"url": "/"}])
    server = document.resolved(servers[0])
    variables = server.get("variables") or {}

    def value(match: re.Match[str]) -> str:
        variable = variables.get(match[1])
        default = variable.get("default") if isinstance(variable, dict) else None
        if default is None:
            raise unusable(f"the server of {document.uri} has no default for {shown(match[1])}")
        return str(default)

    return urljoin(document.uri, _NAMED.sub(value, str(server.get("url") or "/")))


def _swagger_server(document: Document, operation: Operation) -> str:
    own = urlsplit(document.uri)
    schemes = operation.said.get("schemes") or document.root.get("schemes") or [own.scheme]
    scheme = own.scheme if own.scheme in schemes else "https" if "https" in schemes else schemes[0]
    host = document.root.get("host") or own.netloc
    return f"{scheme}://{host}{document.root.get('basePath') or ''}"


def _called(operation: Operation) -> str:
    return f"{operation.said.get('operationId')} ({operation.method} {operation.path})"


def _missing(operation: Operation, what: str) -> AttemptFailed:
    return AttemptFailed(
        f"{_called(operation)} needs {what}", "It is required, and has no value or null.",
        retryable=False, unstarted=True, kind="validation",
    )  # fmt: skip
