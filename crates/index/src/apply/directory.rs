//! Subjects, devices, votes.

use alloy_primitives::B256;
use carechain_bindings::directory::{
    DeviceAdded, DeviceRemoved, DirectoryEvents, Registered, StatusChanged, Voted,
};
use carechain_domain::{Decision, Kind, Status, SubjectId};

use super::Place;
use crate::sql::{Columns, Tx, int};
use crate::{IndexError, What};

pub(super) async fn apply(
    tx: &mut Tx,
    place: Place,
    event: DirectoryEvents,
) -> Result<Option<What>, IndexError> {
    Ok(Some(match event {
        DirectoryEvents::Registered(event) => registered(tx, place, event).await?,
        DirectoryEvents::StatusChanged(event) => status_changed(tx, place, event).await?,
        DirectoryEvents::DeviceAdded(event) => device_added(tx, place, event).await?,
        DirectoryEvents::DeviceRemoved(event) => device_removed(tx, place, event).await?,
        DirectoryEvents::Voted(event) => voted(tx, place, event).await?,
        DirectoryEvents::KeyBundleChanged(event) => {
            let subject = SubjectId(event.subject);
            let done = sqlx::query(
                "UPDATE subjects SET key_version = ?, key_generation = ?, key_bundle_hash = ?
                 WHERE subject = ?",
            )
            .bind(i64::from(event.keyVersion))
            .bind(i64::from(event.keyGeneration))
            .bind(event.keyBundleHash.as_slice())
            .bind(event.subject.as_slice())
            .execute(&mut **tx)
            .await
            .map_err(IndexError::sql("write a key bundle"))?;
            one(place, done.rows_affected())?;
            let (key_version, hash) = (event.keyVersion, event.keyBundleHash);
            What::KeyBundleChanged {
                subject,
                key_version,
                hash,
            }
        }
        DirectoryEvents::ProfileChanged(event) => {
            let (subject, hash) = (SubjectId(event.subject), event.profileHash);
            let sql = "UPDATE subjects SET profile_hash = ? WHERE subject = ?";
            set_hash(tx, place, sql, subject, hash).await?;
            What::ProfileChanged { subject, hash }
        }
        DirectoryEvents::HomeChanged(event) => {
            let (subject, hash) = (SubjectId(event.subject), event.homeHash);
            let sql = "UPDATE subjects SET home_hash = ? WHERE subject = ?";
            set_hash(tx, place, sql, subject, hash).await?;
            What::HomeChanged { subject, hash }
        }
        DirectoryEvents::Applied(event) => {
            let (subject, credential_hash) = (SubjectId(event.subject), event.credentialHash);
            let sql = "UPDATE subjects SET credential_hash = ? WHERE subject = ?";
            set_hash(tx, place, sql, subject, credential_hash).await?;
            What::Applied {
                subject,
                credential_hash,
            }
        }
        DirectoryEvents::ThresholdChanged(event) => {
            sqlx::query("UPDATE chain SET threshold = ?")
                .bind(i64::from(event.threshold))
                .execute(&mut **tx)
                .await
                .map_err(IndexError::sql("write the threshold"))?;
            What::ThresholdChanged {
                threshold: event.threshold,
            }
        }
        DirectoryEvents::ThresholdVoted(_) | DirectoryEvents::EIP712DomainChanged(_) => {
            return Ok(None);
        }
    }))
}

/// The event names a subject that registered.
fn one(place: Place, rows: u64) -> Result<(), IndexError> {
    if rows == 1 {
        Ok(())
    } else {
        Err(place.bad("subject"))
    }
}

async fn set_hash(
    tx: &mut Tx,
    place: Place,
    sql: &'static str,
    subject: SubjectId,
    hash: B256,
) -> Result<(), IndexError> {
    let done = sqlx::query(sql)
        .bind(hash.as_slice())
        .bind(subject.as_bytes().as_slice())
        .execute(&mut **tx)
        .await
        .map_err(IndexError::sql("write a hash of a subject"))?;
    one(place, done.rows_affected())
}

async fn registered(tx: &mut Tx, place: Place, event: Registered) -> Result<What, IndexError> {
    let kind = Kind::try_from(event.kind).map_err(|_| place.bad("kind"))?;
    let none = [0u8; 32];
    sqlx::query(
        "INSERT INTO subjects (subject, kind, status, reason, root, organisation, key_version,
         key_generation, key_bundle_hash, profile_hash, home_hash, credential_hash,
         registered_block, registered_at, status_block, status_at)
         VALUES (?1, ?2, ?3, 0, ?4, ?5, 0, 0, ?6, ?6, ?6, ?6, ?7, ?8, 0, 0)",
    )
    .bind(event.subject.as_slice())
    .bind(i64::from(kind.number()))
    .bind(i64::from(Status::Pending.number()))
    .bind(event.root.as_slice())
    .bind(event.organisation.as_slice())
    .bind(none.as_slice())
    .bind(place.sql_block()?)
    .bind(place.sql_time()?)
    .execute(&mut **tx)
    .await
    .map_err(IndexError::sql("write a subject"))?;
    Ok(What::Registered {
        subject: SubjectId(event.subject),
        kind,
        root: event.root,
        organisation: event.organisation,
    })
}

