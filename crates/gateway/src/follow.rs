//! Follows the chain: blocks into the index, what they changed into the vault and to people.
//!
//! The index keeps every change until it is acknowledged, and telling of a change twice changes nothing, so a crash
//! at any point is caught up at the next start. A block counts as followed once it is applied and told of; answers
//! to sent transactions wait for that, and releases are refused when the newest block has waited too long.

mod fetch;
mod tell;

pub(crate) use tell::NOTICE_AGE_SECS;

use std::sync::Arc;
use std::time::{Duration, Instant};

use alloy_provider::DynProvider;
use carechain_api::{Contracts, MAX_INDEX_LAG_SECS};
use carechain_index::{Cursor, Index, MAX_CHANGES};
use carechain_vault::Vault;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::GatewayError;
use crate::notices::Hub;

/// Blocks that are fetched and applied together.
const BATCH_BLOCKS: u64 = 128;
/// Wait after a failure, doubled up to the next.
const RETRY_MIN: Duration = Duration::from_millis(50);
const RETRY_MAX: Duration = Duration::from_secs(5);
/// How often told changes are forgotten: a crash between tells them again, which changes nothing.
const ACKNOWLEDGE_EVERY: Duration = Duration::from_secs(1);

/// How far the index has followed.
pub(crate) struct Progress {
    followed: watch::Receiver<u64>,
    newest: watch::Receiver<u64>,
    behind_since: Mutex<Option<Instant>>,
}

impl Progress {
    pub(crate) fn new(followed: watch::Receiver<u64>, newest: watch::Receiver<u64>) -> Self {
        Self {
            followed,
            newest,
            behind_since: Mutex::new(None),
        }
    }

    /// The newest block that the index has followed.
    pub(crate) fn followed(&self) -> u64 {
        *self.followed.borrow()
    }

    /// Waits until the block has been followed.
    pub(crate) async fn wait_for(
        &self,
        block: u64,
        patience: Duration,
    ) -> Result<(), GatewayError> {
        let mut followed = self.followed.clone();
        match tokio::time::timeout(patience, followed.wait_for(|at| *at >= block)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(GatewayError::Unavailable("the node is stopping")),
            Err(_) => Err(GatewayError::Timeout),
        }
    }

    /// For how long the newest block has waited for the index.
    pub(crate) fn lag(&self) -> Duration {
        let mut behind_since = self.behind_since.lock();
        if *self.followed.borrow() >= *self.newest.borrow() {
            *behind_since = None;
            return Duration::ZERO;
        }
        behind_since.get_or_insert_with(Instant::now).elapsed()
    }

    /// Refuses while the index lags: what it lists may lack what was revoked or written since.
    pub(crate) fn must_be_current(&self) -> Result<(), GatewayError> {
        if self.lag() > Duration::from_secs(MAX_INDEX_LAG_SECS)
            || self.newest.has_changed().is_err()
        {
            return Err(GatewayError::Lagging);
        }
        Ok(())
    }
}

/// The task that follows.
pub(crate) struct Follower {
    pub(crate) provider: DynProvider,
    pub(crate) contracts: Contracts,
    pub(crate) index: Arc<Index>,
    pub(crate) vault: Arc<Vault>,
    pub(crate) hub: Hub,
    pub(crate) newest: watch::Receiver<u64>,
    pub(crate) followed: watch::Sender<u64>,
    pub(crate) stop: CancellationToken,
}

/// What the task has done so far.
struct State {
    cursor: Cursor,
    /// Changes may lie in the index that nobody was told of.
    untold: bool,
    acknowledged: u64,
    acknowledged_at: Instant,
}

impl Follower {
    /// Runs until it is stopped or the chain goes away.
    pub(crate) async fn run(mut self) {
        let mut retry = RETRY_MIN;
        let mut state = None;
        loop {
            let head = *self.newest.borrow_and_update();
            match self.step(&mut state, head).await {
                Ok(()) => retry = RETRY_MIN,
                Err(error) => {
                    tracing::error!(
                        cause = error.causes(),
                        "following the chain failed; trying again"
                    );
                    state = None;
                    tokio::select! {
                        () = self.stop.cancelled() => break,
                        () = tokio::time::sleep(retry) => {}
                    }
                    retry = (retry * 2).min(RETRY_MAX);
                    continue;
                }
            }
            tokio::select! {
                () = self.stop.cancelled() => break,
                changed = self.newest.changed() => if changed.is_err() { break },
                () = tokio::time::sleep(ACKNOWLEDGE_EVERY), if owes(state.as_ref()) => {}
            }
        }
        if let Some(state) = &mut state
            && let Err(error) = self.acknowledge(state).await
        {
            tracing::error!(
                cause = error.causes(),
                "acknowledging changes failed; they are told again at the next start"
            );
        }
    }

