"""The people of the runs: they submit, answer, send, resolve, and write down what they are told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from podium.sdk.client import Client, ConflictError
from tests.crash.book import Promises, performed

SUBMITS_MAX = 200
"""So many runs at most are submitted in a row: the others' affairs must not wait."""

PONDERED = ("human", "event")
HASTE = 0.1
"""How likely somebody who is waited for does at once what is to be done."""

_WORKFLOWS = {
    "steps": 3,
    "naps": 6,
    "talk": 5,
    "fan": 3,
    "race": 1,
    "again": 2,
    "once": 3,
    "heavy": 1,
    "led": 3,
}
"""How many of each there are among those that run."""

_SEEN: dict[str, Callable[[int], list[str]]] = {
    "steps": lambda n: ["loop", "child", "apart", "tool"],
    "naps": lambda n: ["loop", "shaky", "rest"],
    "talk": lambda n: ["loop", "go", f"word{n}", "pay"],
    "fan": lambda n: ["loop", "child", "pay"],
    "race": lambda n: ["loop"],
    "again": lambda n: ["stubborn", str(n)],
    "once": lambda n: ["pay", "charge"],
    "heavy": lambda n: ["bulk", "20000", "loop", "loop", "loop"],
    "led": lambda n: ["ink", "stamp", "ink", "scribe", "second", "stamp", "lead"],
}


def workflow_of(n: int) -> str:
    """The workflow of the nth run."""
    return Random(n).choices(list(_WORKFLOWS), list(_WORKFLOWS.values()))[0]


def right_output(n: int) -> dict[str, Any]:
    """What the nth run gives, however often its hub dies."""
    return {"n": n, "seen": _SEEN[workflow_of(n)](n)}


class People:
    """All of them in one.

    Attributes:
        submitted: how many runs they have asked for.
        unfinished: how many of these have not ended, as they were last told.
        resolved: how many effects in doubt they have looked into.
    """

    def __init__(self, promises: Promises, book: Path) -> None:
        self._promises, self._book = promises, book
        self._random = Random(0)
        self.submitted = self.unfinished = self.resolved = 0
        self._unaccepted: set[int] = set()

    def look_after(self, client: Client, in_flight: int) -> None:
        """Do whatever is to be done now. Raises UnreachableError where the hub dies meanwhile.

        Args:
            in_flight: new runs are submitted until so many are unfinished; 0 for no new ones.
        """
        listed = client.get("runs", status="unfinished", limit=10_000)
        for run in listed:
            for awaited in run["waiting_for"]:
                self._attend(client, str(run["id"]), str(run["key"]), str(awaited["kind"]))
        self._note_ended(client, {str(run["id"]) for run in listed})
        self.unfinished = len(listed)
        self._submit(client, in_flight)

    def _submit(self, client: Client, in_flight: int) -> None:
        wanted = range(self.submitted, self.submitted + max(in_flight - self.unfinished, 0))
        for n in [*sorted(self._unaccepted), *wanted][:SUBMITS_MAX]:
            self.submitted = max(self.submitted, n + 1)
            # Should the hub die now, nobody knows whether it accepted; the same key asks again.
            self._unaccepted.add(n)
            told = client.submit(f"crash/{workflow_of(n)}", {"n": n, "seen": []}, key=f"run{n}")
            self._promises.note_accepted(told.run_id, f"run{n}")
            self._unaccepted.discard(n)

    @property
    def satisfied(self) -> bool:
        """Whether all that they asked for was accepted, and ended."""
        return not self._unaccepted and len(self._promises.ended) == len(self._promises.accepted)

    def _attend(self, client: Client, run_id: str, key: str, kind: str) -> None:
        n = int(key.removeprefix("run"))
        if kind in PONDERED and self._random.random() > HASTE:
            return
        try:
            if kind == "human":
                client.answer(run_id, decision="go")
            elif kind == "event":
                event = {"specversion": "1.0", "id": f"{key}/word", "source": "crash", "type": "crash.word"}
                client.send({**event, "subject": str(n), "data": {"word": f"word{n}"}}, run_id)
            elif kind == "in_doubt":
                self._look_into(client, run_id)
        except ConflictError:
            pass  # It went on since the list was made.

    def _look_into(self, client: Client, run_id: str) -> None:
        """What became of an attempt is in the agents' book; whoever made it died with its hub."""
        done = {line.key: line.output for line in performed(self._book) if line.run == run_id}
        for awaited in client.get_run(run_id).waiting_for:
            if awaited["kind"] == "in_doubt":
                effect = int(awaited["effect"])
                key = f"{run_id}/{effect}"
                if key in done:
                    client.resolve(run_id, "succeeded", effect=effect, output=done[key])
                else:
                    client.resolve(run_id, "retry", effect=effect)
                self.resolved += 1

    def _note_ended(self, client: Client, unfinished: set[str]) -> None:
        for run_id in self._promises.accepted:
            if run_id not in unfinished and run_id not in self._promises.ended:
                run = client.get_run(run_id)
                if run.ended:
                    self._promises.note_ended(run_id, run.status, run.output)
