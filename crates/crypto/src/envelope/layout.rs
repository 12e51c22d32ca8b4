//! Where the bytes of an envelope are: lengths, padding, segments.

use core::ops::Range;

use super::header::{HEADER_BYTES, check_segment_size};
use crate::CryptoError;
use crate::aead::TAG_BYTES;

/// Length of the two lengths at the beginning of the plaintext.
pub const LENGTHS_BYTES: usize = 12;
/// The shortest plaintext; anything shorter is padded to it.
pub const PLAINTEXT_MIN_BYTES: u64 = 512;
/// The longest metadata that is written or read.
pub const META_MAX_BYTES: usize = 1 << 18;

/// `length` rounded up so that it tells only O(log log) bits of itself (PURB's padme).
///
/// Lengths below 2 stay as they are; so do those too large to be rounded up in 64 bits.
#[must_use]
pub const fn padme(length: u64) -> u64 {
    if length < 2 {
        return length;
    }
    let e = length.ilog2();
    let s = e.ilog2() + 1;
    let mask = (1u64 << (e - s)) - 1;
    match length.checked_add(mask) {
        Some(sum) => sum & !mask,
        None => length,
    }
}

/// The lengths of an envelope and the places that follow from them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    log2: u8,
    meta: u32,
    content: u64,
    plaintext: u64,
    segments: u32,
}

impl Layout {
    /// The layout of an envelope with segments of 2^`log2` bytes.
    ///
    /// # Errors
    /// A segment size out of range, metadata over its bound, more than 2^32 segments.
    pub fn new(log2: u8, meta_len: u32, content_len: u64) -> Result<Self, CryptoError> {
        check_segment_size(log2)?;
        if meta_len as usize > META_MAX_BYTES {
            return Err(CryptoError::TooLarge {
                what: "metadata",
                limit: META_MAX_BYTES as u64,
            });
        }
        let first = first_capacity(log2);
        let used = (LENGTHS_BYTES as u64 + u64::from(meta_len))
            .checked_add(content_len)
            .ok_or(CryptoError::SegmentCount)?;
        let plaintext = padme(used.max(PLAINTEXT_MIN_BYTES));
        let more = plaintext
            .saturating_sub(first)
            .div_ceil(other_capacity(log2));
        let last = u32::try_from(more).map_err(|_| CryptoError::SegmentCount)?;
        let segments = last.checked_add(1).ok_or(CryptoError::SegmentCount)?;
        Ok(Self {
            log2,
            meta: meta_len,
            content: content_len,
            plaintext,
            segments,
        })
    }

    /// The layout told by the first 12 bytes of the first segment's plaintext.
    ///
    /// # Errors
    /// As [`Layout::new`]; fewer than 12 bytes.
    pub fn from_lengths(log2: u8, plaintext: &[u8]) -> Result<Self, CryptoError> {
        let fault = CryptoError::EnvelopeLengths;
        let (meta, rest) = plaintext.split_first_chunk::<4>().ok_or(fault.clone())?;
        let content = rest.first_chunk::<8>().ok_or(fault)?;
        Self::new(
            log2,
            u32::from_be_bytes(*meta),
            u64::from_be_bytes(*content),
        )
    }

    /// Length of the metadata.
    #[must_use]
    pub const fn meta_len(&self) -> u32 {
        self.meta
    }

    /// Length of the content.
    #[must_use]
    pub const fn content_len(&self) -> u64 {
        self.content
    }

    /// Length of the padded plaintext.
    #[must_use]
    pub const fn plaintext_len(&self) -> u64 {
        self.plaintext
    }

    /// How many segments there are, at least 1.
    #[must_use]
    pub const fn segments(&self) -> u32 {
        self.segments
    }

    /// Whether this is the last segment.
    #[must_use]
    pub const fn is_last(&self, index: u32) -> bool {
        index + 1 == self.segments
    }

    /// Length of the whole blob.
    #[must_use]
    pub const fn blob_len(&self) -> u64 {
        HEADER_BYTES as u64 + self.plaintext + self.segments as u64 * TAG_BYTES as u64
    }

    /// Where a segment's ciphertext and tag are in the blob; the first begins behind the header.
    #[must_use]
    pub fn segment_in_blob(&self, index: u32) -> Range<u64> {
        let start = (u64::from(index) << self.log2).max(HEADER_BYTES as u64);
        start..((u64::from(index) + 1) << self.log2).min(self.blob_len())
    }

    /// Where a segment's plaintext is in the whole plaintext.
    #[must_use]
    pub fn segment_in_plaintext(&self, index: u32) -> Range<u64> {
        let (first, other) = (first_capacity(self.log2), other_capacity(self.log2));
        let end = (first + u64::from(index) * other).min(self.plaintext);
        let start = if index == 0 {
            0
        } else {
            first + (u64::from(index) - 1) * other
        };
        start.min(end)..end
    }

    /// Where the metadata is in the plaintext.
    #[must_use]
    pub fn meta_in_plaintext(&self) -> Range<u64> {
        LENGTHS_BYTES as u64..LENGTHS_BYTES as u64 + u64::from(self.meta)
    }

    /// Where the content is in the plaintext.
    #[must_use]
    pub fn content_in_plaintext(&self) -> Range<u64> {
        let start = self.meta_in_plaintext().end;
        start..start + self.content
    }

    /// The segments that hold this range of the content; empty for an empty range.
    ///
    /// # Errors
    /// A range that leaves the content or ends before it starts.
    pub fn segments_of_content(&self, range: Range<u64>) -> Result<Range<u32>, CryptoError> {
        if range.start > range.end || range.end > self.content {
            return Err(CryptoError::TooLarge {
                what: "the range",
                limit: self.content,
            });
        }
        if range.is_empty() {
            return Ok(0..0);
        }
        let start = self.content_in_plaintext().start;
        let first = self.segment_at(start + range.start);
        Ok(first..self.segment_at(start + range.end - 1) + 1)
    }

    /// The part of a segment's plaintext that belongs to this range of the content.
    #[must_use]
    pub fn content_in_segment(&self, index: u32, range: Range<u64>) -> Range<usize> {
        let start = self.content_in_plaintext().start;
        overlap(
            self.segment_in_plaintext(index),
            start + range.start.min(self.content)..start + range.end.min(self.content),
        )
    }

    fn segment_at(&self, at: u64) -> u32 {
        let first = first_capacity(self.log2);
        if at < first {
            return 0;
        }
        u32::try_from((at - first) / other_capacity(self.log2) + 1)
            .expect("the number of segments fits in 32 bits, as the constructor checks")
    }
}

/// The part of `wanted` inside `segment`, counted from the segment's start.
pub(super) fn overlap(segment: Range<u64>, wanted: Range<u64>) -> Range<usize> {
    let start = wanted.start.clamp(segment.start, segment.end);
    let end = wanted.end.clamp(start, segment.end);
    (start - segment.start) as usize..(end - segment.start) as usize
}

/// Plaintext in the first segment, whose 2^log2 bytes hold the header too.
pub(super) const fn first_capacity(log2: u8) -> u64 {
    (1 << log2) - (HEADER_BYTES + TAG_BYTES) as u64
}

/// Plaintext in every other segment.
pub(super) const fn other_capacity(log2: u8) -> u64 {
    (1 << log2) - TAG_BYTES as u64
}
