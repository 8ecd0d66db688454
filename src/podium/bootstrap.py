"""The composition root: a state folder becomes a running hub with its door. It alone names parts."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from podium import __version__
from podium.agents.command import SETTING
from podium.agents.secrets import Vault
from podium.facts.events import Record
from podium.facts.inputs import Asked, Begun, EraseSubject, Evaluated, FleetChanged, Reported
from podium.facts.sharing import TENANT
from podium.facts.values import Problem, Refused, Reply
from podium.kernel.catalog import QUEUE_MAX
from podium.runtime.accounts import FILE as PEOPLE
from podium.runtime.accounts import Accounts
from podium.runtime.action_key import action_key
from podium.runtime.checkpoints import VARIABLE, Checkpoints, Settings, settings_of
from podium.runtime.clock import GuardedClock
from podium.runtime.dispatching import Dispatcher
from podium.runtime.door import ClosedDoor, Door
from podium.runtime.evaluator import Evaluator
from podium.runtime.exporting import Exported, Unexportable, export
from podium.runtime.fleet import Fleet
from podium.runtime.gauges import Following, Gauge, checks, gauges
from podium.runtime.hub import Hub
from podium.runtime.identity import FILE as ROLES
from podium.runtime.identity import FILE_VARIABLE as ROLES_VARIABLE
from podium.runtime.identity import Identities
from podium.runtime.inquiry import (
    FindNewest,
    FolderSight,
    HubSight,
    Inquiry,
    Newest,
    Readers,
    Wanted,
    named_tasks,
)
from podium.runtime.keyring import Erasing, Keyring
from podium.runtime.notary import Notary
from podium.runtime.notifying import Notifier
from podium.runtime.occurrences import Occurrences
from podium.runtime.people import People
from podium.runtime.sealing import Sealing
from podium.runtime.shard import ShardHost
from podium.runtime.signing import public_key
from podium.runtime.socket import SocketServer
from podium.runtime.staffing import Staffing
from podium.runtime.subscriptions import FILE as SUBSCRIPTIONS
from podium.runtime.subscriptions import Subscriber
from podium.runtime.system import SystemHost
from podium.runtime.worker import EmbeddedWorker
from podium.runtime.writer import decode_row
from podium.store.interface import Reader, Stated, Store, StoreError, Unwritable
from podium.store.lock import HubLock
from podium.store.sqlite import SqliteStore
from podium.store.sqlite_reader import SqliteReader
from podium.views.finding import NEWEST
from podium.views.follower import ViewsFollower
from podium.views.lifecycle import Lifecycle
from podium.views.queries import Views, ViewsUnavailable
from podium.workflow.processes import PROCESSES

if TYPE_CHECKING:
    from podium.server.listening import Listening
    from podium.telemetry.following import Telemetry

log = structlog.get_logger("podium.hub")

LOG = "log.db"
"""The log's file in the state folder."""

VIEWS = "views.db"
"""The views' file in the state folder; it may be deleted."""

QUEUE_VARIABLE = "PODIUM_QUEUE_MAX"
"""The variable that says how much may wait in line for an agent."""

LOCK = "hub.lock"
"""What keeps a second hub out of the state folder."""

VIEWS_WAIT_MS = 1_000
"""Lists wait so long for the views; then they are made without."""

URL_VARIABLE = "PODIUM_URL"
"""Where people find the hub; links in notices lead there."""

RUNS_SHARD = 1
"""The shard of runs; shard 0 is the catalog's."""


