//! The store on disk: durable blocks, verified on every read.
//!
//! Blocks of at most 256 KiB lie in append-only segments ([`segment`] documents the format byte by
//! byte), larger ones are files of their own. One thread writes ([`writer`]); what waits together is
//! made durable by one sync. Reads go to the files directly.
//!
//! What was put as a file is a *root*: it stays until it is deleted. Leaves and nodes stay while a node
//! in the store links to them. A root that the rest of the system never came to refer to is found by
//! [`Store::list`] and removed by [`Store::sweep`].

mod disk;
mod folder;
mod index;
mod ingest;
pub mod limits;
mod open;
mod queue;
mod read;
mod removal;
mod segment;
mod shared;
#[cfg(test)]
mod tests;
mod types;
mod writer;

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;

use cid::Cid;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::spawn_blocking;

use self::disk::{Disk, SystemDisk};
use self::limits::{
    ITEMS_MAX, PAGE_MAX, QUEUE_MAX, QUEUED_MAX_BYTES, QUEUED_UNIT_BYTES, READS_MAX, STREAMS_MAX,
    WHOLE_MAX_BYTES,
};
use self::queue::Write;
use self::segment::{ROOT_NODE, ROOT_RAW, ROOTS};
use self::shared::Shared;
use crate::dag::{DAG_PB, Sha256Digest, digest_of};
use crate::error::IpfsError;

pub use self::read::FileReader;
pub use self::types::{Damage, Listed, OpenReport, Removed, Stats, StoreConfig, Which};

/// A content store in a folder. Clones share it; the folder is released when the last is dropped.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    queue: Option<mpsc::Sender<Write>>,
    writer: Option<JoinHandle<()>>,
    queued: Arc<Semaphore>,
    streams: Semaphore,
    reads: Arc<Semaphore>,
    report: OpenReport,
    _lock: File,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("dir", &self.shared.dir)
            .finish_non_exhaustive()
    }
}

impl Drop for Inner {
    /// Waits for the writer: at most for the writes that are in its queue.
    fn drop(&mut self) {
        drop(self.queue.take());
        if self
            .writer
            .take()
            .is_some_and(|writer| writer.join().is_err())
        {
            tracing::error!("the writer of the content store panicked");
        }
    }
}

impl Store {
    /// Opens the store in `dir`, making it if there is none.
    ///
    /// # Errors
    /// [`IpfsError::Locked`], [`IpfsError::NewerFormat`], [`IpfsError::BadFormat`], [`IpfsError::Open`].
    pub async fn open(dir: impl AsRef<Path>, config: StoreConfig) -> Result<Self, IpfsError> {
        Self::open_on(dir.as_ref(), config, Arc::new(SystemDisk)).await
    }

