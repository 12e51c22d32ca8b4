//! Times the index's hot paths on this machine: `cargo run --release -p carechain-index --example index_speed`.

use std::time::{Duration, Instant};

use alloy_primitives::{Address, B256, Log, keccak256};
use alloy_sol_types::SolEvent;
use carechain_bindings::records::Anchored;
use carechain_domain::{Lane, RecordId, SubjectId};
use carechain_index::{BlockLog, BlockLogs, Contracts, Index, IndexConfig};

const BLOCKS: u64 = 40;
const ANCHORS_A_BLOCK: u64 = 512;
const ASKED: u64 = 5_000;
const ROUNDS: usize = 15;

fn print(what: &str, mut times: Vec<Duration>) {
    let ms = |time: Duration| time.as_secs_f64() * 1_000.0;
    times.sort_unstable();
    let (middle, last) = (times[times.len() / 2], times[times.len() - 1]);
    println!("{what}: p50 {:.1} ms, max {:.1} ms", ms(middle), ms(last));
}

fn block(number: u64, parent_hash: B256, records: Address, subject: SubjectId) -> BlockLogs {
    let logs = (0..ANCHORS_A_BLOCK)
        .map(|n| {
            let all = (number - 1) * ANCHORS_A_BLOCK + n;
            let event = Anchored {
                subject: subject.0,
                record: keccak256(all.to_be_bytes()),
                author: subject.0,
                lane: (all % 16) as u8,
                version: 1,
                sequence: all / 16 + 1,
                epoch: 0,
                inboxOnly: false,
                commitment: keccak256([7, all as u8]),
                amends: B256::ZERO,
            };
            let log = Log {
                address: records,
                data: event.encode_log_data(),
            };
            BlockLog {
                index: n as u32,
                log,
            }
        })
        .collect();
    BlockLogs {
        number,
        hash: keccak256(parent_hash),
        parent_hash,
        time: number,
        logs,
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::TempDir::new()?;
    let at = Address::repeat_byte;
    let contracts = Contracts {
        registry: at(1),
        directory: at(2),
        consent: at(3),
        records: at(4),
    };
    let config = IndexConfig {
        contracts,
        genesis: B256::ZERO,
    };
    let index = Index::open(folder.path().join("index.db"), config).await?;
    let subject = SubjectId::from([1; 32]);
    let (mut parent, mut applied) = (config.genesis, Vec::new());
    for number in 1..=BLOCKS {
        let next = block(number, parent, contracts.records, subject);
        parent = next.hash;
        let start = Instant::now();
        index.apply(next).await?;
        applied.push(start.elapsed());
    }
    print("apply a block of 512 anchors, durable", applied);
    let lanes: Vec<(Lane, u64)> = Lane::all().map(|lane| (lane, 0)).collect();
    let names: Vec<(RecordId, u32)> = (0..ASKED)
        .map(|n| (RecordId(keccak256((n * 4).to_be_bytes())), 1))
        .collect();
    let (mut listed, mut named) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let rows = index.anchors_after(subject, &lanes, ASKED as u32).await?;
        listed.push(start.elapsed());
        assert_eq!(
            rows.len() as u64,
            ASKED,
            "the chart holds more than was asked for"
        );
        let start = Instant::now();
        let rows = index.anchors_of(subject, &names).await?;
        named.push(start.elapsed());
        assert!(
            rows.iter().all(Option::is_some),
            "every record asked for was anchored"
        );
    }
    print("anchors_after, 5,000 of 20,480", listed);
    print("anchors_of, 5,000 of 20,480", named);
    let start = Instant::now();
    let digest = index.digest().await?;
    println!(
        "digest {digest}: {:.1} ms",
        start.elapsed().as_secs_f64() * 1_000.0
    );
    Ok(())
}
