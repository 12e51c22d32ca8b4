//! The handle: opening the data folder, and what the rest of the program asks of the chain.
//!
//! [`Chain::open`] takes the folder for this process, replays the log (executing every block again
//! and comparing its hash, which covers the state root) and starts two threads: the sealer's and the
//! log's. A [`Chain`] is a cheap clone; when the last one goes, or on [`Chain::shutdown`], what is
//! sealed is still made durable, then the threads end.
//!
//! It refuses a folder in use, a genesis that is not the folder's, a damaged log, and a validator
//! key that the genesis file does not name.

use alloy_eips::BlockId;
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_rpc_types_eth::{
    EIP1186AccountProofResponse, Log, TransactionReceipt, TransactionRequest,
};
use parking_lot::{Condvar, Mutex, RwLock};
use std::{
    fmt,
    fs::{self, File},
    path::PathBuf,
    sync::{Arc, mpsc},
    thread::JoinHandle,
    time::Duration,
};
use tokio::sync::{broadcast, oneshot, watch};

use crate::{
    admission::{Admission, AdmissionRequest, Ingress},
    block::{Block, ExecutedBlock, FinalBlock, HeadInfo},
    call,
    clock::{Clock, SystemClock},
    engine::{CommitQueue, Engine, Fate, MAX_WAITERS, Shared, Tip, Verdict, verify},
    error::ChainError,
    genesis::Genesis,
    pool::Pool,
    publish,
    rpc::convert,
    seal::{Certificate, LoneSealer, Sealer, ValidatorKey},
    state::World,
    store::Store,
    validate::{SignedTx, TxError, validate},
    wal::{self, LogFile, Replay},
};
use alloy_consensus::Transaction;

