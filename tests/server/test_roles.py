"""Every endpoint against every role, by what each endpoint says that it takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx2
import pytest

from podium.runtime.roles import SCOPES, scopes_of
from tests.server.hubs import PEOPLE, Hub

OPEN = {"/healthz", "/readyz"}
"""What anybody may ask."""

GIVEN = {
    "run_id": "ffffffff", "effect": "1", "kind": "agent", "name": "nobody",
    "agent": "nobody", "shard": "1", "seq": "999999", "id": "none", "action": "pause",
    "schedule": "none", "which": "x", "worker": "none", "worker_id": "none",
}  # fmt: skip

FINER = {("DELETE", "/v1/resources/{kind}/{name}")}
"""What takes one scope or another, by what it is about; looked at on its own."""

EXPECTED = {
    ("POST", "/v1/runs"): {"oskar", "adam", "mia"},
    ("GET", "/v1/runs"): {"vera", "oskar", "anna", "theo", "pola", "adam", "mia"},
    ("POST", "/v1/runs/{run_id}/cancel"): {"oskar", "adam", "mia"},
    ("POST", "/v1/approvals/{run_id}/{effect}/decide"): {"anna", "theo", "adam"},
    ("POST", "/v1/approvals/{run_id}/{effect}/override"): {"anna", "theo", "adam"},
    ("POST", "/v1/apply"): {"oskar", "pola", "adam", "mia"},
    ("GET", "/v1/audit/export"): {"pola", "adam", "mia"},
    ("POST", "/v1/erase"): {"adam", "mia"},
    ("POST", "/v1/accounts"): {"adam", "mia"},
    ("GET", "/v1/whoami"): set(PEOPLE),
}
"""Some of it said a second time, by name, so that a slip in a declaration shows."""


Table = dict[tuple[str, str], tuple[str, ...] | None]


@pytest.fixture(scope="module")
def table(hub: Hub) -> Table:
    """The scopes of every operation, as the API describes them; None where anybody may come."""
    with hub.http("") as http:
        document = http.get("/v1/openapi.json").json()
    return {
        (method.upper(), path): tuple(one["x-podium-scopes"]) if one["security"] else None
        for path, operations in document["paths"].items()
        for method, one in operations.items()
    }


@pytest.fixture(scope="module")
def clients(hub: Hub) -> Iterator[dict[str, httpx2.Client]]:
    """A client of everybody; of nobody for ""."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(hub.http(name)) for name in ("", *PEOPLE)}


def tried(client: httpx2.Client, method: str, path: str, **given: str) -> int:
    for placeholder, value in {**GIVEN, **given}.items():
        path = path.replace(f"{{{placeholder}}}", value)
    assert "{" not in path, f"say in GIVEN what to put into {path}"
    body: dict[str, Any] = {"json": {}} if method in ("POST", "PATCH", "PUT") else {}
    with client.stream(method, path, **body) as response:
        return response.status_code


def test_every_endpoint_lets_in_who_has_its_scope_and_nobody_else(
    clients: dict[str, httpx2.Client], table: Table
) -> None:
    wrong = []
    for (method, path), scopes in table.items():
        if scopes is None:
            if path not in OPEN:
                wrong.append(f"{method} {path} is open to everybody")
            continue
        assert set(scopes) <= set(SCOPES)
        if (status := tried(clients[""], method, path)) != 401:
            wrong.append(f"{method} {path} by nobody: {status}")
        for name, roles in PEOPLE.items():
            if (method, path) in FINER:
                continue
            may = not scopes or bool(scopes_of(roles) & set(scopes))
            status = tried(clients[name], method, path)
            if (status != 403) != may or status == 401 or (status >= 500 and status != 503):
                wrong.append(f"{method} {path} by {name} ({', '.join(roles)}): {status}")
    assert not wrong, "\n".join(wrong)
    assert len(table) > 50


@pytest.mark.parametrize("operation", EXPECTED, ids=" ".join)
def test_the_table_is_what_it_should_be(table: Table, operation: tuple[str, str]) -> None:
    scopes = table[operation]
    assert scopes is not None
    may = {name for name, roles in PEOPLE.items() if not scopes or scopes_of(roles) & set(scopes)}
    assert may == EXPECTED[operation]


def test_policies_take_another_scope_than_the_rest(clients: dict[str, httpx2.Client]) -> None:
    declared = {"kind": "Policy", "name": "p", "version": "1.0.0", "digest": "sha256:0", "spec": {}}
    other = {**declared, "kind": "Agent"}
    path = "/v1/resources/{kind}/{name}"
    for name, policy, agent in (("pola", True, False), ("oskar", False, True), ("vera", False, False)):
        assert (tried(clients[name], "DELETE", path, kind="policy") != 403) == policy
        assert (tried(clients[name], "DELETE", path, kind="agent") != 403) == agent
        for prune, one, may in ((False, declared, policy), (False, other, agent), (True, declared, False)):
            found = clients[name].post("/v1/apply", json={"resources": [one], "prune": prune})
            assert (found.status_code != 403) == may, (name, one["kind"], prune)


def test_who_sets_policy_approves_nothing_whatever_else_he_is() -> None:
    assert "approve" not in scopes_of(("policy-admin", "approver", "admin"))
    assert "policy" not in scopes_of(("admin", "approver", "operator"))
