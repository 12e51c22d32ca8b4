//! A node in memory for unit tests: it signs heads, proves storage that tests set, answers with what tests prepare,
//! and lies as told. No contracts run here.

#![allow(clippy::unwrap_used)]

use core::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_trie::proof::ProofRetainer;
use alloy_trie::{EMPTY_ROOT_HASH, HashBuilder, Nibbles, TrieAccount};
use carechain_api::{
    Contracts, NodeInfo, ProofRequest, ProvenAccount, ProvenSlot, SignedHead, StateProof,
    VoucherPolicy,
};
use carechain_crypto::{
    KeyBundle, Keyset, KeysetHeader, KeysetSecrets, OpenKeyset, PasswordCost, SigningKey, Words,
    head_digest,
};
use carechain_domain::{Kind, NodeAddress, SubjectId};

use crate::device::{Device, keyset_kind, pins_of};
use crate::platform::{Body, Method, Platform, PlatformError, Request, Response};
use crate::slots;

pub(crate) const NOW: u64 = 1_800_000_000;
pub(crate) const CHAIN_ID: u64 = 4_217;

pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    futures::executor::block_on(future)
}

/// What the node does wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Trick {
    #[default]
    None,
    /// Signs heads with another key.
    OtherKey,
    /// Signs for another time.
    Late,
    /// Says another value than the trie has.
    OtherValue,
    /// Proves a trie that the head does not have.
    OtherTrie,
}

/// The node. Shared by reference between devices of one test.
pub(crate) struct FakeNode {
    pub(crate) storage: RefCell<BTreeMap<(Address, B256), U256>>,
    pub(crate) files: RefCell<BTreeMap<String, Vec<u8>>>,
    pub(crate) answers: RefCell<BTreeMap<String, Vec<u8>>>,
    pub(crate) number: Cell<u64>,
    pub(crate) extra: Cell<u8>,
    pub(crate) now: Cell<u64>,
    pub(crate) trick: Cell<Trick>,
    seed: Cell<u64>,
}

pub(crate) struct FakeBody(Option<Vec<u8>>);

impl Body for FakeBody {
    async fn chunk(&mut self) -> Result<Option<Vec<u8>>, PlatformError> {
        Ok(self.0.take())
    }
}

fn key(byte: u8) -> SigningKey {
    SigningKey::from_bytes(&[byte; 32]).unwrap()
}

/// Root and proofs of a trie of hashed keys.
fn trie(leaves: &BTreeMap<B256, Vec<u8>>, targets: &[B256]) -> (B256, Vec<Vec<Bytes>>) {
    let paths: Vec<Nibbles> = targets.iter().map(Nibbles::unpack).collect();
    let retainer = ProofRetainer::new(paths.clone());
    let mut builder = HashBuilder::default().with_proof_retainer(retainer);
    for (path, value) in leaves {
        builder.add_leaf(Nibbles::unpack(path), value);
    }
    let root = if leaves.is_empty() {
        EMPTY_ROOT_HASH
    } else {
        builder.root()
    };
    let nodes = builder.take_proof_nodes();
    let proofs = paths
        .iter()
        .map(|path| {
            nodes
                .matching_nodes_sorted(path)
                .into_iter()
                .map(|(_, node)| node)
                .collect()
        })
        .collect();
    (root, proofs)
}

impl FakeNode {
    pub(crate) fn new() -> Self {
        Self {
            storage: RefCell::default(),
            files: RefCell::default(),
            answers: RefCell::default(),
            number: Cell::new(7),
            extra: Cell::new(0),
            now: Cell::new(NOW),
            trick: Cell::default(),
            seed: Cell::new(1),
        }
    }

    pub(crate) fn info(&self) -> NodeInfo {
        NodeInfo {
            name: "carechain".into(),
            version: "0.1.0".into(),
            public_url: "http://localhost:8080".into(),
            chain_id: CHAIN_ID,
            genesis: B256::repeat_byte(9),
            node_key: NodeAddress(key(1).address()),
            contracts: Contracts {
                registry: Address::repeat_byte(1),
                directory: Address::repeat_byte(2),
                consent: Address::repeat_byte(3),
                records: Address::repeat_byte(4),
            },
            vouchers: VoucherPolicy::Open,
            claimed: true,
            demo: false,
            time: self.now.get(),
        }
    }

