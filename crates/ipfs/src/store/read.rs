//! Reading files and ranges of them, leaf by leaf. Every block is checked against its CID before a byte
//! of it is given out, and every node against the sizes its parent promised.

use std::io;
use std::ops::Range;

use bytes::{Bytes, BytesMut};
use cid::Cid;
use futures::stream::{self, Stream, TryStreamExt as _};
use tokio::io::AsyncRead;
use tokio_util::io::StreamReader;

use super::shared::Shared;
use super::{Store, blocking, check_count, check_size};
use crate::dag::{BlockError, DAG_PB, DEPTH_MAX, Node, RAW, digest_of};
use crate::error::IpfsError;

impl Store {
    /// A whole file of at most [`WHOLE_MAX_BYTES`](super::limits::WHOLE_MAX_BYTES).
    ///
    /// # Errors
    /// [`BlockError::Corrupt`](crate::BlockError::Corrupt) with the damaged block's CID,
    /// [`IpfsError::Missing`], [`IpfsError::TooLarge`], [`IpfsError::Read`].
    pub async fn get(&self, cid: Cid) -> Result<Bytes, IpfsError> {
        if cid.codec() == RAW {
            return self.get_block(cid).await;
        }
        let reader = self.open_reader(cid).await?;
        check_size(reader.size_bytes())?;
        reader.collect().await
    }

    /// Many files at once, each with its own outcome, in the order asked for.
    ///
    /// # Errors
    /// [`IpfsError::TooMany`], or [`IpfsError::TooLarge`] if those present exceed
    /// [`WHOLE_MAX_BYTES`](super::limits::WHOLE_MAX_BYTES) in sum.
    pub async fn get_many(
        &self,
        cids: Vec<Cid>,
    ) -> Result<Vec<Result<Bytes, IpfsError>>, IpfsError> {
        check_count("cids", cids.len())?;
        let mut total = 0u64;
        for cid in &cids {
            let size = if cid.codec() == RAW {
                self.block_size(cid)
            } else {
                self.size(*cid).await
            };
            total = total.saturating_add(size.unwrap_or(0));
        }
        check_size(total)?;
        let leaves: Vec<Cid> = cids
            .iter()
            .copied()
            .filter(|cid| cid.codec() == RAW)
            .collect();
        let mut found = self
            .reading(move |shared| {
                Ok(leaves
                    .iter()
                    .map(|cid| shared.read_block(cid))
                    .collect::<Vec<_>>())
            })
            .await?
            .into_iter();
        let mut all = Vec::with_capacity(cids.len());
        for cid in cids {
            all.push(if cid.codec() == RAW {
                found.next().expect("one result for each leaf")
            } else {
                self.get(cid).await
            });
        }
        Ok(all)
    }

    /// A reader over a whole file.
    ///
    /// # Errors
    /// As [`Store::get`], without the size limit.
    pub async fn open_reader(&self, cid: Cid) -> Result<FileReader, IpfsError> {
        digest_of(&cid)?;
        FileReader::open(self.clone(), cid).await
    }

    /// A stream over part of a file. An end after the file's end means the file's end.
    ///
    /// # Errors
    /// [`IpfsError::Range`], and as [`Store::get`].
    pub async fn get_range(
        &self,
        cid: Cid,
        range: Range<u64>,
    ) -> Result<impl Stream<Item = Result<Bytes, IpfsError>> + Send + Unpin + 'static, IpfsError>
    {
        Ok(self.ranged(cid, range).await?.into_stream())
    }

    /// Part of a file in one piece: `len` bytes from `offset`, or fewer at the file's end.
    ///
    /// # Errors
    /// [`IpfsError::TooLarge`] if `len` exceeds [`WHOLE_MAX_BYTES`](super::limits::WHOLE_MAX_BYTES), and as [`Store::get_range`].
    pub async fn read_range(&self, cid: Cid, offset: u64, len: u64) -> Result<Bytes, IpfsError> {
        check_size(len)?;
        self.ranged(cid, offset..offset.saturating_add(len))
            .await?
            .collect()
            .await
    }

    /// One block, whatever it is part of.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub async fn get_block(&self, cid: Cid) -> Result<Bytes, IpfsError> {
        self.reading(move |shared| shared.read_block(&cid)).await
    }

    /// Size of a file.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub async fn size(&self, cid: Cid) -> Result<u64, IpfsError> {
        Ok(self.open_reader(cid).await?.size_bytes())
    }

    async fn ranged(&self, cid: Cid, range: Range<u64>) -> Result<FileReader, IpfsError> {
        let mut reader = self.open_reader(cid).await?;
        let size_bytes = reader.size_bytes();
        if range.start > size_bytes || range.end < range.start {
            return Err(IpfsError::Range {
                cid,
                start: range.start,
                end: range.end,
                size_bytes,
            });
        }
        reader.limit(range.start..range.end.min(size_bytes));
        Ok(reader)
    }

    fn block_size(&self, cid: &Cid) -> Result<u64, IpfsError> {
        let digest = digest_of(cid)?;
        let size = self
            .inner
            .shared
            .index
            .read()
            .get(&digest)
            .map(|entry| entry.size);
        size.ok_or(IpfsError::Missing { cid: *cid })
    }

    async fn reading<T, F>(&self, read: F) -> Result<T, IpfsError>
    where
        T: Send + 'static,
        F: FnOnce(&Shared) -> Result<T, IpfsError> + Send + 'static,
    {
        let slot = self
            .inner
            .reads
            .clone()
            .acquire_owned()
            .await
            .map_err(|_| IpfsError::Stopped)?;
        let shared = self.inner.shared.clone();
        blocking(move || {
            let _slot = slot;
            read(&shared)
        })
        .await
    }
}

