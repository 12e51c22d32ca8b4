//! Order, gaps, bounds, expiry.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::{
    validate::validate,
    wallet::{CHAIN_ID, Wallet},
};

fn tx(name: &str, nonce: u64) -> Arc<SignedTx> {
    let raw = Wallet::new(name).call(nonce, Address::ZERO, b"");
    Arc::new(validate(&raw, CHAIN_ID).unwrap())
}

fn nonces(txs: &[Arc<SignedTx>]) -> Vec<u64> {
    txs.iter().map(|tx| tx.nonce()).collect()
}

fn take_all(pool: &mut Pool) -> Vec<Arc<SignedTx>> {
    pool.take(usize::MAX, usize::MAX)
}

#[test]
fn a_gap_waits_and_closes() {
    let mut pool = Pool::default();
    for nonce in [2, 1] {
        pool.insert(tx("a", nonce), 0, 0).unwrap();
    }
    assert!(pool.is_idle());
    pool.insert(tx("a", 0), 0, 0).unwrap();
    assert_eq!(nonces(&take_all(&mut pool)), [0, 1, 2]);
    assert_eq!(pool.next_nonce(Wallet::new("a").address, 0), 3);
    assert_eq!(pool.len(), 3, "known until final");
}

#[test]
fn refuses_by_name() {
    let mut pool = Pool::default();
    pool.insert(tx("a", 5), 5, 0).unwrap();
    assert_eq!(pool.insert(tx("a", 5), 5, 0), Err(TxError::AlreadyKnown));
    assert_eq!(
        pool.insert(tx("a", 4), 5, 0),
        Err(TxError::NonceTooLow { next: 6, nonce: 4 })
    );
    pool.insert(tx("a", 8), 5, 0).unwrap();
    let other = Wallet::new("a").call(8, Address::ZERO, b"other");
    let other = Arc::new(validate(&other, CHAIN_ID).unwrap());
    assert_eq!(
        pool.insert(other, 5, 0),
        Err(TxError::NonceTaken { nonce: 8 })
    );
    let far = 6 + MAX_GAP + 1;
    assert_eq!(
        pool.insert(tx("a", far), 5, 0),
        Err(TxError::NonceTooFar {
            next: 6,
            nonce: far,
            limit: MAX_GAP
        })
    );
    pool.insert(tx("a", far - 1), 5, 0).unwrap();
}

#[test]
fn early_ones_expire_by_the_clock() {
    let mut pool = Pool::default();
    pool.insert(tx("a", 1), 0, 1_000).unwrap();
    pool.insert(tx("b", 0), 0, 1_000).unwrap();
    let end = 1_000 + EARLY_TTL_SECS * 1_000;
    assert!(pool.sweep(end - 1).is_empty());
    assert_eq!(pool.sweep(end + SWEEP_EVERY_MS), vec![*tx("a", 1).hash()]);
    assert_eq!(pool.len(), 1);
    pool.insert(tx("a", 1), 0, end).unwrap();
    assert_eq!(pool.early, 1);
}

#[test]
fn a_dropped_nonce_strands_what_follows_until_it_is_sent_again() {
    let mut pool = Pool::default();
    for nonce in 0..5 {
        pool.insert(tx("a", nonce), 0, 0).unwrap();
    }
    pool.insert(tx("b", 0), 0, 0).unwrap();
    let taken = pool.take(3, usize::MAX);
    assert_eq!(nonces(&taken), [0, 1, 2]);
    // Nonce 0 ran, 1 was dropped, 2 came too early.
    pool.settle(&taken[1..2], taken[2..].to_vec(), Vec::new(), 0);
    pool.on_final(&taken[..1]);
    assert_eq!(pool.next_nonce(Wallet::new("a").address, 1), 1);
    assert_eq!(take_all(&mut pool).len(), 1, "only b can run");
    pool.insert(tx("a", 1), 1, 0).unwrap();
    assert_eq!(nonces(&take_all(&mut pool)), [1, 2, 3, 4]);
}

