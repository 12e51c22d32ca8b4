//! What waits for the writer: writes with their blocks, and what must be given back when one is dropped.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::shared::Shared;
use super::types::Removed;
use crate::dag::Sha256Digest;
use crate::error::IpfsError;

/// Where the answer to a write goes.
pub(super) type Reply<T> = oneshot::Sender<Result<T, IpfsError>>;

/// A block to be written.
pub(crate) struct NewBlock {
    pub(crate) digest: Sha256Digest,
    pub(crate) flags: u8,
    pub(crate) body: Body,
    /// The children of a node.
    pub(crate) children: Box<[Sha256Digest]>,
}

pub(crate) enum Body {
    /// For a segment.
    Small(Bytes),
    /// Already written and synced under a temporary name.
    Large { temp: TempFile, size: u64 },
}

impl Body {
    pub(crate) fn size(&self) -> u64 {
        match self {
            Self::Small(bytes) => bytes.len() as u64,
            Self::Large { size, .. } => *size,
        }
    }
}

/// A temporary file, removed when dropped unless it was moved to its place.
pub(crate) struct TempFile(pub(crate) PathBuf);

impl Drop for TempFile {
    fn drop(&mut self) {
        // After the rename nothing is there; what a crash leaves is removed at the next start.
        if let Err(error) = std::fs::remove_file(&self.0)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "a temporary file stays until the next start");
        }
    }
}

pub(crate) struct PutWrite {
    pub(crate) blocks: Vec<NewBlock>,
    pub(crate) hold: Option<Arc<Holds>>,
    pub(crate) reply: Reply<()>,
    /// Share of the bytes that may wait; given back when the write is done.
    pub(crate) _queued: OwnedSemaphorePermit,
}

pub(crate) enum Write {
    Put(PutWrite),
    /// Takes root flags (`mask`) off blocks, and away what nothing keeps.
    Remove {
        wanted: Vec<(Sha256Digest, u8)>,
        put_before_ms: Option<u64>,
        reply: Reply<Removed>,
    },
    /// Takes away those of the blocks that nothing keeps.
    Collect(Vec<Sha256Digest>),
}

/// The blocks that a write in progress has stored and not yet linked from a root. Dropping it lets go
/// of them; what nothing else keeps is then removed.
pub(crate) struct Holds {
    shared: Arc<Shared>,
    queue: mpsc::WeakSender<Write>,
    pub(super) held: Mutex<Vec<Sha256Digest>>,
}

impl Holds {
    pub(crate) fn new(shared: Arc<Shared>, queue: mpsc::WeakSender<Write>) -> Arc<Self> {
        Arc::new(Self {
            shared,
            queue,
            held: Mutex::default(),
        })
    }
}

impl Drop for Holds {
    fn drop(&mut self) {
        let mut held = std::mem::take(self.held.get_mut());
        let mut index = self.shared.index.write();
        held.iter().for_each(|digest| index.release(digest));
        held.retain(|digest| index.is_orphan(digest));
        drop(index);
        if !held.is_empty()
            && let Some(queue) = self.queue.upgrade()
            && queue.try_send(Write::Collect(held)).is_err()
        {
            tracing::debug!("blocks of an unfinished write stay until orphans are swept");
        }
    }
}
