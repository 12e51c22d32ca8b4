//! The handle: opening the data folder, and what the rest of the program asks of the chain.
//!
//! [`Chain::open`] takes the folder for this process, replays the log (executing every block again
//! and comparing its hash, which covers the state root) and starts two threads: the sealer's and the
//! log's. A [`Chain`] is a cheap clone; when the last one goes, or on [`Chain::shutdown`], what is
//! sealed is still made durable, then the threads end.
//!
//! It refuses a folder in use, a genesis that is not the folder's, a damaged log, and a validator
//! key that the genesis file does not name.

mod open;
mod send;

use alloy_eips::BlockId;
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_rpc_types_eth::{
    EIP1186AccountProofResponse, Log, TransactionReceipt, TransactionRequest,
};
use parking_lot::Mutex;
use std::{fmt, fs::File, path::PathBuf, sync::Arc, thread::JoinHandle};
use tokio::sync::broadcast;

use crate::{
    admission::Admission,
    block::{Block, FinalBlock, HeadInfo},
    call,
    clock::{Clock, SystemClock},
    engine::{Engine, Shared, Verdict},
    error::ChainError,
    genesis::Genesis,
    rpc::convert,
    seal::{Certificate, LoneSealer, Sealer, ValidatorKey},
    state::World,
};

/// Name of the genesis file inside the data folder.
pub const GENESIS_FILE: &str = "genesis.json";

/// What a chain is opened with.
pub struct ChainConfig {
    /// The data folder, taken for this process alone; made if absent.
    pub dir: PathBuf,
    /// The genesis file's content. A folder that already has one must agree.
    pub genesis: Genesis,
    /// The key of the only validator; without it the node follows and seals nothing.
    pub validator_key: Option<ValidatorKey>,
    /// Who may write.
    pub admission: Arc<dyn Admission>,
    /// The source of time.
    pub clock: Arc<dyn Clock>,
}

impl ChainConfig {
    /// A configuration with the wall clock.
    pub fn new(
        dir: impl Into<PathBuf>,
        genesis: Genesis,
        validator_key: Option<ValidatorKey>,
        admission: Arc<dyn Admission>,
    ) -> Self {
        Self {
            dir: dir.into(),
            genesis,
            validator_key,
            admission,
            clock: Arc::new(SystemClock),
        }
    }
}

/// The running chain; a clone is another handle on it.
#[derive(Clone)]
pub struct Chain {
    engine: Engine,
    threads: Arc<Threads>,
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chain")
            .field("chain_id", &self.chain_id())
            .finish_non_exhaustive()
    }
}

/// Ends the threads when the last handle goes.
struct Threads {
    shared: Arc<Shared>,
    handles: Mutex<Vec<JoinHandle<()>>>,
    _lock: File,
}

impl Threads {
    fn end(&self) {
        self.shared.stop(ChainError::Stopped);
        let handles = std::mem::take(&mut *self.handles.lock());
        let mut handles = handles.into_iter();
        // The sealer first: what it has submitted is still made durable.
        let log = handles.next();
        for sealer in handles {
            join(sealer);
        }
        self.shared.queue.lock().jobs = None;
        if let Some(log) = log {
            join(log);
        }
    }
}

fn join(handle: JoinHandle<()>) {
    if handle.join().is_err() {
        tracing::error!("a thread of the chain panicked");
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.end();
    }
}

impl Chain {
    /// Opens the data folder and starts the chain with the lone sealer, or as a follower without a
    /// validator key.
    pub fn open(config: ChainConfig) -> Result<Self, ChainError> {
        let sealer = config
            .validator_key
            .clone()
            .map(|key| Box::new(LoneSealer::new(key)) as Box<dyn Sealer>);
        if let Some(sealer) = &sealer {
            check_lone(&config.genesis, sealer.proposer())?;
        }
        Self::open_on(config, sealer, |file| Box::new(file))
    }

    /// Opens the data folder and starts the chain with another sealer.
    pub fn open_with_sealer(
        config: ChainConfig,
        sealer: Box<dyn Sealer>,
    ) -> Result<Self, ChainError> {
        Self::open_on(config, Some(sealer), |file| Box::new(file))
    }

    /// Stops taking transactions, makes durable what is sealed and ends the threads. Waits for them.
    pub fn shutdown(&self) {
        self.threads.end();
    }

    /// The calls that drive the chain.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Refuses with the reason once the chain has stopped: shut down, or its disk failed.
    pub fn health(&self) -> Result<(), ChainError> {
        self.shared().running()
    }

    /// The chain id.
    pub fn chain_id(&self) -> u64 {
        self.shared().genesis.chain_id
    }

    /// The genesis file's content.
    pub fn genesis(&self) -> &Genesis {
        &self.shared().genesis
    }

    /// The hash of the genesis block, which names the chain.
    pub fn genesis_hash(&self) -> B256 {
        self.shared().genesis_hash
    }

