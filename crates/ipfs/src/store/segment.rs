//! Segment files: the append-only log that holds small blocks and says what the store contains.
//!
//! All numbers are little-endian. A segment is `segments/NNNNNNNNNN.seg` (ten digits, from 1). It is
//! made under a temporary name, synced and renamed, so its header is never torn. The header is
//! written twice, and either copy is enough:
//!
//! | bytes (copy 1 / 2) | content |
//! |---|---|
//! | 0..4 / 40..44 | magic `CCSG` |
//! | 4..6 / 44..46 | format version, 1 |
//! | 6..8 / 46..48 | zero |
//! | 8..16 / 48..56 | number of the segment, as in its name |
//! | 16..32 / 56..72 | salt: 16 random bytes |
//! | 32..36 / 72..76 | CRC-32 (IEEE) of bytes 0..32 of this copy |
//! | 36..40 / 76..80 | zero |
//!
//! Frames follow without a gap. A frame is a header of 72 bytes and a payload:
//!
//! | bytes | content |
//! |---|---|
//! | 0..4 | magic `CCFR` |
//! | 4 | kind: 1 block, 2 flat, 3 mark, 4 remove |
//! | 5 | flags of the block after this frame: 1 put as a raw file, 2 put as a file with this node as its root, 4 is a node (its links count as references) |
//! | 6..8 | zero |
//! | 8..12 | payload length: of a block its bytes, else 0 |
//! | 12..16 | CRC-32 of the payload |
//! | 16..24 | time in ms since 1970: when it was put, or last put again |
//! | 24..32 | size of the block in bytes (0 for mark and remove) |
//! | 32..66 | multihash: 0x12, 0x20, the SHA-256 digest of the block |
//! | 66..68 | zero |
//! | 68..72 | CRC-32 of: salt, offset of the frame in the file (8 bytes), bytes 0..68 |
//!
//! - *block* carries the block. *flat* says that the block is the file `flat/DIGEST.blk` (hex, exactly
//!   the block's bytes). *mark* replaces flags and time of a block. *remove* takes it away. Later frames
//!   win.
//! - The salt and the offset keep a payload that imitates a frame from ever being read as one.
//! - Reading stops at nothing: a frame whose header is whole and whose payload is not is indexed as
//!   damaged (reads of it say so, putting the block again heals it). After a broken header the scan
//!   looks for the next header that checks out, and reports the bytes between. In the last segment,
//!   if none follows, the bytes are a torn tail, never acknowledged, and are cut.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use super::limits::{FORMAT_VERSION, SMALL_MAX_BYTES};
use crate::dag::{CHUNK_BYTES, Sha256Digest};

pub(crate) const SEGMENT_HEADER_BYTES: usize = 80;
const HEADER_COPY_BYTES: usize = 40;
pub(crate) const FRAME_HEADER_BYTES: usize = 72;
const SEGMENT_MAGIC: [u8; 4] = *b"CCSG";
const FRAME_MAGIC: [u8; 4] = *b"CCFR";
/// Bytes read at once while scanning; holds at least one whole frame.
const WINDOW_BYTES: usize = 4 << 20;

/// The block was put as a file that is this one leaf.
pub(crate) const ROOT_RAW: u8 = 1;
/// The block was put as a file that has this node as its root.
pub(crate) const ROOT_NODE: u8 = 2;
/// Either of the two.
pub(crate) const ROOTS: u8 = ROOT_RAW | ROOT_NODE;
/// The block is a node.
pub(crate) const NODE: u8 = 4;

pub(crate) type Salt = [u8; 16];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Block,
    Flat,
    Mark,
    Remove,
}

impl Kind {
    fn byte(self) -> u8 {
        match self {
            Self::Block => 1,
            Self::Flat => 2,
            Self::Mark => 3,
            Self::Remove => 4,
        }
    }

    fn of(byte: u8) -> Option<Self> {
        [Self::Block, Self::Flat, Self::Mark, Self::Remove]
            .into_iter()
            .find(|kind| kind.byte() == byte)
    }
}

