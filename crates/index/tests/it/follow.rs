//! Following blocks: order, parents, restarts, crashes, events that cannot be.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use alloy_primitives::{B256, Bytes, LogData, U256};
use alloy_sol_types::SolEvent;
use carechain_bindings::{consent, directory, records};
use carechain_domain::{Kind, Status};
use carechain_index::{BlockLogs, Contracts, Index, IndexConfig, IndexError, MAX_BLOCKS, What};
use tempfile::TempDir;

use super::chain::Chain;
use super::{CONTRACTS, GENESIS, config, id, open, record, subject};

/// Polls a future a number of times and then drops it, wherever it is.
struct Dropped<F> {
    future: Pin<Box<F>>,
    polls: usize,
}

impl<F: Future> Future for Dropped<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, ctx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.polls == 0 {
            return Poll::Ready(None);
        }
        self.polls -= 1;
        match self.future.as_mut().poll(ctx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if self.polls == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }
}

fn people() -> Chain {
    let mut chain = Chain::default();
    chain.register(1, Kind::Patient, Status::Approved);
    chain.register(2, Kind::Doctor, Status::Approved).seal();
    chain
}

#[tokio::test]
async fn blocks_follow_each_other_or_are_refused() {
    let folder = TempDir::new().unwrap();
    let index = open(&folder).await;
    let start = index.cursor().await.unwrap();
    assert_eq!((start.number, start.hash), (0, GENESIS));
    let mut chain = people();
    let first = chain.blocks[0].clone();
    let second = chain.anchor((1, 1), (1, 1), 0, None).seal();
    let error = index.apply(second.clone()).await.unwrap_err();
    assert!(
        matches!(error, IndexError::OutOfOrder { head: 0, given: 2 }),
        "{error}"
    );
    assert_eq!(index.apply(first.clone()).await.unwrap().len(), 10);
    assert!(
        index.apply(first.clone()).await.unwrap().is_empty(),
        "the head again is nothing new"
    );

    let fork = BlockLogs {
        parent_hash: B256::repeat_byte(1),
        ..second.clone()
    };
    let error = index.apply(fork).await.unwrap_err();
    assert!(
        matches!(error, IndexError::ParentMismatch { number: 2, .. }),
        "{error}"
    );
    let other_head = BlockLogs {
        hash: B256::repeat_byte(1),
        ..first.clone()
    };
    let error = index.apply(other_head).await.unwrap_err();
    assert!(
        matches!(error, IndexError::OutOfOrder { head: 1, given: 1 }),
        "{error}"
    );
    assert_eq!(index.apply(second.clone()).await.unwrap().len(), 1);
    let error = index.apply(first).await.unwrap_err();
    assert!(
        matches!(error, IndexError::OutOfOrder { head: 2, given: 1 }),
        "{error}"
    );
    let cursor = index.cursor().await.unwrap();
    assert_eq!(
        (cursor.number, cursor.hash, cursor.time),
        (2, second.hash, second.time)
    );
    let error = index
        .apply_many(&vec![second; MAX_BLOCKS + 1])
        .await
        .unwrap_err();
    assert!(matches!(error, IndexError::TooLarge { what: "blocks", .. }));
}

#[tokio::test]
async fn changes_wait_until_acknowledged_over_restarts() {
    let folder = TempDir::new().unwrap();
    let index = open(&folder).await;
    let mut chain = people();
    chain
        .anchor((1, 2), (1, 1), 0, None)
        .anchor((1, 1), (2, 1), 3, Some(1))
        .seal();
    let changes = index.apply_many(&chain.blocks).await.unwrap();
    index.close().await;
    let index = open(&folder).await;
    assert_eq!(index.unacknowledged((0, 0), 100).await.unwrap(), changes);
    assert_eq!(
        index.unacknowledged((2, 0), 100).await.unwrap(),
        changes[changes.len() - 1..]
    );
    assert_eq!(index.unacknowledged((0, 0), 3).await.unwrap(), changes[..3]);
    let What::Anchored { amends, author, .. } = &changes.last().unwrap().what else {
        panic!("the last change is an anchor")
    };
    assert_eq!(
        (*amends, *author),
        (Some((record(1), subject(2))), subject(1))
    );
    let before = index.digest().await.unwrap();
    index.acknowledge(1).await.unwrap();
    assert_eq!(index.unacknowledged((0, 0), 100).await.unwrap().len(), 2);
    index.acknowledge(2).await.unwrap();
    assert!(index.unacknowledged((0, 0), 100).await.unwrap().is_empty());
    assert_eq!(
        index.digest().await.unwrap(),
        before,
        "acknowledging changes no table"
    );
}

