//! Reading envelopes: whole, in order, or by range.

use core::fmt;
use core::ops::Range;

use alloy_primitives::B256;
use zeroize::Zeroizing;

use super::header::{HEADER_BYTES, SegmentKeys, check};
use super::layout::{Layout, overlap};
use crate::aead::TAG_BYTES;
use crate::{CryptoError, RecordKey};

/// Metadata and content of an envelope that was checked to its last byte.
pub struct Opened {
    plaintext: Zeroizing<Vec<u8>>,
    meta: Range<usize>,
    content: Range<usize>,
}

impl Opened {
    /// The metadata.
    #[must_use]
    pub fn meta(&self) -> &[u8] {
        &self.plaintext[self.meta.clone()]
    }

    /// The content, byte for byte as it was sealed.
    #[must_use]
    pub fn content(&self) -> &[u8] {
        &self.plaintext[self.content.clone()]
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened")
            .field("meta_len", &self.meta.len())
            .field("content_len", &self.content.len())
            .finish_non_exhaustive()
    }
}

/// Opens a whole envelope.
///
/// # Errors
/// Names the first thing that is wrong: header, key commitment, a segment, lengths, padding.
pub fn open_envelope(
    key: &RecordKey,
    uid: &B256,
    version: u32,
    blob: &[u8],
) -> Result<Opened, CryptoError> {
    let opener = Opener::new(key, uid, version, blob)?;
    let size = 1usize << opener.log2;
    let mut plaintext = Zeroizing::new(Vec::with_capacity(blob.len()));
    let mut start = HEADER_BYTES;
    let mut index = 0u32;
    loop {
        // Segments end at multiples of their size; the first shares its own with the header.
        let end = (start - start % size + size).min(blob.len());
        let last = end == blob.len();
        opener.open_onto(index, last, &blob[start..end], &mut plaintext)?;
        if last {
            break;
        }
        start = end;
        index = index.checked_add(1).ok_or(CryptoError::SegmentCount)?;
    }
    let layout = Layout::from_lengths(opener.log2, &plaintext)?;
    let used = layout.content_in_plaintext();
    if used.end > plaintext.len() as u64 {
        return Err(CryptoError::EnvelopeLengths);
    }
    let (meta_end, end) = (used.start as usize, used.end as usize);
    if layout.plaintext_len() != plaintext.len() as u64 || !all_zero(&plaintext[end..]) {
        return Err(CryptoError::EnvelopePadding);
    }
    let meta = layout.meta_in_plaintext().start as usize..meta_end;
    Ok(Opened {
        plaintext,
        meta,
        content: meta_end..end,
    })
}

/// Opens single segments, so that a range costs only the segments that hold it.
///
/// What it gives is authentic for its place. That the blob is whole is known once its last segment
/// was opened as last; that the content is the author's, once its SHA-256 was compared.
pub struct Opener {
    keys: SegmentKeys,
    log2: u8,
}

impl Opener {
    /// Checks the header (the first 72 bytes; more may follow) against key, uid and version.
    ///
    /// # Errors
    /// A header that is not well-formed; a key commitment that does not match.
    pub fn new(
        key: &RecordKey,
        uid: &B256,
        version: u32,
        header: &[u8],
    ) -> Result<Self, CryptoError> {
        let (log2, keys) = check(key, uid, version, header)?;
        Ok(Self { keys, log2 })
    }

    /// The logarithm of the segments' size.
    #[must_use]
    pub const fn segment_log2(&self) -> u8 {
        self.log2
    }

    /// Opens the segment at `index` from its ciphertext and tag, as
    /// [`Layout::segment_in_blob`] says where they are.
    ///
    /// # Errors
    /// A length that this segment cannot have; a segment that does not authenticate, which is also
    /// one of another place, and a last one that is not the last.
    pub fn open_segment(
        &self,
        index: u32,
        last: bool,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
        let mut plaintext = Zeroizing::new(Vec::with_capacity(sealed.len()));
        self.open_onto(index, last, sealed, &mut plaintext)?;
        Ok(plaintext)
    }

    /// Reads the lengths from the plaintext of the first segment.
    ///
    /// # Errors
    /// Lengths that no envelope has.
    pub fn layout(&self, first_plaintext: &[u8]) -> Result<Layout, CryptoError> {
        Layout::from_lengths(self.log2, first_plaintext)
    }

