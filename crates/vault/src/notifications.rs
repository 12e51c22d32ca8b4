//! Notifications: kept until read, each event once a recipient, without medical content.

use alloy_primitives::B256;
use carechain_domain::{Notice, SubjectId};
use sqlx::sqlite::SqliteRow;

use crate::sql::{Columns, Tx, before, bounded, int};
use crate::{Vault, VaultError, counters};

/// Notifications in one call of `append_notifications`.
pub const MAX_APPEND: usize = 10_000;
/// Notifications that one recipient keeps; beyond it the oldest of the same actor and kind fall away first.
pub const MAX_NOTIFICATIONS: u64 = 10_000;
/// Longest name of an event.
pub const MAX_EVENT_BYTES: usize = 128;

/// Names an event, so that telling of it twice makes one notification.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EventKey(String);

impl EventKey {
    /// A log of the chain.
    pub fn chain(block: u64, log_index: u32) -> Self {
        EventKey(format!("chain/{block}/{log_index}"))
    }

    /// A receipt of a subject.
    pub fn receipt(subject: SubjectId, number: u64) -> Self {
        EventKey(format!("receipt/{subject}/{number}"))
    }
}

/// A notification to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewNotification {
    /// For whom.
    pub recipient: SubjectId,
    /// Which event.
    pub event: EventKey,
    /// What happened.
    pub notice: Notice,
    /// Whose record or subject it concerns.
    pub subject: SubjectId,
    /// Who did it.
    pub actor: Option<SubjectId>,
    /// Id of the request, grant, record, receipt or device.
    pub about: B256,
    /// Block number; 0 where it is not from the chain.
    pub block: u64,
    /// When.
    pub at: u64,
}

/// A notification as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredNotification {
    /// For whom.
    pub recipient: SubjectId,
    /// Number within the recipient's, rising.
    pub id: u64,
    /// What happened.
    pub notice: Notice,
    /// Whose record or subject it concerns.
    pub subject: SubjectId,
    /// Who did it.
    pub actor: Option<SubjectId>,
    /// Id of the request, grant, record, receipt or device.
    pub about: B256,
    /// Block number; 0 where it is not from the chain.
    pub block: u64,
    /// When.
    pub at: u64,
    /// Whether it was read.
    pub read: bool,
}

impl Vault {
    /// Keeps notifications and returns those that are new, with their numbers. One whose event the recipient was
    /// told of, and which is still kept, is passed over.
    pub async fn append_notifications(
        &self,
        notifications: &[NewNotification],
    ) -> Result<Vec<StoredNotification>, VaultError> {
        let doing = "append notifications";
        bounded("notifications", notifications.len(), MAX_APPEND)?;
        if notifications.is_empty() {
            return Ok(Vec::new());
        }
        let mut tx = self.sql.begin(doing).await?;
        let mut new = Vec::with_capacity(notifications.len());
        for item in notifications {
            bounded("event", item.event.0.len(), MAX_EVENT_BYTES)?;
            let recipient = item.recipient.as_bytes().as_slice();
            let known =
                sqlx::query("SELECT 1 FROM notifications WHERE recipient = ? AND event = ?")
                    .bind(recipient)
                    .bind(item.event.0.as_str())
                    .fetch_optional(&mut *tx)
                    .await
                    .map_err(VaultError::sql(doing))?;
            if known.is_some() {
                continue;
            }
            let id = counters::next(&mut tx, "notifications", item.recipient).await?;
            sqlx::query(
                "INSERT INTO notifications
                 (recipient, id, event, notice, subject, actor, about, block, at)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )
            .bind(recipient)
            .bind(id)
            .bind(item.event.0.as_str())
            .bind(item.notice.as_str())
            .bind(item.subject.as_bytes().as_slice())
            .bind(item.actor.as_ref().map(|actor| actor.as_bytes().as_slice()))
            .bind(item.about.as_slice())
            .bind(int("block", item.block)?)
            .bind(int("time", item.at)?)
            .execute(&mut *tx)
            .await
            .map_err(VaultError::sql(doing))?;
            let id = id.unsigned_abs();
            // Numbers rise by one, so that up to the bound there is nothing to count.
            if id > MAX_NOTIFICATIONS {
                make_room(&mut tx, item, id).await?;
            }
            new.push(StoredNotification {
                recipient: item.recipient,
                id,
                notice: item.notice,
                subject: item.subject,
                actor: item.actor,
                about: item.about,
                block: item.block,
                at: item.at,
                read: false,
            });
        }
        tx.commit().await.map_err(VaultError::sql(doing))?;
        Ok(new)
    }

