"""Who is let in, and how far: tokens, cookies, links, passwords, and attacks on all of them."""

from __future__ import annotations

import asyncio
import socket
import threading
from pathlib import Path

import httpx2
import pytest
from starlette.datastructures import Headers

from podium.bootstrap import reader_of
from podium.facts.events import ActNoted
from podium.runtime.accounts import LINK_MS, STAY_MS, Accounts
from podium.runtime.passwords import hashed
from podium.runtime.writer import read_records
from podium.server.api.signing import local
from podium.server.misses import ACT, NAMED_MAX, NOBODY, OTHERS, Misses
from podium.server.proxies import networks, seen_by
from podium.server.streams import event
from tests.server.hubs import Hub, served

# --- tokens -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    [
        "Bearer podium_wrong", "Bearer", "Basic YTpi", "podium_x", "Bearer podium_" + "x" * 10_000,
        "Bearer podium_\xff", "Bearer nothing", "bearer  podium_", "Bearer podium_' OR 1=1 --",
    ],
)  # fmt: skip
def test_what_is_no_token_lets_nobody_in(hub: Hub, header: str) -> None:
    with hub.http("", headers={"authorization": header.encode("latin-1")}) as http:
        found = http.get("/v1/whoami")
        assert found.status_code == 401
        assert found.headers["www-authenticate"].startswith("Bearer")
        assert found.json()["problems"][0]["rule"] == "unauthenticated"


def test_a_token_is_no_wider_than_its_scopes_and_ends(hub: Hub) -> None:
    with hub.http() as http:
        made = http.post("/v1/tokens", json={"name": "ci", "scopes": ["read"], "days": 1}).json()
        narrow = {"authorization": f"Bearer {made['secret']}"}
        with hub.http("", headers=narrow) as ci:
            assert ci.get("/v1/whoami").json()["scopes"] == ["read"]
            assert ci.get("/v1/runs").status_code == 200
            assert ci.post("/v1/runs", json={"workflow": "test/echo"}).status_code == 403
            assert ci.post("/v1/tokens", json={"name": "wider"}).status_code == 403
            assert http.delete(f"/v1/tokens/{made['id']}").status_code == 200
            assert ci.get("/v1/runs").status_code == 401
        listed = {one["id"]: one for one in http.get("/v1/tokens").json()["items"]}
        assert listed[made["id"]]["revoked_at"] and "secret" not in listed[made["id"]]
        assert http.delete("/v1/tokens/none").status_code == 404


def test_nobody_gives_more_than_he_has(hub: Hub) -> None:
    with hub.browser("vera") as vera:
        assert vera.post("/v1/tokens", json={"name": "mine", "scopes": ["read"]}).status_code == 201
        assert vera.post("/v1/tokens", json={"name": "more", "scopes": ["run"]}).status_code == 403
        assert vera.post("/v1/tokens", json={"name": "other", "account": "adam"}).status_code == 403
        assert vera.get("/v1/tokens?account=adam").status_code == 403
        others = hub.serving.accounts().tokens("adam")[0].id
        assert vera.delete(f"/v1/tokens/{others}").status_code == 404


def test_a_token_that_has_expired_lets_nobody_in(tmp_path: Path) -> None:
    now = [1_000_000]
    accounts = Accounts(tmp_path / "people.db", lambda: now[0])
    accounts.add("ada", ["viewer"])
    _, secret = accounts.add_token("ada", "x", ["read"], 1_000)
    assert accounts.by_token(secret)
    now[0] += 1_000
    assert accounts.by_token(secret) is None
    accounts.close()


def test_secrets_are_kept_as_hashes_where_nobody_else_reads(hub: Hub) -> None:
    file = hub.serving.hub.folder / "people.db"
    assert file.stat().st_mode & 0o077 == 0
    kept = file.read_bytes()
    assert all(token.encode() not in kept for token in hub.tokens.values())
    link = hub.serving.accounts().make_link("vera")
    assert link.encode() not in file.read_bytes()


# --- browsers ---------------------------------------------------------------------------------