    async fn step(&self, state: &mut Option<State>, head: u64) -> Result<(), GatewayError> {
        if state.is_none() {
            let cursor = self.index.cursor().await?;
            *state = Some(State {
                cursor,
                untold: true,
                acknowledged: 0,
                acknowledged_at: Instant::now(),
            });
        }
        let state = state.as_mut().expect("it was just made");
        if state.untold {
            self.tell_all(state).await?;
        }
        while state.cursor.number < head && !self.stop.is_cancelled() {
            let last = head.min(state.cursor.number + BATCH_BLOCKS);
            let blocks = self.fetch(state.cursor.number + 1, last).await?;
            state.untold = true;
            let changes = self.index.apply_many(&blocks).await?;
            self.tell(&changes).await?;
            state.untold = false;
            if let Some(block) = blocks.last() {
                state.cursor = Cursor {
                    number: block.number,
                    hash: block.hash,
                    time: block.time,
                };
            }
            self.followed.send_replace(state.cursor.number);
        }
        if state.acknowledged_at.elapsed() >= ACKNOWLEDGE_EVERY {
            self.acknowledge(state).await?;
        }
        Ok(())
    }

    /// Tells of everything that was applied and not acknowledged: after a start or a failure.
    async fn tell_all(&self, state: &mut State) -> Result<(), GatewayError> {
        let mut after = (0, 0);
        loop {
            let changes = self.index.unacknowledged(after, MAX_CHANGES).await?;
            let Some(last) = changes.last() else { break };
            after = (last.block, last.log_index);
            self.tell(&changes).await?;
        }
        state.untold = false;
        self.followed.send_replace(state.cursor.number);
        self.acknowledge(state).await
    }

    async fn acknowledge(&self, state: &mut State) -> Result<(), GatewayError> {
        if !state.untold && state.cursor.number > state.acknowledged {
            self.index.acknowledge(state.cursor.number).await?;
            state.acknowledged = state.cursor.number;
        }
        state.acknowledged_at = Instant::now();
        Ok(())
    }
}

fn owes(state: Option<&State>) -> bool {
    state.is_some_and(|state| state.cursor.number > state.acknowledged)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn an_answer_waits_for_its_block_and_no_longer_than_its_patience() {
        let (followed, seen) = watch::channel(4);
        let (_newest, head) = watch::channel(5);
        let progress = Progress::new(seen, head);
        progress.wait_for(4, Duration::from_secs(1)).await.unwrap();
        let late = progress.wait_for(5, Duration::from_millis(5)).await;
        assert!(matches!(late, Err(GatewayError::Timeout)));
        let (waited, ()) = tokio::join!(progress.wait_for(5, Duration::from_secs(1)), async {
            followed.send_replace(6);
        });
        waited.unwrap();
        assert_eq!(progress.followed(), 6);
    }

    #[test]
    fn lag_is_the_time_that_the_newest_block_has_waited() {
        let (followed, seen) = watch::channel(4);
        let (newest, head) = watch::channel(4);
        let progress = Progress::new(seen, head);
        assert_eq!(progress.lag(), Duration::ZERO);
        newest.send_replace(5);
        progress.lag();
        let long_ago = Instant::now()
            .checked_sub(Duration::from_secs(MAX_INDEX_LAG_SECS + 1))
            .unwrap();
        progress.must_be_current().unwrap();
        *progress.behind_since.lock() = Some(long_ago);
        assert!(matches!(
            progress.must_be_current(),
            Err(GatewayError::Lagging)
        ));
        followed.send_replace(5);
        progress.must_be_current().unwrap();
        drop(newest);
        assert!(
            matches!(progress.must_be_current(), Err(GatewayError::Lagging)),
            "the chain went away"
        );
    }
}
