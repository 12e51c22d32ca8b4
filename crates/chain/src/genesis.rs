//! The genesis file: what every node of one chain must agree on before the first block.
//!
//! Chain id, first accounts, the signing namespace and the validator sets by epoch. The genesis
//! hash commits to the namespace and to the first set (in `mix_hash`), so a signature for one chain
//! never holds on another. Later sets are appended to the file when an epoch hands over, which needs
//! no new genesis; each set names the block it starts at. The EIP-2935 history contract is always
//! there.
//!
//! It refuses a file without a validator, with epochs out of order, or with fields it does not know.

use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, Header};
use alloy_eips::{
    eip2935::{HISTORY_STORAGE_ADDRESS, HISTORY_STORAGE_CODE},
    eip7685::EMPTY_REQUESTS_HASH,
};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_trie::EMPTY_ROOT_HASH;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fs, io::Write, path::Path};

use crate::{error::ChainError, state::World};

/// Version of the header conventions, the first byte of `extra_data`.
pub const HEADER_VERSION: u8 = 1;
/// Gas limit of blocks where the genesis file does not say.
pub const DEFAULT_BLOCK_GAS: u64 = 500_000_000;
/// Smallest block gas limit: one transaction of the largest size must fit.
pub(crate) const MIN_BLOCK_GAS: u64 = 30_000_000;
/// Largest block gas limit.
pub(crate) const MAX_BLOCK_GAS: u64 = 10_000_000_000;
/// Longest signing namespace in bytes.
pub(crate) const MAX_NAMESPACE_BYTES: usize = 64;
/// Largest genesis file.
const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;

/// The validators of one epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValidatorSet {
    /// The epoch, counted from 0.
    pub epoch: u64,
    /// The first block of the epoch.
    pub from_block: u64,
    /// The validators' accounts.
    pub validators: Vec<Address>,
}

/// An account that exists from the start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisAccount {
    /// Its balance.
    #[serde(default)]
    pub balance: U256,
    /// Its nonce.
    #[serde(default)]
    pub nonce: u64,
    /// Its code.
    #[serde(default)]
    pub code: Bytes,
    /// Its storage.
    #[serde(default)]
    pub storage: BTreeMap<B256, B256>,
}

fn default_block_gas() -> u64 {
    DEFAULT_BLOCK_GAS
}

/// The content of the genesis file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Genesis {
    /// The chain id; choose one that no other chain has.
    pub chain_id: u64,
    /// What every certificate's digest begins with.
    pub namespace: String,
    /// Timestamp of the genesis block in seconds.
    pub timestamp: u64,
    /// Gas limit of every block.
    #[serde(default = "default_block_gas")]
    pub block_gas: u64,
    /// Validator sets by epoch, at least epoch 0.
    pub validators: Vec<ValidatorSet>,
    /// Accounts that exist from the start.
    #[serde(default)]
    pub alloc: BTreeMap<Address, GenesisAccount>,
}

impl Genesis {
    /// A chain with one validator and no accounts.
    pub fn new(
        chain_id: u64,
        namespace: impl Into<String>,
        timestamp: u64,
        validator: Address,
    ) -> Self {
        Self {
            chain_id,
            namespace: namespace.into(),
            timestamp,
            block_gas: DEFAULT_BLOCK_GAS,
            validators: vec![ValidatorSet {
                epoch: 0,
                from_block: 1,
                validators: vec![validator],
            }],
            alloc: BTreeMap::new(),
        }
    }

    /// Reads and checks a genesis file.
    pub fn read(path: &Path) -> Result<Self, ChainError> {
        let size = fs::metadata(path)
            .map_err(|e| ChainError::io("reading genesis file", path, &e))?
            .len();
        if size > MAX_FILE_BYTES {
            return Err(ChainError::Genesis(format!(
                "file has {size} bytes, the limit is {MAX_FILE_BYTES}"
            )));
        }
        let text = fs::read(path).map_err(|e| ChainError::io("reading genesis file", path, &e))?;
        let genesis: Self =
            serde_json::from_slice(&text).map_err(|e| ChainError::Genesis(e.to_string()))?;
        genesis.check()?;
        Ok(genesis)
    }

