"""What was done, decided again under other policies: which of them decide, and over how much of the log."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from podium.facts.catalog import Declared
from podium.facts.events import Record
from podium.facts.policy_version import PolicyVersion
from podium.facts.values import Problem, Refused
from podium.kernel.catalog import Catalog
from podium.kernel.policies import in_force
from podium.policy.compiling import compile_policy
from podium.policy.deciding import PolicySet
from podium.runtime.inquiry import Declined, Inquiry, decline
from podium.runtime.parameters import OfReplay
from podium.runtime.presenting import Shown
from podium.runtime.rejudging import Rejudged, Rejudging
from podium.runtime.system import SYSTEM_SHARD
from podium.runtime.writer import read_records
from podium.store.interface import Reader

RECORDS_MAX = 100_000
"""A running hub looks at no more of its newest records: it has other things to do."""

ROWS_MAX = 200
"""It tells of no more actions; all of them count."""

DRAFT = "draft.yaml"
"""What a text is called in problems."""

_BREATH = 200
_BREATH_S = 0.001

CHANGES = {"deny": "denied", "approve": "asked", "defer": "put off", "allow": "let through"}
"""By the verdict that would be, what would have become of an action."""


def catalog_of(reader: Reader) -> Catalog:
    """All that is declared, and ever was, as the log has it."""
    catalog = Catalog()
    for record in read_records(reader, SYSTEM_SHARD, 0):
        catalog.fold(record)
    return catalog


def policies_of(declared: Iterable[tuple[str, PolicyVersion]], catalog: Catalog, alone: bool) -> PolicySet:
    """Those that are to decide: others that are in force do, too, unless these are to be `alone`.

    Raises:
        Declined: none is declared, or one does not compile.
    """
    mine = list(declared)
    problems = [problem for digest, version in mine for problem in compile_policy(version, digest)[1]]
    if problems:
        raise Declined(Refused("usage", tuple(problems)))
    if not mine:
        message = "no policy is declared there; a policy is a manifest with `kind: Policy`"
        raise decline("usage", "no-policy", "", message)
    names = {version.name for _, version in mine}
    if not alone:
        mine += [(digest, one) for digest, one in catalog.listed("Policy") if one.name not in names]
    made = in_force(mine)
    assert made is not None, "there is at least one"
    return made


def replay(about: Inquiry, asked: OfReplay) -> Shown:
    """Decide what the newest records tell of again; nothing is changed. Raises Declined, StoreError.

    Of runs that began before `begins_at` nothing is told, and nothing counts towards budgets.
    """
    declared = [*_drafted(asked.text), *_given(asked.resources)]
    sight = about.sight
    with sight.readers.lend() as reader:
        catalog = catalog_of(reader)
        policies = policies_of(declared, catalog, asked.alone)
        after = max(reader.head(sight.shard).seq - RECORDS_MAX, 0)
        rejudging = Rejudging(catalog, policies, asked.since, after)
        records = read_records(reader, sight.shard, after, sealing=sight.sealing)
        first: list[int] = []
        rejudging.hear(_politely(records, first))
    rows = sorted(rejudging.rows, key=lambda row: row.seq)
    changed = [row for row in rows if row.was != row.now]
    return {
        "policy": policies.digest, "actions": len(rows), "changed": len(changed), "sums": sums(rows),
        "unknown": rejudging.unknown, "begins_at": first[0] if after and first else 0,
        "rows": [msgspec.to_builtins(row) for row in changed[-ROWS_MAX:]],
    }  # fmt: skip


def sums(rows: Iterable[Rejudged]) -> dict[str, Any]:
    """Of each verdict: of how many actions it would be new, and what these cost."""
    found: dict[str, Any] = {said: {"actions": 0, "cost_nano": 0} for said in CHANGES.values()}
    for row in rows:
        if row.was != row.now:
            one = found[CHANGES[row.now]]
            one["actions"] += 1
            one["cost_nano"] += row.cost_nano
    return found


def _politely(records: Iterable[Record], first: list[int]) -> Iterator[Record]:
    """Records, with pauses in which the hub's own threads get on; when the `first` was."""
    for number, record in enumerate(records):
        if not number:
            first.append(record.at)
        elif not number % _BREATH:
            time.sleep(_BREATH_S)
        yield record


def _drafted(text: str) -> list[tuple[str, PolicyVersion]]:
    """The policies that a text declares. Raises Declined."""
    if not text.strip():
        return []
    # What reads manifests takes its time to load, and few hubs ever come here.
    from podium.resources.manifest import read_text

    documents, troubles = read_text(text, DRAFT, "/")
    if troubles:
        problems = [Problem(one.rule, one.path, one.message, DRAFT, one.line, one.column) for one in troubles]
        raise Declined(Refused("usage", tuple(problems[:20])))
    return [
        (one.digest, msgspec.convert(one.spec, PolicyVersion)) for one in documents if one.kind == "Policy"
    ]


def _given(resources: Iterable[Declared]) -> list[tuple[str, PolicyVersion]]:
    try:
        return [
            (one.digest, msgspec.convert(one.spec, PolicyVersion))
            for one in resources
            if one.kind == "Policy"
        ]
    except (msgspec.ValidationError, RecursionError) as error:
        raise decline("usage", "form", "/resources", f"the spec is not as it must be: {error}") from None
