//! The writer thread: the only place that changes the disk's lasting state and the index.
//!
//! It takes whatever writes are waiting, puts their large blocks in place (rename, then one sync of the
//! folder), appends all frames, makes one `fdatasync`, and only then updates the index and acknowledges
//! all of them. The first failed write or sync is final: nothing of that batch is acknowledged, and
//! every later write is refused with the same error.

use std::collections::HashMap;
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::mpsc;

use super::disk::write_durably;
use super::index::{Entry, Place};
use super::limits::{BATCH_BYTES, BATCH_WRITES_MAX, RENEW_AFTER_MS};
use super::queue::{Body, NewBlock, PutWrite, Reply, Write};
use super::removal;
use super::segment::{
    FRAME_HEADER_BYTES, Frame, Kind, NODE, SEGMENT_HEADER_BYTES, Salt, encode_frame, encode_header,
    file_name,
};
use super::shared::Shared;
use super::types::Removed;
use crate::dag::Sha256Digest;
use crate::error::IpfsError;

/// A change that is in the batch and not yet in the index.
struct Staged {
    entry: Entry,
    children: Option<Box<[Sha256Digest]>>,
}

/// The segment being written.
pub(crate) struct Tail {
    pub(crate) number: u64,
    pub(crate) salt: Salt,
    pub(crate) file: Arc<File>,
    pub(crate) len: u64,
}

pub(crate) struct Writer {
    pub(crate) shared: Arc<Shared>,
    tail: Tail,
    frames: Vec<u8>,
}

impl Writer {
    pub(crate) fn new(shared: Arc<Shared>, tail: Tail) -> Self {
        Self {
            shared,
            tail,
            frames: Vec::new(),
        }
    }

    /// Works until every handle of the store is gone and the queue is empty.
    pub(crate) fn run(mut self, mut queue: mpsc::Receiver<Write>) {
        let mut next = None;
        while let Some(write) = next.take().or_else(|| queue.blocking_recv()) {
            match write {
                Write::Put(put) => {
                    let mut batch = vec![put];
                    let mut bytes = 0;
                    while batch.len() < BATCH_WRITES_MAX && bytes < BATCH_BYTES {
                        match queue.try_recv() {
                            Ok(Write::Put(put)) => {
                                bytes += put
                                    .blocks
                                    .iter()
                                    .map(|block| block.body.size() as usize)
                                    .sum::<usize>();
                                batch.push(put);
                            }
                            Ok(other) => {
                                next = Some(other);
                                break;
                            }
                            Err(_) => break,
                        }
                    }
                    self.put(batch);
                }
                Write::Remove {
                    wanted,
                    put_before_ms,
                    reply,
                } => {
                    let removed = self.removing(&wanted, put_before_ms);
                    answer(reply, removed);
                }
                Write::Collect(digests) => {
                    let wanted: Vec<_> = digests.into_iter().map(|digest| (digest, 0)).collect();
                    if let Err(error) = self.removing(&wanted, None) {
                        tracing::debug!(%error, "blocks of an unfinished write stay");
                    }
                }
            }
        }
    }

    fn put(&mut self, mut batch: Vec<PutWrite>) {
        let done = self.shared.writable().and_then(|()| {
            let staged = self
                .write(&mut batch)
                .map_err(|error| self.shared.fail(error))?;
            self.publish(staged, &batch);
            Ok(())
        });
        for put in batch {
            let PutWrite {
                blocks,
                hold,
                reply,
                _queued,
            } = put;
            // Before the answer, so that what the caller does next comes after it.
            drop((blocks, hold));
            answer(reply, done.clone());
        }
    }

    /// Makes a batch durable.
    fn write(
        &mut self,
        batch: &mut [PutWrite],
    ) -> Result<HashMap<Sha256Digest, Staged>, IpfsError> {
        self.roll_if_full()?;
        let now_ms = (self.shared.clock_ms)();
        let mut staged = HashMap::new();
        let mut renamed = false;
        for put in batch {
            for block in &mut put.blocks {
                renamed |= self.stage(block, now_ms, &mut staged)?;
            }
        }
        if renamed {
            self.shared
                .disk
                .sync_dir(&self.shared.flat_dir())
                .map_err(IpfsError::failed("sync of the folder"))?;
        }
        self.flush()?;
        Ok(staged)
    }

