"""How values of parameters are written in paths, queries, headers and cookies, by the styles of OpenAPI.

Source: OpenAPI 3.1.1, "Style Values"; Swagger 2.0, "collectionFormat".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from podium.agents.requesting import as_text

_RESERVED = ":/?#[]@!$&'()*+,;="
_SEPARATORS = {"csv": ",", "ssv": "%20", "tsv": "%09", "pipes": "%7C"}
_DELIMITED = {"form": ",", "spaceDelimited": "%20", "pipeDelimited": "%7C"}


def encoded(value: Any) -> str:
    """A value as it stands in a URI."""
    return quote(as_text(value), safe="")


def reserved(value: Any) -> str:
    """The same, with the characters that have a meaning in URIs as they are."""
    return quote(as_text(value), safe=_RESERVED + "%")


def in_path(name: str, value: Any, style: str, explode: bool) -> str:
    """A value in a path: `simple`, `label` or `matrix`."""
    if style == "matrix":
        return _matrix(name, value, explode)
    if style == "label":
        return "." + listed(value, explode, "." if explode else ",", encoded)
    return listed(value, explode, ",", encoded)


def _matrix(name: str, value: Any, explode: bool) -> str:
    if explode and isinstance(value, list):
        return "".join(f";{name}={encoded(item)}" for item in value)
    if explode and isinstance(value, dict):
        return "".join(f";{encoded(key)}={encoded(member)}" for key, member in value.items())
    text = listed(value, False, ",", encoded)
    return f";{name}={text}" if text else f";{name}"


def listed(value: Any, explode: bool, separator: str, encode: Callable[[Any], str]) -> str:
    """A list, an object (`k=v` if exploded, else `k,v`) or one value."""
    if isinstance(value, list):
        return separator.join(encode(item) for item in value)
    if isinstance(value, dict):
        glue = "=" if explode else separator
        return separator.join(f"{encode(key)}{glue}{encode(member)}" for key, member in value.items())
    return encode(value)


def in_query(name: str, value: Any, style: str, explode: bool, encode: Callable[[Any], str]) -> list[str]:
    """The pieces `name=value` of a query: `form`, `spaceDelimited`, `pipeDelimited` or `deepObject`."""
    key = encoded(name)
    if isinstance(value, dict) and style == "deepObject":
        return [f"{key}%5B{encoded(member)}%5D={encode(one)}" for member, one in value.items()]
    if explode and isinstance(value, list):
        return [f"{key}={encode(item)}" for item in value]
    if explode and isinstance(value, dict):
        return [f"{encoded(member)}={encode(one)}" for member, one in value.items()]
    return [f"{key}={listed(value, False, _DELIMITED.get(style, ','), encode)}"]


def collected(name: str, value: Any, form: str) -> list[str]:
    """The pieces of a query by Swagger's `collectionFormat`."""
    if form == "multi" and isinstance(value, list):
        return [f"{encoded(name)}={encoded(item)}" for item in value]
    return [f"{encoded(name)}={listed(value, False, _SEPARATORS.get(form, ','), encoded)}"]


def in_collected_path(value: Any, form: str) -> str:
    """A value in a path by Swagger's `collectionFormat`."""
    return listed(value, False, _SEPARATORS.get(form, ","), encoded)