class LocalHub(Hub):
    """A hub with a state folder of its own, which no other hub may use while it lives.

    Attributes:
        folder: the state folder, absolute.
        worker: who performs the attempts of what runs here; fleet: of what workers elsewhere host.
        views: what keeps the tables for queries up with the log.
        vault: where the values of secrets come from.
        subscribed: how each subscription stands, by its name.
    """

    def __init__(self, folder: Path, lock: HubLock, store: Store) -> None:
        self.folder = folder
        self._lock = lock
        name = f"{socket.gethostname()}:{os.getpid()}"
        clock, system = GuardedClock(), SystemHost(store, name)
        self.keyring = Keyring(folder)
        shard = ShardHost(store, RUNS_SHARD, system.catalog, name, sealing=Sealing(self.keyring))
        self.vault, allowed = Vault(folder), _allowed()
        system.catalog.allowed, system.catalog.digest_key = allowed, action_key(folder)
        system.catalog.queue_max = _queue_max()
        self.worker = EmbeddedWorker(
            self._hear,
            system.catalog.agents.get,
            folder,
            clock.now,
            vault=self.vault,
            allowed=allowed,
            on_asked=self._ask,
            on_said=self.say,
        )
        key = system.catalog.digest_key
        self.fleet = Fleet(
            self._hear, self._ask, self._staff, clock.now, key, on_said=self.say, on_begun=self._begin
        )
        self.dispatcher = Dispatcher(self.worker, self.fleet, system.catalog.fleet)
        super().__init__(store, shard, system, clock, self.dispatcher, Evaluator(self._learn), self.keyring)
        self.views = ViewsFollower(folder / VIEWS, lambda: SqliteReader(folder / LOG), (0, RUNS_SHARD))
        self.notary = Notary(store, (system.writer, shard.writer), folder)
        self.telemetry: Telemetry | None = None
        self.subscribed: Callable[[], Mapping[str, Any]] = dict
        self._identity = store.identity()
        self._stated: Stated | None = None
        self.checkpoints = Checkpoints(
            folder, _checkpoint_settings(folder), lambda: self.state_now()[0], self._amend,
            lambda: SqliteReader(folder / LOG), clock.now,
        )  # fmt: skip

    def _hear(self, reports: list[Reported]) -> None:
        self.tell_all(reports)

    def _ask(self, asked: Asked) -> None:
        self.tell_all([asked])

    def _begin(self, begun: Begun) -> None:
        self.tell_all([begun])

    def _staff(self, changed: FleetChanged) -> None:
        self.tell_all([changed])

    def _learn(self, answer: Evaluated) -> None:
        self.tell_all([answer])

    def start(self) -> None:
        """Take the shards over and serve; the views follow. Raises StoreError as a hub does."""
        self.listen(self.views.feed)
        if self.checkpoints.wanted:
            self.listen(self.checkpoints.feed)
        super().start()
        self.fleet.start()
        self.views.start()
        if self.checkpoints.wanted:
            self.checkpoints.start()
        for one in self.keyring.erasing():
            self._erase(one)
        if any(name.startswith("OTEL_EXPORTER_OTLP_") for name in os.environ):
            self.measure()

    def measure(self) -> Telemetry:
        """Measure what is committed from now on, and export it where the environment says so."""
        if self.telemetry is None:
            made = self.telemetry = _telemetry(self)
            self.do(lambda: self.listen(made.feed)).result()
            made.start()
        return self.telemetry

    def followed(self) -> Following:
        """How far the views have come."""
        return Following(self.views.caught_up().get(RUNS_SHARD, 0), self.views.trouble)

    def stop(self, grace_ms: int = 2_000) -> None:
        """Start nothing more, give attempts in flight the grace, and let the folder go."""
        if self.checkpoints.wanted:
            with suppress(StoreError):
                self.notary.prepare(self._identity)
        super().stop(grace_ms)
        self.checkpoints.close(self._stated)
        self.views.close()
        if self.telemetry is not None:
            self.telemetry.close()
        self.keyring.close()
        self._lock.release()

    def state_now(self) -> tuple[Stated, bool]:
        """State how far the log has come, with a signed checkpoint; gives that, and whether it is a new one.

        Raises:
            StoreError: it cannot be stated or signed.
        """
        self.notary.prepare(self._identity)
        return self.do(lambda: self.notary.state(self.clock.now())).result()

    def erase(self, name: str, principal: str, why: str) -> Reply:
        """Cancel what is about somebody and is not over, and make all of it unreadable for good.

        Once it began, it is ended by the next hub if not by this one. Raises StoreError if it cannot begin.
        """
        replies = [self._erase(one) for one in self.keyring.erasing()]
        key = self.keyring.find(name)
        if key:
            self.keyring.begin_erasing(key, principal, why)
            return self._erase(Erasing(key, principal, why))
        if replies:
            return replies[-1]
        message = "nothing is sealed for that subject"
        return Refused("not-found", (Problem("unknown-subject", "/subject", message),))

    def _erase(self, one: Erasing) -> Reply:
        reply = self.tell(EraseSubject(subject=one.key, principal=one.principal, why=one.why)).result()
        if not isinstance(reply, Refused):
            # On the hub's thread, so that no step seals with it meanwhile.
            self.do(lambda: self.keyring.destroy(one.key)).result()
        return reply

    def custody_shown(self) -> dict[str, object]:
        """What became of the checkpoints: `trouble`, and of each place where they go the last delivery."""
        sinks = msgspec.to_builtins(self.checkpoints.status)
        return {"trouble": self.checkpoints.trouble, "sinks": sinks}

    def _amend(self, stated: Stated) -> None:
        self.do(lambda: self.notary.amend(stated.number, stated.note)).result()

    def _finish(self) -> None:
        super()._finish()
        if self.checkpoints.wanted and self.notary.ready:
            try:
                self._stated, _ = self.notary.state(self.clock.now())
            except StoreError as error:
                log.warning("no last checkpoint was made", reason=str(error))


