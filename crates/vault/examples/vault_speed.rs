//! Times the vault's two hot paths on this machine: `cargo run --release -p carechain-vault --example vault_speed`.

use std::time::{Duration, Instant};

use alloy_primitives::{Address, B256, keccak256};
use carechain_domain::{Lane, RecordId, SubjectId, Uid};
use carechain_vault::{MAX_STAGE_ROWS, NewReceipt, StageRow, Vault, VaultKeys};

const RECORDS: usize = 20 * MAX_STAGE_ROWS;
const ASKED: usize = 5_000;
const ROUNDS: usize = 15;

fn row(n: usize) -> StageRow {
    let hash = |what: &str| keccak256(format!("{what}/{n}"));
    StageRow {
        record: RecordId(hash("record")),
        version: 1,
        commitment: hash("commitment"),
        author: SubjectId::from([2; 32]),
        uid: Uid(hash("uid")),
        lane: Lane::all().nth(n % 16).expect("sixteen lanes"),
        epoch: 0,
        cid: format!("bafkrei{}", &format!("{:x}", hash("cid"))[..52]),
        size: 1_024,
        slot: Some(vec![7; 64]),
        inbox: None,
        inbox_key_version: 0,
    }
}

fn print(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let middle = times[times.len() / 2];
    println!(
        "{what}: p50 {:.1} ms, max {:.1} ms",
        ms(middle),
        ms(times[times.len() - 1])
    );
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::TempDir::new()?;
    let keys = VaultKeys::at(folder.path().join("erase.db"));
    let vault = Vault::open(folder.path().join("vault.db"), keys).await?;
    let subject = SubjectId::from([1; 32]);
    let rows: Vec<StageRow> = (0..RECORDS).map(row).collect();
    let (mut staged, mut published) = (Vec::new(), Vec::new());
    for batch in rows.chunks(MAX_STAGE_ROWS) {
        let start = Instant::now();
        vault.stage(subject, batch, 100, 50).await?;
        staged.push(start.elapsed());
        let names: Vec<_> = batch
            .iter()
            .map(|row| (row.record, row.version, row.commitment))
            .collect();
        let start = Instant::now();
        vault.publish(&names).await?;
        published.push(start.elapsed());
    }
    print("stage 1,024 rows, durable", staged);
    print("publish 1,024 rows, durable", published);
    let step = RECORDS / ASKED;
    let asked: Vec<(RecordId, u32)> = rows
        .iter()
        .step_by(step)
        .take(ASKED)
        .map(|row| (row.record, 1))
        .collect();
    let mut released = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let found = vault.release_rows(subject, &asked, true).await?;
        released.push(start.elapsed());
        assert!(
            found.iter().all(Option::is_some),
            "every record asked for was published"
        );
    }
    print("release_rows of 5,000 among 20,480", released);
    let mut receipts = Vec::new();
    for n in 0..ROUNDS {
        let receipt = NewReceipt {
            subject,
            statement: "{}".to_owned(),
            digest: B256::repeat_byte(1),
            records: asked.clone(),
            device: Address::repeat_byte(2),
            signature: vec![3; 65],
            nonce: keccak256([n as u8]),
            expiry: 100,
            at: 50,
        };
        let start = Instant::now();
        vault.append_receipt(&receipt).await?;
        receipts.push(start.elapsed());
    }
    print("append_receipt naming 5,000 records, durable", receipts);
    Ok(())
}
