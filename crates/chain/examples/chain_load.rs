//! Measures confirmation: how long from handing over a raw transaction until its receipt is durable.
//!
//! `cargo run --release -p carechain-chain --example chain_load [FOLDER]` prints one JSON line for one
//! at a time, 100 and 1,000 in flight. Transactions are signed before the clock starts; they enter
//! through the handle, so HTTP is not in the figures. Without FOLDER a temporary one is used.
#![allow(clippy::unwrap_used)]

#[path = "../tests/it/wallet.rs"]
mod wallet;

use carechain_chain::{AdmitAll, Chain, ChainConfig, Genesis, Ingress, ValidatorKey};
use serde_json::json;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::task::JoinSet;
use wallet::{CHAIN_ID, Wallet};

const WAIT: Duration = Duration::from_secs(60);
/// In flight at a time, and how many each of them sends one after the other.
const ROUNDS: [(usize, u64); 3] = [(1, 1_000), (100, 100), (1_000, 20)];

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let temporary = tempfile::tempdir().unwrap();
    let dir = std::env::args()
        .nth(1)
        .map_or(temporary.path().into(), std::path::PathBuf::from);
    let key = ValidatorKey::from_bytes(&[5; 32]).unwrap();
    let genesis = Genesis::new(CHAIN_ID, "load", 1_700_000_000, key.address());
    let chain = Chain::open(ChainConfig::new(
        dir,
        genesis,
        Some(key),
        Arc::new(AdmitAll),
    ))
    .unwrap();
    let deploy = Wallet::new("deployer").deploy(0);
    let deployed = chain
        .send_sync(&deploy, Ingress::Listener, WAIT)
        .await
        .unwrap();
    let counter = deployed.contract_address.unwrap();
    for (in_flight, each) in ROUNDS {
        let raw: Vec<Vec<Vec<u8>>> = (0..in_flight)
            .map(|sender| {
                let wallet = Wallet::new(&format!("{in_flight} {sender}"));
                (0..each)
                    .map(|nonce| wallet.call(nonce, counter, &[1; 64]))
                    .collect()
            })
            .collect();
        let before = chain.head().number;
        let started = Instant::now();
        let mut tasks = JoinSet::new();
        for mine in raw {
            let chain = chain.clone();
            tasks.spawn(async move {
                let mut took = Vec::with_capacity(mine.len());
                for raw in mine {
                    let sent = Instant::now();
                    let receipt = chain
                        .send_sync(&raw, Ingress::Listener, WAIT)
                        .await
                        .unwrap();
                    assert!(receipt.inner.status());
                    took.push(sent.elapsed());
                }
                took
            });
        }
        let mut took: Vec<Duration> = tasks.join_all().await.into_iter().flatten().collect();
        let elapsed = started.elapsed();
        took.sort_unstable();
        let ms = |part: f64| {
            let index = ((took.len() - 1) as f64 * part) as usize;
            (took[index].as_secs_f64() * 1e5).round() / 100.0
        };
        println!(
            "{}",
            json!({
                "in_flight": in_flight,
                "transactions": took.len(),
                "blocks": chain.head().number - before,
                "p50_ms": ms(0.5),
                "p99_ms": ms(0.99),
                "tx_per_s": (took.len() as f64 / elapsed.as_secs_f64()).round(),
            })
        );
    }
}
