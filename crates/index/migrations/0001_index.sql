-- What the contracts' events say, and nothing else: dropped and rebuilt from genesis, every table but "outbox" is the
-- same byte for byte. Ids, hashes and addresses are BLOBs; times are Unix seconds; numbers of kinds, statuses and
-- decisions are the contracts'.

CREATE TABLE chain (
    one       INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    genesis   BLOB NOT NULL,
    registry  BLOB NOT NULL,
    directory BLOB NOT NULL,
    consent   BLOB NOT NULL,
    records   BLOB NOT NULL,
    number    INTEGER NOT NULL,
    hash      BLOB NOT NULL,
    time      INTEGER NOT NULL,
    threshold INTEGER NOT NULL
) STRICT;

CREATE TABLE subjects (
    subject          BLOB NOT NULL PRIMARY KEY,
    kind             INTEGER NOT NULL,
    status           INTEGER NOT NULL,
    reason           INTEGER NOT NULL,
    root             BLOB NOT NULL UNIQUE,
    organisation     BLOB NOT NULL,
    key_version      INTEGER NOT NULL,
    key_generation   INTEGER NOT NULL,
    key_bundle_hash  BLOB NOT NULL,
    profile_hash     BLOB NOT NULL,
    home_hash        BLOB NOT NULL,
    credential_hash  BLOB NOT NULL,
    registered_block INTEGER NOT NULL,
    registered_at    INTEGER NOT NULL,
    status_block     INTEGER NOT NULL,
    status_at        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX subjects_listing ON subjects (kind, status, subject);

CREATE TABLE devices (
    device        BLOB NOT NULL PRIMARY KEY,
    subject       BLOB NOT NULL,
    added_block   INTEGER NOT NULL,
    added_at      INTEGER NOT NULL,
    removed_block INTEGER,
    removed_at    INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX devices_subject ON devices (subject);

CREATE TABLE votes (
    block         INTEGER NOT NULL,
    log_index     INTEGER NOT NULL,
    subject       BLOB NOT NULL,
    administrator BLOB NOT NULL,
    decision      INTEGER NOT NULL,
    reason        INTEGER NOT NULL,
    votes         INTEGER NOT NULL,
    at            INTEGER NOT NULL,
    PRIMARY KEY (block, log_index)
) STRICT, WITHOUT ROWID;
CREATE INDEX votes_subject ON votes (subject, block, log_index);

CREATE TABLE requests (
    request      BLOB NOT NULL PRIMARY KEY,
    subject      BLOB NOT NULL,
    requester    BLOB NOT NULL,
    purpose      INTEGER NOT NULL,
    expiry       INTEGER NOT NULL,
    sealed_hash  BLOB NOT NULL,
    status       INTEGER NOT NULL,
    grant_id     BLOB,
    block        INTEGER NOT NULL,
    log_index    INTEGER NOT NULL,
    at           INTEGER NOT NULL,
    closed_block INTEGER,
    closed_at    INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX requests_subject ON requests (subject, block, log_index);
CREATE INDEX requests_requester ON requests (requester, block, log_index);

CREATE TABLE grants (
    grant_id    BLOB NOT NULL PRIMARY KEY,
    subject     BLOB NOT NULL,
    grantee     BLOB NOT NULL,
    read_lanes  INTEGER NOT NULL,
    write_lanes INTEGER NOT NULL,
    purpose     INTEGER NOT NULL,
    granted_at  INTEGER NOT NULL,
    not_after   INTEGER NOT NULL,
    ended       INTEGER NOT NULL,
    revoked     INTEGER NOT NULL,
    ended_at    INTEGER,
    block       INTEGER NOT NULL,
    log_index   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX grants_subject ON grants (subject, block, log_index);
CREATE INDEX grants_grantee ON grants (grantee, block, log_index);
CREATE INDEX grants_pair ON grants (subject, grantee) WHERE ended = 0;

-- fresh_until is a u64 with its bits kept: -1 is "no end".
CREATE TABLE freshness (
    subject     BLOB NOT NULL PRIMARY KEY,
    epochs      BLOB NOT NULL,
    fresh_until INTEGER NOT NULL,
    moved_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE anchors (
    subject    BLOB NOT NULL,
    lane       INTEGER NOT NULL,
    sequence   INTEGER NOT NULL,
    record     BLOB NOT NULL,
    version    INTEGER NOT NULL,
    author     BLOB NOT NULL,
    epoch      INTEGER NOT NULL,
    inbox_only INTEGER NOT NULL,
    commitment BLOB NOT NULL,
    amends     BLOB NOT NULL,
    block      INTEGER NOT NULL,
    log_index  INTEGER NOT NULL,
    at         INTEGER NOT NULL,
    PRIMARY KEY (subject, lane, sequence)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX anchors_version ON anchors (record, version);

CREATE TABLE tips (
    record     BLOB NOT NULL PRIMARY KEY,
    subject    BLOB NOT NULL,
    author     BLOB NOT NULL,
    lane       INTEGER NOT NULL,
    version    INTEGER NOT NULL,
    commitment BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE lanes (
    subject BLOB NOT NULL,
    lane    INTEGER NOT NULL,
    count   INTEGER NOT NULL,
    rolling BLOB NOT NULL,
    PRIMARY KEY (subject, lane)
) STRICT, WITHOUT ROWID;

CREATE TABLE pointers (
    name     BLOB NOT NULL PRIMARY KEY,
    target   BLOB NOT NULL,
    version  INTEGER NOT NULL,
    proposed BLOB,
    eta      INTEGER
) STRICT, WITHOUT ROWID;

-- Changes that the caller has not acknowledged yet; not part of the projection.
CREATE TABLE outbox (
    block     INTEGER NOT NULL,
    log_index INTEGER NOT NULL,
    body      TEXT NOT NULL,
    PRIMARY KEY (block, log_index)
) STRICT, WITHOUT ROWID;
