//! A second node that executes and commits the first one's blocks.

use alloy_consensus::Header;
use carechain_chain::{Certificate, Chain, ChainError, Verdict};

use crate::{
    node::{Node, config, genesis, key},
    wallet::Wallet,
};

type Change = fn(&mut Header);

fn follower(dir: &std::path::Path) -> Chain {
    let mut config = config(dir);
    config.validator_key = None;
    Chain::open(config).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_reaches_the_same_state() {
    let node = Node::start();
    let counter = node.deploy_counter().await;
    for nonce in 0..5 {
        node.send(&Wallet::new("a").call(nonce, counter, b"x"))
            .await
            .unwrap();
    }
    let dir = tempfile::tempdir().unwrap();
    let other = follower(dir.path());
    for number in 1..=node.chain.head().number {
        let (block, certificate) = node.chain.block(number).unwrap();
        let certificate = certificate.unwrap();
        assert_eq!(other.execute(&block).unwrap(), Verdict::Valid);
        assert_eq!(other.head().number, number - 1, "executed is not committed");
        other.commit(&block, certificate.clone()).unwrap();
        other.commit(&block, certificate).unwrap();
        assert_eq!(other.head().number, number);
    }
    assert_eq!(other.head().hash, node.chain.head().hash);
    drop(other);
    let other = follower(dir.path());
    assert_eq!(
        other.head().header.state_root,
        node.chain.head().header.state_root
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_refuses_what_does_not_hold() {
    let node = Node::start();
    node.deploy_counter().await;
    node.send(&Wallet::new("a").call(0, Default::default(), b"x"))
        .await
        .unwrap();
    let dir = tempfile::tempdir().unwrap();
    let other = follower(dir.path());
    let (first, certificate) = node.chain.block(1).unwrap();
    let (second, second_certificate) = node.chain.block(2).unwrap();
    let certificate = certificate.unwrap();

    assert!(
        matches!(other.execute(&second), Err(ChainError::UnknownBlock(_))),
        "it must wait"
    );
    let swapped = other.commit(&first, second_certificate.unwrap());
    assert!(matches!(swapped, Err(ChainError::BadCertificate { .. })));

    let changes: [(&str, Change); 8] = [
        ("state_root", |h| h.state_root.0[0] ^= 1),
        ("receipts_root", |h| h.receipts_root.0[0] ^= 1),
        ("gas_used", |h| h.gas_used += 1),
        ("beneficiary", |h| h.beneficiary.0[0] ^= 1),
        ("timestamp", |h| h.timestamp = 1),
        ("timestamp", |h| h.timestamp = u64::MAX),
        ("extra_data", |h| h.extra_data = Default::default()),
        ("base_fee_per_gas", |h| h.base_fee_per_gas = Some(1)),
    ];
    for (field, change) in changes {
        let mut changed = first.clone();
        change(&mut changed.header);
        let verdict = other.execute(&changed).unwrap();
        assert!(
            matches!(&verdict, Verdict::Invalid { reason } if reason.contains(field)),
            "{field}: {verdict:?}"
        );
        let hash = changed.header.hash_slow();
        let certificate = Certificate::sign(&key(), &genesis(), other.genesis_hash(), 1, hash);
        let committed = other.commit(&changed, certificate);
        assert!(matches!(
            committed,
            Err(ChainError::InvalidBlock { number: 1, .. })
        ));
    }
    let mut doubled = first.clone();
    doubled
        .body
        .transactions
        .push(first.body.transactions[0].clone());
    doubled.header.gas_used += 1;
    assert!(matches!(
        other.execute(&doubled).unwrap(),
        Verdict::Invalid { .. }
    ));

    other.commit(&first, certificate).unwrap();
    let mut rival = first.clone();
    rival.header.timestamp += 1;
    let hash = rival.header.hash_slow();
    let certificate = Certificate::sign(&key(), &genesis(), other.genesis_hash(), 1, hash);
    assert!(matches!(
        other.commit(&rival, certificate),
        Err(ChainError::Conflict { number: 1, .. })
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_proposals_on_one_parent_are_overlays_until_one_is_final() {
    let dir = tempfile::tempdir().unwrap();
    let chain = follower(dir.path());
    // Built by hand, as a sealer for several validators would.
    let node = Node::start();
    node.send(&Wallet::new("a").call(0, Default::default(), b"one"))
        .await
        .unwrap();
    let (ours, certificate) = node.chain.block(1).unwrap();
    let rival_node = Node::start();
    rival_node
        .send(&Wallet::new("b").call(0, Default::default(), b"two"))
        .await
        .unwrap();
    let (rival, rival_certificate) = rival_node.chain.block(1).unwrap();
    assert_eq!(chain.execute(&ours).unwrap(), Verdict::Valid);
    assert_eq!(chain.execute(&rival).unwrap(), Verdict::Valid);
    rival_node
        .send(&Wallet::new("b").call(1, Default::default(), b"three"))
        .await
        .unwrap();
    let (grandchild, _) = rival_node.chain.block(2).unwrap();
    assert_eq!(
        chain.execute(&grandchild).unwrap(),
        Verdict::Valid,
        "on an unfinalised parent"
    );
    chain.commit(&ours, certificate.unwrap()).unwrap();
    let late = chain.commit(&rival, rival_certificate.unwrap());
    assert!(matches!(late, Err(ChainError::Conflict { .. })));
    assert_eq!(chain.head().hash, ours.header.hash_slow());
}
