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

use crate::VaultError;

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
    pub(crate) async fn open(path: &Path, migrator: &Migrator) -> Result<Sql, VaultError> {
        let name = path.display().to_string();
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|source| VaultError::Folder {
                path: name.clone(),
                source,
            })?;
        }
        // Before SQLite makes it: the log and the shared memory beside it take their mode from it.
        make_private(path)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT)
            // What is deleted is overwritten, so that an erased key is not found in a free page.
            .pragma("secure_delete", "ON")
            .pragma("cache_size", CACHE_KIB)
            .row_buffer_size(ROW_BUFFER)
            .disable_statement_logging();
        let open = |source| VaultError::Open {
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
        migrator.run(&writer).await.map_err(|source| {
            let path = name.clone();
            if let MigrateError::VersionMissing(found) = source {
                return VaultError::Newer { path, found };
            }
            VaultError::Migrate { path, source }
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
    pub(crate) async fn begin(&self, doing: &'static str) -> Result<Tx, VaultError> {
        self.writer.begin().await.map_err(VaultError::sql(doing))
    }

    /// Moves the write-ahead log into the database and empties it, so that nothing deleted lingers there.
    /// Refuses, rather than leave it there unsaid, when a reader keeps the log in use.
    pub(crate) async fn truncate_log(&self) -> Result<(), VaultError> {
        let row = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
            .fetch_one(&self.writer)
            .await
            .map_err(VaultError::sql("empty the write-ahead log"))?;
        // SQLite says so in the row's first column; the statement itself succeeds.
        match Columns(&row).number::<i64>(0, "checkpoint")? {
            0 => Ok(()),
            _ => {
                let why = "a reader keeps it in use; end other readers and try again";
                Err(VaultError::sql("empty the write-ahead log")(
                    sqlx::Error::Protocol(why.to_owned()),
                ))
            }
        }
    }

    /// Waits for running statements and closes all connections.
    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// Makes the file if it is missing, so that only the owner of the process reads it.
fn make_private(path: &Path) -> Result<(), VaultError> {
    let fault = |source| VaultError::Folder {
        path: path.display().to_string(),
        source,
    };
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path).map_err(fault)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.set_permissions(std::fs::Permissions::from_mode(0o600))
            .map_err(fault)?;
    }
    drop(file);
    Ok(())
}

/// A number as SQL keeps it.
pub(crate) fn int(what: &'static str, value: u64) -> Result<i64, VaultError> {
    i64::try_from(value).map_err(|_| VaultError::TooLarge {
        what,
        limit: i64::MAX as u64,
    })
}

/// `at` less `seconds`, as SQL keeps it.
pub(crate) fn before(at: u64, seconds: u64) -> i64 {
    i64::try_from(at.saturating_sub(seconds)).unwrap_or(i64::MAX)
}

/// Refuses a value over its bound.
pub(crate) fn bounded(what: &'static str, size: usize, limit: usize) -> Result<(), VaultError> {
    if size > limit {
        return Err(VaultError::TooLarge {
            what,
            limit: limit as u64,
        });
    }
    Ok(())
}

/// Reads columns of a row by position, naming what is malformed.
pub(crate) struct Columns<'r>(pub(crate) &'r SqliteRow);

impl Columns<'_> {
    fn fault(what: &'static str) -> impl FnOnce(sqlx::Error) -> VaultError {
        move |_| VaultError::Malformed { what }
    }

    /// 32 bytes.
    pub(crate) fn id<T: From<[u8; 32]>>(
        &self,
        at: usize,
        what: &'static str,
    ) -> Result<T, VaultError> {
        let bytes: &[u8] = self.0.try_get(at).map_err(Self::fault(what))?;
        let bytes: [u8; 32] = bytes
            .try_into()
            .map_err(|_| VaultError::Malformed { what })?;
        Ok(T::from(bytes))
    }

    /// 32 bytes or none.
    pub(crate) fn maybe_id<T: From<[u8; 32]>>(
        &self,
        at: usize,
        what: &'static str,
    ) -> Result<Option<T>, VaultError> {
        let bytes: Option<&[u8]> = self.0.try_get(at).map_err(Self::fault(what))?;
        let Some(bytes) = bytes else { return Ok(None) };
        let bytes: [u8; 32] = bytes
            .try_into()
            .map_err(|_| VaultError::Malformed { what })?;
        Ok(Some(T::from(bytes)))
    }

    /// A hash.
    pub(crate) fn hash(&self, at: usize, what: &'static str) -> Result<B256, VaultError> {
        self.id::<[u8; 32]>(at, what).map(B256::from)
    }

    /// An address.
    pub(crate) fn address(&self, at: usize, what: &'static str) -> Result<Address, VaultError> {
        let bytes: &[u8] = self.0.try_get(at).map_err(Self::fault(what))?;
        Address::try_from(bytes).map_err(|_| VaultError::Malformed { what })
    }

    /// A number of the width asked for.
    pub(crate) fn number<T: TryFrom<i64>>(
        &self,
        at: usize,
        what: &'static str,
    ) -> Result<T, VaultError> {
        let value: i64 = self.0.try_get(at).map_err(Self::fault(what))?;
        T::try_from(value).map_err(|_| VaultError::Malformed { what })
    }

    /// A number or none.
    pub(crate) fn maybe_number(
        &self,
        at: usize,
        what: &'static str,
    ) -> Result<Option<i64>, VaultError> {
        self.0.try_get(at).map_err(Self::fault(what))
    }

    /// Bytes.
    pub(crate) fn bytes(&self, at: usize, what: &'static str) -> Result<&[u8], VaultError> {
        self.0.try_get(at).map_err(Self::fault(what))
    }

    /// Bytes or none.
    pub(crate) fn maybe_bytes(
        &self,
        at: usize,
        what: &'static str,
    ) -> Result<Option<&[u8]>, VaultError> {
        self.0.try_get(at).map_err(Self::fault(what))
    }

    /// Text.
    pub(crate) fn text(&self, at: usize, what: &'static str) -> Result<&str, VaultError> {
        self.0.try_get(at).map_err(Self::fault(what))
    }
}
