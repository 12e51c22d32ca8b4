//! The balanced tree above the leaves, built in one pass with memory for one node a level.

use cid::Cid;
use sha2::{Digest as _, Sha256};

use super::{CHUNK_BYTES, DAG_PB, Link, Node, RAW, WIDTH, cid_from_digest, sha256};

/// A node that the layout finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeBlock {
    /// Its CID.
    pub cid: Cid,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its children, in file order.
    pub children: Vec<Cid>,
}

/// Takes leaves in file order and gives out nodes, children always before their parent.
#[derive(Debug)]
pub struct Layout {
    width: usize,
    /// Links that wait for their parent, by level; level 0 holds leaves.
    levels: Vec<Vec<Link>>,
}

impl Default for Layout {
    fn default() -> Self {
        Self::with_width(WIDTH)
    }
}

impl Layout {
    pub(super) fn with_width(width: usize) -> Self {
        Self {
            width,
            levels: Vec::new(),
        }
    }

    /// Whether no leaf was pushed yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.levels.is_empty()
    }

    /// Adds the next leaf; finished nodes are appended to `out`.
    pub fn push(&mut self, leaf: Link, out: &mut Vec<NodeBlock>) {
        self.push_at(0, leaf, out);
    }

    /// Closes the tree and returns its root; the last nodes are appended to `out`, the root's (if it
    /// is a node) last. `None` if no leaf was pushed.
    #[must_use]
    pub fn finish(mut self, out: &mut Vec<NodeBlock>) -> Option<Link> {
        let mut level = 0;
        while level < self.levels.len() {
            let top = self.levels[level + 1..].iter().all(Vec::is_empty);
            if top && self.levels[level].len() == 1 {
                return self.levels[level].pop();
            }
            if !self.levels[level].is_empty() {
                self.close(level, out);
            }
            level += 1;
        }
        None
    }

    fn push_at(&mut self, level: usize, link: Link, out: &mut Vec<NodeBlock>) {
        if self.levels.len() == level {
            self.levels.push(Vec::new());
        }
        self.levels[level].push(link);
        if self.levels[level].len() == self.width {
            self.close(level, out);
        }
    }

    /// Makes a node of all links that wait on a level.
    fn close(&mut self, level: usize, out: &mut Vec<NodeBlock>) {
        let links = std::mem::take(&mut self.levels[level]);
        let bytes = Node::encode(&links);
        let cid = cid_from_digest(DAG_PB, &sha256(&bytes));
        let parent = Link {
            cid,
            file_bytes: links.iter().map(|link| link.file_bytes).sum(),
            total_bytes: bytes.len() as u64
                + links.iter().map(|link| link.total_bytes).sum::<u64>(),
        };
        let children = links.iter().map(|link| link.cid).collect();
        out.push(NodeBlock {
            cid,
            bytes,
            children,
        });
        self.push_at(level + 1, parent, out);
    }
}

/// Computes the CID of a file from its bytes as they pass, without keeping them.
#[derive(Debug)]
pub struct CidBuilder {
    chunk_bytes: usize,
    leaf: Sha256,
    leaf_bytes: usize,
    layout: Layout,
    nodes: Vec<NodeBlock>,
}

impl Default for CidBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl CidBuilder {
    /// A builder for an empty file.
    #[must_use]
    pub fn new() -> Self {
        Self::with_shape(CHUNK_BYTES, WIDTH)
    }

    fn with_shape(chunk_bytes: usize, width: usize) -> Self {
        Self {
            chunk_bytes,
            leaf: Sha256::new(),
            leaf_bytes: 0,
            layout: Layout::with_width(width),
            nodes: Vec::new(),
        }
    }

