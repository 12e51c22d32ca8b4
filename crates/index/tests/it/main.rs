//! The index as its users see it: a real SQLite file, fed with blocks of events made by the bindings' encoders.
#![allow(missing_docs, clippy::unwrap_used)]

mod chain;
mod follow;
mod listings;
mod rebuild;

use alloy_primitives::{Address, B256};
use carechain_domain::{GrantId, Lane, LaneSet, RecordId, RequestId, SubjectId};
use carechain_index::{Contracts, Index, IndexConfig};
use tempfile::TempDir;

const CONTRACTS: Contracts = Contracts {
    registry: Address::repeat_byte(0xa1),
    directory: Address::repeat_byte(0xa2),
    consent: Address::repeat_byte(0xa3),
    records: Address::repeat_byte(0xa4),
};
const GENESIS: B256 = B256::repeat_byte(0x9e);

fn config() -> IndexConfig {
    IndexConfig {
        contracts: CONTRACTS,
        genesis: GENESIS,
    }
}

async fn open(folder: &TempDir) -> Index {
    Index::open(folder.path().join("index.db"), config())
        .await
        .unwrap()
}

fn id(n: u64) -> B256 {
    alloy_primitives::keccak256(n.to_be_bytes())
}

fn subject(n: u64) -> SubjectId {
    SubjectId(id(n))
}

fn record(n: u64) -> RecordId {
    RecordId(id(n + 1_000_000))
}

fn grant(n: u64) -> GrantId {
    GrantId(id(n + 2_000_000))
}

fn request(n: u64) -> RequestId {
    RequestId(id(n + 3_000_000))
}

fn address(n: u64) -> Address {
    Address::from_slice(&id(n + 4_000_000)[12..])
}

fn lane(n: u8) -> Lane {
    Lane::try_from(n).unwrap()
}

fn lanes(bits: u16) -> LaneSet {
    LaneSet(bits)
}
