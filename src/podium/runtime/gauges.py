"""Gauges: how a hub stands now, as numbers; each is cheap to tell, however many runs there are."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from podium.kernel.books import Books
from podium.kernel.catalog import Catalog
from podium.runtime.budgets import budgets, taken
from podium.runtime.fleet import Fleet
from podium.runtime.hub import Hub
from podium.store.interface import StoreError

BUDGETS_MAX = 100
"""Of so many budgets it is told how far they are used, of those nearest to their ceiling."""

VIEWS_LAG_MAX = 50_000
"""Views that are further behind show a past that nobody should act on."""

_STARTED_AT = time.time()


class Gauge(NamedTuple):
    """A number, by the name that metrics have for it, and its labels."""

    name: str
    value: float
    labels: tuple[str, ...] = ()


class Check(NamedTuple):
    """Something that must hold for a hub to take work: whether it does, and why not."""

    name: str
    holds: bool
    message: str = ""


class Following(NamedTuple):
    """How far the views have come: the seq of the runs' shard, and what is in their way."""

    seq: int
    trouble: str


def gauges(
    hub: Hub, fleet: Fleet, following: Callable[[], Following], counted: Callable[[], Mapping[str, int]],
    subscribed: Callable[[], Mapping[str, Any]],
) -> list[Gauge]:  # fmt: skip
    """How it stands.

    Args:
        counted: what the views count: `runs.STATUS`, `approvals`, `escalations`.
        subscribed: how each subscription stands, by its name.
    """
    found = [Gauge("podium_hub_serving", float(hub.status == "serving")), *_process()]
    try:
        found += hub.do(lambda: list(_of_state(hub))).result()
    except StoreError:
        return found
    seq = hub.shard.writer.head.seq
    found += [
        Gauge("podium_log_position", seq, (str(hub.shard.number),)),
        Gauge("podium_views_lag_records", max(seq - following().seq, 0)),
        *_of_views(counted()),
        *_of_fleet(fleet),
        *_of_subscriptions(subscribed(), seq),
    ]
    return found


def checks(hub: Hub, following: Callable[[], Following]) -> list[Check]:
    """What must hold for a hub to take work, and whether it does."""
    status = hub.status
    found = [Check("hub", status == "serving", "" if status == "serving" else f"{status}: {hub.trouble}")]
    draining = hub.system.catalog.draining
    found.append(Check("draining", not draining, "it is being stopped" if draining else ""))
    views = following()
    lag = max(hub.shard.writer.head.seq - views.seq, 0)
    behind = f"the tables for queries are {lag} records behind" if lag > VIEWS_LAG_MAX else ""
    found.append(Check("views", not (views.trouble or behind), views.trouble or behind))
    return found


def _process() -> Iterator[Gauge]:
    used = resource.getrusage(resource.RUSAGE_SELF)
    yield Gauge("process_cpu_seconds_total", used.ru_utime + used.ru_stime)
    yield Gauge("process_start_time_seconds", _STARTED_AT)
    try:
        with open("/proc/self/statm", "rb") as file:
            yield Gauge(
                "process_resident_memory_bytes", int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")
            )
    except (OSError, ValueError, IndexError):
        yield Gauge("process_resident_memory_bytes", used.ru_maxrss * 1024)


def _of_state(hub: Hub) -> Iterator[Gauge]:
    """What only the hub's thread may look at."""
    state = hub.shard.state
    assert state is not None, "the shard is open between steps"
    yield Gauge("podium_runs_in_memory", len(state.runs))
    yield Gauge("podium_effects_open", sum(state.running.values()), ("running",))
    yield Gauge("podium_effects_open", sum(map(len, state.queues.values())), ("queued",))
    yield Gauge("podium_effects_open", len(state.deferred), ("deferred",))
    for agent, held in state.suspended.items():
        yield Gauge("podium_suspended_timestamp_seconds", held.at / 1000, (agent or "*",))
    for name, known in state.schedules.items():
        if known.digest and known.next_at and not known.paused_at:
            yield Gauge("podium_schedule_next_timestamp_seconds", known.next_at / 1000, (name,))
    yield from _of_budgets(state.books(), hub.system.catalog)


def _of_budgets(books: Books, catalog: Catalog) -> Iterator[Gauge]:
    policies = {version.name: version for _, version in catalog.listed("Policy")}
    if not policies:
        return
    for row in budgets(taken(books), policies, BUDGETS_MAX):
        scope = " ".join(f"{name}={value}" for name, value in row["scope"].items())
        used = (row["spent"] + row["held"]) / row["ceiling"] if row["ceiling"] else 1.0
        labels = (row["policy"], row["budget"], row["unit"], scope)
        yield Gauge("podium_budget_used_ratio", used, labels)


def _of_views(counts: Mapping[str, int]) -> Iterator[Gauge]:
    for name, count in counts.items():
        kind, _, status = name.partition(".")
        if kind == "runs" and status in ("queued", "running", "waiting", "suspended"):
            yield Gauge("podium_runs_unfinished", count, (status,))
        elif kind in ("approvals", "escalations"):
            yield Gauge(f"podium_{kind}_waiting", count)


def _of_subscriptions(standings: Mapping[str, Any], seq: int) -> Iterator[Gauge]:
    for name, standing in standings.items():
        yield Gauge("podium_subscription_behind_records", max(seq - standing["position"], 0), (name,))
        yield Gauge("podium_subscription_unfinished", standing["unfinished"], (name,))


def _of_fleet(fleet: Fleet) -> Iterator[Gauge]:
    statuses: dict[str, int] = {}
    slots = busy = 0
    for worker in fleet.workers():
        statuses[worker.standing] = statuses.get(worker.standing, 0) + 1
        if worker.standing == "live":
            slots += worker.told.concurrency
            busy += len(worker.bound)
    for status, count in statuses.items():
        yield Gauge("podium_workers", count, (status,))
    yield Gauge("podium_worker_slots", max(slots - busy, 0), ("free",))
    yield Gauge("podium_worker_slots", busy, ("busy",))
