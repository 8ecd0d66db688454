"""Questions to the views, each answered by one or a few short reads of a page."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import apsw
import msgspec

from podium.views.answers import Approval, Effect, Escalation, Override, Overview, Resource, Run, Spend
from podium.views.finding import NEWEST, RUN_ROWS, STATUSES, Row, Wanted, definitions_of, find
from podium.views.opening import file_id, open_reader

T = TypeVar("T")
R = TypeVar("R")

File = tuple[int, int] | None
"""What tells the file from another that had its name."""

IDLE_MAX = 4
"""So many connections are kept for the next who ask."""

_EFFECTS = (
    "SELECT effect, task, kind, agent, capability, status, attempt, requested_at, settled_at, cost_nano, "
    "reason, verdict, error_title, asker FROM effects JOIN routes ON routes.id = effects.route "
    "WHERE run = (SELECT run FROM runs WHERE run_id = ?) AND effect > ? ORDER BY effect LIMIT ?"
)
_APPROVALS = (
    "SELECT run_id, workflow, effect, task, title, since, deadline_at, position "
    "FROM approvals JOIN runs USING (run) JOIN definitions ON definitions.id = runs.definition "
    "WHERE position > ? ORDER BY position LIMIT ?"
)
_OVERRIDES = (
    "SELECT run_id, workflow, effect, task, overrides.principal, reason, at, expires_at, granted, position "
    "FROM overrides JOIN runs USING (run) JOIN definitions ON definitions.id = runs.definition "
    "WHERE position < ? ORDER BY position DESC LIMIT ?"
)
_ESCALATIONS = (
    "SELECT escalations.kind, run_id, workflow, effect, task, reason, since, position "
    "FROM escalations JOIN runs USING (run) JOIN definitions ON definitions.id = runs.definition "
    "WHERE position < ? ORDER BY position DESC LIMIT ?"
)
_RESOURCES = (
    "SELECT kind, name, version, digest, applied_at, principal, revision, current, description, "
    "capabilities, deprecated, forced, deleted_at FROM resources "
    "WHERE kind = ? AND (name, version) > (?, ?) AND current >= ? ORDER BY name, version LIMIT ?"
)
_SPEND = "SELECT day, agent, calls, cost_nano FROM spend WHERE day >= ? ORDER BY day DESC, agent"

_decode = msgspec.json.decode


class ViewsUnavailable(Exception):
    """The views cannot be read now: they are being built, or were damaged. The message says what to do."""


class Views:
    """Reads the views. Every method may be called from any thread; answers reflect one moment.

    Args:
        path: the views' file; it need not be there yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._idle: list[tuple[apsw.Connection, File]] = []
        self._closed = False

    # --- questions -----------------------------------------------------------------------------------

    def run(self, run_id: str) -> Run | None:
        """One run; None if the views have none of that id."""
        rows = self._rows(f"{RUN_ROWS} WHERE run_id = ?", (run_id,))
        return run_of(rows[0]) if rows else None

    def list_runs(
        self, *, status: str = "", workflow: str = "", labels: Mapping[str, str] | None = None,
        parent: str = "", nested: bool = True, limit: int = 50, before: int = NEWEST,
    ) -> list[Run]:  # fmt: skip
        """Runs, newest first; as many as `limit` says, if there are so many.

        Args:
            status: one of `STATUSES`; "" for all.
            before: the `cursor` of the last run of the page before; the rest as of `page`.
        """
        found: list[Run] = []
        while before and len(found) < limit:
            more, before = self.page(
                statuses=[status] if status else (), workflow=workflow, labels=labels, parent=parent,
                nested=nested, limit=limit - len(found), before=before,
            )  # fmt: skip
            found += more
        return found

    def page(
        self, *, statuses: Sequence[str] = (), workflow: str = "", labels: Mapping[str, str] | None = None,
        parent: str = "", nested: bool = True, for_people: bool = False, limit: int = 50,
        before: int = NEWEST,
    ) -> tuple[list[Run], int]:  # fmt: skip
        """Runs, newest first, and where the next page begins: 0 where none follows.

        Where many had to be looked at a page is short, or empty, and another follows it all the same.

        Args:
            statuses: of `STATUSES`; none for all.
            workflow: `name` or `namespace/name`, with or without `@version`, or its digest; "" for all.
            labels: every run has all of these.
            parent: only those that tasks of this run started.
            nested: whether those that other runs wait for are among them.
            for_people: only those that wait for people.
            before: what the page before said.
        """

        def look(of: apsw.Connection) -> tuple[list[Row], int]:
            definitions = definitions_of(of, workflow) if workflow else None
            wanted = Wanted(
                statuses, definitions, tuple((labels or {}).items()), parent, nested, for_people, 0, before
            )
            return find(of, wanted, limit)

        rows, following = self._ask(look)
        return [run_of(row) for row in rows], following

    def list_effects(self, run_id: str, *, limit: int = 1_000, after: int = 0) -> list[Effect]:
        """Effects of a run, in the order in which they were requested; `after` is the last one's number."""
        return self._all(Effect, _EFFECTS, (run_id, after, limit))

    def approvals(self, *, limit: int = 100, after: int = 0) -> list[Approval]:
        """What waits for people, longest first; `after` is the last one's `cursor`."""
        return self._all(Approval, _APPROVALS, (after, limit))

    def overrides(self, *, limit: int = 100, before: int = NEWEST) -> list[Override]:
        """Every time that somebody broke the glass, newest first; `before` is the last one's `cursor`."""
        return self._all(Override, _OVERRIDES, (before, limit))

    def escalations(self, *, limit: int = 100, before: int = NEWEST) -> list[Escalation]:
        """What waits for operators, newest first; `before` is the last one's `cursor`."""
        return self._all(Escalation, _ESCALATIONS, (before, limit))

    def agents(self, *, every_version: bool = False, limit: int = 1_000, after: str = "") -> list[Resource]:
        """Agents by name, the current version of each or all; `after` is the last one's `name@version`."""
        return self._resources("Agent", every_version, limit, after)

    def tools(self, *, every_version: bool = False, limit: int = 1_000, after: str = "") -> list[Resource]:
        """Tools likewise."""
        return self._resources("Tool", every_version, limit, after)

    def workflows(
        self, *, every_version: bool = False, limit: int = 1_000, after: str = ""
    ) -> list[Resource]:
        """Workflows likewise."""
        return self._resources("Workflow", every_version, limit, after)

    def spend(self, days: int = 30, today: date | None = None) -> list[Spend]:
        """Calls and cost by day and agent of so many days up to today (UTC), newest day first."""
        since = (today or datetime.now(UTC).date()) - timedelta(days - 1)
        return self._all(Spend, _SPEND, (since.isoformat(),))

    def overview(self) -> Overview:
        """Counts for the first glance."""
        counts: dict[str, int] = dict(self._rows("SELECT name, count FROM totals"))
        runs = {status: counts[f"runs.{status}"] for status in STATUSES}
        return Overview(runs, counts["approvals"], counts["escalations"])

    def progress(self) -> dict[int, int]:
        """Shard to seq of the last record that the views reflect."""
        return dict(self._rows("SELECT shard, seq FROM progress"))

    def close(self) -> None:
        with self._lock:
            self._closed = True
            while self._idle:
                self._idle.pop()[0].close(True)

    # --- reading -------------------------------------------------------------------------------------

    def _resources(self, kind: str, every_version: bool, limit: int, after: str) -> list[Resource]:
        name, _, version = after.rpartition("@") if after else ("", "", "")
        rows = self._rows(_RESOURCES, (kind, name, version, 0 if every_version else 1, limit))
        return [
            Resource(*(*row[:7], bool(row[7]), row[8], _decode(row[9]), row[10], bool(row[11]), row[12]))
            for row in rows
        ]

    def _all(self, kind: Callable[..., T], sql: str, bindings: Row) -> list[T]:
        return [kind(*row) for row in self._rows(sql, bindings)]

    def _rows(self, sql: str, bindings: Row = ()) -> list[Row]:
        return self._ask(lambda of: of.execute(sql, bindings).fetchall())

    def _ask(self, question: Callable[[apsw.Connection], R]) -> R:
        """What a question finds in one moment of the file."""
        try:
            connection, file = self._lent()
        except apsw.Error as error:
            raise self._unavailable(error) from error
        try:
            connection.execute("BEGIN")
            try:
                answer = question(connection)
            finally:
                connection.execute("COMMIT")
        except apsw.Error as error:
            connection.close(True)
            raise self._unavailable(error) from error
        except BaseException:
            connection.close(True)
            raise
        self._give_back(connection, file)
        return answer

    def _unavailable(self, error: apsw.Error) -> ViewsUnavailable:
        return ViewsUnavailable(
            f"{self._path} cannot be read now: {error}. While a hub runs it builds its views anew by itself: "
            "ask again soon; otherwise `podium views rebuild` does"
        )

    def _lent(self) -> tuple[apsw.Connection, File]:
        """A connection to what is there now; the file may have been dropped and made again."""
        present = file_id(self._path)
        with self._lock:
            while self._idle:
                connection, file = self._idle.pop()
                if file == present:
                    return connection, file
                connection.close(True)
        return open_reader(self._path), present

    def _give_back(self, connection: apsw.Connection, file: File) -> None:
        with self._lock:
            if not self._closed and len(self._idle) < IDLE_MAX:
                self._idle.append((connection, file))
                return
        connection.close(True)


def run_of(row: Row) -> Run:
    return Run(*(*row[:14], _decode(row[14]), row[15], row[16], bool(row[17]), row[18]))