/// A frame without its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: Kind,
    pub(crate) flags: u8,
    pub(crate) time_ms: u64,
    pub(crate) size: u64,
    pub(crate) digest: Sha256Digest,
}

/// The name of a segment's file.
pub(crate) fn file_name(number: u64) -> String {
    format!("{number:010}.seg")
}

/// The number in a segment's file name.
pub(crate) fn number_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".seg")?;
    let number = digits.parse().ok()?;
    (file_name(number) == name && number > 0).then_some(number)
}

/// The header of a new segment.
pub(crate) fn encode_header(number: u64, salt: &Salt) -> Vec<u8> {
    let mut copy = Vec::with_capacity(SEGMENT_HEADER_BYTES);
    copy.extend_from_slice(&SEGMENT_MAGIC);
    copy.extend_from_slice(&(FORMAT_VERSION as u16).to_le_bytes());
    copy.extend_from_slice(&[0; 2]);
    copy.extend_from_slice(&number.to_le_bytes());
    copy.extend_from_slice(salt);
    copy.extend_from_slice(&crc32fast::hash(&copy).to_le_bytes());
    copy.extend_from_slice(&[0; 4]);
    copy.extend_from_within(..);
    copy
}

/// The salt in a segment's header, from whichever copy is whole; `None` if neither is.
pub(crate) fn decode_header(bytes: &[u8], number: u64) -> Option<Salt> {
    bytes
        .chunks_exact(HEADER_COPY_BYTES)
        .take(2)
        .find_map(|copy| {
            let salt: Salt = copy[16..32].try_into().expect("16 bytes");
            (copy == &encode_header(number, &salt)[..HEADER_COPY_BYTES]).then_some(salt)
        })
}

/// Appends a frame that will lie at `offset` of its segment.
pub(crate) fn encode_frame(
    out: &mut Vec<u8>,
    salt: &Salt,
    offset: u64,
    frame: &Frame,
    payload: &[u8],
) {
    debug_assert!(payload.len() <= SMALL_MAX_BYTES);
    let start = out.len();
    out.extend_from_slice(&FRAME_MAGIC);
    out.extend_from_slice(&[frame.kind.byte(), frame.flags, 0, 0]);
    out.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    out.extend_from_slice(&crc32fast::hash(payload).to_le_bytes());
    out.extend_from_slice(&frame.time_ms.to_le_bytes());
    out.extend_from_slice(&frame.size.to_le_bytes());
    out.extend_from_slice(&[0x12, 0x20]);
    out.extend_from_slice(&frame.digest);
    out.extend_from_slice(&[0; 2]);
    let crc = header_crc(salt, offset, &out[start..]);
    out.extend_from_slice(&crc.to_le_bytes());
    out.extend_from_slice(payload);
}

fn header_crc(salt: &Salt, offset: u64, header: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(salt);
    crc.update(&offset.to_le_bytes());
    crc.update(header);
    crc.finalize()
}

/// Reads a frame's header: the frame, its payload's length and CRC. `None` if it does not check out.
fn decode_frame(bytes: &[u8], salt: &Salt, offset: u64) -> Option<(Frame, usize, u32)> {
    let header = bytes.get(..FRAME_HEADER_BYTES)?;
    let u32_at = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().expect("4 bytes"));
    let u64_at = |at: usize| u64::from_le_bytes(header[at..at + 8].try_into().expect("8 bytes"));
    if header[..4] != FRAME_MAGIC || u32_at(68) != header_crc(salt, offset, &header[..68]) {
        return None;
    }
    let frame = Frame {
        kind: Kind::of(header[4])?,
        flags: header[5],
        time_ms: u64_at(16),
        size: u64_at(24),
        digest: header[34..66].try_into().expect("32 bytes"),
    };
    let payload = u32_at(8) as usize;
    let sound = payload <= SMALL_MAX_BYTES
        && frame.size <= CHUNK_BYTES as u64
        && header[32..34] == [0x12, 0x20]
        && payload as u64
            == if frame.kind == Kind::Block {
                frame.size
            } else {
                0
            };
    sound.then_some((frame, payload, u32_at(12)))
}

