"""Dead letters, breakers and escalations by the command line."""

from __future__ import annotations

from tests.cli.command import Command

MAILER = """\
apiVersion: podium.dev/v1
kind: Agent
metadata: {name: mailer}
spec:
  version: 1.0.0
  capabilities: [{name: mail.send}]
  breaker: {failures: 2, openFor: PT1H}
  runtime:
    function: {callable: "mailing:send"}
---
document: {dsl: '1.0.3', namespace: test, name: mail, version: '1.0.0'}
do:
  - send:
      call: agent
      with: {capability: mail.send, onFailure: deadLetter}
"""
CODE = """\
from pathlib import Path

def send(to: str) -> str:
    if not (Path(__file__).parent / "up").exists():
        raise OSError("the mail server is down")
    return f"sent to {to}"
"""


def test_what_failed_is_listed_and_tried_again_when_that_can_help(podium: Command) -> None:
    (podium.team / "mail.yaml").write_text(MAILER)
    (podium.team / "mailing.py").write_text(CODE)
    for name in ("Ada", "Bob"):
        ran = podium("run", "team", "--workflow", "mail", "--input", f"to={name}", "--timeout", "0")
        assert ran.returncode == 8, ran.stderr
    first, second = podium.json("dlq", "list", "--agent", "mailer")
    assert first["error"]["title"] and first["task"] == "/do/0/send"
    assert podium.json("dlq", "list", "--agent", "nobody") == []
    (agent,) = [one for one in podium.json("get", "agents") if one["name"] == "mailer"]
    assert agent["breaker"] == "open"
    described = podium.json("describe", "agent", "mailer")
    assert described["breaker"]["reason"] == "2 attempts failed within 60 s"

    kinds = [one["kind"] for one in podium.json("escalations")]
    assert sorted(kinds) == ["breaker", "dead_letter", "dead_letter"]
    table = podium("escalations", "-o", "table").stdout
    assert "podium breaker reset mailer@1.0.0 --why" in table
    assert f"podium dlq retry|drop {first['run_id'][:8]} --effect 1 --why" in table

    asked = podium("dlq", "retry", "--all", "--why", "mended")
    assert asked.returncode == 2
    assert "2 dead letters of 2 runs will be tried again" in asked.stderr
    (podium.team / "up").touch()
    again = podium("dlq", "retry", "--agent", "mailer", "--why", "mended", "--yes", "-o", "table")
    assert again.returncode == 0, again.stderr
    assert "2 tried again" in again.stderr
    waiting = podium.json("describe", "run", first["run_id"])["waiting_for"]
    assert waiting[0]["kind"] == "queue"
    assert waiting[0]["message"].startswith("the breaker of mailer@1.0.0 is open")
    assert podium("breaker", "reset", "mailer", "--why", "the server is back").returncode == 0
    followed = podium("follow", first["run_id"])
    assert followed.stdout.strip() == '"sent to Ada"', followed.stderr
    story = podium("story", first["run_id"]).stdout
    assert "failed for good and is kept for an operator" in story
    assert "let /do/0/send be tried again by mailer@1.0.0" in story and "mended" in story
    assert podium("follow", second["run_id"]).returncode == 0
    assert podium.json("escalations") == []


def test_dropping_ends_the_run_as_its_failure_would_have(podium: Command) -> None:
    (podium.team / "mail.yaml").write_text(MAILER)
    (podium.team / "mailing.py").write_text(CODE)
    podium("run", "team", "--workflow", "mail", "--input", "to=Ada", "--timeout", "0")
    (letter,) = podium.json("dlq", "list")
    nothing = podium("dlq", "drop", "--why", "old")
    assert (nothing.returncode, "nothing says which" in nothing.stderr) == (2, True)
    dropped = podium("dlq", "drop", letter["run_id"][:8], "--why", "the customer cancelled")
    assert dropped.returncode == 0, dropped.stderr
    assert podium.json("describe", "run", letter["run_id"])["status"] == "faulted"
    assert podium("dlq", "drop", letter["run_id"], "--why", "again").returncode == 4
