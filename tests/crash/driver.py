"""Kills hubs at random moments and at named points while runs are in flight, and lets others go on."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

from podium.sdk.client import Client, PodiumError, UnreachableError
from podium.sdk.manifests import load
from tests.crash import audit
from tests.crash.audit import Found
from tests.crash.book import Promises, performed
from tests.crash.life import Life
from tests.crash.people import People
from tests.crash.points import OFTEN, POINTS

LIFE_MAX_S = 4.0
"""A hub that has not come to its point by then is killed where it stands."""

RANDOM_MAX_S = 1.5

PAUSE_S = 0.02

PATIENCE_S = 180.0
"""After the last kill everything ends within this, however slow the machine is."""

RANDOMLY = "at a random moment"
PAUSES_MS = (0, 40)

STOPPING = "while it stopped"


class Driver:
    """One state folder, and all the hubs that serve it.

    Args:
        folder: an empty one.
        in_flight: how many runs are unfinished at any time.
        tell: takes a line for people.
    Attributes:
        killed: where hubs were killed, and how often.
        promises: what the people were told.
    """

    def __init__(self, folder: Path, in_flight: int, seed: int, tell: Callable[[str], None]) -> None:
        self._folder, self._in_flight, self._tell = folder, in_flight, tell
        self._state, self._book = folder / "state", folder / "book.jsonl"
        self._random = Random(seed)
        self.promises = Promises(folder / "promises.jsonl")
        self._people = People(self.promises, self._book)
        self.killed: Counter[str] = Counter()
        self._declared = False
        self._points: list[str] = []
        self._missed: set[str] = set()

    def run(self, kills: int, every: int = 10, kills_max: int = 0) -> Found:
        """Kill so many hubs, let the next one finish, and look at what is left.

        Args:
            every: a line is told after so many kills.
            kills_max: go on until every point has struck, for so many kills at most.
        Raises:
            AssertionError: something was lost, or done too often.
        """
        began = time.monotonic()
        while (killed := self.killed.total()) < kills or (killed < kills_max and self.spared()):
            self._kill_one()
            if self.killed.total() % every == 0:
                self._report(time.monotonic() - began)
        self._finish()
        return audit.check(audit.check_links(self._state), performed(self._book), self.promises)

    def spared(self) -> list[str]:
        """Points at which no hub has died yet."""
        return [point for point in POINTS if not self.killed[point]]

    def _report(self, seconds: float) -> None:
        people, ended = self._people, len(self.promises.ended)
        self._tell(
            f"{self.killed.total():>5} kills  {people.submitted:>6} runs submitted  {people.unfinished:>5} "
            f"in flight  {ended:>6} ended  {people.resolved:>4} were in doubt  {seconds:>5.0f} s"
        )

    # --- lives ---------------------------------------------------------------------------------------

    def _kill_one(self) -> None:
        """Start a hub and work with it until it is dead."""
        kind = self._random.random()
        if kind < 0.3:
            self._live(RANDOMLY, Life(self._state, self._book), self._random.uniform(0.0, RANDOM_MAX_S))
        elif kind < 0.35:
            self._live(STOPPING, Life(self._state, self._book), self._random.uniform(0.4, RANDOM_MAX_S))
        else:
            point = self._next_point()
            count = self._random.randint(1, 1 if point in self._missed else OFTEN.get(point, 1))
            place = (point, count, self._random.choice(PAUSES_MS))
            self._live(point, Life(self._state, self._book, place), LIFE_MAX_S)

    def _next_point(self) -> str:
        """All in turn, in another order each time; those that were missed the last time come first."""
        if not self._points:
            self._points = [point for point in self._missed if not self.killed[point]]
        if not self._points:
            self._points = list(POINTS)
            self._random.shuffle(self._points)
        return self._points.pop()

    def _live(self, where: str, life: Life, seconds: float) -> None:
        self._work(life, seconds)
        if where == STOPPING and life.alive:
            life.stop()
            time.sleep(self._random.uniform(0.0, 0.3))
        struck = not life.alive
        life.kill()
        code = life.buried()
        if code == -signal.SIGKILL:
            if where in POINTS and not struck:
                self._missed.add(where)
                where = RANDOMLY
            self.killed[where] += 1
        else:
            # Asked to end before it was up, it ends by the signal itself.
            fine = where == STOPPING and code in (0, -signal.SIGTERM)
            assert fine, f"a hub ended with {code}: {self._last_words()}"

    def _work(self, life: Life, seconds: float, in_flight: int = -1) -> None:
        """Use the hub until its time is over, it dies, or there is nothing left to do."""
        client = life.client(seconds)
        if client is None:
            return
        try:
            with client:
                self._declare(client)
                while life.alive and life.age_s < seconds:
                    self._people.look_after(client, self._in_flight if in_flight < 0 else in_flight)
                    if in_flight == 0 and self._people.satisfied:
                        return
                    time.sleep(PAUSE_S)
        except UnreachableError:
            pass
        except PodiumError as error:
            raise AssertionError(f"a hub refused what it must not: {error}") from error

    def _declare(self, client: Client) -> None:
        if not self._declared:
            loaded = load([Path(__file__).parent / "team"])
            assert not loaded.problems, loaded.problems
            client.apply(loaded.resources)
            self._declared = True

    def _finish(self) -> None:
        """A last hub, which nobody kills."""
        life = Life(self._state, self._book)
        self._work(life, PATIENCE_S, in_flight=0)
        people, promises = self._people, self.promises
        left = len(promises.accepted) - len(promises.ended)
        try:
            assert people.satisfied, f"{left} runs did not end: {self._last_words()}"
        finally:
            life.stop()
            code = life.buried()
        assert code == 0, f"the last hub ended with {code}: {self._last_words()}"
        promises.close()

    def _last_words(self) -> str:
        words = [self._folder / "errors.txt", self._state / "hub.log"]
        return " ".join(path.read_text(errors="replace")[-2_000:] for path in words if path.exists())
