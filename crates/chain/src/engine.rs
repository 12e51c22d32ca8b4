//! The engine: the calls that a sealer drives, and the state its threads share.
//!
//! [`Engine::build`] makes a block of what waits on any known parent, final or not.
//! [`Engine::execute`] judges a block from elsewhere. [`Engine::commit`] makes a certified block
//! durable and final; [`Engine::submit`] queues it for that without waiting. Between being built and
//! being final, a block lives as an overlay: a state snapshot beside its parent's, dropped when
//! another block takes its height.

mod shared;

use alloy_primitives::B256;
use std::sync::Arc;

use crate::{
    block::{Block, ExecutedBlock},
    error::ChainError,
    execute::{BlockTerms, Execution, execute, first_difference},
    genesis::Genesis,
    seal::Certificate,
    state::World,
    validate::{self, SignedTx},
};

pub(crate) use shared::{CommitQueue, Fate, MAX_WAITERS, Overlay, Sealed, Shared};

/// Most transactions in a block.
pub const MAX_BLOCK_TXS: usize = 4_096;
/// Most bytes of transactions in a block; with its header it stays under EIP-7934's 8 MiB.
pub const MAX_BLOCK_BYTES: usize = 8 * 1024 * 1024 - 4_096;
/// How far ahead of the verifier's clock a block may be.
pub const MAX_CLOCK_SKEW_SECS: u64 = 30;

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
