//! What can go wrong in the index.

use alloy_primitives::B256;

/// An operation of the index that failed.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The folder of the database could not be made.
    #[error("cannot make the folder of {path}")]
    Folder {
        /// Database file.
        path: String,
        /// Cause.
        source: std::io::Error,
    },
    /// The database could not be opened.
    #[error("cannot open {path}")]
    Open {
        /// Database file.
        path: String,
        /// Cause.
        source: sqlx::Error,
    },
    /// The database was written by a newer program.
    #[error("{path} has schema {found}, which is newer than this program; use a newer carechain")]
    Newer {
        /// Database file.
        path: String,
        /// Schema version found.
        found: i64,
    },
    /// The schema could not be brought up to date.
    #[error("cannot bring the schema of {path} up to date")]
    Migrate {
        /// Database file.
        path: String,
        /// Cause.
        source: sqlx::migrate::MigrateError,
    },
    /// The index was made for another chain or other contracts.
    #[error("{path} was made for another {what}; delete it to build it anew from the chain")]
    ForeignChain {
        /// Database file.
        path: String,
        /// What differs.
        what: &'static str,
    },
    /// A statement failed.
    #[error("cannot {doing}")]
    Sql {
        /// What was being done.
        doing: &'static str,
        /// Cause.
        source: sqlx::Error,
    },
    /// A block was left out or comes twice.
    #[error("block {given} does not follow block {head}")]
    OutOfOrder {
        /// Last block applied.
        head: u64,
        /// Block given.
        given: u64,
    },
    /// The block has another parent than the last block applied: the chain was reorganised, or is another one.
    #[error("block {number} has parent {given}, the index has {head}")]
    ParentMismatch {
        /// Block given.
        number: u64,
        /// Its parent.
        given: B256,
        /// Hash of the last block applied.
        head: B256,
    },
    /// Logs of a block are not in rising order.
    #[error("block {block}: log {index} is out of order")]
    LogOrder {
        /// Block.
        block: u64,
        /// Index of the log.
        index: u32,
    },
    /// An event of our contracts does not decode, or has a value that the contracts cannot emit.
    #[error("block {block}, log {index}: bad {what}")]
    BadLog {
        /// Block.
        block: u64,
        /// Index of the log.
        index: u32,
        /// What is wrong.
        what: &'static str,
    },
    /// An anchor's sequence does not follow its lane's: a log is missing.
    #[error("block {block}, log {index}: lane {lane} has sequence {given} after {count}")]
    SequenceGap {
        /// Block.
        block: u64,
        /// Index of the log.
        index: u32,
        /// Lane.
        lane: u8,
        /// Sequence given.
        given: u64,
        /// Anchors the index has in this lane.
        count: u64,
    },
    /// A stored value is not what the program writes.
    #[error("a stored {what} is malformed: the database was changed")]
    Malformed {
        /// Which value.
        what: &'static str,
    },
    /// A value is beyond what the index keeps.
    #[error("{what} exceeds {limit}")]
    TooLarge {
        /// Which value.
        what: &'static str,
        /// The bound.
        limit: u64,
    },
}

impl IndexError {
    /// For `map_err`: names what was being done.
    pub(crate) fn sql(doing: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| IndexError::Sql { doing, source }
    }
}
