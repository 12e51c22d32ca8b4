//! Grants, requests, epochs, and what follows for a reader. The contract decides; this answers as it would.

use carechain_domain::{Epochs, Grant, GrantId, LaneSet, Lanes, RequestId, Status, SubjectId};
use sqlx::QueryBuilder;
use sqlx::sqlite::SqliteRow;

use super::page;
use super::people::status;
use crate::index::cursor_of;
use crate::rows::{Access, Freshness, RequestRow, RequestStatus};
use crate::sql::{Columns, Db, int, kept_bits};
use crate::{Index, IndexError};

const GRANT: &str = "SELECT grant_id, subject, grantee, read_lanes, write_lanes, purpose,
    granted_at, not_after, ended FROM grants";
const REQUEST: &str = "SELECT request, subject, requester, purpose, expiry, sealed_hash, status,
    grant_id, block, at FROM requests";
const NEWEST_FIRST: &str = " ORDER BY block DESC, log_index DESC LIMIT ";

/// A connection within a transaction, so that several queries see one block.
type Snapshot = sqlx::Transaction<'static, Db>;

impl Index {
    /// A grant.
    pub async fn grant(&self, grant: GrantId) -> Result<Option<Grant>, IndexError> {
        let mut query = QueryBuilder::<Db>::new(GRANT);
        query
            .push(" WHERE grant_id = ")
            .push_bind(grant.as_bytes().to_vec());
        Ok(self.grants(query, 1).await?.pop())
    }

    /// Grants by a subject, newest first.
    pub async fn grants_of(
        &self,
        subject: SubjectId,
        limit: u32,
    ) -> Result<Vec<Grant>, IndexError> {
        let mut query = QueryBuilder::<Db>::new(GRANT);
        query
            .push(" WHERE subject = ")
            .push_bind(subject.as_bytes().to_vec());
        self.grants(query, limit).await
    }

    /// Grants to a grantee, newest first.
    pub async fn grants_to(
        &self,
        grantee: SubjectId,
        limit: u32,
    ) -> Result<Vec<Grant>, IndexError> {
        let mut query = QueryBuilder::<Db>::new(GRANT);
        query
            .push(" WHERE grantee = ")
            .push_bind(grantee.as_bytes().to_vec());
        self.grants(query, limit).await
    }

    async fn grants(
        &self,
        mut query: QueryBuilder<Db>,
        limit: u32,
    ) -> Result<Vec<Grant>, IndexError> {
        query.push(NEWEST_FIRST).push_bind(page(limit));
        let rows = query
            .build()
            .fetch_all(self.sql.read())
            .await
            .map_err(IndexError::sql("list grants"))?;
        rows.iter().map(grant_row).collect()
    }

    /// A request.
    pub async fn request(&self, request: RequestId) -> Result<Option<RequestRow>, IndexError> {
        let mut query = QueryBuilder::<Db>::new(REQUEST);
        query
            .push(" WHERE request = ")
            .push_bind(request.as_bytes().to_vec());
        Ok(self.requests(query, 1).await?.pop())
    }

    /// Requests to a subject, newest first.
    pub async fn requests_to(
        &self,
        subject: SubjectId,
        limit: u32,
    ) -> Result<Vec<RequestRow>, IndexError> {
        let mut query = QueryBuilder::<Db>::new(REQUEST);
        query
            .push(" WHERE subject = ")
            .push_bind(subject.as_bytes().to_vec());
        self.requests(query, limit).await
    }

    /// Requests by a requester, newest first.
    pub async fn requests_by(
        &self,
        requester: SubjectId,
        limit: u32,
    ) -> Result<Vec<RequestRow>, IndexError> {
        let mut query = QueryBuilder::<Db>::new(REQUEST);
        query
            .push(" WHERE requester = ")
            .push_bind(requester.as_bytes().to_vec());
        self.requests(query, limit).await
    }

    async fn requests(
        &self,
        mut query: QueryBuilder<Db>,
        limit: u32,
    ) -> Result<Vec<RequestRow>, IndexError> {
        query.push(NEWEST_FIRST).push_bind(page(limit));
        let rows = query
            .build()
            .fetch_all(self.sql.read())
            .await
            .map_err(IndexError::sql("list requests"))?;
        rows.iter().map(request_row).collect()
    }

    /// Epochs and freshness of a subject; zeros while nothing was set.
    pub async fn freshness(&self, subject: SubjectId) -> Result<Freshness, IndexError> {
        let mut tx = self.snapshot().await?;
        freshness(&mut tx, subject).await
    }

    /// Lanes that `grantee` may read and write at `at`, as `Consent.lanesOf` has it: a time earlier than the head's
    /// counts as the head's; a grantee that is not approved may nothing; a subject may everything of its own.
    pub async fn lanes_of(
        &self,
        subject: SubjectId,
        grantee: SubjectId,
        at: u64,
    ) -> Result<Lanes, IndexError> {
        Ok(self.access(subject, grantee, at).await?.lanes)
    }

