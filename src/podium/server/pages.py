"""The console: pages, and the files that they are made of, from memory.

All that a page shows it asks the public API for. The files lie under their common digest, so that browsers
keep them for ever and never mix those of two versions.
"""

from __future__ import annotations

import gzip
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import NamedTuple

from fastapi import APIRouter, Request
from starlette.responses import Response

from podium.server.problems import Trouble
from podium.server.served import Served

PAGES = (
    "/", "/approvals", "/approvals/{run_id}/{effect}", "/runs", "/runs/{run_id}", "/agents", "/agents/{name}",
    "/policies", "/policies/{name}", "/budgets", "/audit", "/fleet", "/schedules", "/schedules/{name}",
)  # fmt: skip
"""Paths at which the console is found; what each shows is for `console/app.js` to say."""

_TYPES = {
    ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml",
    ".json": "application/json",
}  # fmt: skip
_FOR_EVER = "public, max-age=31536000, immutable"
_PLACE = "{assets}"


class File(NamedTuple):
    """A file as it is sent."""

    content: bytes
    zipped: bytes
    type: str


class Assets:
    """The files of the console. Attributes: index: the page; digest: of all files together."""

    def __init__(self, folder: Traversable) -> None:
        found = dict(_read(folder, ""))
        whole = sha256()
        for name in sorted(found):
            whole.update(name.encode() + b"\0" + found[name].content)
        self.digest = whole.hexdigest()[:16]
        self.files = found
        page = (folder / "index.html").read_text(encoding="utf-8")
        self.index = page.replace(_PLACE, f"/assets/{self.digest}").encode()


def router(served: Served) -> APIRouter:
    routes = APIRouter(include_in_schema=False)
    assets = Assets(files("podium.server") / "console")

    async def page() -> Response:
        # The page itself says which files belong to it, and is therefore asked for each time.
        return Response(assets.index, headers={"cache-control": "no-cache"}, media_type="text/html")

    for path in PAGES:
        routes.get(path)(page)

    @routes.get("/assets/{digest}/{name:path}")
    async def asset(digest: str, name: str, request: Request) -> Response:
        found = assets.files.get(name) if digest == assets.digest else None
        if found is None:
            raise Trouble(404, "unknown-path", "the console has no such file; load its page again")
        headers = {"cache-control": _FOR_EVER, "vary": "accept-encoding"}
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(
                found.zipped, headers={**headers, "content-encoding": "gzip"}, media_type=found.type
            )
        return Response(found.content, headers=headers, media_type=found.type)

    return routes


def _read(folder: Traversable, above: str) -> list[tuple[str, File]]:
    found: list[tuple[str, File]] = []
    for entry in folder.iterdir():
        name = above + entry.name
        if entry.is_dir():
            found += _read(entry, f"{name}/")
        elif (kind := _TYPES.get(name[name.rfind(".") :])) is not None:
            content = entry.read_bytes()
            found.append((name, File(content, gzip.compress(content, 6, mtime=0), kind)))
    return found
