//! What can go wrong in the vault. Texts carry no secret and no row's content.

use carechain_domain::SubjectId;

/// An operation of the vault that failed.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The folder of a database could not be made.
    #[error("cannot make the folder of {path}")]
    Folder {
        /// Database file.
        path: String,
        /// Cause.
        source: std::io::Error,
    },
    /// A database could not be opened.
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
    /// The file of erase keys is empty or belongs to another vault.
    #[error(
        "{path} does not hold the erase keys of this vault; restore the file that belongs to it"
    )]
    KeysForeign {
        /// File of erase keys.
        path: String,
    },
    /// A statement failed.
    #[error("cannot {doing}")]
    Sql {
        /// What was being done.
        doing: &'static str,
        /// Cause.
        source: sqlx::Error,
    },
    /// The subject was erased; nothing is kept for it any more.
    #[error("subject {0} was erased")]
    Erased(SubjectId),
    /// A sealed row does not open: changed, or of another subject.
    #[error("a sealed {what} does not open: the database was changed")]
    Unreadable {
        /// Which column.
        what: &'static str,
    },
    /// A stored value is not what the program writes.
    #[error("a stored {what} is malformed: the database was changed")]
    Malformed {
        /// Which value.
        what: &'static str,
    },
    /// A value is beyond what the vault keeps.
    #[error("{what} exceeds {limit}")]
    TooLarge {
        /// Which value.
        what: &'static str,
        /// The bound.
        limit: u64,
    },
    /// A bounded collection is full.
    #[error("{what} is full: at most {limit}")]
    Full {
        /// Which collection.
        what: &'static str,
        /// The bound.
        limit: u64,
    },
    /// The nonce of a release was used before.
    #[error("the nonce was used before")]
    NonceSpent,
    /// The invitation or claim code is unknown, expired, for another kind, or used by somebody else.
    #[error("the code is unknown, expired, used, or for another kind")]
    CodeRefused,
    /// The system gave no random bytes.
    #[error("no randomness from the system")]
    Randomness(#[source] getrandom::Error),
}

impl VaultError {
    /// For `map_err`: names what was being done.
    pub(crate) fn sql(doing: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| VaultError::Sql { doing, source }
    }
}
