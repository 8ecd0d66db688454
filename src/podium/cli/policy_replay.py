"""`policy replay`: what other policies would have said of what was done."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from podium.cli import far, hubs
from podium.cli.declaring import told
from podium.cli.exits import Exit, Stop
from podium.cli.options import Options
from podium.cli.output import moment, money, plural, say, short, show_json, show_line, show_table
from podium.cli.progress import name_of

if TYPE_CHECKING:
    from podium.facts.catalog import Declared
    from podium.runtime.rejudging import Rejudged

Given = Annotated[Options, Parameter(parse=False)]

_UNITS_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 7 * 86_400_000}


def replay(
    *paths: Path, since: str = "7d", alone: bool = False, every: bool = False, limit: int = 50, options: Given
) -> int:  # fmt: skip
    """Decide what was done again under other policies; nothing is changed.

    Parameters
    ----------
    paths
        Manifests of policies, or folders of them. They stand in the place of those in force that have the
        same names; the others stay.
    since
        How far back: `7d`, `12h`, `30m`, or a date, `2026-11-01`. What is older only counts for budgets.
    alone
        Only these policies decide, and none that is in force.
    every
        List actions of which they say the same as was said, too.
    limit
        So many lines at most; all of them count.
    """
    start = _moment(since)
    loaded = _loaded(paths)
    if far.chosen is not None:
        return _far(loaded, start, alone, every, limit, options)
    import msgspec

    from podium.bootstrap import RUNS_SHARD, reader_of
    from podium.facts.policy_version import PolicyVersion
    from podium.runtime.inquiry import Declined
    from podium.runtime.keyring import Keyring
    from podium.runtime.rejudging import Rejudging
    from podium.runtime.replaying import catalog_of, policies_of
    from podium.runtime.sealing import Sealing
    from podium.runtime.writer import read_records

    if hubs.is_new(options.state):
        hubs.refuse_new(options.state)
    declared = [(one.digest, msgspec.convert(one.spec, PolicyVersion)) for one in loaded]
    reader = reader_of(options.state)
    try:
        catalog = catalog_of(reader)
        policies = policies_of(declared, catalog, alone)
        rejudging = Rejudging(catalog, policies, start)
        sealing = Sealing(Keyring(options.state.absolute()))
        rejudging.hear(read_records(reader, RUNS_SHARD, 0, sealing=sealing))
    except Declined as declined:
        raise Stop(Exit.USAGE, told(declined.refused.problems)) from None
    finally:
        reader.close()
    rows = sorted(rejudging.rows, key=lambda row: row.seq)
    _show(rows, policies.digest, every, limit, options)
    _say_unknown(rejudging.unknown, options)
    return Exit.OK


def _far(loaded: list[Declared], since: int, alone: bool, every: bool, limit: int, options: Options) -> int:
    """The same by a hub elsewhere, over its newest records."""
    if every:
        hubs.refuse_far("podium policy replay --every")
    import msgspec

    with hubs.asked(options.state) as client:
        found: Any = client.replay(loaded, since=since, alone=alone)
    from podium.runtime.rejudging import Rejudged

    rows = [msgspec.convert(row, Rejudged) for row in found["rows"]]
    if options.format == "json":
        show_json({**found, "rows": found["rows"][:limit]})
        return Exit.OK
    if options.format == "jsonl":
        _lines(rows, limit)
        return Exit.OK
    _table(rows, limit)
    for line in _summary(found["actions"], found["changed"], found["sums"]):
        say(line)
    if found["begins_at"]:
        say(f"the hub looked at its newest records, from {moment(found['begins_at'])}")
    _say_unknown(found["unknown"], options)
    return Exit.OK


def _say_unknown(unknown: int, options: Options) -> None:
    if unknown and options.format is None:
        say(f"{plural(unknown, 'action')} cannot be decided again: what they were about was erased")


def _loaded(paths: Sequence[Path]) -> list[Declared]:
    """The policies that are to decide. Raises Stop."""
    from podium.sdk.manifests import load

    loaded = load(paths)
    if loaded.problems:
        missing = not any(map(Path.exists, paths))
        raise Stop(Exit.NOT_FOUND if missing else Exit.USAGE, told(loaded.problems))
    found = [one for one in loaded.resources if one.kind == "Policy"]
    if not found:
        raise Stop(Exit.USAGE, "no policy is declared there", "a policy is a manifest with `kind: Policy`")
    return found


def _moment(since: str) -> int:
    """A moment, ms since 1970. Raises Stop."""
    found = re.fullmatch(r"([0-9]{1,6})([smhdw])", since.strip())
    if found is not None:
        return time.time_ns() // 1_000_000 - int(found[1]) * _UNITS_MS[found[2]]
    try:
        return int(datetime.fromisoformat(since).timestamp() * 1_000)
    except (ValueError, OverflowError):
        raise Stop(Exit.USAGE, f"{since!r} is no moment", "give `7d`, `12h`, `30m` or `2026-11-01`") from None


# --- what is shown --------------------------------------------------------------------------------------


def _show(rows: list[Rejudged], digest: str, every: bool, limit: int, options: Options) -> None:
    import msgspec

    from podium.runtime.replaying import sums

    changed = [row for row in rows if row.was != row.now]
    listed = rows if every else changed
    if options.format == "json":
        show_json(
            {
                "policy": digest, "actions": len(rows), "changed": len(changed), "sums": sums(rows),
                "rows": [msgspec.to_builtins(row) for row in listed[:limit]],
            }
        )  # fmt: skip
        return
    if options.format == "jsonl":
        _lines(listed, limit)
        return
    _table(listed, limit)
    for line in _summary(len(rows), len(changed), sums(rows)):
        say(line)


def _lines(rows: Sequence[Rejudged], limit: int) -> None:
    import msgspec

    for row in rows[:limit]:
        show_line(msgspec.to_builtins(row))


def _table(rows: Sequence[Rejudged], limit: int) -> None:
    if rows:
        headings = ["at", "run", "task", "action", "was", "would be", "by", "cost"]
        show_table(headings, [_cells(row) for row in rows[:limit]])
    if len(rows) > limit:
        say(f"… and {len(rows) - limit} more; `--limit` shows them")


def _cells(row: Rejudged) -> list[str]:
    now = f"{row.now} (tier {row.tier})" if row.tier else row.now
    was = f"{row.was}, overridden" if row.overridden else row.was
    return [
        moment(row.at), short(row.run_id), name_of(row.task), row.target, was, now,
        ", ".join(row.rules), money(row.cost_nano),
    ]  # fmt: skip


def _summary(actions: int, changed: int, sums: Mapping[str, Any]) -> Iterator[str]:
    if not changed:
        yield f"{plural(actions, 'action')}: of none anything else would have been said"
        return
    yield f"{plural(actions, 'action')}, of {changed} something else would have been said:"
    for said, one in sums.items():
        if one["actions"]:
            spent = "which cost" if said != "let through" else "which cost at worst"
            amount = f", {spent} {money(one['cost_nano'])}" if one["cost_nano"] else ""
            yield f"  {one['actions']} would have been {said}{amount}"
    yield "Nothing was changed."