    /// The source of time.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.shared().clock
    }

    /// The newest final block.
    pub fn head(&self) -> HeadInfo {
        HeadInfo::from(&**self.shared().store.read().head())
    }

    /// A final block's header and certificate.
    pub fn head_at(&self, number: u64) -> Option<HeadInfo> {
        self.shared()
            .store
            .read()
            .by_number(number)
            .map(|block| HeadInfo::from(&**block))
    }

    /// New heads, each once and in order. A receiver that falls 1,024 behind is told how many it
    /// missed and reads them by number.
    pub fn subscribe(&self) -> broadcast::Receiver<HeadInfo> {
        self.shared().heads.subscribe()
    }

    /// Waits until the head has this number.
    pub async fn wait_for(&self, number: u64) -> Result<(), ChainError> {
        let mut height = self.shared().height.subscribe();
        let reached = height
            .wait_for(|(at, running)| *at >= number || !running)
            .await;
        match reached {
            Ok(state) if state.0 >= number => Ok(()),
            _ => Err(self.shared().stop_reason().unwrap_or(ChainError::Stopped)),
        }
    }

    /// Judges a block from elsewhere; see [`Engine::execute`].
    pub fn execute(&self, block: &Block) -> Result<Verdict, ChainError> {
        self.engine.execute(block)
    }

    /// Makes a certified block durable and final; see [`Engine::commit`].
    pub fn commit(&self, block: &Block, certificate: Certificate) -> Result<(), ChainError> {
        self.engine.commit(block, certificate)
    }

    /// A final block with its certificate; see [`Engine::block`].
    pub fn block(&self, number: u64) -> Option<(Block, Option<Certificate>)> {
        self.engine.block(number)
    }

    /// The receipts of a final block.
    pub fn receipts(&self, number: u64) -> Option<Vec<TransactionReceipt>> {
        let block = self.shared().store.read().by_number(number)?.clone();
        Some(
            (0..block.executed.txs.len())
                .map(|index| convert::receipt(&block, index))
                .collect(),
        )
    }

    /// The logs of a final block.
    pub fn logs(&self, number: u64) -> Option<Vec<Log>> {
        let block = self.shared().store.read().by_number(number)?.clone();
        Some(convert::logs(&block).collect())
    }

    /// The receipt of a transaction that is final.
    pub fn receipt(&self, hash: B256) -> Option<TransactionReceipt> {
        let (block, index) = {
            let store = self.shared().store.read();
            let (block, index) = store.transaction(&hash)?;
            (block.clone(), index)
        };
        Some(convert::receipt(&block, index))
    }

    /// An account and some of its slots with their proofs against the block's state root.
    pub fn proof(
        &self,
        address: Address,
        slots: &[B256],
        at: BlockId,
    ) -> Result<EIP1186AccountProofResponse, ChainError> {
        let (_, world) = self.state(at)?;
        Ok(convert::proof(&world, address, slots))
    }

    /// What a call would return; nothing is written.
    pub fn call(&self, request: &TransactionRequest, at: BlockId) -> Result<Bytes, ChainError> {
        call::call(self.shared(), request, at, None, None)
    }

    /// What reading from a contract returns at the newest block.
    pub fn view(&self, to: Address, input: Bytes) -> Result<Bytes, ChainError> {
        let request = TransactionRequest {
            to: Some(to.into()),
            input: input.into(),
            ..Default::default()
        };
        self.call(&request, BlockId::latest())
    }

    /// An account's nonce at a block.
    pub fn nonce(&self, address: Address, at: BlockId) -> Result<u64, ChainError> {
        Ok(self.state(at)?.1.nonce(address))
    }

    /// An account's next nonce, counting its transactions that wait.
    pub fn pending_nonce(&self, address: Address) -> u64 {
        let pool = self.shared().pool.lock();
        let state = self.shared().store.read().head_world().nonce(address);
        pool.next_nonce(address, state)
    }

    /// An account's balance at a block.
    pub fn balance(&self, address: Address, at: BlockId) -> Result<U256, ChainError> {
        Ok(self.state(at)?.1.balance(address))
    }

    /// How many transactions wait or are in a block that is not durable.
    pub fn pending_count(&self) -> usize {
        self.shared().pool.lock().len()
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.engine.shared
    }

    /// A block with the state after it, as a snapshot.
    pub(crate) fn state(&self, at: BlockId) -> Result<(Arc<FinalBlock>, World), ChainError> {
        let store = self.shared().store.read();
        let (block, world) = store.at(at)?;
        Ok((block.clone(), world.clone()))
    }
}

fn check_lone(genesis: &Genesis, have: Address) -> Result<(), ChainError> {
    let named = genesis
        .validators
        .iter()
        .find(|set| set.validators == [have]);
    match named {
        Some(_) => Ok(()),
        None => Err(ChainError::NotValidator { have, epoch: 0 }),
    }
}

#[cfg(test)]
mod tests;
