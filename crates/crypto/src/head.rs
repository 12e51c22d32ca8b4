//! The digest by which a node vouches for its newest block.

use alloy_primitives::B256;

use crate::hash::keccak;

/// What the node's key signs: chain, genesis, number and hash of the block, and the time.
#[must_use]
pub fn head_digest(
    chain_id: u64,
    genesis: &B256,
    number: u64,
    block_hash: &B256,
    time: u64,
) -> B256 {
    keccak(&[
        b"carechain/head/v1",
        &chain_id.to_be_bytes(),
        genesis.as_slice(),
        &number.to_be_bytes(),
        block_hash.as_slice(),
        &time.to_be_bytes(),
    ])
}
