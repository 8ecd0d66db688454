"""Lifecycle events reach subscribers, each at least once, whatever dies meanwhile."""

from __future__ import annotations

import base64
import hmac
import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event

from podium.runtime import subscriptions
from podium.runtime.presenting import record_from
from podium.sdk.client import Client, connect
from podium.sdk.manifests import load
from podium.telemetry.registry import exposed
from podium.views.lifecycle import cloud_events
from tests.cli.command import until
from tests.runtime.receiving import Receiver, declare, hub, receiver

WORKFLOW = """\
document: {dsl: '1.0.3', namespace: shop, name: NAME, version: '1.0.0'}
do:
  - first: {set: {n: '${ .n }'}}
"""
OFTEN = {"attempts": 1000, "delay": "PT0.1S", "backoff": "constant"}
COMPLETED = "io.serverlessworkflow.workflow.completed.v1"


def subscription(sink: str = "http://sink.example", name: str = "crm", **spec: Any) -> str:
    given = {
        "version": "1.0.0", "sink": sink, "types": [COMPLETED],
        "retry": {"attempts": 5, "delay": "PT0.05S"}, **spec,
    }  # fmt: skip
    return json.dumps(
        {"apiVersion": "podium.dev/v1", "kind": "Subscription", "metadata": {"name": name}, "spec": given}
    )


def events(received: Receiver) -> list[Any]:
    """What was taken, as the library of CloudEvents reads it."""
    posted = [(headers, body) for status, headers, body in received.got if status < 300]
    return [from_http_event(HTTPMessage(headers, body)) for headers, body in posted]


def workflow(name: str = "sell") -> str:
    return WORKFLOW.replace("NAME", name)


def told(received: Receiver) -> list[tuple[str, str, Any]]:
    """Of each event that was taken: the run, the last word of its type, and the data."""
    found = []
    for event in events(received):
        kind = event.get_type().removeprefix("io.serverlessworkflow.").removesuffix(".v1")
        found.append((event.get_id().partition("/")[0], kind, event.get_data()))
    return found


def all_over(client: Client) -> bool:
    return client.get("subscriptions")[0]["unfinished"] == 0


def lifecycle(client: Client, run: str) -> list[Any]:
    """All events of a run, as whoever looks at it gets them."""
    records = [record_from(one) for one in client.events(run)]
    return list(cloud_events(records, client.tasks(run)))


def test_events_come_after_errors_and_in_another_hub(tmp_path: Path) -> None:
    with receiver() as received:
        received.answers += [500, 500]
        with hub(tmp_path) as (_, client):
            declare(client, tmp_path, workflow(), subscription(received.url))
            first = client.run("shop/sell", {"n": 1}).id
            until(lambda: len(events(received)) == 1)
            assert [status for status, *_ in received.got] == [500, 500, 200]
            (name,) = {head["idempotency-key"] for _, head, _ in received.got}
            assert name == events(received)[0].get_id()
            until(lambda: all_over(client))
        received.always = 503
        with hub(tmp_path) as (_, client):
            second = client.run("shop/sell", {"n": 2}).id
            until(lambda: received.got[-1][0] == 503)
        received.always = 200
        # What the file says need not be right, and it need not be there.
        (tmp_path / ".podium" / "subscriptions.json").unlink()
        with hub(tmp_path) as (_, client):
            third = client.run("shop/sell", {"n": 3}).id
            until(lambda: len(events(received)) >= 3 and all_over(client))
            assert sorted(told(received), key=lambda one: one[2]["output"]["n"]) == [
                (
                    run,
                    "workflow.completed",
                    {"name": f"sell-{run}.shop", "completedAt": ANY, "output": {"n": n}},
                )
                for n, run in enumerate((first, second, third), 1)
            ]
            runs = client.get("runs", workflow="subscriptions/crm")
            assert [(run["principal"], run["status"]) for run in runs] == [
                ("hub:subscriber", "completed")
            ] * 3


def test_a_hub_that_is_killed_loses_no_event(tmp_path: Path) -> None:
    state = tmp_path / ".podium"
    with receiver() as received:
        received.always = 503
        process = subprocess.Popen([sys.executable, "-m", "tests.crash.hub", str(state)])
        try:
            until((state / "hub.json").exists)
            with connect(state) as client:
                declare(client, tmp_path, workflow(), subscription(received.url, retry=OFTEN))
                runs = [client.run("shop/sell", {"n": n}).id for n in range(3)]
                until(lambda: len(received.got) > 3)
        finally:
            process.kill()
            process.wait()
        received.always = 200
        with hub(tmp_path) as (_, client):
            until(lambda: len(events(received)) >= 3 and all_over(client))
            assert {run for run, *_ in told(received)} == set(runs)
            assert len(client.get("runs", workflow="subscriptions/crm")) == 3


