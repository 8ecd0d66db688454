-- The log, and what is derived from it in the same transaction.

CREATE TABLE shard (
    shard INTEGER PRIMARY KEY,
    epoch INTEGER NOT NULL
) STRICT;

-- A record's key is one integer, (shard << 40) | seq: appends then fill the last page of the tree to the
-- brim and split nothing, and a body of some KB stays beside its key. The hash stands
-- before what may be long: finding it then reads one page.
CREATE TABLE log (
    position INTEGER PRIMARY KEY,
    epoch INTEGER NOT NULL,
    run BLOB NOT NULL,
    type TEXT NOT NULL,
    version INTEGER NOT NULL,
    at INTEGER NOT NULL,
    hash BLOB NOT NULL,
    envelope BLOB NOT NULL,
    body BLOB NOT NULL,
    shard INTEGER GENERATED ALWAYS AS (position >> 40) VIRTUAL,
    seq INTEGER GENERATED ALWAYS AS (position & 1099511627775) VIRTUAL
) STRICT;

CREATE TABLE blob (
    digest BLOB PRIMARY KEY,
    bytes BLOB NOT NULL
) STRICT;

-- `crc` is the CRC-32 of state, run, seq and status: SQLite itself would not notice a flipped bit.
CREATE TABLE cold_run (
    shard INTEGER NOT NULL,
    run BLOB NOT NULL,
    seq INTEGER NOT NULL,
    status TEXT NOT NULL,
    state BLOB NOT NULL,
    crc INTEGER NOT NULL,
    PRIMARY KEY (shard, run)
) STRICT;

CREATE INDEX cold_run_by_status ON cold_run (shard, status, run);

CREATE TABLE waits (
    shard INTEGER NOT NULL,
    run BLOB NOT NULL,
    kind TEXT NOT NULL,
    key_hash BLOB NOT NULL,
    wake_at INTEGER NOT NULL,
    PRIMARY KEY (shard, run, kind, key_hash, wake_at)
) STRICT, WITHOUT ROWID;

CREATE INDEX waits_by_key ON waits (shard, kind, key_hash, run) WHERE kind <> 'timer';
CREATE INDEX waits_by_time ON waits (shard, wake_at, run) WHERE wake_at > 0;

-- `digest` is the SHA-256 of `state`.
CREATE TABLE snapshot (
    shard INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    state BLOB NOT NULL,
    digest BLOB NOT NULL,
    PRIMARY KEY (shard, seq)
) STRICT;

CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

-- What is derived from this log elsewhere can tell by its identity whether it belongs to this one.
INSERT INTO meta (name, value) VALUES ('identity', lower(hex(randomblob(16))));
