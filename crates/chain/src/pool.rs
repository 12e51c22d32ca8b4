//! Transactions that wait: a queue of what can run now, and per account what came too early.
//!
//! A transaction with its account's next nonce joins the one queue, in order of arrival. One with a
//! later nonce is kept aside until the gap closes or it expires. Everything has a bound. Because
//! nothing costs anything there is no replacing by a higher fee: a nonce that waits is taken.
//!
//! It refuses used nonces, taken nonces, and whatever is above a bound. A transaction is known here
//! from admission until its block is durable.

use alloy_primitives::{
    Address, B256,
    map::{AddressMap, B256HashSet},
};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use crate::validate::{SignedTx, TxError};

/// Most transactions known at once.
pub const MAX_POOL: usize = 50_000;
/// Most bytes of transactions known at once: fifty thousand of the largest would be 6 GiB.
pub const MAX_POOL_BYTES: usize = 256 * 1024 * 1024;
/// Most transactions of one account in the queue or in a block that is not durable.
pub const MAX_PER_ACCOUNT: usize = 4_096;
/// Most early transactions of one account, and how far ahead a nonce may be.
pub const MAX_GAP: u64 = 64;
/// Most early transactions altogether.
pub(crate) const MAX_EARLY: usize = 4_096;
/// How long an early transaction is kept.
pub const EARLY_TTL_SECS: u64 = 120;
/// How often expired ones are looked for.
const SWEEP_EVERY_MS: u64 = 1_000;

#[derive(Debug, Default)]
struct AccountQueue {
    /// The nonce that comes next, counting what waits.
    next: u64,
    /// Queued or in a block that is not durable.
    outstanding: usize,
    early: BTreeMap<u64, Early>,
}

#[derive(Debug)]
struct Early {
    tx: Arc<SignedTx>,
    expires_ms: u64,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    ready: VecDeque<Arc<SignedTx>>,
    accounts: AddressMap<AccountQueue>,
    known: B256HashSet,
    /// Encoded bytes of those.
    bytes: usize,
    early: usize,
    swept_ms: u64,
}

impl Pool {
    /// True when nothing could be built.
    pub(crate) fn is_idle(&self) -> bool {
        self.ready.is_empty()
    }

    /// How many are known: waiting or in a block that is not durable.
    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    /// The account's next nonce, counting what waits; `state_nonce` is that of the newest block.
    pub(crate) fn next_nonce(&self, sender: Address, state_nonce: u64) -> u64 {
        match self.accounts.get(&sender) {
            Some(account) if account.outstanding > 0 => account.next,
            _ => state_nonce,
        }
    }

    /// What [`Pool::insert`] would say before it changes anything.
    pub(crate) fn check(&self, tx: &SignedTx, state_nonce: u64) -> Result<(), TxError> {
        if self.known.contains(tx.hash()) {
            return Err(TxError::AlreadyKnown);
        }
        let next = self.next_nonce(tx.sender, state_nonce);
        let nonce = tx.nonce();
        if nonce < next {
            return Err(TxError::NonceTooLow { next, nonce });
        }
        if nonce - next > MAX_GAP {
            return Err(TxError::NonceTooFar {
                next,
                nonce,
                limit: MAX_GAP,
            });
        }
        if self.known.len() >= MAX_POOL {
            return Err(TxError::PoolFull { limit: MAX_POOL });
        }
        if self.bytes + tx.size > MAX_POOL_BYTES {
            return Err(TxError::PoolBytes {
                limit: MAX_POOL_BYTES,
            });
        }
        let account = self.accounts.get(&tx.sender);
        if account.is_some_and(|account| account.early.contains_key(&nonce)) && nonce > next {
            return Err(TxError::NonceTaken { nonce });
        }
        if account.is_some_and(|account| account.outstanding >= MAX_PER_ACCOUNT) {
            return Err(TxError::AccountFull {
                limit: MAX_PER_ACCOUNT,
            });
        }
        if nonce > next && self.early >= MAX_EARLY {
            return Err(TxError::PoolFull { limit: MAX_EARLY });
        }
        Ok(())
    }

    /// Queues a transaction. `state_nonce` is its account's nonce after the newest durable block,
    /// read while the pool is locked.
    pub(crate) fn insert(
        &mut self,
        tx: Arc<SignedTx>,
        state_nonce: u64,
        now_ms: u64,
    ) -> Result<(), TxError> {
        self.check(&tx, state_nonce)?;
        let next = self.next_nonce(tx.sender, state_nonce);
        self.known.insert(*tx.hash());
        self.bytes += tx.size;
        let account = self.accounts.entry(tx.sender).or_default();
        account.next = next;
        if tx.nonce() > next {
            let expires_ms = now_ms.saturating_add(EARLY_TTL_SECS * 1_000);
            account.early.insert(tx.nonce(), Early { tx, expires_ms });
            self.early += 1;
            return Ok(());
        }
        account.next += 1;
        account.outstanding += 1;
        let sender = tx.sender;
        self.ready.push_back(tx);
        self.promote(sender);
        Ok(())
    }

