//! The vault as its users see it: a real SQLite file in a temporary folder.
#![allow(missing_docs, clippy::unwrap_used)]

mod erasure;
mod files;
mod grants;
mod people;
mod receipts;
mod records;

use alloy_primitives::B256;
use carechain_domain::{Lane, RecordId, SubjectId, Uid};
use carechain_vault::{StageRow, Vault, VaultKeys};
use tempfile::TempDir;

/// Bytes that must be found in no file.
const CANARY: &[u8] = b"carechain-canary-of-a-wrapped-key";

async fn open(folder: &TempDir) -> Vault {
    Vault::open(folder.path().join("vault.db"), keys(folder))
        .await
        .unwrap()
}

fn keys(folder: &TempDir) -> VaultKeys {
    VaultKeys::at(folder.path().join("keys").join("erase.db"))
}

fn subject(n: u8) -> SubjectId {
    SubjectId::from([n; 32])
}

fn hash(n: u64) -> B256 {
    let mut bytes = [0u8; 32];
    bytes[..8].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    bytes[24..].copy_from_slice(&n.to_be_bytes());
    B256::from(bytes)
}

fn record(n: u64) -> RecordId {
    RecordId(hash(n))
}

fn row(n: u64) -> StageRow {
    StageRow {
        record: record(n),
        version: 1,
        commitment: hash(n + 1_000_000),
        author: subject(9),
        uid: Uid(hash(n + 2_000_000)),
        lane: Lane::try_from((n % 16) as u8).unwrap(),
        epoch: 3,
        cid: format!("bafk{n}"),
        size: 1_000 + n,
        slot: Some([CANARY, &[n as u8; 31]].concat()),
        inbox: None,
        inbox_key_version: 0,
    }
}

fn rows(count: u64) -> Vec<StageRow> {
    (0..count).map(row).collect()
}

fn name(row: &StageRow) -> (RecordId, u32, B256) {
    (row.record, row.version, row.commitment)
}