def _telemetry(hub: LocalHub) -> Telemetry:
    """What measures a hub."""
    from podium.telemetry.following import Telemetry
    from podium.telemetry.otlp import exporter_of

    sealing = hub.shard.sealing

    def run_of(reader: Reader, shard: int, seq: int) -> Iterator[Record]:
        return (decode_row(row, reader, sealing) for row in reader.chain(shard, seq))

    try:
        exporter = exporter_of(__version__, f"{socket.gethostname()}:{os.getpid()}")
    except ValueError as error:
        log.error("nothing is exported", reason=str(error))
        exporter = None
    made = Telemetry(lambda: SqliteReader(hub.folder / LOG), run_of, exporter)
    views = Views(hub.folder / VIEWS)

    def counted() -> dict[str, int]:
        with suppress(ViewsUnavailable):
            told = views.overview()
            runs = {f"runs.{status}": count for status, count in told.runs.items()}
            return {**runs, "approvals": told.approvals, "escalations": told.escalations}
        return {}

    def refresh() -> None:
        lag = Gauge("podium_telemetry_lag_records", made.lag)
        made.metrics.registry.tell([lag, *gauges(hub, hub.fleet, hub.followed, counted, hub.subscribed)])

    made.refresh = refresh
    return made


def _checkpoint_settings(folder: Path) -> Settings:
    """Where checkpoints go; nowhere if that is not said so that it can be understood."""
    try:
        return settings_of(folder, os.environ.get(VARIABLE, ""))
    except ValueError as error:
        log.error("no checkpoints are made", reason=str(error))
        return Settings(trouble=str(error))


def _queue_max() -> int:
    """How much may wait in line for an agent."""
    told = os.environ.get(QUEUE_VARIABLE, "")
    if told and not (told.isdecimal() and int(told) > 0):
        log.warning("unknown-setting", name=QUEUE_VARIABLE, value=told, known="a whole number above 0")
        return QUEUE_MAX
    return int(told) if told else QUEUE_MAX


def _allowed() -> frozenset[str]:
    """What `run` may run on this hub beside workflows."""
    words = {word.strip() for word in os.environ.get(SETTING, "").split(",")} - {""}
    if unknown := words - PROCESSES:
        log.warning("unknown-setting", name=SETTING, unknown=sorted(unknown), known=sorted(PROCESSES))
    return frozenset(words & PROCESSES)


