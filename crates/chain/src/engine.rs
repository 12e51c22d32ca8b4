//! The engine: the calls that a sealer drives, and the state its threads share.
//!
//! [`Engine::build`] makes a block of what waits on any known parent, final or not.
//! [`Engine::execute`] judges a block from elsewhere. [`Engine::commit`] makes a certified block
//! durable and final; [`Engine::submit`] queues it for that without waiting. Between being built and
//! being final, a block lives as an overlay: a state snapshot beside its parent's, dropped when
//! another block takes its height.

use alloy_primitives::{B256, map::B256HashMap};
use parking_lot::{Condvar, Mutex, RwLock};
use std::sync::{Arc, mpsc::SyncSender};
use tokio::sync::{broadcast, oneshot, watch};

use crate::{
    admission::Admission,
    block::{Block, ExecutedBlock, FinalBlock, HeadInfo},
    clock::Clock,
    error::ChainError,
    execute::{BlockTerms, Execution, execute, first_difference},
    genesis::Genesis,
    pool::Pool,
    seal::Certificate,
    state::World,
    store::Store,
    validate::{self, SignedTx, TxError},
};

/// Most transactions in a block.
pub const MAX_BLOCK_TXS: usize = 4_096;
/// Most bytes of transactions in a block; with its header it stays under EIP-7934's 8 MiB.
pub const MAX_BLOCK_BYTES: usize = 8 * 1024 * 1024 - 4_096;
/// How far ahead of the verifier's clock a block may be.
pub const MAX_CLOCK_SKEW_SECS: u64 = 30;
/// Most blocks that are executed but not final.
pub(crate) const MAX_OVERLAYS: usize = 64;
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
    pub(crate) proposer: alloy_primitives::Address,
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

/// A block that was submitted last, or is final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tip {
    /// Its number.
    pub number: u64,
    /// Its hash.
    pub hash: B256,
}

/// A block that was built here and waits to be certified.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// Its number.
    pub number: u64,
    /// Its hash, which is the payload digest of consensus.
    pub hash: B256,
    block: Arc<ExecutedBlock>,
}

impl Proposal {
    /// The block itself.
    pub fn block(&self) -> Block {
        self.block.block()
    }
}

/// The judgement on a block from elsewhere. It is final: a block whose parent is not known yet is an
/// error instead, and must be asked about again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Its execution gives its hash.
    Valid,
    /// It breaks a rule.
    Invalid {
        /// The first rule it breaks.
        reason: String,
    },
}

/// A handle on the running chain for whoever drives it.
#[derive(Clone)]
pub struct Engine {
    pub(crate) shared: Arc<Shared>,
}

impl Engine {
    /// The genesis file of this chain.
    pub fn genesis(&self) -> &Genesis {
        &self.shared.genesis
    }

    /// The hash of the genesis block.
    pub fn genesis_hash(&self) -> B256 {
        self.shared.genesis_hash
    }

    /// Waits until something could be built; false once the chain stops.
    pub fn wait_for_transactions(&self) -> bool {
        let mut pool = self.shared.pool.lock();
        loop {
            if self.shared.stop_reason().is_some() {
                return false;
            }
            if !pool.is_idle() {
                return true;
            }
            self.shared.work.wait(&mut pool);
        }
    }

    /// The newest block that was submitted, durable or not: the lone sealer's parent.
    pub fn tip(&self) -> Tip {
        self.shared.queue.lock().tip
    }

