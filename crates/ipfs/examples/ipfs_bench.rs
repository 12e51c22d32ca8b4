//! Figures of the content store on this machine's disk, as one JSON object on stdout.
//!
//! `cargo run --release -p carechain-ipfs --example ipfs_bench [FOLDER]`: the folder (default: the
//! system's temporary folder) must be on the disk to be measured. Every figure is of durable writes
//! and verified reads.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use carechain_ipfs::{Cid, Store, StoreConfig};

const BLOBS: usize = 40_000;
const BLOB_BYTES: usize = 1536;
const BATCH: usize = 500;
const READS: usize = 2_000;
const LONG_BYTES: usize = 256 << 20;

#[tokio::main]
async fn main() -> Result<()> {
    let base = std::env::args_os()
        .nth(1)
        .map_or_else(std::env::temp_dir, Into::into);
    let dir = tempfile::tempdir_in(base).context("making a folder")?;
    let store = Store::open(dir.path(), StoreConfig::default()).await?;

    let blobs: Vec<Bytes> = (0..BLOBS).map(|i| content(i as u64, BLOB_BYTES)).collect();
    let start = Instant::now();
    for batch in blobs.chunks(BATCH) {
        store.put_many(batch.to_vec()).await?;
    }
    let many = BLOBS as f64 / start.elapsed().as_secs_f64();

    let mut one = Vec::new();
    for i in 0..500 {
        let blob = content(1_000_000 + i, BLOB_BYTES);
        one.push(timed(store.put(blob)).await?.1);
    }

    let kib = put_all(&store, 2_000_000, 1 << 10, READS).await?;
    let mib = put_all(&store, 3_000_000, 1 << 20, 100).await?;
    let get_kib = read_all(&store, &kib, READS).await?;
    let get_mib = read_all(&store, &mib, 500).await?;

    let long = content(9, LONG_BYTES);
    let start = Instant::now();
    let (cid, _) = store.put_stream(&long[..], u64::MAX).await?;
    let put_rate = mib_per_s(LONG_BYTES, start.elapsed());
    let start = Instant::now();
    let mut reader = store.open_reader(cid).await?;
    let mut read = 0;
    while let Some(chunk) = reader.next_chunk().await? {
        read += chunk.len();
    }
    let get_rate = mib_per_s(read, start.elapsed());
    // A reader holds the store open.
    drop(reader);

    store.close().await?;
    let start = Instant::now();
    let store = Store::open(dir.path(), StoreConfig::default()).await?;
    let open_ms = start.elapsed().as_secs_f64() * 1e3;
    let figures = serde_json::json!({
        "put_many_blobs_per_s": many.round(),
        "blob_bytes": BLOB_BYTES,
        "batch": BATCH,
        "put_one_p50_ms": percentile(&mut one, 50),
        "put_one_p99_ms": percentile(&mut one, 99),
        "get_1kib_p50_ms": percentile(&mut get_kib.clone(), 50),
        "get_1kib_p99_ms": percentile(&mut get_kib.clone(), 99),
        "get_1mib_p50_ms": percentile(&mut get_mib.clone(), 50),
        "get_1mib_p99_ms": percentile(&mut get_mib.clone(), 99),
        "put_stream_mib_per_s": put_rate.round(),
        "read_stream_mib_per_s": get_rate.round(),
        "open_ms": open_ms,
        "blocks": store.stats().blocks,
    });
    println!("{figures}");
    Ok(())
}

async fn put_all(store: &Store, seed: u64, len: usize, count: usize) -> Result<Vec<Cid>> {
    let mut cids = Vec::new();
    let files: Vec<Bytes> = (0..count as u64).map(|i| content(seed + i, len)).collect();
    for batch in files.chunks(32) {
        cids.extend(store.put_many(batch.to_vec()).await?);
    }
    Ok(cids)
}

async fn read_all(store: &Store, cids: &[Cid], count: usize) -> Result<Vec<Duration>> {
    let mut times = Vec::new();
    for cid in cids.iter().cycle().take(count) {
        times.push(timed(store.get(*cid)).await?.1);
    }
    Ok(times)
}

async fn timed<T, E>(work: impl Future<Output = Result<T, E>>) -> Result<(T, Duration), E> {
    let start = Instant::now();
    let done = work.await?;
    Ok((done, start.elapsed()))
}

fn percentile(times: &mut [Duration], percent: usize) -> f64 {
    times.sort_unstable();
    times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e3
}

fn mib_per_s(bytes: usize, time: Duration) -> f64 {
    bytes as f64 / f64::from(1 << 20) / time.as_secs_f64()
}

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
