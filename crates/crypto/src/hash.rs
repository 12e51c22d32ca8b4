//! Hashes and key derivation over parts, so that nothing is concatenated by hand.

use alloy_primitives::{B256, Keccak256};
use hkdf::Hkdf;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Keccak-256 of the parts in order.
pub(crate) fn keccak(parts: &[&[u8]]) -> B256 {
    let mut hasher = Keccak256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize()
}

/// SHA-256 of the parts in order.
pub(crate) fn sha256(parts: &[&[u8]]) -> B256 {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    B256::from(<[u8; 32]>::from(hasher.finalize()))
}

/// HKDF-SHA-256 to `N` bytes; the parts of `info` are concatenated.
pub(crate) fn derive<const N: usize>(
    salt: &[u8],
    key: &[u8],
    info: &[&[u8]],
) -> Zeroizing<[u8; N]> {
    const { assert!(N <= 255 * 32) };
    let mut out = Zeroizing::new([0u8; N]);
    Hkdf::<Sha256>::new(Some(salt), key)
        .expand_multi_info(info, out.as_mut_slice())
        .expect("the length is under 255 blocks, as asserted above");
    out
}

/// A number as a 32-byte word, as Solidity's `abi.encode` pads it.
pub(crate) fn word_of(number: u64) -> [u8; 32] {
    let mut word = [0u8; 32];
    word[24..].copy_from_slice(&number.to_be_bytes());
    word
}
