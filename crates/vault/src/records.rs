//! Rows of record versions: staged before their transaction, published when the chain holds their commitment, swept
//! when it never will.
//!
//! Several staged rows may stand for one version (a client that sealed it again); the commitment on chain picks one.

mod rows;

use std::collections::HashMap;

use alloy_primitives::B256;
use carechain_domain::{RecordId, SubjectId};
use sqlx::QueryBuilder;
use sqlx::sqlite::SqliteRow;

pub use rows::{ReleaseRow, SlotRow, StageRow, SweptRow};

use crate::erase::EraseKey;
use crate::sql::{CHUNK_NAMES, CHUNK_ROWS, Columns, Db, Tx, before, bounded, int};
use crate::{Vault, VaultError};

/// Rows in one call of `stage` or `put_slots`.
pub const MAX_STAGE_ROWS: usize = 1_024;
/// Records in one call of `release_rows`.
pub const MAX_RELEASE_ROWS: usize = 20_000;
/// Rows that one sweep takes.
pub const MAX_SWEEP_ROWS: u32 = 10_000;
/// Longest CID text.
pub const MAX_CID_BYTES: usize = 128;
/// Largest key slot or inbox slot, in bytes.
pub const MAX_SLOT_BYTES: usize = 4 << 10;

const SLOT: &str = "slot";
const INBOX: &str = "inbox";

struct Prepared<'a> {
    row: &'a StageRow,
    size: i64,
    slot: Option<Vec<u8>>,
    inbox: Option<Vec<u8>>,
}

impl Vault {
    /// Stages rows of `subject` that a transaction with this deadline is about to anchor; returns how many were new.
    /// Staging a row again takes the later deadline, and its slots unless they are of an older epoch: the commitment
    /// does not cover them, and a slot that waited while the epoch moved would open to keys that were taken back.
    pub async fn stage(
        &self,
        subject: SubjectId,
        rows: &[StageRow],
        deadline: u64,
        now: u64,
    ) -> Result<u32, VaultError> {
        let doing = "stage rows";
        bounded("rows", rows.len(), MAX_STAGE_ROWS)?;
        let (deadline, now) = (int("deadline", deadline)?, int("time", now)?);
        let key = self.keys.get_or_make(subject).await?;
        let prepared = rows
            .iter()
            .map(|row| prepare(&key, row))
            .collect::<Result<Vec<_>, VaultError>>()?;
        let mut tx = self.begin_of(subject, doing).await?;
        let mut new = 0;
        for chunk in prepared.chunks(CHUNK_ROWS) {
            new += insert(&mut tx, subject, chunk, deadline, now).await?;
        }
        if new < rows.len() as u64 {
            for item in &prepared {
                prolong(&mut tx, item.row, deadline).await?;
                renew(&mut tx, subject, item).await?;
            }
        }
        tx.commit().await.map_err(VaultError::sql(doing))?;
        Ok(u32::try_from(new).expect("at most MAX_STAGE_ROWS"))
    }

    /// Publishes the staged rows whose commitment the chain now holds; returns how many were not published before.
    /// What has no staged row is passed over: it was written through another node, or its subject was erased.
    pub async fn publish(&self, anchored: &[(RecordId, u32, B256)]) -> Result<u32, VaultError> {
        let doing = "publish rows";
        let mut tx = self.sql.begin(doing).await?;
        let mut published = 0;
        for chunk in anchored.chunks(CHUNK_ROWS) {
            let mut query =
                QueryBuilder::<Db>::new("WITH anchored (record, version, commitment) AS (");
            query.push_values(chunk, |mut tuple, (record, version, commitment)| {
                tuple
                    .push_bind(record.as_bytes().as_slice())
                    .push_bind(i64::from(*version))
                    .push_bind(commitment.as_slice());
            });
            query.push(
                ") UPDATE records SET published = 1 FROM anchored
                 WHERE records.record = anchored.record AND records.version = anchored.version
                 AND records.commitment = anchored.commitment AND records.published = 0",
            );
            let done = query
                .build()
                .execute(&mut *tx)
                .await
                .map_err(VaultError::sql(doing))?;
            published += done.rows_affected();
        }
        tx.commit().await.map_err(VaultError::sql(doing))?;
        Ok(u32::try_from(published).unwrap_or(u32::MAX))
    }

    /// Deletes staged rows whose deadline is more than `grace` seconds past, at most `MAX_SWEEP_ROWS` at a time.
    /// Publish everything that the chain holds up to `now` before.
    pub async fn sweep(&self, now: u64, grace: u64) -> Result<Vec<SweptRow>, VaultError> {
        let doing = "sweep staged rows";
        let mut tx = self.sql.begin(doing).await?;
        let rows = sqlx::query(
            "SELECT record, version, commitment, cid FROM records
             WHERE published = 0 AND deadline < ? ORDER BY deadline LIMIT ?",
        )
        .bind(before(now, grace))
        .bind(MAX_SWEEP_ROWS)
        .fetch_all(&mut *tx)
        .await
        .map_err(VaultError::sql(doing))?;
        let mut swept = Vec::with_capacity(rows.len());
        for row in &rows {
            let row = Columns(row);
            sqlx::query("DELETE FROM records WHERE record = ? AND version = ? AND commitment = ?")
                .bind(row.bytes(0, "record")?)
                .bind(row.number::<i64>(1, "version")?)
                .bind(row.bytes(2, "commitment")?)
                .execute(&mut *tx)
                .await
                .map_err(VaultError::sql(doing))?;
            swept.push(SweptRow {
                record: row.id(0, "record")?,
                version: row.number(1, "version")?,
                cid: row.text(3, "cid")?.to_owned(),
            });
        }
        tx.commit().await.map_err(VaultError::sql(doing))?;
        Ok(swept)
    }

