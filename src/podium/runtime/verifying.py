"""Verification of a state folder's log: what is stored goes through the checks of `podium.audit`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from podium.audit.notes import Key, Verify
from podium.audit.tampering import Finding
from podium.audit.tiles import Tile, edge_tiles
from podium.audit.verifying import FINDINGS_MAX, Mark, ShardCheck, StatementsCheck
from podium.facts.stored import BLOB
from podium.runtime.signing import origin_of
from podium.store.interface import Corrupted, Reader, Row, StoreError

BATCH = 4096


class ShardReport(NamedTuple):
    """A shard, checked: its epoch, how many records were, the last one's hash, and the root over them."""

    shard: int
    epoch: int
    records: int
    hash: bytes
    root: bytes


class Report(NamedTuple):
    """What a verification found: nothing wrong where `findings` is empty.

    Attributes:
        origin: the log's name.
        statements: how many were checked.
        signed: whether their signatures were.
    """

    origin: str
    shards: tuple[ShardReport, ...]
    statements: int
    signed: bool
    findings: tuple[Finding, ...]

    @property
    def sound(self) -> bool:
        return not self.findings


def verify_log(
    reader: Reader, key: Key | None, verify: Verify, against: Iterable[tuple[str, str]] = ()
) -> Report:
    """Check all that is stored as of now.

    Args:
        key: who has to have signed the checkpoints; None where signatures are not to be checked.
        against: checkpoints from elsewhere: name and signed note.
    """
    origin = origin_of(reader.identity())
    stated = StatementsCheck(origin, key, verify)
    while found := reader.statements(stated.size):
        stated.take(found)
    for name, note in against:
        stated.against(note, name)
    shards: list[ShardReport] = []
    findings = list(stated.findings)
    for shard in sorted({*reader.shards(), *stated.marks}):
        report, wrong = _verify_shard(reader, shard, stated.marks.get(shard, []))
        shards.append(report)
        findings += wrong
    return Report(origin, tuple(shards), stated.size, key is not None, tuple(findings))


def _verify_shard(reader: Reader, shard: int, marks: list[Mark]) -> tuple[ShardReport, list[Finding]]:
    head = reader.head(shard)
    check = ShardCheck(shard, marks)
    try:
        _feed(reader, check, head.seq)
        check.end(head.epoch)
        if not check.findings:
            _compare_edge(reader, check)
    except StoreError as error:
        after = f"shard {shard}: after record {check.size}"
        check.findings.append(Finding("unreadable", shard, check.size + 1, f"{after}: {error}"))
    report = ShardReport(shard, head.epoch, check.size, check.hash, check.tree.root())
    return report, check.findings


def _feed(reader: Reader, check: ShardCheck, last: int) -> None:
    shard = check.shard
    while check.size < last and not check.broken:
        rows = reader.scan(shard, check.size, min(BATCH, last - check.size))
        if not rows:
            return
        for tile in check.take(rows):
            check.compare(tile, reader.tile(shard, tile.level, tile.number))
        _check_blobs(reader, check, rows)


def _check_blobs(reader: Reader, check: ShardCheck, rows: list[Row]) -> None:
    for row in rows:
        if row.body[:1] == BLOB and len(check.findings) < FINDINGS_MAX:
            try:
                reader.blob(row.body[1:33])
            except KeyError:
                message = f"shard {check.shard}: the body of record {row.seq}, kept beside it, is missing"
                check.findings.append(Finding("blob", check.shard, row.seq, message))
            except Corrupted as error:
                message = f"shard {check.shard}: the body of record {row.seq}, kept beside it: {error}"
                check.findings.append(Finding("blob", check.shard, row.seq, message))


def _compare_edge(reader: Reader, check: ShardCheck) -> None:
    """The tiles that are not full yet, but for the lowest, which is not kept."""
    for level, number, width in edge_tiles(check.tree.size):
        if level:
            made = b"".join(check.tree.edge[level])
            kept = reader.tile(check.shard, level, number)[: width * 32]
            check.compare(Tile(level, number, made), kept)


def shown(report: Report) -> dict[str, object]:
    """A report as JSON; each shard with its first finding as `break`."""
    first: dict[int, Finding] = {}
    for finding in report.findings:
        first.setdefault(finding.shard, finding)
    return {
        "sound": report.sound,
        "origin": report.origin,
        "statements": report.statements,
        "signed": report.signed,
        "shards": [
            {
                **shard._asdict(), "hash": shard.hash.hex(), "root": shard.root.hex(),
                "break": _break(first.get(shard.shard)),
            }
            for shard in report.shards
        ],
        "findings": [finding._asdict() for finding in report.findings],
    }  # fmt: skip


def _break(finding: Finding | None) -> dict[str, object] | None:
    return None if finding is None else {"seq": finding.seq, "reason": finding.message}
