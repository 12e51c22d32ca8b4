//! The store through its public interface: CIDs, files and ranges, damage, restarts.
#![allow(clippy::unwrap_used)]

mod damage;
mod files;
mod life;
mod vectors;

use bytes::Bytes;
use carechain_ipfs::{Store, StoreConfig};
use std::path::Path;

/// Bytes that differ by seed and do not repeat within a chunk.
fn content(seed: u64, len: usize) -> Bytes {
    let mut x = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut out = Vec::with_capacity(len + 8);
    while out.len() < len {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        out.extend_from_slice(&x.to_le_bytes());
    }
    out.truncate(len);
    out.into()
}

async fn open(dir: &Path) -> Store {
    Store::open(dir, StoreConfig::default()).await.unwrap()
}

fn segment(dir: &Path) -> std::path::PathBuf {
    dir.join("segments/0000000001.seg")
}