    /// What `reader` may of `subject` at `at`, with the subject's epochs, all of one block.
    pub async fn access(
        &self,
        subject: SubjectId,
        reader: SubjectId,
        at: u64,
    ) -> Result<Access, IndexError> {
        let mut tx = self.snapshot().await?;
        let row = sqlx::query("SELECT number, hash, time FROM chain")
            .fetch_one(&mut *tx)
            .await
            .map_err(IndexError::sql("read the cursor"))?;
        let cursor = cursor_of(&Columns(&row))?;
        let freshness = freshness(&mut tx, subject).await?;
        let lanes = lanes(&mut tx, subject, reader, at.max(cursor.time)).await?;
        Ok(Access {
            block: cursor.number,
            block_time: cursor.time,
            lanes,
            freshness,
        })
    }

    async fn snapshot(&self) -> Result<Snapshot, IndexError> {
        self.sql
            .read()
            .begin()
            .await
            .map_err(IndexError::sql("begin to read"))
    }
}

async fn freshness(tx: &mut Snapshot, subject: SubjectId) -> Result<Freshness, IndexError> {
    let row = sqlx::query("SELECT epochs, fresh_until, moved_at FROM freshness WHERE subject = ?")
        .bind(subject.as_bytes().as_slice())
        .fetch_optional(&mut **tx)
        .await
        .map_err(IndexError::sql("read epochs"))?;
    let Some(row) = row else {
        return Ok(Freshness::default());
    };
    let row = Columns(&row);
    Ok(Freshness {
        epochs: Epochs(row.hash(0, "epochs")?.into()),
        fresh_until: kept_bits(row.number(1, "freshUntil")?),
        moved_at: row.number(2, "time")?,
    })
}

async fn lanes(
    tx: &mut Snapshot,
    subject: SubjectId,
    grantee: SubjectId,
    at: u64,
) -> Result<Lanes, IndexError> {
    let doing = "read a grantee's lanes";
    let row = sqlx::query("SELECT status FROM subjects WHERE subject = ?")
        .bind(grantee.as_bytes().as_slice())
        .fetch_optional(&mut **tx)
        .await
        .map_err(IndexError::sql(doing))?;
    let Some(row) = row else {
        return Ok(Lanes::default());
    };
    if subject == grantee {
        return Ok(Lanes {
            read: LaneSet::ALL,
            write: LaneSet::ALL,
        });
    }
    if status(&Columns(&row), 0)? != Status::Approved {
        return Ok(Lanes::default());
    }
    let rows = sqlx::query(
        "SELECT read_lanes, write_lanes FROM grants
         WHERE subject = ? AND grantee = ? AND ended = 0 AND not_after > ?",
    )
    .bind(subject.as_bytes().as_slice())
    .bind(grantee.as_bytes().as_slice())
    .bind(int("time", at)?)
    .fetch_all(&mut **tx)
    .await
    .map_err(IndexError::sql(doing))?;
    let mut lanes = Lanes::default();
    for row in &rows {
        let row = Columns(row);
        lanes.read = lanes.read.union(LaneSet(row.number(0, "lanes")?));
        lanes.write = lanes.write.union(LaneSet(row.number(1, "lanes")?));
    }
    Ok(lanes)
}

fn grant_row(row: &SqliteRow) -> Result<Grant, IndexError> {
    let row = Columns(row);
    Ok(Grant {
        id: row.id(0, "grant")?,
        subject: row.id(1, "subject")?,
        grantee: row.id(2, "grantee")?,
        lanes: Lanes {
            read: LaneSet(row.number(3, "lanes")?),
            write: LaneSet(row.number(4, "lanes")?),
        },
        purpose: row.number(5, "purpose")?,
        granted_at: row.number(6, "time")?,
        not_after: row.number(7, "time")?,
        ended: row.number::<i64>(8, "end")? == 1,
    })
}

fn request_row(row: &SqliteRow) -> Result<RequestRow, IndexError> {
    let row = Columns(row);
    let status = RequestStatus::from_number(row.number(6, "request status")?).ok_or(
        IndexError::Malformed {
            what: "request status",
        },
    )?;
    Ok(RequestRow {
        request: row.id(0, "request")?,
        subject: row.id(1, "subject")?,
        requester: row.id(2, "requester")?,
        purpose: row.number(3, "purpose")?,
        expiry: row.number(4, "expiry")?,
        sealed_hash: row.hash(5, "sealed hash")?,
        status,
        grant: row.maybe_id(7, "grant")?,
        block: row.number(8, "block")?,
        at: row.number(9, "time")?,
    })
}