def open_hub(folder: Path) -> LocalHub:
    """A hub that serves this state folder, which is made if it is not there.

    Raises:
        Unwritable: the folder cannot be written to, or another hub is at work there.
        StoreError: what is in it cannot be read: damaged, or written by a newer release.
    """
    folder = folder.absolute()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Unwritable(f"the state folder {folder} cannot be made: {error.strerror}") from error
    lock = HubLock(folder / LOCK)
    try:
        hub = LocalHub(folder, lock, SqliteStore(folder / LOG))
        try:
            hub.start()
        except BaseException:
            hub.worker.close(0)
            raise
    except BaseException:
        lock.release()
        raise
    return hub


@dataclass(frozen=True, slots=True)
class Serving:
    """A hub with its door, open to this process and on the socket to others."""

    hub: LocalHub
    door: Door
    server: SocketServer
    accounts: Callable[[], Accounts]
    notifier: Notifier
    subscriber: Subscriber
    network: list[Listening] = field(default_factory=list)

    def listen(
        self, host: str, port: int, certificate: Path | None = None, key: Path | None = None,
        proxies: Iterable[str] = (),
    ) -> Listening:  # fmt: skip
        """Serve the API at an address, too; port 0 is any that is free.

        Args:
            proxies: addresses, or networks, of those who end TLS for it.

        Raises:
            OSError: the address, or the files for TLS, cannot be used.
            ValueError: something is no address of a proxy.
        """
        from podium.server.measuring import Measured
        from podium.server.proxies import networks
        from podium.server.starting import listen

        views, accounts = self.hub.folder / VIEWS, self.accounts()
        measured = Measured(self.hub.measure(), lambda: checks(self.hub, self.hub.followed))
        one = listen(
            self.hub,
            self.door,
            accounts,
            views,
            self.export,
            host,
            port,
            certificate,
            key,
            measured,
            networks(proxies),
        )
        self.network.append(one)
        return self.network[-1]

    def export(self, folder: Path) -> Exported:
        """Write all that the newest checkpoint knows into a folder. Raises as `exporting.export` does."""
        key = public_key(self.hub.folder)
        if key is None:
            raise Unexportable("no checkpoint was made of this log yet")
        reader = SqliteReader(self.hub.folder / LOG)
        try:
            return export(reader, folder, key)
        finally:
            reader.close()

    def stop(self, grace_ms: int = 2_000) -> None:
        """Let nobody in any more, then stop the hub. What is unfinished goes on with the next hub.

        What was asked before is answered, if only with the word that the hub is gone.
        """
        self.server.stop_taking()
        self.notifier.close()
        self.subscriber.close()
        self.hub.fleet.hush()
        for one in self.network:
            one.stop()
        self.hub.stop(grace_ms)
        self.door.close()
        self.server.close()


def serve(folder: Path) -> Serving:
    """Open a hub and its door. Raises as `open_hub` does."""
    hub = open_hub(folder)
    try:
        readers = Readers(lambda: SqliteReader(hub.folder / LOG))
        inquiry = Inquiry(HubSight(hub, readers), _newest(hub.folder, lambda _, after: _up_with(hub, after)))
        roles = Path(os.environ.get(ROLES_VARIABLE) or hub.folder / ROLES)
        identities = Identities(roles, hub.worker.owns)
        accounts = cache(lambda: Accounts(hub.folder / PEOPLE, hub.clock.now))
        door = Door(
            hub, hub.dispatcher, inquiry, readers, hub.views, hub, identities=identities,
            staffing=Staffing(hub, hub.fleet), people=People(accounts, identities, hub.tell),
        )  # fmt: skip
        notifier = Notifier(
            hub.tell, hub.system.catalog, inquiry, hub.fleet, hub.clock.now, TENANT,
            lambda: os.environ.get(URL_VARIABLE, "").rstrip("/"),
        )  # fmt: skip
        hub.do(lambda: hub.listen(notifier.feed)).result()
        notifier.start()
        subscriber = _subscriber(hub, inquiry)
        hub.do(lambda: hub.listen(subscriber.feed)).result()
        subscriber.start()
        socket_server = SocketServer(hub.folder, door, hub.clock.now())
        return Serving(hub, door, socket_server, accounts, notifier, subscriber)
    except BaseException:
        hub.stop(0)
        raise