    /// Published rows of `subject` in the order asked for; none where the vault holds no row. `inbox` says whether
    /// inbox slots are wanted: they are the owner's alone.
    pub async fn release_rows(
        &self,
        subject: SubjectId,
        wanted: &[(RecordId, u32)],
        inbox: bool,
    ) -> Result<Vec<Option<ReleaseRow>>, VaultError> {
        bounded("records", wanted.len(), MAX_RELEASE_ROWS)?;
        let Some(key) = self.keys.get(subject).await? else {
            return Ok(vec![None; wanted.len()]);
        };
        // Two connections at once; the rows of a chart come from memory, so that cores are what is short.
        let (first, second) = wanted.split_at(wanted.len() / 2);
        let (first, second) = tokio::try_join!(
            self.look_up(&key, subject, first, inbox),
            self.look_up(&key, subject, second, inbox)
        )?;
        let mut found = HashMap::with_capacity(wanted.len());
        for row in first.into_iter().chain(second) {
            found.insert((row.record, row.version), row);
        }
        Ok(wanted.iter().map(|name| found.get(name).cloned()).collect())
    }

    async fn look_up(
        &self,
        key: &EraseKey,
        subject: SubjectId,
        wanted: &[(RecordId, u32)],
        inbox: bool,
    ) -> Result<Vec<ReleaseRow>, VaultError> {
        let mut found = Vec::with_capacity(wanted.len());
        for chunk in wanted.chunks(CHUNK_NAMES) {
            let mut query = QueryBuilder::<Db>::new("WITH wanted (record, version) AS (");
            query.push_values(chunk, |mut tuple, (record, version)| {
                tuple
                    .push_bind(record.as_bytes().as_slice())
                    .push_bind(i64::from(*version));
            });
            query.push(
                ") SELECT r.record, r.version, r.uid, r.cid, r.size_bytes, r.sealed_slot, r.slot_epoch,
                 r.inbox_key_version, ",
            );
            query.push(if inbox { "r.sealed_inbox" } else { "NULL" });
            query.push(
                " FROM wanted CROSS JOIN records r
                 WHERE r.record = wanted.record AND r.version = wanted.version AND r.published = 1
                 AND r.subject = ",
            );
            query.push_bind(subject.as_bytes().as_slice());
            let rows = query
                .build()
                .fetch_all(self.sql.read())
                .await
                .map_err(VaultError::sql("read records"))?;
            for row in &rows {
                found.push(opened(key, row)?);
            }
        }
        Ok(found)
    }

    /// Puts key slots made anew into the subject's rows; returns how many rows took one. A slot of an older epoch
    /// does not replace one of a newer.
    pub async fn put_slots(&self, subject: SubjectId, rows: &[SlotRow]) -> Result<u32, VaultError> {
        let doing = "put slots";
        bounded("rows", rows.len(), MAX_STAGE_ROWS)?;
        let key = self.keys.get_or_make(subject).await?;
        let mut tx = self.sql.begin(doing).await?;
        let mut put = 0;
        for row in rows {
            bounded(SLOT, row.slot.len(), MAX_SLOT_BYTES)?;
            let version = row.version.to_be_bytes();
            let sealed = key.seal(SLOT, &[row.record.as_bytes(), &version], &row.slot)?;
            put += sqlx::query(
                "UPDATE records SET sealed_slot = ?, slot_epoch = ?
                 WHERE record = ? AND version = ? AND subject = ?
                 AND (sealed_slot IS NULL OR slot_epoch <= ?)",
            )
            .bind(sealed)
            .bind(row.epoch)
            .bind(row.record.as_bytes().as_slice())
            .bind(i64::from(row.version))
            .bind(subject.as_bytes().as_slice())
            .bind(row.epoch)
            .execute(&mut *tx)
            .await
            .map_err(VaultError::sql(doing))?
            .rows_affected();
        }
        tx.commit().await.map_err(VaultError::sql(doing))?;
        Ok(u32::try_from(put).unwrap_or(u32::MAX))
    }

    /// CIDs that rows refer to, staged or published, in order, after `after`.
    pub async fn cids_in_use(&self, after: &str, limit: u32) -> Result<Vec<String>, VaultError> {
        let rows =
            sqlx::query("SELECT DISTINCT cid FROM records WHERE cid > ? ORDER BY cid LIMIT ?")
                .bind(after)
                .bind(limit)
                .fetch_all(self.sql.read())
                .await
                .map_err(VaultError::sql("list blobs in use"))?;
        rows.iter()
            .map(|row| Columns(row).text(0, "cid").map(str::to_owned))
            .collect()
    }
}