#[tokio::test]
async fn first_devices_and_first_statuses_are_told_apart() {
    let folder = TempDir::new().unwrap();
    let index = open(&folder).await;
    let mut chain = people();
    let block = chain
        .device(1, 900)
        .status(2, Status::Suspended, 7)
        .remove_device(1, 900)
        .seal();
    let first = index.apply(chain.blocks[0].clone()).await.unwrap();
    let initial = first.iter().filter(|change| {
        matches!(
            change.what,
            What::StatusChanged { initial: true, .. } | What::DeviceAdded { first: true, .. }
        )
    });
    assert_eq!(initial.count(), 4);
    let later = index.apply(block).await.unwrap();
    assert!(matches!(
        later[0].what,
        What::DeviceAdded { first: false, .. }
    ));
    assert!(matches!(
        later[1].what,
        What::StatusChanged {
            initial: false,
            kind: Kind::Doctor,
            reason: 7,
            ..
        }
    ));
    assert_eq!((later[2].block, later[2].log_index), (2, 2));
}

#[tokio::test]
async fn logs_that_our_contracts_cannot_emit_are_refused_and_change_nothing() {
    let folder = TempDir::new().unwrap();
    let index = open(&folder).await;
    index.apply(people().blocks[0].clone()).await.unwrap();
    let before = index.digest().await.unwrap();
    type Fault = fn(&mut Chain) -> &mut Chain;
    let faults: [(Fault, &str); 9] = [
        (
            |c: &mut Chain| c.status(77, Status::Approved, 0),
            "bad subject",
        ),
        (|c: &mut Chain| c.key_bundle(77, 2), "bad subject"),
        (|c: &mut Chain| c.remove_device(1, 77), "bad device"),
        (|c: &mut Chain| c.end(77, 1, 2, true), "bad grant"),
        (|c: &mut Chain| c.withdraw(77, 1, 2), "bad request"),
        (|c: &mut Chain| c.vote(2, 1, 9), "bad decision"),
        (
            |c: &mut Chain| c.anchor((1, 1), (1, 1), 16, None),
            "bad lane",
        ),
        (
            |c: &mut Chain| c.anchor((1, 1), (1, 1), 0, Some(55)),
            "bad amended record",
        ),
        (
            |c: &mut Chain| {
                let topics = vec![records::Anchored::SIGNATURE_HASH, id(1), id(2), id(3)];
                let data = LogData::new_unchecked(topics, Bytes::from_static(&[1, 2, 3]));
                c.emit(CONTRACTS.records, data)
            },
            "bad records event",
        ),
    ];
    for (fault, expected) in faults {
        let mut chain = people();
        chain.anchor((1, 1), (500, 1), 4, None);
        fault(&mut chain);
        let error = index.apply(chain.seal()).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{error} is not about {expected}");
        assert_eq!(index.digest().await.unwrap(), before, "{expected}");
    }
    let mut chain = people();
    chain
        .anchor((1, 1), (1, 1), 0, None)
        .anchor((1, 1), (2, 1), 0, None);
    let mut gap = chain.seal();
    gap.logs.remove(0);
    let error = index.apply(gap.clone()).await.unwrap_err();
    assert!(
        matches!(
            error,
            IndexError::SequenceGap {
                given: 2,
                count: 0,
                ..
            }
        ),
        "{error}"
    );
    let mut unordered = chain.blocks[1].clone();
    unordered.logs.swap(0, 1);
    let error = index.apply(unordered).await.unwrap_err();
    assert!(
        matches!(error, IndexError::LogOrder { block: 2, index: 0 }),
        "{error}"
    );
    assert_eq!(index.digest().await.unwrap(), before);
}