/// Name of the genesis file inside the data folder.
pub const GENESIS_FILE: &str = "genesis.json";
/// Sealed blocks that may wait for the log thread; beyond that blocks grow instead.
const SEALED_QUEUE: usize = 2;
/// Heads a slow subscriber may be behind before it misses some.
const HEADS_KEPT: usize = 1_024;

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

    pub(crate) fn open_on(
        config: ChainConfig,
        sealer: Option<Box<dyn Sealer>>,
        wrap: impl FnOnce(File) -> Box<dyn LogFile>,
    ) -> Result<Self, ChainError> {
        let ChainConfig {
            dir,
            genesis,
            admission,
            clock,
            ..
        } = config;
        genesis.check()?;
        fs::create_dir_all(&dir).map_err(|e| ChainError::io("creating data folder", &dir, &e))?;
        let lock = wal::lock(&dir)?;
        let world = genesis.world();
        let header = genesis.header_over(world.root());
        let genesis_hash = header.hash_slow();
        agree_on_genesis(&dir.join(GENESIS_FILE), &genesis, genesis_hash)?;
        let block = ExecutedBlock {
            hash: genesis_hash,
            header,
            txs: Vec::new(),
            receipts: Vec::new(),
        };
        let size = block.encode().len();
        let first = FinalBlock {
            executed: Arc::new(block),
            certificate: None,
            size,
        };
        let mut store = Store::new(first, world);
        let mut log = wal::open(&dir, genesis_hash)?;
        replay(&mut log, &mut store, &genesis, genesis_hash)?;
        let mut wal = log.into_wal(wrap)?;

        let (jobs, queue) = mpsc::sync_channel(SEALED_QUEUE);
        let head = HeadInfo::from(&**store.head());
        let shared = Arc::new(Shared {
            genesis,
            genesis_hash,
            proposer: sealer
                .as_ref()
                .map_or(Address::ZERO, |sealer| sealer.proposer()),
            clock,
            admission,
            store: RwLock::new(store),
            pool: Mutex::new(Pool::default()),
            work: Condvar::new(),
            overlays: Mutex::default(),
            queue: Mutex::new(CommitQueue {
                tip: Tip {
                    number: head.number,
                    hash: head.hash,
                },
                jobs: Some(jobs),
            }),
            waiters: Mutex::default(),
            heads: broadcast::Sender::new(HEADS_KEPT),
            height: watch::Sender::new((head.number, true)),
            stopped: Mutex::new(None),
            durable: Condvar::new(),
            durable_height: Mutex::new(head.number),
        });
        let threads = Arc::new(Threads {
            shared: shared.clone(),
            handles: Mutex::default(),
            _lock: lock,
        });
        let for_log = shared.clone();
        let log = spawn("chain-log", move || {
            publish::run(&for_log, &mut wal, &queue)
        })?;
        threads.handles.lock().push(log);
        if let Some(mut sealer) = sealer {
            let engine = Engine {
                shared: shared.clone(),
            };
            let sealer = spawn("chain-sealer", move || {
                if let Err(error) = sealer.run(&engine) {
                    engine.shared.stop(error);
                    engine.shared.release_waiters();
                }
            })?;
            threads.handles.lock().push(sealer);
        }
        Ok(Self {
            engine: Engine { shared },
            threads,
        })
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

    /// Checks and queues a raw transaction. It is not durable yet when this returns.
    pub fn send(&self, raw: &[u8], ingress: Ingress) -> Result<B256, ChainError> {
        self.shared().running()?;
        let tx = validate(raw, self.chain_id())?;
        let hash = *tx.hash();
        self.enqueue(tx, ingress)?;
        Ok(hash)
    }

    /// Queues a raw transaction and waits until its block is durable, at most `timeout`. Sending
    /// what is known already waits for it, or returns its receipt.
    pub async fn send_sync(
        &self,
        raw: &[u8],
        ingress: Ingress,
        timeout: Duration,
    ) -> Result<TransactionReceipt, ChainError> {
        self.shared().running()?;
        let tx = validate(raw, self.chain_id())?;
        let hash = *tx.hash();
        let fate = self.watch(hash)?;
        match self.enqueue(tx, ingress) {
            Ok(()) => {}
            Err(ChainError::Tx(TxError::AlreadyKnown)) => {
                if let Some(receipt) = self.receipt(hash) {
                    return Ok(receipt);
                }
            }
            Err(error) => {
                self.unwatch(hash, fate);
                return Err(error);
            }
        }
        self.health()?;
        tokio::select! {
            fate = fate => match fate {
                Ok(Fate::Included(block, index)) => Ok(convert::receipt(&block, index)),
                Ok(Fate::Dropped(reason)) => Err(reason.into()),
                Err(_) => Err(self.shared().stop_reason().unwrap_or(ChainError::Stopped)),
            },
            () = self.shared().clock.sleep(timeout) => {
                let waited_ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
                Err(ChainError::WaitTimeout { hash, waited_ms })
            }
        }
    }

    fn watch(&self, hash: B256) -> Result<oneshot::Receiver<Fate>, ChainError> {
        let (sender, receiver) = oneshot::channel();
        let mut waiters = self.shared().waiters.lock();
        if waiters.len() >= MAX_WAITERS {
            waiters.retain(|_, waiting| {
                waiting.retain(|waiter| !waiter.is_closed());
                !waiting.is_empty()
            });
            if waiters.len() >= MAX_WAITERS {
                return Err(ChainError::TooManyWaiters { limit: MAX_WAITERS });
            }
        }
        let waiting = waiters.entry(hash).or_default();
        waiting.retain(|waiter| !waiter.is_closed());
        waiting.push(sender);
        Ok(receiver)
    }

    fn unwatch(&self, hash: B256, receiver: oneshot::Receiver<Fate>) {
        drop(receiver);
        let mut waiters = self.shared().waiters.lock();
        if let Some(waiting) = waiters.get_mut(&hash) {
            waiting.retain(|waiter| !waiter.is_closed());
            if waiting.is_empty() {
                waiters.remove(&hash);
            }
        }
    }

    fn enqueue(&self, tx: SignedTx, ingress: Ingress) -> Result<(), ChainError> {
        let shared = self.shared();
        let now = shared.clock.unix_millis();
        let expired = {
            let mut pool = shared.pool.lock();
            let store = shared.store.read();
            if store.transaction(tx.hash()).is_some() {
                return Err(TxError::AlreadyKnown.into());
            }
            let world = store.head_world();
            let account = world.account(tx.sender);
            let nonce = account.map_or(0, |account| account.nonce);
            pool.check(&tx, nonce)?;
            if account.is_some_and(|a| a.code_hash != alloy_primitives::KECCAK256_EMPTY) {
                return Err(TxError::SenderHasCode.into());
            }
            if account.map_or(U256::ZERO, |account| account.balance) < tx.tx.value() {
                return Err(TxError::InsufficientFunds.into());
            }
            pool.sweep(now)
        };
        for hash in expired {
            shared.notify(&hash, &Fate::Dropped(TxError::Expired));
        }
        // Without a lock: the policy may read the chain.
        let request = AdmissionRequest {
            sender: tx.sender,
            to: tx.tx.to(),
            nonce: tx.nonce(),
            gas_limit: tx.tx.gas_limit(),
            input: tx.tx.input(),
            ingress,
        };
        shared
            .admission
            .admit(&request)
            .map_err(ChainError::Admission)?;
        let mut pool = shared.pool.lock();
        shared.running()?;
        let nonce = shared.store.read().head_world().nonce(tx.sender);
        pool.insert(Arc::new(tx), nonce, now)?;
        shared.work.notify_one();
        Ok(())
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

fn spawn(
    name: &'static str,
    body: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, ChainError> {
    std::thread::Builder::new()
        .name(name.into())
        .spawn(body)
        .map_err(|e| ChainError::Start {
            what: name,
            error: e.to_string(),
        })
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

/// The folder's genesis file is written once; afterwards it must name the same chain.
fn agree_on_genesis(
    path: &std::path::Path,
    genesis: &Genesis,
    hash: B256,
) -> Result<(), ChainError> {
    if !path.exists() {
        return genesis.write(path);
    }
    let found = Genesis::read(path)?.hash();
    if found != hash {
        return Err(ChainError::Genesis(format!(
            "the data folder belongs to genesis {found}, not {hash}"
        )));
    }
    Ok(())
}

/// Executes every block of the log again. A block whose execution does not give its hash, and with it
/// its state root, is damage.
fn replay(
    log: &mut Replay,
    store: &mut Store,
    genesis: &Genesis,
    genesis_hash: B256,
) -> Result<(), ChainError> {
    while let Some(record) = log.next()? {
        let block = &record.block;
        let parent = store.head().executed.clone();
        if block.header.parent_hash != parent.hash
            || record.senders.len() != block.body.transactions.len()
        {
            return Err(log.damaged(format!(
                "block {} does not follow its parent",
                block.header.number
            )));
        }
        let txs = block
            .body
            .transactions
            .iter()
            .zip(&record.senders)
            .map(|(tx, sender)| Arc::new(SignedTx::new(tx.clone(), *sender)))
            .collect();
        let world = store.head_world().clone();
        let (executed, world) = verify(genesis, block, &parent.header, world, txs)?
            .map_err(|reason| log.damaged(format!("block {}: {reason}", block.header.number)))?;
        let certificate = Some(record.certificate);
        store.push(
            Arc::new(FinalBlock {
                executed: Arc::new(executed),
                certificate,
                size: record.size,
            }),
            world,
        );
    }
    // Hashes chain backwards, so the newest certificate vouches for every block.
    let head = store.head();
    if let Some(certificate) = &head.certificate {
        certificate.verify(
            genesis,
            genesis_hash,
            head.executed.header.number,
            head.executed.hash,
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
