"""`policy replay`: what other policies would have said of what was done."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from podium.cli import hubs
from podium.cli.declaring import told
from podium.cli.exits import Exit, Stop
from podium.cli.options import Options
from podium.cli.output import moment, money, plural, say, short, show_json, show_line, show_table
from podium.cli.progress import name_of

if TYPE_CHECKING:
    from podium.kernel.catalog import Catalog
    from podium.policy.deciding import PolicySet
    from podium.runtime.rejudging import Rejudged

Given = Annotated[Options, Parameter(parse=False)]

_UNITS_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 7 * 86_400_000}

_CHANGES = {
    "deny": "denied", "approve": "asked", "defer": "put off", "allow": "let through",
}  # fmt: skip


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
    hubs.refuse_far("podium policy replay")
    from podium.bootstrap import RUNS_SHARD, reader_of
    from podium.kernel.catalog import Catalog
    from podium.runtime.keyring import Keyring
    from podium.runtime.rejudging import Rejudging
    from podium.runtime.sealing import Sealing
    from podium.runtime.system import SYSTEM_SHARD
    from podium.runtime.writer import read_records

    start = _moment(since)
    if hubs.is_new(options.state):
        hubs.refuse_new(options.state)
    reader = reader_of(options.state)
    try:
        catalog = Catalog()
        for record in read_records(reader, SYSTEM_SHARD, 0):
            catalog.fold(record)
        policies = _policies(paths, catalog, alone)
        rejudging = Rejudging(catalog, policies, start)
        sealing = Sealing(Keyring(options.state.absolute()))
        rejudging.hear(read_records(reader, RUNS_SHARD, 0, sealing=sealing))
    finally:
        reader.close()
    rows = sorted(rejudging.rows, key=lambda row: row.seq)
    _show(rows, policies.digest, every, limit, options)
    if rejudging.unknown and options.format is None:
        say(f"{plural(rejudging.unknown, 'action')} cannot be decided again: what they were about was erased")
    return Exit.OK


def _policies(paths: Sequence[Path], catalog: Catalog, alone: bool) -> PolicySet:
    """Those that are to decide. Raises Stop."""
    import msgspec

    from podium.facts.policy_version import PolicyVersion
    from podium.kernel.policies import in_force
    from podium.policy.compiling import compile_policy
    from podium.sdk.manifests import load

    loaded = load(paths)
    if loaded.problems:
        missing = not any(map(Path.exists, paths))
        raise Stop(Exit.NOT_FOUND if missing else Exit.USAGE, told(loaded.problems))
    declared = [
        (one.digest, msgspec.convert(one.spec, PolicyVersion))
        for one in loaded.documents
        if one.kind == "Policy"
    ]
    problems = [problem for digest, version in declared for problem in compile_policy(version, digest)[1]]
    if problems:
        raise Stop(Exit.USAGE, told(problems))
    if not declared:
        raise Stop(Exit.USAGE, "no policy is declared there", "a policy is a manifest with `kind: Policy`")
    names = {version.name for _, version in declared}
    if not alone:
        declared += [(digest, one) for digest, one in catalog.listed("Policy") if one.name not in names]
    made = in_force(declared)
    assert made is not None, "there is at least one"
    return made


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

    changed = [row for row in rows if row.was != row.now]
    listed = rows if every else changed
    if options.format == "json":
        show_json(
            {
                "policy": digest, "actions": len(rows), "changed": len(changed), "sums": _sums(rows),
                "rows": [msgspec.to_builtins(row) for row in listed[:limit]],
            }
        )  # fmt: skip
        return
    if options.format == "jsonl":
        for row in listed[:limit]:
            show_line(msgspec.to_builtins(row))
        return
    if listed:
        headings = ["at", "run", "task", "action", "was", "would be", "by", "cost"]
        show_table(headings, [_cells(row) for row in listed[:limit]])
    if len(listed) > limit:
        say(f"… and {len(listed) - limit} more; `--limit` shows them")
    for line in _summary(rows):
        say(line)


def _cells(row: Rejudged) -> list[str]:
    now = f"{row.now} (tier {row.tier})" if row.tier else row.now
    was = f"{row.was}, overridden" if row.overridden else row.was
    return [
        moment(row.at), short(row.run_id), name_of(row.task), row.target, was, now,
        ", ".join(row.rules), money(row.cost_nano),
    ]  # fmt: skip


def _sums(rows: Iterable[Rejudged]) -> dict[str, Any]:
    """Of each verdict: of how many actions it would be new, and what these cost."""
    sums: dict[str, Any] = {said: {"actions": 0, "cost_nano": 0} for said in _CHANGES.values()}
    for row in rows:
        if row.was != row.now:
            one = sums[_CHANGES[row.now]]
            one["actions"] += 1
            one["cost_nano"] += row.cost_nano
    return sums


def _summary(rows: list[Rejudged]) -> Iterable[str]:
    changed = sum(row.was != row.now for row in rows)
    if not changed:
        yield f"{plural(len(rows), 'action')}: of none anything else would have been said"
        return
    yield f"{plural(len(rows), 'action')}, of {changed} something else would have been said:"
    for said, one in _sums(rows).items():
        if one["actions"]:
            spent = "which cost" if said != "let through" else "which cost at worst"
            amount = f", {spent} {money(one['cost_nano'])}" if one["cost_nano"] else ""
            yield f"  {one['actions']} would have been {said}{amount}"
    yield "Nothing was changed."
