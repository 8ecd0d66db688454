"""Secrets on a real hub: performers get the values; nothing that is kept or shown holds them in any form."""

from __future__ import annotations

import base64
import json
import logging
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from podium.cli import logs
from podium.facts.catalog import Declared
from podium.facts.identity import digest_of
from tests.policies import TRUSTING
from tests.runtime.serving import House, workflow

TOKEN = 'tok+en/"of" ours'
PASSWORD = "correct-horse-battery"
LOGIN = {"username": "administrator", "password": PASSWORD}
SECRETS = {"token": TOKEN, "db": LOGIN, "login": LOGIN}

AGENTS = """
import asyncio, base64, gc, json, logging, sys
from pathlib import Path

SEEN = Path(__file__).with_name("seen")


def note(input):
    with SEEN.open("a") as file:
        file.write(json.dumps(input) + chr(10))


async def echo(input, context):
    note(input)
    context.log("log " + input["token"])
    context.progress({"at": input["token"]})
    print("print", input["token"])
    basic = base64.b64encode(("u:" + input["token"]).encode()).decode()
    return {"said": "Bearer " + input["token"], "basic": basic}


async def fail(input):
    note(input)
    raise ValueError("cannot use " + input["token"])


async def flood(input):
    note(input)
    return {"many": [input["token"]] * 20_000}


async def stray(input):
    note(input)

    async def later():
        raise RuntimeError("nobody hears of " + input["token"])

    asyncio.ensure_future(later())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    gc.collect()
    return "gone"


def sync(input, context):
    note(input)
    context.log(input["token"])
    return [input["token"], {input["password"]: 1}]


def program():
    input = json.load(sys.stdin)
    note(input)
    print("stderr", input["token"], file=sys.stderr)
    print(json.dumps({"progress": input["token"]}))
    print(json.dumps({"error": {"title": "no " + input["token"], "detail": input["password"]}}))


if __name__ == "__main__":
    program()
"""


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    file = tmp_path / "elsewhere.yaml"
    file.touch(0o600)
    file.write_text(json.dumps(SECRETS))
    monkeypatch.setenv("PODIUM_SECRETS", str(file))
    (tmp_path / "leaky.py").write_text(AGENTS)
    made = House(tmp_path)
    made.apply(TRUSTING)
    yield made
    made.close()


def agent(folder: Path, name: str, **runtime: Any) -> Declared:
    spec = {
        "name": name, "version": "1.0.0", "capabilities": [{"name": name}], "folder": str(folder),
        "runtime": runtime,
    }  # fmt: skip
    return Declared("Agent", name, "1.0.0", digest_of(spec), spec)


def function(folder: Path, name: str, isolation: str = "none") -> Declared:
    runtime = {"type": "function", "callable": f"leaky:{name}", "isolation": isolation, "memory_bytes": 0}
    return agent(folder, name, **runtime, python_path=[])


def with_secrets(name: str, capability: str, **more: Any) -> Declared:
    source = {"token": "${ $secrets.token }", "password": "pw ${ $secrets.db.password }"}
    task = {"call": "agent", "with": {"capability": capability}, "input": {"from": source}}
    return workflow(name, {"work": task}, use={"secrets": ["token", "db"]}, **more)


def forms(secret: str) -> list[bytes]:
    """What a careless reader would look for."""
    found = [secret, json.dumps(secret)[1:-1], quote(secret, safe="")]
    for before in ("", "a", "ab"):
        encoded = base64.b64encode((before + secret).encode()).decode()
        found.append(encoded[4:-4])
    return [form.encode() for form in found]


def assert_nothing_is_kept(folder: Path) -> None:
    for file in folder.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            for secret in (TOKEN, PASSWORD):
                for form in forms(secret):
                    assert form not in content, (file.name, form)


def ended(house: House, workflow_name: str) -> dict[str, Any]:
    run_id = house.submit(workflow_name)
    shown: dict[str, Any] = house.call("wait", run_id=run_id)
    return {**shown, "events": house.call("events", run_id=run_id), "run": house.call("run", run_id=run_id)}


