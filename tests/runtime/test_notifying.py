"""People are told once of what waits, by runs whose effects are as durable as any."""

from __future__ import annotations

import json
import socketserver
import threading
from pathlib import Path
from typing import Any

import pytest

from podium.facts.recovery import Breaker
from podium.kernel.state import Effect, Run
from podium.runtime import notices
from podium.runtime.members import Hosted, Registration, Standing, Worker
from podium.runtime.notifying import Notifier
from podium.sdk.client import RefusedError
from podium.sdk.manifests import load
from podium.testing.virtual import Podium, virtual
from tests.cli.command import until
from tests.runtime.receiving import declare, hub, receiver

ASK = """\
document: {dsl: '1.0.3', namespace: test, name: ask, version: '1.0.0'}
do:
  - ask:
      call: human
      with: {title: Send the refund?}
      timeout: {after: PT4H}
"""

TELL = """\
document:
  dsl: '1.0.3'
  namespace: ops
  name: tell
  version: '1.0.0'
  metadata: {notify: [CAUSES]}
do:
  - tell: {call: tool, with: {tool: notify.KIND, args: ARGS}}
---
apiVersion: podium.dev/v1
kind: Tool
metadata: {name: notify.KIND}
spec:
  version: 1.0.0
  sideEffect: none
  retry: {attempts: 5, delay: PT0.05S}
  runtime: {function: {callable: "podium.sdk.notify:KIND"}}
"""


def tell(kind: str, args: dict[str, Any], causes: str = "approval, escalation") -> str:
    given = json.dumps({**args, "notice": "${ . }"})
    return TELL.replace("KIND", kind).replace("ARGS", given).replace("CAUSES", causes)


def test_a_question_is_told_once_also_after_the_hub_was_restarted(tmp_path: Path) -> None:
    with receiver() as received:
        received.answers += [503, 503]
        with hub(tmp_path) as (_, client):
            declare(client, tmp_path, ASK, tell("chat", {"url": received.url}))
            run_id = client.submit("test/ask").run_id
            until(lambda: [status for status, *_ in received.got] == [503, 503, 200])
            (told,) = client.get("runs", workflow="ops/tell")
            assert (told["principal"], told["key"][:27]) == (
                "hub:notifier",
                "notice ops/tell approval " + run_id[:2],
            )
        with hub(tmp_path) as (serving, client):
            assert serving.notifier.look() == 0
            assert len(client.get("runs", workflow="ops/tell")) == 1
            second = client.submit("test/ask").run_id
            until(lambda: len(received.got) == 4)
        *first, second_key = [headers["idempotency-key"] for _, headers, _ in received.got]
        assert len(set(first)) == 1 and second_key not in first
        text = json.loads(received.got[0][2])["blocks"][0]["text"]["text"]
        assert "A question waits: Send the refund? in test/ask@1.0.0" in text
        assert f"podium answer {run_id[:8]} --task 1 --decision" in text
        assert second[:8] in received.got[3][2].decode()


def test_what_cannot_be_told_is_not_told_of_in_turn(tmp_path: Path) -> None:
    with receiver() as received, hub(tmp_path) as (serving, client):
        received.answers += [400] * 100
        declare(client, tmp_path, ASK, tell("webhook", {"url": received.url}))
        client.submit("test/ask")

        def ended() -> list[Any]:
            return [row for row in client.get("runs", workflow="ops/tell") if row["status"] == "faulted"]

        until(ended)
        assert serving.notifier.look() == 0
        assert len(received.got) == 1
        assert json.loads(received.got[0][2])["cause"] == "approval"


def test_secrets_stay_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    example = Path(__file__).parents[2] / "examples" / "notifications"
    with receiver() as received:
        (tmp_path / ".podium").mkdir(mode=0o700)
        secrets = tmp_path / "secrets.yaml"
        secrets.write_text(
            f"chat: {{url: '{received.url}?token=sesame'}}\n"
            "mail: {host: localhost, sender: a@b.c, to: a@b.c}\n"
        )
        secrets.chmod(0o600)
        monkeypatch.setenv("PODIUM_SECRETS", str(secrets))
        with hub(tmp_path) as (_, client):
            client.apply(load([example]).resources)
            declare(client, tmp_path, ASK)
            client.submit("test/ask")
            until(lambda: received.got)
            (told,) = client.get("runs", workflow="ops/tell-chat")
            assert "sesame" not in json.dumps(client.events(str(told["id"])))


class Mails(socketserver.StreamRequestHandler):
    """As much of SMTP as a client needs."""

    got: list[str] = []
    answers: list[bytes] = []

    def handle(self) -> None:
        self.wfile.write(b"220 ready\r\n")
        while line := self.rfile.readline():
            word = line.split()[0].upper() if line.split() else b""
            if word == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                lines = []
                while (line := self.rfile.readline()) != b".\r\n":
                    lines.append(line.decode())
                answer = self.answers.pop(0) if self.answers else b"250 kept"
                if answer.startswith(b"250"):
                    self.got.append("".join(lines))
                self.wfile.write(answer + b"\r\n")
            elif word == b"QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            else:
                self.wfile.write(b"250 fine\r\n")


