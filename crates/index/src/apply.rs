//! Events to rows, within one transaction. A module for each contract; anchors are gathered and written many at once.
//!
//! An unknown event of one of our contracts is passed over (a later contract may add some); a known one that does not
//! decode, or names a subject that never registered, is refused: the logs are not this chain's.

mod anchors;
mod consent;
mod directory;
mod registry;

use alloy_primitives::B256;
use alloy_sol_types::SolEventInterface;
use carechain_bindings::consent::ConsentEvents;
use carechain_bindings::directory::DirectoryEvents;
use carechain_bindings::records::RecordsEvents;
use carechain_bindings::registry::RegistryEvents;
use sqlx::QueryBuilder;

use crate::sql::{CHUNK_ROWS, Db, Tx, int};
use crate::{BlockLog, BlockLogs, Change, Contracts, IndexError, What};
use anchors::Anchors;

/// Where an event lies, for rows and for errors.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) block: u64,
    pub(crate) log_index: u32,
    pub(crate) time: u64,
}

impl Place {
    /// An error that names this log.
    pub(crate) fn bad(&self, what: &'static str) -> IndexError {
        IndexError::BadLog {
            block: self.block,
            index: self.log_index,
            what,
        }
    }

    pub(crate) fn sql_block(&self) -> Result<i64, IndexError> {
        int("block number", self.block)
    }

    pub(crate) fn sql_time(&self) -> Result<i64, IndexError> {
        int("block time", self.time)
    }
}

/// A transaction that blocks are applied in.
pub(crate) struct Applier<'t> {
    tx: &'t mut Tx,
    contracts: Contracts,
    anchors: Anchors,
    changes: Vec<Change>,
}

impl<'t> Applier<'t> {
    pub(crate) fn new(tx: &'t mut Tx, contracts: Contracts) -> Self {
        Applier {
            tx,
            contracts,
            anchors: Anchors::default(),
            changes: Vec::new(),
        }
    }

    /// Applies a block's logs.
    pub(crate) async fn block(&mut self, block: &BlockLogs) -> Result<(), IndexError> {
        for log in &block.logs {
            let place = Place {
                block: block.number,
                log_index: log.index,
                time: block.time,
            };
            if let Some(what) = self.log(place, log).await? {
                let Place {
                    block,
                    log_index,
                    time,
                } = place;
                self.changes.push(Change {
                    block,
                    log_index,
                    time,
                    what,
                });
            }
        }
        Ok(())
    }

    async fn log(&mut self, place: Place, log: &BlockLog) -> Result<Option<What>, IndexError> {
        let (address, topics, data) = (log.log.address, log.log.topics(), &log.log.data.data);
        let Some(topic) = topics.first() else {
            return Ok(None);
        };
        let bad = |what| move |_| place.bad(what);
        if address == self.contracts.records && known(RecordsEvents::SELECTORS, topic) {
            let event =
                RecordsEvents::decode_raw_log(topics, data).map_err(bad("records event"))?;
            self.anchors.apply(self.tx, place, event).await.map(Some)
        } else if address == self.contracts.consent && known(ConsentEvents::SELECTORS, topic) {
            let event =
                ConsentEvents::decode_raw_log(topics, data).map_err(bad("consent event"))?;
            consent::apply(self.tx, place, event).await.map(Some)
        } else if address == self.contracts.directory && known(DirectoryEvents::SELECTORS, topic) {
            let event =
                DirectoryEvents::decode_raw_log(topics, data).map_err(bad("directory event"))?;
            directory::apply(self.tx, place, event).await
        } else if address == self.contracts.registry && known(RegistryEvents::SELECTORS, topic) {
            let event =
                RegistryEvents::decode_raw_log(topics, data).map_err(bad("registry event"))?;
            registry::apply(self.tx, event).await
        } else {
            Ok(None)
        }
    }

    /// Writes what was gathered, and the changes for whoever has to acknowledge them.
    pub(crate) async fn finish(mut self) -> Result<Vec<Change>, IndexError> {
        self.anchors.flush(self.tx).await?;
        for chunk in self.changes.chunks(CHUNK_ROWS) {
            let mut rows = Vec::with_capacity(chunk.len());
            for change in chunk {
                let body = serde_json::to_string(change)
                    .expect("a change holds ids, numbers and bools, which JSON has");
                rows.push((int("block number", change.block)?, change.log_index, body));
            }
            let mut query = QueryBuilder::<Db>::new("INSERT INTO outbox (block, log_index, body) ");
            query.push_values(&rows, |mut tuple, (block, log_index, body)| {
                tuple
                    .push_bind(*block)
                    .push_bind(i64::from(*log_index))
                    .push_bind(body.as_str());
            });
            query
                .build()
                .execute(&mut **self.tx)
                .await
                .map_err(IndexError::sql("keep changes"))?;
        }
        Ok(self.changes)
    }
}

fn known(selectors: &[[u8; 32]], topic: &B256) -> bool {
    selectors.contains(&topic.0)
}