#[test]
fn what_had_no_room_is_first_next_time() {
    let mut pool = Pool::default();
    for nonce in 0..4 {
        pool.insert(tx("a", nonce), 0, 0).unwrap();
    }
    let taken = pool.take(3, usize::MAX);
    pool.settle(&[], Vec::new(), taken[1..].to_vec(), 0);
    assert_eq!(nonces(&take_all(&mut pool)), [1, 2, 3]);
}

#[test]
fn limits_of_a_block_hold() {
    let mut pool = Pool::default();
    for nonce in 0..4 {
        pool.insert(tx("a", nonce), 0, 0).unwrap();
    }
    let size = tx("a", 0).size;
    assert_eq!(pool.take(usize::MAX, size * 2 + 1).len(), 2);
    assert_eq!(pool.take(1, usize::MAX).len(), 1);
}

#[test]
fn forgets_what_is_final_and_returns_what_is_given_back() {
    let mut pool = Pool::default();
    for nonce in 0..2 {
        pool.insert(tx("a", nonce), 0, 0).unwrap();
    }
    let taken = take_all(&mut pool);
    pool.give_back(&taken);
    assert_eq!(nonces(&take_all(&mut pool)), [0, 1]);
    pool.on_final(&taken);
    assert_eq!(pool.len(), 0);
    assert!(
        pool.accounts.is_empty(),
        "nothing is kept of a settled account"
    );
    pool.give_back(&taken);
    assert!(pool.is_idle(), "what is final does not come back");
}

#[test]
fn a_block_from_elsewhere_closes_a_gap() {
    let mut pool = Pool::default();
    pool.insert(tx("a", 1), 0, 0).unwrap();
    pool.on_final(&[tx("a", 0)]);
    assert_eq!(nonces(&take_all(&mut pool)), [1]);
}

#[test]
fn an_account_has_a_bound() {
    let mut pool = Pool::default();
    let one = tx("a", 0);
    for nonce in 0..MAX_PER_ACCOUNT as u64 {
        // One signature is enough here: the pool trusts what it is given.
        let mut envelope = one.tx.clone();
        if let alloy_consensus::TxEnvelope::Eip1559(signed) = &mut envelope {
            let mut inner = signed.tx().clone();
            inner.nonce = nonce;
            *signed = alloy_consensus::SignableTransaction::into_signed(inner, *signed.signature());
        }
        pool.insert(Arc::new(SignedTx::new(envelope, one.sender)), 0, 0)
            .unwrap();
    }
    let next = tx("a", MAX_PER_ACCOUNT as u64);
    assert_eq!(
        pool.insert(next, 0, 0),
        Err(TxError::AccountFull {
            limit: MAX_PER_ACCOUNT
        })
    );
}

#[test]
fn what_waits_is_bounded_in_bytes_and_room_comes_back() {
    let mut pool = Pool::default();
    let large = |n: u64| {
        let raw = Wallet::new("a").call(n, Address::ZERO, b"");
        let mut tx = validate(&raw, CHAIN_ID).unwrap();
        tx.size = MAX_POOL_BYTES / 4;
        Arc::new(tx)
    };
    // Two can run, one is early, and there is room for one more.
    for nonce in [0, 1, 4] {
        pool.insert(large(nonce), 0, 0).unwrap();
    }
    pool.insert(large(2), 0, 0).unwrap();
    assert_eq!(
        pool.insert(tx("b", 0), 0, 0),
        Err(TxError::PoolBytes {
            limit: MAX_POOL_BYTES
        })
    );
    let txs = take_all(&mut pool);
    pool.settle(&txs[2..], Vec::new(), Vec::new(), 0);
    pool.on_final(&txs[..2]);
    pool.on_final(&txs[..2]);
    assert_eq!(pool.sweep(EARLY_TTL_SECS * 1_000).len(), 1);
    assert_eq!(pool.bytes, 0, "dropped, final and expired ones are let go");
}
