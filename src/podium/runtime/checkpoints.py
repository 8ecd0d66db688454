"""The thread that has checkpoints made as the log grows, and takes them to the places that keep them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import structlog

from podium.audit.notes import Key, Note, NoteError, parse, parse_key
from podium.facts.events import Record
from podium.runtime.signing import PUBLIC_KEY, verify_signature
from podium.runtime.sinks import Given, History, Sink, SinkError, parse_sink, sink_of
from podium.store.interface import Reader, Stated, StoreError

FILE = "audit.yaml"
"""What a state folder says of its checkpoints."""

VARIABLE = "PODIUM_CHECKPOINTS"
"""The variable that names places beside those of the file, separated by commas."""

STATUS = "audit-sinks.json"
"""What became of the last deliveries, for when no hub is there to be asked."""

RETRY_S = 5.0
RETRY_MAX_S = 300.0

log = structlog.get_logger("podium.audit")


class Settings(NamedTuple):
    """Where checkpoints go, and when they are made: after so many records, or after so long with any.

    `trouble` is why there are no settings, in a sentence; "".
    """

    to: tuple[Given, ...] = ()
    records: int = 10_000
    seconds: float = 60.0
    trouble: str = ""


class Delivery(msgspec.Struct):
    """What became of the checkpoints for one place.

    Attributes:
        sink: the place.
        number: of the last statement whose checkpoint is there; 0 for none.
        at: when it got there, in ms since 1970.
        trouble: why the newest is not there; "".
    """

    sink: str
    number: int = 0
    at: int = 0
    trouble: str = ""


def settings_of(folder: Path, variable: str) -> Settings:
    """The settings of a state folder and of the environment. Raises ValueError naming place and rule."""
    given: Any = _read(folder / FILE)
    if not isinstance(given, dict) or set(given) - {"to", "every"}:
        raise ValueError(f"{folder / FILE} must hold `to` and `every`, and nothing else")
    every, to = given.get("every") or {}, given.get("to") or []
    places = [to] if isinstance(to, str) else to
    if not isinstance(places, list) or not all(isinstance(one, str) for one in places):
        raise ValueError(f"`to` in {folder / FILE} must be a list of places")
    if not isinstance(every, dict) or set(every) - {"records", "seconds"}:
        raise ValueError(f"`every` in {folder / FILE} must hold `records` and `seconds`, and nothing else")
    for name, value in every.items():
        if type(value) not in (int, float) or value <= 0:
            raise ValueError(f"`every.{name}` in {folder / FILE} is {value!r}; it must be a number above 0")
    places = [*places, *filter(str.strip, variable.split(","))]
    return Settings(tuple(dict.fromkeys(map(parse_sink, places))), **every)


def _read(path: Path) -> Any:
    if not path.exists():
        return {}
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8")) or {}
    except (YAMLError, OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error


class Checkpoints:
    """Has checkpoints made and delivers them. A place that fails is tried again, and stops nothing.

    Args:
        folder: the state folder.
        state: has what is durable stated, on the hub's thread, and waits for it.
        amend: keeps a checkpoint with more signatures; it may fail.
        reader: makes a reader of the log.
        now: ms since 1970.
    """

    def __init__(
        self, folder: Path, settings: Settings, state: Callable[[], Stated],
        amend: Callable[[Stated], None], reader: Callable[[], Reader], now: Callable[[], int],
    ) -> None:  # fmt: skip
        self._folder, self._settings, self._state, self._amend = folder, settings, state, amend
        self._open_reader, self._now = reader, now
        self._sinks = [(sink_of(given, verify_signature), Delivery("")) for given in settings.to]
        for sink, delivery in self._sinks:
            delivery.sink = sink.name
        self._newest: Stated | None = None
        self._pending = 0
        self._since = 0.0
        self._wake = threading.Event()
        self._closing = False
        self._failures = 0
        self._thread = threading.Thread(target=self._work, name="podium-audit", daemon=True)

    @property
    def status(self) -> list[Delivery]:
        """What became of the deliveries, place by place."""
        return [delivery for _, delivery in self._sinks]

    @property
    def trouble(self) -> str:
        """Why checkpoints are not made or not delivered, in a sentence; ""."""
        return self._settings.trouble or next((one.trouble for one in self.status if one.trouble), "")

    @property
    def wanted(self) -> bool:
        """Whether there is any place to deliver to."""
        return bool(self._sinks)

    def start(self) -> None:
        """Begin to follow the commits."""
        self._thread.start()

    def feed(self, shard: int, records: list[Record]) -> None:
        """Hear of a commit. Never waits and never fails."""
        if not self._pending:
            self._since = time.monotonic()
            self._wake.set()
        self._pending += len(records)
        if self._pending >= self._settings.records:
            self._wake.set()

    def close(self, last: Stated | None, grace_ms: int = 2_000) -> None:
        """Deliver the last checkpoint if that can be done in time; else it is left to the next start."""
        self._newest, self._closing = last or self._newest, True
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join(grace_ms / 1000)

    # --- the thread ----------------------------------------------------------------------------------

    def _work(self) -> None:
        try:
            with closing(self._open_reader()) as reader:
                self._newest = self._newest or reader.last_statement()
                while True:
                    ends = self._closing
                    if not ends:
                        self._make()
                    self._deliver(reader)
                    if ends:
                        return
                    self._wake.wait(self._timeout())
                    self._wake.clear()
        except Exception as error:
            log.error("no more checkpoints are delivered", reason=str(error), exc_info=error)
            for _, delivery in self._sinks:
                delivery.trouble = f"deliveries ended: {error}"

    def _make(self) -> None:
        """Have a checkpoint made if it is time."""
        if not self._pending:
            return
        late = time.monotonic() - self._since >= self._settings.seconds
        if not late and self._pending < self._settings.records:
            return
        self._pending = 0
        try:
            self._newest = self._state()
        except StoreError as error:
            self._since, self._pending = time.monotonic(), 1
            log.warning("no checkpoint was made", reason=str(error))

    def _timeout(self) -> float | None:
        """Seconds until there is something to do; None if only a commit can bring it."""
        due = []
        if self._pending:
            due.append(self._settings.seconds - (time.monotonic() - self._since))
        if self._failures:
            due.append(min(RETRY_S * 2 ** (self._failures - 1), RETRY_MAX_S))
        return max(min(due), 0.0) if due else None

    def _deliver(self, reader: Reader) -> None:
        newest = self._newest
        if newest is None or all(one.number == newest.number and not one.trouble for one in self.status):
            return
        try:
            key = parse_key((self._folder / PUBLIC_KEY).read_text(encoding="utf-8"))
        except (OSError, NoteError) as error:
            raise StoreError(f"the public key of the checkpoints cannot be read: {error}") from error
        # Witnesses come first: what they sign goes along to the others.
        for sink, delivery in sorted(self._sinks, key=lambda pair: "://" not in pair[0].name):
            if delivery.number != newest.number or delivery.trouble:
                newest = self._hand_over(sink, delivery, newest, key, reader)
        self._newest = newest
        failed = any(one.trouble for one in self.status)
        self._failures = min(self._failures + 1, 10) if failed else 0
        self._tell()

    def _hand_over(
        self, sink: Sink, delivery: Delivery, stated: Stated, key: Key, reader: Reader
    ) -> Stated:  # fmt: skip
        note = parse(stated.note)
        try:
            added = sink.deliver(note, key, History(reader, stated.number))
        except SinkError as error:
            if delivery.trouble != str(error):
                log.warning("a checkpoint was not delivered", sink=sink.name, reason=str(error))
            delivery.trouble = str(error)
            return stated
        delivery.number, delivery.at, delivery.trouble = stated.number, self._now(), ""
        if not added:
            return stated
        known = {(one.name, one.key_id) for one in added}
        kept = [one for one in note.signatures if (one.name, one.key_id) not in known]
        stated = stated._replace(note=Note(note.text, (*kept, *added)).render())
        try:
            self._amend(stated)
        except StoreError as error:
            log.info("a witness's signature was not kept", reason=str(error))
        return stated

    def _tell(self) -> None:
        path = self._folder / STATUS
        try:
            draft = path.with_suffix(".tmp")
            draft.write_bytes(msgspec.json.encode(self.status))
            draft.replace(path)
        except OSError as error:
            log.warning("the state of deliveries is not kept", reason=str(error))


def last_status(folder: Path) -> list[Delivery]:
    """What became of the deliveries of the last hub that made any."""
    try:
        return msgspec.json.decode((folder / STATUS).read_bytes(), type=list[Delivery])
    except (OSError, msgspec.MsgspecError):
        return []