def test_a_link_signs_in_once_and_looking_at_it_does_not_use_it(hub: Hub) -> None:
    link = hub.serving.accounts().make_link("vera")
    with hub.http("") as http:
        for _ in range(2):
            assert "Sign in" in http.get(f"/sign-in?link={link}").text
        first = http.post("/sign-in", data={"link": link, "next": "/runs"})
        assert first.headers["location"] == "/account?next=/runs"
        cookie = first.headers["set-cookie"]
        assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and "Path=/" in cookie
    with hub.http("") as other:
        assert other.post("/sign-in", data={"link": link}).status_code == 403


def test_a_change_by_a_browser_takes_what_only_its_pages_know(hub: Hub) -> None:
    with hub.browser("oskar") as browser:
        body = {"workflow": "test/echo"}
        assert browser.post("/v1/runs", json=body).status_code == 201
        for wrong in ("", "wrong", browser.headers["x-podium-csrf"][:-1]):
            assert browser.post("/v1/runs", json=body, headers={"x-podium-csrf": wrong}).status_code == 403
        for forged in (
            {"sec-fetch-site": "cross-site"},
            {"sec-fetch-site": "same-site"},
            {"origin": "http://evil.example"},
        ):
            assert browser.post("/v1/runs", json=body, headers=forged).status_code == 403
        assert browser.get("/v1/runs", headers={"x-podium-csrf": ""}).status_code == 200


def test_a_form_from_elsewhere_signs_nobody_in(hub: Hub) -> None:
    link = hub.serving.accounts().make_link("vera")
    with hub.http("") as http:
        for forged in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}):
            assert http.post("/sign-in", data={"link": link}, headers=forged).status_code == 403
        assert http.post("/sign-in", data={"link": link}).status_code == 303


@pytest.mark.parametrize(
    "cookie", ["podium=", "podium=x", "podium=" + "x" * 5_000, 'podium="; =', "a=b; podium"]
)
def test_what_is_no_cookie_lets_nobody_in(hub: Hub, cookie: str) -> None:
    with hub.http("", headers={"cookie": cookie}) as http:
        assert http.get("/v1/whoami").status_code == 401


def test_a_sign_out_ends_it_and_so_does_time(hub: Hub, tmp_path: Path) -> None:
    with hub.browser("vera") as browser:
        kept = dict(browser.cookies)
        assert browser.post("/sign-out").status_code == 303
        with httpx2.Client(base_url=hub.url, cookies=kept) as thief:
            assert thief.get("/v1/whoami").status_code == 401
    now = [1_000_000]
    accounts = Accounts(tmp_path / "people.db", lambda: now[0])
    accounts.add("ada", ["viewer"])
    secret, _ = accounts.begin_stay("ada", "link")
    link = accounts.make_link("ada")
    now[0] += LINK_MS
    assert accounts.use_link(link) is None
    assert accounts.by_stay(secret)
    now[0] += STAY_MS // 2 - 1
    assert accounts.by_stay(secret)
    now[0] += STAY_MS // 2
    assert accounts.by_stay(secret) is None
    accounts.close()


def test_a_password_is_set_and_signs_in(hub: Hub) -> None:
    accounts = hub.serving.accounts()
    accounts.add("lena", ["viewer"])
    with hub.browser("lena") as browser:
        csrf = browser.headers["x-podium-csrf"]
        assert browser.post("/account", data={"csrf": csrf, "password": "short"}).status_code == 422
        assert (
            browser.post("/account", data={"csrf": "x", "password": "correct horse battery"}).status_code
            == 403
        )
        done = browser.post("/account", data={"csrf": csrf, "password": "correct horse battery"})
        assert done.status_code == 303
    with hub.http("") as http:
        said = {"name": "lena", "password": "correct horse battery"}
        assert http.post("/sign-in", data=said).status_code == 303
        assert http.get("/v1/whoami").json()["via"] == "http password"
        assert http.post("/sign-in", data={**said, "password": "incorrect horse"}).status_code == 403


