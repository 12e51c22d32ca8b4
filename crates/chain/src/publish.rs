//! The third phase: the log thread makes sealed blocks durable, then shows them.
//!
//! The order is the whole point. One group of blocks is appended, one sync covers the group, and
//! only after it returned does anything become visible: the head, receipts, answers to those who
//! wait, subscriptions. If the write or the sync fails, the chain stops and nobody is told of
//! success; what the disk then holds is found out at the next start.

use std::sync::{Arc, mpsc::Receiver};

use crate::{
    block::{FinalBlock, HeadInfo},
    engine::{Fate, Overlay, Sealed, Shared},
    error::ChainError,
    wal::Wal,
};

/// Most blocks that one sync covers.
const MAX_GROUP: usize = 64;

/// Runs until the chain shuts down or the disk fails.
pub(crate) fn run(shared: &Shared, wal: &mut Wal, jobs: &Receiver<Sealed>) {
    while let Ok(first) = jobs.recv() {
        let mut group = vec![first];
        while group.len() < MAX_GROUP
            && let Ok(next) = jobs.try_recv()
        {
            group.push(next);
        }
        let records = group
            .iter()
            .map(|sealed| (&*sealed.overlay.block, &sealed.certificate));
        match wal.append_group(records) {
            // Durable from here on: the sync has returned.
            Ok(sizes) => publish(shared, group, sizes),
            Err(error) => {
                shared.stop(ChainError::Disk(error.to_string()));
                break;
            }
        }
    }
    shared.release_waiters();
}

/// Shows a durable group to everybody, each block whole before the next.
fn publish(shared: &Shared, group: Vec<Sealed>, sizes: Vec<usize>) {
    let mut blocks = Vec::with_capacity(group.len());
    {
        let mut store = shared.store.write();
        for (sealed, size) in group.into_iter().zip(sizes) {
            let block = Arc::new(FinalBlock {
                executed: sealed.overlay.block,
                certificate: Some(sealed.certificate),
                size,
            });
            store.push(block.clone(), sealed.overlay.world);
            blocks.push(block);
        }
    }
    let Some(head) = blocks.last().map(|block| block.executed.header.number) else {
        return;
    };
    let settled = settled_overlays(shared, head);
    {
        let mut pool = shared.pool.lock();
        for block in &blocks {
            pool.on_final(&block.executed.txs);
        }
        for overlay in settled {
            if overlay.built_here && !blocks.iter().any(|b| b.executed.hash == overlay.block.hash) {
                pool.give_back(&overlay.block.txs);
            }
        }
    }
    // A gap may have closed.
    shared.work.notify_one();
    for block in &blocks {
        for (index, tx) in block.executed.txs.iter().enumerate() {
            shared.notify(tx.hash(), &Fate::Included(block.clone(), index));
        }
    }
    *shared.durable_height.lock() = head;
    shared.durable.notify_all();
    shared.height.send_modify(|(number, _)| *number = head);
    for block in &blocks {
        // Nobody may be subscribed.
        drop(shared.heads.send(HeadInfo::from(&**block)));
    }
}

/// Takes out the overlays up to `head`: each is final now, or never will be.
fn settled_overlays(shared: &Shared, head: u64) -> Vec<Overlay> {
    let mut overlays = shared.overlays.lock();
    let settled: Vec<_> = overlays
        .values()
        .filter(|o| o.block.header.number <= head)
        .cloned()
        .collect();
    for overlay in &settled {
        overlays.remove(&overlay.block.hash);
    }
    settled
}