    /// Notifications of a recipient after number `after`, oldest first.
    pub async fn notifications_after(
        &self,
        recipient: SubjectId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<StoredNotification>, VaultError> {
        let rows = sqlx::query(
            "SELECT id, notice, subject, actor, about, block, at, read_at FROM notifications
             WHERE recipient = ? AND id > ? ORDER BY id LIMIT ?",
        )
        .bind(recipient.as_bytes().as_slice())
        .bind(int("after", after)?)
        .bind(limit)
        .fetch_all(self.sql.read())
        .await
        .map_err(VaultError::sql("read notifications"))?;
        rows.iter().map(|row| stored(recipient, row)).collect()
    }

    /// Marks all up to and with `up_to` as read; returns how many were not.
    pub async fn mark_read(
        &self,
        recipient: SubjectId,
        up_to: u64,
        at: u64,
    ) -> Result<u64, VaultError> {
        let done = sqlx::query(
            "UPDATE notifications SET read_at = ?
             WHERE recipient = ? AND id <= ? AND read_at IS NULL",
        )
        .bind(int("time", at)?)
        .bind(recipient.as_bytes().as_slice())
        .bind(int("up_to", up_to)?)
        .execute(self.sql.write())
        .await
        .map_err(VaultError::sql("mark notifications read"))?;
        Ok(done.rows_affected())
    }

    /// Deletes notifications that were read more than `keep_secs` ago.
    pub async fn sweep_notifications(&self, now: u64, keep_secs: u64) -> Result<u64, VaultError> {
        let done =
            sqlx::query("DELETE FROM notifications WHERE read_at IS NOT NULL AND read_at < ?")
                .bind(before(now, keep_secs))
                .execute(self.sql.write())
                .await
                .map_err(VaultError::sql("sweep notifications"))?;
        Ok(done.rows_affected())
    }
}

/// Drops one notification when there are too many: the oldest by the same actor of the same kind as the newest, `id`,
/// so that nobody who repeats something pushes out what others did; where there is none, the oldest of the actor and
/// kind that have most.
async fn make_room(tx: &mut Tx, newest: &NewNotification, id: u64) -> Result<(), VaultError> {
    let doing = "make room for a notification";
    let recipient = newest.recipient.as_bytes().as_slice();
    let row = sqlx::query("SELECT COUNT(*) FROM notifications WHERE recipient = ?")
        .bind(recipient)
        .fetch_one(&mut **tx)
        .await
        .map_err(VaultError::sql(doing))?;
    if Columns(&row).number::<u64>(0, "count")? <= MAX_NOTIFICATIONS {
        return Ok(());
    }
    let id = int("notification id", id)?;
    let actor = newest.actor.as_ref().map(|a| a.as_bytes().as_slice());
    let done = sqlx::query(
        "DELETE FROM notifications WHERE recipient = ?1 AND id = (SELECT MIN(id) FROM notifications
         WHERE recipient = ?1 AND id <> ?2 AND notice = ?3 AND actor IS ?4)",
    )
    .bind(recipient)
    .bind(id)
    .bind(newest.notice.as_str())
    .bind(actor)
    .execute(&mut **tx)
    .await
    .map_err(VaultError::sql(doing))?;
    if done.rows_affected() > 0 {
        return Ok(());
    }
    sqlx::query(
        "DELETE FROM notifications WHERE recipient = ?1 AND id = (SELECT MIN(id) FROM notifications
         WHERE recipient = ?1 AND id <> ?2 GROUP BY actor, notice ORDER BY COUNT(*) DESC, MIN(id) LIMIT 1)",
    )
    .bind(recipient)
    .bind(id)
    .execute(&mut **tx)
    .await
    .map_err(VaultError::sql(doing))?;
    Ok(())
}

fn stored(recipient: SubjectId, row: &SqliteRow) -> Result<StoredNotification, VaultError> {
    let row = Columns(row);
    let notice = row.text(1, "notice")?;
    Ok(StoredNotification {
        recipient,
        id: row.number(0, "notification id")?,
        notice: notice
            .parse()
            .map_err(|_| VaultError::Malformed { what: "notice" })?,
        subject: row.id(2, "subject")?,
        actor: row.maybe_id(3, "actor")?,
        about: row.hash(4, "about")?,
        block: row.number(5, "block")?,
        at: row.number(6, "time")?,
        read: row.maybe_number(7, "read time")?.is_some(),
    })
}
