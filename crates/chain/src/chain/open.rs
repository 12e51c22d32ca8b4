//! Opening the data folder and starting the threads.

use alloy_primitives::{Address, B256};
use parking_lot::{Condvar, Mutex, RwLock};
use std::{
    fs::{self, File},
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{
        Arc,
        mpsc::{self, SyncSender},
    },
    thread::JoinHandle,
};
use tokio::sync::{broadcast, watch};

use super::{Chain, ChainConfig, GENESIS_FILE, Threads};
use crate::{
    block::{ExecutedBlock, FinalBlock, HeadInfo},
    engine::{CommitQueue, Engine, Sealed, Shared, Tip, verify},
    error::ChainError,
    genesis::Genesis,
    pool::Pool,
    publish,
    seal::Sealer,
    store::Store,
    validate::SignedTx,
    wal::{self, LogFile, Replay},
};

/// Sealed blocks that may wait for the log thread; beyond that blocks grow instead.
const SEALED_QUEUE: usize = 2;
/// Heads a slow subscriber may be behind before it misses some.
const HEADS_KEPT: usize = 1_024;

impl Chain {
    /// Opens the folder and starts the threads; `wrap` stands between the log and its file.
    pub(crate) fn open_on(
        config: ChainConfig,
        sealer: Option<Box<dyn Sealer>>,
        wrap: impl FnOnce(File) -> Box<dyn LogFile>,
    ) -> Result<Self, ChainError> {
        let dir = &config.dir;
        config.genesis.check()?;
        fs::create_dir_all(dir).map_err(|e| ChainError::io("creating data folder", dir, &e))?;
        let lock = wal::lock(dir)?;
        let mut store = genesis_store(&config.genesis);
        let genesis_hash = store.head().executed.hash;
        agree_on_genesis(&dir.join(GENESIS_FILE), &config.genesis, genesis_hash)?;
        let mut log = wal::open(dir, genesis_hash)?;
        replay(&mut log, &mut store, &config.genesis, genesis_hash)?;
        let mut wal = log.into_wal(wrap)?;

        let (jobs, queue) = mpsc::sync_channel(SEALED_QUEUE);
        let proposer = sealer
            .as_ref()
            .map_or(Address::ZERO, |sealer| sealer.proposer());
        let shared = Arc::new(shared(config, genesis_hash, proposer, store, jobs));
        let threads = Arc::new(Threads {
            shared: shared.clone(),
            handles: Mutex::default(),
            _lock: lock,
        });
        let log = spawn("chain-log", &shared, move |shared| {
            publish::run(shared, &mut wal, &queue);
            Ok(())
        })?;
        threads.handles.lock().push(log);
        let engine = Engine {
            shared: shared.clone(),
        };
        if let Some(mut sealer) = sealer {
            let driven = engine.clone();
            let sealer = spawn("chain-sealer", &shared, move |_| sealer.run(&driven))?;
            threads.handles.lock().push(sealer);
        }
        Ok(Self { engine, threads })
    }
}

fn genesis_store(genesis: &Genesis) -> Store {
    let world = genesis.world();
    let header = genesis.header_over(world.root());
    let block = ExecutedBlock {
        hash: header.hash_slow(),
        header,
        txs: Vec::new(),
        receipts: Vec::new(),
    };
    let size = block.encode().len();
    Store::new(
        FinalBlock {
            executed: Arc::new(block),
            certificate: None,
            size,
        },
        world,
    )
}

fn shared(
    config: ChainConfig,
    genesis_hash: B256,
    proposer: Address,
    store: Store,
    jobs: SyncSender<Sealed>,
) -> Shared {
    let head = HeadInfo::from(&**store.head());
    let tip = Tip {
        number: head.number,
        hash: head.hash,
    };
    Shared {
        genesis: config.genesis,
        genesis_hash,
        proposer,
        clock: config.clock,
        admission: config.admission,
        store: RwLock::new(store),
        pool: Mutex::new(Pool::default()),
        work: Condvar::new(),
        overlays: Mutex::default(),
        queue: Mutex::new(CommitQueue {
            tip,
            jobs: Some(jobs),
        }),
        waiters: Mutex::default(),
        heads: broadcast::Sender::new(HEADS_KEPT),
        height: watch::Sender::new((head.number, true)),
        stopped: Mutex::new(None),
        durable: Condvar::new(),
        durable_height: Mutex::new(head.number),
    }
}

/// Starts a thread whose error or panic stops the chain.
fn spawn(
    name: &'static str,
    shared: &Arc<Shared>,
    body: impl FnOnce(&Shared) -> Result<(), ChainError> + Send + 'static,
) -> Result<JoinHandle<()>, ChainError> {
    let shared = shared.clone();
    let body = move || {
        let outcome = catch_unwind(AssertUnwindSafe(|| body(&shared)))
            .unwrap_or_else(|_| Err(ChainError::Sealing(format!("thread {name} panicked"))));
        if let Err(reason) = outcome {
            shared.stop(reason);
            shared.release_waiters();
        }
    };
    std::thread::Builder::new()
        .name(name.into())
        .spawn(body)
        .map_err(|e| ChainError::Start {
            what: name,
            error: e.to_string(),
        })
}

/// The folder's genesis file is written once; afterwards it must name the same chain.
fn agree_on_genesis(path: &Path, genesis: &Genesis, hash: B256) -> Result<(), ChainError> {
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