def test_what_one_does_not_want_another_gets(tmp_path: Path) -> None:
    with receiver() as received, receiver() as other, hub(tmp_path) as (_, client):
        all_of_other = subscription(
            other.url, "all", types=["io.serverlessworkflow.*"], workflows=["shop/other"]
        )
        declare(client, tmp_path, workflow(), workflow("other"), subscription(received.url), all_of_other)
        runs = [client.run(f"shop/{name}", {"n": 1}).id for name in ("sell", "other")]
        until(lambda: len(events(received)) == 2)
        assert sorted(run for run, *_ in told(received)) == sorted(runs)
        until(lambda: len(events(other)) == len(lifecycle(client, runs[1])))


def test_whoever_takes_everything_is_told_nothing_of_deliveries(tmp_path: Path) -> None:
    with receiver() as received, hub(tmp_path) as (_, client):
        everything = subscription(received.url, types=["io.serverlessworkflow.*"])
        declare(client, tmp_path, workflow(), workflow("other"), everything)
        run = client.run("shop/sell", {"n": 1}).id
        other = client.run("shop/other", {"n": 2}).id
        expected = [event for of in (run, other) for event in lifecycle(client, of)]
        until(lambda: len(events(received)) >= len(expected) and all_over(client))
        got = sorted((json.loads(body) for _, _, body in received.got), key=lambda event: event["id"])
        assert got == sorted(expected, key=lambda event: event["id"])
        assert len(client.get("runs", workflow="subscriptions/crm")) == len(expected)


def test_only_what_is_wanted_is_sent(tmp_path: Path) -> None:
    wanted = {
        "types": [COMPLETED, "io.serverlessworkflow.workflow.st*"], "workflows": ["shop/sell", "pay/*"],
        "labels": {"team": "a"},
    }  # fmt: skip
    with receiver() as received, hub(tmp_path) as (_, client):
        declare(client, tmp_path, workflow(), workflow("other"), subscription(received.url, **wanted))
        client.run("shop/sell", {"n": 1}, labels={"team": "b"})
        client.run("shop/other", {"n": 1}, labels={"team": "a"})
        run = client.run("shop/sell", {"n": 1}, labels={"team": "a", "more": "x"}).id
        until(lambda: len(events(received)) >= 4 and all_over(client))
        assert {one for one, *_ in told(received)} == {run}
        assert sorted(kind for _, kind, _ in told(received)) == [
            "workflow.completed", "workflow.started", "workflow.status-changed", "workflow.status-changed",
        ]  # fmt: skip