    fn open_onto(
        &self,
        index: u32,
        last: bool,
        sealed: &[u8],
        plaintext: &mut Vec<u8>,
    ) -> Result<(), CryptoError> {
        let full = (1usize << self.log2) - if index == 0 { HEADER_BYTES } else { 0 };
        let too_short = sealed.len() <= TAG_BYTES;
        if too_short || sealed.len() > full || (!last && sealed.len() != full) {
            return Err(CryptoError::SegmentLength { index });
        }
        let (ciphertext, tag) = sealed
            .split_last_chunk::<TAG_BYTES>()
            .ok_or(CryptoError::SegmentLength { index })?;
        let start = plaintext.len();
        plaintext.extend_from_slice(ciphertext);
        let nonce = self.keys.nonce(index, last);
        self.keys
            .cipher
            .open_in_place(&nonce, b"", &mut plaintext[start..], tag)
            .map_err(|_| CryptoError::Segment { index })
    }
}

/// Opens segments in order and gives the content as it comes, for what is too large for memory.
///
/// Content that it gives is provisional until [`StreamOpener::finish`] has said that lengths and
/// padding are right.
pub struct StreamOpener {
    opener: Opener,
    next: u32,
    layout: Option<Layout>,
    meta: Zeroizing<Vec<u8>>,
}

impl StreamOpener {
    /// Reads on from a checked header.
    #[must_use]
    pub fn new(opener: Opener) -> Self {
        Self {
            opener,
            next: 0,
            layout: None,
            meta: Zeroizing::new(Vec::new()),
        }
    }

    /// Opens the next segment and gives its part of the content, which may be empty.
    ///
    /// # Errors
    /// As [`Opener::open_segment`]; lengths that the number of segments contradicts; padding that
    /// is not zero; a segment after the last.
    pub fn segment(&mut self, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
        let index = self.next;
        let (layout, plaintext) = match self.layout {
            Some(layout) => {
                if index >= layout.segments() {
                    return Err(CryptoError::SegmentLength { index });
                }
                (
                    layout,
                    self.opener
                        .open_segment(index, layout.is_last(index), sealed)?,
                )
            }
            None => self.open_first(sealed)?,
        };
        let place = layout.segment_in_plaintext(index);
        if plaintext.len() as u64 != place.end - place.start {
            return Err(CryptoError::SegmentLength { index });
        }
        let meta = overlap(place.clone(), layout.meta_in_plaintext());
        self.meta.extend_from_slice(&plaintext[meta]);
        let end = layout.content_in_plaintext().end;
        if !all_zero(&plaintext[overlap(place, end..layout.plaintext_len())]) {
            return Err(CryptoError::EnvelopePadding);
        }
        self.next = index + 1;
        let content = layout.content_in_segment(index, 0..layout.content_len());
        Ok(Zeroizing::new(plaintext[content].to_vec()))
    }

    /// Whether the first is the last is not known before it is open: a full one is tried as the
    /// first of several, then as the only one.
    fn open_first(&mut self, sealed: &[u8]) -> Result<(Layout, Zeroizing<Vec<u8>>), CryptoError> {
        let full = (1usize << self.opener.log2) - HEADER_BYTES;
        let (last, plaintext) = match self.opener.open_segment(0, sealed.len() != full, sealed) {
            Err(CryptoError::Segment { .. }) if sealed.len() == full => {
                (true, self.opener.open_segment(0, true, sealed)?)
            }
            other => (sealed.len() != full, other?),
        };
        let layout = self.opener.layout(&plaintext)?;
        if layout.is_last(0) != last {
            return Err(CryptoError::EnvelopeLengths);
        }
        let meta_len = layout.meta_len() as usize;
        self.meta = Zeroizing::new(Vec::with_capacity(meta_len));
        self.layout = Some(layout);
        Ok((layout, plaintext))
    }

    /// The layout, once the first segment was opened.
    #[must_use]
    pub const fn layout(&self) -> Option<&Layout> {
        self.layout.as_ref()
    }

    /// The metadata, once the segments that hold it were opened.
    #[must_use]
    pub fn meta(&self) -> Option<&[u8]> {
        let layout = self.layout?;
        (self.meta.len() == layout.meta_len() as usize).then_some(self.meta.as_slice())
    }

    /// Says whether every segment was seen, and gives the metadata.
    ///
    /// # Errors
    /// A missing segment.
    pub fn finish(self) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
        match self.layout {
            Some(layout) if layout.segments() == self.next => Ok(self.meta),
            Some(_) | None => Err(CryptoError::SegmentLength { index: self.next }),
        }
    }
}

fn all_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|b| *b == 0)
}
