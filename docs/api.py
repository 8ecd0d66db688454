"""Writes docs/reference/api.md from the API's description: `python docs/api.py`; a test holds it to that."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import httpx2

from podium.bootstrap import serve

PAGE = Path(__file__).parent / "reference" / "api.md"

_HEAD = """# The API

All of it is under `/v1`; `GET /v1/openapi.json` describes bodies and answers for programs (OpenAPI 3.1). [A
hub for a team](../guides/hub.md) tells of tokens and roles.

- **Who asks** stands in `Authorization: Bearer podium_…`. Browsers have a cookie, and send what `GET
  /v1/whoami` gives as `csrf` in `X-Podium-CSRF` with whatever changes something.
- **What goes wrong** is a problem document (RFC 9457), `application/problem+json`, with `problems`: each
  has the `rule` that was broken, the `path` into what was given, and a `message`. 429 and 503 say in
  `Retry-After` when to come back.
- **Pages** of runs have `next`, the address of the page after them, "" on the last; they are found by key,
  so that the thousandth is as quick as the first. A page may be short and have a `next` all the same.
- **Once**: a POST that changes something takes an `Idempotency-Key`. With the same key and body it is
  answered as before (`Idempotency-Replayed`), with another body it is a conflict (409).
- **After a write**, `after=` a `position` waits until that is reflected, or says that it never was (409).
- **Streams** are server-sent events. `GET /v1/events` sends `changes` about four times a second, with the
  position as `id`; who comes back with `Last-Event-ID` gets what is missing, or one `resync`. `GET
  /v1/runs/{run_id}/events` with `Accept: text/event-stream` sends a `record` for each, and `end` with the
  run. Both send `said` for what attempts say meanwhile: `run_id`, `effect`, `attempt`, `task`, `agent`, and
  where there is any `progress`, `lines` with how many were `cut` before them, and as `tail` the line that is
  not ended. It is not sent again to who comes back.
- **Times** are ms since 1970, durations `*_ms`, money nano-units.

This page is made from the description.
"""


def page(document: dict[str, Any]) -> str:
    """The page, as Markdown."""
    parts = [_HEAD]
    tags: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method, one in operations.items():
            tags.setdefault(one["tags"][0], []).append(_row(method.upper(), path, one))
    for tag, rows in tags.items():
        parts.append(f"\n## {tag.capitalize()}\n\n| | scope | |\n|---|---|---|\n{''.join(rows)}")
    return "".join(parts)


def _row(method: str, path: str, one: dict[str, Any]) -> str:
    meaning = one.get("description", "").partition("\n\n")[0].replace("\n", " ").replace("|", "\\|")
    scopes = " or ".join(f"`{scope}`" for scope in one.get("x-podium-scopes", ()))
    queries = [f"`{given['name']}`" for given in one.get("parameters", ()) if given["in"] == "query"]
    asked = f" Query: {', '.join(queries)}." if queries else ""
    return f"| `{method} {path}` | {scopes} | {meaning}{asked} |\n"


def described() -> dict[str, Any]:
    """What a hub says of its API."""
    with tempfile.TemporaryDirectory() as folder:
        serving = serve(Path(folder))
        try:
            url = serving.listen("127.0.0.1", 0).url
            found: dict[str, Any] = httpx2.get(f"{url}/v1/openapi.json").json()
        finally:
            serving.stop(0)
    return found


if __name__ == "__main__":
    PAGE.write_text(page(described()), encoding="utf-8")
