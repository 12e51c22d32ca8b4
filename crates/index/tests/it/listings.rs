//! Every listing, and the rules of the contracts that they repeat.

use alloy_primitives::{B256, U256, keccak256};
use alloy_sol_types::SolValue;
use carechain_domain::{Kind, LaneSet, Status};
use carechain_index::{Index, RequestStatus};
use tempfile::TempDir;

use super::chain::{Chain, time};
use super::{address, grant, id, lane, lanes, open, record, request, subject};

async fn index_of(folder: &TempDir, chain: &mut Chain) -> Index {
    chain.seal();
    let index = open(folder).await;
    index.apply_many(&chain.blocks).await.unwrap();
    index
}

#[tokio::test]
async fn the_directory_lists_by_kind_and_status_and_never_patients() {
    let folder = TempDir::new().unwrap();
    let mut chain = Chain::default();
    for n in 1..=4 {
        chain.register(n, Kind::Patient, Status::Approved);
    }
    for n in 10..=14 {
        chain.register(n, Kind::Doctor, Status::Pending);
    }
    chain.register(20, Kind::Administrator, Status::Approved);
    chain.register(21, Kind::Administrator, Status::Pending);
    chain.vote(10, 20, 1).status(10, Status::Approved, 0);
    let index = index_of(&folder, &mut chain).await;
    let all = index.directory(None, None, None, 100).await.unwrap();
    assert_eq!(all.len(), 7);
    assert!(all.windows(2).all(|pair| pair[0].subject < pair[1].subject));
    let none = index
        .directory(Some(Kind::Patient), None, None, 100)
        .await
        .unwrap();
    assert!(none.is_empty());
    let pending = index
        .directory(Some(Kind::Doctor), Some(Status::Pending), None, 3)
        .await
        .unwrap();
    assert_eq!(pending.len(), 3);
    let after = pending.last().map(|row| row.subject);
    let rest = index
        .directory(Some(Kind::Doctor), Some(Status::Pending), after, 3)
        .await
        .unwrap();
    assert_eq!(rest.len(), 1);
    assert!(rest[0].subject > pending[2].subject);
    let administrators = index.administrators().await.unwrap();
    assert_eq!(
        administrators.iter().map(|a| a.subject).collect::<Vec<_>>(),
        [subject(20)]
    );
    let votes = index.votes_on(subject(10), 10).await.unwrap();
    assert_eq!((votes.len(), votes[0].administrator), (1, subject(20)));
}

#[tokio::test]
async fn a_subject_and_its_keys_are_as_the_events_left_them() {
    let folder = TempDir::new().unwrap();
    let mut chain = Chain::default();
    chain.register(1, Kind::Doctor, Status::Pending).seal();
    chain.device(1, 900).key_bundle(1, 2).seal();
    chain
        .remove_device(1, 501)
        .status(1, Status::Approved, 3)
        .pointer(7, 1);
    let index = index_of(&folder, &mut chain).await;
    let row = index.subject(subject(1)).await.unwrap().unwrap();
    assert_eq!(
        (row.kind, row.status, row.reason),
        (Kind::Doctor, Status::Approved, 3)
    );
    assert_eq!(
        (row.root, row.key_version, row.key_bundle_hash),
        (address(1), 2, id(102))
    );
    assert_eq!((row.profile_hash, row.home_hash), (id(9), B256::ZERO));
    assert_eq!((row.registered_block, row.registered_at), (1, time(1)));
    assert_eq!(row.status_at, time(3));
    assert!(index.subject(subject(2)).await.unwrap().is_none());
    let root = index.actor(address(1)).await.unwrap().unwrap();
    assert!(root.is_root && root.subject == subject(1));
    let device = index.actor(address(900)).await.unwrap().unwrap();
    assert!(!device.is_root && device.status == Status::Approved);
    assert_eq!(
        index.subject_of(address(501)).await.unwrap(),
        None,
        "a removed device acts no more"
    );
    assert_eq!(index.subject_of(address(5)).await.unwrap(), None);
    let live = index.devices(subject(1), true).await.unwrap();
    assert_eq!(
        live.iter().map(|d| d.device).collect::<Vec<_>>(),
        [address(900)]
    );
    assert_eq!(index.devices(subject(1), false).await.unwrap().len(), 2);
    let removed = index.device(address(501)).await.unwrap().unwrap();
    assert_eq!(
        (removed.added_at, removed.removed_at),
        (time(1), Some(time(3)))
    );
    let pointers = index.pointers().await.unwrap();
    assert_eq!(
        (pointers[0].name, pointers[0].target, pointers[0].version),
        (id(7), address(7), 1)
    );
}

