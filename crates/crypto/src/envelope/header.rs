//! The header and the keys that follow from it.

use alloy_primitives::B256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::aead::{Cipher, NONCE_BYTES};
use crate::hash::{derive, sha256};
use crate::{CryptoError, RecordKey};

/// Length of the header.
pub const HEADER_BYTES: usize = 72;
/// The segment size written: 1 MiB, one IPFS leaf.
pub const SEGMENT_LOG2: u8 = 20;
/// The smallest segment size read.
pub const SEGMENT_LOG2_MIN: u8 = 12;
/// The largest segment size read.
pub const SEGMENT_LOG2_MAX: u8 = 24;

const MAGIC: &[u8; 4] = b"CCR1";
const SUITE_CHACHA20_POLY1305: u8 = 1;
const SALT_AT: usize = 8;
const COMMITMENT_AT: usize = 40;

/// The cipher of one envelope and the first part of its nonces.
pub(super) struct SegmentKeys {
    pub(super) cipher: Cipher,
    prefix: [u8; 7],
}

impl SegmentKeys {
    pub(super) fn nonce(&self, index: u32, last: bool) -> [u8; NONCE_BYTES] {
        let mut nonce = [0u8; NONCE_BYTES];
        nonce[..7].copy_from_slice(&self.prefix);
        nonce[7..11].copy_from_slice(&index.to_be_bytes());
        nonce[11] = u8::from(last);
        nonce
    }
}

/// Segment key (32), nonce prefix (7), key commitment (32).
fn expand(
    key: &RecordKey,
    uid: &B256,
    version: u32,
    header: &[u8; HEADER_BYTES],
) -> Zeroizing<[u8; 71]> {
    let context = sha256(&[
        b"carechain/record/v1",
        uid.as_slice(),
        &version.to_be_bytes(),
    ]);
    derive::<71>(
        &header[SALT_AT..COMMITMENT_AT],
        key.expose(),
        &[
            b"carechain/envelope/v1",
            &header[..SALT_AT],
            context.as_slice(),
        ],
    )
}

fn keys_of(expanded: &[u8; 71]) -> SegmentKeys {
    let (key, rest) = expanded
        .split_first_chunk::<32>()
        .expect("71 bytes hold 32");
    let prefix = *rest.first_chunk::<7>().expect("39 bytes hold 7");
    SegmentKeys {
        cipher: Cipher::new(key),
        prefix,
    }
}

/// A header with its commitment, and its keys.
pub(super) fn make(
    key: &RecordKey,
    uid: &B256,
    version: u32,
    log2: u8,
    salt: &[u8; 32],
) -> Result<([u8; HEADER_BYTES], SegmentKeys), CryptoError> {
    check_segment_size(log2)?;
    let mut header = [0u8; HEADER_BYTES];
    header[..4].copy_from_slice(MAGIC);
    header[4] = SUITE_CHACHA20_POLY1305;
    header[5] = log2;
    header[SALT_AT..COMMITMENT_AT].copy_from_slice(salt);
    let expanded = expand(key, uid, version, &header);
    header[COMMITMENT_AT..].copy_from_slice(&expanded[39..]);
    Ok((header, keys_of(&expanded)))
}

/// Checks a header against the key, and gives the segment size and the keys.
pub(super) fn check(
    key: &RecordKey,
    uid: &B256,
    version: u32,
    header: &[u8],
) -> Result<(u8, SegmentKeys), CryptoError> {
    let header = header
        .first_chunk::<HEADER_BYTES>()
        .ok_or(CryptoError::Length {
            what: "an envelope's header",
            expected: HEADER_BYTES,
            found: header.len(),
        })?;
    if &header[..4] != MAGIC {
        return Err(CryptoError::EnvelopeMagic);
    }
    if header[4] != SUITE_CHACHA20_POLY1305 {
        return Err(CryptoError::EnvelopeSuite { found: header[4] });
    }
    check_segment_size(header[5])?;
    if header[6..SALT_AT] != [0, 0] {
        return Err(CryptoError::EnvelopeReserved);
    }
    let expanded = expand(key, uid, version, header);
    if !bool::from(expanded[39..].ct_eq(&header[COMMITMENT_AT..])) {
        return Err(CryptoError::KeyCommitment);
    }
    Ok((header[5], keys_of(&expanded)))
}

pub(super) fn check_segment_size(log2: u8) -> Result<(), CryptoError> {
    if (SEGMENT_LOG2_MIN..=SEGMENT_LOG2_MAX).contains(&log2) {
        Ok(())
    } else {
        Err(CryptoError::EnvelopeSegmentSize { found: log2 })
    }
}
