//! Binary frames: u8 kind ‖ u32 length (big-endian) ‖ payload. Used for uploads (blobs alone) and releases.

/// Bytes before a payload.
pub const HEADER_BYTES: usize = 5;

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum FrameKind {
    /// JSON: a [`crate::ReleaseHeader`], first of a release.
    Header = 1,
    /// JSON: a [`crate::ReleaseItem`]; its blob follows where it was asked for.
    Item = 2,
    /// Ciphertext of a blob, or a piece of it; a blob ends with the first frame shorter than [`MAX_PAYLOAD_BYTES`].
    Blob = 3,
    /// JSON: an [`crate::ErrorBody`]; the stream failed after it had begun.
    Error = 4,
    /// Empty: the stream is whole. A stream without it was cut.
    End = 5,
}

/// Largest payload of a frame, in bytes.
pub const MAX_PAYLOAD_BYTES: usize = 1 << 20;

/// A frame that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A kind that does not exist.
    #[error("unknown kind of frame {0}")]
    Kind(u8),
    /// A payload over the limit.
    #[error("frame of {0} bytes is over the limit of {MAX_PAYLOAD_BYTES}")]
    Length(u32),
}

/// The header of a frame with a payload of `length` bytes. Panics where the length is over [`MAX_PAYLOAD_BYTES`].
pub fn header(kind: FrameKind, length: usize) -> [u8; HEADER_BYTES] {
    assert!(length <= MAX_PAYLOAD_BYTES, "payload is over the limit");
    let [a, b, c, d] = (length as u32).to_be_bytes();
    [kind as u8, a, b, c, d]
}

/// Appends a blob as one or more frames.
pub fn put_blob(out: &mut Vec<u8>, blob: &[u8]) {
    let mut rest = blob;
    loop {
        let piece = &rest[..rest.len().min(MAX_PAYLOAD_BYTES)];
        out.extend_from_slice(&header(FrameKind::Blob, piece.len()));
        out.extend_from_slice(piece);
        rest = &rest[piece.len()..];
        if piece.len() < MAX_PAYLOAD_BYTES {
            return;
        }
    }
}

/// Appends one frame.
pub fn put(out: &mut Vec<u8>, kind: FrameKind, payload: &[u8]) {
    out.extend_from_slice(&header(kind, payload.len()));
    out.extend_from_slice(payload);
}

/// Takes frames out of bytes as they arrive. Holds at most one frame and what was pushed last.
#[derive(Default)]
pub struct FrameReader {
    buffer: Vec<u8>,
    start: usize,
}

impl FrameReader {
    /// Adds bytes from the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame, or `None` until more was pushed.
    pub fn next_frame(&mut self) -> Result<Option<(FrameKind, &[u8])>, FrameError> {
        let rest = &self.buffer[self.start..];
        let Some((head, body)) = rest.split_first_chunk::<HEADER_BYTES>() else {
            return Ok(None);
        };
        let kind = match head[0] {
            1 => FrameKind::Header,
            2 => FrameKind::Item,
            3 => FrameKind::Blob,
            4 => FrameKind::Error,
            5 => FrameKind::End,
            other => return Err(FrameError::Kind(other)),
        };
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
        if length as usize > MAX_PAYLOAD_BYTES {
            return Err(FrameError::Length(length));
        }
        if body.len() < length as usize {
            return Ok(None);
        }
        let begin = self.start + HEADER_BYTES;
        self.start = begin + length as usize;
        Ok(Some((kind, &self.buffer[begin..self.start])))
    }

    /// Whether every byte pushed was part of a frame that was taken.
    pub fn is_drained(&self) -> bool {
        self.start == self.buffer.len()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn frames_come_out_whatever_the_pieces() {
        let mut bytes = Vec::new();
        put(&mut bytes, FrameKind::Item, b"{}");
        put_blob(&mut bytes, &vec![7; MAX_PAYLOAD_BYTES]);
        put(&mut bytes, FrameKind::End, b"");
        for size in [1usize, 3, 4096, bytes.len()] {
            if size == 1 && bytes.len() > 1 << 21 {
                continue;
            }
            let mut reader = FrameReader::default();
            let mut seen = Vec::new();
            for piece in bytes.chunks(size.max(1024)) {
                reader.push(piece);
                while let Some((kind, payload)) = reader.next_frame().unwrap() {
                    seen.push((kind, payload.len()));
                }
            }
            assert!(reader.is_drained());
            assert_eq!(
                seen,
                [
                    (FrameKind::Item, 2),
                    (FrameKind::Blob, MAX_PAYLOAD_BYTES),
                    (FrameKind::Blob, 0),
                    (FrameKind::End, 0)
                ]
            );
        }
    }

    #[test]
    fn unknown_kinds_and_huge_lengths_are_refused() {
        let mut reader = FrameReader::default();
        reader.push(&[9, 0, 0, 0, 0]);
        assert_eq!(reader.next_frame(), Err(FrameError::Kind(9)));
        let mut reader = FrameReader::default();
        reader.push(&[3, 0xff, 0xff, 0xff, 0xff]);
        assert_eq!(reader.next_frame(), Err(FrameError::Length(u32::MAX)));
    }
}
