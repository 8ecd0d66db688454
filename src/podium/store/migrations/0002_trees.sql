-- The Merkle trees over the log, in tiles of 256 hashes: `level` 0 holds hashes of records, each above the
-- roots of full tiles below it. Of level 0 only full tiles are kept; the rest are hashes of the last records.
-- Shard -1 is the tree over the statements.
CREATE TABLE tile (
    shard INTEGER NOT NULL,
    level INTEGER NOT NULL,
    number INTEGER NOT NULL,
    hashes BLOB NOT NULL,
    PRIMARY KEY (shard, level, number)
) STRICT;

-- What was stated of all shards at once, and the signed checkpoint that says so.
CREATE TABLE statement (
    number INTEGER PRIMARY KEY,
    text TEXT NOT NULL,
    note TEXT NOT NULL
) STRICT;
