//! Nothing acknowledged is lost, whatever byte the log ends at.

use alloy_eips::BlockId;
use alloy_primitives::B256;
use carechain_chain::{Chain, ChainError, LOG_FILE};
use std::{collections::BTreeSet, fs};

use crate::{
    node::{Node, config},
    wallet::Wallet,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_is_the_same_chain() {
    let node = Node::start();
    let counter = node.deploy_counter().await;
    let wallet = Wallet::new("a");
    for nonce in 0..300 {
        node.send(&wallet.call(nonce, counter, &[nonce as u8]))
            .await
            .unwrap();
    }
    let before = node.chain.head();
    let (block, certificate) = node.chain.block(7).unwrap();
    let receipts = serde_json::to_value(node.chain.receipts(9)).unwrap();
    let old = node
        .chain
        .proof(counter, &[B256::ZERO], (before.number - 255).into())
        .unwrap();
    let Node { chain, dir } = node;
    drop(chain);

    let chain = Chain::open(config(dir.path())).unwrap();
    let after = chain.head();
    assert_eq!(
        (after.hash, after.header.state_root),
        (before.hash, before.header.state_root)
    );
    assert_eq!(after.certificate, before.certificate);
    assert_eq!(chain.block(7).unwrap(), (block, certificate));
    assert_eq!(serde_json::to_value(chain.receipts(9)).unwrap(), receipts);
    let at = (before.number - 255).into();
    assert_eq!(chain.proof(counter, &[B256::ZERO], at).unwrap(), old);
    assert!(matches!(
        chain.proof(counter, &[], (before.number - 256).into()),
        Err(ChainError::StateNotKept { .. })
    ));
    let raw = wallet.call(300, counter, b"again");
    let sent = chain
        .send_sync(&raw, carechain_chain::Ingress::Gateway, crate::node::WAIT)
        .await;
    assert_eq!(sent.unwrap().block_number, Some(before.number + 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_cut_keeps_what_was_acknowledged_before_it() {
    let node = Node::start();
    let path = node.dir.path().join(LOG_FILE);
    let wallet = Wallet::new("a");
    let counter = node.deploy_counter().await;
    // What the log held at the moment each transaction was acknowledged.
    let mut acknowledged = vec![(fs::metadata(&path).unwrap().len(), 1)];
    for nonce in 0..4 {
        let receipt = node.send(&wallet.call(nonce, counter, b"x")).await.unwrap();
        acknowledged.push((
            fs::metadata(&path).unwrap().len(),
            receipt.block_number.unwrap(),
        ));
    }
    let hashes: Vec<_> = (0..=node.chain.head().number)
        .map(|n| node.chain.head_at(n).unwrap())
        .collect();
    let Node { chain, dir } = node;
    drop(chain);
    let whole = fs::read(&path).unwrap();

    let mut cuts = BTreeSet::new();
    for (end, _) in &acknowledged {
        let end = usize::try_from(*end).unwrap();
        for cut in [
            end - 70,
            end - 9,
            end - 1,
            end,
            end + 1,
            end + 4,
            end + 15,
            end + 23,
            end + 24,
            end + 25,
            end + 300,
        ] {
            cuts.insert(cut.min(whole.len()));
        }
    }
    for cut in cuts {
        fs::write(&path, &whole[..cut]).unwrap();
        let chain = Chain::open(config(dir.path())).unwrap();
        let head = chain.head();
        let least = acknowledged
            .iter()
            .filter(|(end, _)| *end <= cut as u64)
            .map(|(_, n)| *n)
            .max();
        assert_eq!(head.number, least.unwrap_or(0), "cut at {cut}");
        let expected = &hashes[usize::try_from(head.number).unwrap()];
        assert_eq!(head.hash, expected.hash);
        assert_eq!(head.header.state_root, expected.header.state_root);
        let nonce = chain.nonce(wallet.address, BlockId::latest()).unwrap();
        assert_eq!(nonce, head.number.saturating_sub(1));
        // The chain goes on from there.
        let raw = wallet.call(nonce, counter, b"next");
        chain
            .send_sync(&raw, carechain_chain::Ingress::Listener, crate::node::WAIT)
            .await
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_log_is_refused_and_named() {
    let node = Node::start();
    for nonce in 0..3 {
        node.send(&Wallet::new("a").call(nonce, Default::default(), b"x"))
            .await
            .unwrap();
    }
    let Node { chain, dir } = node;
    drop(chain);
    let path = dir.path().join(LOG_FILE);
    let mut log = fs::read(&path).unwrap();
    log[150] ^= 1;
    fs::write(&path, &log).unwrap();
    let error = Chain::open(config(dir.path())).unwrap_err();
    assert!(
        matches!(&error, ChainError::DamagedLog { offset: 72, .. }),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_has_one_owner_and_one_genesis() {
    let node = Node::start();
    assert!(matches!(
        Chain::open(config(node.dir.path())),
        Err(ChainError::Locked(_))
    ));
    let Node { chain, dir } = node;
    drop(chain);
    let mut other = config(dir.path());
    other.genesis.timestamp += 1;
    let error = Chain::open(other).unwrap_err();
    assert!(
        matches!(&error, ChainError::Genesis(why) if why.contains("belongs to genesis")),
        "{error}"
    );
    Chain::open(config(dir.path())).unwrap();
}