#[tokio::test]
async fn other_contracts_and_unknown_events_are_passed_over() {
    let folder = TempDir::new().unwrap();
    let index = open(&folder).await;
    let mut chain = people();
    let stranger = directory::ThresholdChanged { threshold: 9 }.encode_log_data();
    chain.emit(alloy_primitives::Address::ZERO, stranger.clone());
    chain.emit(CONTRACTS.consent, stranger);
    chain.emit(
        CONTRACTS.records,
        LogData::new_unchecked(vec![], Bytes::new()),
    );
    let ours = directory::ThresholdChanged { threshold: 2 }.encode_log_data();
    let block = chain.emit(CONTRACTS.directory, ours).seal();
    index.apply(chain.blocks[0].clone()).await.unwrap();
    let changes = index.apply(block).await.unwrap();
    assert_eq!(changes.len(), 1);
    assert_eq!(
        (changes[0].log_index, index.threshold().await.unwrap()),
        (3, 2)
    );
}

#[tokio::test]
async fn another_chain_other_contracts_and_a_newer_schema_are_refused() {
    let folder = TempDir::new().unwrap();
    open(&folder).await.close().await;
    let path = folder.path().join("index.db");
    let other = IndexConfig {
        genesis: B256::ZERO,
        ..config()
    };
    let error = Index::open(&path, other).await.unwrap_err();
    assert!(
        matches!(error, IndexError::ForeignChain { what: "chain", .. }),
        "{error}"
    );
    let contracts = Contracts {
        consent: CONTRACTS.records,
        ..CONTRACTS
    };
    let error = Index::open(
        &path,
        IndexConfig {
            contracts,
            ..config()
        },
    )
    .await
    .unwrap_err();
    assert!(
        matches!(
            error,
            IndexError::ForeignChain {
                what: "set of contracts",
                ..
            }
        ),
        "{error}"
    );
    let pool = sqlx::SqlitePool::connect(&format!("sqlite:{}", path.display()))
        .await
        .unwrap();
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9000, 'of tomorrow', TRUE, x'00', 0)",
    )
    .execute(&pool)
    .await
    .unwrap();
    pool.close().await;
    let error = Index::open(&path, config()).await.unwrap_err();
    assert!(
        matches!(error, IndexError::Newer { found: 9000, .. }),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_at_any_point_leaves_whole_blocks_and_goes_on() {
    let folder = TempDir::new().unwrap();
    let index = open(&folder).await;
    let mut chain = people();
    for n in 0..300 {
        chain.anchor((1, 2), (n, 1), (n % 16) as u8, None);
    }
    chain
        .grant(1, 1, 2, 3, 9_000)
        .epochs(1, 1, U256::from(1), 9_000)
        .seal();
    index.apply(chain.blocks[0].clone()).await.unwrap();
    let before = index.digest().await.unwrap();
    let straight = TempDir::new().unwrap();
    let whole = open(&straight).await;
    whole.apply_many(&chain.blocks).await.unwrap();
    let after = whole.digest().await.unwrap();
    let (mut finished, mut polls) = (false, 1);
    while !finished {
        let apply = index.apply(chain.blocks[1].clone());
        finished = Dropped {
            future: Box::pin(apply),
            polls,
        }
        .await
        .is_some();
        // As kill -9 leaves them: the files at this moment, without a close.
        let crashed = TempDir::new().unwrap();
        for file in ["index.db", "index.db-wal"] {
            std::fs::copy(folder.path().join(file), crashed.path().join(file)).unwrap();
        }
        let restarted = open(&crashed).await;
        let found = restarted.digest().await.unwrap();
        assert!(found == before || found == after, "half a block");
        assert!(
            !finished || found == after,
            "an acknowledged block was lost"
        );
        restarted.apply(chain.blocks[1].clone()).await.unwrap();
        assert_eq!(restarted.digest().await.unwrap(), after);
        restarted.close().await;
        polls += 1 + polls / 8;
        assert!(polls < 10_000, "applying never finished");
    }
}

#[tokio::test]
async fn an_event_of_another_contract_at_our_address_is_not_mixed_up() {
    let folder = TempDir::new().unwrap();
    let index = open(&folder).await;
    let mut chain = people();
    let event = consent::FreshUntilLowered {
        subject: subject(1).0,
        freshUntil: 5,
    };
    let block = chain
        .emit(CONTRACTS.records, event.encode_log_data())
        .seal();
    index.apply(chain.blocks[0].clone()).await.unwrap();
    assert!(index.apply(block).await.unwrap().is_empty());
    assert_eq!(index.freshness(subject(1)).await.unwrap().fresh_until, 0);
}
