//! What can go wrong, as one type.
//!
//! Three kinds matter to a caller: the request was wrong ([`ChainError::Tx`], [`ChainError::Admission`],
//! [`ChainError::UnknownBlock`] and the like), the node is not serving ([`ChainError::Stopped`],
//! [`ChainError::Disk`]), and the data folder cannot be trusted (everything named after the log).

use alloy_primitives::{B256, Bytes};
use std::path::PathBuf;

use crate::{admission::Refusal, validate::TxError};

/// Every error of this crate.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ChainError {
    /// A transaction was turned away.
    #[error(transparent)]
    Tx(#[from] TxError),
    /// The admission policy turned a transaction away.
    #[error("admission refused: {0}")]
    Admission(Refusal),
    /// A transaction was queued, but is not in a block yet.
    #[error("transaction {hash} was queued but is not in a block after {waited_ms} ms")]
    WaitTimeout {
        /// The transaction.
        hash: B256,
        /// How long was waited.
        waited_ms: u64,
    },
    /// Too many callers wait for receipts.
    #[error("too many callers wait for receipts: the limit is {limit}")]
    TooManyWaiters {
        /// The bound.
        limit: usize,
    },
    /// No such block.
    #[error("unknown block {0}")]
    UnknownBlock(String),
    /// The block is known, its state is no longer kept.
    #[error("the state of block {number} is no longer kept: only the last {kept} blocks are")]
    StateNotKept {
        /// The block.
        number: u64,
        /// How many are kept.
        kept: usize,
    },
    /// A call reverted.
    #[error("execution reverted")]
    Reverted {
        /// What it returned.
        output: Bytes,
    },
    /// A call failed without reverting.
    #[error("execution failed: {0}")]
    Call(String),
    /// A request is above a limit or malformed.
    #[error("invalid request: {0}")]
    InvalidRequest(String),
    /// A block was not executed, so it cannot be committed.
    #[error("block {number} is invalid: {reason}")]
    InvalidBlock {
        /// Its number.
        number: u64,
        /// The first rule it breaks.
        reason: String,
    },
    /// A different block was committed at this height.
    #[error("block {number} conflicts: {committed} is committed, {offered} was offered")]
    Conflict {
        /// The height.
        number: u64,
        /// The block that is there.
        committed: B256,
        /// The block that was offered.
        offered: B256,
    },
    /// A certificate does not hold for its block.
    #[error("certificate of block {number} does not hold: {reason}")]
    BadCertificate {
        /// The height.
        number: u64,
        /// Why.
        reason: String,
    },
    /// The validator key does not belong to the validators of the genesis file.
    #[error(
        "the validator key belongs to {have}, which is not the only validator of epoch {epoch}"
    )]
    NotValidator {
        /// The account of the key.
        have: alloy_primitives::Address,
        /// The epoch.
        epoch: u64,
    },
    /// The genesis file does not fit.
    #[error("genesis: {0}")]
    Genesis(String),
    /// Another process has the data folder open.
    #[error("the data folder {0} is in use by another process")]
    Locked(PathBuf),
    /// A file could not be read or written.
    #[error("{what} {path}: {error}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        error: String,
    },
    /// The log belongs to another chain.
    #[error("the log {path} belongs to genesis {found}, not {expected}")]
    ForeignLog {
        /// The log.
        path: PathBuf,
        /// Its genesis.
        found: B256,
        /// Ours.
        expected: B256,
    },
    /// The log was written by a newer program.
    #[error("the log {path} has format version {found}; this program reads up to {supported}")]
    NewerLog {
        /// The log.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// Ours.
        supported: u32,
    },
    /// Something that was once durable in the log is no longer there.
    #[error("the log {path} is damaged at byte {offset}: {reason}")]
    DamagedLog {
        /// The log.
        path: PathBuf,
        /// Where.
        offset: u64,
        /// What is wrong.
        reason: String,
    },
    /// Writing the log failed; the node acknowledges nothing any more.
    #[error("the chain stopped because its log could not be made durable: {0}")]
    Disk(String),
    /// The sealer stopped on an error of its own.
    #[error("the chain stopped because sealing failed: {0}")]
    Sealing(String),
    /// The chain was shut down.
    #[error("the chain is shut down")]
    Stopped,
    /// A thread or listener could not be started.
    #[error("cannot start {what}: {error}")]
    Start {
        /// What.
        what: &'static str,
        /// Why.
        error: String,
    },
}

impl ChainError {
    pub(crate) fn io(what: &'static str, path: impl Into<PathBuf>, error: &std::io::Error) -> Self {
        Self::Io {
            what,
            path: path.into(),
            error: error.to_string(),
        }
    }
}