    /// Writes the genesis file so that it is either whole or absent, and durable.
    pub fn write(&self, path: &Path) -> Result<(), ChainError> {
        let fail = |e: &std::io::Error| ChainError::io("writing genesis file", path, e);
        let text =
            serde_json::to_vec_pretty(self).map_err(|e| ChainError::Genesis(e.to_string()))?;
        let temporary = path.with_extension("tmp");
        let mut file = fs::File::create(&temporary).map_err(|e| fail(&e))?;
        file.write_all(&text)
            .and_then(|()| file.sync_all())
            .map_err(|e| fail(&e))?;
        fs::rename(&temporary, path).map_err(|e| fail(&e))?;
        crate::wal::sync_parent(path).map_err(|e| fail(&e))
    }

    /// Checks what the types alone do not.
    pub fn check(&self) -> Result<(), ChainError> {
        let fail = |reason: String| Err(ChainError::Genesis(reason));
        if self.chain_id == 0 {
            return fail("chain_id: must not be 0".into());
        }
        if self.namespace.is_empty() || self.namespace.len() > MAX_NAMESPACE_BYTES {
            return fail(format!(
                "namespace: must have 1 to {MAX_NAMESPACE_BYTES} bytes"
            ));
        }
        if !(MIN_BLOCK_GAS..=MAX_BLOCK_GAS).contains(&self.block_gas) {
            return fail(format!(
                "block_gas: must lie between {MIN_BLOCK_GAS} and {MAX_BLOCK_GAS}"
            ));
        }
        let Some(first) = self.validators.first() else {
            return fail("validators: at least epoch 0 is needed".into());
        };
        if first.epoch != 0 || first.from_block != 1 {
            return fail("validators: the first set must be epoch 0 from block 1".into());
        }
        for (index, set) in self.validators.iter().enumerate() {
            if set.validators.is_empty() {
                return fail(format!("validators: epoch {} has none", set.epoch));
            }
            if index > 0 {
                let before = &self.validators[index - 1];
                if set.epoch != before.epoch + 1 || set.from_block <= before.from_block {
                    return fail(format!("validators: epoch {} is out of order", set.epoch));
                }
            }
        }
        if self.alloc.contains_key(&HISTORY_STORAGE_ADDRESS) {
            return fail(format!(
                "alloc: {HISTORY_STORAGE_ADDRESS} is the history contract"
            ));
        }
        Ok(())
    }

    /// The validator set of the epoch that `number` lies in.
    pub fn validators_at(&self, number: u64) -> &ValidatorSet {
        self.validators
            .iter()
            .rev()
            .find(|set| set.from_block <= number)
            .unwrap_or(&self.validators[0])
    }

    /// The state before the first block.
    pub(crate) fn world(&self) -> World {
        let mut world = World::default();
        world.insert_account(
            HISTORY_STORAGE_ADDRESS,
            1,
            U256::ZERO,
            &HISTORY_STORAGE_CODE,
            [],
        );
        for (address, account) in &self.alloc {
            let storage = account
                .storage
                .iter()
                .map(|(slot, value)| (*slot, (*value).into()));
            world.insert_account(
                *address,
                account.nonce,
                account.balance,
                &account.code,
                storage,
            );
        }
        world
    }

    /// The genesis block's header.
    pub fn header(&self) -> Header {
        self.header_over(self.world().root())
    }

    /// The hash of the genesis block, which names the chain.
    pub fn hash(&self) -> B256 {
        self.header().hash_slow()
    }

