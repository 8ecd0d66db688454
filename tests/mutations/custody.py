"""Bugs of what proves the log, and of what is about somebody."""

from __future__ import annotations

from tests.mutations.mutation import one

CUSTODY = (
    one(
        "tree-misses-records",
        "of records that are committed together, only the first comes into the tree",
        "runtime/writer.py",
        "self.tree.grown(leaves)",
        "self.tree.grown(leaves[:1])",
        "I3",
    ),
    one(
        "tile-in-another-place",
        "a tile of the tree takes the place of another",
        "audit/tiles.py",
        'tiles.append(Tile(level, number, b"".join(full)))',
        'tiles.append(Tile(level, 0 if level == 0 else number + 1, b"".join(full)))',
        "I3",
        tests=("tests/audit/test_merkle.py",),
    ),
    one(
        "erased-goes-on",
        "a run about somebody who is erased is not cancelled",
        "kernel/erasing.py",
        "if not run.ended:",
        "if run.ended:",
        "I4",
        "I13",
    ),
    one(
        "erased-in-the-cold",
        "runs about somebody who is erased are not looked for in the cold",
        "runtime/shard.py",
        "if type(told) is i.EraseSubject:",
        "if type(told) is i.Tick and False:",
        "I4",
        "I13",
    ),
)
