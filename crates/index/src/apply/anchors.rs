//! Anchors: the bulk of a chain, so they are gathered and written many at once.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use alloy_primitives::{B256, Keccak256};
use carechain_bindings::records::{Anchored, RecordsEvents};
use carechain_domain::{Lane, RecordId, SubjectId};
use sqlx::QueryBuilder;

use super::Place;
use crate::sql::{CHUNK_ROWS, Columns, Db, Tx, int};
use crate::{IndexError, What};

/// Anchors gathered before they are written.
const MAX_GATHERED: usize = 4_096;

struct Row {
    place: Place,
    event: Anchored,
}

struct LaneTip {
    count: u64,
    rolling: B256,
}

/// What was gathered and not written yet.
#[derive(Default)]
pub(super) struct Anchors {
    rows: Vec<Row>,
    lanes: HashMap<(SubjectId, u8), LaneTip>,
    /// Author of each record gathered.
    authors: HashMap<RecordId, SubjectId>,
}

impl Anchors {
    pub(super) async fn apply(
        &mut self,
        tx: &mut Tx,
        place: Place,
        event: RecordsEvents,
    ) -> Result<What, IndexError> {
        let RecordsEvents::Anchored(event) = event;
        if self.rows.len() >= MAX_GATHERED {
            self.flush(tx).await?;
        }
        let lane = Lane::try_from(event.lane).map_err(|_| place.bad("lane"))?;
        let subject = SubjectId(event.subject);
        let record = RecordId(event.record);
        let author = SubjectId(event.author);
        let amended = RecordId(event.amends);
        let amends = if amended.is_zero() {
            None
        } else {
            let author = self.author(tx, amended).await?;
            Some((amended, author.ok_or_else(|| place.bad("amended record"))?))
        };
        self.fold(tx, place, subject, &event).await?;
        self.authors.insert(record, author);
        let (version, commitment) = (event.version, event.commitment);
        self.rows.push(Row { place, event });
        Ok(What::Anchored {
            subject,
            author,
            record,
            version,
            lane,
            commitment,
            amends,
        })
    }

    /// Counts the anchor into its lane and folds the rolling hash as the contract does.
    async fn fold(
        &mut self,
        tx: &mut Tx,
        place: Place,
        subject: SubjectId,
        event: &Anchored,
    ) -> Result<(), IndexError> {
        let tip = match self.lanes.entry((subject, event.lane)) {
            Entry::Occupied(tip) => tip.into_mut(),
            Entry::Vacant(empty) => empty.insert(load_lane(tx, subject, event.lane).await?),
        };
        if event.sequence != tip.count + 1 {
            return Err(IndexError::SequenceGap {
                block: place.block,
                index: place.log_index,
                lane: event.lane,
                given: event.sequence,
                count: tip.count,
            });
        }
        let word = word(
            event.version,
            SubjectId(event.author),
            event.lane,
            event.commitment,
        );
        tip.count = event.sequence;
        tip.rolling = rolling(tip.rolling, RecordId(event.record), word);
        Ok(())
    }

    async fn author(&self, tx: &mut Tx, record: RecordId) -> Result<Option<SubjectId>, IndexError> {
        if let Some(author) = self.authors.get(&record) {
            return Ok(Some(*author));
        }
        let row = sqlx::query("SELECT author FROM tips WHERE record = ?")
            .bind(record.as_bytes().as_slice())
            .fetch_optional(&mut **tx)
            .await
            .map_err(IndexError::sql("look up an amended record"))?;
        row.map(|row| Columns(&row).id(0, "author")).transpose()
    }

    /// Writes what was gathered.
    pub(super) async fn flush(&mut self, tx: &mut Tx) -> Result<(), IndexError> {
        for chunk in self.rows.chunks(CHUNK_ROWS) {
            insert_anchors(tx, chunk).await?;
        }
        // The last version of a record gathered is its tip.
        let mut tips: HashMap<B256, &Anchored> = HashMap::with_capacity(self.rows.len());
        for row in &self.rows {
            tips.insert(row.event.record, &row.event);
        }
        let tips: Vec<&Anchored> = tips.into_values().collect();
        for chunk in tips.chunks(CHUNK_ROWS) {
            upsert_tips(tx, chunk).await?;
        }
        let lanes: Vec<_> = self.lanes.iter().collect();
        for chunk in lanes.chunks(CHUNK_ROWS) {
            upsert_lanes(tx, chunk).await?;
        }
        self.rows.clear();
        self.lanes.clear();
        self.authors.clear();
        Ok(())
    }
}

async fn load_lane(tx: &mut Tx, subject: SubjectId, lane: u8) -> Result<LaneTip, IndexError> {
    let row = sqlx::query("SELECT count, rolling FROM lanes WHERE subject = ? AND lane = ?")
        .bind(subject.as_bytes().as_slice())
        .bind(i64::from(lane))
        .fetch_optional(&mut **tx)
        .await
        .map_err(IndexError::sql("read a lane"))?;
    match row {
        Some(row) => {
            let row = Columns(&row);
            Ok(LaneTip {
                count: row.number(0, "count")?,
                rolling: row.hash(1, "rolling hash")?,
            })
        }
        None => Ok(LaneTip {
            count: 0,
            rolling: B256::ZERO,
        }),
    }
}

