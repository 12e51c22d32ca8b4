//! Turning content into blocks on the disk: leaves first, durable, then nodes, then the root.
//!
//! A long file passes through a window of a few leaves. Its leaves are written and synced under
//! temporary names by the blocking pool, and moved into place by the writer thread. Until the root is
//! durable the file is not listed and nothing but the write in progress keeps its leaves: if it fails
//! or is given up, they are removed.

use std::fs::File;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use cid::Cid;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::sync::oneshot;

use super::limits::{QUEUED_UNIT_BYTES, SMALL_MAX_BYTES, WINDOW_LEAVES};
use super::queue::{Body, Holds, NewBlock, PutWrite, TempFile, Write};
use super::segment::{FRAME_HEADER_BYTES, NODE, ROOT_NODE, ROOT_RAW};
use super::shared::Shared;
use super::{Store, blocking, check_count, check_size};
use crate::dag::{CHUNK_BYTES, Layout, Link, NodeBlock, RAW, cid_from_digest, digest_of, sha256};
use crate::error::IpfsError;

/// Content hashed on the caller's thread rather than on the blocking pool.
const INLINE_BYTES: usize = 64 << 10;

impl Store {
    /// Stores a file held in memory. It is durable when this returns.
    ///
    /// # Errors
    /// [`IpfsError::TooLarge`] above [`WHOLE_MAX_BYTES`](super::limits::WHOLE_MAX_BYTES), [`IpfsError::Failed`].
    pub async fn put(&self, bytes: Bytes) -> Result<Cid, IpfsError> {
        let cids = self.put_many(vec![bytes]).await?;
        Ok(cids[0])
    }

    /// Stores many files held in memory, those of at most one chunk with one sync for all. All are
    /// durable when this returns; after an error some may be stored.
    ///
    /// # Errors
    /// [`IpfsError::TooMany`], [`IpfsError::TooLarge`] (in sum), [`IpfsError::Failed`].
    pub async fn put_many(&self, files: Vec<Bytes>) -> Result<Vec<Cid>, IpfsError> {
        check_count("files", files.len())?;
        check_size(files.iter().map(|file| file.len() as u64).sum())?;
        let (short, long): (Vec<_>, Vec<_>) = files
            .into_iter()
            .enumerate()
            .partition(|(_, file)| file.len() <= CHUNK_BYTES);
        let (places, leaves): (Vec<_>, Vec<_>) = short.into_iter().unzip();
        let blocks = self.prepare(leaves, ROOT_RAW).await?;
        let mut cids = vec![Cid::default(); places.len() + long.len()];
        for (place, block) in places.into_iter().zip(&blocks) {
            cids[place] = cid_from_digest(RAW, &block.digest);
        }
        self.submit(blocks, None).await?;
        for (place, mut file) in long {
            let _slot = self
                .inner
                .streams
                .acquire()
                .await
                .map_err(|_| IpfsError::Stopped)?;
            let mut ingest = Ingest::new(self.clone());
            while !file.is_empty() {
                ingest
                    .push(file.split_to(file.len().min(CHUNK_BYTES)))
                    .await?;
            }
            cids[place] = ingest.finish().await?;
        }
        Ok(cids)
    }

    /// Stores a file of any length from a reader, with memory for a few leaves. Returns its CID and size;
    /// it is durable then. If the reader fails or is too long nothing is kept.
    ///
    /// # Errors
    /// [`IpfsError::TooLarge`] above `max_bytes`, [`IpfsError::Input`] if the reader fails,
    /// [`IpfsError::Failed`].
    pub async fn put_stream<R>(
        &self,
        mut reader: R,
        max_bytes: u64,
    ) -> Result<(Cid, u64), IpfsError>
    where
        R: AsyncRead + Unpin,
    {
        let _slot = self
            .inner
            .streams
            .acquire()
            .await
            .map_err(|_| IpfsError::Stopped)?;
        let mut ingest = Ingest::new(self.clone());
        let mut total = 0u64;
        loop {
            let mut chunk = BytesMut::with_capacity(CHUNK_BYTES);
            let mut bounded = (&mut reader).take(CHUNK_BYTES as u64);
            while chunk.len() < CHUNK_BYTES {
                let read = bounded
                    .read_buf(&mut chunk)
                    .await
                    .map_err(|error| IpfsError::Input(Arc::new(error)))?;
                if read == 0 {
                    break;
                }
            }
            total += chunk.len() as u64;
            if total > max_bytes {
                return Err(IpfsError::TooLarge {
                    limit_bytes: max_bytes,
                });
            }
            let full = chunk.len() == CHUNK_BYTES;
            if !chunk.is_empty() {
                ingest.push(chunk.freeze()).await?;
            }
            if !full {
                return Ok((ingest.finish().await?, total));
            }
        }
    }

    /// Hashes leaves and writes the large ones to temporary files.
    pub(super) async fn prepare(
        &self,
        leaves: Vec<Bytes>,
        flags: u8,
    ) -> Result<Vec<NewBlock>, IpfsError> {
        let quick = leaves.iter().map(Bytes::len).sum::<usize>() <= INLINE_BYTES;
        const {
            assert!(
                INLINE_BYTES <= SMALL_MAX_BYTES,
                "what is hashed inline never touches the disk"
            )
        };
        if quick {
            return prepare(&self.inner.shared, leaves, flags);
        }
        let store = self.clone();
        blocking(move || prepare(&store.inner.shared, leaves, flags)).await
    }

