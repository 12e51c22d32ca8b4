//! Who gets in through the gateway's door, on a real chain with the real contracts.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Signature, TxKind, U256};
use alloy_provider::{Provider, ProviderBuilder};
use alloy_rpc_client::RpcClient;
use alloy_sol_types::{SolStruct, SolValue, eip712_domain, sol};
use carechain_bindings::directory::IDirectory;
use carechain_chain::{ChainConfig, Genesis, ValidatorKey};
use carechain_crypto::SigningKey;
use tempfile::TempDir;

use super::*;
use crate::folder::Folder;
use crate::local_transport::LocalTransport;

mod typed {
    super::sol! {
        struct Voucher { uint8 kind; address root; bytes32 organisation; uint256 nonce; uint64 expiry; }
        struct DeviceConsent { bytes32 subject; address device; }
    }
}

const CHAIN_ID: u64 = 7_000_000_001;
const PATIENT: u8 = 1;

struct Town {
    chain: Chain,
    contracts: Contracts,
    operator: SigningKey,
    _dir: TempDir,
}

fn key(byte: u8) -> SigningKey {
    SigningKey::from_bytes(&[byte; 32]).unwrap()
}

async fn town() -> Town {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::open(dir.path()).unwrap();
    let validator = ValidatorKey::from_bytes(&[3; 32]).unwrap();
    let genesis = Genesis::new(CHAIN_ID, "test", 1, validator.address());
    let policy = Arc::new(Policy::default());
    let config = ChainConfig::new(
        folder.sub("chain").unwrap(),
        genesis,
        Some(validator),
        policy.clone(),
    );
    let chain = Chain::open(config).unwrap();
    let transport = LocalTransport::new(chain.rpc_module(Ingress::Listener));
    let provider = ProviderBuilder::default()
        .connect_client(RpcClient::new(transport, true))
        .erased();
    let operator = key(4);
    let hash = chain.genesis_hash();
    let contracts =
        crate::contracts::ensure(&folder, &provider, CHAIN_ID, hash, operator.address())
            .await
            .unwrap();
    policy.attach(chain.clone(), contracts.clone());
    Town {
        chain,
        contracts,
        operator,
        _dir: dir,
    }
}

impl Town {
    /// A patient's registration with a voucher that `signer` signed.
    fn registration(&self, root: &SigningKey, device: &SigningKey, signer: &SigningKey) -> Vec<u8> {
        let domain = eip712_domain! {
            name: "Carechain Directory",
            version: "1",
            chain_id: CHAIN_ID,
            verifying_contract: self.contracts.directory,
        };
        let (expiry, nonce) = (u64::MAX, U256::from_be_slice(root.address().as_slice()));
        let voucher = typed::Voucher {
            kind: PATIENT,
            root: root.address(),
            organisation: B256::ZERO,
            nonce,
            expiry,
        };
        let salt = B256::repeat_byte(9);
        let subject = alloy_primitives::keccak256((root.address(), salt).abi_encode());
        let consent = typed::DeviceConsent {
            subject,
            device: device.address(),
        };
        directory::registerCall {
            registration: IDirectory::Registration {
                salt,
                keyBundleHash: B256::repeat_byte(1),
                profileHash: B256::ZERO,
                homeHash: B256::ZERO,
                device: device.address(),
                deviceSignature: device
                    .sign_digest(&consent.eip712_signing_hash(&domain))
                    .to_vec()
                    .into(),
            },
            voucher: IDirectory::Voucher {
                kind: PATIENT,
                root: root.address(),
                organisation: B256::ZERO,
                nonce,
                expiry,
            },
            voucherSignature: signer
                .sign_digest(&voucher.eip712_signing_hash(&domain))
                .to_vec()
                .into(),
        }
        .abi_encode()
    }

    async fn send(
        &self,
        from: &SigningKey,
        nonce: u64,
        gas_limit: u64,
        input: Vec<u8>,
    ) -> Result<bool, String> {
        let tx = TxEip1559 {
            chain_id: CHAIN_ID,
            nonce,
            gas_limit,
            to: TxKind::Call(self.contracts.directory),
            input: input.into(),
            ..Default::default()
        };
        let signature = Signature::from_raw_array(&from.sign_digest(&tx.signature_hash())).unwrap();
        let raw = TxEnvelope::from(tx.into_signed(signature)).encoded_2718();
        match self
            .chain
            .send_sync(&raw, Ingress::Gateway, Duration::from_secs(30))
            .await
        {
            Ok(receipt) => Ok(receipt.status()),
            Err(ChainError::Admission(refusal)) => Err(refusal.code),
            Err(other) => Err(other.to_string()),
        }
    }
}

const GAS: u64 = 2_000_000;

fn refused() -> Result<bool, String> {
    Err("not_registered".to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voucher_that_the_operator_did_not_sign_never_reaches_a_block() {
    let town = town().await;
    let (root, device) = (key(11), key(12));
    let head = town.chain.head().number;
    let forged = town.registration(&root, &device, &root);
    assert_eq!(town.send(&root, 0, GAS, forged).await, refused());
    let good = town.registration(&root, &device, &town.operator);
    let changed = good[..good.len() - 200].to_vec();
    assert_eq!(town.send(&root, 0, GAS, changed).await, refused());
    assert_eq!(town.chain.head().number, head, "nothing was sealed");

    assert_eq!(town.send(&root, 0, GAS, good.clone()).await, Ok(true));
    let spent = town.registration(&key(11), &key(13), &town.operator);
    assert_eq!(
        town.send(&key(13), 0, GAS, spent).await,
        refused(),
        "a voucher for another root"
    );
    let profile = directory::setProfileCall {
        profileHash: B256::repeat_byte(2),
    }
    .abi_encode();
    assert_eq!(
        town.send(&device, 0, GAS, profile.clone()).await,
        Ok(true),
        "now its device may write"
    );
    assert_eq!(
        town.send(&key(14), 0, GAS, profile).await,
        refused(),
        "and no stranger"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_voucher_does_not_fill_the_queue() {
    let town = town().await;
    let (root, device) = (key(21), key(22));
    let good = town.registration(&root, &device, &town.operator);
    for nonce in 1..4 {
        assert_eq!(
            town.send(&root, nonce, GAS, good.clone()).await,
            refused(),
            "nonce {nonce}"
        );
    }
    let padded = [good.clone(), vec![0; MAX_REGISTER_BYTES]].concat();
    assert_eq!(town.send(&root, 0, GAS, padded).await, refused());
    assert_eq!(
        town.send(&root, 0, MAX_REGISTER_GAS + 1, good.clone())
            .await,
        refused()
    );
    assert_eq!(town.send(&root, 0, GAS, good).await, Ok(true));
}

#[test]
fn a_subject_is_bounded_in_transactions_and_in_bytes() {
    let policy = Policy::default();
    let (one, other) = (B256::repeat_byte(1), B256::repeat_byte(2));
    for _ in 0..MAX_TXS_PER_WINDOW {
        assert!(policy.within_rate(one, 100));
    }
    assert!(!policy.within_rate(one, 100));
    assert!(policy.within_rate(other, MAX_BYTES_PER_WINDOW));
    assert!(!policy.within_rate(other, 1));
}
