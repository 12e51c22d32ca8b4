//! The chain of receipts and the nonces of releases.

use alloy_primitives::{Address, B256};
use carechain_vault::{MAX_PAGE_RECORDS, NONCE_GRACE_SECS, NewReceipt, VaultError};
use proptest::prelude::*;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::{hash, open, record, subject};

fn receipt(n: u64, nonce: u64, records: u64) -> NewReceipt {
    NewReceipt {
        subject: subject(1),
        statement: format!("{{\"n\":{n}}}"),
        digest: hash(n),
        records: (0..records).map(|r| (record(r), 1)).collect(),
        device: Address::repeat_byte(7),
        signature: vec![n as u8; 65],
        nonce: hash(nonce),
        expiry: 1_000,
        at: 100 + n,
    }
}

/// The chain's hash as docs/records.md writes it, byte by byte.
fn expected(previous: B256, receipt: &NewReceipt) -> B256 {
    let mut bytes = b"carechain/receipt/v1".to_vec();
    bytes.extend(previous.as_slice());
    bytes.extend(receipt.digest.as_slice());
    bytes.extend(&receipt.signature);
    bytes.extend(receipt.at.to_be_bytes());
    B256::from_slice(&Sha256::digest(&bytes))
}

#[tokio::test]
async fn receipts_chain_and_list_in_order() {
    let folder = TempDir::new().unwrap();
    let vault = open(&folder).await;
    let mut previous = B256::ZERO;
    for n in 1..=5 {
        let new = receipt(n, n, n);
        let tip = vault.append_receipt(&new).await.unwrap();
        previous = expected(previous, &new);
        assert_eq!((tip.number, tip.hash), (n, previous));
    }
    let other = NewReceipt {
        subject: subject(2),
        ..receipt(1, 99, 0)
    };
    assert_eq!(
        vault.append_receipt(&other).await.unwrap().number,
        1,
        "a chain for each subject"
    );
    let listed = vault.receipts_after(subject(1), 2, 2).await.unwrap();
    assert_eq!(listed.iter().map(|r| r.number).collect::<Vec<_>>(), [3, 4]);
    assert_eq!(listed[0].records, receipt(3, 3, 3).records);
    assert_eq!(
        (listed[0].digest, listed[0].statement.as_str()),
        (hash(3), "{\"n\":3}")
    );
    assert!(
        vault
            .receipts_after(subject(1), 5, 10)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn a_nonce_is_spent_once_with_or_without_a_receipt() {
    let folder = TempDir::new().unwrap();
    let vault = open(&folder).await;
    assert!(vault.spend_nonce(hash(1), 160).await.unwrap());
    assert!(!vault.spend_nonce(hash(1), 160).await.unwrap());
    let error = vault.append_receipt(&receipt(1, 1, 0)).await.unwrap_err();
    assert!(matches!(error, VaultError::NonceSpent), "{error}");
    assert!(
        vault
            .receipts_after(subject(1), 0, 10)
            .await
            .unwrap()
            .is_empty()
    );
    vault.append_receipt(&receipt(1, 2, 0)).await.unwrap();
    let again = vault.append_receipt(&receipt(1, 2, 0)).await.unwrap_err();
    assert!(matches!(again, VaultError::NonceSpent), "{again}");
    assert!(!vault.spend_nonce(hash(2), 160).await.unwrap());
    vault.close().await;
    let vault = open(&folder).await;
    assert!(
        !vault.spend_nonce(hash(1), 160).await.unwrap(),
        "remembered over a restart"
    );
    let kept_until = 160 + NONCE_GRACE_SECS;
    for at in [160, 161, kept_until] {
        let swept = vault.sweep_nonces(at).await.unwrap();
        assert_eq!(swept, 0, "{at}: it is kept beyond its expiry");
    }
    assert!(!vault.spend_nonce(hash(1), 160).await.unwrap());
    assert_eq!(vault.sweep_nonces(kept_until + 1).await.unwrap(), 1);
}

#[tokio::test]
async fn a_page_ends_before_it_grows_too_large() {
    let folder = TempDir::new().unwrap();
    let vault = open(&folder).await;
    for n in 1..=7 {
        vault.append_receipt(&receipt(n, n, 20_000)).await.unwrap();
    }
    let page = vault.receipts_after(subject(1), 0, 100).await.unwrap();
    assert_eq!(page.len(), MAX_PAGE_RECORDS / 20_000);
    let rest = vault
        .receipts_after(subject(1), page.len() as u64, 100)
        .await
        .unwrap();
    assert_eq!(rest.last().unwrap().number, 7);
    let error = vault
        .append_receipt(&receipt(8, 8, 20_001))
        .await
        .unwrap_err();
    assert!(matches!(
        error,
        VaultError::TooLarge {
            what: "records",
            ..
        }
    ));
    assert!(
        vault.spend_nonce(hash(8), 160).await.unwrap(),
        "a refused receipt spends no nonce"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn the_hash_is_that_of_the_document(previous: [u8; 32], digest: [u8; 32], signature: Vec<u8>, at: u64) {
        let new = NewReceipt { digest: digest.into(), signature, at, ..receipt(0, 0, 0) };
        let hash = carechain_vault::receipt_hash(previous.into(), new.digest, &new.signature, at);
        prop_assert_eq!(hash, expected(previous.into(), &new));
    }
}
