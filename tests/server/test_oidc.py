"""Signing in by an identity provider: a real one, and what happens where it, or a thief, says otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from podium.server.oidc import provider_of
from tests.server.hubs import Hub, served
from tests.server.provider import CLIENT, SECRET, Provider


@pytest.fixture
def provider() -> Iterator[Provider]:
    made = Provider()
    yield made
    made.close()


@pytest.fixture
def house(provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setenv("PODIUM_OIDC_ISSUER", provider.issuer)
    monkeypatch.setenv("PODIUM_OIDC_CLIENT_ID", CLIENT)
    monkeypatch.setenv("PODIUM_OIDC_CLIENT_SECRET", SECRET)
    with served(tmp_path) as hub:
        yield hub


def returned(browser: httpx2.Client) -> httpx2.Response:
    """Go to the provider and come back."""
    away = browser.get("/sign-in/oidc?next=/runs")
    assert away.status_code == 303 and "SameSite=Lax" in away.headers["set-cookie"]
    back = httpx2.get(away.headers["location"])
    return browser.get(back.headers["location"])


def test_somebody_whom_the_hub_knows_by_his_subject_is_let_in(house: Hub, provider: Provider) -> None:
    with house.http() as admin, house.http("") as browser:
        assert "Sign in with 127.0.0.1" in browser.get("/sign-in").text
        refused = returned(browser)
        assert refused.status_code == 403 and "podium account add grace-hopper --subject" in refused.text
        account = {"name": "grace", "roles": ["operator"], "subject": f"{provider.issuer} 4711"}
        assert admin.post("/v1/accounts", json=account).status_code == 201
        found = returned(browser)
        assert found.status_code == 200 and "url=/runs" in found.text
        me = browser.get("/v1/whoami").json()
        assert (me["principal"], me["via"]) == ("user:grace", "http oidc")
        asked = provider.asked_for_keys
        assert returned(browser).status_code == 200
        assert provider.asked_for_keys == asked, "keys are kept"
        provider.rotate()
        assert returned(browser).status_code == 200
        assert provider.asked_for_keys == asked + 1
        admin.patch("/v1/accounts/grace", json={"suspended": True})
        assert returned(browser).status_code == 403


def test_a_name_is_nobodys_proof(provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"ISSUER": provider.issuer, "CLIENT_ID": CLIENT, "CLIENT_SECRET": SECRET, "ROLES": "viewer"}
    for name, value in known.items():
        monkeypatch.setenv(f"PODIUM_OIDC_{name}", value)
    with served(tmp_path) as hub:
        with hub.http("") as browser:
            assert returned(browser).status_code == 200
            assert browser.get("/v1/whoami").json()["roles"] == ["viewer"]
        provider.person = {"sub": "666", "preferred_username": "adam"}
        with hub.http("") as thief:
            assert returned(thief).status_code == 403
            assert thief.get("/v1/whoami").status_code == 401


@pytest.mark.parametrize(
    "spoil",
    [
        {"nonce": "another"}, {"aud": "somebody-else"}, {"iss": "https://evil.example"}, {"exp": 1},
        {"aud": [CLIENT, "other"], "azp": "other"}, {"sub": None},
    ],
    ids=lambda spoil: next(iter(spoil)),
)  # fmt: skip
def test_a_token_that_is_not_for_this_sign_in_lets_nobody_in(
    house: Hub, provider: Provider, spoil: dict[str, object]
) -> None:
    house.serving.accounts().add("grace", ["viewer"], f"{provider.issuer} 4711")
    provider.spoil = spoil
    with house.http("") as browser:
        assert returned(browser).status_code == 403
        assert browser.get("/v1/whoami").status_code == 401


def test_a_key_that_nobody_has_or_that_is_anothers_lets_nobody_in(house: Hub, provider: Provider) -> None:
    house.serving.accounts().add("grace", ["viewer"], f"{provider.issuer} 4711")
    with house.http("") as browser:
        known = provider.key
        provider.rotate()
        published, provider.published = provider.key, known
        asked = provider.asked_for_keys
        assert returned(browser).status_code == 403
        assert provider.asked_for_keys == asked + 2, "once at first, and once more for the key"
        provider.published = published
        provider.key = provider.named(published.kid)
        assert returned(browser).status_code == 403, "the name of a key is no key"


def test_a_sign_in_ends_in_the_browser_where_it_began_and_once(house: Hub, provider: Provider) -> None:
    house.serving.accounts().add("grace", ["viewer"], f"{provider.issuer} 4711")
    with house.http("") as browser, house.http("") as victim:
        away = browser.get("/sign-in/oidc").headers["location"]
        back = httpx2.get(away).headers["location"]
        assert victim.get(back).status_code == 403
        assert browser.get(back).status_code == 200
        assert browser.get(back).status_code == 403
        state = parse_qs(urlsplit(back).query)["state"][0]
        assert browser.get(f"/sign-in/oidc/callback?state={state}&error=access_denied").status_code == 403


def test_a_provider_in_the_clear_is_refused() -> None:
    assert provider_of({}) is None
    with pytest.raises(ValueError, match="https"):
        provider_of({"PODIUM_OIDC_ISSUER": "http://login.example.org", "PODIUM_OIDC_CLIENT_ID": "x"})
    with pytest.raises(ValueError, match="CLIENT_ID"):
        provider_of({"PODIUM_OIDC_ISSUER": "https://login.example.org"})