def test_guessing_is_bounded(hub: Hub) -> None:
    with hub.http("") as http:
        found = [http.post("/sign-in", data={"name": "anna", "password": "x" * 13}) for _ in range(12)]
    assert found[-1].status_code == 429
    assert int(found[-1].headers["retry-after"]) > 0
    assert 200 not in {one.status_code for one in found}


def acts_of(hub: Hub) -> list[tuple[ActNoted, str]]:
    """What was noted, and why."""
    reader = reader_of(hub.serving.hub.folder)
    try:
        return [
            (one.event, getattr(one.body, "why", ""))
            for one in read_records(reader, 0, 0)
            if isinstance(one.event, ActNoted)
        ]
    finally:
        reader.close()


def test_sign_ins_that_failed_are_in_the_log_but_not_each_of_them(tmp_path: Path) -> None:
    with served(tmp_path) as hub:
        accounts = hub.serving.accounts()
        accounts.set_password("vera", hashed("correct horse battery"))
        with hub.http("", headers={"x-forwarded-for": "6.6.6.6"}) as http:
            for name in ("vera", "vera", "no-one", "no-body"):
                assert http.post("/sign-in", data={"name": name, "password": "x" * 13}).status_code == 403
            assert http.post("/sign-in", data={"link": "x"}).status_code == 403
        failed = [(act, why) for act, why in acts_of(hub) if act.act == ACT]
        assert [act.target for act, _ in failed] == ["vera", NOBODY], "one of each in a minute"
        act, why = failed[0]
        assert (act.principal, act.via, why) == ("", "http password", "from 127.0.0.1")
        assert "x" * 13 not in str(failed)


def test_failures_are_counted_and_bounded() -> None:
    noted: list[tuple[str, str]] = []

    async def guess() -> None:
        whole = asyncio.Event()

        async def note(call: str, params: dict[str, str], caller: object) -> None:
            noted.append((params["target"], params["why"]))
            if len(noted) == 2 * (NAMED_MAX + 1):
                whole.set()

        misses = Misses(note, 0.2)
        for number in range(1_000):
            await misses.miss(f"a{number % 500}", "password", "10.0.0.1")
        assert len(noted) == NAMED_MAX + 1
        await asyncio.wait_for(whole.wait(), 10)

    asyncio.run(guess())
    assert noted[0] == ("a0", "from 10.0.0.1")
    assert ("a0", "1 more within 0.2 seconds") in noted
    assert (OTHERS, f"{1_000 - 2 * NAMED_MAX - 1} more within 0.2 seconds") in noted


# --- proxies ----------------------------------------------------------------------------------

HTTPS = {"x-forwarded-proto": "https", "x-forwarded-for": "203.0.113.9"}


def test_cookies_are_secure_where_a_trusted_proxy_says_it_was_tls(tmp_path: Path) -> None:
    with served(tmp_path) as hub:
        behind = hub.serving.listen("127.0.0.1", 0, proxies=["127.0.0.0/8"]).url
        accounts = hub.serving.accounts()
        for url, secure in ((hub.url, False), (behind, True)):
            with httpx2.Client(base_url=url, headers=HTTPS) as http:
                found = http.post("/sign-in", data={"link": accounts.make_link("vera")})
                cookie = found.headers["set-cookie"]
                assert ("Secure" in cookie, cookie.startswith("__Host-podium=")) == (secure, secure), url
        secret, _ = accounts.begin_stay("vera", "link")
        for name, let_in in (("__Host-podium", True), ("podium", False)):
            given = {**HTTPS, "cookie": f"{name}={secret}"}
            status = httpx2.get(f"{behind}/v1/whoami", headers=given).status_code
            assert (status == 200) == let_in, name


