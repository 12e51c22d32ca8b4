//! UnixFS files as blocks: the profile `unixfs-v1-2025`, without I/O.
//!
//! CIDv1, sha2-256, raw leaves of 1 MiB, a balanced tree of dag-pb nodes with at most 1,024 links,
//! all leaves at the same depth. A file of at most one chunk is its raw leaf and has no node. CIDs
//! equal those of Kubo with this profile.
//!
//! It refuses other hash functions, and nodes that carry inline data, names or anything but a file.

mod layout;
mod node;

use cid::{Cid, Version};
use multihash::Multihash;
use sha2::{Digest as _, Sha256};

pub use layout::{CidBuilder, Layout, NodeBlock};
pub use node::{Link, Node};

/// Bytes of a full leaf.
pub const CHUNK_BYTES: usize = 1 << 20;
/// Most links of a node.
pub const WIDTH: usize = 1024;
/// Multicodec of a raw leaf.
pub const RAW: u64 = 0x55;
/// Multicodec of a dag-pb node.
pub const DAG_PB: u64 = 0x70;
/// Multihash code of sha2-256.
pub const SHA2_256: u64 = 0x12;
/// Most levels of nodes above the leaves that a reader follows: 1,024^3 leaves are a pebibyte.
pub const DEPTH_MAX: u8 = 3;

/// Bytes of a CIDv1 of the profile: version, codec, hash and its length, digest.
pub const CID_BYTES: usize = 36;

/// A SHA-256 digest: what a block is keyed by.
pub type Sha256Digest = [u8; 32];

/// What is wrong with a block or with the CID that names it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    /// The bytes do not hash to the CID.
    #[error("block {cid} is corrupt: its bytes do not match its CID")]
    Corrupt {
        /// The CID that was asked for.
        cid: Cid,
    },
    /// The CID uses a hash or a codec outside the profile.
    #[error("cid {cid} is not supported: only sha2-256 with codec raw or dag-pb is")]
    Unsupported {
        /// The CID that was asked for.
        cid: Cid,
    },
    /// The block hashes to its CID but is not a file node of the profile.
    #[error("block {cid} is not a file node: {reason}")]
    BadNode {
        /// The block.
        cid: Cid,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The text is not a CID.
    #[error("cid: not a valid content identifier")]
    BadCid,
}

/// The CID of a whole file held in memory, of any length.
#[must_use]
pub fn cid_of(bytes: &[u8]) -> Cid {
    let mut builder = CidBuilder::new();
    builder.update(bytes);
    builder.finish()
}

/// Checks a whole file against its CID.
///
/// # Errors
/// [`BlockError::Corrupt`] if the bytes are another file, [`BlockError::Unsupported`] for a CID
/// outside the profile.
pub fn verify_file(cid: &Cid, bytes: &[u8]) -> Result<(), BlockError> {
    let digest = digest_of(cid)?;
    let found = cid_of(bytes);
    if cid.codec() == found.codec() && found.hash().digest() == digest {
        Ok(())
    } else {
        Err(BlockError::Corrupt { cid: *cid })
    }
}

/// Checks one block (a leaf or a node) against its CID.
///
/// # Errors
/// As [`verify_file`].
pub fn verify_block(cid: &Cid, bytes: &[u8]) -> Result<(), BlockError> {
    if digest_of(cid)? == sha256(bytes) {
        Ok(())
    } else {
        Err(BlockError::Corrupt { cid: *cid })
    }
}

/// Reads a CID from its text form and checks that it is one of the profile.
///
/// # Errors
/// [`BlockError::BadCid`] or [`BlockError::Unsupported`].
pub fn parse_cid(text: &str) -> Result<Cid, BlockError> {
    let cid = Cid::try_from(text).map_err(|_| BlockError::BadCid)?;
    digest_of(&cid)?;
    Ok(cid)
}

/// The digest inside a CID of the profile.
///
/// # Errors
/// [`BlockError::Unsupported`] for another hash or codec.
pub fn digest_of(cid: &Cid) -> Result<Sha256Digest, BlockError> {
    let unsupported = BlockError::Unsupported { cid: *cid };
    if cid.hash().code() != SHA2_256 || !matches!(cid.codec(), RAW | DAG_PB) {
        return Err(unsupported);
    }
    // A CIDv0 is always dag-pb; the library guarantees it.
    debug_assert!(cid.version() == Version::V1 || cid.codec() == DAG_PB);
    cid.hash().digest().try_into().map_err(|_| unsupported)
}

/// The CIDv1 of a digest.
#[must_use]
pub fn cid_from_digest(codec: u64, digest: &Sha256Digest) -> Cid {
    let hash = Multihash::wrap(SHA2_256, digest).expect("32 bytes fit a multihash of 64");
    Cid::new_v1(codec, hash)
}

/// The binary form of a CIDv1 of the profile; `None` for any other.
#[must_use]
pub fn cid_bytes(cid: &Cid) -> Option<[u8; CID_BYTES]> {
    digest_of(cid).ok()?;
    cid.to_bytes().try_into().ok()
}

/// SHA-256 of some bytes.
#[must_use]
pub fn sha256(bytes: &[u8]) -> Sha256Digest {
    Sha256::digest(bytes).into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_changed_byte_is_corrupt_and_named() {
        let cid = cid_of(b"ciphertext");
        assert_eq!(verify_file(&cid, b"ciphertext"), Ok(()));
        assert_eq!(verify_block(&cid, b"ciphertext"), Ok(()));
        assert_eq!(
            verify_file(&cid, b"ciphertexT"),
            Err(BlockError::Corrupt { cid })
        );
        assert_eq!(
            verify_block(&cid, b"ciphertexT"),
            Err(BlockError::Corrupt { cid })
        );
    }

    #[test]
    fn a_node_is_not_taken_for_the_file_above_it() {
        let node = Node::encode(&[Link {
            cid: cid_of(b"x"),
            file_bytes: 1,
            total_bytes: 1,
        }]);
        let as_node = cid_from_digest(DAG_PB, &sha256(&node));
        assert_eq!(verify_block(&as_node, &node), Ok(()));
        assert_eq!(
            verify_file(&as_node, &node),
            Err(BlockError::Corrupt { cid: as_node })
        );
    }

    #[test]
    fn other_hashes_codecs_and_texts_are_refused() {
        let sha512 = Cid::new_v1(RAW, Multihash::wrap(0x13, &[1; 64]).unwrap());
        assert_eq!(
            digest_of(&sha512),
            Err(BlockError::Unsupported { cid: sha512 })
        );
        let short = Cid::new_v1(RAW, Multihash::wrap(SHA2_256, &[1; 20]).unwrap());
        assert_eq!(
            digest_of(&short),
            Err(BlockError::Unsupported { cid: short })
        );
        let cbor = cid_from_digest(0x71, &[1; 32]);
        assert_eq!(digest_of(&cbor), Err(BlockError::Unsupported { cid: cbor }));
        assert_eq!(parse_cid("not a cid"), Err(BlockError::BadCid));
        let good = cid_of(b"");
        assert_eq!(parse_cid(&good.to_string()), Ok(good));
    }
}
