//! The store's configuration and what it reports.

use std::time::{SystemTime, UNIX_EPOCH};

use cid::Cid;

use super::index::Entry;
use super::limits::SEGMENT_BYTES;
use super::segment::{NODE, ROOT_NODE, ROOT_RAW, ROOTS};
use crate::dag::{DAG_PB, RAW, Sha256Digest, cid_from_digest};

/// How a store is opened.
#[derive(Debug, Clone, Copy)]
pub struct StoreConfig {
    /// A segment that has grown to this is closed and the next one begun.
    pub segment_bytes: u64,
    /// The time in ms since 1970, recorded with each block.
    pub clock_ms: fn() -> u64,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            segment_bytes: SEGMENT_BYTES,
            clock_ms: system_clock_ms,
        }
    }
}

fn system_clock_ms() -> u64 {
    // A clock before 1970 counts as 1970: blocks then look old, never new.
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// What to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Blocks that were put as files or as roots of files.
    Roots,
    /// Blocks that nothing keeps: left by a crash in the middle of a long write.
    Orphans,
    /// All blocks.
    Blocks,
}

/// One row of a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    /// The CID it was put under; of a block that is no root, its own.
    pub cid: Cid,
    /// Size of the block (of a file of several leaves: of its root node).
    pub block_bytes: u64,
    /// When it was put, or last put again.
    pub put_at_ms: u64,
    /// Whether it was put as a file.
    pub root: bool,
    /// Whether a node here links to it or a write in progress holds it.
    pub referenced: bool,
    /// Whether it is known to be damaged.
    pub damaged: bool,
}

impl Listed {
    pub(crate) fn new(digest: &Sha256Digest, entry: &Entry, refs: u32) -> Self {
        // A node is named as one, unless it was put only as the bytes of a raw file.
        let as_node = entry.flags & ROOT_NODE != 0
            || (entry.flags & NODE != 0 && entry.flags & ROOT_RAW == 0);
        Self {
            cid: cid_from_digest(if as_node { DAG_PB } else { RAW }, digest),
            block_bytes: entry.size,
            put_at_ms: entry.put_at_ms,
            root: entry.flags & ROOTS != 0,
            referenced: refs > 0,
            damaged: entry.damaged,
        }
    }
}

/// What a deletion did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Removed {
    /// Blocks that are gone, leaves and nodes included.
    pub blocks: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Asked blocks that stay: too new, or still part of another file.
    pub kept: u64,
    /// Asked blocks that were not here.
    pub missing: u64,
}

/// Figures for the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    /// Blocks of all kinds.
    pub blocks: u64,
    /// Files.
    pub roots: u64,
    /// Bytes of all blocks.
    pub block_bytes: u64,
    /// Blocks in files of their own.
    pub flat_blocks: u64,
    /// Their bytes.
    pub flat_bytes: u64,
    /// Segment files.
    pub segments: u64,
    /// Their bytes.
    pub segment_bytes: u64,
    /// Bytes in segments that belong to present blocks.
    pub segment_live_bytes: u64,
    /// Blocks known to be damaged.
    pub damaged_blocks: u64,
    /// Segment syncs since the start.
    pub syncs: u64,
    /// Whether a write has failed: the store takes no more.
    pub failed: bool,
}

/// What opening a store found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// Segments read.
    pub segments: u64,
    /// Frames read.
    pub frames: u64,
    /// Bytes cut from the end of the last segment: a write that was never acknowledged.
    pub cut_bytes: u64,
    /// Files without a record that were recorded anew.
    pub adopted: u64,
    /// Damaged places.
    pub damage: Vec<Damage>,
}

/// A damaged place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damage {
    /// Number of the segment; 0 for a flat file that is gone or has another size.
    pub segment: u64,
    /// Where in the segment.
    pub offset: u64,
    /// How many bytes.
    pub bytes: u64,
    /// The block, if its header is whole.
    pub block: Option<Cid>,
}
