//! Writing envelopes, in one piece or as content arrives.

use alloy_primitives::B256;
use rand_core::CryptoRng;
use zeroize::Zeroize;

use super::header::{HEADER_BYTES, SEGMENT_LOG2, SegmentKeys, make};
use super::layout::{Layout, first_capacity, other_capacity};
use crate::{CryptoError, RecordKey};

/// Seals metadata and content that are both in memory.
///
/// # Errors
/// Metadata over [`super::META_MAX_BYTES`].
pub fn seal_envelope(
    key: &RecordKey,
    uid: &B256,
    version: u32,
    meta: &[u8],
    content: &[u8],
    rng: &mut impl CryptoRng,
) -> Result<Vec<u8>, CryptoError> {
    let mut sealer = Sealer::new(key, uid, version, meta, content.len() as u64, rng)?;
    let mut out = sealer.buffer();
    sealer.update(content, &mut out)?;
    sealer.finish(&mut out)?;
    Ok(out)
}

/// Seals content that comes in pieces; its length and metadata are known before.
///
/// Segments are appended to the buffer of the caller, who may write it out and clear it after each
/// call. The first piece of output is the header.
pub struct Sealer {
    keys: SegmentKeys,
    layout: Layout,
    log2: u8,
    header: Option<[u8; HEADER_BYTES]>,
    index: u32,
    /// Plaintext of the segment that is being filled.
    pending: Vec<u8>,
    given: u64,
}

impl Sealer {
    /// Starts an envelope with segments of 1 MiB.
    ///
    /// # Errors
    /// Metadata over its bound; content so long that segments cannot be counted.
    pub fn new(
        key: &RecordKey,
        uid: &B256,
        version: u32,
        meta: &[u8],
        content_len: u64,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, CryptoError> {
        Self::with_segments(SEGMENT_LOG2, key, uid, version, meta, content_len, rng)
    }

    /// Starts an envelope with segments of 2^`log2` bytes, 12 to 24.
    ///
    /// # Errors
    /// As [`Sealer::new`]; a segment size out of range.
    pub fn with_segments(
        log2: u8,
        key: &RecordKey,
        uid: &B256,
        version: u32,
        meta: &[u8],
        content_len: u64,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, CryptoError> {
        let meta_len = u32::try_from(meta.len()).unwrap_or(u32::MAX);
        let layout = Layout::new(log2, meta_len, content_len)?;
        let mut salt = [0u8; 32];
        rng.fill_bytes(&mut salt);
        let (header, keys) = make(key, uid, version, log2, &salt)?;
        let capacity = layout.plaintext_len().min(other_capacity(log2)) as usize;
        let mut sealer = Self {
            keys,
            layout,
            log2,
            header: Some(header),
            index: 0,
            pending: Vec::with_capacity(capacity),
            given: 0,
        };
        // With the smallest segments metadata may span several: they wait in `pending`, whose
        // length is bounded by the metadata's.
        sealer.pending.extend_from_slice(&meta_len.to_be_bytes());
        sealer.pending.extend_from_slice(&content_len.to_be_bytes());
        sealer.pending.extend_from_slice(meta);
        Ok(sealer)
    }

    /// The lengths and places of the envelope.
    #[must_use]
    pub const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// An empty buffer with room for the whole blob.
    fn buffer(&self) -> Vec<u8> {
        Vec::with_capacity(self.layout.blob_len() as usize)
    }

    /// Takes the next piece of content and appends the segments that are full.
    ///
    /// # Errors
    /// More content than announced; nothing of the piece is taken then.
    pub fn update(&mut self, mut content: &[u8], out: &mut Vec<u8>) -> Result<(), CryptoError> {
        let given = self.given.saturating_add(content.len() as u64);
        if given > self.layout.content_len() {
            return Err(CryptoError::ContentLength {
                announced: self.layout.content_len(),
                given,
            });
        }
        self.given = given;
        self.flush(out);
        while !content.is_empty() {
            let room = self.capacity() - self.pending.len();
            let (now, later) = content.split_at(room.min(content.len()));
            self.pending.extend_from_slice(now);
            content = later;
            self.flush(out);
        }
        Ok(())
    }

    /// Pads, and appends what remains.
    ///
    /// # Errors
    /// Less content than announced.
    pub fn finish(mut self, out: &mut Vec<u8>) -> Result<(), CryptoError> {
        if self.given != self.layout.content_len() {
            return Err(CryptoError::ContentLength {
                announced: self.layout.content_len(),
                given: self.given,
            });
        }
        self.flush(out);
        let mut padding = self.layout.plaintext_len() - self.layout.content_in_plaintext().end;
        loop {
            let room = (self.capacity() - self.pending.len()) as u64;
            let now = room.min(padding);
            self.pending.resize(self.pending.len() + now as usize, 0);
            padding -= now;
            if padding == 0 && self.layout.is_last(self.index) {
                break;
            }
            self.flush(out);
        }
        let rest = self.pending.len();
        self.seal(rest, out);
        Ok(())
    }

    fn capacity(&self) -> usize {
        let capacity = if self.index == 0 {
            first_capacity(self.log2)
        } else {
            other_capacity(self.log2)
        };
        capacity as usize
    }

    /// Seals full segments, except the last, which only `finish` seals.
    fn flush(&mut self, out: &mut Vec<u8>) {
        while !self.layout.is_last(self.index) && self.pending.len() >= self.capacity() {
            let capacity = self.capacity();
            self.seal(capacity, out);
            self.index += 1;
        }
    }

    fn seal(&mut self, len: usize, out: &mut Vec<u8>) {
        if let Some(header) = self.header.take() {
            out.extend_from_slice(&header);
        }
        let nonce = self.keys.nonce(self.index, self.layout.is_last(self.index));
        let start = out.len();
        out.extend_from_slice(&self.pending[..len]);
        let tag = self
            .keys
            .cipher
            .seal_in_place(&nonce, b"", &mut out[start..]);
        out.extend_from_slice(&tag);
        self.pending.copy_within(len.., 0);
        self.pending.truncate(self.pending.len() - len);
    }
}

impl Drop for Sealer {
    fn drop(&mut self) {
        self.pending.zeroize();
    }
}
