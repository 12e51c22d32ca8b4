//! What tests of several modules need.
#![allow(clippy::unwrap_used)]

use alloy_primitives::{Address, B256};
use carechain_api::{Contracts, VoucherPolicy};
use carechain_crypto::SigningKey;

use crate::config::Origin;
use crate::state::Settings;

/// Settings with fixed keys.
pub(crate) fn settings(directory: Address) -> Settings {
    Settings {
        origin: Origin::parse("http://localhost:8080").unwrap(),
        chain_id: 7_000_000_001,
        genesis: B256::repeat_byte(1),
        contracts: Contracts {
            registry: Address::repeat_byte(0xa1),
            directory,
            consent: Address::repeat_byte(0xa3),
            records: Address::repeat_byte(0xa4),
        },
        node_key: SigningKey::from_bytes(&[1; 32]).unwrap(),
        operator_key: SigningKey::from_bytes(&[2; 32]).unwrap(),
        vouchers: VoucherPolicy::Open,
        claim_code_hash: None,
        demo: false,
    }
}
