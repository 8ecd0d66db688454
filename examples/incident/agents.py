"""Agents that act on the shop: they judge, steer traffic, freeze releases, page people, write reports."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from podium.sdk.agent import Context, agent

Name = Annotated[str, Field(min_length=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Weights = dict[str, Annotated[int, Field(ge=0, le=100)]]


class NotPossible(Exception):
    """What was asked for cannot be done, and trying again will not help; the text says why."""

    retryable = False


@dataclass
class Alert:
    """What the watch says of one version of a service."""

    service: Name
    version: Name
    errors: Share


@dataclass
class Triage:
    """What is wrong, how bad it is, and where traffic could go instead; `fallback` is empty if nowhere."""

    service: Name
    severity: Literal["high", "low"]
    suspect: Name
    fallback: str
    before: Weights
    headline: Name


@dataclass
class Probe:
    """What a row of requests met."""

    requests: int
    errors: Share
    versions: dict[str, int]


@agent(name="triager", version="1.0.0", capability="incident.triage", deadline="PT10S")
def triage(shop: Name, alerts: list[Alert]) -> Triage:
    """Tells from alerts and traffic what is wrong, and what could be done."""
    service = alerts[0].service
    before = _traffic(shop).get(service)
    if before is None:
        raise NotPossible(f"{shop}/traffic.json knows no service {service}")
    worst = max(alerts, key=lambda alert: alert.errors)
    blamed = {alert.version for alert in alerts}
    fallback = max((version for version in before if version not in blamed), default="")
    severity: Literal["high", "low"] = "high" if worst.errors >= 0.25 or len(alerts) >= 3 else "low"
    count = "1 alert" if len(alerts) == 1 else f"{len(alerts)} alerts"
    headline = f"{worst.errors:.0%} of requests to {service} {worst.version} fail ({count})"
    return Triage(service, severity, worst.version, fallback, before, headline)


# One at a time: two incidents must not write the file over each other.
@agent(name="traffic-controller", version="1.0.0", capability="traffic.set", deadline="PT10S", concurrency=1)
def set_traffic(shop: Name, service: Name, weights: Weights) -> Weights:
    """Sends a service's requests to its versions by these weights. Twice does what once does."""
    _write(Path(shop, "traffic.json"), json.dumps({**_traffic(shop), service: weights}))
    return weights


@agent(name="release-manager", version="1.0.0", capability="releases.freeze", deadline="PT10S")
def freeze(shop: Name, service: Name, reason: str) -> str:
    """Keeps everybody from releasing a service, by a file that says why."""
    file = Path(shop, "frozen", service)
    _write(file, reason + "\n")
    return str(file)


@agent(name="release-opener", version="1.0.0", capability="releases.thaw", deadline="PT10S")
def thaw(shop: Name, service: Name) -> bool:
    """Lets everybody release a service again."""
    Path(shop, "frozen", service).unlink(missing_ok=True)
    return True


@agent(name="prober", version="1.0.0", capability="service.probe", deadline="PT30S")
def probe(shop: Name, requests: int = 30) -> Probe:
    """Asks the service itself, as a customer would.."""
    url, failed, versions = Path(shop, "address").read_text(), 0, Counter[str]()
    for _ in range(requests):
        try:
            body = urllib.request.urlopen(url, timeout=5).read()
        except urllib.error.HTTPError as error:
            body, failed = error.read(), failed + 1
        versions[json.loads(body)["version"]] += 1
    return Probe(requests, failed / requests, dict(versions))


# Nobody wants to be woken twice for one reason, so a crash must never page again unasked.
@agent(name="pager", version="1.0.0", capability="people.page", delivery="at-most-once", deadline="PT10S")
def page(shop: Name, who: Name, what: Name) -> str:
    """Pages somebody; here by a line in a file."""
    with Path(shop, "pages.log").open("a") as log:
        log.write(f"{who}: {what}\n")
    return who


@agent(name="chronicler", version="1.0.0", capability="incident.report", deadline="PT10S")
def report(shop: Name, title: Name, lines: list[str], context: Context) -> str:
    """Writes down what happened, for those who will ask tomorrow."""
    file = Path(shop, "incidents", f"{context.run_id[:8]}.md")
    _write(file, "\n".join([f"# {title}", "", *(f"- {line}" for line in lines), ""]))
    return str(file)


def _traffic(shop: str) -> dict[str, Weights]:
    try:
        traffic: dict[str, Weights] = json.loads(Path(shop, "traffic.json").read_text())
    except FileNotFoundError:
        message = f"{shop} is no shop; start one: python examples/incident/shop.py --to {shop}"
        raise NotPossible(message) from None
    return traffic


def _write(file: Path, text: str) -> None:
    """Write a file whole or not at all: the shop reads while we write."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    draft.write_text(text)
    os.replace(draft, file)
