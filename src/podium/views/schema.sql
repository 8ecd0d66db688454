-- The views. Whatever changes here changes `VERSION` in views/opening.py: the file is then built anew.
-- A position is one integer, (shard << 40) | seq of the record that made the row: later rows are larger.

CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What the tables reflect. `hash` is that of the record `seq`: it tells whether this is still the same log.
CREATE TABLE progress (
    shard INTEGER PRIMARY KEY,
    seq INTEGER NOT NULL,
    hash BLOB NOT NULL
) STRICT;

-- The workflow versions that runs are pinned to.
CREATE TABLE definitions (
    id INTEGER PRIMARY KEY,
    workflow TEXT NOT NULL,
    version TEXT NOT NULL,
    digest TEXT NOT NULL,
    UNIQUE (workflow, version, digest)
) STRICT;

CREATE TABLE runs (
    run INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL UNIQUE,
    definition INTEGER NOT NULL,
    status TEXT NOT NULL,
    principal TEXT NOT NULL,
    key TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    effects_open INTEGER NOT NULL,
    effects_done INTEGER NOT NULL,
    cost_nano INTEGER NOT NULL,
    error_title TEXT NOT NULL,
    labels TEXT NOT NULL,
    last_seq INTEGER NOT NULL,
    open TEXT NOT NULL,
    parent TEXT NOT NULL,
    nested INTEGER NOT NULL
) STRICT;

CREATE INDEX runs_by_status ON runs (nested, status, run);
CREATE INDEX runs_by_definition ON runs (definition, nested, status, run);
CREATE INDEX runs_by_parent ON runs (parent, run) WHERE parent != '';

CREATE TABLE labels (
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    run INTEGER NOT NULL,
    PRIMARY KEY (name, value, run)
) STRICT, WITHOUT ROWID;

-- Who performs effects, and why they do. Effects name their route by its id: most share a few.
CREATE TABLE routes (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    agent TEXT NOT NULL,
    capability TEXT NOT NULL,
    reason TEXT NOT NULL,
    verdict TEXT NOT NULL,
    UNIQUE (kind, agent, capability, reason, verdict)
) STRICT;

CREATE TABLE effects (
    run INTEGER NOT NULL,
    effect INTEGER NOT NULL,
    task TEXT NOT NULL,
    route INTEGER NOT NULL,
    status TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    requested_at INTEGER NOT NULL,
    settled_at INTEGER NOT NULL,
    cost_nano INTEGER NOT NULL,
    frame INTEGER NOT NULL,
    parent INTEGER NOT NULL,
    error_title TEXT NOT NULL,
    asker INTEGER NOT NULL,
    PRIMARY KEY (run, effect)
) STRICT, WITHOUT ROWID;

CREATE TABLE approvals (
    position INTEGER PRIMARY KEY,
    run INTEGER NOT NULL,
    effect INTEGER NOT NULL,
    task TEXT NOT NULL,
    title TEXT NOT NULL,
    since INTEGER NOT NULL,
    deadline_at INTEGER NOT NULL,
    UNIQUE (run, effect)
) STRICT;

CREATE TABLE escalations (
    position INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    run INTEGER NOT NULL,
    effect INTEGER NOT NULL,
    task TEXT NOT NULL,
    reason TEXT NOT NULL,
    since INTEGER NOT NULL,
    UNIQUE (run, effect)
) STRICT;

-- Most escalations are runs that faulted: those that wait for somebody are few among them.
CREATE INDEX escalations_by_run ON escalations (run) WHERE kind IN ('in_doubt', 'dead_letter');

-- Every time that somebody broke the glass. Nothing here is ever over.
CREATE TABLE overrides (
    position INTEGER PRIMARY KEY,
    run INTEGER NOT NULL,
    effect INTEGER NOT NULL,
    task TEXT NOT NULL,
    principal TEXT NOT NULL,
    reason TEXT NOT NULL,
    at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    granted INTEGER NOT NULL
) STRICT;

-- What people and the hub did to what goes on. `noted` is what a person was about to do over the network.
CREATE TABLE acts (
    position INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    people INTEGER NOT NULL,
    noted INTEGER NOT NULL,
    about TEXT NOT NULL,
    key TEXT NOT NULL,
    act TEXT NOT NULL,
    principal TEXT NOT NULL,
    via TEXT NOT NULL,
    target TEXT NOT NULL,
    why TEXT NOT NULL
) STRICT;

CREATE INDEX acts_by_time ON acts (people, at, position);
CREATE INDEX acts_by_key ON acts (key, at);

CREATE TABLE resources (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    digest TEXT NOT NULL,
    applied_at INTEGER NOT NULL,
    principal TEXT NOT NULL,
    revision INTEGER NOT NULL,
    current INTEGER NOT NULL,
    description TEXT NOT NULL,
    capabilities TEXT NOT NULL,
    deprecated TEXT NOT NULL,
    forced INTEGER NOT NULL,
    deleted_at INTEGER NOT NULL,
    PRIMARY KEY (kind, name, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE spend (
    day TEXT NOT NULL,
    agent TEXT NOT NULL,
    calls INTEGER NOT NULL,
    cost_nano INTEGER NOT NULL,
    PRIMARY KEY (day, agent)
) STRICT, WITHOUT ROWID;

-- Counts that are kept up, because counting rows takes longer the more there are.
CREATE TABLE totals (
    name TEXT PRIMARY KEY,
    count INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO totals (name, count) VALUES
    ('approvals', 0), ('escalations', 0), ('runs.queued', 0), ('runs.running', 0), ('runs.waiting', 0), ('runs.suspended', 0),
    ('runs.completed', 0), ('runs.faulted', 0), ('runs.cancelled', 0);