fn prepare<'a>(key: &EraseKey, row: &'a StageRow) -> Result<Prepared<'a>, VaultError> {
    bounded("cid", row.cid.len(), MAX_CID_BYTES)?;
    let version = row.version.to_be_bytes();
    let place: [&[u8]; 2] = [row.record.as_bytes(), &version];
    let seal = |column, value: &Option<Vec<u8>>| {
        let Some(value) = value else { return Ok(None) };
        bounded(column, value.len(), MAX_SLOT_BYTES)?;
        key.seal(column, &place, value).map(Some)
    };
    Ok(Prepared {
        row,
        size: int("size", row.size)?,
        slot: seal(SLOT, &row.slot)?,
        inbox: seal(INBOX, &row.inbox)?,
    })
}

async fn insert(
    tx: &mut Tx,
    subject: SubjectId,
    rows: &[Prepared<'_>],
    deadline: i64,
    now: i64,
) -> Result<u64, VaultError> {
    let mut query = QueryBuilder::<Db>::new(
        "INSERT INTO records (record, version, commitment, subject, author, uid, lane, cid, size_bytes,
         slot_epoch, sealed_slot, inbox_key_version, sealed_inbox, deadline, staged_at) ",
    );
    query.push_values(rows, |mut tuple, item| {
        let row = item.row;
        tuple
            .push_bind(row.record.as_bytes().as_slice())
            .push_bind(i64::from(row.version))
            .push_bind(row.commitment.as_slice())
            .push_bind(subject.as_bytes().as_slice())
            .push_bind(row.author.as_bytes().as_slice())
            .push_bind(row.uid.as_bytes().as_slice())
            .push_bind(i64::from(row.lane.number()))
            .push_bind(row.cid.as_str())
            .push_bind(item.size)
            .push_bind(i64::from(row.epoch))
            .push_bind(item.slot.as_deref())
            .push_bind(i64::from(row.inbox_key_version))
            .push_bind(item.inbox.as_deref())
            .push_bind(deadline)
            .push_bind(now);
    });
    query.push(" ON CONFLICT (record, version, commitment) DO NOTHING");
    let done = query
        .build()
        .execute(&mut **tx)
        .await
        .map_err(VaultError::sql("stage rows"))?;
    Ok(done.rows_affected())
}

/// Replaces the slots of a staged row of the same author by those that were made later.
async fn renew(tx: &mut Tx, subject: SubjectId, item: &Prepared<'_>) -> Result<(), VaultError> {
    let row = item.row;
    sqlx::query(
        "UPDATE records SET slot_epoch = ?, sealed_slot = ?, inbox_key_version = ?, sealed_inbox = ?
         WHERE record = ? AND version = ? AND commitment = ? AND published = 0
         AND subject = ? AND author = ? AND slot_epoch <= ?",
    )
    .bind(i64::from(row.epoch))
    .bind(item.slot.as_deref())
    .bind(i64::from(row.inbox_key_version))
    .bind(item.inbox.as_deref())
    .bind(row.record.as_bytes().as_slice())
    .bind(i64::from(row.version))
    .bind(row.commitment.as_slice())
    .bind(subject.as_bytes().as_slice())
    .bind(row.author.as_bytes().as_slice())
    .bind(i64::from(row.epoch))
    .execute(&mut **tx)
    .await
    .map_err(VaultError::sql("renew staged slots"))?;
    Ok(())
}

async fn prolong(tx: &mut Tx, row: &StageRow, deadline: i64) -> Result<(), VaultError> {
    sqlx::query(
        "UPDATE records SET deadline = ?
         WHERE record = ? AND version = ? AND commitment = ? AND published = 0 AND deadline < ?",
    )
    .bind(deadline)
    .bind(row.record.as_bytes().as_slice())
    .bind(i64::from(row.version))
    .bind(row.commitment.as_slice())
    .bind(deadline)
    .execute(&mut **tx)
    .await
    .map_err(VaultError::sql("prolong staged rows"))?;
    Ok(())
}

fn opened(key: &EraseKey, row: &SqliteRow) -> Result<ReleaseRow, VaultError> {
    let row = Columns(row);
    let record: RecordId = row.id(0, "record")?;
    let version: u32 = row.number(1, "version")?;
    let bytes = version.to_be_bytes();
    let place: [&[u8]; 2] = [record.as_bytes(), &bytes];
    let open = |column: &'static str, at| {
        let sealed = row.maybe_bytes(at, column)?;
        sealed
            .map(|sealed| key.open(column, &place, sealed))
            .transpose()
    };
    Ok(ReleaseRow {
        record,
        version,
        uid: row.id(2, "uid")?,
        cid: row.text(3, "cid")?.to_owned(),
        size: row.number(4, "size")?,
        slot: open(SLOT, 5)?,
        slot_epoch: row.number(6, "slot epoch")?,
        inbox_key_version: row.number(7, "inbox key version")?,
        inbox: open(INBOX, 8)?,
    })
}
