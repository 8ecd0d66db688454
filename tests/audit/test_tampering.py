"""Whatever is done to a log that lies still is found and named: in itself, or against an older checkpoint."""

from __future__ import annotations

import pytest

from podium.bootstrap import RUNS_SHARD
from podium.runtime.system import SYSTEM_SHARD
from podium.store.interface import Row
from tests.audit.folders import Folder, kinds, relinked, renumbered
from tests.runtime.serving import House

SEQ = 60


def changed(row: Row) -> Row:
    return row._replace(envelope=row.envelope.replace(b'"effect":1', b'"effect":7') + b" ")


def test_a_log_that_nobody_touched_is_sound(folder: Folder) -> None:
    report = folder.verify(folder.notes)
    assert report.sound, report.findings
    assert report.statements == 2
    assert [shard.shard for shard in report.shards] == [SYSTEM_SHARD, RUNS_SHARD]
    assert all(shard.records > 2 for shard in report.shards)


def test_a_log_that_went_on_is_sound_against_what_was_known_of_it(folder: Folder) -> None:
    house = House(folder.state.parent)
    house.call("execute", workflow="echo", input={})
    house.close()
    assert folder.verify(folder.notes).sound


@pytest.mark.parametrize(
    "column, value",
    [
        ("envelope", b'{"n":1}'), ("body", b"{}"), ("at", 5), ("epoch", 7), ("run", b"r" * 16),
        ("type", "RunFaulted"), ("version", 2),
    ],
)  # fmt: skip
def test_flip(folder: Folder, column: str, value: object) -> None:
    position = (RUNS_SHARD << 40) + SEQ
    folder.change(f"UPDATE log SET {column} = ? WHERE position = ?", value, position)
    found = folder.verify().findings[0]
    assert (found.kind, found.shard, found.seq) == ("changed", RUNS_SHARD, SEQ)


def test_flip_of_a_hash(folder: Folder) -> None:
    folder.change("UPDATE log SET hash = ? WHERE position = ?", b"h" * 32, (RUNS_SHARD << 40) + SEQ)
    found = folder.verify().findings[0]
    assert (found.kind, found.seq) == ("changed", SEQ)
    assert "another hash than its content" in found.message


def test_flip_with_its_hash_made_to_fit(folder: Folder) -> None:
    rows = folder.rows()
    rows[SEQ - 1] = relinked([*rows[: SEQ - 1], changed(rows[SEQ - 1])])[-1]
    folder.rewrite(rows)
    found = folder.verify().findings[0]
    assert (found.kind, found.seq) == ("changed", SEQ + 1)
    assert f"or record {SEQ} was" in found.message


def test_two_flips_are_both_found(folder: Folder) -> None:
    for seq in (SEQ, SEQ + 100):
        folder.change("UPDATE log SET at = 5 WHERE position = ?", (RUNS_SHARD << 40) + seq)
    assert [found.seq for found in folder.verify().findings[:2]] == [SEQ, SEQ + 100]


def test_flip_of_the_last_record(folder: Folder) -> None:
    last = len(folder.rows())
    folder.change("UPDATE log SET at = 5 WHERE position = ?", (RUNS_SHARD << 40) + last)
    assert [(found.kind, found.seq) for found in folder.verify().findings] == [("changed", last)]


def test_flip_in_a_body_beside_its_record(folder: Folder) -> None:
    folder.change("UPDATE blob SET bytes = zeroblob(length(bytes))")
    assert set(kinds(folder.verify())) == {"blob"}


def test_a_body_beside_its_record_is_deleted(folder: Folder) -> None:
    folder.change("DELETE FROM blob")
    found = folder.verify().findings[0]
    assert found.kind == "blob" and "missing" in found.message


def test_delete(folder: Folder) -> None:
    folder.change("DELETE FROM log WHERE position = ?", (RUNS_SHARD << 40) + SEQ)
    found = folder.verify().findings[0]
    assert (found.kind, found.seq) == ("missing", SEQ)


@pytest.mark.parametrize("count", [1, 3])
def test_delete_and_number_anew(folder: Folder, count: int) -> None:
    rows = folder.rows()
    del rows[SEQ - 1 : SEQ - 1 + count]
    folder.rewrite(renumbered(rows))
    found = folder.verify().findings[0]
    assert (found.kind, found.seq) == ("missing", SEQ)
    assert "numbered anew" in found.message


@pytest.mark.parametrize("count", [1, 3])
def test_insert(folder: Folder, count: int) -> None:
    rows = folder.rows()
    rows[SEQ - 1 : SEQ - 1] = [changed(row) for row in rows[:count]]
    folder.rewrite(renumbered(rows))
    found = folder.verify().findings[0]
    assert (found.kind, found.seq) == ("inserted", SEQ)


@pytest.mark.parametrize("by", [1, 2, 9])
def test_reorder(folder: Folder, by: int) -> None:
    rows = folder.rows()
    rows[SEQ - 1], rows[SEQ - 1 + by] = rows[SEQ - 1 + by], rows[SEQ - 1]
    folder.rewrite(renumbered(rows))
    found = folder.verify().findings[0]
    assert (found.kind, found.seq) == ("reordered", SEQ)


def test_truncate(folder: Folder) -> None:
    last = len(folder.rows())
    folder.change("DELETE FROM log WHERE position > ?", (RUNS_SHARD << 40) + last - 4)
    report = folder.verify()
    assert kinds(report) == ["truncated"]
    assert f"records {last - 3} to {last} are cut off; statement 2 knew them" in report.findings[0].message


