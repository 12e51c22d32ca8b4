//! What admission refuses, each by name.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::wallet::{CHAIN_ID, Wallet, counter_init};
use alloy_consensus::{SignableTransaction, TxEip1559, TxEip2930, TxEip4844, TxEip7702, TxLegacy};
use alloy_eips::eip2930::{AccessList, AccessListItem};
use alloy_primitives::{Bytes, TxKind, U256, hex};

fn wallet() -> Wallet {
    Wallet::new("validate")
}

fn base() -> TxEip1559 {
    wallet().tx(
        0,
        TxKind::Call(Address::repeat_byte(1)),
        Bytes::from_static(b"data"),
    )
}

fn refused(raw: &[u8]) -> TxError {
    validate(raw, CHAIN_ID).unwrap_err()
}

#[test]
fn accepts_the_three_types_and_finds_the_sender() {
    let list = AccessList(vec![AccessListItem {
        address: Address::ZERO,
        storage_keys: vec![B256::ZERO],
    }]);
    let legacy = TxLegacy {
        chain_id: Some(CHAIN_ID),
        gas_limit: 21_000,
        to: TxKind::Call(Address::ZERO),
        ..Default::default()
    };
    let listed = TxEip2930 {
        chain_id: CHAIN_ID,
        gas_limit: 30_000,
        to: TxKind::Call(Address::ZERO),
        access_list: list,
        ..Default::default()
    };
    for raw in [
        wallet().sign(legacy),
        wallet().sign(listed),
        wallet().sign(base()),
    ] {
        assert_eq!(validate(&raw, CHAIN_ID).unwrap().sender, wallet().address);
    }
}

#[test]
fn refuses_other_chains_and_unprotected_ones() {
    let other = TxEip1559 {
        chain_id: 1,
        ..base()
    };
    assert_eq!(
        refused(&wallet().sign(other)),
        TxError::WrongChain {
            have: 1,
            want: CHAIN_ID
        }
    );
    let unprotected = TxLegacy {
        gas_limit: 21_000,
        to: TxKind::Call(Address::ZERO),
        ..Default::default()
    };
    assert_eq!(refused(&wallet().sign(unprotected)), TxError::Unprotected);
}

#[test]
fn refuses_blob_and_set_code_transactions() {
    let blob = TxEip4844 {
        chain_id: CHAIN_ID,
        gas_limit: 100_000,
        blob_versioned_hashes: vec![B256::repeat_byte(1)],
        ..Default::default()
    };
    let signature = wallet().signature(&blob);
    let mut raw = Vec::new();
    TxEnvelope::from(blob.into_signed(signature)).encode_2718(&mut raw);
    assert_eq!(refused(&raw), TxError::BlobNotSupported);

    let set_code = TxEip7702 {
        chain_id: CHAIN_ID,
        gas_limit: 100_000,
        ..Default::default()
    };
    assert_eq!(
        refused(&wallet().sign(set_code)),
        TxError::SetCodeNotSupported
    );
}

#[test]
fn refuses_what_is_out_of_bounds() {
    let over = TxEip1559 {
        gas_limit: MAX_TX_GAS + 1,
        ..base()
    };
    assert_eq!(
        refused(&wallet().sign(over)),
        TxError::GasAboveCap {
            gas: MAX_TX_GAS + 1
        }
    );

    let low = TxEip1559 {
        gas_limit: 21_000,
        ..base()
    };
    assert!(matches!(
        refused(&wallet().sign(low)),
        TxError::IntrinsicGas { gas: 21_000, .. }
    ));

    let long = TxEip1559 {
        input: vec![0; MAX_TX_BYTES].into(),
        gas_limit: MAX_TX_GAS,
        ..base()
    };
    assert!(matches!(
        refused(&wallet().sign(long)),
        TxError::Oversized { .. }
    ));

    let init = TxEip1559 {
        to: TxKind::Create,
        input: vec![0; MAX_INIT_CODE_BYTES + 1].into(),
        gas_limit: MAX_TX_GAS,
        ..base()
    };
    let size = MAX_INIT_CODE_BYTES + 1;
    assert_eq!(
        refused(&wallet().sign(init)),
        TxError::InitCodeTooLarge { size }
    );

    let nonce = TxEip1559 {
        nonce: u64::MAX,
        ..base()
    };
    assert_eq!(refused(&wallet().sign(nonce)), TxError::NonceMax);

    let tip = TxEip1559 {
        max_priority_fee_per_gas: 2,
        max_fee_per_gas: 1,
        ..base()
    };
    assert_eq!(refused(&wallet().sign(tip)), TxError::TipAboveFeeCap);
}

#[test]
fn refuses_broken_signatures_and_bytes() {
    let tx = base();
    let good = wallet().signature(&tx);
    let order = U256::from_be_bytes(hex!(
        "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"
    ));
    let high = Signature::new(good.r(), order - good.s(), !good.v());
    let zero = Signature::new(U256::ZERO, good.s(), good.v());
    for signature in [high, zero] {
        let raw = TxEnvelope::from(tx.clone().into_signed(signature)).encoded_2718();
        assert_eq!(refused(&raw), TxError::BadSignature);
    }
    let mut raw = wallet().sign(tx);
    raw.push(0);
    assert!(matches!(refused(&raw), TxError::Malformed(_)));
    for cut in 0..raw.len() - 1 {
        assert!(validate(&raw[..cut], CHAIN_ID).is_err());
    }
    assert!(matches!(refused(&[]), TxError::Malformed(_)));
    assert!(matches!(refused(b"\x7f12"), TxError::Malformed(_)));
}

#[test]
fn a_changed_byte_is_another_sender_or_nothing() {
    let raw = wallet().sign(base());
    for at in 0..raw.len() {
        let mut changed = raw.clone();
        changed[at] ^= 1;
        if let Ok(tx) = validate(&changed, CHAIN_ID) {
            assert_ne!(tx.sender, wallet().address, "byte {at}");
        }
    }
}

#[test]
fn intrinsic_gas_is_the_floor_where_that_is_higher() {
    // EIP-7623: 10 gas a token, a non-zero byte is four tokens.
    let input = Bytes::from(vec![1; 1_000]);
    let needed = 21_000 + 1_000 * 4 * 10;
    let tx = TxEip1559 {
        input,
        gas_limit: needed - 1,
        ..base()
    };
    assert_eq!(
        refused(&wallet().sign(tx.clone())),
        TxError::IntrinsicGas {
            gas: needed - 1,
            needed
        }
    );
    assert!(
        validate(
            &wallet().sign(TxEip1559 {
                gas_limit: needed,
                ..tx
            }),
            CHAIN_ID
        )
        .is_ok()
    );
    assert!(
        validate(&wallet().deploy(0), CHAIN_ID).is_ok_and(|tx| tx.tx.input() == &counter_init())
    );
}