    pub(crate) fn header_over(&self, state_root: B256) -> Header {
        Header {
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            state_root,
            transactions_root: EMPTY_ROOT_HASH,
            receipts_root: EMPTY_ROOT_HASH,
            gas_limit: self.block_gas,
            timestamp: self.timestamp,
            extra_data: extra_data(0),
            mix_hash: self.commitment(),
            base_fee_per_gas: Some(0),
            withdrawals_root: Some(EMPTY_ROOT_HASH),
            blob_gas_used: Some(0),
            excess_blob_gas: Some(0),
            parent_beacon_block_root: Some(B256::ZERO),
            requests_hash: Some(EMPTY_REQUESTS_HASH),
            ..Header::default()
        }
    }

    /// keccak256 of what the header has no field for: the chain id, the namespace and the first set.
    fn commitment(&self) -> B256 {
        let mut bytes = b"carechain genesis 1".to_vec();
        bytes.extend_from_slice(&self.chain_id.to_be_bytes());
        bytes.extend_from_slice(&(self.namespace.len() as u64).to_be_bytes());
        bytes.extend_from_slice(self.namespace.as_bytes());
        for validator in &self.validators[0].validators {
            bytes.extend_from_slice(validator.as_slice());
        }
        keccak256(bytes)
    }
}

/// `extra_data` of a header: version (1 byte), epoch (8 bytes, big endian).
pub(crate) fn extra_data(epoch: u64) -> Bytes {
    let mut bytes = vec![HEADER_VERSION];
    bytes.extend_from_slice(&epoch.to_be_bytes());
    bytes.into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn genesis() -> Genesis {
        Genesis::new(7, "test", 1, Address::repeat_byte(1))
    }

    #[test]
    fn survives_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("genesis.json");
        let mut genesis = genesis();
        genesis.alloc.insert(
            Address::repeat_byte(2),
            GenesisAccount {
                balance: U256::from(5),
                ..Default::default()
            },
        );
        genesis.write(&path).unwrap();
        assert_eq!(Genesis::read(&path).unwrap(), genesis);
        std::fs::write(&path, r#"{"chain_id":1,"surprise":2}"#).unwrap();
        assert!(
            Genesis::read(&path)
                .unwrap_err()
                .to_string()
                .contains("surprise")
        );
    }

    #[test]
    fn the_hash_commits_to_what_matters() {
        let base = genesis().hash();
        for change in [
            (|g: &mut Genesis| g.chain_id = 8) as fn(&mut Genesis),
            |g| g.namespace = "other".into(),
            |g| g.timestamp = 2,
            |g| g.validators[0].validators[0] = Address::repeat_byte(9),
            |g| {
                g.alloc.insert(
                    Address::ZERO,
                    GenesisAccount {
                        nonce: 1,
                        ..Default::default()
                    },
                );
            },
        ] {
            let mut changed = genesis();
            change(&mut changed);
            assert_ne!(changed.hash(), base);
        }
        let mut handed_over = genesis();
        handed_over.validators.push(ValidatorSet {
            epoch: 1,
            from_block: 100,
            validators: vec![Address::repeat_byte(3)],
        });
        handed_over.check().unwrap();
        assert_eq!(
            handed_over.hash(),
            base,
            "a later epoch needs no new genesis"
        );
        assert_eq!(handed_over.validators_at(99).epoch, 0);
        assert_eq!(handed_over.validators_at(100).epoch, 1);
    }

    #[test]
    fn names_the_field_that_is_wrong() {
        for (field, change) in [
            (
                "chain_id",
                (|g: &mut Genesis| g.chain_id = 0) as fn(&mut Genesis),
            ),
            ("namespace", |g| g.namespace.clear()),
            ("block_gas", |g| g.block_gas = 1),
            ("validators", |g| g.validators.clear()),
            ("validators", |g| g.validators[0].from_block = 5),
            ("alloc", |g| {
                g.alloc
                    .insert(HISTORY_STORAGE_ADDRESS, GenesisAccount::default());
            }),
        ] {
            let mut changed = genesis();
            change(&mut changed);
            let message = changed.check().unwrap_err().to_string();
            assert!(message.contains(field), "{message}");
        }
    }
}