def test_truncate_with_what_was_stated(folder: Folder) -> None:
    folder.change("DELETE FROM log WHERE position > ?", (RUNS_SHARD << 40) + len(folder.rows()) - 4)
    folder.change("DELETE FROM statement WHERE number = 2")
    assert folder.verify(folder.notes[:1]).sound, "the older checkpoint knows nothing of it"
    found = folder.verify(folder.notes).findings
    assert [one.kind for one in found] == ["truncated", "truncated"]
    assert "checkpoint 2 counts 2 statements, the log has 1" in found[0].message


def test_drop_a_shard(folder: Folder) -> None:
    folder.change("DELETE FROM log WHERE position >> 40 = ?", RUNS_SHARD)
    folder.change("DELETE FROM shard WHERE shard = ?", RUNS_SHARD)
    folder.change("DELETE FROM tile WHERE shard = ?", RUNS_SHARD)
    assert [(found.kind, found.shard) for found in folder.verify().findings] == [("dropped", RUNS_SHARD)]
    folder.forget_statements()
    found = folder.verify(folder.notes[:1]).findings
    assert ("dropped", RUNS_SHARD) in [(one.kind, one.shard) for one in found]


@pytest.mark.parametrize("shard", [SYSTEM_SHARD, RUNS_SHARD])
def test_fork(folder: Folder, shard: int) -> None:
    """A record is changed, and everything behind it is linked anew."""

    def change(rows: list[Row]) -> None:
        rows[1] = changed(rows[1])

    folder.forge(change, shard)
    found = folder.verify().findings
    assert {one.shard for one in found} == {shard}
    if shard == RUNS_SHARD:
        assert [(one.kind, one.seq) for one in found] == [("forked", 1)]


def test_a_fork_is_named_by_record_where_the_tree_is_kept(folder: Folder) -> None:
    folder.change("DELETE FROM statement")

    def change(rows: list[Row]) -> None:
        rows[SEQ - 1] = changed(rows[SEQ - 1])

    folder.forge(change)
    found = folder.verify().findings[0]
    assert (found.kind, found.seq) == ("changed", SEQ)
    assert "the tree was made" in found.message


def test_a_fork_after_a_statement_is_placed_behind_it(folder: Folder) -> None:
    last = len(folder.rows())

    def change(rows: list[Row]) -> None:
        rows[last - 2] = changed(rows[last - 2])

    folder.forge(change)
    found = folder.verify().findings[0]
    assert found.kind == "forked"
    assert 300 < found.seq < last


def test_a_fork_with_all_that_belongs_to_it(folder: Folder) -> None:
    """Whoever writes all anew, and signs it with the log's own key, is found by an older checkpoint."""

    def change(rows: list[Row]) -> None:
        rows[SEQ - 1] = changed(rows[SEQ - 1])

    folder.forge(change)
    folder.forget_trees()
    folder.forget_statements()
    restate(folder, 2)
    assert folder.verify().sound, "nothing in the folder tells"
    report = folder.verify(folder.notes[:1])
    assert set(kinds(report)) == {"forked"}
    assert {found.shard for found in report.findings} == {-1, RUNS_SHARD, SYSTEM_SHARD} - {SYSTEM_SHARD}


def test_an_older_copy_that_went_another_way(folder: Folder) -> None:
    """A copy from before the last checkpoint goes on by itself: a fork without any forgery."""
    rows = folder.rows()
    folder.change("DELETE FROM log WHERE position > ?", (RUNS_SHARD << 40) + len(rows) - 40)
    folder.change("DELETE FROM statement WHERE number = 2")
    folder.change("DELETE FROM cold_run")
    folder.change("DELETE FROM snapshot")
    restate(folder, 3)
    report = folder.verify(folder.notes)
    assert "forked" in kinds(report)


def test_re_sign(folder: Folder) -> None:
    """All is as it was, but for the key that vouches for it."""
    folder.forget_key()
    folder.forget_statements()
    restate(folder, 2)
    assert folder.verify(own_key=True).sound, "nothing in the folder tells"
    by_checkpoint = folder.verify(folder.notes[1:], own_key=True)
    assert "resigned" in kinds(by_checkpoint)
    by_key = folder.verify()
    assert set(kinds(by_key)) == {"resigned"}


def test_a_signature_that_does_not_hold(folder: Folder) -> None:
    folder.change(
        "UPDATE statement SET note = replace(note, 'at ', 'at 1'), text = replace(text, 'at ', 'at 1')"
    )
    found = folder.verify().findings
    assert "the signature of statement 1 does not hold" in [one.message for one in found]


def test_a_writer_that_was_none(folder: Folder) -> None:
    def change(rows: list[Row]) -> None:
        rows.append(rows[-1]._replace(epoch=9))

    folder.forge(change)
    assert [one.kind for one in folder.verify().findings] == ["epoch", "epoch"]


def test_a_damaged_tree_is_named_and_made_again(folder: Folder) -> None:
    folder.change("UPDATE tile SET hashes = substr(hashes, 33) WHERE shard = 1 AND level = 1")
    assert kinds(folder.verify()) == ["tree"]
    House(folder.state.parent).close()
    assert folder.verify(folder.notes).sound


def restate(folder: Folder, number: int) -> None:
    """Let the log's own hub state what it finds, until there are so many statements."""
    house = House(folder.state.parent)
    while house.call("checkpoint")["number"] < number:
        house.call("execute", workflow="echo", input={})
    house.close()