    pub(crate) fn answer(&self, call: &str, body: &impl serde::Serialize) {
        self.answers
            .borrow_mut()
            .insert(call.into(), serde_json::to_vec(body).unwrap());
    }

    pub(crate) fn set(&self, contract: Address, slot: B256, value: impl Into<U256>) {
        self.storage
            .borrow_mut()
            .insert((contract, slot), value.into());
    }

    /// Writes a subject's slots.
    pub(crate) fn set_subject(&self, subject: SubjectId, kind: Kind, status: u8, bundle: B256) {
        let packed = U256::from(kind.number()) | U256::from(status) << 8 | U256::from(1) << 16;
        let directory = self.info().contracts.directory;
        self.set(directory, slots::subject(subject, 0), packed);
        self.set(
            directory,
            slots::subject(subject, 1),
            U256::from_be_bytes(bundle.0),
        );
    }

    pub(crate) fn set_device(&self, device: Address, subject: SubjectId, removed_at: u64) {
        let directory = self.info().contracts.directory;
        self.set(
            directory,
            slots::device(device, 0),
            U256::from_be_bytes(subject.0.0),
        );
        let packed = U256::from(1u64) | U256::from(removed_at) << 64;
        self.set(directory, slots::device(device, 1), packed);
    }

    /// A registered person with a device, and the device opened at this node.
    pub(crate) fn person(&self, byte: u8, kind: Kind) -> Device<&FakeNode> {
        let open = keyset(&self.info(), byte, kind);
        let subject = open.header().subject.into();
        let bundle = KeyBundle::of(open.secrets().roots.current());
        self.set_subject(subject, kind, 2, bundle.hash());
        self.set_device(open.header().address, subject, 0);
        run(Device::with_keyset(self, open)).unwrap()
    }

    fn contract_trie(&self, contract: Address, targets: &[B256]) -> (B256, Vec<Vec<Bytes>>) {
        let leaves = self
            .storage
            .borrow()
            .iter()
            .filter(|((address, _), value)| *address == contract && !value.is_zero())
            .map(|((_, slot), value)| (keccak256(slot), alloy_rlp::encode(value)))
            .collect();
        let targets: Vec<B256> = targets.iter().map(keccak256).collect();
        trie(&leaves, &targets)
    }

    fn account(&self, contract: Address) -> TrieAccount {
        TrieAccount {
            nonce: 1,
            balance: U256::ZERO,
            storage_root: self.contract_trie(contract, &[]).0,
            code_hash: keccak256(contract),
        }
    }

    fn accounts(&self) -> BTreeMap<B256, Vec<u8>> {
        (1..=4u8)
            .map(Address::repeat_byte)
            .map(|address| (keccak256(address), alloy_rlp::encode(self.account(address))))
            .collect()
    }

    fn head(&self) -> SignedHead {
        let state_root = match self.trick.get() {
            Trick::OtherTrie => B256::repeat_byte(5),
            Trick::None | Trick::OtherKey | Trick::Late | Trick::OtherValue => {
                trie(&self.accounts(), &[]).0
            }
        };
        let header = Header {
            number: self.number.get(),
            state_root,
            timestamp: self.now.get(),
            extra_data: vec![self.extra.get()].into(),
            ..Header::default()
        };
        let bytes = alloy_rlp::encode(&header);
        let time = self.now.get()
            + if self.trick.get() == Trick::Late {
                1_000
            } else {
                0
            };
        let signer = key(if self.trick.get() == Trick::OtherKey {
            2
        } else {
            1
        });
        let genesis = self.info().genesis;
        let digest = head_digest(CHAIN_ID, &genesis, header.number, &keccak256(&bytes), time);
        let signature = signer.sign_digest(&digest).to_vec().into();
        SignedHead {
            header: bytes.into(),
            time,
            signature,
        }
    }

