CREATE TABLE IF NOT EXISTS {p}idempotency_records (
    id                BLOB    NOT NULL PRIMARY KEY, -- SHA-256 over scope and key
    principal         TEXT,                         -- whose keys they are; NULL where all share them
    operation         TEXT    NOT NULL,             -- what they are for
    key               TEXT    NOT NULL,             -- as the client sent it
    fingerprint       BLOB    NOT NULL,             -- of what was asked for
    state             TEXT    NOT NULL
        CHECK (state IN ('in flight', 'completed', 'released', 'indeterminate')),
    fence             INTEGER NOT NULL,             -- the number of the latest claim
    owner             BLOB    NOT NULL,             -- who made it
    lease_until       INTEGER NOT NULL,             -- moments are microseconds since 1970
    created_at        INTEGER NOT NULL,
    result_expires_at INTEGER NOT NULL,
    expires_at        INTEGER NOT NULL,
    step              TEXT,                         -- the last point that was said to be reached
    status            INTEGER,                      -- NULL as long as there is no result
    headers           BLOB,
    body              BLOB,
    body_omitted      INTEGER NOT NULL DEFAULT 0,   -- 1 where the body was too large to be kept
    attempts          INTEGER NOT NULL,             -- how often it was claimed
    taken_over        INTEGER NOT NULL              -- 1 where the latest claim took over
) STRICT;

-- What may be deleted, oldest first.
CREATE INDEX IF NOT EXISTS {p}idempotency_reapable
    ON {p}idempotency_records (expires_at) WHERE state IN ('completed', 'released');

-- What somebody is at, and what waits for somebody to find out, oldest first.
CREATE INDEX IF NOT EXISTS {p}idempotency_open
    ON {p}idempotency_records (created_at) WHERE state IN ('in flight', 'indeterminate');

CREATE TABLE IF NOT EXISTS {p}idempotency_schema (version INTEGER NOT NULL PRIMARY KEY) STRICT;
INSERT OR IGNORE INTO {p}idempotency_schema (version) VALUES (1);