@pytest.mark.parametrize("mode", ["structured", "binary"])
def test_events_are_signed_as_standard_webhooks_has_it(
    tmp_path: Path, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = b"not so secret, as this is a test"
    monkeypatch.setenv("PODIUM_SECRET_CRM", "whsec_" + base64.b64encode(key).decode())
    with receiver() as received, hub(tmp_path) as (_, client):
        given = subscription(received.url, mode=mode, secret="crm", headers={"X-Team": "ops"})
        declare(client, tmp_path, workflow(), given)
        run = client.run("shop/sell", {"n": 1}).id
        until(lambda: events(received))
        ((_, headers, body),) = received.got
        about = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        signature = base64.b64encode(hmac.digest(key, about, "sha256")).decode()
        assert headers["webhook-signature"] == f"v1,{signature}"
        assert ("ce-id" in headers, headers["x-team"]) == (mode == "binary", "ops")
        (event,) = events(received)
        assert (event.get_subject(), event.get_source()) == (run, "/shop/sell")
        assert b"whsec" not in (tmp_path / ".podium" / "log.db").read_bytes()
        assert client.get("subscriptions")[0]["signed"]


def test_a_sink_that_is_dead_holds_nothing_up_and_gets_all_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriptions, "UNFINISHED_MAX", 3)
    everything = {"types": ["io.serverlessworkflow.*"], "retry": OFTEN}
    with receiver() as received, receiver() as other, hub(tmp_path) as (_, client):
        received.always = 503
        alive = subscription(other.url, "erp", **{**everything, "workflows": ["shop/other"]})
        declare(
            client, tmp_path, workflow(), workflow("other"), subscription(received.url, **everything), alive
        )
        runs = [client.run(f"shop/{name}", {"n": 1}).id for name in ("sell", "other") * 2]
        expected = {event["id"]: event for run in runs for event in lifecycle(client, run)}
        until(lambda: client.get("subscriptions")[0]["status"] == "waiting")
        until(lambda: len(events(other)) == len(expected) // 2)
        # As many as may be unfinished, and what else the last record came to.
        assert len(client.get("runs", workflow="subscriptions/crm")) < len(lifecycle(client, runs[0]))
        received.always = 200
        until(
            lambda: len({event.get_id() for event in events(received)}) == len(expected) and all_over(client)
        )
        got = [json.loads(body) for status, _, body in (*received.got, *other.got) if status == 200]
        assert all(event == expected[event["id"]] for event in got)
        assert client.get("subscriptions")[0]["status"] == "active"


def test_what_nobody_takes_is_a_dead_letter(tmp_path: Path) -> None:
    with receiver() as received, hub(tmp_path) as (_, client):
        received.always = 410
        declare(client, tmp_path, workflow(), subscription(received.url, retry={"attempts": 2}))
        client.run("shop/sell", {"n": 1})
        (letter,) = until(client.dead_letters)
        assert (letter["agent"], len(received.got)) == ("subscriptions.crm@1.0.0", 2)
        received.always = 200
        client.settle_dead_letter(letter["run_id"], "retry", effect=letter["effect"])
        until(lambda: events(received) and all_over(client))


def policy(**spec: Any) -> str:
    allow = {"id": "send", "effect": "allow", "match": {"tools": ["subscriptions.*"]}}
    given = {"version": "1.0.0", "rules": [allow], **spec}
    return json.dumps(
        {"apiVersion": "podium.dev/v1", "kind": "Policy", "metadata": {"name": "house"}, "spec": given}
    )


def test_policy_says_where_events_may_go(tmp_path: Path) -> None:
    inside = {"domains": ["127.0.0.1"], "schemes": ["http"]}
    with receiver() as received, hub(tmp_path) as (_, client):
        port = int(received.url.rpartition(":")[2].partition("/")[0])
        declare(
            client,
            tmp_path,
            workflow(),
            subscription(received.url),
            policy(egress=[{**inside, "ports": [port]}]),
        )
        client.run("shop/sell", {"n": 1})
        (run,) = until(lambda: client.get("runs", workflow="subscriptions/crm", status="faulted"))
        error = client.describe("run", run["id"])["error"]
        assert (error["status"], "private network" in str(error)) == (403, True)
        open_to_it = {**inside, "ports": [port], "denyPrivateRanges": False}
        allowed = {"egress": [open_to_it], "data": [{"labels": ["pii"], "neverTo": {"external": True}}]}
        declare(client, tmp_path, policy(**{**allowed, "version": "1.1.0"}))
        client.run("shop/sell", {"n": 2}, labels={"data": "pii"})
        client.run("shop/sell", {"n": 3})
        until(lambda: events(received) and all_over(client))
        assert [data["output"] for _, _, data in told(received)] == [{"n": 3}]
        assert len(client.get("runs", workflow="subscriptions/crm", status="faulted")) == 2


def test_nothing_that_is_sealed_leaves_the_hub(tmp_path: Path) -> None:
    about = workflow().replace("version: '1.0.0'}", "version: '1.0.0', metadata: {subject: '${ .n }'}}")
    with receiver() as received, hub(tmp_path) as (_, client):
        declare(client, tmp_path, about, subscription(received.url))
        run = client.run("shop/sell", {"n": "ada"}).id
        until(lambda: events(received))
        ((told_of, _, data),) = told(received)
        assert (told_of, set(data)) == (run, {"name", "completedAt"})


def test_a_subscription_begins_with_what_comes_and_ends_with_its_declaration(tmp_path: Path) -> None:
    with receiver() as received, hub(tmp_path) as (_, client):
        declare(client, tmp_path, workflow())
        client.run("shop/sell", {"n": 0})
        declare(client, tmp_path, subscription(received.url))
        second = client.run("shop/sell", {"n": 1}).id
        until(lambda: len(events(received)) == 1 and all_over(client))
        client.delete("subscription", "crm")
        assert client.get("subscriptions") == []
        client.run("shop/sell", {"n": 2})
        declare(client, tmp_path, subscription(received.url, version="1.1.0"))
        fourth = client.run("shop/sell", {"n": 3}).id
        until(lambda: len(events(received)) >= 2 and all_over(client))
        assert [run for run, *_ in told(received)] == [second, fourth]


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({"types": ["io.serverlessworkflow.workflow.complete.v1"]}, "/spec/types/0"),
        ({"types": []}, "/spec/types"),
        ({"sink": "ftp://example.com"}, "/spec/sink"),
        ({"workflows": ["sell"]}, "/spec/workflows/0"),
        ({"secret": "a b"}, "/spec/secret"),
    ],
)
def test_what_cannot_be_is_refused_at_its_place(tmp_path: Path, spec: dict[str, Any], path: str) -> None:
    given = tmp_path / "declared.yaml"
    given.write_text(subscription(**spec))
    assert [problem.path for problem in load([given]).problems] == [path]


def test_how_far_a_subscription_is_can_be_measured(tmp_path: Path) -> None:
    with receiver() as received, hub(tmp_path) as (serving, client):
        received.always = 503
        declare(client, tmp_path, workflow(), subscription(received.url, retry=OFTEN))
        client.run("shop/sell", {"n": 1})
        until(lambda: received.got)
        measured = serving.hub.measure()
        measured.refresh()
        text = exposed(measured.metrics.registry.families())
        assert 'podium_subscription_unfinished{subscription="crm"} 1' in text
        assert 'podium_subscription_behind_records{subscription="crm"}' in text