@pytest.mark.parametrize(
    ("client", "forwarded", "seen"),
    [
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"), ("10.0.0.1", "6.6.6.6, 203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "203.0.113.9, 10.0.0.2", "203.0.113.9"), ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "<script>", "10.0.0.1"), ("192.0.2.1", "203.0.113.9", "192.0.2.1"),
        ("10.0.0.1", "2001:db8::1", "2001:db8::1"), ("", "203.0.113.9", ""),
    ],
)  # fmt: skip
def test_only_proxies_that_are_trusted_say_who_asks(client: str, forwarded: str, seen: str) -> None:
    given = {"x-forwarded-for": forwarded, "x-forwarded-proto": "https"}
    scope = {"type": "http", "scheme": "http", "client": (client, 1)}
    found = seen_by(networks(["10.0.0.0/8, ::1"]), scope, Headers(given))
    assert found["client"][0] == seen
    assert (found["scheme"] == "https") == (client == "10.0.0.1")


# --- before the body --------------------------------------------------------------------------


def test_nothing_is_read_of_those_who_may_not(hub: Hub) -> None:
    for path in ("/v1/attempts/progress", "/v1/attempts/call", "/v1/apply", "/v1/workers", "/v1/runs"):
        for name, status in (("", 401), ("vera", 403)):
            with hub.http(name) as http:
                assert http.post(path, content=b"no JSON").status_code == status, path
    with hub.http("", headers={"authorization": "Bearer attempt_00.1.1.w.x"}) as http:
        assert http.post("/v1/attempts/call", content=b"no JSON").status_code == 401
        assert http.get("/v1/whoami").status_code == 401


@pytest.mark.parametrize(
    ("goal", "found"),
    [
        ("/runs?status=failed", "/runs?status=failed"), ("//evil.example", "/"), ("/\\evil.example", "/"),
        ("https://evil.example", "/"), ("javascript:alert(1)", "/"), ("\\\\evil.example", "/"), ("", "/"),
        ("/\t/evil.example", "/"), ("/a\r\nset-cookie: a=b", "/"), ("evil.example", "/"),
    ],
)  # fmt: skip
def test_nobody_is_sent_elsewhere(goal: str, found: str) -> None:
    assert local(goal) == found


def test_pages_escape_what_they_are_given(hub: Hub) -> None:
    with hub.http("") as http:
        text = http.get("/sign-in", params={"link": '"><script>x</script>', "next": '/"><script>'}).text
        assert "<script>" not in text
        policy = http.get("/sign-in").headers["content-security-policy"]
        assert "unsafe-inline" not in policy and "script-src 'self'" in policy


# --- accounts ---------------------------------------------------------------------------------


def test_an_account_that_is_suspended_is_out_at_once_with_its_streams(hub: Hub) -> None:
    hub.serving.accounts().add("sue", ["viewer"])
    ended = threading.Event()
    begun = threading.Event()
    with hub.http() as admin, hub.browser("sue") as browser:
        token = admin.post("/v1/tokens", json={"name": "t", "account": "sue"}).json()["secret"]

        def look() -> None:
            with browser.stream("GET", "/v1/events") as response:
                for _ in response.iter_raw():
                    begun.set()
            ended.set()

        threading.Thread(target=look, daemon=True).start()
        assert begun.wait(10)
        assert admin.patch("/v1/accounts/sue", json={"suspended": True, "why": "left"}).status_code == 200
        assert ended.wait(10)
        assert browser.get("/v1/whoami").status_code == 401
        with hub.http("", headers={"authorization": f"Bearer {token}"}) as bearer:
            assert bearer.get("/v1/whoami").status_code == 401
        assert admin.post("/v1/accounts/sue/link").status_code == 403


def test_accounts_are_made_and_changed_by_the_rules(hub: Hub) -> None:
    with hub.http() as http:
        made = http.post("/v1/accounts", json={"name": "paul", "roles": ["operator"]})
        assert made.status_code == 201 and "run" in made.json()["scopes"]
        assert http.post("/v1/accounts", json={"name": "paul"}).status_code == 409
        for name in ("", "Paul", "a b", "../x", "a" * 200, "-x"):
            assert http.post("/v1/accounts", json={"name": name}).status_code == 422
        both = http.patch("/v1/accounts/paul", json={"roles": ["policy-admin", "approver:cfo"]})
        assert both.status_code == 403 and both.json()["problems"][0]["rule"] == "separate-duties"
        assert http.patch("/v1/accounts/paul", json={"roles": ["king"]}).status_code == 422
        assert http.patch("/v1/accounts/nobody", json={"roles": ["viewer"]}).status_code == 404
        for name in ("mia", "adam"):
            last = http.patch(f"/v1/accounts/{name}", json={"suspended": name == "adam", "roles": ["viewer"]})
        assert last.json()["problems"][0]["rule"] == "last-admin"


