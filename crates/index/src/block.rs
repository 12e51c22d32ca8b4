//! What the index is fed with, whatever node it comes from.

use alloy_primitives::{Address, B256, Log};

/// Blocks in one call of `apply_many`.
pub const MAX_BLOCKS: usize = 1_024;
/// Logs of our contracts in one block.
pub const MAX_LOGS: usize = 1_000_000;

/// A block with its logs. Logs of other contracts may be left out or left in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockLogs {
    /// Number; the first is 1.
    pub number: u64,
    /// Hash.
    pub hash: B256,
    /// Hash of the block before.
    pub parent_hash: B256,
    /// Time, Unix seconds.
    pub time: u64,
    /// Logs in rising order.
    pub logs: Vec<BlockLog>,
}

/// A log with its place in the block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockLog {
    /// Index within the block.
    pub index: u32,
    /// Address, topics and data.
    pub log: Log,
}

/// Where our contracts are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contracts {
    /// Registry.
    pub registry: Address,
    /// Directory.
    pub directory: Address,
    /// Consent.
    pub consent: Address,
    /// Records.
    pub records: Address,
}

/// Which chain the index follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexConfig {
    /// Where the contracts are.
    pub contracts: Contracts,
    /// Hash of block 0, which carries no logs.
    pub genesis: B256,
}

/// The last block applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Number; 0 before the first block.
    pub number: u64,
    /// Hash; the genesis hash before the first block.
    pub hash: B256,
    /// Time; 0 before the first block.
    pub time: u64,
}
