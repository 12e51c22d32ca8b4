//! Sealed messages from subject to subject: what a request asks, and the like.

use carechain_domain::{RequestId, SubjectId};
use sha2::{Digest, Sha256};

use crate::sql::{Columns, bounded, int};
use crate::{Vault, VaultError, counters};

/// Messages in one mailbox.
pub const MAX_MAIL_PER_RECIPIENT: u32 = 1_000;
/// Messages of one sender in one mailbox.
pub const MAX_MAIL_PER_SENDER: u32 = 64;
/// Largest sealed message, in bytes: 64 KiB of plaintext and what HPKE adds (the encapsulated key and a tag).
pub const MAX_MAIL_BYTES: usize = (64 << 10) + 1_136;

/// A message to be kept.
#[derive(Clone, PartialEq, Eq)]
pub struct NewMail {
    /// For whom.
    pub recipient: SubjectId,
    /// From whom.
    pub sender: SubjectId,
    /// What it is about.
    pub topic: RequestId,
    /// Version of the recipient's key bundle that it is sealed to.
    pub key_version: u16,
    /// The sealed message.
    pub sealed: Vec<u8>,
}

impl std::fmt::Debug for NewMail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewMail")
            .field("topic", &self.topic)
            .finish_non_exhaustive()
    }
}

/// A message in a mailbox.
#[derive(Clone, PartialEq, Eq)]
pub struct MailItem {
    /// Number within the mailbox, rising.
    pub id: u64,
    /// Who sent it.
    pub sender: SubjectId,
    /// What it is about.
    pub topic: RequestId,
    /// Version of the recipient's key bundle that it is sealed to.
    pub key_version: u16,
    /// When it came.
    pub at: u64,
    /// The sealed message.
    pub sealed: Vec<u8>,
}

impl std::fmt::Debug for MailItem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MailItem")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl Vault {
    /// Keeps a message and returns its number; the same message twice is one. Refuses when the mailbox, or the
    /// sender's part of it, is full.
    pub async fn post_mail(&self, mail: &NewMail, at: u64) -> Result<u64, VaultError> {
        let doing = "post mail";
        bounded("mail", mail.sealed.len(), MAX_MAIL_BYTES)?;
        let key = self.keys.get_or_make(mail.recipient).await?;
        let digest: [u8; 32] = Sha256::digest(&mail.sealed).into();
        let mut tx = self.begin_of(mail.recipient, doing).await?;
        let rows = sqlx::query(
            "SELECT id, sender, topic, digest FROM mail WHERE recipient = ? ORDER BY id",
        )
        .bind(mail.recipient.as_bytes().as_slice())
        .fetch_all(&mut *tx)
        .await
        .map_err(VaultError::sql(doing))?;
        let mut from_sender = 0;
        for row in &rows {
            let row = Columns(row);
            if row.id::<SubjectId>(1, "sender")? != mail.sender {
                continue;
            }
            from_sender += 1;
            let same_topic = row.id::<RequestId>(2, "topic")? == mail.topic;
            if same_topic && row.id::<[u8; 32]>(3, "digest")? == digest {
                return row.number(0, "mail id");
            }
        }
        if from_sender >= MAX_MAIL_PER_SENDER {
            let limit = MAX_MAIL_PER_SENDER.into();
            return Err(VaultError::Full {
                what: "the sender's part of the mailbox",
                limit,
            });
        }
        if rows.len() >= MAX_MAIL_PER_RECIPIENT as usize {
            let limit = MAX_MAIL_PER_RECIPIENT.into();
            return Err(VaultError::Full {
                what: "the mailbox",
                limit,
            });
        }
        let id = counters::next(&mut tx, "mail", mail.recipient).await?;
        let place: [&[u8]; 3] = [
            &id.to_be_bytes(),
            mail.sender.as_bytes(),
            mail.topic.as_bytes(),
        ];
        let sealed = key.seal("mail", &place, &mail.sealed)?;
        sqlx::query(
            "INSERT INTO mail (recipient, id, sender, topic, key_version, digest, sealed_mail, at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(mail.recipient.as_bytes().as_slice())
        .bind(id)
        .bind(mail.sender.as_bytes().as_slice())
        .bind(mail.topic.as_bytes().as_slice())
        .bind(i64::from(mail.key_version))
        .bind(digest.as_slice())
        .bind(sealed)
        .bind(int("time", at)?)
        .execute(&mut *tx)
        .await
        .map_err(VaultError::sql(doing))?;
        tx.commit().await.map_err(VaultError::sql(doing))?;
        Ok(id.unsigned_abs())
    }

    /// Messages to `recipient` after number `after`, oldest first.
    pub async fn mail_after(
        &self,
        recipient: SubjectId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<MailItem>, VaultError> {
        let Some(key) = self.keys.get(recipient).await? else {
            return Ok(Vec::new());
        };
        let rows = sqlx::query(
            "SELECT id, sender, topic, key_version, at, sealed_mail FROM mail
             WHERE recipient = ? AND id > ? ORDER BY id LIMIT ?",
        )
        .bind(recipient.as_bytes().as_slice())
        .bind(int("after", after)?)
        .bind(limit.min(MAX_MAIL_PER_RECIPIENT))
        .fetch_all(self.sql.read())
        .await
        .map_err(VaultError::sql("read mail"))?;
        rows.iter()
            .map(|row| {
                let row = Columns(row);
                let id: i64 = row.number(0, "mail id")?;
                let sender: SubjectId = row.id(1, "sender")?;
                let topic: RequestId = row.id(2, "topic")?;
                let place: [&[u8]; 3] = [&id.to_be_bytes(), sender.as_bytes(), topic.as_bytes()];
                Ok(MailItem {
                    id: row.number(0, "mail id")?,
                    sender,
                    topic,
                    key_version: row.number(3, "key version")?,
                    at: row.number(4, "time")?,
                    sealed: key.open("mail", &place, row.bytes(5, "mail")?)?,
                })
            })
            .collect()
    }

    /// Deletes a message; says whether it was there.
    pub async fn delete_mail(&self, recipient: SubjectId, id: u64) -> Result<bool, VaultError> {
        let done = sqlx::query("DELETE FROM mail WHERE recipient = ? AND id = ?")
            .bind(recipient.as_bytes().as_slice())
            .bind(int("mail id", id)?)
            .execute(self.sql.write())
            .await
            .map_err(VaultError::sql("delete mail"))?;
        Ok(done.rows_affected() > 0)
    }
}