async fn status_changed(
    tx: &mut Tx,
    place: Place,
    event: StatusChanged,
) -> Result<What, IndexError> {
    let doing = "write a status";
    let status = Status::try_from(event.status).map_err(|_| place.bad("status"))?;
    let row = sqlx::query("SELECT kind, status_block FROM subjects WHERE subject = ?")
        .bind(event.subject.as_slice())
        .fetch_optional(&mut **tx)
        .await
        .map_err(IndexError::sql(doing))?
        .ok_or_else(|| place.bad("subject"))?;
    let number: u8 = Columns(&row).number(0, "kind")?;
    let initial = Columns(&row).number::<i64>(1, "block")? == 0;
    sqlx::query(
        "UPDATE subjects SET status = ?, reason = ?, status_block = ?, status_at = ?
         WHERE subject = ?",
    )
    .bind(i64::from(status.number()))
    .bind(i64::from(event.reason))
    .bind(place.sql_block()?)
    .bind(place.sql_time()?)
    .bind(event.subject.as_slice())
    .execute(&mut **tx)
    .await
    .map_err(IndexError::sql(doing))?;
    Ok(What::StatusChanged {
        subject: SubjectId(event.subject),
        kind: Kind::try_from(number).map_err(|_| IndexError::Malformed { what: "kind" })?,
        status,
        reason: event.reason,
        initial,
    })
}

async fn device_added(tx: &mut Tx, place: Place, event: DeviceAdded) -> Result<What, IndexError> {
    let doing = "write a device";
    let row = sqlx::query("SELECT COUNT(*) FROM devices WHERE subject = ?")
        .bind(event.subject.as_slice())
        .fetch_one(&mut **tx)
        .await
        .map_err(IndexError::sql(doing))?;
    let first = Columns(&row).number::<i64>(0, "count")? == 0;
    sqlx::query("INSERT INTO devices (device, subject, added_block, added_at) VALUES (?, ?, ?, ?)")
        .bind(event.device.as_slice())
        .bind(event.subject.as_slice())
        .bind(place.sql_block()?)
        .bind(place.sql_time()?)
        .execute(&mut **tx)
        .await
        .map_err(IndexError::sql(doing))?;
    Ok(What::DeviceAdded {
        subject: SubjectId(event.subject),
        device: event.device,
        first,
    })
}

async fn device_removed(
    tx: &mut Tx,
    place: Place,
    event: DeviceRemoved,
) -> Result<What, IndexError> {
    let done = sqlx::query(
        "UPDATE devices SET removed_block = ?, removed_at = ?
         WHERE device = ? AND subject = ? AND removed_at IS NULL",
    )
    .bind(place.sql_block()?)
    .bind(place.sql_time()?)
    .bind(event.device.as_slice())
    .bind(event.subject.as_slice())
    .execute(&mut **tx)
    .await
    .map_err(IndexError::sql("remove a device"))?;
    if done.rows_affected() == 0 {
        return Err(place.bad("device"));
    }
    Ok(What::DeviceRemoved {
        subject: SubjectId(event.subject),
        device: event.device,
    })
}

async fn voted(tx: &mut Tx, place: Place, event: Voted) -> Result<What, IndexError> {
    let decision = Decision::try_from(event.decision).map_err(|_| place.bad("decision"))?;
    let votes = u64::try_from(event.votes).map_err(|_| place.bad("count of votes"))?;
    sqlx::query(
        "INSERT INTO votes
         (block, log_index, subject, administrator, decision, reason, votes, at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(place.sql_block()?)
    .bind(i64::from(place.log_index))
    .bind(event.subject.as_slice())
    .bind(event.administrator.as_slice())
    .bind(i64::from(decision.number()))
    .bind(i64::from(event.reason))
    .bind(int("votes", votes)?)
    .bind(place.sql_time()?)
    .execute(&mut **tx)
    .await
    .map_err(IndexError::sql("write a vote"))?;
    Ok(What::Voted {
        subject: SubjectId(event.subject),
        administrator: SubjectId(event.administrator),
        decision,
        reason: event.reason,
        votes,
    })
}
