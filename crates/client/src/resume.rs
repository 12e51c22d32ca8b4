//! Finishing what was begun, and what a device does for its person each time it is unlocked.

use carechain_api::{MAX_STAGE_ROWS, PutSlots, SlotRow};
use carechain_crypto::KeySlot;
use carechain_domain::RecordId;

use crate::chart::{ChartQuery, RowState};
use crate::device::{Device, crypto_lane};
use crate::error::ClientError;
use crate::outbox::{Entry, Plan};
use crate::platform::{Platform, PlatformError};

/// What became of the outbox.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resumed {
    /// Entries finished.
    pub finished: usize,
    /// Record versions that are on chain thereby.
    pub versions: usize,
    /// Records that another device of the author moved on meanwhile.
    pub conflicts: Vec<RecordId>,
    /// Entries that cannot be finished now, and why; they stay.
    pub stuck: Vec<(String, ClientError)>,
}

/// What unlocking a device led to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tended {
    /// The outbox.
    pub resumed: Resumed,
    /// Whether epochs moved.
    pub moved: bool,
    /// Key slots made for records that came by the inbox.
    pub slots: usize,
    /// Wraps made anew.
    pub wraps: usize,
}

impl<P: Platform> Device<P> {
    /// Finishes whatever the outbox holds, in the order of its making. What the chain or node refuses stays there and
    /// is named; a failing network or storage ends it, to be called again.
    pub async fn resume(&self) -> Result<Resumed, ClientError> {
        let mut resumed = Resumed::default();
        for name in self.outbox().await? {
            let result = match self.load_entry(&name).await {
                Ok(Some(entry)) => self.finish(entry, &mut resumed).await,
                Ok(None) => continue,
                Err(error) => Err(error),
            };
            match result {
                Ok(()) => resumed.finished += 1,
                Err(ClientError::Platform(
                    error @ (PlatformError::Network(_)
                    | PlatformError::Storage(_)
                    | PlatformError::Random(_)),
                )) => return Err(error.into()),
                Err(error) => resumed.stuck.push((name, error)),
            }
        }
        Ok(resumed)
    }

    async fn finish(&self, entry: Entry, resumed: &mut Resumed) -> Result<(), ClientError> {
        match &entry.plan {
            Plan::Write(_) => {
                let written = self.settle(entry).await?;
                resumed.versions += written.rows.len();
                resumed.conflicts.extend(written.conflicts);
                Ok(())
            }
            Plan::Grant(_) => self.finish_grant(entry).await,
            Plan::Move(_) => self.finish_move(entry).await.map(drop),
            Plan::Request(_) => self.finish_request(entry).await,
        }
    }

    /// After unlocking: finishes the outbox; for a patient also moves epochs whose time has come, makes key slots for
    /// what came by the inbox, and wraps that are missing.
    pub async fn tend(&self) -> Result<Tended, ClientError> {
        let mut tended = Tended {
            resumed: self.resume().await?,
            ..Tended::default()
        };
        if self.kind() != carechain_domain::Kind::Patient {
            return Ok(tended);
        }
        tended.moved = self.refresh_epochs().await?;
        tended.slots = self.make_slots().await?;
        let live = self.view.live_grants(&self.http, self.subject()).await?;
        if !live.grants.is_empty() {
            tended.wraps = self.renew_wraps(&live).await?;
        }
        Ok(tended)
    }

    /// Key slots at the present epochs for records that have none at all.
    async fn make_slots(&self) -> Result<usize, ClientError> {
        let access = self.access(self.subject()).await?;
        if !self.is_fresh(&access) {
            return Ok(0);
        }
        let query = ChartQuery {
            statements: false,
            ..ChartQuery::default()
        };
        let chart = self.chart_with(&access, &query, true).await?;
        let mut random = self.random()?;
        let mut rows = Vec::new();
        for row in chart
            .rows
            .iter()
            .filter(|r| r.by_inbox && r.state == RowState::Open)
        {
            let Some(key) = &row.key else { continue };
            let epoch = access.epochs.of(row.lane);
            let lane_key = access.lane_key(row.lane, epoch)?;
            let slot = KeySlot {
                subject: access.subject.0,
                record: row.record.0,
                version: row.version,
                lane: crypto_lane(row.lane),
                epoch,
            };
            let slot = slot.seal(&lane_key, key, &mut random).to_vec().into();
            rows.push(SlotRow {
                record: row.record,
                version: row.version,
                epoch,
                slot,
            });
        }
        random.check()?;
        let made = rows.len();
        for chunk in rows.chunks(MAX_STAGE_ROWS) {
            let body = PutSlots {
                rows: chunk.to_vec(),
            };
            self.authed(async || self.http.put_slots(self.subject(), &body).await)
                .await?;
        }
        Ok(made)
    }
}