    /// Moves early transactions whose gap has closed into the queue.
    fn promote(&mut self, sender: Address) {
        let Some(account) = self.accounts.get_mut(&sender) else {
            return;
        };
        while let Some(early) = account.early.remove(&account.next) {
            self.early -= 1;
            account.next += 1;
            account.outstanding += 1;
            self.ready.push_back(early.tx);
        }
    }

    /// Takes what can run now, in order, up to both limits.
    pub(crate) fn take(&mut self, max_count: usize, max_bytes: usize) -> Vec<Arc<SignedTx>> {
        let mut bytes = 0;
        let mut count = 0;
        while let Some(tx) = self.ready.get(count) {
            bytes += tx.size;
            if count == max_count || bytes > max_bytes {
                break;
            }
            count += 1;
        }
        self.ready.drain(..count).collect()
    }

    /// Takes back what a block was not built from: `dropped` for good, `early` to wait for a nonce,
    /// `left` to be first in the next block.
    pub(crate) fn settle(
        &mut self,
        dropped: &[Arc<SignedTx>],
        early: Vec<Arc<SignedTx>>,
        left: Vec<Arc<SignedTx>>,
        now_ms: u64,
    ) {
        for tx in left.into_iter().rev() {
            self.ready.push_front(tx);
        }
        for tx in dropped {
            self.forget(tx);
            if let Some(account) = self.accounts.get_mut(&tx.sender) {
                account.outstanding -= 1;
                account.next = account.next.min(tx.nonce());
            }
        }
        for tx in early {
            self.demote(tx, now_ms);
        }
        // What was queued behind a dropped nonce cannot run either.
        let stranded: Vec<_> = if dropped.is_empty() {
            Vec::new()
        } else {
            let accounts = &self.accounts;
            let behind = |tx: &Arc<SignedTx>| {
                dropped.iter().any(|gone| gone.sender == tx.sender)
                    && accounts
                        .get(&tx.sender)
                        .is_some_and(|account| tx.nonce() > account.next)
            };
            let stranded = self.ready.iter().filter(|tx| behind(tx)).cloned().collect();
            self.ready.retain(|tx| !behind(tx));
            stranded
        };
        for tx in stranded {
            self.demote(tx, now_ms);
        }
        for tx in dropped {
            self.forget_if_empty(tx.sender);
        }
    }

    /// Puts the transactions of a block that will not become final first in the queue again, except
    /// those that another block has made final.
    pub(crate) fn give_back(&mut self, txs: &[Arc<SignedTx>]) {
        for tx in txs.iter().rev() {
            if self.known.contains(tx.hash()) {
                self.ready.push_front(tx.clone());
            }
        }
    }

    fn demote(&mut self, tx: Arc<SignedTx>, now_ms: u64) {
        let Some(account) = self.accounts.get_mut(&tx.sender) else {
            return;
        };
        account.outstanding -= 1;
        account.next = account.next.min(tx.nonce());
        let expires_ms = now_ms.saturating_add(EARLY_TTL_SECS * 1_000);
        account.early.insert(tx.nonce(), Early { tx, expires_ms });
        self.early += 1;
    }

    /// Forgets the transactions of a block that is durable and visible.
    pub(crate) fn on_final(&mut self, txs: &[Arc<SignedTx>]) {
        for tx in txs {
            let ours = self.forget(tx);
            let Some(account) = self.accounts.get_mut(&tx.sender) else {
                continue;
            };
            if ours {
                account.outstanding = account.outstanding.saturating_sub(1);
            }
            if account.outstanding == 0 {
                // Also closes a gap that a block from elsewhere has filled.
                account.next = tx.nonce() + 1;
                self.promote(tx.sender);
            }
            self.forget_if_empty(tx.sender);
        }
    }

    /// Whether it was known.
    fn forget(&mut self, tx: &SignedTx) -> bool {
        let known = self.known.remove(tx.hash());
        if known {
            self.bytes -= tx.size;
        }
        known
    }

    fn forget_if_empty(&mut self, sender: Address) {
        if self
            .accounts
            .get(&sender)
            .is_some_and(|a| a.outstanding == 0 && a.early.is_empty())
        {
            self.accounts.remove(&sender);
        }
    }

    /// Drops early transactions that waited too long and names them.
    pub(crate) fn sweep(&mut self, now_ms: u64) -> Vec<B256> {
        let mut expired: Vec<Arc<SignedTx>> = Vec::new();
        if self.early == 0 || now_ms.saturating_sub(self.swept_ms) < SWEEP_EVERY_MS {
            return Vec::new();
        }
        self.swept_ms = now_ms;
        for account in self.accounts.values_mut() {
            account.early.retain(|_, early| {
                let keep = early.expires_ms > now_ms;
                if !keep {
                    expired.push(early.tx.clone());
                }
                keep
            });
        }
        self.accounts
            .retain(|_, account| account.outstanding > 0 || !account.early.is_empty());
        self.early -= expired.len();
        for tx in &expired {
            self.forget(tx);
        }
        expired.iter().map(|tx| *tx.hash()).collect()
    }
}

#[cfg(test)]
mod tests;
