//! Connections and conversions: one writer, a few readers, and the types that SQL has not.
//!
//! The SQL elsewhere keeps to what SQLite and PostgreSQL share; what is SQLite's own is here and in the migrations.

use std::path::Path;
use std::time::Duration;

use alloy_primitives::{Address, B256};
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Row, SqlitePool};

use crate::IndexError;

/// The database in use.
pub(crate) type Db = sqlx::Sqlite;
/// A transaction of the writer.
pub(crate) type Tx = sqlx::Transaction<'static, Db>;

/// Connections that read at the same time.
const READERS: u32 = 4;
/// How long a statement waits for a lock of another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a caller waits for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);
/// Pages that each connection keeps in memory, as SQLite is told it: negative is KiB. 32 MiB holds the index pages of
/// some 100,000 rows; the default of 2 MiB reads a chart of 5,000 records from the file again and again.
const CACHE_KIB: &str = "-32768";
/// Rows that SQLite's thread may be ahead of whoever reads them.
const ROW_BUFFER: usize = 2_048;
/// Names in one statement that looks up many.
pub(crate) const CHUNK_NAMES: usize = 2_048;
/// Rows in one multi-row statement: below SQLite's 32,766 parameters for every table here.
pub(crate) const CHUNK_ROWS: usize = 256;

/// A database file with its connections.
#[derive(Debug)]
pub(crate) struct Sql {
    writer: SqlitePool,
    readers: SqlitePool,
}

impl Sql {
    /// Opens or makes the database and brings its schema up to date.
    pub(crate) async fn open(path: &Path, migrator: &Migrator) -> Result<Sql, IndexError> {
        let name = path.display().to_string();
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|source| IndexError::Folder {
                path: name.clone(),
                source,
            })?;
        }
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // The index is derived: what a power cut takes from the log is read from the chain again.
            .synchronous(SqliteSynchronous::Normal)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT)
            .pragma("cache_size", CACHE_KIB)
            .row_buffer_size(ROW_BUFFER)
            .disable_statement_logging();
        let open = |source| IndexError::Open {
            path: name.clone(),
            source,
        };
        let pool = |count| {
            SqlitePoolOptions::new()
                .max_connections(count)
                .min_connections(1)
                .acquire_timeout(ACQUIRE_TIMEOUT)
                .idle_timeout(None)
                .max_lifetime(None)
        };
        let writer = pool(1).connect_with(options.clone()).await.map_err(open)?;
        restrict(path)?;
        migrator.run(&writer).await.map_err(|source| {
            let path = name.clone();
            if let MigrateError::VersionMissing(found) = source {
                return IndexError::Newer { path, found };
            }
            IndexError::Migrate { path, source }
        })?;
        let readers = pool(READERS)
            .connect_with(options.pragma("query_only", "ON"))
            .await
            .map_err(open)?;
        Ok(Sql { writer, readers })
    }

    /// Connections for queries that change nothing.
    pub(crate) fn read(&self) -> &SqlitePool {
        &self.readers
    }

    /// The one connection that writes.
    pub(crate) fn write(&self) -> &SqlitePool {
        &self.writer
    }

    /// Begins a transaction of the writer; dropped without a commit, it is undone.
    pub(crate) async fn begin(&self, doing: &'static str) -> Result<Tx, IndexError> {
        self.writer.begin().await.map_err(IndexError::sql(doing))
    }

    /// Waits for running statements and closes all connections.
    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// Only the owner of the process reads the file.
#[cfg(unix)]
fn restrict(path: &Path) -> Result<(), IndexError> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(|source| {
        IndexError::Folder {
            path: path.display().to_string(),
            source,
        }
    })
}

#[cfg(not(unix))]
fn restrict(_path: &Path) -> Result<(), IndexError> {
    Ok(())
}

/// A number as SQL keeps it.
pub(crate) fn int(what: &'static str, value: u64) -> Result<i64, IndexError> {
    i64::try_from(value).map_err(|_| IndexError::TooLarge {
        what,
        limit: i64::MAX as u64,
    })
}

/// Refuses a value over its bound.
pub(crate) fn bounded(what: &'static str, size: usize, limit: usize) -> Result<(), IndexError> {
    if size > limit {
        return Err(IndexError::TooLarge {
            what,
            limit: limit as u64,
        });
    }
    Ok(())
}

/// Reads columns of a row by position, naming what is malformed.
pub(crate) struct Columns<'r>(pub(crate) &'r SqliteRow);

impl Columns<'_> {
    fn fault(what: &'static str) -> impl FnOnce(sqlx::Error) -> IndexError {
        move |_| IndexError::Malformed { what }
    }

    /// 32 bytes.
    pub(crate) fn id<T: From<[u8; 32]>>(
        &self,
        at: usize,
        what: &'static str,
    ) -> Result<T, IndexError> {
        let bytes: &[u8] = self.0.try_get(at).map_err(Self::fault(what))?;
        let bytes: [u8; 32] = bytes
            .try_into()
            .map_err(|_| IndexError::Malformed { what })?;
        Ok(T::from(bytes))
    }

    /// 32 bytes or none.
    pub(crate) fn maybe_id<T: From<[u8; 32]>>(
        &self,
        at: usize,
        what: &'static str,
    ) -> Result<Option<T>, IndexError> {
        let bytes: Option<&[u8]> = self.0.try_get(at).map_err(Self::fault(what))?;
        let Some(bytes) = bytes else { return Ok(None) };
        let bytes: [u8; 32] = bytes
            .try_into()
            .map_err(|_| IndexError::Malformed { what })?;
        Ok(Some(T::from(bytes)))
    }

    /// A hash.
    pub(crate) fn hash(&self, at: usize, what: &'static str) -> Result<B256, IndexError> {
        self.id::<[u8; 32]>(at, what).map(B256::from)
    }

    /// An address.
    pub(crate) fn address(&self, at: usize, what: &'static str) -> Result<Address, IndexError> {
        let bytes: &[u8] = self.0.try_get(at).map_err(Self::fault(what))?;
        Address::try_from(bytes).map_err(|_| IndexError::Malformed { what })
    }

    /// A number of the width asked for.
    pub(crate) fn number<T: TryFrom<i64>>(
        &self,
        at: usize,
        what: &'static str,
    ) -> Result<T, IndexError> {
        let value: i64 = self.0.try_get(at).map_err(Self::fault(what))?;
        T::try_from(value).map_err(|_| IndexError::Malformed { what })
    }

    /// A number or none.
    pub(crate) fn maybe_number(
        &self,
        at: usize,
        what: &'static str,
    ) -> Result<Option<i64>, IndexError> {
        self.0.try_get(at).map_err(Self::fault(what))
    }

    /// Text.
    pub(crate) fn text(&self, at: usize, what: &'static str) -> Result<&str, IndexError> {
        self.0.try_get(at).map_err(Self::fault(what))
    }
}

/// A u64 with its bits kept, for values whose largest number means "no end".
pub(crate) fn keep_bits(value: u64) -> i64 {
    i64::from_be_bytes(value.to_be_bytes())
}

/// The u64 that `keep_bits` kept.
pub(crate) fn kept_bits(value: i64) -> u64 {
    u64::from_be_bytes(value.to_be_bytes())
}