def test_mail_is_sent_by_smtp_and_again_where_that_may_help(tmp_path: Path) -> None:
    Mails.got, Mails.answers = [], [b"451 later"]
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Mails) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        host, port = server.server_address
        args = {
            "host": host, "port": port, "to": ["ops@example.org"], "sender": "podium@example.org",
            "security": "none",
        }  # fmt: skip
        with hub(tmp_path) as (_, client):
            declare(client, tmp_path, ASK, tell("mail", args))
            client.submit("test/ask")
            until(lambda: Mails.got)
        server.shutdown()
    assert len(Mails.got) == 1
    assert "Subject: [podium] A question waits: Send the refund? in test/ask@1.0.0" in Mails.got[0]
    assert "To: ops@example.org" in Mails.got[0] and "podium answer" in Mails.got[0]


def notifier_of(podium: Podium) -> Notifier:
    hub = podium._hub
    inquiry, fleet = podium._door._inquiry, podium._door.staffing.fleet
    return Notifier(hub.tell, hub.system.catalog, inquiry, fleet, lambda: hub.now, "default")


def test_the_end_of_the_time_is_told_when_a_quarter_is_left(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(ASK + "\n---\n" + tell("chat", {"url": "http://x"}, "deadline"))
    with virtual(tmp_path, agents={"notify.chat": {"status": 200}}) as podium:
        podium.start("test/ask")
        notifier = notifier_of(podium)
        podium.advance(hours=2, minutes=59)
        assert notifier.look() == 0
        podium.advance(minutes=1)
        assert notifier.look() == 1
        assert notifier_of(podium).look() == 0
        (told,) = podium.runs("ops/tell")
        told.completed()
        (sent,) = podium.inputs("notify.chat")
        assert sent["notice"]["cause"] == "deadline" and sent["notice"]["severity"] == "warning"  # type: ignore[index,call-overload]


def test_runs_that_are_about_somebody_are_told_of_without_what_they_say() -> None:
    effect = Effect(1, 2, "/do/0/ask", "human", "waiting", input={"title": "Is Ada ill?"})
    about = Run("aaaaaaaa-0000", "test/ask@1.0.0", "d", "running", subject="k", effects={1: effect})
    (notice,) = notices.of_run(about, 0)
    assert "Ada" not in str(notice) and notices.SEALED in notice.title


@pytest.mark.parametrize(
    ("spent", "severities"), [(79, []), (80, ["warning"]), (99, ["warning"]), (120, ["critical"])]
)
def test_budgets_are_told_of_at_each_mark_once_a_window(spent: int, severities: list[str]) -> None:
    row = {
        "policy": "finance", "budget": "daily", "unit": "nano", "scope": {"team": "a"}, "spent": spent,
        "held": 0, "ceiling": 100, "ends_at": 5,
    }  # fmt: skip
    found = list(notices.of_budgets([row]))
    assert [one.severity for one in found] == severities
    ids = {one.id for more in (0, 1) for one in notices.of_budgets([{**row, "spent": spent + more}])}
    assert len(ids) <= 1 or spent == 79 or spent == 99
    assert not {one.id for one in found} & {one.id for one in notices.of_budgets([{**row, "ends_at": 6}])}


def worker(name: str, standing: Standing, *hosts: str) -> Worker:
    hosted = {digest: Hosted(digest, f"{digest}@1.0.0", "", 1) for digest in hosts}
    made = Worker(f"id-{name}", Registration((), name), hosted, "", 7)
    made.standing = standing
    return made


def test_workers_that_are_not_heard_of_are_told_of_and_what_waits_for_them() -> None:
    west, east = worker("west", "stale", "greeter", "writer"), worker("east", "live", "writer")
    (told,) = notices.of_fleet([west, east])
    assert (told.cause, told.severity, told.since) == ("fleet", "critical", 7)
    assert "west" in told.title and "Nobody else hosts greeter@1.0.0: " in told.text
    (told,) = notices.of_fleet([west, worker("south", "live", "greeter", "writer")])
    assert (told.severity, told.text) == ("warning", "")
    assert not list(notices.of_fleet([worker("west", "left", "greeter"), worker("north", "draining", "x")]))


def test_breakers_that_open_again_are_told_of_again() -> None:
    def ids(**fields: Any) -> list[str]:
        return [one.id for one in notices.of_breakers([Breaker("mailer@1.0.0", status="open", **fields)])]

    assert ids(seq=5) == ids(seq=5) != ids(seq=9)
    assert not list(notices.of_breakers([Breaker("mailer@1.0.0")]))


def test_what_is_not_told_of_is_refused(tmp_path: Path) -> None:
    with hub(tmp_path) as (_, client), pytest.raises(RefusedError, match="What is told must be one of"):
        declare(client, tmp_path, tell("chat", {}, "weather"))
