-- Kept outside ordinary backups: destroying a key here makes a subject's sealed rows unreadable in every copy.

CREATE TABLE vault (
    id BLOB NOT NULL PRIMARY KEY
) STRICT;

CREATE TABLE keys (
    subject BLOB NOT NULL PRIMARY KEY,
    key     BLOB NOT NULL
) STRICT;

CREATE TABLE erased (
    subject BLOB NOT NULL PRIMARY KEY,
    at      INTEGER NOT NULL
) STRICT;
