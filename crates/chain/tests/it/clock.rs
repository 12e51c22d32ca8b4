//! Time on the chain: it never goes back, and every wait follows the one clock.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use alloy_primitives::Address;
use carechain_chain::{Chain, ChainError, Clock, Ingress};

use crate::{
    node::{WAIT, config},
    wallet::Wallet,
};

/// A clock that stands where it is put; its sleeps are over at once.
struct Turned(AtomicU64);

impl Clock for Turned {
    fn unix_millis(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    fn sleep(&self, _: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(std::future::ready(()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn time_never_goes_back_and_waits_follow_the_clock() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    let clock = Arc::new(Turned(AtomicU64::new(1_800_000_000_000)));
    config.clock = clock.clone();
    let chain = Chain::open(config).unwrap();
    let wallet = Wallet::new("a");
    let mut sent = 0;
    for (millis, expected) in [
        (1_800_000_000_000, 1_800_000_000),
        (1_700_000_000_000, 1_800_000_000),
        (1_800_000_005_999, 1_800_000_005),
    ] {
        clock.0.store(millis, Ordering::SeqCst);
        chain
            .send(&wallet.call(sent, Address::ZERO, b""), Ingress::Listener)
            .unwrap();
        sent += 1;
        chain.wait_for(sent).await.unwrap();
        assert_eq!(chain.head().header.timestamp, expected);
    }
    // A gap that nobody closes: the wait is over when the clock says so.
    let early = wallet.call(sent + 1, Address::ZERO, b"");
    let waited = chain
        .send_sync(&early, Ingress::Listener, WAIT)
        .await
        .unwrap_err();
    assert!(matches!(waited, ChainError::WaitTimeout { .. }), "{waited}");
    assert_eq!(chain.pending_count(), 1);
    // It expires, and is forgotten at the next admission.
    clock.0.fetch_add(1_000_000, Ordering::SeqCst);
    chain
        .send(
            &Wallet::new("b").call(0, Address::ZERO, b""),
            Ingress::Listener,
        )
        .unwrap();
    chain.wait_for(sent + 1).await.unwrap();
    assert!(
        chain.send(&early, Ingress::Listener).is_ok(),
        "no longer known"
    );
}
