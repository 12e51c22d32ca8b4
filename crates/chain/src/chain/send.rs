//! Handing over a transaction, with or without waiting for its receipt.

use alloy_consensus::Transaction;
use alloy_primitives::{B256, KECCAK256_EMPTY, U256};
use alloy_rpc_types_eth::TransactionReceipt;
use std::{sync::Arc, time::Duration};
use tokio::sync::oneshot;

use super::Chain;
use crate::{
    admission::{AdmissionRequest, Ingress},
    engine::{Fate, MAX_WAITERS},
    error::ChainError,
    rpc::convert,
    validate::{SignedTx, TxError, validate},
};

impl Chain {
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
            if account.is_some_and(|a| a.code_hash != KECCAK256_EMPTY) {
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
}
