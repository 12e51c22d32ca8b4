//! The trie against alloy-trie: roots, proofs, snapshots.
#![allow(clippy::unwrap_used)]

use super::*;
use alloy_primitives::{U256, keccak256};
use alloy_trie::{HashBuilder, Nibbles, proof::verify_proof};
use proptest::prelude::*;
use std::collections::BTreeMap;

#[derive(Clone, Debug, Default, PartialEq)]
struct Number(U256);

impl LeafValue for Number {
    fn encode_leaf(&self, out: &mut Vec<u8>) {
        alloy_rlp::Encodable::encode(&self.0, out);
    }
}

/// Keys drawn from few nibbles, so that long shared paths and deep splits are common.
fn key() -> impl Strategy<Value = B256> {
    prop_oneof![
        any::<u8>().prop_map(|n| keccak256([n])),
        (prop::collection::vec(0u8..2, 3), 0usize..32).prop_map(|(bits, at)| {
            let mut key = B256::ZERO;
            key[at] = bits[0] << 4 | bits[1];
            key[31] = bits[2];
            key
        }),
    ]
}

fn step() -> impl Strategy<Value = (B256, Option<u64>)> {
    (
        key(),
        prop_oneof![2 => (1u64..=u64::MAX).prop_map(Some), 1 => (1u64..100).prop_map(Some), 2 => Just(None)],
    )
}

fn expected_root(model: &BTreeMap<B256, U256>) -> B256 {
    let mut builder = HashBuilder::default();
    for (key, value) in model {
        builder.add_leaf(Nibbles::unpack(key), &alloy_rlp::encode(value));
    }
    builder.root()
}

fn check_proof(trie: &Trie<Number>, root: B256, key: &B256, value: Option<&U256>) {
    let proof = trie.proof(key);
    let expected = value.map(alloy_rlp::encode);
    verify_proof(root, Nibbles::unpack(key), expected, &proof).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn equals_alloy_trie_and_proves(steps in prop::collection::vec(step(), 1..80)) {
        let mut trie = Trie::<Number>::default();
        let mut model = BTreeMap::new();
        for (index, (key, value)) in steps.iter().enumerate() {
            let before = trie.clone();
            let before_root = if index % 3 == 0 { Some(before.root()) } else { None };
            match value {
                Some(value) => {
                    *trie.entry(key) = Number(U256::from(*value));
                    model.insert(*key, U256::from(*value));
                }
                None => {
                    trie.remove(key);
                    model.remove(key);
                }
            }
            let root = trie.root();
            prop_assert_eq!(root, expected_root(&model));
            if let Some(root) = before_root {
                prop_assert_eq!(before.root(), root, "a snapshot never changes");
            }
            check_proof(&trie, root, key, model.get(key));
        }
        let root = trie.root();
        for (key, value) in &model {
            prop_assert_eq!(trie.get(key).unwrap().0, *value);
            check_proof(&trie, root, key, Some(value));
        }
        for n in 0..8u8 {
            let absent = keccak256([b'x', n]);
            check_proof(&trie, root, &absent, model.get(&absent));
        }
        for key in model.keys() {
            trie.remove(key);
        }
        prop_assert_eq!(trie.root(), EMPTY_ROOT_HASH);
    }
}

#[test]
fn a_forged_value_does_not_verify() {
    let mut trie = Trie::<Number>::default();
    for n in 0..100u64 {
        *trie.entry(&keccak256(n.to_be_bytes())) = Number(U256::from(n + 1));
    }
    let key = keccak256(7u64.to_be_bytes());
    let forged = Some(alloy_rlp::encode(U256::from(9)));
    assert!(verify_proof(trie.root(), Nibbles::unpack(key), forged, &trie.proof(&key)).is_err());
    assert!(verify_proof(trie.root(), Nibbles::unpack(key), None, &trie.proof(&key)).is_err());
}

#[test]
fn removing_what_is_absent_changes_nothing() {
    let mut trie = Trie::<Number>::default();
    trie.remove(&B256::ZERO);
    assert_eq!(trie.root(), EMPTY_ROOT_HASH);
    *trie.entry(&B256::ZERO) = Number(U256::from(1));
    let root = trie.root();
    trie.remove(&keccak256(b"absent"));
    assert_eq!(trie.root(), root);
}
