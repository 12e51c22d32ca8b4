//! What the threads of one chain share, and how they tell each other that it stops.

use alloy_primitives::{Address, B256, map::B256HashMap};
use parking_lot::{Condvar, Mutex, RwLock};
use std::sync::{Arc, mpsc::SyncSender};
use tokio::sync::{broadcast, oneshot, watch};

use super::Tip;
use crate::{
    admission::Admission,
    block::{ExecutedBlock, FinalBlock, HeadInfo},
    clock::Clock,
    error::ChainError,
    genesis::Genesis,
    pool::Pool,
    seal::Certificate,
    state::World,
    store::Store,
    validate::TxError,
};

/// Most blocks that are executed but not final.
const MAX_OVERLAYS: usize = 64;
/// Most transactions whose receipts are waited for.
pub(crate) const MAX_WAITERS: usize = 50_000;

/// What became of a transaction that somebody waits for.
#[derive(Clone, Debug)]
pub(crate) enum Fate {
    Included(Arc<FinalBlock>, usize),
    Dropped(TxError),
}

/// A block that is executed but not final.
#[derive(Clone, Debug)]
pub(crate) struct Overlay {
    pub(crate) block: Arc<ExecutedBlock>,
    pub(crate) world: World,
    /// Its transactions come from this node's pool.
    pub(crate) built_here: bool,
}

/// A certified block on its way to the log thread.
pub(crate) struct Sealed {
    pub(crate) overlay: Overlay,
    pub(crate) certificate: Certificate,
}

/// Blocks on their way to durability.
pub(crate) struct CommitQueue {
    pub(crate) tip: Tip,
    /// None once the chain shuts down.
    pub(crate) jobs: Option<SyncSender<Sealed>>,
}

/// Everything the threads share.
pub(crate) struct Shared {
    pub(crate) genesis: Genesis,
    pub(crate) genesis_hash: B256,
    pub(crate) proposer: Address,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) admission: Arc<dyn Admission>,
    pub(crate) store: RwLock<Store>,
    pub(crate) pool: Mutex<Pool>,
    pub(crate) work: Condvar,
    pub(crate) overlays: Mutex<B256HashMap<Overlay>>,
    pub(crate) queue: Mutex<CommitQueue>,
    pub(crate) waiters: Mutex<B256HashMap<Vec<oneshot::Sender<Fate>>>>,
    pub(crate) heads: broadcast::Sender<HeadInfo>,
    /// The head's number, and whether the chain still runs.
    pub(crate) height: watch::Sender<(u64, bool)>,
    /// Why the chain stopped; the first reason stays.
    pub(crate) stopped: Mutex<Option<ChainError>>,
    pub(crate) durable: Condvar,
    pub(crate) durable_height: Mutex<u64>,
}

impl Shared {
    /// Why the chain stopped, if it did.
    pub(crate) fn stop_reason(&self) -> Option<ChainError> {
        self.stopped.lock().clone()
    }

    /// Refuses once the chain has stopped.
    pub(crate) fn running(&self) -> Result<(), ChainError> {
        self.stop_reason().map_or(Ok(()), Err)
    }

    /// Stops the chain for good: no write is taken and nobody is answered with success any more.
    pub(crate) fn stop(&self, reason: ChainError) {
        {
            let mut stopped = self.stopped.lock();
            if stopped.is_some() {
                return;
            }
            if !matches!(reason, ChainError::Stopped) {
                tracing::error!(%reason, "the chain stops");
            }
            *stopped = Some(reason);
        }
        // Taken and released so that nobody sleeps between its check and its wait.
        drop(self.pool.lock());
        self.work.notify_all();
    }

    /// Tells everybody who still waits that nothing more will come.
    pub(crate) fn release_waiters(&self) {
        self.waiters.lock().clear();
        self.height.send_modify(|(_, running)| *running = false);
        drop(self.durable_height.lock());
        self.durable.notify_all();
    }

    /// A parent to build or verify on: an overlay, or a final block.
    pub(super) fn parent(&self, hash: B256) -> Result<(Arc<ExecutedBlock>, World), ChainError> {
        if let Some(overlay) = self.overlays.lock().get(&hash) {
            return Ok((overlay.block.clone(), overlay.world.clone()));
        }
        let store = self.store.read();
        let (block, world) = store.at(hash.into())?;
        Ok((block.executed.clone(), world.clone()))
    }

    pub(super) fn room_for_overlay(&self) -> Result<(), ChainError> {
        if self.overlays.lock().len() >= MAX_OVERLAYS {
            return Err(ChainError::InvalidRequest(format!(
                "{MAX_OVERLAYS} blocks are executed and not final"
            )));
        }
        Ok(())
    }

    pub(crate) fn notify(&self, hash: &B256, fate: &Fate) {
        let waiting = self.waiters.lock().remove(hash);
        for waiter in waiting.into_iter().flatten() {
            // A waiter that went away is no longer interested.
            drop(waiter.send(fate.clone()));
        }
    }

    pub(super) fn wait_durable(&self, number: u64) -> Result<(), ChainError> {
        let mut height = self.durable_height.lock();
        while *height < number {
            self.running()?;
            self.durable.wait(&mut height);
        }
        Ok(())
    }
}
