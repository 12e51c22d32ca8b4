//! Accounts that sign, and a contract to call. Shared by unit and integration tests.
#![allow(clippy::unwrap_used, dead_code)]

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, Bytes, Signature, TxKind, U256, hex, keccak256};
use secp256k1::{Message, PublicKey, SECP256K1, SecretKey};

pub(crate) const CHAIN_ID: u64 = 715_001;

/// Counts in slot 0. Without input it returns the count; with input it counts, logs the input under
/// topic 0x2a, and reverts with the input if its first byte is 0xff.
pub(crate) const COUNTER_RUNTIME: &[u8] = &hex!(
    "36600f5760005460005260206000f35b60005460010160005536600060003760"
    "2a366000a160003560f81c60ff14603257005b366000fd"
);

/// Deploys [`COUNTER_RUNTIME`].
pub(crate) fn counter_init() -> Bytes {
    let mut code = hex!("603780600b6000396000f3").to_vec();
    code.extend_from_slice(COUNTER_RUNTIME);
    code.into()
}

#[derive(Clone)]
pub(crate) struct Wallet {
    secret: SecretKey,
    pub(crate) address: Address,
}

impl Wallet {
    pub(crate) fn new(name: &str) -> Self {
        let secret = SecretKey::from_byte_array(&keccak256(name).0).unwrap();
        let public = PublicKey::from_secret_key(SECP256K1, &secret).serialize_uncompressed();
        Self {
            secret,
            address: Address::from_slice(&keccak256(&public[1..])[12..]),
        }
    }

    pub(crate) fn secret(&self) -> [u8; 32] {
        self.secret.secret_bytes()
    }

    pub(crate) fn signature(&self, tx: &impl SignableTransaction<Signature>) -> Signature {
        let digest = Message::from_digest(tx.signature_hash().0);
        let (parity, bytes) = SECP256K1
            .sign_ecdsa_recoverable(&digest, &self.secret)
            .serialize_compact();
        Signature::from_bytes_and_parity(&bytes, i32::from(parity) == 1)
    }

    pub(crate) fn sign<T>(&self, tx: T) -> Vec<u8>
    where
        T: SignableTransaction<Signature>,
        TxEnvelope: From<alloy_consensus::Signed<T>>,
    {
        let signature = self.signature(&tx);
        TxEnvelope::from(tx.into_signed(signature)).encoded_2718()
    }

    pub(crate) fn tx(&self, nonce: u64, to: TxKind, input: Bytes) -> TxEip1559 {
        TxEip1559 {
            chain_id: CHAIN_ID,
            nonce,
            gas_limit: 300_000,
            max_fee_per_gas: 0,
            max_priority_fee_per_gas: 0,
            to,
            value: U256::ZERO,
            access_list: Default::default(),
            input,
        }
    }

    /// A signed call.
    pub(crate) fn call(&self, nonce: u64, to: Address, input: &[u8]) -> Vec<u8> {
        self.sign(self.tx(nonce, TxKind::Call(to), Bytes::copy_from_slice(input)))
    }

    /// A signed deployment of the counter.
    pub(crate) fn deploy(&self, nonce: u64) -> Vec<u8> {
        self.sign(self.tx(nonce, TxKind::Create, counter_init()))
    }
}
