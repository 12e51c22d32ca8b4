//! Many senders at once: everything is included, once, in order.

use carechain_chain::Ingress;
use std::collections::{BTreeMap, BTreeSet};
use tokio::task::JoinSet;

use crate::{
    node::{Node, WAIT},
    wallet::Wallet,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_from_twenty_senders_out_of_order_are_included_once() {
    const SENDERS: usize = 20;
    const EACH: u64 = 50;
    let node = Node::start();
    let counter = node.deploy_counter().await;
    let mut tasks = JoinSet::new();
    for sender in 0..SENDERS {
        let wallet = Wallet::new(&format!("sender {sender}"));
        // The last nonce first: each is queued until the gap before it closes.
        for nonce in (0..EACH).rev() {
            let raw = wallet.call(nonce, counter, &[sender as u8, nonce as u8]);
            let chain = node.chain.clone();
            tasks.spawn(async move {
                chain
                    .send_sync(&raw, Ingress::Listener, WAIT)
                    .await
                    .unwrap()
            });
        }
    }
    let mut places = BTreeSet::new();
    let mut by_sender: BTreeMap<_, Vec<_>> = BTreeMap::new();
    while let Some(receipt) = tasks.join_next().await {
        let receipt = receipt.unwrap();
        assert!(receipt.inner.status());
        assert!(places.insert((receipt.block_number, receipt.transaction_index)));
        by_sender.entry(receipt.from).or_default().push(receipt);
    }
    assert_eq!(places.len(), SENDERS * EACH as usize);
    let count = node.chain.view(counter, Default::default()).unwrap();
    assert_eq!(count[30..], (1_000u16).to_be_bytes());

    let head = node.chain.head().number;
    let included: usize = (1..=head)
        .map(|n| node.chain.block(n).unwrap().0.body.transactions.len())
        .sum();
    assert_eq!(included, 1 + SENDERS * EACH as usize);
    for receipts in by_sender.values_mut() {
        receipts.sort_by_key(|r| (r.block_number, r.transaction_index));
        let nonces: Vec<_> = receipts
            .iter()
            .map(|r| r.inner.logs()[0].data().data[1])
            .collect();
        assert_eq!(nonces, (0..EACH as u8).collect::<Vec<_>>());
    }
    assert_eq!(node.chain.pending_count(), 0);
}