/// A block that is still to be read, and the part of the file below it.
#[derive(Debug, Clone)]
struct Part {
    cid: Cid,
    start: u64,
    bytes: u64,
    /// Levels of nodes above it.
    depth: u8,
}

impl Part {
    fn end(&self) -> u64 {
        self.start.saturating_add(self.bytes)
    }
}

/// Reads a file, or a range of it, from its beginning to its end.
#[derive(Debug, Clone)]
pub struct FileReader {
    store: Store,
    size_bytes: u64,
    range: Range<u64>,
    /// What is still to be read; the next part is last.
    parts: Vec<Part>,
}

impl FileReader {
    pub(crate) async fn open(store: Store, cid: Cid) -> Result<Self, IpfsError> {
        let mut reader = Self {
            store,
            size_bytes: 0,
            range: 0..0,
            parts: Vec::new(),
        };
        if cid.codec() == DAG_PB {
            let node = Node::decode(&cid, &reader.store.get_block(cid).await?)?;
            reader.size_bytes = node.file_bytes;
            reader.range = 0..node.file_bytes;
            reader.descend(&node, 0, 1);
        } else {
            let bytes = reader.store.block_size(&cid)?;
            reader.size_bytes = bytes;
            reader.range = 0..bytes;
            reader.parts.push(Part {
                cid,
                start: 0,
                bytes,
                depth: 0,
            });
        }
        Ok(reader)
    }

    /// Size of the whole file.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    pub(crate) fn limit(&mut self, range: Range<u64>) {
        self.range = range;
    }

    /// The next verified piece, at most one leaf; `None` at the end.
    ///
    /// # Errors
    /// [`BlockError::Corrupt`] names a block whose bytes do not match, [`BlockError::BadNode`] one that
    /// lies about sizes; [`IpfsError::Missing`], [`IpfsError::Read`].
    pub async fn next_chunk(&mut self) -> Result<Option<Bytes>, IpfsError> {
        while let Some(part) = self.parts.pop() {
            if part.end() <= self.range.start || part.start >= self.range.end {
                continue;
            }
            let block = self.store.get_block(part.cid).await?;
            let bad = |reason| BlockError::BadNode {
                cid: part.cid,
                reason,
            };
            if part.cid.codec() == DAG_PB {
                let node = Node::decode(&part.cid, &block)?;
                if node.file_bytes != part.bytes {
                    return Err(bad("its size is not what its parent says").into());
                }
                if part.depth >= DEPTH_MAX {
                    return Err(bad("it lies too deep").into());
                }
                self.descend(&node, part.start, part.depth + 1);
                continue;
            }
            if block.len() as u64 != part.bytes {
                return Err(bad("its size is not what its parent says").into());
            }
            // Both ends lie within the leaf, which is in memory, so they fit a usize.
            let from = self.range.start.saturating_sub(part.start) as usize;
            let to = (self.range.end.min(part.end()) - part.start) as usize;
            return Ok(Some(block.slice(from..to)));
        }
        Ok(None)
    }

    /// The rest as a stream of pieces.
    pub fn into_stream(
        self,
    ) -> impl Stream<Item = Result<Bytes, IpfsError>> + Send + Unpin + 'static {
        Box::pin(stream::try_unfold(self, |mut reader| async move {
            Ok(reader.next_chunk().await?.map(|chunk| (chunk, reader)))
        }))
    }

    /// The rest as an asynchronous reader.
    pub fn into_async_read(self) -> impl AsyncRead + Send + Unpin + 'static {
        StreamReader::new(self.into_stream().map_err(io::Error::other))
    }

    /// The rest in one piece; the caller has bounded it.
    pub(crate) async fn collect(mut self) -> Result<Bytes, IpfsError> {
        let wanted = (self.range.end - self.range.start) as usize;
        let Some(first) = self.next_chunk().await? else {
            return Ok(Bytes::new());
        };
        if first.len() == wanted {
            return Ok(first);
        }
        let mut all = BytesMut::with_capacity(wanted);
        all.extend_from_slice(&first);
        while let Some(chunk) = self.next_chunk().await? {
            all.extend_from_slice(&chunk);
        }
        Ok(all.freeze())
    }

    fn descend(&mut self, node: &Node, mut start: u64, depth: u8) {
        let at = self.parts.len();
        for link in &node.links {
            let part = Part {
                cid: link.cid,
                start,
                bytes: link.file_bytes,
                depth,
            };
            start = part.end();
            if part.end() > self.range.start && part.start < self.range.end {
                self.parts.push(part);
            }
        }
        self.parts[at..].reverse();
    }
}
