//! The world state: accounts in a trie, each with its storage trie, and the code they share.
//!
//! A clone is a snapshot and costs two reference counts. The EVM reads and commits here directly:
//! a block under construction is a clone of its parent's state, which is the overlay that
//! unfinalised blocks need. Code is stored once by hash and is never dropped while the node runs.
//!
//! It refuses to invent code: a hash without its code is an error, never an empty contract.

use alloy_eips::eip2935::{HISTORY_SERVE_WINDOW, HISTORY_STORAGE_ADDRESS};
use alloy_primitives::{
    Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256,
    map::{AddressMap, B256HashMap},
};
use alloy_rlp::{Encodable, Header};
use parking_lot::RwLock;
use revm::{
    Database, DatabaseCommit, DatabaseRef,
    bytecode::Bytecode,
    database_interface::DBErrorMarker,
    state::{Account as TouchedAccount, AccountInfo},
};
use std::sync::Arc;

use crate::trie::{LeafValue, Trie};

/// A storage slot's value; zero is never stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Word(pub(crate) U256);

impl LeafValue for Word {
    fn encode_leaf(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
    }
}

/// An account as the state trie commits to it.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) nonce: u64,
    pub(crate) balance: U256,
    pub(crate) code_hash: B256,
    pub(crate) storage: Trie<Word>,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            nonce: 0,
            balance: U256::ZERO,
            code_hash: KECCAK256_EMPTY,
            storage: Trie::default(),
        }
    }
}

impl LeafValue for Account {
    fn encode_leaf(&self, out: &mut Vec<u8>) {
        let storage_root = self.storage.root();
        let payload_length = self.nonce.length()
            + self.balance.length()
            + storage_root.length()
            + self.code_hash.length();
        Header {
            list: true,
            payload_length,
        }
        .encode(out);
        self.nonce.encode(out);
        self.balance.encode(out);
        storage_root.encode(out);
        self.code_hash.encode(out);
    }
}

/// Why the state could not answer the EVM.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StateError {
    /// The state names code that the node does not hold.
    #[error("the code with hash {0} is missing")]
    MissingCode(B256),
    /// The EVM failed in a way that is no transaction's fault.
    #[error("the virtual machine failed: {0}")]
    Evm(String),
}

impl DBErrorMarker for StateError {}

/// The state after some block; a clone is a snapshot.
#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    accounts: Trie<Account>,
    codes: Arc<RwLock<B256HashMap<Bytecode>>>,
}

impl World {
    /// The state root, hashing only what changed since it was last asked for.
    pub(crate) fn root(&self) -> B256 {
        self.accounts.root()
    }

    pub(crate) fn account(&self, address: Address) -> Option<&Account> {
        self.accounts.get(&keccak256(address))
    }

    pub(crate) fn nonce(&self, address: Address) -> u64 {
        self.account(address).map_or(0, |account| account.nonce)
    }

    pub(crate) fn balance(&self, address: Address) -> U256 {
        self.account(address)
            .map_or(U256::ZERO, |account| account.balance)
    }

    pub(crate) fn slot(&self, address: Address, slot: B256) -> U256 {
        self.account(address)
            .and_then(|account| account.storage.get(&keccak256(slot)))
            .map_or(U256::ZERO, |word| word.0)
    }

    pub(crate) fn code(&self, address: Address) -> Result<Bytes, StateError> {
        match self.account(address) {
            None => Ok(Bytes::new()),
            Some(account) => Ok(self.bytecode(account.code_hash)?.original_bytes()),
        }
    }

    pub(crate) fn account_proof(&self, address: Address) -> Vec<Bytes> {
        self.accounts.proof(&keccak256(address))
    }

    /// Puts an account in place, as genesis does.
    pub(crate) fn insert_account(
        &mut self,
        address: Address,
        nonce: u64,
        balance: U256,
        code: &Bytes,
        storage: impl IntoIterator<Item = (B256, U256)>,
    ) {
        let account = self.accounts.entry(&keccak256(address));
        account.nonce = nonce;
        account.balance = balance;
        if !code.is_empty() {
            account.code_hash = keccak256(code);
            self.codes
                .write()
                .insert(account.code_hash, Bytecode::new_raw(code.clone()));
        }
        for (slot, value) in storage {
            set_slot(&mut account.storage, slot, value);
        }
    }

