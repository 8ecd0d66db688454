"""The page about the API is the API's own description."""

from __future__ import annotations

import httpx2

from docs.api import PAGE, page
from tests.server.hubs import Hub


def test_the_page_is_the_description(hub: Hub) -> None:
    document = httpx2.get(f"{hub.url}/v1/openapi.json").json()
    assert PAGE.read_text(encoding="utf-8") == page(document), "run `python docs/api.py`"
    assert document["openapi"].startswith("3.1")