    /// Adds the next bytes of the file, in pieces of any size.
    pub fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.leaf_bytes == self.chunk_bytes {
                self.close_leaf();
            }
            let taken = bytes.len().min(self.chunk_bytes - self.leaf_bytes);
            self.leaf.update(&bytes[..taken]);
            self.leaf_bytes += taken;
            bytes = &bytes[taken..];
        }
    }

    /// The CID of all bytes given.
    #[must_use]
    pub fn finish(mut self) -> Cid {
        if self.leaf_bytes > 0 || self.layout.is_empty() {
            self.close_leaf();
        }
        let root = self.layout.finish(&mut self.nodes);
        root.expect("at least one leaf was pushed").cid
    }

    fn close_leaf(&mut self) {
        let digest = self.leaf.finalize_reset().into();
        let bytes = self.leaf_bytes as u64;
        let cid = cid_from_digest(RAW, &digest);
        self.layout.push(
            Link {
                cid,
                file_bytes: bytes,
                total_bytes: bytes,
            },
            &mut self.nodes,
        );
        self.nodes.clear();
        self.leaf_bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;
    use rust_unixfs::file::adder::{BalancedCollector, Chunker, FileAdder};

    /// The same file by an independent implementation.
    fn oracle(bytes: &[u8], chunk_bytes: usize, width: usize) -> Cid {
        let mut adder = FileAdder::builder()
            .with_chunker(Chunker::Size(chunk_bytes))
            .with_collector(BalancedCollector::with_branching_factor(width))
            .build();
        let (mut rest, mut root) = (bytes, Vec::new());
        while !rest.is_empty() {
            let (blocks, taken) = adder.push(rest);
            blocks.for_each(|(cid, _)| root = cid.to_bytes());
            rest = &rest[taken..];
        }
        adder.finish().for_each(|(cid, _)| root = cid.to_bytes());
        Cid::try_from(root.as_slice()).unwrap()
    }

    fn ours(bytes: &[u8], chunk_bytes: usize, width: usize, piece: usize) -> Cid {
        let mut builder = CidBuilder::with_shape(chunk_bytes, width);
        bytes.chunks(piece).for_each(|piece| builder.update(piece));
        builder.finish()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]
        #[test]
        fn trees_of_every_shape_equal_the_oracle(
            leaves in 0usize..200, tail in 0usize..4, width in 2usize..7, piece in 1usize..60,
        ) {
            // Distinct leaves of 4 bytes, so that an exchanged link changes the root.
            let bytes: Vec<u8> = (0..leaves as u32).flat_map(u32::to_be_bytes).chain(vec![9; tail]).collect();
            prop_assume!(!bytes.is_empty());
            prop_assert_eq!(ours(&bytes, 4, width, piece), oracle(&bytes, 4, width));
        }
    }

    #[test]
    fn more_leaves_than_a_node_holds() {
        // Real width, small leaves: 1,023 to 1,026 leaves and two full nodes and one.
        for leaves in [1023u32, 1024, 1025, 1026, 2048, 2049] {
            let bytes: Vec<u8> = (0..leaves).flat_map(u32::to_be_bytes).collect();
            assert_eq!(
                ours(&bytes, 4, WIDTH, 4096),
                oracle(&bytes, 4, WIDTH),
                "{leaves} leaves"
            );
        }
    }

    #[test]
    fn nodes_come_children_first_and_hold_at_most_the_width() {
        let mut layout = Layout::with_width(3);
        let (mut out, mut seen) = (Vec::new(), std::collections::HashSet::new());
        for n in 0u8..28 {
            let cid = cid_from_digest(RAW, &sha256(&[n]));
            seen.insert(cid);
            layout.push(
                Link {
                    cid,
                    file_bytes: 1,
                    total_bytes: 1,
                },
                &mut out,
            );
        }
        let root = layout.finish(&mut out).unwrap();
        for block in &out {
            assert!(block.children.len() <= 3);
            assert!(block.children.iter().all(|child| seen.contains(child)));
            seen.insert(block.cid);
        }
        assert_eq!(out.last().map(|block| block.cid), Some(root.cid));
        assert_eq!(root.file_bytes, 28);
    }
}