def _subscriber(hub: LocalHub, inquiry: Inquiry) -> Subscriber:
    """What sends lifecycle events to those who subscribed to them."""
    catalog = hub.system.catalog
    occurrences = Occurrences(
        RUNS_SHARD, hub.shard.sealing, Lifecycle,
        lambda digest, document: inquiry.sight.look(lambda _, now: named_tasks(now, digest, document)),
        lambda digest: digest in catalog.versions["Subscription"],
    )  # fmt: skip
    subscriber = Subscriber(
        hub.tell, inquiry, occurrences, lambda: catalog.revision, lambda: SqliteReader(hub.folder / LOG),
        hub.folder / SUBSCRIPTIONS, RUNS_SHARD,
    )  # fmt: skip
    inquiry.subscriptions = hub.subscribed = subscriber.standings
    return subscriber


def look(folder: Path) -> ClosedDoor:
    """The door of a state folder that has no hub: it answers what only looks, and sets nothing going.

    Raises:
        StoreError: there is no state, or it cannot be read.
    """
    log = folder.absolute() / LOG
    if not log.exists():
        raise Unwritable(f"there is nothing at {log.parent}: no hub has worked there yet")
    readers = Readers(lambda: SqliteReader(log))

    def is_whole(views: Views, _: int) -> bool:
        with readers.lend() as reader:
            return views.progress().get(RUNS_SHARD) == reader.head(RUNS_SHARD).seq

    sight = FolderSight(readers, RUNS_SHARD, Sealing(Keyring(log.parent)))
    return ClosedDoor(Inquiry(sight, _newest(log.parent, is_whole)))


def reader_of(folder: Path) -> SqliteReader:
    """A reader of a state folder's log, whoever serves it. Raises StoreError as `look` does."""
    log = folder.absolute() / LOG
    if not log.exists():
        raise Unwritable(f"there is nothing at {log.parent}: no hub has worked there yet")
    return SqliteReader(log)


_IN_VIEWS: dict[str, tuple[str, ...]] = {
    "": (),
    "waiting": (),
    "running": ("running", "waiting"),
    "unfinished": ("queued", "running", "waiting", "suspended"),
    **{status: (status,) for status in ("queued", "suspended", "completed", "faulted", "cancelled")},
}
"""A status to what the views call it: they tell runs that only wait from those that go on."""


def _newest(folder: Path, is_whole: Callable[[Views, int], bool]) -> FindNewest:
    """Finds the newest runs in the views, unless these are behind or cannot be read."""
    views = Views(folder / VIEWS)

    def newest(wanted: Wanted) -> Newest | None:
        if wanted.status not in _IN_VIEWS:
            return None
        try:
            if not is_whole(views, wanted.after):
                return None
            runs, following = views.page(
                statuses=_IN_VIEWS[wanted.status], workflow=wanted.workflow, labels=wanted.labels,
                parent=wanted.parent, nested=wanted.nested, for_people=wanted.status == "waiting",
                limit=wanted.limit, before=wanted.before or NEWEST,
            )  # fmt: skip
        except ViewsUnavailable:
            return None
        return Newest([(run.run_id, run.cursor) for run in runs], following)

    return newest


def _up_with(hub: LocalHub, after: int) -> bool:
    """Whether the views of a hub reflect a position, or do so at once; -1 is all that it has committed."""
    seq = after if after >= 0 else hub.do(lambda: hub.shard.writer.head.seq).result()
    return not hub.views.trouble and hub.views.wait_for(RUNS_SHARD, seq, VIEWS_WAIT_MS)