    /// Builds a block on `parent` from what waits; none if nothing that waits can run.
    pub fn build(&self, parent: B256) -> Result<Option<Proposal>, ChainError> {
        let shared = &self.shared;
        let (parent_block, world) = shared.parent(parent)?;
        shared.room_for_overlay()?;
        let txs = shared.pool.lock().take(MAX_BLOCK_TXS, MAX_BLOCK_BYTES);
        if txs.is_empty() {
            return Ok(None);
        }
        let number = parent_block.header.number + 1;
        let terms = BlockTerms {
            parent: &parent_block.header,
            parent_hash: parent,
            timestamp: shared.clock.unix_secs().max(parent_block.header.timestamp),
            proposer: shared.proposer,
            epoch: shared.genesis.validators_at(number).epoch,
            gas_limit: shared.genesis.block_gas,
            chain_id: shared.genesis.chain_id,
        };
        let Execution {
            block,
            world,
            dropped,
            early,
            left,
        } = execute(&terms, world, txs).map_err(|e| ChainError::Sealing(e.to_string()))?;
        let gone: Vec<_> = dropped.iter().map(|(tx, _)| tx.clone()).collect();
        shared
            .pool
            .lock()
            .settle(&gone, early, left, shared.clock.unix_millis());
        for (tx, reason) in dropped {
            shared.notify(tx.hash(), &Fate::Dropped(reason));
        }
        if block.txs.is_empty() {
            return Ok(None);
        }
        let block = Arc::new(block);
        let hash = block.hash;
        shared.overlays.lock().insert(
            hash,
            Overlay {
                block: block.clone(),
                world,
                built_here: true,
            },
        );
        Ok(Some(Proposal {
            number,
            hash,
            block,
        }))
    }

    /// Gives up a proposal: its transactions wait again. Its overlay is dropped.
    pub fn abandon(&self, proposal: &Proposal) {
        if self.shared.overlays.lock().remove(&proposal.hash).is_some() {
            self.shared.pool.lock().give_back(&proposal.block.txs);
            self.shared.work.notify_one();
        }
    }

    /// Judges a block from elsewhere and keeps its state if it is valid.
    pub fn execute(&self, block: &Block) -> Result<Verdict, ChainError> {
        let shared = &self.shared;
        let hash = block.header.hash_slow();
        if shared.overlays.lock().contains_key(&hash)
            || shared.store.read().by_hash(&hash).is_some()
        {
            return Ok(Verdict::Valid);
        }
        let (parent, world) = shared.parent(block.header.parent_hash)?;
        shared.room_for_overlay()?;
        let latest = shared.clock.unix_secs().saturating_add(MAX_CLOCK_SKEW_SECS);
        if block.header.timestamp > latest {
            return Ok(invalid("timestamp is too far ahead of this clock"));
        }
        let mut txs = Vec::with_capacity(block.body.transactions.len());
        for tx in &block.body.transactions {
            let checked =
                validate::check(tx, shared.genesis.chain_id).and_then(|()| validate::recover(tx));
            match checked {
                Ok(sender) => txs.push(Arc::new(SignedTx::new(tx.clone(), sender))),
                Err(error) => return Ok(invalid(&error.to_string())),
            }
        }
        match verify(&shared.genesis, block, &parent.header, world, txs)? {
            Ok((executed, world)) => {
                let block = Arc::new(executed);
                shared.overlays.lock().insert(
                    hash,
                    Overlay {
                        block,
                        world,
                        built_here: false,
                    },
                );
                Ok(Verdict::Valid)
            }
            Err(reason) => Ok(Verdict::Invalid { reason }),
        }
    }

    /// Queues a certified block for the log without waiting: it becomes visible once it is durable.
    /// The block must have been built or executed here and follow the tip.
    pub fn submit(&self, hash: B256, certificate: Certificate) -> Result<(), ChainError> {
        let shared = &self.shared;
        let overlay = shared
            .overlays
            .lock()
            .get(&hash)
            .cloned()
            .ok_or_else(|| ChainError::UnknownBlock(hash.to_string()))?;
        let header = &overlay.block.header;
        let mut queue = shared.queue.lock();
        if header.number != queue.tip.number + 1 || header.parent_hash != queue.tip.hash {
            return Err(ChainError::InvalidBlock {
                number: header.number,
                reason: format!("it does not follow block {}", queue.tip.number),
            });
        }
        let tip = Tip {
            number: header.number,
            hash,
        };
        let jobs = queue.jobs.as_ref().ok_or(ChainError::Stopped)?;
        // The channel is short: when the disk is behind, the producer waits here and blocks grow.
        if jobs
            .send(Sealed {
                overlay,
                certificate,
            })
            .is_err()
        {
            return Err(shared.stop_reason().unwrap_or(ChainError::Stopped));
        }
        queue.tip = tip;
        Ok(())
    }

