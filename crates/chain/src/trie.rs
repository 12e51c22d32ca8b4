//! The state trie: a persistent, incremental Merkle Patricia trie with proofs.
//!
//! Keys are always 32-byte hashes (the secure trie of Ethereum), so no value ever lies on a branch.
//! Nodes are shared by reference counting: cloning a [`Trie`] costs one increment and gives a
//! snapshot that later writes to the original never touch. That one property serves three needs:
//! the overlay of an unfinalised block, the last 256 provable states, and reads beside the writer.
//! The hash of a node is computed once, when a root or a proof is first asked for.
//!
//! It refuses nothing: every 32-byte key is valid. It does no I/O.

mod node;

use alloy_primitives::{B256, Bytes};
use alloy_trie::EMPTY_ROOT_HASH;
use std::sync::Arc;

use node::{Cell, Node, common_nibbles, nibble, with_nibble};

/// A value that can lie in a leaf.
pub(crate) trait LeafValue: Clone + Default {
    /// Appends the RLP of the value, as the leaf commits to it.
    fn encode_leaf(&self, out: &mut Vec<u8>);
}

/// A Merkle Patricia trie over hashed keys; a clone is a snapshot.
#[derive(Clone, Debug)]
pub(crate) struct Trie<V> {
    root: Option<Arc<Cell<V>>>,
}

impl<V> Default for Trie<V> {
    fn default() -> Self {
        Self { root: None }
    }
}

impl<V: LeafValue> Trie<V> {
    /// The value under `key`.
    pub(crate) fn get(&self, key: &B256) -> Option<&V> {
        let mut cell = self.root.as_deref()?;
        let mut depth = 0;
        loop {
            match &cell.node {
                Node::Leaf { key: own, value } => return (own == key).then_some(value),
                Node::Extension { path, len, child } => {
                    if common_nibbles(path, key, depth, *len) < *len {
                        return None;
                    }
                    depth += *len;
                    cell = child;
                }
                Node::Branch { children } => {
                    cell = children[nibble(key, depth)].as_deref()?;
                    depth += 1;
                }
            }
        }
    }

    /// The value under `key` for writing, made with its default where there was none.
    ///
    /// Every node on the way is copied if a snapshot shares it, and forgets its hash.
    pub(crate) fn entry(&mut self, key: &B256) -> &mut V {
        let mut slot = self
            .root
            .get_or_insert_with(|| Cell::leaf(*key, V::default()));
        let mut depth = 0;
        loop {
            split_for(slot, depth, key);
            match Cell::write(slot) {
                Node::Leaf { value, .. } => return value,
                Node::Extension { len, child, .. } => {
                    depth += *len;
                    slot = child;
                }
                Node::Branch { children } => {
                    slot = children[nibble(key, depth)]
                        .get_or_insert_with(|| Cell::leaf(*key, V::default()));
                    depth += 1;
                }
            }
        }
    }

    /// Removes `key`; nothing is copied when it is absent.
    pub(crate) fn remove(&mut self, key: &B256) {
        if self.get(key).is_none() {
            return;
        }
        if let Some(root) = &mut self.root
            && remove_below(root, 0, key)
        {
            self.root = None;
        }
    }

    /// The root hash; only nodes written since the last call are hashed.
    pub(crate) fn root(&self) -> B256 {
        match &self.root {
            None => EMPTY_ROOT_HASH,
            Some(cell) => cell.root_hash(),
        }
    }

    /// The nodes from the root towards `key`, as `eth_getProof` returns them: a proof of the value,
    /// or of its absence.
    pub(crate) fn proof(&self, key: &B256) -> Vec<Bytes> {
        let mut nodes = Vec::new();
        let mut next = self.root.as_deref();
        let mut depth = 0;
        while let Some(cell) = next {
            let encoded = cell.encode(depth);
            // A node below 32 bytes lies inside its parent and is not listed again.
            if depth == 0 || encoded.len() >= 32 {
                nodes.push(Bytes::from(encoded));
            }
            next = match &cell.node {
                Node::Leaf { .. } => None,
                Node::Extension { path, len, child } => {
                    if common_nibbles(path, key, depth, *len) < *len {
                        None
                    } else {
                        depth += *len;
                        Some(child.as_ref())
                    }
                }
                Node::Branch { children } => {
                    let child = children[nibble(key, depth)].as_deref();
                    depth += 1;
                    child
                }
            };
        }
        nodes
    }
}

/// Makes room for `key` below `slot`: afterwards `slot` holds a leaf of this key, an extension whose
/// whole path the key shares, or a branch.
fn split_for<V: LeafValue>(slot: &mut Arc<Cell<V>>, depth: usize, key: &B256) {
    let (old_path, old_len) = match &slot.node {
        Node::Leaf { key: own, .. } if own == key => return,
        Node::Leaf { key: own, .. } => (*own, 64 - depth),
        Node::Extension { path, len, .. } => (*path, *len),
        Node::Branch { .. } => return,
    };
    let shared = common_nibbles(&old_path, key, depth, old_len);
    if shared == old_len {
        return;
    }
    let at = depth + shared;
    let old = match &slot.node {
        Node::Leaf { key, value } => Cell::leaf(*key, value.clone()),
        Node::Extension { path, len, child } if shared + 1 < *len => {
            Cell::extension(*path, len - shared - 1, child.clone())
        }
        Node::Extension { child, .. } => child.clone(),
        Node::Branch { .. } => return,
    };
    let mut children: [Option<Arc<Cell<V>>>; 16] = Default::default();
    children[nibble(&old_path, at)] = Some(old);
    children[nibble(key, at)] = Some(Cell::leaf(*key, V::default()));
    let branch = Cell::branch(children);
    *slot = if shared == 0 {
        branch
    } else {
        Cell::extension(*key, shared, branch)
    };
}

/// Removes `key`, known to be present, below `slot`. True when `slot` itself is gone.
fn remove_below<V: LeafValue>(slot: &mut Arc<Cell<V>>, depth: usize, key: &B256) -> bool {
    let replacement = match Cell::write(slot) {
        Node::Leaf { .. } => return true,
        Node::Extension { len, child, path } => {
            let (len, path) = (*len, *path);
            remove_below(child, depth + len, key);
            joined(path, len, child)
        }
        Node::Branch { children } => {
            let index = nibble(key, depth);
            let emptied = match &mut children[index] {
                Some(child) => remove_below(child, depth + 1, key),
                None => false,
            };
            if !emptied {
                return false;
            }
            children[index] = None;
            let mut left = children
                .iter()
                .enumerate()
                .filter_map(|(i, c)| c.as_ref().map(|c| (i, c)));
            match (left.next(), left.next()) {
                (Some((only, child)), None) => joined(with_nibble(key, depth, only), 1, child),
                _ => return false,
            }
        }
    };
    *slot = replacement;
    false
}

/// `len` nibbles of `path` in front of `child`, in the only form the trie allows.
fn joined<V: LeafValue>(path: B256, len: usize, child: &Arc<Cell<V>>) -> Arc<Cell<V>> {
    match &child.node {
        Node::Leaf { key, value } => Cell::leaf(*key, value.clone()),
        Node::Extension {
            path,
            len: below,
            child,
        } => Cell::extension(*path, len + below, child.clone()),
        Node::Branch { .. } => Cell::extension(path, len, child.clone()),
    }
}

#[cfg(test)]
mod tests;
