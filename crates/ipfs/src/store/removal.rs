//! Removing blocks: frames first, durable, then the index, then the files.
//!
//! A block that a node still links to, or that a write in progress holds, only loses its root flag. The
//! bytes of a removed small block stay in their segment until compaction; a large block's file is
//! unlinked before the removal is acknowledged. The order makes a crash harmless: the files of removed
//! blocks that are still there are unlinked at the next start.

use std::collections::{BTreeSet, HashMap};

use super::index::{Index, Place};
use super::segment::{Kind, ROOTS};
use super::types::Removed;
use super::writer::Writer;
use crate::dag::Sha256Digest;
use crate::error::IpfsError;

/// What a removal will change.
#[derive(Default)]
struct Plan {
    /// Flags after the removal, of every block it reaches.
    flags: HashMap<Sha256Digest, u8>,
    /// References that go away with removed nodes.
    dropped: HashMap<Sha256Digest, u32>,
    /// Blocks that go away.
    gone: BTreeSet<Sha256Digest>,
    outcome: Removed,
}

/// Takes the root flags in each mask off its block, and away every block that nothing keeps then.
pub(crate) fn remove(
    writer: &mut Writer,
    wanted: &[(Sha256Digest, u8)],
    put_before_ms: Option<u64>,
) -> Result<Removed, IpfsError> {
    let shared = writer.shared.clone();
    let mut plan = Plan::default();
    {
        let index = shared.index.read();
        plan.make(&index, wanted, put_before_ms);
    }
    writer.roll_if_full()?;
    let now_ms = (shared.clock_ms)();
    let mut marked = Vec::new();
    for (digest, flags) in &plan.flags {
        let old = shared.index.read().get(digest).copied();
        let Some(old) = old.filter(|_| !plan.gone.contains(digest)) else {
            continue;
        };
        if *flags != old.flags {
            writer.frame(Kind::Mark, *flags, old.put_at_ms, 0, *digest, &[]);
            marked.push((*digest, *flags));
        }
    }
    for digest in &plan.gone {
        writer.frame(Kind::Remove, 0, now_ms, 0, *digest, &[]);
    }
    writer.flush()?;

    let mut flat = Vec::new();
    let mut index = shared.index.write();
    for (digest, flags) in marked {
        if let Some(mut entry) = index.get(&digest).copied() {
            entry.flags = flags;
            index.set(digest, entry, None);
        }
    }
    for digest in &plan.gone {
        if let Some(old) = index.remove(digest) {
            plan.outcome.blocks += 1;
            plan.outcome.bytes += old.size;
            if old.place == Place::Flat {
                flat.push(shared.flat_path(digest));
            }
        }
    }
    drop(index);
    for path in &flat {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(IpfsError::failed("removing a block's file")(error));
            }
            Ok(()) | Err(_) => {}
        }
    }
    if !flat.is_empty() {
        shared
            .disk
            .sync_dir(&shared.flat_dir())
            .map_err(IpfsError::failed("sync of the folder"))?;
    }
    Ok(plan.outcome)
}

impl Plan {
    fn make(&mut self, index: &Index, wanted: &[(Sha256Digest, u8)], put_before_ms: Option<u64>) {
        let mut present = Vec::new();
        for (digest, mask) in wanted {
            let Some(entry) = index.get(digest) else {
                self.outcome.missing += 1;
                continue;
            };
            present.push(*digest);
            if put_before_ms.is_none_or(|before| entry.put_at_ms < before) {
                self.visit(index, *digest, *mask);
            }
        }
        self.outcome.kept = present
            .iter()
            .filter(|digest| !self.gone.contains(*digest))
            .count() as u64;
    }

    fn visit(&mut self, index: &Index, digest: Sha256Digest, mask: u8) {
        let mut waiting = vec![(digest, mask)];
        while let Some((digest, mask)) = waiting.pop() {
            let Some(entry) = index.get(&digest).filter(|_| !self.gone.contains(&digest)) else {
                continue;
            };
            let flags = self.flags.entry(digest).or_insert(entry.flags);
            *flags &= !mask;
            let refs = index
                .refs(&digest)
                .saturating_sub(self.dropped.get(&digest).copied().unwrap_or(0));
            if *flags & ROOTS == 0 && refs == 0 {
                self.gone.insert(digest);
                for child in index.children(&digest) {
                    *self.dropped.entry(*child).or_insert(0) += 1;
                    waiting.push((*child, 0));
                }
            }
        }
    }
}
