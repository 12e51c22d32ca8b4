//! What the store contains, in memory: rebuilt from the segments at every start.
//!
//! A block stays while it was put as a file (a root flag), while a node in the store links to it, or
//! while a write in progress holds it.

use std::collections::{BTreeMap, HashMap};

use super::segment::{FRAME_HEADER_BYTES, ROOTS};
use crate::dag::Sha256Digest;

/// Where a block's bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// At `offset` of a segment.
    Segment { number: u64, offset: u64 },
    /// In a file of its own.
    Flat,
}

/// One block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) place: Place,
    pub(crate) size: u64,
    /// When it was put, or last put again.
    pub(crate) put_at_ms: u64,
    pub(crate) flags: u8,
    /// Its bytes were found not to match: not counted as present, and healed by the next put.
    pub(crate) damaged: bool,
}

/// Running sums over the entries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) blocks: u64,
    pub(crate) roots: u64,
    pub(crate) bytes: u64,
    pub(crate) flat_blocks: u64,
    pub(crate) flat_bytes: u64,
    pub(crate) segment_live_bytes: u64,
    pub(crate) damaged: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Index {
    blocks: BTreeMap<Sha256Digest, Entry>,
    children: HashMap<Sha256Digest, Box<[Sha256Digest]>>,
    refs: HashMap<Sha256Digest, u32>,
    totals: Totals,
}

impl Index {
    pub(crate) fn get(&self, digest: &Sha256Digest) -> Option<&Entry> {
        self.blocks.get(digest)
    }

    pub(crate) fn totals(&self) -> Totals {
        self.totals
    }

    /// Sets a block's entry. `children` are given once for a node.
    pub(crate) fn set(
        &mut self,
        digest: Sha256Digest,
        entry: Entry,
        children: Option<Box<[Sha256Digest]>>,
    ) {
        let old = self.blocks.insert(digest, entry);
        self.totals.count(old.as_ref(), Some(&entry));
        if let Some(children) = children
            && !self.children.contains_key(&digest)
        {
            children.iter().for_each(|child| self.hold(*child));
            self.children.insert(digest, children);
        }
    }

    /// Takes a block away; its children lose a reference.
    pub(crate) fn remove(&mut self, digest: &Sha256Digest) -> Option<Entry> {
        let old = self.blocks.remove(digest)?;
        self.totals.count(Some(&old), None);
        if let Some(children) = self.children.remove(digest) {
            children.iter().for_each(|child| self.release(child));
        }
        Some(old)
    }

    pub(crate) fn set_damaged(&mut self, digest: &Sha256Digest) {
        if let Some(old) = self.blocks.get(digest).copied() {
            self.set(
                *digest,
                Entry {
                    damaged: true,
                    ..old
                },
                None,
            );
        }
    }

    pub(crate) fn children(&self, digest: &Sha256Digest) -> &[Sha256Digest] {
        self.children.get(digest).map_or(&[], |children| children)
    }

    pub(crate) fn knows_children(&self, digest: &Sha256Digest) -> bool {
        self.children.contains_key(digest)
    }

    pub(crate) fn refs(&self, digest: &Sha256Digest) -> u32 {
        self.refs.get(digest).copied().unwrap_or(0)
    }

    /// Whether nothing keeps the block.
    pub(crate) fn is_orphan(&self, digest: &Sha256Digest) -> bool {
        self.refs(digest) == 0
            && self
                .get(digest)
                .is_some_and(|entry| entry.flags & ROOTS == 0)
    }

    /// Adds a reference, also to a block that is not here yet.
    pub(crate) fn hold(&mut self, digest: Sha256Digest) {
        *self.refs.entry(digest).or_insert(0) += 1;
    }

    /// Takes a reference away.
    pub(crate) fn release(&mut self, digest: &Sha256Digest) {
        if let Some(count) = self.refs.get_mut(digest) {
            *count -= 1;
            if *count == 0 {
                self.refs.remove(digest);
            }
        }
    }

    /// Entries after a digest, in order.
    pub(crate) fn after(
        &self,
        digest: Option<Sha256Digest>,
    ) -> impl Iterator<Item = (&Sha256Digest, &Entry)> {
        use std::ops::Bound::{Excluded, Unbounded};
        self.blocks
            .range((digest.map_or(Unbounded, Excluded), Unbounded))
    }
}

impl Totals {
    fn count(&mut self, old: Option<&Entry>, new: Option<&Entry>) {
        for (entry, add) in [(old, false), (new, true)] {
            let Some(entry) = entry else { continue };
            let step = |sum: &mut u64, n: u64| *sum = if add { *sum + n } else { *sum - n };
            step(&mut self.blocks, 1);
            step(&mut self.bytes, entry.size);
            step(
                &mut self.roots,
                u64::from((entry.flags & ROOTS).count_ones()),
            );
            step(&mut self.damaged, u64::from(entry.damaged));
            match entry.place {
                Place::Flat => {
                    step(&mut self.flat_blocks, 1);
                    step(&mut self.flat_bytes, entry.size);
                }
                Place::Segment { .. } => {
                    step(
                        &mut self.segment_live_bytes,
                        entry.size + FRAME_HEADER_BYTES as u64,
                    );
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::segment::{NODE, ROOT_NODE, ROOT_RAW};

    fn entry(flags: u8) -> Entry {
        Entry {
            place: Place::Flat,
            size: 5,
            put_at_ms: 1,
            flags,
            damaged: false,
        }
    }

    #[test]
    fn children_are_counted_once_and_released_with_their_node() {
        let mut index = Index::default();
        let (node, leaf) = ([1; 32], [2; 32]);
        index.set(leaf, entry(0), None);
        assert!(index.is_orphan(&leaf));
        index.set(node, entry(ROOT_NODE | NODE), Some(Box::new([leaf, leaf])));
        index.set(node, entry(ROOT_NODE | NODE), Some(Box::new([leaf, leaf])));
        assert_eq!(index.refs(&leaf), 2);
        index.hold(leaf);
        index.remove(&node);
        assert_eq!(index.refs(&leaf), 1, "the hold remains");
        index.release(&leaf);
        assert!(index.is_orphan(&leaf));
    }

    #[test]
    fn totals_follow_every_change() {
        let mut index = Index::default();
        index.set([1; 32], entry(ROOT_RAW), None);
        let small = Entry {
            place: Place::Segment {
                number: 1,
                offset: 9,
            },
            size: 3,
            ..entry(0)
        };
        index.set([2; 32], small, None);
        index.set_damaged(&[2; 32]);
        let totals = index.totals();
        assert_eq!(
            (totals.blocks, totals.bytes, totals.roots, totals.damaged),
            (2, 8, 1, 1)
        );
        assert_eq!(
            (
                totals.flat_blocks,
                totals.flat_bytes,
                totals.segment_live_bytes
            ),
            (1, 5, 75)
        );
        index.remove(&[1; 32]);
        index.remove(&[2; 32]);
        assert_eq!(index.totals(), Totals::default());
    }
}
