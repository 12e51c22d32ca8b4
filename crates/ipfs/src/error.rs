//! What the store refuses or fails at. Every variant names the CID, the limit or the step; none
//! carries content.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use cid::Cid;

use crate::dag::BlockError;

/// An operation of the store that did not succeed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum IpfsError {
    /// A block is corrupt, its CID unsupported, or a node malformed.
    #[error(transparent)]
    Block(#[from] BlockError),
    /// The block is not in this store.
    #[error("block {cid} is not in this store")]
    Missing {
        /// The block.
        cid: Cid,
    },
    /// The content is longer than the caller or the store allows.
    #[error("content is longer than {limit_bytes} bytes")]
    TooLarge {
        /// The limit.
        limit_bytes: u64,
    },
    /// A list holds more items than one call may have.
    #[error("{what}: more than {limit} in one call")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// A range begins after the end of the file, or ends before its beginning.
    #[error("range: {start}..{end} lies outside {cid} of {size_bytes} bytes")]
    Range {
        /// The file.
        cid: Cid,
        /// Asked beginning.
        start: u64,
        /// Asked end.
        end: u64,
        /// Size of the file.
        size_bytes: u64,
    },
    /// The caller's reader failed while its content was being stored.
    #[error("reading the content to store")]
    Input(#[source] Arc<io::Error>),
    /// A read from the disk failed.
    #[error("reading from the content store: {step}")]
    Read {
        /// What was being read.
        step: &'static str,
        /// The system's error.
        source: Arc<io::Error>,
    },
    /// A write or a sync failed. Nothing was acknowledged since, and the store takes no more writes.
    #[error("the content store has failed and takes no more writes: {step}")]
    Failed {
        /// What was being written.
        step: &'static str,
        /// The system's error.
        source: Arc<io::Error>,
    },
    /// The store is closing.
    #[error("the content store is stopped")]
    Stopped,
    /// Opening failed.
    #[error("opening the content store: {step}")]
    Open {
        /// What was being done.
        step: &'static str,
        /// The system's error.
        source: Arc<io::Error>,
    },
    /// Another process has the folder open.
    #[error("content store {} is in use by another process", dir.display())]
    Locked {
        /// The folder.
        dir: PathBuf,
    },
    /// The folder was written by a newer version.
    #[error(
        "content store format {found} is newer than {supported}, the newest this version reads"
    )]
    NewerFormat {
        /// Format of the folder.
        found: u32,
        /// Newest format that is understood.
        supported: u32,
    },
    /// The folder holds something else, or its format file or a segment's header is damaged.
    #[error("not a readable content store: {what}")]
    BadFormat {
        /// What is wrong.
        what: String,
    },
}

impl IpfsError {
    pub(crate) fn open(step: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::Open {
            step,
            source: Arc::new(error),
        }
    }

    pub(crate) fn read(step: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::Read {
            step,
            source: Arc::new(error),
        }
    }

    pub(crate) fn failed(step: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::Failed {
            step,
            source: Arc::new(error),
        }
    }
}