#[tokio::test]
async fn lanes_follow_grants_status_and_time_as_the_contract_has_it() {
    let folder = TempDir::new().unwrap();
    let mut chain = Chain::default();
    chain.register(1, Kind::Patient, Status::Approved);
    chain.register(2, Kind::Doctor, Status::Approved);
    chain.register(3, Kind::Doctor, Status::Pending);
    chain
        .grant(1, 1, 2, 0b0110, 5_000)
        .grant(2, 1, 2, 0b1000, 6_000);
    chain.grant(3, 1, 2, 0b1_0000, 9_000).end(3, 1, 2, true);
    chain.grant(4, 1, 3, 0b0110, 9_000);
    let index = index_of(&folder, &mut chain).await;
    let read = async |grantee, at| {
        index
            .lanes_of(subject(1), subject(grantee), at)
            .await
            .unwrap()
            .read
    };
    assert_eq!(read(2, 4_999).await, lanes(0b1110));
    assert_eq!(
        read(2, 5_000).await,
        lanes(0b1000),
        "a grant ends at its second"
    );
    assert_eq!(read(2, 6_000).await, LaneSet::EMPTY);
    assert_eq!(read(3, 4_000).await, LaneSet::EMPTY, "not approved");
    assert_eq!(read(9, 4_000).await, LaneSet::EMPTY, "nobody");
    assert_eq!(read(1, 4_000).await, LaneSet::ALL, "its own");
    let write = index
        .lanes_of(subject(1), subject(2), 5_500)
        .await
        .unwrap()
        .write;
    assert_eq!(write, lanes(1));
    let unknown = index.lanes_of(subject(9), subject(9), 4_000).await.unwrap();
    assert_eq!(unknown.read, LaneSet::EMPTY, "nobody's own is nothing");
    chain.status(2, Status::Suspended, 1);
    chain.seal();
    index.apply(chain.blocks[1].clone()).await.unwrap();
    assert_eq!(read(2, 4_000).await, LaneSet::EMPTY, "suspended at once");
}

#[tokio::test]
async fn an_early_time_counts_as_the_heads() {
    let folder = TempDir::new().unwrap();
    let mut chain = Chain::default();
    chain.register(1, Kind::Patient, Status::Approved);
    chain
        .register(2, Kind::Doctor, Status::Approved)
        .grant(1, 1, 2, 2, time(2))
        .seal();
    let index = index_of(&folder, &mut chain).await;
    let access = index.access(subject(1), subject(2), 0).await.unwrap();
    assert_eq!((access.block, access.block_time), (2, time(2)));
    assert_eq!(access.lanes.read, LaneSet::EMPTY);
}

#[tokio::test]
async fn grants_and_requests_are_listed_newest_first_for_both_sides() {
    let folder = TempDir::new().unwrap();
    let mut chain = Chain::default();
    chain.register(1, Kind::Patient, Status::Approved);
    chain.register(2, Kind::Doctor, Status::Approved);
    for n in 1..=4 {
        chain.request(n, 1, 2);
    }
    chain.seal();
    chain
        .answer(1, 1, 2, None)
        .grant(1, 1, 2, 6, 5_000)
        .answer(2, 1, 2, Some(1));
    chain
        .withdraw(3, 1, 2)
        .grant(2, 1, 2, 1, 7_000)
        .end(1, 1, 2, true);
    let index = index_of(&folder, &mut chain).await;
    let to = index.requests_to(subject(1), 10).await.unwrap();
    assert_eq!(to, index.requests_by(subject(2), 10).await.unwrap());
    let states: Vec<_> = to.iter().map(|row| row.status).collect();
    use RequestStatus::{Accepted, Open, Refused, Withdrawn};
    assert_eq!(states, [Open, Withdrawn, Accepted, Refused]);
    assert_eq!(
        (to[0].request, to[2].grant, to[0].block),
        (request(4), Some(grant(1)), 1)
    );
    assert_eq!(index.request(request(1)).await.unwrap().unwrap(), to[3]);
    assert!(index.request(request(9)).await.unwrap().is_none());
    let of = index.grants_of(subject(1), 10).await.unwrap();
    assert_eq!(of, index.grants_to(subject(2), 10).await.unwrap());
    assert_eq!(
        of.iter().map(|g| (g.id, g.ended)).collect::<Vec<_>>(),
        [(grant(2), false), (grant(1), true)]
    );
    assert_eq!((of[0].granted_at, of[0].not_after), (time(2), 7_000));
    assert_eq!(index.grants_of(subject(1), 1).await.unwrap().len(), 1);
    assert_eq!(index.grant(grant(1)).await.unwrap(), Some(of[1]));
}

