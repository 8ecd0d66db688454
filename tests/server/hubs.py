"""A hub that is served over HTTP in this process, on a port of its own, with people of every role."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from podium.bootstrap import Serving, serve
from podium.facts.catalog import Declared
from podium.sdk.client import Client
from podium.sdk.http import HttpTransport
from podium.sdk.manifests import load

TEAM = """\
document: {dsl: '1.0.3', namespace: test, name: echo, version: '1.0.0'}
do:
  - say: {set: {said: '${ .word // "nothing" }'}}
---
document: {dsl: '1.0.3', namespace: test, name: ask, version: '1.0.0'}
do:
  - approve:
      call: human
      with: {title: Send it?, decisions: [approve, deny]}
---
document: {dsl: '1.0.3', namespace: test, name: listen, version: '1.0.0'}
do:
  - hear: {listen: {to: {one: {with: {type: go}}}}}
---
document: {dsl: '1.0.3', namespace: test, name: pay, version: '1.0.0'}
do:
  - call: {call: http, with: {method: post, endpoint: 'http://127.0.0.1:9/pay', body: {amount: 5}}}
"""

PEOPLE = {
    "vera": ("viewer",),
    "oskar": ("operator",),
    "anna": ("approver",),
    "theo": ("approver:treasurer",),
    "pola": ("policy-admin",),
    "adam": ("admin", "approver", "operator"),
    "wim": ("worker",),
    "mia": ("admin",),
}
"""Accounts, and the roles that they have."""


class Hub:
    """A hub over HTTP.

    Attributes:
        url: where it is.
        tokens: an API token of each of `PEOPLE`, with all that the person may do.
    """

    def __init__(self, serving: Serving) -> None:
        self.serving = serving
        self.url = serving.listen("127.0.0.1", 0).url
        accounts = serving.accounts()
        self.tokens = {}
        for name, roles in PEOPLE.items():
            accounts.add(name, roles)
            _, self.tokens[name] = accounts.add_token(name, "test", (), 3_600_000)

    def client(self, name: str = "adam") -> Client:
        """The typed client of somebody."""
        return Client(HttpTransport(self.url, self.tokens[name]))

    def http(self, name: str = "adam", **given: Any) -> httpx2.Client:
        """A plain client of somebody; of nobody for ""."""
        headers = {"authorization": f"Bearer {self.tokens[name]}"} if name else {}
        return httpx2.Client(
            base_url=self.url, headers={**headers, **given.pop("headers", {})}, timeout=30, **given
        )

    def browser(self, name: str = "adam") -> httpx2.Client:
        """Somebody who is signed in by a link; the client's header for changes is set."""
        secret, stay = self.serving.accounts().begin_stay(name, "link")
        headers = {"x-podium-csrf": stay.csrf}
        return httpx2.Client(base_url=self.url, timeout=30, cookies={"podium": secret}, headers=headers)


def declare(serving: Serving, folder: Path, text: str = TEAM) -> list[Declared]:
    """Apply what a text declares."""
    path = folder / "team.yaml"
    path.write_text(text)
    loaded = load([path])
    assert not loaded.problems
    found = [Declared(d.kind, d.name, d.version, d.digest, d.spec) for d in loaded.documents]
    Client(serving.door).apply(found)
    return found


@contextmanager
def served(folder: Path) -> Iterator[Hub]:
    """A hub at work in a folder."""
    serving = serve(folder / ".podium")
    try:
        declare(serving, folder)
        yield Hub(serving)
    finally:
        serving.stop(0)