def test_no_agent_leaves_a_trace_of_a_secret(
    house: House, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO)
    folder, names = house.folder, ("echo", "fail", "sync", "program", "flood")
    house.apply(
        function(folder, "echo"), function(folder, "fail"), function(folder, "sync", "process"),
        function(folder, "flood"),
        agent(folder, "program", type="process", command=[sys.executable, "leaky.py"], cwd=".", env={}),
        *(with_secrets(f"run-{name}", name) for name in names),
    )  # fmt: skip
    shown = {name: ended(house, f"run-{name}") for name in names}
    assert shown["echo"]["output"]["said"] == "Bearer (secret token)"
    assert shown["fail"]["error"]["title"].endswith("cannot use (secret token)")
    assert shown["sync"]["output"] == ["(secret token)", {"pw (secret db)": 1}]
    assert shown["program"]["error"]["title"] == "no (secret token)"
    seen = [json.loads(line) for line in (folder / "seen").read_text().splitlines()]
    assert seen == [{"token": TOKEN, "password": f"pw {PASSWORD}"}] * 5
    assert shown["flood"]["output"]["many"][-1] == "(secret token)"
    told = json.dumps(shown)
    out, err = capfd.readouterr()
    house.close()
    assert_nothing_is_kept(house.state)
    for text in (told, caplog.text, out, err):
        for secret in (TOKEN, PASSWORD):
            assert not any(form.decode() in text for form in forms(secret))


DOCUMENT = {
    "openapi": "3.0.0",
    "servers": [{"url": "/"}],
    "paths": {
        "/described/{t}": {
            "post": {
                "operationId": "send",
                "parameters": [
                    {"name": "t", "in": "path", "required": True}, {"name": "key", "in": "header"},
                ],
            }
        }
    },
}  # fmt: skip


class Service:
    """An HTTP server on a thread of its own that takes any token and tells all that it was asked."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []
        seen = self.seen

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
                seen.append(
                    {"path": self.path, "body": body, **{k.lower(): v for k, v in self.headers.items()}}
                )
                told: Any = {"access_token": f"issued for {PASSWORD}", "asked": seen[-1]}
                if self.path.startswith("/document"):
                    told = DOCUMENT
                status = 500 if self.path.startswith("/fail") else 200
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("x-token", "".join(letter for letter in TOKEN if letter.isprintable()))
                self.end_headers()
                self.wfile.write(json.dumps(told).encode())

            do_GET = do_POST = answer

            def log_message(self, *_: object) -> None:
                """Keep the test's output clean."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def test_no_call_leaves_a_trace_of_a_secret(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    service = Service()
    login = {"username": "${ .user }", "password": "${ .password }"}
    client = {"id": "ours", "secret": "${ .password }"}
    oauth2 = {"authority": service.url, "grant": "client_credentials", "client": client}
    policies: dict[str, Any] = {
        "inline": {"basic": login}, "kept": {"basic": {"use": "login"}},
        "bearer": {"bearer": {"use": "token"}}, "oauth2": {"oauth2": oauth2},
    }  # fmt: skip
    source = {
        "user": "${ $secrets.login.username }",
        "password": "${ $secrets.login.password }",
        "t": "${ $secrets.token }",
    }
    arguments = {
        "method": "post", "output": "response", "query": {"q": "${ .t }"}, "headers": {"X-T": "t ${ .t }"},
        "body": {"t": ["${ .t }"]},
    }  # fmt: skip
    tasks: list[dict[str, Any]] = []
    for name, policy in policies.items():
        endpoint = {"uri": f"{service.url}/{name}/{{user}}", "authentication": policy}
        tasks.append(
            {name: {"input": {"from": source}, "call": "http", "with": {**arguments, "endpoint": endpoint}}}
        )
    kept = policies["kept"]
    described = {
        "document": {"endpoint": {"uri": f"{service.url}/document/{{t}}", "authentication": kept}},
        "operationId": "send", "parameters": {"t": "${ .t }", "key": "${ $authorization.parameter }"},
        "authentication": kept, "output": "response",
    }  # fmt: skip
    tasks.append({"described": {"input": {"from": source}, "call": "openapi", "with": described}})
    shell = {"command": "cat; env; echo $1 >&2", "stdin": "${ .t }", "arguments": ["${ .t }"],
             "environment": {"PASSWORD": "${ .password }"}}  # fmt: skip
    tasks.append({"shell": {"input": {"from": source}, "run": {"shell": shell, "return": "all"}}})
    remote = {"call": "agent", "with": {"capability": "remote"}}
    tasks.append({"agent": {"input": {"from": source}, **remote}})
    failing = {"method": "get", "endpoint": f"{service.url}/fail/{{t}}"}
    tasks.append({"fail": {"input": {"from": source}, "call": "http", "with": failing}})
    flow = workflow("calls", *tasks, use={"secrets": ["token", "login"]})
    monkeypatch.setenv("PODIUM_ALLOW_RUN", "shell")
    house.restart()
    house.apply(agent(house.folder, "remote", type="http", url=f"{service.url}/agent", headers={}), flow)
    shown = ended(house, "calls")
    assert shown["error"]["title"].endswith("answered 500") and "(secret token)" in shown["error"]["title"]
    basic = "Basic " + base64.b64encode(f"administrator:{PASSWORD}".encode()).decode()
    asked = {one["path"].split("/")[1]: one for one in service.seen}
    headers = {name: one.get("authorization") for name, one in asked.items()}
    bearer = f"Bearer issued for {PASSWORD}"
    assert headers == {
        "inline": basic, "kept": basic, "bearer": f"Bearer {TOKEN}", "oauth2": bearer, "fail": None,
        "document": basic, "described": basic, "agent": None,
    }  # fmt: skip
    assert json.loads(asked["agent"]["body"])["password"] == PASSWORD
    assert asked["described"]["key"] == basic.removeprefix("Basic ")
    assert asked["inline"]["x-t"] == f"t {TOKEN}" and json.loads(asked["inline"]["body"]) == {"t": [TOKEN]}
    house.close()
    service.close()
    assert_nothing_is_kept(house.state)
    told = json.dumps(shown)
    assert not any(form.decode() in told for secret in (TOKEN, PASSWORD) for form in forms(secret))


