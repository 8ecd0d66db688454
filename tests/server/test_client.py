"""The command line and the clients of the SDK against a hub elsewhere, in the clear and over TLS."""

from __future__ import annotations

import asyncio
import json
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from podium.bootstrap import serve
from podium.cli import far
from podium.cli.app import main
from podium.sdk import http
from podium.sdk.async_client import AsyncClient
from podium.sdk.client import Client, ConflictError, NotFoundError, UnreachableError
from podium.sdk.http import HttpTransport
from podium.views import finding
from tests.server.hubs import TEAM, Hub, declare

ROOT = Path(__file__).resolve().parents[2]
Podium = Callable[..., tuple[int, str, str]]


@pytest.fixture
def podium(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Podium]:
    """The command line, here or meant for the hub elsewhere; gives exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, here: bool = False, who: str = "adam") -> tuple[int, str, str]:
        place = (
            ["--state", str(hub.serving.hub.folder)]
            if here
            else ["--hub", hub.url, "--token", hub.tokens[who]]
        )
        code = main([*place, *arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    yield run
    far.choose("", "")


def of_json(found: tuple[int, str, str]) -> Any:
    assert found[0] == 0, found
    return json.loads(found[1])


@pytest.mark.parametrize(
    "arguments",
    [
        ("get", "runs"), ("get", "workflows"), ("get", "agents"), ("get", "policies"), ("get", "budgets"),
        ("get", "workflow", "test/echo"), ("get", "workflow", "test/echo", "--history"), ("approvals",),
        ("escalations",),
        ("dlq", "list"), ("describe", "workflow", "test/echo"), ("account", "list"), ("token", "list"),
        ("story", "ffff"), ("get", "workflow", "nobody"), ("cancel", "ffff"), ("approve", "ffff/1"),
        ("get", "runs", "-o", "json"), ("graph", "test/echo"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_command_says_the_same_elsewhere_as_here(podium: Podium, arguments: tuple[str, ...]) -> None:
    assert podium(*arguments) == podium(*arguments, here=True)


def test_a_run_is_watched_told_and_answered_from_elsewhere(podium: Podium, hub: Hub) -> None:
    code, out, _ = podium("run", "test/echo", "--input", "word=hi")
    assert (code, json.loads(out)) == (0, {"said": "hi"})
    assert podium("run", "test/echo", "--input", "word=a", "--key", "k1")[0] == 0
    assert podium("run", "test/echo", "--input", "word=b", "--key", "k1")[0] == 5
    assert podium("run", "test/nothing")[0] == 4
    code, out, _ = podium("run", "test/ask", "--detach")
    run_id = out.strip()
    assert podium("follow", run_id, "--timeout", "0")[0] == 8
    assert podium("answer", run_id, "--decision", "deny", "--why", "no", who="vera")[0] == 6
    assert podium("answer", run_id, "--decision", "deny", "--why", "no")[0] == 0
    assert podium("follow", run_id)[0] == 0
    for command in (
        ("story", run_id),
        ("events", run_id),
        ("explain", run_id),
        ("events", run_id, "--cloudevents"),
    ):
        assert podium(*command) == podium(*command, here=True)
    assert of_json(podium("whoami", "-o", "json"))["principal"] == "user:adam"
    listening = podium("run", "test/listen", "--detach")[1].strip()
    assert podium("send", listening, "--type", "go", "--data", "1")[0] == 0
    assert json.loads(podium("follow", listening)[1]) == [1]


def test_resources_are_planned_applied_and_deleted_from_elsewhere(podium: Podium, tmp_path: Path) -> None:
    files = tmp_path / "more.yaml"
    files.write_text(TEAM.replace("namespace: test", "namespace: more"))
    assert podium("plan", str(files))[0] == 3
    assert podium("apply", str(files), who="vera")[0] == 6
    assert podium("apply", str(files))[0] == 0
    assert podium("plan", str(files))[0] == 0
    assert podium("delete", "workflow", "more/listen")[0] == 0
    assert podium("get", "workflow", "more/listen")[0] == 4


def test_the_audit_is_proven_exported_and_checked_from_elsewhere(podium: Podium, tmp_path: Path) -> None:
    assert podium("audit", "checkpoint")[0] == 0
    proof = tmp_path / "proof.json"
    proof.write_text(podium("audit", "prove", "1:1")[1])
    assert podium("audit", "prove", "1:999999")[0] == 4
    assert "the log is sound" in podium("audit", "verify")[2]
    assert podium("audit", "export", "out")[0] == 0
    assert podium("audit", "export", "out")[0] == 5
    checked = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "verify_podium.py"), str(tmp_path / "out")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stderr
    for command in (("doctor",), ("audit", "verify", "--against", "x")):
        code, _, said = podium(*command)
        assert code == 2 and "state folder" in said


def test_tokens_and_accounts_are_made_from_elsewhere(podium: Podium, hub: Hub) -> None:
    secret = podium("token", "create", "ci", "--scope", "read", "--days", "1")[1].strip()
    assert secret.startswith("podium_")
    made = next(one for one in of_json(podium("token", "list", "-o", "json")) if one["name"] == "ci")
    with Client(HttpTransport(hub.url, secret)) as client:
        assert client.whoami()["scopes"] == ["read"]
        assert podium("token", "revoke", made["id"])[0] == 0
        with pytest.raises(Exception, match="unknown, revoked or expired"):
            client.whoami()
    code, out, _ = podium("account", "add", "ada", "--role", "operator")
    assert code == 0 and out.startswith(f"{hub.url}/sign-in?link=")
    assert podium("account", "change", "ada", "--suspend", "--why", "x")[0] == 0
    assert podium("account", "link", "ada")[0] == 6
    assert podium("account", "add", "eve", who="oskar")[0] == 6


def test_a_program_on_an_event_loop_does_the_same(hub: Hub) -> None:
    async def act() -> None:
        async with AsyncClient(hub.url, hub.tokens["adam"]) as podium:
            run = await podium.run("test/echo", {"word": "x"}, key="async")
            assert run.output == {"said": "x"}
            with pytest.raises(ConflictError):
                await podium.submit("test/echo", {"word": "y"}, key="async")
            with pytest.raises(NotFoundError):
                await podium.get_run("ffffffff")
            asked = (await podium.submit("test/ask")).run_id
            assert not (await podium.wait(asked, 0)).ended
            heard = []

            async def follow() -> None:
                async for record in podium.follow(asked):
                    heard.append(record["type"])

            following = asyncio.create_task(follow())
            assert asked in {row["id"] for row in await podium.get("runs", status="waiting")}
            assert len(await podium.approvals(asked)) == 1
            await podium.answer(asked)
            await asyncio.wait_for(following, 20)
            assert heard == [record["type"] for record in await podium.events(asked)]
            listening = (await podium.submit("test/listen")).run_id
            await podium.send({"type": "go", "data": 5}, listening)
            assert (await podium.wait(listening)).output == [5]
            assert (await podium.whoami())["principal"] == "user:adam"
            assert (await podium.describe("workflow", "test/echo"))["kind"] == "Workflow"
        async with AsyncClient("http://127.0.0.1:9") as nobody:
            with pytest.raises(UnreachableError):
                await nobody.status()

    asyncio.run(act())


def test_a_hub_with_a_certificate_is_served_over_tls_alone(tmp_path: Path) -> None:
    certificate, key = _certificate(tmp_path)
    serving = serve(tmp_path / ".podium")
    try:
        declare(serving, tmp_path)
        listening = serving.listen("127.0.0.1", 0, certificate, key)
        accounts = serving.accounts()
        accounts.add("adam", ("operator",))
        _, token = accounts.add_token("adam", "x", (), 60_000)
        assert listening.url.startswith("https://")
        trust = ssl.create_default_context(cafile=str(certificate))
        with Client(HttpTransport(listening.url, token, verify=trust)) as client:
            assert client.run("test/echo").status == "completed"
        with Client(HttpTransport(listening.url, token)) as wary, pytest.raises(UnreachableError):
            wary.status()
        in_the_clear = HttpTransport(listening.url.replace("https", "http"), token)
        with Client(in_the_clear) as open_client, pytest.raises(UnreachableError):
            open_client.status()
        with httpx2.Client(base_url=listening.url, verify=trust) as http:
            found = http.post("/sign-in", data={"link": accounts.make_link("adam")})
            cookie = found.headers["set-cookie"]
            assert cookie.startswith("__Host-podium=") and "Secure" in cookie
    finally:
        serving.stop(0)


def _certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hub")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    (folder / "hub.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "hub.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return folder / "hub.pem", folder / "hub.key"


def test_everything_is_held_still_from_elsewhere_as_from_here(podium: Podium) -> None:
    for here in (False, True):
        assert podium("suspend", "--all", "--why", "wait", here=here)[0] == 0
        (row,) = [one for one in of_json(podium("explain", "--stuck", "-o", "json")) if not one["run_id"]]
        assert row["waits"].endswith("because wait") and row["command"] == "podium resume --all --why …"
        assert "suspended by user:" in podium("top", "--once", here=here)[1]
        assert podium("resume", "--all", here=here)[0] == 0
    assert podium("resume", "--all")[0] == 5
    assert podium("suspend", "--all", who="vera")[0] == 6
    assert podium("suspend", "--agent", "nobody")[0] == 4
    for wrong in (["suspend"], ["suspend", "3f2a", "--all"], ["resume", "--all", "--agent", "x"]):
        code, _, said = podium(*wrong)
        assert code == 2 and "name one thing" in said
    assert podium("suspend", "3f2a", "--cancel")[0] == 2


def test_lists_of_runs_take_as_many_requests_as_they_need(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    with hub.client() as here:
        ids = [here.submit("test/echo", {"word": str(number)}).run_id for number in range(7)]
        whole = here.get("runs", workflow="echo", limit=7)
        monkeypatch.setattr(http, "PAGE_MAX", 2)
        monkeypatch.setattr(finding, "LOOKED_AT_MAX", 3)
        assert here.get("runs", workflow="echo", limit=7) == whole
        assert [run["id"] for run in whole] == ids[::-1]
        assert len(here.get("runs", workflow="echo", limit=3)) == 3

    async def elsewhere() -> list[Any]:
        async with AsyncClient(hub.url, hub.tokens["adam"]) as there:
            return await there.get("runs", workflow="echo", limit=7)

    assert asyncio.run(elsewhere()) == whole


def test_what_would_be_done_twice_goes_with_a_key() -> None:
    remote = http.Remote("https://hub.example.org")

    def key(call: str, **params: Any) -> str:
        headers = remote.request(call, params)[2]["headers"]
        return str(headers.get("idempotency-key", ""))

    assert key("token_create", name="ci") and key("token_create", name="ci") != key("token_create", name="ci")
    assert key("settle_dead_letter", run_id="r", effect=1, verdict="retry")
    assert key("cancel", run_id="r") == "", "to say it again changes nothing"
    assert key("submit", workflow="w", key="k") == "k"
