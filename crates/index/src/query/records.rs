//! Anchors, tips and lanes.

use std::collections::HashMap;

use carechain_domain::{Lane, RecordId, SubjectId};
use sqlx::QueryBuilder;
use sqlx::sqlite::SqliteRow;

use super::{MAX_ANCHORS_ASKED, MAX_PAGE};
use crate::rows::{AnchorRow, LaneRow, TipRow};
use crate::sql::{CHUNK_NAMES, Columns, Db, bounded, int};
use crate::{Index, IndexError};

const ANCHOR: &str = "SELECT a.record, a.author, a.version, a.lane, a.sequence, a.epoch,
    a.inbox_only, a.commitment, a.amends, a.block, a.at FROM ";

impl Index {
    /// Anchors of a subject in the lanes named, after the sequence given for each, ordered by lane and sequence.
    /// At most `limit`, and never more than `MAX_PAGE`: go on from the last row of each lane.
    pub async fn anchors_after(
        &self,
        subject: SubjectId,
        lanes: &[(Lane, u64)],
        limit: u32,
    ) -> Result<Vec<AnchorRow>, IndexError> {
        let mut wanted = lanes.to_vec();
        wanted.sort_unstable();
        wanted.dedup_by_key(|(lane, _)| *lane);
        let mut left = usize::try_from(limit.min(MAX_PAGE)).expect("at most MAX_PAGE");
        let mut anchors = Vec::new();
        for (lane, after) in wanted {
            if left == 0 {
                break;
            }
            let mut query = QueryBuilder::<Db>::new(ANCHOR);
            query
                .push("anchors a WHERE a.subject = ")
                .push_bind(subject.as_bytes().as_slice());
            query
                .push(" AND a.lane = ")
                .push_bind(i64::from(lane.number()));
            query
                .push(" AND a.sequence > ")
                .push_bind(int("sequence", after)?);
            query
                .push(" ORDER BY a.sequence LIMIT ")
                .push_bind(int("limit", left as u64)?);
            let rows = query
                .build()
                .fetch_all(self.sql.read())
                .await
                .map_err(IndexError::sql("list anchors"))?;
            left -= rows.len();
            for row in &rows {
                anchors.push(anchor_row(row)?);
            }
        }
        Ok(anchors)
    }

    /// Anchors of the record versions named, in that order; none for what `subject` has not.
    pub async fn anchors_of(
        &self,
        subject: SubjectId,
        wanted: &[(RecordId, u32)],
    ) -> Result<Vec<Option<AnchorRow>>, IndexError> {
        bounded("records", wanted.len(), MAX_ANCHORS_ASKED)?;
        let mut found = HashMap::with_capacity(wanted.len());
        for chunk in wanted.chunks(CHUNK_NAMES) {
            let mut query = QueryBuilder::<Db>::new("WITH wanted (record, version) AS (");
            query.push_values(chunk, |mut tuple, (record, version)| {
                tuple
                    .push_bind(record.as_bytes().as_slice())
                    .push_bind(i64::from(*version));
            });
            query.push(") ").push(ANCHOR).push(
                "wanted CROSS JOIN anchors a
                 WHERE a.record = wanted.record AND a.version = wanted.version AND a.subject = ",
            );
            query.push_bind(subject.as_bytes().as_slice());
            let rows = query
                .build()
                .fetch_all(self.sql.read())
                .await
                .map_err(IndexError::sql("read anchors"))?;
            for row in &rows {
                let anchor = anchor_row(row)?;
                found.insert((anchor.record, anchor.version), anchor);
            }
        }
        Ok(wanted.iter().map(|name| found.get(name).copied()).collect())
    }

    /// The newest version of a record.
    pub async fn tip(&self, record: RecordId) -> Result<Option<TipRow>, IndexError> {
        let row = sqlx::query(
            "SELECT record, subject, author, lane, version, commitment FROM tips WHERE record = ?",
        )
        .bind(record.as_bytes().as_slice())
        .fetch_optional(self.sql.read())
        .await
        .map_err(IndexError::sql("read a tip"))?;
        let Some(row) = row else { return Ok(None) };
        let row = Columns(&row);
        Ok(Some(TipRow {
            record: row.id(0, "record")?,
            subject: row.id(1, "subject")?,
            author: row.id(2, "author")?,
            lane: lane(&row, 3)?,
            version: row.number(4, "version")?,
            commitment: row.hash(5, "commitment")?,
        }))
    }

    /// Lanes of a subject that hold anchors, with their counts and rolling hashes.
    pub async fn lanes(&self, subject: SubjectId) -> Result<Vec<LaneRow>, IndexError> {
        let rows =
            sqlx::query("SELECT lane, count, rolling FROM lanes WHERE subject = ? ORDER BY lane")
                .bind(subject.as_bytes().as_slice())
                .fetch_all(self.sql.read())
                .await
                .map_err(IndexError::sql("list lanes"))?;
        rows.iter()
            .map(|row| {
                let row = Columns(row);
                Ok(LaneRow {
                    lane: lane(&row, 0)?,
                    count: row.number(1, "count")?,
                    rolling: row.hash(2, "rolling hash")?,
                })
            })
            .collect()
    }
}

fn lane(row: &Columns<'_>, at: usize) -> Result<Lane, IndexError> {
    Lane::try_from(row.number::<u8>(at, "lane")?)
        .map_err(|_| IndexError::Malformed { what: "lane" })
}

fn anchor_row(row: &SqliteRow) -> Result<AnchorRow, IndexError> {
    let row = Columns(row);
    Ok(AnchorRow {
        record: row.id(0, "record")?,
        author: row.id(1, "author")?,
        version: row.number(2, "version")?,
        lane: lane(&row, 3)?,
        sequence: row.number(4, "sequence")?,
        epoch: row.number(5, "epoch")?,
        inbox_only: row.number::<i64>(6, "inbox flag")? == 1,
        commitment: row.hash(7, "commitment")?,
        amends: row.id(8, "amended record")?,
        block: row.number(9, "block")?,
        time: row.number(10, "time")?,
    })
}
