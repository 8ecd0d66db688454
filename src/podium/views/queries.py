"""Questions to the views, each answered by one or a few short reads of a page."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import apsw
import msgspec

from podium.views.answers import Approval, Effect, Escalation, Override, Overview, Resource, Run, Spend
from podium.views.opening import file_id, open_reader

T = TypeVar("T")
Row = tuple[Any, ...]

STATUSES = ("queued", "running", "waiting", "suspended", "completed", "faulted", "cancelled")
"""All that a run in the views can have."""

NEWEST = (1 << 63) - 1
"""As `before`: the first page."""

RUN_ROWS = (
    "SELECT run_id, workflow, version, digest, status, principal, key, started_at, ended_at, updated_at, "
    "effects_open, effects_done, cost_nano, error_title, labels, last_seq, parent, nested, run "
    "FROM runs JOIN definitions ON definitions.id = runs.definition"
)
_LABELLED = " AND EXISTS (SELECT 1 FROM labels WHERE name = ? AND value = ? AND labels.run = runs.run)"
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
        self._connection: apsw.Connection | None = None
        self._file: tuple[int, int] | None = None

    # --- questions -----------------------------------------------------------------------------------

    def run(self, run_id: str) -> Run | None:
        """One run; None if the views have none of that id."""
        rows = self._rows(f"{RUN_ROWS} WHERE run_id = ?", (run_id,))
        return run_of(rows[0]) if rows else None

    def list_runs(
        self, *, status: str = "", workflow: str = "", labels: Mapping[str, str] | None = None,
        parent: str = "", nested: bool = True, limit: int = 50, before: int = NEWEST,
    ) -> list[Run]:  # fmt: skip
        """Runs, newest first.

        Args:
            status: one of `STATUSES`; "" for all.
            workflow: `name` or `namespace/name`, with or without `@version`, or its digest; "" for all.
            labels: every run has all of these.
            parent: only those that tasks of this run started.
            nested: whether those that other runs wait for are among them.
            before: the `cursor` of the last run of the page before.
        """
        wanted = dict(labels or {})
        rows = self._ask(lambda of: _list_runs(of, status, workflow, wanted, parent, nested, limit, before))
        return [run_of(row) for row in rows]

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
            self._let_go()

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

    def _ask(self, question: Callable[[apsw.Connection], list[Row]]) -> list[Row]:
        """Rows from one moment of the file."""
        with self._lock:
            try:
                connection = self._opened()
                connection.execute("BEGIN")
                try:
                    return question(connection)
                finally:
                    connection.execute("COMMIT")
            except apsw.Error as error:
                self._let_go()
                raise ViewsUnavailable(
                    f"{self._path} cannot be read now: {error}. While a hub runs it builds its views anew by "
                    "itself: ask again soon; otherwise `podium views rebuild` does"
                ) from error

    def _opened(self) -> apsw.Connection:
        """The connection to what is there now; the file may have been dropped and made again."""
        present = file_id(self._path)
        if self._connection is None or present != self._file:
            self._let_go()
            self._connection = open_reader(self._path)
            self._file = present
        return self._connection

    def _let_go(self) -> None:
        if self._connection is not None:
            self._connection.close(True)
            self._connection = None


def _list_runs(
    connection: apsw.Connection, status: str, workflow: str, labels: dict[str, str], parent: str,
    nested: bool, limit: int, before: int,
) -> list[Row]:  # fmt: skip
    """A page; where several ranges of an index hold its runs, the heads of all are merged."""
    labelled = [part for label in labels.items() for part in label]
    tail = _LABELLED * len(labels) + " ORDER BY run DESC LIMIT ?"

    def page(condition: str, *bindings: Any) -> list[Row]:
        sql = f"{RUN_ROWS} WHERE run < ?{condition}{tail}"
        return connection.execute(sql, (before, *bindings, *labelled, limit)).fetchall()

    if parent:
        condition, bindings = " AND parent = ? AND parent != ''", [parent]
        if status:
            condition, bindings = f"{condition} AND status = ?", [*bindings, status]
        if workflow:
            known = ", ".join(map(str, _definitions(connection, workflow)))
            condition = f"{condition} AND definition IN ({known})"
        return page(condition, *bindings)
    if not workflow and not status and nested:
        return page("")
    kinds = (0, 1) if nested else (0,)
    statuses = [status] if status else STATUSES
    if not workflow:
        ranges = [page(" AND nested = ? AND status = ?", kind, one) for kind in kinds for one in statuses]
    else:
        ranges = [
            page(" AND definition = ? AND nested = ? AND status = ?", definition, kind, one)
            for definition in _definitions(connection, workflow)
            for kind in kinds
            for one in statuses
        ]
    return list(islice(heapq.merge(*ranges, key=lambda row: -row[-1]), limit))


def _definitions(connection: apsw.Connection, workflow: str) -> list[int]:
    name, at, version = workflow.partition("@")
    # There are as many as versions of workflows ever ran, so looking at each is cheap.
    sql = (
        "SELECT id FROM definitions WHERE (workflow = ?1 OR digest = ?1 OR "
        "substr(workflow, -length(?1) - 1) = '/' || ?1)" + (" AND version = ?2" if at else "")
    )
    rows: list[Row] = connection.execute(sql, (name, version) if at else (name,)).fetchall()
    return [row[0] for row in rows]


def run_of(row: Row) -> Run:
    return Run(*(*row[:14], _decode(row[14]), row[15], row[16], bool(row[17]), row[18]))