    /// Makes a certified block durable and final. Doing so again changes nothing; another block at
    /// the same height is refused.
    pub fn commit(&self, block: &Block, certificate: Certificate) -> Result<(), ChainError> {
        let shared = &self.shared;
        let number = block.header.number;
        let hash = block.header.hash_slow();
        if number > self.tip().number {
            certificate.verify(&shared.genesis, shared.genesis_hash, number, hash)?;
            if let Verdict::Invalid { reason } = self.execute(block)? {
                return Err(ChainError::InvalidBlock { number, reason });
            }
            self.submit(hash, certificate)?;
        }
        shared.wait_durable(number)?;
        let store = shared.store.read();
        let committed = store.by_number(number).map(|b| b.executed.hash);
        match committed {
            Some(committed) if committed == hash => Ok(()),
            Some(committed) => Err(ChainError::Conflict {
                number,
                committed,
                offered: hash,
            }),
            None => Err(ChainError::UnknownBlock(number.to_string())),
        }
    }

    /// A final block with its certificate; the genesis block has none.
    pub fn block(&self, number: u64) -> Option<(Block, Option<Certificate>)> {
        let store = self.shared.store.read();
        let block = store.by_number(number)?;
        Some((block.executed.block(), block.certificate.clone()))
    }
}

fn invalid(reason: &str) -> Verdict {
    Verdict::Invalid {
        reason: reason.into(),
    }
}

/// Checks a block against its parent by executing it: everything but certificate and clock.
pub(crate) fn verify(
    genesis: &Genesis,
    block: &Block,
    parent: &alloy_consensus::Header,
    world: World,
    txs: Vec<Arc<SignedTx>>,
) -> Result<Result<(ExecutedBlock, World), String>, ChainError> {
    let header = &block.header;
    let set = genesis.validators_at(parent.number + 1);
    if header.timestamp < parent.timestamp {
        return Ok(Err("timestamp is before its parent's".into()));
    }
    if !set.validators.contains(&header.beneficiary) {
        return Ok(Err("beneficiary is not a validator of the epoch".into()));
    }
    if txs.len() > MAX_BLOCK_TXS || txs.iter().map(|tx| tx.size).sum::<usize>() > MAX_BLOCK_BYTES {
        return Ok(Err("it is too large".into()));
    }
    let terms = BlockTerms {
        parent,
        parent_hash: header.parent_hash,
        timestamp: header.timestamp,
        proposer: header.beneficiary,
        epoch: set.epoch,
        gas_limit: genesis.block_gas,
        chain_id: genesis.chain_id,
    };
    let count = txs.len();
    let done = execute(&terms, world, txs).map_err(|e| ChainError::Sealing(e.to_string()))?;
    if done.block.txs.len() != count {
        return Ok(Err("a transaction in it cannot be included".into()));
    }
    if done.block.hash != header.hash_slow() {
        let field = first_difference(header, &done.block.header);
        return Ok(Err(format!("{field} is not what its execution gives")));
    }
    Ok(Ok((done.block, done.world)))
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
    fn parent(&self, hash: B256) -> Result<(Arc<ExecutedBlock>, World), ChainError> {
        if let Some(overlay) = self.overlays.lock().get(&hash) {
            return Ok((overlay.block.clone(), overlay.world.clone()));
        }
        let store = self.store.read();
        let (block, world) = store.at(hash.into())?;
        Ok((block.executed.clone(), world.clone()))
    }

    fn room_for_overlay(&self) -> Result<(), ChainError> {
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

    fn wait_durable(&self, number: u64) -> Result<(), ChainError> {
        let mut height = self.durable_height.lock();
        while *height < number {
            self.running()?;
            self.durable.wait(&mut height);
        }
        Ok(())
    }
}