    fn proof(&self, ask: &ProofRequest) -> StateProof {
        let addresses: Vec<B256> = ask.accounts.iter().map(|a| keccak256(a.address)).collect();
        let (_, paths) = trie(&self.accounts(), &addresses);
        let accounts = ask
            .accounts
            .iter()
            .zip(paths)
            .map(|(account, proof)| {
                let (_, proofs) = self.contract_trie(account.address, &account.slots);
                let known = self.account(account.address);
                let slots = account.slots.iter().zip(proofs).map(|(slot, proof)| {
                    let stored = self
                        .storage
                        .borrow()
                        .get(&(account.address, *slot))
                        .copied();
                    let mut value = stored.unwrap_or_default();
                    if self.trick.get() == Trick::OtherValue {
                        value += U256::from(1);
                    }
                    ProvenSlot {
                        slot: *slot,
                        value,
                        proof,
                    }
                });
                ProvenAccount {
                    address: account.address,
                    nonce: known.nonce,
                    balance: known.balance,
                    storage_root: known.storage_root,
                    code_hash: known.code_hash,
                    proof,
                    slots: slots.collect(),
                }
            })
            .collect();
        StateProof {
            head: self.head(),
            accounts,
        }
    }
}

/// A keyset made from a byte; its password is "x".
pub(crate) fn keyset(info: &NodeInfo, byte: u8, kind: Kind) -> OpenKeyset {
    let seed = Words::from_entropy(&[byte; 32]).seed();
    let device = key(byte.wrapping_add(100));
    let header = KeysetHeader {
        chain: pins_of(info),
        subject: seed.subject(0).unwrap(),
        kind: keyset_kind(kind),
        index: 0,
        address: device.address(),
    };
    let secrets = KeysetSecrets {
        roots: seed.roots(0),
        device,
        root: None,
    };
    let cost = PasswordCost::new(8, 1, 1).unwrap();
    let node = FakeNode::new();
    let platform = &node;
    let mut random = crate::platform::Random::new(&platform).unwrap();
    Keyset::create(header, secrets, "x", cost, &mut random).unwrap()
}

impl Platform for &FakeNode {
    type Body = FakeBody;

    async fn send(&self, request: Request) -> Result<Response<FakeBody>, PlatformError> {
        let call = format!("{} {}", request.method.as_str(), request.path);
        let prepared = self.answers.borrow().get(&call).cloned();
        let body = match (request.method, request.path.as_str()) {
            _ if prepared.is_some() => prepared.unwrap(),
            (Method::Get, "/v1/node") => serde_json::to_vec(&self.info()).unwrap(),
            (Method::Get, "/v1/chain/head") => serde_json::to_vec(&self.head()).unwrap(),
            (Method::Post, "/v1/chain/proof") => {
                let ask = serde_json::from_slice(&request.body).unwrap();
                serde_json::to_vec(&self.proof(&ask)).unwrap()
            }
            (Method::Get, "/v1/session/nonce") => br#"{"nonce":"abcdefgh12345678"}"#.to_vec(),
            _ => {
                let body = br#"{"code":"not_found","message":"not here"}"#.to_vec();
                return Ok(Response {
                    status: 404,
                    headers: vec![],
                    body: FakeBody(Some(body)),
                });
            }
        };
        let headers = vec![("set-cookie".to_owned(), "session=1; HttpOnly".to_owned())];
        Ok(Response {
            status: 200,
            headers,
            body: FakeBody(Some(body)),
        })
    }

    fn now_secs(&self) -> u64 {
        self.now.get()
    }

    fn fill_random(&self, out: &mut [u8]) -> Result<(), PlatformError> {
        for chunk in out.chunks_mut(32) {
            self.seed.set(self.seed.get() + 1);
            let block = keccak256(self.seed.get().to_be_bytes());
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
        Ok(())
    }

    async fn load(&self, name: &str) -> Result<Option<Vec<u8>>, PlatformError> {
        Ok(self.files.borrow().get(name).cloned())
    }

    async fn save(&self, name: &str, bytes: &[u8]) -> Result<(), PlatformError> {
        self.files.borrow_mut().insert(name.into(), bytes.to_vec());
        Ok(())
    }

    async fn remove(&self, name: &str) -> Result<(), PlatformError> {
        self.files.borrow_mut().remove(name);
        Ok(())
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, PlatformError> {
        let names = self.files.borrow();
        Ok(names
            .keys()
            .filter(|n| n.starts_with(prefix))
            .cloned()
            .collect())
    }
}
