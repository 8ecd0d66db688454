"""Live changes for many viewers: encoded once, gathered for a quarter of a second, bounded for each.

What a viewer gets is server-sent events:

- `changes`, with an `id` (the position `S.R`: how far the logs of the catalog and of runs have come): the
  records that were committed, without their bodies: `{"position", "records": [...], "skipped"}`;
- `said`: what one attempt said since it was told last: `{"run_id", "effect", "attempt", "task", "agent"}`
  with its `progress`, further `lines` of its log and how many were `cut` before them, and as `tail` the line
  that it has not ended; each only where there is any;
- whatever other parts publish, by their own names;
- `resync`: what came in between is lost; read again what is shown, and go on from the `position` it gives.

Whoever comes back with `Last-Event-ID` gets what is missing, or one `resync` where that is no longer kept.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple

import msgspec

from podium.facts.events import Record
from podium.facts.saying import Said
from podium.server.problems import too_much
from podium.server.sayings import Sayings

TICK_S = 0.25
"""What happens within so long goes out together."""

QUEUE_FRAMES_MAX = 40
"""A viewer who is further behind starts over."""

KEPT_FRAMES = 480
"""So many frames are kept for those who come back."""

RECORDS_MAX = 2_000
"""No frame tells of more records; the rest is `skipped`."""

PING_S = 15.0
IDLE_S = 60.0
"""With no viewer for so long nothing is kept any more."""

_LOOK_S = 1.0
_FIELDS_LEFT_OUT = frozenset(("ordinal", "previous", "torn"))

_encode = msgspec.json.Encoder().encode


class Frame(NamedTuple):
    """Bytes for all viewers, and the positions before and after what they tell."""

    before: tuple[int, int]
    after: tuple[int, int]
    payload: bytes


class Viewer:
    """One stream to one client.

    Attributes:
        owner: whose it is; holds: whether he still may look.
        behind: whether there are records that he has not been sent, of a run.
    """

    __slots__ = ("behind", "ended", "holds", "owner", "_frames", "_lost", "_woken")

    def __init__(self, owner: str, holds: Callable[[], bool]) -> None:
        self.owner, self.holds = owner, holds
        self.ended = self.behind = False
        self._frames: deque[bytes] = deque()
        self._lost = False
        self._woken = asyncio.Event()

    def put(self, payload: bytes) -> None:
        """Something to be sent; where too much waits, all of it is lost."""
        if len(self._frames) >= QUEUE_FRAMES_MAX:
            self._frames.clear()
            self._lost = True
        if not self._lost:
            self._frames.append(payload)
        self._woken.set()

    def wake(self) -> None:
        """There are more records."""
        self.behind = True
        self._woken.set()

    def end(self) -> None:
        self.ended = True
        self._woken.set()

    async def wait(self) -> None:
        """Until there is something to do, or it is time for a sign of life."""
        try:
            await asyncio.wait_for(self._woken.wait(), PING_S)
        except TimeoutError:
            pass
        self._woken.clear()

    @property
    def holds_frames(self) -> bool:
        return bool(self._frames)

    def take(self) -> tuple[bytes, bool]:
        """What waits, and whether something was lost before it."""
        frames, lost = b"".join(self._frames), self._lost
        self._frames.clear()
        self._lost = False
        return frames, lost


class Streams:
    """All live streams of a server.

    Args:
        heads: how far the logs of the catalog and of runs have come.
        streams_max: so many may be open; `each_max` of one caller.
    """

    def __init__(self, heads: Callable[[], tuple[int, int]], streams_max: int, each_max: int) -> None:
        self._heads = heads
        self._streams_max, self._each_max = streams_max, each_max
        self._viewers: set[Viewer] = set()
        self._of_runs: dict[str, set[Viewer]] = {}
        self._fresh: deque[tuple[int, list[Record]]] = deque()
        self._sayings = Sayings()
        self._published: dict[tuple[str, Any], Any] = {}
        self._published_lock = threading.Lock()
        self._kept: deque[Frame] = deque(maxlen=KEPT_FRAMES)
        self._position = (0, 0)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ticking: asyncio.Task[None] | None = None
        self._looked_at = self._seen_at = 0.0
        self._keeping = self._closed = False

    # --- from the hub's thread -----------------------------------------------------------------------

    def feed(self, shard: int, records: list[Record]) -> None:
        """Hear of a commit. Never waits, never fails."""
        if self._keeping:
            self._fresh.append((shard, records))
        if self._of_runs and self._loop is not None:
            touched = [one for record in records for one in self._of_runs.get(record.run_id, ())]
            if touched:
                self._loop.call_soon_threadsafe(_wake_all, set(touched))

    # --- from any thread -----------------------------------------------------------------------------

    def publish(self, kind: str, data: Any, key: Any = None) -> None:
        """Tell all viewers something that is not in the log, with the next tick.

        Args:
            kind: the name of the event.
            data: JSON.
            key: whatever was published of that kind with the same key since the last tick is replaced.
        """
        if self._viewers:
            with self._published_lock:
                self._published[kind, key if key is not None else len(self._published)] = data

    def say(self, said: Said) -> None:
        """Hear what an attempt says. Never waits, never fails."""
        if self._viewers or said.order.run_id in self._of_runs:
            self._sayings.add(said)

    # --- on the loop ---------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin; on the loop that serves."""
        self._loop = asyncio.get_running_loop()
        self._ticking = self._loop.create_task(self._tick_on())

    def close(self) -> None:
        """End every stream."""
        self._closed = True
        if self._ticking is not None:
            self._ticking.cancel()
        for viewer in [*self._viewers, *(one for many in self._of_runs.values() for one in many)]:
            viewer.end()

    @property
    def count(self) -> int:
        return len(self._viewers) + sum(map(len, self._of_runs.values()))

    def admit(self, owner: str) -> None:
        """Raise Trouble where no more streams may be open."""
        own = sum(one.owner == owner for one in self._viewers)
        own += sum(one.owner == owner for many in self._of_runs.values() for one in many)
        if self._closed or self.count >= self._streams_max or own >= self._each_max:
            raise too_much("too many streams are open; close one, or come back later", 5, "streams")

    async def changes(self, viewer: Viewer, last_id: str) -> AsyncIterator[bytes]:
        """What a viewer of everything is sent, from where he was on."""
        if not self._keeping:
            self._keeping, self._position = True, self._heads()
            self._kept.clear()
        self._flush()
        missed = self._missed(last_id)
        self._viewers.add(viewer)
        try:
            yield b"retry: 1000\n\n"
            yield missed if missed is not None else self._resync()
            while not (viewer.ended or self._closed):
                await viewer.wait()
                frames, lost = viewer.take()
                yield (self._resync() if lost else b"") + (frames or b": \n\n")
        finally:
            self._viewers.discard(viewer)
            self._seen_at = time.monotonic()

    async def of_run(
        self, viewer: Viewer, run_id: str, read: Callable[[int], Any], after: int
    ) -> AsyncIterator[bytes]:
        """A run's records later than a seq, as they are committed, until it ends; and what its attempts say.

        Args:
            read: gives, awaited, the records later than a seq, and the run once it has ended.
        """
        self._of_runs.setdefault(run_id, set()).add(viewer)
        try:
            yield b"retry: 1000\n\n"
            while not self._is_over(viewer):
                viewer.behind = False
                records, ended = await read(after)
                for record in records:
                    after = record["seq"]
                    yield b"id: %d\n" % after + event("record", record)
                if ended is not None:
                    yield event("end", ended)
                    return
                if not records:
                    yield b": \n\n"
                while await self._heard(viewer, run_id):
                    yield viewer.take()[0]
                    if viewer.behind or self._is_over(viewer):
                        break
        finally:
            watching = self._of_runs[run_id]
            watching.discard(viewer)
            if not watching:
                del self._of_runs[run_id]

    def _missed(self, last_id: str) -> bytes | None:
        """What was sent after a position; None where that is not known any more."""
        if not last_id:
            return b""
        shard, _, seq = last_id.partition(".")
        if not (shard.isdecimal() and seq.isdecimal() and len(last_id) < 40):
            return None
        at = (int(shard), int(seq))
        if at == self._position:
            return b""
        frames = list(self._kept)
        for place, frame in enumerate(frames):
            if frame.before == at:
                return b"".join(one.payload for one in frames[place:])
        return None

    def _resync(self) -> bytes:
        at = f"{self._position[0]}.{self._position[1]}"
        return event("resync", {"position": at}, at)

    async def _tick_on(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            self._flush()
            self._look()

    def _flush(self) -> None:
        """Make frames of what has come since, and hand them to everybody."""
        payload = b""
        if self._fresh:
            frame = self._frame()
            self._kept.append(frame)
            payload = frame.payload
        if self._sayings:
            payload += self._tell_said("")
        if self._published:
            with self._published_lock:
                published, self._published = self._published, {}
            payload += b"".join(event(kind, data) for (kind, _), data in published.items())
        if payload:
            for viewer in self._viewers:
                viewer.put(payload)

    def _is_over(self, viewer: Viewer) -> bool:
        return viewer.ended or self._closed

    async def _heard(self, viewer: Viewer, run_id: str) -> bool:
        """Wait for something to happen in a run; whether an attempt said something."""
        await viewer.wait()
        # What was said before a record is told before it.
        if self._sayings:
            payload = self._tell_said(run_id)
            for other in self._viewers if payload else ():
                other.put(payload)
        return viewer.holds_frames

    def _tell_said(self, run_id: str) -> bytes:
        """Hand what attempts said, of one run or of all, to those who look at these runs.

        Returns:
            the same for those who look at everything.
        """
        of_runs: dict[str, bytes] = {}
        for of, shown in self._sayings.take(run_id):
            of_runs[of] = of_runs.get(of, b"") + event("said", shown)
        for of, payload in of_runs.items():
            for viewer in self._of_runs.get(of, ()):
                viewer.put(payload)
        return b"".join(of_runs.values())

    def _frame(self) -> Frame:
        before, (system, runs) = self._position, self._position
        shown: list[dict[str, Any]] = []
        skipped = 0
        while self._fresh:
            shard, records = self._fresh.popleft()
            if shard == 0:
                system = max(system, records[-1].seq)
            else:
                runs = max(runs, records[-1].seq)
            room = max(RECORDS_MAX - len(shown), 0)
            shown += map(change, records[:room])
            skipped += max(len(records) - room, 0)
        self._position = (system, runs)
        at = f"{system}.{runs}"
        payload = event("changes", {"position": at, "records": shown, "skipped": skipped}, at)
        return Frame(before, self._position, payload)

    def _look(self) -> None:
        """Once a second: part from viewers who may look no longer, and forget where nobody looks."""
        now = time.monotonic()
        if now - self._looked_at < _LOOK_S:
            return
        self._looked_at = now
        for viewer in [*self._viewers, *(one for many in self._of_runs.values() for one in many)]:
            if not viewer.holds():
                viewer.end()
        if self._keeping and not self._viewers and now - self._seen_at > IDLE_S:
            self._keeping = False
            self._fresh.clear()
            self._kept.clear()


def event(kind: str, data: Any, id: str = "") -> bytes:
    """A server-sent event."""
    head = f"id: {id}\nevent: {kind}\ndata: " if id else f"event: {kind}\ndata: "
    return head.encode() + _encode(data) + b"\n\n"


def change(record: Record) -> dict[str, Any]:
    """A record without its body and without fields that say nothing."""
    told = record.event
    shown: dict[str, Any] = {
        "seq": record.seq, "at": record.at, "run_id": record.run_id, "type": type(told).__name__,
    }  # fmt: skip
    for name, value in zip(told.__struct_fields__, msgspec.structs.astuple(told), strict=True):
        if value and name not in _FIELDS_LEFT_OUT:
            shown[name] = value
    return shown


def _wake_all(viewers: set[Viewer]) -> None:
    for viewer in viewers:
        viewer.wake()