    /// Hands blocks to the writer and waits until they are durable.
    pub(super) async fn submit(
        &self,
        blocks: Vec<NewBlock>,
        hold: Option<Arc<Holds>>,
    ) -> Result<(), IpfsError> {
        if blocks.is_empty() {
            return Ok(());
        }
        let waiting: usize = blocks
            .iter()
            .map(|block| match &block.body {
                Body::Small(bytes) => FRAME_HEADER_BYTES + bytes.len(),
                Body::Large { .. } => FRAME_HEADER_BYTES,
            })
            .sum();
        let units = waiting.div_ceil(QUEUED_UNIT_BYTES);
        let units = u32::try_from(units).expect("a call holds at most 64 MiB and 16,384 headers");
        let queued = self.inner.queued.clone().acquire_many_owned(units);
        let _queued = queued.await.map_err(|_| IpfsError::Stopped)?;
        let (reply, done) = oneshot::channel();
        self.send(Write::Put(PutWrite {
            blocks,
            hold,
            reply,
            _queued,
        }))
        .await?;
        done.await.map_err(|_| IpfsError::Stopped)?
    }
}

/// Hashes leaves and writes the large ones, synced, to temporary files.
pub(crate) fn prepare(
    shared: &Shared,
    leaves: Vec<Bytes>,
    flags: u8,
) -> Result<Vec<NewBlock>, IpfsError> {
    shared.writable()?;
    let mut files = Vec::new();
    let mut blocks = Vec::with_capacity(leaves.len());
    for leaf in leaves {
        let digest = sha256(&leaf);
        let body = if leaf.len() <= SMALL_MAX_BYTES {
            Body::Small(leaf)
        } else {
            let temp = TempFile(shared.temp_path(&digest));
            let file = File::create_new(&temp.0).and_then(|file| {
                shared.disk.append(&file, &leaf)?;
                Ok(file)
            });
            files.push(
                file.map_err(|error| shared.fail(IpfsError::failed("writing a block")(error)))?,
            );
            Body::Large {
                temp,
                size: leaf.len() as u64,
            }
        };
        blocks.push(NewBlock {
            digest,
            flags,
            body,
            children: Box::default(),
        });
    }
    for file in files {
        shared
            .disk
            .sync_data(&file)
            .map_err(|error| shared.fail(IpfsError::failed("sync of a block")(error)))?;
    }
    Ok(blocks)
}

/// One long file on its way in.
pub(crate) struct Ingest {
    store: Store,
    layout: Layout,
    window: Vec<Bytes>,
    /// Finished nodes that wait; the last one may turn out to be the root.
    nodes: Vec<NodeBlock>,
    holds: Arc<Holds>,
}

impl Ingest {
    pub(crate) fn new(store: Store) -> Self {
        let holds = Holds::new(store.shared().clone(), store.weak_queue());
        Self {
            store,
            layout: Layout::default(),
            window: Vec::new(),
            nodes: Vec::new(),
            holds,
        }
    }

    /// Takes the next chunk: a full one, unless it is the last.
    pub(crate) async fn push(&mut self, chunk: Bytes) -> Result<(), IpfsError> {
        if self.window.len() == WINDOW_LEAVES {
            self.flush().await?;
        }
        self.window.push(chunk);
        Ok(())
    }

    /// Stores what remains and the root, and returns its CID.
    pub(crate) async fn finish(mut self) -> Result<Cid, IpfsError> {
        if self.layout.is_empty() && self.window.len() <= 1 {
            let leaf = self.window.pop().unwrap_or_default();
            let blocks = self.store.prepare(vec![leaf], ROOT_RAW).await?;
            let cid = cid_from_digest(RAW, &blocks[0].digest);
            self.store.submit(blocks, None).await?;
            return Ok(cid);
        }
        self.flush().await?;
        let layout = std::mem::take(&mut self.layout);
        let root = layout
            .finish(&mut self.nodes)
            .expect("at least two leaves were pushed")
            .cid;
        let node = self.nodes.pop().expect("two leaves have a node above them");
        debug_assert_eq!(node.cid, root);
        self.put_nodes().await?;
        self.store
            .submit(vec![node_block(node, ROOT_NODE | NODE)], None)
            .await?;
        Ok(root)
    }

    async fn flush(&mut self) -> Result<(), IpfsError> {
        let blocks = self
            .store
            .prepare(std::mem::take(&mut self.window), 0)
            .await?;
        let links: Vec<Link> = blocks
            .iter()
            .map(|block| {
                let bytes = block.body.size();
                Link {
                    cid: cid_from_digest(RAW, &block.digest),
                    file_bytes: bytes,
                    total_bytes: bytes,
                }
            })
            .collect();
        self.store.submit(blocks, Some(self.holds.clone())).await?;
        for link in links {
            self.layout.push(link, &mut self.nodes);
        }
        let last = self.nodes.pop();
        self.put_nodes().await?;
        self.nodes.extend(last);
        Ok(())
    }

    async fn put_nodes(&mut self) -> Result<(), IpfsError> {
        let nodes = self
            .nodes
            .drain(..)
            .map(|node| node_block(node, NODE))
            .collect();
        self.store.submit(nodes, Some(self.holds.clone())).await
    }
}

fn node_block(node: NodeBlock, flags: u8) -> NewBlock {
    let digest = |cid: &Cid| digest_of(cid).expect("the layout makes CIDs of the profile");
    NewBlock {
        digest: digest(&node.cid),
        flags,
        children: node.children.iter().map(digest).collect(),
        body: Body::Small(node.bytes.into()),
    }
}