    async fn open_on(
        dir: &Path,
        config: StoreConfig,
        disk: Arc<dyn Disk>,
    ) -> Result<Self, IpfsError> {
        let dir = dir.to_owned();
        let opened = blocking(move || open::open(&dir, config, disk)).await?;
        let (queue, writes) = mpsc::channel(QUEUE_MAX);
        let writer = std::thread::Builder::new()
            .name("ipfs-writer".to_owned())
            .spawn(move || opened.writer.run(writes))
            .map_err(IpfsError::open("starting the writer"))?;
        let inner = Inner {
            shared: opened.shared,
            queue: Some(queue),
            writer: Some(writer),
            queued: Arc::new(Semaphore::new(QUEUED_MAX_BYTES / QUEUED_UNIT_BYTES)),
            streams: Semaphore::new(STREAMS_MAX),
            reads: Arc::new(Semaphore::new(READS_MAX)),
            report: opened.report,
            _lock: opened.lock,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// What opening found: damage, a cut tail. While damage is reported, do not sweep orphans.
    #[must_use]
    pub fn open_report(&self) -> &OpenReport {
        &self.inner.report
    }

    /// Whether a file was put under this CID and its root is not known to be damaged.
    #[must_use]
    pub fn has(&self, cid: &Cid) -> bool {
        self.present(cid, root_flag(cid))
    }

    /// Whether a block is here and not known to be damaged.
    #[must_use]
    pub fn has_block(&self, cid: &Cid) -> bool {
        self.present(cid, u8::MAX)
    }

    /// Deletes files. Their blocks go too, unless another file here shares them. Durable on return.
    ///
    /// # Errors
    /// [`IpfsError::TooMany`], [`IpfsError::Failed`], an unsupported CID.
    pub async fn delete(&self, cids: Vec<Cid>) -> Result<Removed, IpfsError> {
        self.remove(cids, None).await
    }

    /// Deletes those of the files that were last put before a time (ms since 1970): decided at the moment
    /// of deletion, so that a file put again meanwhile stays. Putting again renews the time when it is
    /// older than [`limits::RENEW_AFTER_MS`], so the time given must lie further back than that.
    ///
    /// # Errors
    /// As [`Store::delete`].
    pub async fn sweep(&self, cids: Vec<Cid>, put_before_ms: u64) -> Result<Removed, IpfsError> {
        self.remove(cids, Some(put_before_ms)).await
    }

    /// One page of what is stored, ordered by digest, after the block `after`.
    ///
    /// # Errors
    /// An unsupported CID.
    pub fn list(
        &self,
        which: Which,
        after: Option<&Cid>,
        limit: usize,
    ) -> Result<Vec<Listed>, IpfsError> {
        let after = after.map(digest_of).transpose()?;
        let index = self.inner.shared.index.read();
        let mut page = Vec::new();
        for (digest, entry) in index.after(after) {
            if page.len() >= limit.min(PAGE_MAX) {
                break;
            }
            let orphan = index.is_orphan(digest);
            let wanted = match which {
                Which::Roots => entry.flags & ROOTS != 0,
                Which::Orphans => orphan,
                Which::Blocks => true,
            };
            if wanted {
                page.push(Listed::new(digest, entry, index.refs(digest)));
            }
        }
        Ok(page)
    }

    /// Figures for the operator.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let shared = &self.inner.shared;
        let totals = shared.index.read().totals();
        let segment_bytes = shared.segment_total.load(Ordering::Relaxed);
        Stats {
            blocks: totals.blocks,
            roots: totals.roots,
            block_bytes: totals.bytes,
            flat_blocks: totals.flat_blocks,
            flat_bytes: totals.flat_bytes,
            segments: shared.segments.read().len() as u64,
            segment_bytes,
            segment_live_bytes: totals.segment_live_bytes,
            damaged_blocks: totals.damaged,
            syncs: shared.syncs.load(Ordering::Relaxed),
            failed: shared.writable().is_err(),
        }
    }

    /// Releases the folder, if this is the last clone, without blocking the runtime.
    ///
    /// # Errors
    /// [`IpfsError::Failed`] if a write had failed.
    pub async fn close(self) -> Result<(), IpfsError> {
        let health = self.inner.shared.writable();
        blocking(move || {
            drop(self);
            Ok(())
        })
        .await?;
        health
    }

    fn present(&self, cid: &Cid, flags: u8) -> bool {
        let Ok(digest) = digest_of(cid) else {
            return false;
        };
        let entry = self.inner.shared.index.read().get(&digest).copied();
        entry.is_some_and(|entry| !entry.damaged && (flags == u8::MAX || entry.flags & flags != 0))
    }

    async fn remove(
        &self,
        cids: Vec<Cid>,
        put_before_ms: Option<u64>,
    ) -> Result<Removed, IpfsError> {
        check_count("cids", cids.len())?;
        let wanted: Result<Vec<(Sha256Digest, u8)>, _> = cids
            .iter()
            .map(|cid| Ok((digest_of(cid)?, root_flag(cid))))
            .collect();
        let (reply, done) = oneshot::channel();
        self.send(Write::Remove {
            wanted: wanted.map_err(IpfsError::Block)?,
            put_before_ms,
            reply,
        })
        .await?;
        done.await.map_err(|_| IpfsError::Stopped)?
    }

    async fn send(&self, write: Write) -> Result<(), IpfsError> {
        let queue = self
            .inner
            .queue
            .as_ref()
            .expect("the queue lasts as long as a handle");
        queue.send(write).await.map_err(|_| IpfsError::Stopped)
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.inner.shared
    }

    fn weak_queue(&self) -> mpsc::WeakSender<Write> {
        self.inner
            .queue
            .as_ref()
            .expect("the queue lasts as long as a handle")
            .downgrade()
    }
}

/// The flag of files whose root is named by this CID.
fn root_flag(cid: &Cid) -> u8 {
    if cid.codec() == DAG_PB {
        ROOT_NODE
    } else {
        ROOT_RAW
    }
}

fn check_count(what: &'static str, count: usize) -> Result<(), IpfsError> {
    if count > ITEMS_MAX {
        Err(IpfsError::TooMany {
            what,
            limit: ITEMS_MAX,
        })
    } else {
        Ok(())
    }
}

fn check_size(bytes: u64) -> Result<(), IpfsError> {
    if bytes > WHOLE_MAX_BYTES {
        Err(IpfsError::TooLarge {
            limit_bytes: WHOLE_MAX_BYTES,
        })
    } else {
        Ok(())
    }
}

/// Runs file work on the blocking pool.
async fn blocking<T, F>(work: F) -> Result<T, IpfsError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, IpfsError> + Send + 'static,
{
    spawn_blocking(work).await.map_err(|_| IpfsError::Stopped)?
}