async fn insert_anchors(tx: &mut Tx, rows: &[Row]) -> Result<(), IndexError> {
    let mut prepared = Vec::with_capacity(rows.len());
    for row in rows {
        let sequence = int("sequence", row.event.sequence)?;
        prepared.push((sequence, row.place.sql_block()?, row.place.sql_time()?, row));
    }
    let mut query = QueryBuilder::<Db>::new(
        "INSERT INTO anchors (subject, lane, sequence, record, version, author, epoch, inbox_only,
         commitment, amends, block, log_index, at) ",
    );
    query.push_values(&prepared, |mut tuple, (sequence, block, time, row)| {
        let event = &row.event;
        tuple
            .push_bind(event.subject.as_slice())
            .push_bind(i64::from(event.lane))
            .push_bind(*sequence)
            .push_bind(event.record.as_slice())
            .push_bind(i64::from(event.version))
            .push_bind(event.author.as_slice())
            .push_bind(i64::from(event.epoch))
            .push_bind(i64::from(event.inboxOnly))
            .push_bind(event.commitment.as_slice())
            .push_bind(event.amends.as_slice())
            .push_bind(*block)
            .push_bind(i64::from(row.place.log_index))
            .push_bind(*time);
    });
    query
        .build()
        .execute(&mut **tx)
        .await
        .map_err(IndexError::sql("write anchors"))?;
    Ok(())
}

async fn upsert_tips(tx: &mut Tx, tips: &[&Anchored]) -> Result<(), IndexError> {
    let mut query = QueryBuilder::<Db>::new(
        "INSERT INTO tips (record, subject, author, lane, version, commitment) ",
    );
    query.push_values(tips, |mut tuple, event| {
        tuple
            .push_bind(event.record.as_slice())
            .push_bind(event.subject.as_slice())
            .push_bind(event.author.as_slice())
            .push_bind(i64::from(event.lane))
            .push_bind(i64::from(event.version))
            .push_bind(event.commitment.as_slice());
    });
    query.push(
        " ON CONFLICT (record) DO UPDATE SET version = excluded.version,
         commitment = excluded.commitment, lane = excluded.lane",
    );
    query
        .build()
        .execute(&mut **tx)
        .await
        .map_err(IndexError::sql("write tips"))?;
    Ok(())
}

async fn upsert_lanes(
    tx: &mut Tx,
    lanes: &[(&(SubjectId, u8), &LaneTip)],
) -> Result<(), IndexError> {
    let mut prepared = Vec::with_capacity(lanes.len());
    for ((subject, lane), tip) in lanes {
        prepared.push((subject, *lane, int("count", tip.count)?, tip.rolling));
    }
    let mut query = QueryBuilder::<Db>::new("INSERT INTO lanes (subject, lane, count, rolling) ");
    query.push_values(&prepared, |mut tuple, (subject, lane, count, rolling)| {
        tuple
            .push_bind(subject.as_bytes().as_slice())
            .push_bind(i64::from(*lane))
            .push_bind(*count)
            .push_bind(rolling.as_slice());
    });
    query.push(
        " ON CONFLICT (subject, lane) DO UPDATE SET count = excluded.count,
         rolling = excluded.rolling",
    );
    query
        .build()
        .execute(&mut **tx)
        .await
        .map_err(IndexError::sql("write lanes"))?;
    Ok(())
}

/// keccak(abi.encode(version, author, lane, commitment)): docs/records.md, Names of a record.
fn word(version: u32, author: SubjectId, lane: u8, commitment: B256) -> B256 {
    let mut bytes = [0u8; 128];
    bytes[28..32].copy_from_slice(&version.to_be_bytes());
    bytes[32..64].copy_from_slice(author.as_bytes());
    bytes[95] = lane;
    bytes[96..128].copy_from_slice(commitment.as_slice());
    alloy_primitives::keccak256(bytes)
}

/// keccak(abi.encode(rolling, record, word)).
fn rolling(rolling: B256, record: RecordId, word: B256) -> B256 {
    let mut hasher = Keccak256::new();
    hasher.update(rolling);
    hasher.update(record.as_bytes());
    hasher.update(word);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_sol_types::SolValue;

    #[test]
    fn hashes_are_those_of_abi_encode() {
        let (author, commitment) = (B256::repeat_byte(3), B256::repeat_byte(5));
        let encoded = (7u32, author, alloy_primitives::U256::from(9), commitment).abi_encode();
        assert_eq!(
            word(7, SubjectId(author), 9, commitment),
            alloy_primitives::keccak256(encoded)
        );
        let (before, record) = (B256::repeat_byte(1), B256::repeat_byte(2));
        assert_eq!(
            rolling(before, RecordId(record), commitment),
            alloy_primitives::keccak256((before, record, commitment).abi_encode())
        );
    }
}
