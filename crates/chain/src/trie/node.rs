//! Nodes of the trie: their shape, their RLP, their cached reference.
//!
//! A node does not store its own path but a whole key that runs through it; where on that key it
//! starts follows from the depth at which it is met. Nodes are therefore never moved to another
//! depth: the trie makes a new one.

use alloy_primitives::{B256, keccak256};
use alloy_rlp::{Encodable, Header};
use std::sync::{Arc, OnceLock};

use super::LeafValue;

/// What a parent holds of a child: its hash, or its whole RLP when that is below 32 bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reference {
    len: u8,
    bytes: [u8; 32],
}

#[derive(Clone, Debug)]
pub(super) enum Node<V> {
    /// The end of `key`.
    Leaf { key: B256, value: V },
    /// `len` nibbles of `path`, counted from this node's depth. Never empty, never above a leaf or
    /// another extension.
    Extension {
        path: B256,
        len: usize,
        child: Arc<Cell<V>>,
    },
    /// At least two children.
    Branch {
        children: [Option<Arc<Cell<V>>>; 16],
    },
}

#[derive(Debug)]
pub(super) struct Cell<V> {
    pub(super) node: Node<V>,
    reference: OnceLock<Reference>,
}

/// A copy is made to be written, so it starts without a cached reference.
impl<V: Clone> Clone for Cell<V> {
    fn clone(&self) -> Self {
        Self {
            node: self.node.clone(),
            reference: OnceLock::new(),
        }
    }
}

impl<V: LeafValue> Cell<V> {
    fn of(node: Node<V>) -> Arc<Self> {
        Arc::new(Self {
            node,
            reference: OnceLock::new(),
        })
    }

    pub(super) fn leaf(key: B256, value: V) -> Arc<Self> {
        Self::of(Node::Leaf { key, value })
    }

    pub(super) fn extension(path: B256, len: usize, child: Arc<Self>) -> Arc<Self> {
        Self::of(Node::Extension { path, len, child })
    }

    pub(super) fn branch(children: [Option<Arc<Self>>; 16]) -> Arc<Self> {
        Self::of(Node::Branch { children })
    }

    /// The node for writing: copied if shared, its reference forgotten.
    pub(super) fn write(slot: &mut Arc<Self>) -> &mut Node<V> {
        let cell = Arc::make_mut(slot);
        cell.reference = OnceLock::new();
        &mut cell.node
    }

    pub(super) fn root_hash(&self) -> B256 {
        let reference = self.reference(0);
        if reference.len == 32 {
            B256::from(reference.bytes)
        } else {
            keccak256(&reference.bytes[..usize::from(reference.len)])
        }
    }

    fn reference(&self, depth: usize) -> &Reference {
        self.reference.get_or_init(|| {
            let encoded = self.encode(depth);
            let mut bytes = [0u8; 32];
            if encoded.len() < 32 {
                bytes[..encoded.len()].copy_from_slice(&encoded);
                Reference {
                    len: encoded.len() as u8,
                    bytes,
                }
            } else {
                Reference {
                    len: 32,
                    bytes: keccak256(&encoded).0,
                }
            }
        })
    }

    /// The RLP of this node at `depth`.
    pub(super) fn encode(&self, depth: usize) -> Vec<u8> {
        let mut payload = Vec::with_capacity(544);
        match &self.node {
            Node::Leaf { key, value } => {
                put_path(key, depth, 64, true, &mut payload);
                let mut encoded = Vec::with_capacity(112);
                value.encode_leaf(&mut encoded);
                encoded.as_slice().encode(&mut payload);
            }
            Node::Extension { path, len, child } => {
                put_path(path, depth, depth + len, false, &mut payload);
                put_reference(child.reference(depth + len), &mut payload);
            }
            Node::Branch { children } => {
                for child in children {
                    match child {
                        Some(child) => put_reference(child.reference(depth + 1), &mut payload),
                        None => payload.push(alloy_rlp::EMPTY_STRING_CODE),
                    }
                }
                payload.push(alloy_rlp::EMPTY_STRING_CODE);
            }
        }
        let mut out = Vec::with_capacity(payload.len() + 4);
        Header {
            list: true,
            payload_length: payload.len(),
        }
        .encode(&mut out);
        out.extend_from_slice(&payload);
        out
    }
}

fn put_reference(reference: &Reference, out: &mut Vec<u8>) {
    if reference.len == 32 {
        out.push(0xa0);
    }
    out.extend_from_slice(&reference.bytes[..usize::from(reference.len)]);
}

/// Hex-prefix encoding of the nibbles `from..to` of `key`, as an RLP string.
fn put_path(key: &B256, from: usize, to: usize, leaf: bool, out: &mut Vec<u8>) {
    let odd = (to - from) % 2;
    let mut bytes = [0u8; 33];
    bytes[0] = if leaf { 0x20 } else { 0 };
    if odd == 1 {
        bytes[0] |= 0x10 | nibble(key, from) as u8;
    }
    let mut used = 1;
    let mut at = from + odd;
    while at < to {
        bytes[used] = (nibble(key, at) << 4 | nibble(key, at + 1)) as u8;
        used += 1;
        at += 2;
    }
    bytes[..used].encode(out);
}

/// The nibble of `key` at `index`, 0 to 15.
pub(super) fn nibble(key: &B256, index: usize) -> usize {
    let byte = key[index / 2];
    usize::from(if index.is_multiple_of(2) {
        byte >> 4
    } else {
        byte & 15
    })
}

/// `key` with the nibble at `index` replaced.
pub(super) fn with_nibble(key: &B256, index: usize, value: usize) -> B256 {
    let mut key = *key;
    let byte = &mut key[index / 2];
    *byte = if index.is_multiple_of(2) {
        (*byte & 0x0f) | (value as u8) << 4
    } else {
        (*byte & 0xf0) | value as u8
    };
    key
}

/// How many of the `max` nibbles from `from` on the two keys share.
pub(super) fn common_nibbles(a: &B256, b: &B256, from: usize, max: usize) -> usize {
    (0..max)
        .take_while(|i| nibble(a, from + i) == nibble(b, from + i))
        .count()
}
