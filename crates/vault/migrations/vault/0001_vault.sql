-- Ids, hashes and addresses are BLOBs; times are Unix seconds; columns named sealed_* are encrypted under the
-- subject's erase key.

CREATE TABLE settings (
    key   TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT;

-- Last number given out, by series and subject: mail, notifications.
CREATE TABLE counters (
    series  TEXT NOT NULL,
    subject BLOB NOT NULL,
    value   INTEGER NOT NULL,
    PRIMARY KEY (series, subject)
) STRICT, WITHOUT ROWID;

-- Record versions: staged until the chain holds their commitment, then published.
CREATE TABLE records (
    record            BLOB NOT NULL,
    version           INTEGER NOT NULL,
    commitment        BLOB NOT NULL,
    subject           BLOB NOT NULL,
    author            BLOB NOT NULL,
    uid               BLOB NOT NULL,
    lane              INTEGER NOT NULL,
    cid               TEXT NOT NULL,
    size_bytes        INTEGER NOT NULL,
    slot_epoch        INTEGER NOT NULL,
    sealed_slot       BLOB,
    inbox_key_version INTEGER NOT NULL,
    sealed_inbox      BLOB,
    deadline          INTEGER NOT NULL,
    staged_at         INTEGER NOT NULL,
    published         INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (record, version, commitment)
) STRICT;
CREATE UNIQUE INDEX records_published ON records (record, version) WHERE published = 1;
CREATE INDEX records_staged ON records (deadline) WHERE published = 0;
CREATE INDEX records_cid ON records (cid);
CREATE INDEX records_subject ON records (subject);

CREATE TABLE uploads (
    cid         TEXT NOT NULL,
    subject     BLOB NOT NULL,
    size_bytes  INTEGER NOT NULL,
    uploaded_at INTEGER NOT NULL,
    doomed      INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (cid, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX uploads_subject ON uploads (subject, size_bytes);
CREATE INDEX uploads_time ON uploads (uploaded_at);

CREATE TABLE wraps (
    grant_id    BLOB NOT NULL,
    epochs      BLOB NOT NULL,
    subject     BLOB NOT NULL,
    grantee     BLOB NOT NULL,
    sealed_body BLOB NOT NULL,
    put_at      INTEGER NOT NULL,
    put_number  INTEGER NOT NULL,
    PRIMARY KEY (grant_id, epochs)
) STRICT;
CREATE INDEX wraps_subject ON wraps (subject);

CREATE TABLE back_links (
    subject     BLOB NOT NULL,
    lane        INTEGER NOT NULL,
    epoch       INTEGER NOT NULL,
    sealed_link BLOB NOT NULL,
    PRIMARY KEY (subject, lane, epoch)
) STRICT, WITHOUT ROWID;

CREATE TABLE keysets (
    subject       BLOB NOT NULL PRIMARY KEY,
    sealed_keyset BLOB NOT NULL,
    put_at        INTEGER NOT NULL
) STRICT;

CREATE TABLE mail (
    recipient   BLOB NOT NULL,
    id          INTEGER NOT NULL,
    sender      BLOB NOT NULL,
    topic       BLOB NOT NULL,
    key_version INTEGER NOT NULL,
    digest      BLOB NOT NULL,
    sealed_mail BLOB NOT NULL,
    at          INTEGER NOT NULL,
    PRIMARY KEY (recipient, id)
) STRICT;
CREATE UNIQUE INDEX mail_once ON mail (recipient, sender, topic, digest);

-- Public documents: key bundles and profiles. A staged one has an expiry, a live one has none.
CREATE TABLE documents (
    owner   BLOB NOT NULL,
    kind    INTEGER NOT NULL,
    hash    BLOB NOT NULL,
    body    BLOB NOT NULL,
    expires INTEGER,
    PRIMARY KEY (owner, kind, hash)
) STRICT;
CREATE INDEX documents_staged ON documents (expires) WHERE expires IS NOT NULL;

CREATE TABLE applications (
    subject         BLOB NOT NULL PRIMARY KEY,
    credential_hash BLOB NOT NULL,
    sealed_body     BLOB NOT NULL,
    put_at          INTEGER NOT NULL
) STRICT;

-- Nonces of releases, remembered until they expire.
CREATE TABLE nonces (
    nonce   BLOB NOT NULL PRIMARY KEY,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX nonces_expiry ON nonces (expires);

CREATE TABLE receipts (
    subject   BLOB NOT NULL,
    number    INTEGER NOT NULL,
    statement TEXT NOT NULL,
    digest    BLOB NOT NULL,
    records   BLOB NOT NULL,
    device    BLOB NOT NULL,
    signature BLOB NOT NULL,
    at        INTEGER NOT NULL,
    hash      BLOB NOT NULL,
    PRIMARY KEY (subject, number)
) STRICT;

CREATE TABLE notifications (
    recipient BLOB NOT NULL,
    id        INTEGER NOT NULL,
    event     TEXT NOT NULL,
    notice    TEXT NOT NULL,
    subject   BLOB NOT NULL,
    actor     BLOB,
    about     BLOB NOT NULL,
    block     INTEGER NOT NULL,
    at        INTEGER NOT NULL,
    read_at   INTEGER,
    PRIMARY KEY (recipient, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX notifications_once ON notifications (recipient, event);
CREATE INDEX notifications_read ON notifications (read_at) WHERE read_at IS NOT NULL;

CREATE TABLE sessions (
    token_hash BLOB NOT NULL PRIMARY KEY,
    subject    BLOB NOT NULL,
    address    BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    expires    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_subject ON sessions (subject, created_at);
CREATE INDEX sessions_expiry ON sessions (expires);

CREATE TABLE sign_in_nonces (
    nonce   TEXT NOT NULL PRIMARY KEY,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sign_in_nonces_expiry ON sign_in_nonces (expires);

-- One-time codes: invitations and the claim of the node (kind 5, issuer NULL).
CREATE TABLE codes (
    code_hash BLOB NOT NULL PRIMARY KEY,
    purpose   TEXT NOT NULL,
    kind      INTEGER NOT NULL,
    issuer    BLOB,
    expires   INTEGER NOT NULL,
    voucher   BLOB
) STRICT, WITHOUT ROWID;
CREATE INDEX codes_expiry ON codes (expires);

CREATE TABLE vouchers (
    nonce        BLOB NOT NULL PRIMARY KEY,
    kind         INTEGER NOT NULL,
    root         BLOB NOT NULL,
    organisation BLOB NOT NULL,
    signature    BLOB NOT NULL,
    expires      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX vouchers_root ON vouchers (root);
CREATE INDEX vouchers_expiry ON vouchers (expires);