/// What a scan meets, in file order.
#[derive(Debug)]
pub(crate) enum Step<'a> {
    /// A frame whose header is whole. `payload` is `None` if the payload is damaged.
    Frame {
        frame: Frame,
        payload_at: u64,
        payload: Option<&'a [u8]>,
    },
    /// Bytes that are no frame, followed by a frame or by the end of a closed segment.
    Lost { offset: u64, bytes: u64 },
    /// The last segment ends in bytes that are no whole frame.
    TornTail { offset: u64, bytes: u64 },
}

/// Reads a segment from its first frame to its end.
pub(crate) struct Scan<'a> {
    file: &'a File,
    salt: Salt,
    len: u64,
    at: u64,
    last: bool,
    window: Vec<u8>,
    window_at: u64,
}

impl<'a> Scan<'a> {
    /// `last`: whether this is the segment that was being written.
    pub(crate) fn new(file: &'a File, salt: Salt, last: bool) -> io::Result<Self> {
        Ok(Self {
            len: file.metadata()?.len(),
            at: SEGMENT_HEADER_BYTES as u64,
            window: Vec::new(),
            window_at: 0,
            file,
            salt,
            last,
        })
    }

    /// The next step, or `None` at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Step<'_>>> {
        if self.at >= self.len {
            return Ok(None);
        }
        let (at, salt) = (self.at, self.salt);
        let remaining = self.len - at;
        let head = self.bytes(at, FRAME_HEADER_BYTES)?;
        let Some((frame, payload_len, payload_crc)) = decode_frame(head, &salt, at) else {
            return self.skip().map(Some);
        };
        let whole = (FRAME_HEADER_BYTES + payload_len) as u64;
        if whole > remaining {
            return self.skip().map(Some);
        }
        self.at += whole;
        let payload = &self.bytes(at, whole as usize)?[FRAME_HEADER_BYTES..];
        let intact = crc32fast::hash(payload) == payload_crc;
        Ok(Some(Step::Frame {
            frame,
            payload_at: at + FRAME_HEADER_BYTES as u64,
            payload: intact.then_some(payload),
        }))
    }

    /// Goes from a broken header to the next one that checks out, or to the end.
    fn skip(&mut self) -> io::Result<Step<'static>> {
        let from = self.at;
        let salt = self.salt;
        let mut at = from + 1;
        while at + FRAME_HEADER_BYTES as u64 <= self.len {
            let wanted = (self.len - at).min((WINDOW_BYTES / 2) as u64) as usize;
            let bytes = self.bytes(at, wanted)?;
            let found = (0..=bytes.len() - FRAME_HEADER_BYTES).find(|&i| {
                bytes[i..i + 4] == FRAME_MAGIC
                    && decode_frame(&bytes[i..], &salt, at + i as u64).is_some()
            });
            if let Some(i) = found {
                self.at = at + i as u64;
                return Ok(Step::Lost {
                    offset: from,
                    bytes: self.at - from,
                });
            }
            at += (bytes.len() - FRAME_HEADER_BYTES + 1) as u64;
        }
        self.at = self.len;
        let bytes = self.len - from;
        Ok(if self.last {
            Step::TornTail {
                offset: from,
                bytes,
            }
        } else {
            Step::Lost {
                offset: from,
                bytes,
            }
        })
    }

    /// Up to `len` bytes at `at` (fewer at the end of the file), through the window.
    fn bytes(&mut self, at: u64, len: usize) -> io::Result<&[u8]> {
        let len = len.min((self.len - at) as usize);
        let held =
            at >= self.window_at && at + len as u64 <= self.window_at + self.window.len() as u64;
        if !held {
            let take = ((self.len - at) as usize).min(WINDOW_BYTES.max(len));
            self.window.resize(take, 0);
            self.file.read_exact_at(&mut self.window, at)?;
            self.window_at = at;
        }
        let start = (at - self.window_at) as usize;
        Ok(&self.window[start..start + len])
    }
}

#[cfg(test)]
mod tests;
