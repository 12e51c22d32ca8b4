//! Who exists, which keys act for whom, who is approved.

use alloy_primitives::Address;
use carechain_domain::{Decision, Kind, Status, SubjectId};
use sqlx::QueryBuilder;
use sqlx::sqlite::SqliteRow;

use super::page;
use crate::rows::{Actor, DeviceRow, PointerRow, SubjectRow, VoteRow};
use crate::sql::{Columns, Db};
use crate::{Index, IndexError};

const SUBJECT: &str = "SELECT subject, kind, status, reason, root, organisation, key_version,
    key_generation, key_bundle_hash, profile_hash, home_hash, credential_hash, registered_block,
    registered_at, status_at FROM subjects";

impl Index {
    /// A subject.
    pub async fn subject(&self, subject: SubjectId) -> Result<Option<SubjectRow>, IndexError> {
        let mut query = QueryBuilder::<Db>::new(SUBJECT);
        query
            .push(" WHERE subject = ")
            .push_bind(subject.as_bytes().as_slice());
        let row = query
            .build()
            .fetch_optional(self.sql.read())
            .await
            .map_err(IndexError::sql("read a subject"))?;
        row.as_ref().map(subject_row).transpose()
    }

    /// Subjects of the directory in order of id, after `after`. Patients are never listed.
    pub async fn directory(
        &self,
        kind: Option<Kind>,
        status: Option<Status>,
        after: Option<SubjectId>,
        limit: u32,
    ) -> Result<Vec<SubjectRow>, IndexError> {
        let mut query = QueryBuilder::<Db>::new(SUBJECT);
        query
            .push(" WHERE kind <> ")
            .push_bind(i64::from(Kind::Patient.number()));
        if let Some(kind) = kind {
            query
                .push(" AND kind = ")
                .push_bind(i64::from(kind.number()));
        }
        if let Some(status) = status {
            query
                .push(" AND status = ")
                .push_bind(i64::from(status.number()));
        }
        if let Some(after) = after {
            query
                .push(" AND subject > ")
                .push_bind(after.as_bytes().to_vec());
        }
        query
            .push(" ORDER BY subject LIMIT ")
            .push_bind(page(limit));
        let rows = query
            .build()
            .fetch_all(self.sql.read())
            .await
            .map_err(IndexError::sql("list subjects"))?;
        rows.iter().map(subject_row).collect()
    }

    /// Approved administrators, in order of id.
    pub async fn administrators(&self) -> Result<Vec<SubjectRow>, IndexError> {
        self.directory(
            Some(Kind::Administrator),
            Some(Status::Approved),
            None,
            super::MAX_PAGE,
        )
        .await
    }

    /// Votes that a decision needs.
    pub async fn threshold(&self) -> Result<u8, IndexError> {
        let row = sqlx::query("SELECT threshold FROM chain")
            .fetch_one(self.sql.read())
            .await
            .map_err(IndexError::sql("read the threshold"))?;
        Columns(&row).number(0, "threshold")
    }

    /// The subject that `address` acts for: a live device's, or a root's.
    pub async fn subject_of(&self, address: Address) -> Result<Option<SubjectId>, IndexError> {
        Ok(self.actor(address).await?.map(|actor| actor.subject))
    }

    /// The subject that `address` acts for, with its kind and status.
    pub async fn actor(&self, address: Address) -> Result<Option<Actor>, IndexError> {
        let row = sqlx::query(
            "SELECT s.subject, s.kind, s.status, 0 FROM devices d
             JOIN subjects s ON s.subject = d.subject
             WHERE d.device = ?1 AND d.removed_at IS NULL
             UNION ALL SELECT subject, kind, status, 1 FROM subjects WHERE root = ?1 LIMIT 1",
        )
        .bind(address.as_slice())
        .fetch_optional(self.sql.read())
        .await
        .map_err(IndexError::sql("look up a key"))?;
        let Some(row) = row else { return Ok(None) };
        let row = Columns(&row);
        Ok(Some(Actor {
            subject: row.id(0, "subject")?,
            kind: kind(&row, 1)?,
            status: status(&row, 2)?,
            is_root: row.number::<i64>(3, "root flag")? == 1,
        }))
    }

    /// Device keys of a subject, oldest first; with `live` those alone that act now.
    pub async fn devices(
        &self,
        subject: SubjectId,
        live: bool,
    ) -> Result<Vec<DeviceRow>, IndexError> {
        let mut query = QueryBuilder::<Db>::new(
            "SELECT device, subject, added_at, removed_at FROM devices WHERE subject = ",
        );
        query.push_bind(subject.as_bytes().as_slice());
        if live {
            query.push(" AND removed_at IS NULL");
        }
        query
            .push(" ORDER BY added_block, device LIMIT ")
            .push_bind(page(u32::MAX));
        let rows = query
            .build()
            .fetch_all(self.sql.read())
            .await
            .map_err(IndexError::sql("list devices"))?;
        rows.iter().map(device_row).collect()
    }

