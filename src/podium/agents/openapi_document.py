"""Descriptions of APIs, OpenAPI 3.0 and 3.1 and Swagger 2.0: fetched, kept for a while, looked through."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec

from podium.agents.interface import OUTPUT_BYTES_MAX, Attempt, AttemptFailed
from podium.agents.output import too_large
from podium.agents.requesting import Request, Sender
from podium.facts.values import JSON
from podium.resources.troubles import did_you_mean, shown

KEPT_S = 300
"""A document is fetched again when it is older than this."""
KEPT_BYTES_MAX = 32 * 1024 * 1024
YAML_BYTES_MAX = 2 * 1024 * 1024
"""YAML is slow to read; larger documents must be JSON."""
REFERENCES_MAX = 32

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


class Document:
    """One description.

    Attributes:
        uri: where it was found, after redirects.
        digest: of its bytes.
        size: in bytes.
        root: what it says.
        is_swagger: whether it is Swagger 2.0.
    """

    __slots__ = ("uri", "digest", "size", "root", "is_swagger")

    def __init__(self, uri: str, content: bytes, root: dict[str, Any]) -> None:
        self.uri, self.size, self.root = uri, len(content), root
        self.digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self.is_swagger = "swagger" in root

    def resolved(self, value: Any) -> dict[str, Any]:
        """An object of the document, or what its `$ref` leads to.

        Raises:
            AttemptFailed: it leads nowhere, in a circle, or out of the document.
        """
        for _ in range(REFERENCES_MAX):
            if not isinstance(value, dict):
                break
            target = value.get("$ref")
            if not isinstance(target, str):
                return value
            value = self._at(target)
        raise unusable(f"the document {self.uri} holds what is no object where one is needed")

    def _at(self, reference: str) -> Any:
        if not reference.startswith("#/"):
            message = "Only references inside the document, `#/…`, are followed."
            raise unusable(f"the document {self.uri} refers to {shown(reference)}", message)
        value: Any = self.root
        for part in reference[2:].split("/"):
            name = unquote(part).replace("~1", "/").replace("~0", "~")
            value = value.get(name) if isinstance(value, dict) else None
        return value


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation: its method in capitals, its path template, what the document says of it and its path."""

    method: str
    path: str
    said: dict[str, Any]
    path_said: dict[str, Any]


def operation_of(document: Document, name: str) -> Operation:
    """The operation with this `operationId`.

    Raises:
        AttemptFailed: there is none, or more than one.
    """
    found: list[Operation] = []
    names: list[str] = []
    for operation in _operations(document):
        known = operation.said.get("operationId")
        if isinstance(known, str):
            names.append(known)
            if known == name:
                found.append(operation)
    if len(found) == 1:
        return found[0]
    if found:
        raise unusable(f"the document {document.uri} has several operations {shown(name)}")
    hint = did_you_mean(name, names) or " Its operations need an `operationId`."
    raise unusable(f"the document {document.uri} has no operation {shown(name)}", hint.strip())


def _operations(document: Document) -> Iterator[Operation]:
    paths = document.root.get("paths")
    for path, item in paths.items() if isinstance(paths, dict) else ():
        said = document.resolved(item)
        for method in METHODS:
            if isinstance(said.get(method), dict):
                yield Operation(method.upper(), str(path), said[method], said)


class Documents:
    """Fetches descriptions and keeps them for a while. Lives on one loop."""

    def __init__(self, sender: Sender, now: Callable[[], float] = time.monotonic) -> None:
        self._sender, self._now = sender, now
        self._kept: dict[bytes, tuple[Document, float]] = {}

    async def get(self, uri: str, policy: JSON, attempt: Attempt, *, local: bool = False) -> Document:
        """The description at a URI.

        Args:
            policy: how to prove who asks for it; None for not at all.
            local: whether it may be a file.
        Raises:
            AttemptFailed: it cannot be had (`communication`), or is none (`configuration`).
        """
        key = hashlib.sha256(msgspec.json.encode([uri, policy, local], order="deterministic")).digest()
        document, until = self._kept.pop(key, (None, 0.0))
        if document is None or self._now() >= until:
            document = await self._fetched(uri, policy, attempt, local)
            until = self._now() + KEPT_S
        self._kept[key] = document, until
        while sum(kept.size for kept, _ in self._kept.values()) > KEPT_BYTES_MAX and len(self._kept) > 1:
            del self._kept[next(iter(self._kept))]
        return document

    async def _fetched(self, uri: str, policy: JSON, attempt: Attempt, local: bool) -> Document:
        if urlsplit(uri).scheme == "file":
            if not local:
                message = "Only a URI that stands in the workflow may be a file's."
                raise unusable(f"{shown(uri)} cannot be read", message)
            content = await asyncio.to_thread(_read, uri)
        else:
            uri, content = await self._asked(uri, policy, attempt)
        return Document(uri, content, await asyncio.to_thread(_parsed, uri, content))

    async def _asked(self, uri: str, policy: JSON, attempt: Attempt) -> tuple[str, bytes]:
        accept = "application/json, application/yaml;q=0.9, */*;q=0.1"
        try:
            access = await self._sender.access(policy, attempt)
            request = Request("GET", uri, {"accept": accept})
            answered = await self._sender.send(request, attempt, policy=policy, access=access, redirect=True)
        except AttemptFailed as failure:
            # Whatever became of this one: the call itself has not been made.
            failure.unstarted, failure.lost = True, False
            raise
        return answered.uri, answered.body


def _read(uri: str) -> bytes:
    path = Path(unquote(urlsplit(uri).path))
    try:
        if not path.is_file():
            raise unusable(f"there is no file {path}", "It describes the API that is called.")
        if path.stat().st_size > OUTPUT_BYTES_MAX:
            raise too_large(path.stat().st_size)
        return path.read_bytes()
    except OSError as error:
        raise unusable(f"{path} cannot be read", str(error.strerror)) from None


def _parsed(uri: str, content: bytes) -> dict[str, Any]:
    root = _value(uri, content)
    if not isinstance(root, dict) or not isinstance(root.get("paths"), dict):
        raise unusable(f"{uri} describes no API", "It must be an OpenAPI or Swagger document with `paths`.")
    version = str(root.get("openapi") or root.get("swagger"))
    if not version.startswith(("3.0", "3.1", "2.0")):
        raise unusable(f"{uri} is of version {shown(version)}", "OpenAPI 3.0, 3.1 and Swagger 2.0 are known.")
    return root


def _value(uri: str, content: bytes) -> Any:
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, RecursionError):
        pass
    if len(content) > YAML_BYTES_MAX:
        raise unusable(f"{uri} is no JSON", f"YAML is read up to {YAML_BYTES_MAX // 2**20} MiB.")
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return YAML(typ="safe", pure=True).load(content.decode())
    except (YAMLError, ValueError, RecursionError) as error:
        # What stands there may be anything; only the place is told.
        mark = getattr(error, "problem_mark", None)
        place = f" (line {mark.line + 1})" if mark is not None else ""
        raise unusable(f"{uri} is neither JSON nor YAML{place}") from None


def unusable(title: str, detail: str = "") -> AttemptFailed:
    """The failure of a call whose description, or use of it, is wrong; nothing was performed."""
    return AttemptFailed(title, detail, retryable=False, unstarted=True, kind="configuration")
