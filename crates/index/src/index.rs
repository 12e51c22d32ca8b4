//! The index as a whole: opening, following blocks, and what of it was acknowledged.

use std::path::Path;

use sqlx::migrate::Migrator;

use crate::apply::Applier;
use crate::block::{MAX_BLOCKS, MAX_LOGS};
use crate::sql::{Columns, Sql, bounded, int};
use crate::{BlockLogs, Change, Cursor, IndexConfig, IndexError};

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// Changes in one answer of `unacknowledged`.
pub const MAX_CHANGES: u32 = 10_000;

/// The contracts' events as tables. One transaction a call, the cursor with it.
pub struct Index {
    pub(crate) sql: Sql,
    config: IndexConfig,
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Index")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl Index {
    /// Opens the index at `path`, or makes it. Refuses a newer schema, and an index of another chain.
    pub async fn open(path: impl AsRef<Path>, config: IndexConfig) -> Result<Index, IndexError> {
        let sql = Sql::open(path.as_ref(), &MIGRATIONS).await?;
        let index = Index { sql, config };
        index.bind(path.as_ref()).await?;
        Ok(index)
    }

    async fn bind(&self, path: &Path) -> Result<(), IndexError> {
        let doing = "bind the index to its chain";
        let contracts = &self.config.contracts;
        sqlx::query(
            "INSERT INTO chain
             (one, genesis, registry, directory, consent, records, number, hash, time, threshold)
             VALUES (1, ?1, ?2, ?3, ?4, ?5, 0, ?1, 0, 1) ON CONFLICT DO NOTHING",
        )
        .bind(self.config.genesis.as_slice())
        .bind(contracts.registry.as_slice())
        .bind(contracts.directory.as_slice())
        .bind(contracts.consent.as_slice())
        .bind(contracts.records.as_slice())
        .execute(self.sql.write())
        .await
        .map_err(IndexError::sql(doing))?;
        let row = sqlx::query("SELECT genesis, registry, directory, consent, records FROM chain")
            .fetch_one(self.sql.write())
            .await
            .map_err(IndexError::sql(doing))?;
        let row = Columns(&row);
        let foreign = |what| IndexError::ForeignChain {
            path: path.display().to_string(),
            what,
        };
        if row.hash(0, "genesis")? != self.config.genesis {
            return Err(foreign("chain"));
        }
        let stored = [
            row.address(1, "registry")?,
            row.address(2, "directory")?,
            row.address(3, "consent")?,
            row.address(4, "records")?,
        ];
        let given = [
            contracts.registry,
            contracts.directory,
            contracts.consent,
            contracts.records,
        ];
        if stored != given {
            return Err(foreign("set of contracts"));
        }
        Ok(())
    }

    /// Which chain it follows.
    pub fn config(&self) -> &IndexConfig {
        &self.config
    }

    /// The last block applied.
    pub async fn cursor(&self) -> Result<Cursor, IndexError> {
        let row = sqlx::query("SELECT number, hash, time FROM chain")
            .fetch_one(self.sql.read())
            .await
            .map_err(IndexError::sql("read the cursor"))?;
        cursor_of(&Columns(&row))
    }

    /// Applies the next block; see `apply_many`.
    pub async fn apply(&self, block: BlockLogs) -> Result<Vec<Change>, IndexError> {
        self.apply_many(std::slice::from_ref(&block)).await
    }

    /// Applies blocks that follow the cursor, all or none, and returns what changed. The changes are kept until
    /// `acknowledge`, so that a crash between loses none. A block that is the cursor already changes nothing.
    ///
    /// Refuses a gap, another parent, logs out of order, and events that our contracts cannot have emitted.
    pub async fn apply_many(&self, blocks: &[BlockLogs]) -> Result<Vec<Change>, IndexError> {
        let doing = "apply blocks";
        bounded("blocks", blocks.len(), MAX_BLOCKS)?;
        let mut tx = self.sql.begin(doing).await?;
        let row = sqlx::query("SELECT number, hash, time FROM chain")
            .fetch_one(&mut *tx)
            .await
            .map_err(IndexError::sql(doing))?;
        let mut cursor = cursor_of(&Columns(&row))?;
        let mut applier = Applier::new(&mut tx, self.config.contracts);
        for block in blocks {
            if block.number == cursor.number && block.hash == cursor.hash {
                continue;
            }
            check(&cursor, block)?;
            applier.block(block).await?;
            cursor = Cursor {
                number: block.number,
                hash: block.hash,
                time: block.time,
            };
        }
        let changes = applier.finish().await?;
        sqlx::query("UPDATE chain SET number = ?, hash = ?, time = ?")
            .bind(int("block number", cursor.number)?)
            .bind(cursor.hash.as_slice())
            .bind(int("block time", cursor.time)?)
            .execute(&mut *tx)
            .await
            .map_err(IndexError::sql(doing))?;
        tx.commit().await.map_err(IndexError::sql(doing))?;
        Ok(changes)
    }

    /// Changes that nobody acknowledged, oldest first, after `after` (block and log index): what a caller takes up
    /// when it starts. An index built anew has them all, from genesis.
    pub async fn unacknowledged(
        &self,
        after: (u64, u32),
        limit: u32,
    ) -> Result<Vec<Change>, IndexError> {
        let rows = sqlx::query(
            "SELECT body FROM outbox WHERE block > ?1 OR (block = ?1 AND log_index > ?2)
             ORDER BY block, log_index LIMIT ?3",
        )
        .bind(int("block number", after.0)?)
        .bind(i64::from(after.1))
        .bind(limit.min(MAX_CHANGES))
        .fetch_all(self.sql.read())
        .await
        .map_err(IndexError::sql("read changes"))?;
        rows.iter()
            .map(|row| {
                serde_json::from_str(Columns(row).text(0, "change")?)
                    .map_err(|_| IndexError::Malformed { what: "change" })
            })
            .collect()
    }

    /// Everything up to and with block `up_to` has been told and published: forgets its changes.
    pub async fn acknowledge(&self, up_to: u64) -> Result<(), IndexError> {
        sqlx::query("DELETE FROM outbox WHERE block <= ?")
            .bind(int("block number", up_to)?)
            .execute(self.sql.write())
            .await
            .map_err(IndexError::sql("acknowledge changes"))?;
        Ok(())
    }

    /// Waits for running statements and closes the file.
    pub async fn close(&self) {
        self.sql.close().await;
    }
}

pub(crate) fn cursor_of(row: &Columns<'_>) -> Result<Cursor, IndexError> {
    Ok(Cursor {
        number: row.number(0, "block number")?,
        hash: row.hash(1, "block hash")?,
        time: row.number(2, "block time")?,
    })
}

fn check(cursor: &Cursor, block: &BlockLogs) -> Result<(), IndexError> {
    bounded("logs of a block", block.logs.len(), MAX_LOGS)?;
    if block.number != cursor.number + 1 {
        return Err(IndexError::OutOfOrder {
            head: cursor.number,
            given: block.number,
        });
    }
    if block.parent_hash != cursor.hash {
        return Err(IndexError::ParentMismatch {
            number: block.number,
            given: block.parent_hash,
            head: cursor.hash,
        });
    }
    for pair in block.logs.windows(2) {
        if pair[1].index <= pair[0].index {
            return Err(IndexError::LogOrder {
                block: block.number,
                index: pair[1].index,
            });
        }
    }
    Ok(())
}
