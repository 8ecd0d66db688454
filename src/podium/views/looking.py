"""Questions of people who look at everything at once: counts, what flows between agents, and what is where.

Each takes as long as a page of a list, however many runs there are.
"""

from __future__ import annotations

import time
from typing import Any

import apsw

from podium.views.answers import Act, Flow, Glance, Label, Minute, Run
from podium.views.auditing import acts_of
from podium.views.finding import NEWEST, STATUSES, Row, Wanted, find
from podium.views.queries import Views, run_of

MINUTES = 60
"""So many minutes back the throughput is told."""

RUNS_COUNTED_MAX = 20_000
"""No more runs are looked at for the throughput; the minutes before the last of them stay untold."""

RUNS_FLOWING_MAX = 300
"""What flows is told of so many of the newest runs, and of as many of the unfinished ones."""

NAMES_MAX = 64
VALUES_MAX = 5
WORDS_MAX = 8

_FLOW = f"""
WITH chosen(run) AS (
    SELECT run FROM (SELECT run FROM runs ORDER BY run DESC LIMIT {RUNS_FLOWING_MAX})
    UNION SELECT run FROM (
        SELECT run FROM runs WHERE nested IN (0, 1) AND status IN ('running', 'waiting')
        ORDER BY run DESC LIMIT {RUNS_FLOWING_MAX}
    )
)
SELECT definitions.workflow, coalesce(askers.kind, ''), coalesce(askers.agent, ''), routes.kind, routes.agent,
    effects.status, count(*), sum(effects.cost_nano), max(effects.requested_at)
FROM chosen JOIN effects USING (run) JOIN routes ON routes.id = effects.route
JOIN runs USING (run) JOIN definitions ON definitions.id = runs.definition
LEFT JOIN effects AS asking ON asking.run = effects.run AND asking.effect = effects.asker
LEFT JOIN routes AS askers ON askers.id = asking.route
GROUP BY 1, 2, 3, 4, 5, 6
"""
_ENDED = "SELECT ended_at, status FROM runs WHERE ended_at > ? AND run > ?"
_SINCE_RUN = "SELECT run, started_at FROM runs WHERE run >= ? ORDER BY run LIMIT 1"
_STATUSES: dict[str, tuple[str, ...]] = {
    "": (), "waiting": (), "running": ("running", "waiting"),
    "unfinished": ("queued", "running", "waiting", "suspended"),
}  # fmt: skip
"""Statuses that the views have by more names than one, or by none."""

_DEFINITIONS = "SELECT id FROM definitions WHERE workflow || '@' || version LIKE ? ESCAPE '\\'"
_SPEND_TODAY = "SELECT coalesce(sum(cost_nano), 0), coalesce(sum(calls), 0) FROM spend WHERE day = ?"


