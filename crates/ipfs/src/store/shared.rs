//! What the writer thread and the readers share: the index, the open segments, the first failure.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use cid::Cid;
use parking_lot::RwLock;

use super::disk::Disk;
use super::index::{Entry, Index, Place};
use crate::dag::{BlockError, RAW, Sha256Digest, cid_from_digest, digest_of, sha256};
use crate::error::IpfsError;

pub(crate) struct Shared {
    pub(crate) dir: PathBuf,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) clock_ms: fn() -> u64,
    pub(crate) segment_bytes: u64,
    pub(crate) index: RwLock<Index>,
    pub(crate) segments: RwLock<BTreeMap<u64, Arc<File>>>,
    /// Bytes of all segment files.
    pub(crate) segment_total: AtomicU64,
    /// Syncs of a segment since the start: one per batch.
    pub(crate) syncs: AtomicU64,
    temp_counter: AtomicU64,
    failure: OnceLock<IpfsError>,
}

impl Shared {
    pub(crate) fn new(
        dir: &Path,
        disk: Arc<dyn Disk>,
        clock_ms: fn() -> u64,
        segment_bytes: u64,
    ) -> Self {
        Self {
            dir: dir.to_owned(),
            disk,
            clock_ms,
            segment_bytes,
            index: RwLock::default(),
            segments: RwLock::default(),
            segment_total: AtomicU64::new(0),
            syncs: AtomicU64::new(0),
            temp_counter: AtomicU64::new(0),
            failure: OnceLock::new(),
        }
    }

    pub(crate) fn segments_dir(&self) -> PathBuf {
        self.dir.join("segments")
    }

    pub(crate) fn flat_dir(&self) -> PathBuf {
        self.dir.join("flat")
    }

    pub(crate) fn flat_path(&self, digest: &Sha256Digest) -> PathBuf {
        self.flat_dir().join(flat_name(digest))
    }

    /// A name for a temporary file that no other write uses.
    pub(crate) fn temp_path(&self, digest: &Sha256Digest) -> PathBuf {
        let n = self.temp_counter.fetch_add(1, Ordering::Relaxed);
        self.flat_dir()
            .join(format!("{}.{n}.tmp", hex::encode(digest)))
    }

    /// Refuses if a write has failed before.
    pub(crate) fn writable(&self) -> Result<(), IpfsError> {
        self.failure
            .get()
            .map_or(Ok(()), |failure| Err(failure.clone()))
    }

    /// Remembers the first failed write; from now on every write is refused with it.
    pub(crate) fn fail(&self, error: IpfsError) -> IpfsError {
        if self.failure.set(error.clone()).is_ok() {
            tracing::error!(%error, "the content store takes no more writes");
        }
        self.failure.get().cloned().unwrap_or(error)
    }

    /// Reads one block and checks it against its CID.
    pub(crate) fn read_block(&self, cid: &Cid) -> Result<Bytes, IpfsError> {
        let digest = digest_of(cid)?;
        let missing = || IpfsError::Missing { cid: *cid };
        let mut entry = self
            .index
            .read()
            .get(&digest)
            .copied()
            .ok_or_else(missing)?;
        loop {
            if let Some(bytes) = self.read_bytes(&digest, &entry)?
                && sha256(&bytes) == digest
            {
                return Ok(bytes);
            }
            let mut index = self.index.write();
            let now = index.get(&digest).copied().ok_or_else(missing)?;
            if now.place == entry.place {
                index.set_damaged(&digest);
                return Err(BlockError::Corrupt { cid: *cid }.into());
            }
            // It was written anew elsewhere meanwhile.
            entry = now;
        }
    }

    /// Whether a block that the index has is really intact on the disk.
    pub(crate) fn is_intact(&self, digest: &Sha256Digest) -> bool {
        self.read_block(&cid_from_digest(RAW, digest)).is_ok()
    }

    /// The bytes at an entry's place, unchecked; `None` if the place is gone or too short, which is
    /// damage unless the block was just removed.
    fn read_bytes(&self, digest: &Sha256Digest, entry: &Entry) -> Result<Option<Bytes>, IpfsError> {
        // The index holds sizes that were checked against the format's bounds.
        let mut bytes = vec![0; entry.size as usize];
        let read = match entry.place {
            Place::Segment { number, offset } => {
                let file = self.segments.read().get(&number).cloned();
                file.ok_or(io::ErrorKind::NotFound.into())
                    .and_then(|file| file.read_exact_at(&mut bytes, offset))
            }
            Place::Flat => File::open(self.flat_path(digest))
                .and_then(|file| file.read_exact_at(&mut bytes, 0)),
        };
        match read {
            Ok(()) => Ok(Some(bytes.into())),
            Err(error) if is_absence(&error) => Ok(None),
            Err(error) => Err(IpfsError::read("a block")(error)),
        }
    }
}

fn is_absence(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::NotFound
    )
}

pub(crate) fn flat_name(digest: &Sha256Digest) -> String {
    format!("{}.blk", hex::encode(digest))
}

/// The digest in the name of a flat file.
pub(crate) fn flat_digest(name: &str) -> Option<Sha256Digest> {
    let digest: Sha256Digest = hex::decode(name.strip_suffix(".blk")?)
        .ok()?
        .try_into()
        .ok()?;
    (flat_name(&digest) == name).then_some(digest)
}