def test_every_act_is_in_the_log_with_who_and_how(hub: Hub) -> None:
    link = hub.serving.accounts().make_link("vera")
    with hub.http("") as nobody:
        nobody.post("/sign-in", data={"link": link})
    with hub.http("adam") as http, hub.browser("oskar") as browser:
        run_id = http.post("/v1/runs", json={"workflow": "test/ask"}).json()["run_id"]
        assert browser.post(f"/v1/runs/{run_id}/cancel", json={"why": "too late"}).status_code == 200
        export = http.get("/v1/audit/export")
    assert export.content[:2] == b"\x1f\x8b"
    acts = {
        (one.act, one.principal, one.via.rpartition(" ")[0] or one.via): (one, why)
        for one, why in acts_of(hub)
    }
    assert ("sign-in", "user:vera", "http") in acts
    cancelled, why = acts["cancel", "user:oskar", "http"]
    assert (cancelled.via, cancelled.target, why) == ("http link", run_id, "too late")
    assert ("checkpoint", "user:adam", "http token") in acts


# --- paths and bodies -------------------------------------------------------------------------


def raw(hub: Hub, method: str, path: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    """Send a request as it is written, which no proper client would do; gives status and body."""
    host, port = hub.url.removeprefix("http://").split(":")
    lines = [f"{method} {path} HTTP/1.1", f"host: {host}", f"authorization: Bearer {hub.tokens['adam']}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    with socket.create_connection((host, int(port)), 10) as connection:
        connection.sendall("\r\n".join([*lines, "connection: close", "", ""]).encode("latin-1"))
        found = b"".join(iter(lambda: connection.recv(65536), b""))
    return int(found.split(b" ", 2)[1]), found.partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize(
    "path",
    [
        "/v1/runs/../../etc/passwd", "/v1/runs/%2e%2e%2f%2e%2e%2fetc%2fpasswd", "/assets/../../people.db",
        "/assets/%2e%2e/%2e%2e/people.db", "/v1/resources/agent/../../../x", "/v1//runs", "/V1/runs",
        "/v1/runs/",
        "/v1/runs/\x00", "/v1/runs/%00", "/v1/runs/%ff%fe", "/v1/runs/" + "a" * 5_000, "/.podium/people.db",
    ],
)  # fmt: skip
def test_odd_paths_lead_nowhere(hub: Hub, path: str) -> None:
    status, body = raw(hub, "GET", path)
    assert status in (400, 404, 405, 422), body[:300]
    assert b"Traceback" not in body


def test_bodies_are_bounded_and_strict(hub: Hub) -> None:
    with hub.http() as http:
        assert raw(hub, "POST", "/v1/runs", {"content-length": "999999999999"})[0] == 413
        head = {"content-type": "application/json"}

        def pieces() -> object:
            for _ in range(40):
                yield b" " * 1_000_000

        assert http.post("/v1/runs", content=pieces(), headers=head).status_code == 413
        for body in (
            b"{",
            b'{"workflow": NaN}',
            b'{"workflow": "a", "input": Infinity}',
            b"\xff",
            b"[" * 100_000,
        ):
            assert http.post("/v1/runs", content=body, headers=head).status_code == 400
        assert http.post("/v1/runs", content=b"workflow=x").status_code == 415
        unknown = http.post("/v1/runs", json={"workflow": "test/echo", "inputs": 1})
        assert unknown.json()["problems"][0]["path"] == "/inputs"


def test_an_event_is_one_line_of_data() -> None:
    assert event("a", {"text": "x\n\nevent: forged"}).count(b"\n") == 3