class Looks(Views):
    """The views, for whoever looks at all of them. Every method may be called from any thread."""

    def glance(self, now: int) -> Glance:
        """Counts, what was spent today, and how many runs ended in each of the last minutes.

        Args:
            now: ms since 1970.
        """

        def look(connection: apsw.Connection) -> list[Row]:
            totals: Any = connection.execute("SELECT name, count FROM totals").fetchall()
            today = time.strftime("%Y-%m-%d", time.gmtime(now / 1000))
            spent = connection.execute(_SPEND_TODAY, (today,)).fetchall()[0]
            oldest = f"SELECT run FROM runs ORDER BY run DESC LIMIT 1 OFFSET {RUNS_COUNTED_MAX}"
            bound: int | None = connection.execute(oldest).get
            since = now - MINUTES * 60_000
            ended = connection.execute(_ENDED, (since, bound or 0)).fetchall()
            return [(dict(totals), spent, ended)]

        counts, spent, ended = self._ask(look)[0]
        minutes = [[0, 0] for _ in range(MINUTES)]
        for ended_at, status in ended:
            place = min(max(MINUTES - 1 - (now - ended_at) // 60_000, 0), MINUTES - 1)
            minutes[place][status == "faulted"] += 1
        return Glance(
            {status: counts[f"runs.{status}"] for status in STATUSES}, counts["approvals"],
            counts["escalations"], spent[0], spent[1], [Minute(*one) for one in minutes],
        )  # fmt: skip

    def flow(self) -> list[Flow]:
        """Who asked whom, how often and with what outcome, in the newest and the unfinished runs."""
        return self._all(Flow, _FLOW, ())

    def acts(
        self, *, people: bool, principal: str = "", about: str = "", since: int = 0, until: int = 0,
        limit: int = 100, before: str = "",
    ) -> list[Act]:  # fmt: skip
        """What people did, or what the hub did by itself, newest first.

        Args:
            principal, about: as in `Act`; "" for any.
            since, until: of the time, ms since 1970; 0 for any.
            before: the `cursor` of the last act of the page before.
        Raises:
            ValueError: `before` is no cursor.
        """
        return acts_of(self._ask, people, principal, about, (since, until), limit, before)

    def labels(self, words: list[str]) -> list[Label]:
        """Labels that words mean: the beginning of a value each, those first whose name is a word, too."""

        def look(connection: apsw.Connection) -> list[Row]:
            return [label for word in words[:WORDS_MAX] for label in _labels_like(connection, word)]

        lower = {word.lower() for word in words}
        found = [Label(*row) for row in dict.fromkeys(self._ask(look))]
        return sorted(found, key=lambda one: (one.name.lower() not in lower, one.value.lower() not in lower))

    def search(
        self, *, words: list[str], labels: list[tuple[str, str]], status: str = "", workflow: str = "",
        since: int = 0, until: int = 0, limit: int = 50, before: int = NEWEST,
    ) -> tuple[list[Run], int]:  # fmt: skip
        """Runs, newest first, nested ones too, and where the next page begins: 0 where none follows.

        Where many had to be looked at a page is short, or empty, and another follows it all the same.

        Args:
            words: each is the beginning of a label's value or of the run's id, or a part of its key, of who
                started it, of its workflow or of why it failed. The name of a label says nothing by itself.
            workflow: a part of `namespace/name@version`.
            since, until: of the time at which they started, ms since 1970; 0 for any.
            before: what the page before said.
        """

        def look(connection: apsw.Connection) -> tuple[list[Row], int]:
            names = {name.lower() for name in _names(connection)} if words else set()
            said = [word for word in words[:WORDS_MAX] if word.lower() not in names]
            low = _position(connection, since) if since else 0
            high = min(before, _position(connection, until) if until else NEWEST)
            definitions = None
            if workflow:
                found: Any = connection.execute(_DEFINITIONS, (f"%{_escaped(workflow)}%",)).fetchall()
                definitions = [id for (id,) in found]
            wanted = Wanted(
                statuses=_STATUSES.get(status, (status,)), definitions=definitions, labels=labels,
                for_people=status == "waiting", low=low, high=high,
                conditions=[_like(connection, word) for word in said],
            )  # fmt: skip
            page = find(connection, wanted, limit)
            if page.rows or not page.next:
                return page
            # Not among the newest; where words are values of labels, however old ones are soon found.
            by_label = find(connection, _by_labels(connection, said, wanted), limit)
            return by_label if by_label.rows else page

        rows, following = self._ask(look)
        return [run_of(row) for row in rows], following


def _by_labels(connection: apsw.Connection, said: list[str], wanted: Wanted) -> Wanted:
    """The same, but words that are values of labels mean those alone."""
    labels, conditions = list(wanted.labels), []
    for word, condition in zip(said, wanted.conditions, strict=True):
        meant = [one for one in _labels_like(connection, word) if one[1].lower() == word.lower()]
        if meant:
            labels.append(meant[0])
        else:
            conditions.append(condition)
    return wanted._replace(labels=labels, conditions=conditions)


def _names(connection: apsw.Connection) -> list[str]:
    """The names of all labels, found by leaps: there are few names, and many labels."""
    names: list[str] = []
    after = ""
    while len(names) < NAMES_MAX:
        found: str | None = connection.execute("SELECT min(name) FROM labels WHERE name > ?", (after,)).get
        if found is None:
            break
        names.append(found)
        after = found
    return names


def _labels_like(connection: apsw.Connection, word: str) -> list[tuple[str, str]]:
    name, equals, value = word.partition("=")
    if equals:
        return _values(connection, name, value)
    return [one for name in _names(connection) for one in _values(connection, name, word)]


def _values(connection: apsw.Connection, name: str, beginning: str) -> list[tuple[str, str]]:
    """Values of a label that begin so, as it is written or in the usual other ways."""
    found: dict[tuple[str, str], None] = {}
    for start in dict.fromkeys((beginning, beginning.lower(), beginning.capitalize(), beginning.upper())):
        value: str | None = start
        compare = ">="
        for _ in range(VALUES_MAX):
            sql = f"SELECT min(value) FROM labels WHERE name = ? AND value {compare} ?"
            value = connection.execute(sql, (name, value)).get
            if value is None or not value.startswith(start):
                break
            found[name, value] = None
            compare = ">"
    return list(found)


def _like(connection: apsw.Connection, word: str) -> tuple[str, list[Any]]:
    """The condition that a run has to do with a word."""
    sql, bindings = "", list[Any]()
    for name, value in _labels_like(connection, word):
        sql += " OR EXISTS (SELECT 1 FROM labels WHERE name = ? AND value = ? AND labels.run = runs.run)"
        bindings += [name, value]
    like = f"%{_escaped(word)}%"
    for column in ("key", "principal", "workflow", "error_title"):
        sql += f" OR {column} LIKE ? ESCAPE '\\'"
        bindings.append(like)
    return f"(run_id LIKE ? ESCAPE '\\'{sql})", [f"{_escaped(word)}%", *bindings]


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _position(connection: apsw.Connection, at: int) -> int:
    """Where the first run stands that began at a time or later: later runs stand behind earlier ones."""
    # Each by itself is found at an end of the table; both in one question take all of it.
    least, most = "SELECT coalesce(min(run), 0) FROM runs", "SELECT coalesce(max(run), -1) FROM runs"
    ends: Any = connection.execute(f"SELECT ({least}), ({most})").fetchall()
    low: int = ends[0][0]
    high: int = ends[0][1] + 1
    while low < high:
        middle = (low + high) // 2
        rows: Any = connection.execute(_SINCE_RUN, (middle,)).fetchall()
        if rows and rows[0][1] < at:
            low = rows[0][0] + 1
        else:
            high = middle
    return low