    fn bytecode(&self, code_hash: B256) -> Result<Bytecode, StateError> {
        if code_hash == KECCAK256_EMPTY || code_hash.is_zero() {
            return Ok(Bytecode::default());
        }
        self.codes
            .read()
            .get(&code_hash)
            .cloned()
            .ok_or(StateError::MissingCode(code_hash))
    }

    fn apply(&mut self, address: Address, touched: TouchedAccount) {
        if !touched.is_touched() {
            return;
        }
        let key = keccak256(address);
        // EIP-161: a touched empty account does not exist.
        if touched.is_selfdestructed() || touched.info.is_empty() {
            self.accounts.remove(&key);
            return;
        }
        let created = touched.is_created();
        let account = self.accounts.entry(&key);
        account.nonce = touched.info.nonce;
        account.balance = touched.info.balance;
        if account.code_hash != touched.info.code_hash {
            account.code_hash = touched.info.code_hash;
            if let Some(code) = touched.info.code {
                self.codes
                    .write()
                    .entry(touched.info.code_hash)
                    .or_insert(code);
            }
        }
        if created {
            account.storage = Trie::default();
        }
        for (slot, value) in touched.storage {
            if created || value.is_changed() {
                set_slot(
                    &mut account.storage,
                    B256::from(slot),
                    value.present_value(),
                );
            }
        }
    }
}

fn set_slot(storage: &mut Trie<Word>, slot: B256, value: U256) {
    let key = keccak256(slot);
    if value.is_zero() {
        storage.remove(&key);
    } else {
        *storage.entry(&key) = Word(value);
    }
}

impl DatabaseRef for World {
    type Error = StateError;

    fn basic_ref(&self, address: Address) -> Result<Option<AccountInfo>, StateError> {
        Ok(self.account(address).map(|account| AccountInfo {
            balance: account.balance,
            nonce: account.nonce,
            code_hash: account.code_hash,
            code: None,
            ..AccountInfo::default()
        }))
    }

    fn code_by_hash_ref(&self, code_hash: B256) -> Result<Bytecode, StateError> {
        self.bytecode(code_hash)
    }

    fn storage_ref(&self, address: Address, index: U256) -> Result<U256, StateError> {
        Ok(self.slot(address, B256::from(index)))
    }

    /// From the EIP-2935 contract: every snapshot carries the hashes of its own ancestors.
    fn block_hash_ref(&self, number: u64) -> Result<B256, StateError> {
        let slot = U256::from(number % HISTORY_SERVE_WINDOW as u64);
        Ok(B256::from(
            self.slot(HISTORY_STORAGE_ADDRESS, B256::from(slot)),
        ))
    }
}

impl Database for World {
    type Error = StateError;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, StateError> {
        self.basic_ref(address)
    }

    fn code_by_hash(&mut self, code_hash: B256) -> Result<Bytecode, StateError> {
        self.code_by_hash_ref(code_hash)
    }

    fn storage(&mut self, address: Address, index: U256) -> Result<U256, StateError> {
        self.storage_ref(address, index)
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, StateError> {
        self.block_hash_ref(number)
    }
}

impl DatabaseCommit for World {
    fn commit(&mut self, changes: AddressMap<TouchedAccount>) {
        // The order of writes has no effect on a trie.
        for (address, touched) in changes {
            self.apply(address, touched);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use alloy_trie::{EMPTY_ROOT_HASH, TrieAccount, root::state_root_unhashed};

    #[test]
    fn the_root_is_ethereums() {
        let mut world = World::default();
        assert_eq!(world.root(), EMPTY_ROOT_HASH);
        let mut expected = Vec::new();
        for n in 1..50u8 {
            let address = Address::repeat_byte(n);
            let code = Bytes::from(vec![n; usize::from(n)]);
            let slots: Vec<_> = (0..u64::from(n % 5))
                .map(|slot| (B256::from(U256::from(slot)), U256::from(slot + 1)))
                .collect();
            world.insert_account(address, u64::from(n), U256::from(n), &code, slots.clone());
            expected.push((
                address,
                TrieAccount {
                    nonce: u64::from(n),
                    balance: U256::from(n),
                    storage_root: alloy_trie::root::storage_root_unhashed(slots),
                    code_hash: keccak256(&code),
                },
            ));
        }
        assert_eq!(world.root(), state_root_unhashed(expected));
        assert_eq!(
            world.code(Address::repeat_byte(3)).unwrap(),
            Bytes::from(vec![3; 3])
        );
        assert_eq!(
            world.code_by_hash_ref(B256::repeat_byte(1)),
            Err(StateError::MissingCode(B256::repeat_byte(1)))
        );
    }
}
