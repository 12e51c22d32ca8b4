//! What is visible: final blocks, their receipts, and the states of the last 256.
//!
//! Everything here is durable already; only the log thread adds to it, after its sync. Until the
//! database arrives the whole chain is kept in memory and rebuilt from the log at the start.
//!
//! It refuses to answer for a state it no longer keeps.

use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::{
    B256,
    map::{B256HashMap, Entry},
};
use std::{collections::VecDeque, sync::Arc};

use crate::{block::FinalBlock, error::ChainError, state::World};

/// How many of the newest states stay readable and provable.
pub const KEPT_STATES: usize = 256;

/// See the module.
#[derive(Debug)]
pub(crate) struct Store {
    blocks: Vec<Arc<FinalBlock>>,
    by_hash: B256HashMap<u64>,
    by_tx: B256HashMap<(u64, u32)>,
    /// States of the newest blocks, the head's last.
    worlds: VecDeque<World>,
}

impl Store {
    pub(crate) fn new(genesis: FinalBlock, world: World) -> Self {
        let mut store = Self {
            blocks: Vec::new(),
            by_hash: B256HashMap::default(),
            by_tx: B256HashMap::default(),
            worlds: VecDeque::with_capacity(KEPT_STATES + 1),
        };
        store.push(Arc::new(genesis), world);
        store
    }

    /// Makes the next block visible.
    pub(crate) fn push(&mut self, block: Arc<FinalBlock>, world: World) {
        let number = self.blocks.len() as u64;
        self.by_hash.insert(block.executed.hash, number);
        for (index, tx) in block.executed.txs.iter().enumerate() {
            if let Entry::Vacant(entry) = self.by_tx.entry(*tx.hash()) {
                entry.insert((number, index as u32));
            }
        }
        self.blocks.push(block);
        self.worlds.push_back(world);
        if self.worlds.len() > KEPT_STATES {
            self.worlds.pop_front();
        }
    }

    pub(crate) fn head(&self) -> &Arc<FinalBlock> {
        self.blocks
            .last()
            .expect("the genesis block is always there")
    }

    pub(crate) fn head_world(&self) -> &World {
        self.worlds
            .back()
            .expect("the genesis state is there until a newer one is")
    }

    pub(crate) fn head_number(&self) -> u64 {
        self.blocks.len() as u64 - 1
    }

    pub(crate) fn by_number(&self, number: u64) -> Option<&Arc<FinalBlock>> {
        self.blocks.get(usize::try_from(number).ok()?)
    }

    pub(crate) fn by_hash(&self, hash: &B256) -> Option<&Arc<FinalBlock>> {
        self.by_number(*self.by_hash.get(hash)?)
    }

    /// The block that holds a transaction, and its index there.
    pub(crate) fn transaction(&self, hash: &B256) -> Option<(&Arc<FinalBlock>, usize)> {
        let (number, index) = self.by_tx.get(hash)?;
        Some((self.by_number(*number)?, *index as usize))
    }

    /// The number that a tag stands for: latest, safe, finalized and pending are all the head.
    pub(crate) fn number_of(&self, tag: BlockNumberOrTag) -> u64 {
        match tag {
            BlockNumberOrTag::Number(number) => number,
            BlockNumberOrTag::Earliest => 0,
            BlockNumberOrTag::Latest
            | BlockNumberOrTag::Safe
            | BlockNumberOrTag::Finalized
            | BlockNumberOrTag::Pending => self.head_number(),
        }
    }

    pub(crate) fn block(&self, id: BlockId) -> Option<&Arc<FinalBlock>> {
        match id {
            BlockId::Hash(hash) => self.by_hash(&hash.block_hash),
            BlockId::Number(tag) => self.by_number(self.number_of(tag)),
        }
    }

    /// A block with the state after it.
    pub(crate) fn at(&self, id: BlockId) -> Result<(&Arc<FinalBlock>, &World), ChainError> {
        let block = self
            .block(id)
            .ok_or_else(|| ChainError::UnknownBlock(name(id)))?;
        let number = block.executed.header.number;
        let behind = usize::try_from(self.head_number() - number).unwrap_or(usize::MAX);
        let world = (self.worlds.len().checked_sub(behind.saturating_add(1)))
            .and_then(|index| self.worlds.get(index))
            .ok_or(ChainError::StateNotKept {
                number,
                kept: KEPT_STATES,
            })?;
        Ok((block, world))
    }
}

fn name(id: BlockId) -> String {
    match id {
        BlockId::Hash(hash) => hash.block_hash.to_string(),
        BlockId::Number(tag) => tag.to_string(),
    }
}