    /// Adds a block's frame to the batch. Returns whether a file was moved into place.
    fn stage(
        &mut self,
        block: &mut NewBlock,
        now_ms: u64,
        staged: &mut HashMap<Sha256Digest, Staged>,
    ) -> Result<bool, IpfsError> {
        let digest = block.digest;
        let in_batch = staged.get(&digest).map(|change| change.entry);
        let stored = self.shared.index.read().get(&digest).copied();
        let known = in_batch
            .or_else(|| stored.filter(|old| !old.damaged && self.shared.is_intact(&digest)));
        let old_flags = known.or(stored).map_or(0, |old| old.flags);
        let flags = old_flags | block.flags;
        let children = (flags & NODE != 0).then(|| std::mem::take(&mut block.children));
        let children = children.filter(|children| !children.is_empty());
        if let Some(old) = known {
            let renew = now_ms.saturating_sub(old.put_at_ms) >= RENEW_AFTER_MS;
            if flags != old.flags || renew {
                self.frame(Kind::Mark, flags, now_ms, 0, digest, &[]);
                let entry = Entry {
                    flags,
                    put_at_ms: now_ms,
                    ..old
                };
                let children =
                    children.or_else(|| staged.remove(&digest).and_then(|change| change.children));
                staged.insert(digest, Staged { entry, children });
            }
            return Ok(false);
        }
        let size = block.body.size();
        let (place, renamed) = match &block.body {
            Body::Small(bytes) => {
                let offset = self.frame(Kind::Block, flags, now_ms, size, digest, bytes);
                (
                    Place::Segment {
                        number: self.tail.number,
                        offset,
                    },
                    false,
                )
            }
            Body::Large { temp, .. } => {
                let target = self.shared.flat_path(&digest);
                self.shared
                    .disk
                    .rename(&temp.0, &target)
                    .map_err(IpfsError::failed("renaming a block"))?;
                self.frame(Kind::Flat, flags, now_ms, size, digest, &[]);
                (Place::Flat, true)
            }
        };
        let entry = Entry {
            place,
            size,
            put_at_ms: now_ms,
            flags,
            damaged: false,
        };
        staged.insert(digest, Staged { entry, children });
        Ok(renamed)
    }

    /// Adds a frame to the batch; returns where its payload will lie.
    pub(crate) fn frame(
        &mut self,
        kind: Kind,
        flags: u8,
        time_ms: u64,
        size: u64,
        digest: Sha256Digest,
        payload: &[u8],
    ) -> u64 {
        let offset = self.tail.len + self.frames.len() as u64;
        let frame = Frame {
            kind,
            flags,
            time_ms,
            size,
            digest,
        };
        encode_frame(&mut self.frames, &self.tail.salt, offset, &frame, payload);
        offset + FRAME_HEADER_BYTES as u64
    }

    /// Appends the batch's frames and syncs the segment.
    pub(crate) fn flush(&mut self) -> Result<(), IpfsError> {
        if self.frames.is_empty() {
            return Ok(());
        }
        let disk = &self.shared.disk;
        disk.append(&self.tail.file, &self.frames)
            .map_err(IpfsError::failed("appending to a segment"))?;
        disk.sync_data(&self.tail.file)
            .map_err(IpfsError::failed("sync of a segment"))?;
        let written = self.frames.len() as u64;
        self.tail.len += written;
        self.shared
            .segment_total
            .fetch_add(written, Ordering::Relaxed);
        self.shared.syncs.fetch_add(1, Ordering::Relaxed);
        self.frames.clear();
        self.frames.shrink_to(BATCH_BYTES);
        Ok(())
    }

    fn publish(&self, staged: HashMap<Sha256Digest, Staged>, batch: &[PutWrite]) {
        let mut index = self.shared.index.write();
        for (digest, change) in staged {
            index.set(digest, change.entry, change.children);
        }
        for put in batch {
            if let Some(hold) = &put.hold {
                let digests = put.blocks.iter().map(|block| block.digest);
                digests.clone().for_each(|digest| index.hold(digest));
                hold.held.lock().extend(digests);
            }
        }
    }

    pub(crate) fn roll_if_full(&mut self) -> Result<(), IpfsError> {
        if self.tail.len >= self.shared.segment_bytes {
            self.tail = new_segment(&self.shared, self.tail.number + 1)
                .map_err(IpfsError::failed("beginning a segment"))?;
        }
        Ok(())
    }

    fn removing(
        &mut self,
        wanted: &[(Sha256Digest, u8)],
        before: Option<u64>,
    ) -> Result<Removed, IpfsError> {
        self.shared.writable()?;
        removal::remove(self, wanted, before).map_err(|error| self.shared.fail(error))
    }
}

/// Tells the caller, who may have gone away: then there is nobody to tell.
fn answer<T>(reply: Reply<T>, result: Result<T, IpfsError>) {
    if reply.send(result).is_err() {
        tracing::trace!("a write finished after its caller had left");
    }
}

/// Makes an empty segment, durably, and opens it for appending.
pub(crate) fn new_segment(shared: &Shared, number: u64) -> std::io::Result<Tail> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(std::io::Error::other)?;
    let dir = shared.segments_dir();
    write_durably(
        &*shared.disk,
        &dir,
        &file_name(number),
        &encode_header(number, &salt),
    )?;
    let file = Arc::new(
        File::options()
            .read(true)
            .append(true)
            .open(dir.join(file_name(number)))?,
    );
    shared.segments.write().insert(number, file.clone());
    shared
        .segment_total
        .fetch_add(SEGMENT_HEADER_BYTES as u64, Ordering::Relaxed);
    Ok(Tail {
        number,
        salt,
        file,
        len: SEGMENT_HEADER_BYTES as u64,
    })
}