#[tokio::test]
async fn freshness_moves_as_the_contract_moves_it() {
    let folder = TempDir::new().unwrap();
    let mut chain = Chain::default();
    chain
        .register(1, Kind::Patient, Status::Approved)
        .lower(1, 5_000)
        .seal();
    let index = index_of(&folder, &mut chain).await;
    let now = index.freshness(subject(1)).await.unwrap();
    assert_eq!(
        (now.epochs.0, now.fresh_until, now.moved_at),
        (U256::ZERO, 5_000, 0)
    );
    let word = U256::from(1) << 240;
    let block = chain.epochs(1, 1 << 15, word, u64::MAX).seal();
    index.apply(block).await.unwrap();
    let now = index.freshness(subject(1)).await.unwrap();
    assert_eq!(
        (now.epochs.0, now.fresh_until, now.moved_at),
        (word, u64::MAX, time(3))
    );
    assert_eq!(now.epochs.of(lane(15)), 1);
    let block = chain.epochs(1, 0, word, 8_000).seal();
    index.apply(block).await.unwrap();
    let now = index.freshness(subject(1)).await.unwrap();
    assert_eq!(
        (now.fresh_until, now.moved_at),
        (8_000, time(3)),
        "no lane moved"
    );
    assert_eq!(index.freshness(subject(2)).await.unwrap().fresh_until, 0);
}

async fn chart(folder: &TempDir) -> Index {
    let mut chain = Chain::default();
    chain.register(1, Kind::Patient, Status::Approved);
    chain.register(2, Kind::Doctor, Status::Approved);
    for n in 0..40 {
        chain.anchor((1, 1), (n, 1), (n % 4) as u8, None);
    }
    chain.seal();
    chain
        .anchor((1, 1), (8, 2), 0, None)
        .anchor((1, 2), (100, 1), 3, Some(8));
    index_of(folder, &mut chain).await
}

#[tokio::test]
async fn anchors_come_by_lane_and_sequence_and_by_name() {
    let folder = TempDir::new().unwrap();
    let index = chart(&folder).await;
    let wanted = [(lane(3), 8), (lane(0), 9), (lane(9), 0)];
    let got = index.anchors_after(subject(1), &wanted, 100).await.unwrap();
    let places: Vec<_> = got.iter().map(|a| (a.lane.number(), a.sequence)).collect();
    assert_eq!(places, [(0, 10), (0, 11), (3, 9), (3, 10), (3, 11)]);
    let last = got.last().unwrap();
    assert_eq!(
        (last.record, last.author, last.amends),
        (record(100), subject(2), record(8))
    );
    assert_eq!(
        (last.block, last.time, last.epoch, last.inbox_only),
        (2, time(2), 2, false)
    );
    let page = index.anchors_after(subject(1), &wanted, 3).await.unwrap();
    assert_eq!(page, got[..3]);
    assert!(
        index
            .anchors_after(subject(2), &wanted, 10)
            .await
            .unwrap()
            .is_empty()
    );

    let names = [
        (record(8), 2),
        (record(8), 1),
        (record(8), 3),
        (record(999), 1),
    ];
    let found = index.anchors_of(subject(1), &names).await.unwrap();
    assert_eq!(found[0].unwrap().commitment, id(8_002));
    assert_eq!(found[1].unwrap().commitment, id(8_001));
    assert!(found[2].is_none() && found[3].is_none());
    let foreign = index.anchors_of(subject(2), &names).await.unwrap();
    assert!(foreign.iter().all(Option::is_none));
    let tip = index.tip(record(8)).await.unwrap().unwrap();
    assert_eq!(
        (tip.version, tip.commitment, tip.subject),
        (2, id(8_002), subject(1))
    );
    assert!(index.tip(record(999)).await.unwrap().is_none());
}

#[tokio::test]
async fn counts_and_rolling_hashes_are_the_contracts() {
    let folder = TempDir::new().unwrap();
    let index = chart(&folder).await;
    let all: Vec<_> = (0..16).map(|n| (lane(n), 0)).collect();
    let anchors = index.anchors_after(subject(1), &all, 100).await.unwrap();
    let rows = index.lanes(subject(1)).await.unwrap();
    assert_eq!(rows.len(), 4);
    for row in rows {
        let mut rolling = B256::ZERO;
        let mut count = 0;
        for a in anchors.iter().filter(|a| a.lane == row.lane) {
            let word = (
                a.version,
                a.author.0,
                U256::from(a.lane.number()),
                a.commitment,
            )
                .abi_encode();
            rolling = keccak256((rolling, a.record.0, keccak256(word)).abi_encode());
            count += 1;
        }
        assert_eq!(
            (row.count, row.rolling),
            (count, rolling),
            "lane {}",
            row.lane
        );
    }
}