def test_what_an_agent_leaves_behind_is_masked_in_the_log_of_the_hub(house: House, tmp_path: Path) -> None:
    handler = logging.FileHandler(tmp_path / "hub.log")
    handler.setFormatter(logging.Formatter("%(message)s"))
    logging.getLogger().addHandler(handler)
    formatters = {one: one.formatter for one in logging.getLogger().handlers}
    try:
        logs.veil(house.serving.hub.vault.mask)
        house.apply(function(house.folder, "stray"), with_secrets("run-stray", "stray"))
        assert ended(house, "run-stray")["output"] == "gone"
        logging.getLogger("of.a.library").warning("and %s too", TOKEN)
        house.close()
    finally:
        for one, formatter in formatters.items():
            one.setFormatter(formatter)
        logging.getLogger().removeHandler(handler)
        handler.close()
    text = (tmp_path / "hub.log").read_text()
    assert "nobody hears of (secret token)" in text and "and (secret token) too" in text
    assert TOKEN not in text


def test_what_was_used_stands_in_the_record(house: House) -> None:
    house.apply(function(house.folder, "echo"), with_secrets("known", "echo"))
    records = ended(house, "known")["events"]
    (settled,) = [record for record in records if record["type"] == "EffectSettled"]
    assert settled["body"]["provenance"]["secrets"] == ["db", "token"]


def test_a_missing_secret_is_named(house: House) -> None:
    task = {
        "call": "agent",
        "with": {"capability": "echo"},
        "input": {"from": {"token": "${ $secrets.other }"}},
    }
    house.apply(
        function(house.folder, "echo"), workflow("missing", {"work": task}, use={"secrets": ["other"]})
    )
    error = ended(house, "missing")["error"]
    assert error["type"].endswith("/configuration") and "the secret other is not set" in error["title"]
    assert "PODIUM_SECRET_OTHER" in error["detail"]