    /// A device key, live or removed.
    pub async fn device(&self, device: Address) -> Result<Option<DeviceRow>, IndexError> {
        let row = sqlx::query(
            "SELECT device, subject, added_at, removed_at FROM devices WHERE device = ?",
        )
        .bind(device.as_slice())
        .fetch_optional(self.sql.read())
        .await
        .map_err(IndexError::sql("look up a device"))?;
        row.as_ref().map(device_row).transpose()
    }

    /// Votes cast on a subject, newest first.
    pub async fn votes_on(
        &self,
        subject: SubjectId,
        limit: u32,
    ) -> Result<Vec<VoteRow>, IndexError> {
        let rows = sqlx::query(
            "SELECT subject, administrator, decision, reason, votes, at FROM votes
             WHERE subject = ? ORDER BY block DESC, log_index DESC LIMIT ?",
        )
        .bind(subject.as_bytes().as_slice())
        .bind(page(limit))
        .fetch_all(self.sql.read())
        .await
        .map_err(IndexError::sql("list votes"))?;
        rows.iter()
            .map(|row| {
                let row = Columns(row);
                let decision = Decision::try_from(row.number::<u8>(2, "decision")?)
                    .map_err(|_| IndexError::Malformed { what: "decision" })?;
                Ok(VoteRow {
                    subject: row.id(0, "subject")?,
                    administrator: row.id(1, "administrator")?,
                    decision,
                    reason: row.number(3, "reason")?,
                    votes: row.number(4, "votes")?,
                    at: row.number(5, "time")?,
                })
            })
            .collect()
    }

    /// Pointers of the registry, by name.
    pub async fn pointers(&self) -> Result<Vec<PointerRow>, IndexError> {
        let rows = sqlx::query(
            "SELECT name, target, version, proposed, eta FROM pointers ORDER BY name LIMIT ?",
        )
        .bind(page(u32::MAX))
        .fetch_all(self.sql.read())
        .await
        .map_err(IndexError::sql("list pointers"))?;
        rows.iter()
            .map(|row| {
                let row = Columns(row);
                let eta = row.maybe_number(4, "eta")?;
                let scheduled = eta
                    .map(|eta| Ok((row.address(3, "proposed address")?, eta.unsigned_abs())))
                    .transpose()?;
                Ok(PointerRow {
                    name: row.hash(0, "name")?,
                    target: row.address(1, "target")?,
                    version: row.number(2, "version")?,
                    scheduled,
                })
            })
            .collect()
    }
}

pub(super) fn kind(row: &Columns<'_>, at: usize) -> Result<Kind, IndexError> {
    Kind::try_from(row.number::<u8>(at, "kind")?)
        .map_err(|_| IndexError::Malformed { what: "kind" })
}

pub(super) fn status(row: &Columns<'_>, at: usize) -> Result<Status, IndexError> {
    Status::try_from(row.number::<u8>(at, "status")?)
        .map_err(|_| IndexError::Malformed { what: "status" })
}

fn device_row(row: &SqliteRow) -> Result<DeviceRow, IndexError> {
    let row = Columns(row);
    Ok(DeviceRow {
        device: row.address(0, "device")?,
        subject: row.id(1, "subject")?,
        added_at: row.number(2, "time")?,
        removed_at: row.maybe_number(3, "time")?.map(i64::unsigned_abs),
    })
}

fn subject_row(row: &SqliteRow) -> Result<SubjectRow, IndexError> {
    let row = Columns(row);
    Ok(SubjectRow {
        subject: row.id(0, "subject")?,
        kind: kind(&row, 1)?,
        status: status(&row, 2)?,
        reason: row.number(3, "reason")?,
        root: row.address(4, "root")?,
        organisation: row.hash(5, "organisation")?,
        key_version: row.number(6, "key version")?,
        key_generation: row.number(7, "key generation")?,
        key_bundle_hash: row.hash(8, "key bundle hash")?,
        profile_hash: row.hash(9, "profile hash")?,
        home_hash: row.hash(10, "home hash")?,
        credential_hash: row.hash(11, "credential hash")?,
        registered_block: row.number(12, "block")?,
        registered_at: row.number(13, "time")?,
        status_at: row.number(14, "time")?,
    })
}
