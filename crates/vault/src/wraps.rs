//! Sealed keys of grants: wraps by grant and epochs, back-links from epoch to epoch, keyset copies.
//!
//! The bodies are opaque here (the gateway's signed JSON, 64-byte links, a keyset file) and sealed once more under the
//! patient's erase key.

use std::collections::HashSet;

use carechain_domain::{Epochs, GrantId, Lane, LaneSet, SubjectId};
use sqlx::{QueryBuilder, Row};

use crate::sql::{CHUNK_ROWS, Columns, Db, bounded, int};
use crate::{Vault, VaultError};

/// Wraps of one grant that are kept; putting one more drops the one put first.
pub const MAX_WRAPS_PER_GRANT: u32 = 16;
/// Wraps of one subject.
pub const MAX_WRAPS_PER_SUBJECT: u32 = 4_096;
/// Largest wrap, in bytes.
pub const MAX_WRAP_BYTES: usize = 16 << 10;
/// Back-links in one call.
pub const MAX_BACK_LINKS: usize = 4_096;
/// Largest back-link, in bytes.
pub const MAX_BACK_LINK_BYTES: usize = 256;
/// Largest keyset copy, in bytes.
pub const MAX_KEYSET_BYTES: usize = 64 << 10;

/// A grant's wrap for one state of the epochs.
#[derive(Clone, PartialEq, Eq)]
pub struct Wrap {
    /// Which grant.
    pub grant: GrantId,
    /// The epochs that it opens, others zero.
    pub epochs: Epochs,
    /// Whose records.
    pub subject: SubjectId,
    /// For whom.
    pub grantee: SubjectId,
    /// The signed wrap, as the gateway encodes it.
    pub body: Vec<u8>,
}

impl std::fmt::Debug for Wrap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wrap")
            .field("grant", &self.grant)
            .finish_non_exhaustive()
    }
}

/// An old lane key under the next one.
#[derive(Clone, PartialEq, Eq)]
pub struct BackLink {
    /// Which lane.
    pub lane: Lane,
    /// The older epoch.
    pub epoch: u16,
    /// Sealed by the patient's device.
    pub link: Vec<u8>,
}

impl std::fmt::Debug for BackLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BackLink")
            .field("lane", &self.lane)
            .field("epoch", &self.epoch)
            .finish_non_exhaustive()
    }
}

impl Vault {
    /// Keeps a wrap in place of an earlier one of the same grant and epochs, also before the grant or the epochs are
    /// on chain.
    pub async fn put_wrap(&self, wrap: &Wrap, at: u64) -> Result<(), VaultError> {
        let doing = "put a wrap";
        bounded("wrap", wrap.body.len(), MAX_WRAP_BYTES)?;
        let key = self.keys.get_or_make(wrap.subject).await?;
        let epochs = wrap.epochs.0.to_be_bytes::<32>();
        let sealed = key.seal(
            "wrap",
            &[wrap.grant.as_bytes(), &epochs, wrap.grantee.as_bytes()],
            &wrap.body,
        )?;
        let mut tx = self.begin_of(wrap.subject, doing).await?;
        let row = sqlx::query(
            "SELECT COUNT(*), COALESCE(MAX(put_number), 0) FROM wraps WHERE subject = ?",
        )
        .bind(wrap.subject.as_bytes().as_slice())
        .fetch_one(&mut *tx)
        .await
        .map_err(VaultError::sql(doing))?;
        let (count, last): (i64, i64) = (
            Columns(&row).number(0, "count")?,
            Columns(&row).number(1, "number")?,
        );
        if count >= i64::from(MAX_WRAPS_PER_SUBJECT) {
            return Err(VaultError::Full {
                what: "wraps",
                limit: MAX_WRAPS_PER_SUBJECT.into(),
            });
        }
        sqlx::query(
            "INSERT INTO wraps (grant_id, epochs, subject, grantee, sealed_body, put_at, put_number)
             VALUES (?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT (grant_id, epochs) DO UPDATE SET sealed_body = excluded.sealed_body,
             grantee = excluded.grantee, put_at = excluded.put_at, put_number = excluded.put_number
             WHERE wraps.subject = excluded.subject",
        )
        .bind(wrap.grant.as_bytes().as_slice())
        .bind(epochs.as_slice())
        .bind(wrap.subject.as_bytes().as_slice())
        .bind(wrap.grantee.as_bytes().as_slice())
        .bind(sealed)
        .bind(int("time", at)?)
        .bind(last + 1)
        .execute(&mut *tx)
        .await
        .map_err(VaultError::sql(doing))?;
        sqlx::query(
            "DELETE FROM wraps WHERE grant_id = ?1 AND subject = ?2 AND epochs NOT IN
             (SELECT epochs FROM wraps WHERE grant_id = ?1 ORDER BY put_number DESC LIMIT ?3)",
        )
        .bind(wrap.grant.as_bytes().as_slice())
        .bind(wrap.subject.as_bytes().as_slice())
        .bind(MAX_WRAPS_PER_GRANT)
        .execute(&mut *tx)
        .await
        .map_err(VaultError::sql(doing))?;
        tx.commit().await.map_err(VaultError::sql(doing))
    }

    /// The wrap of a grant for these epochs.
    pub async fn wrap(&self, grant: GrantId, epochs: Epochs) -> Result<Option<Wrap>, VaultError> {
        let bytes = epochs.0.to_be_bytes::<32>();
        let row = sqlx::query(
            "SELECT subject, grantee, sealed_body FROM wraps WHERE grant_id = ? AND epochs = ?",
        )
        .bind(grant.as_bytes().as_slice())
        .bind(bytes.as_slice())
        .fetch_optional(self.sql.read())
        .await
        .map_err(VaultError::sql("read a wrap"))?;
        let Some(row) = row else { return Ok(None) };
        let row = Columns(&row);
        let subject: SubjectId = row.id(0, "subject")?;
        let grantee: SubjectId = row.id(1, "grantee")?;
        let Some(key) = self.keys.get(subject).await? else {
            return Ok(None);
        };
        let place: [&[u8]; 3] = [grant.as_bytes(), &bytes, grantee.as_bytes()];
        let body = key.open("wrap", &place, row.bytes(2, "wrap")?)?;
        Ok(Some(Wrap {
            grant,
            epochs,
            subject,
            grantee,
            body,
        }))
    }

    /// Whether each wrap is there.
    pub async fn has_wraps(&self, wanted: &[(GrantId, Epochs)]) -> Result<Vec<bool>, VaultError> {
        let mut found = HashSet::with_capacity(wanted.len());
        for chunk in wanted.chunks(CHUNK_ROWS) {
            let mut query = QueryBuilder::<Db>::new("WITH wanted (grant_id, epochs) AS (");
            query.push_values(chunk, |mut tuple, (grant, epochs)| {
                tuple
                    .push_bind(grant.as_bytes().to_vec())
                    .push_bind(epochs.0.to_be_bytes::<32>().to_vec());
            });
            query.push(
                ") SELECT w.grant_id, w.epochs FROM wanted CROSS JOIN wraps w
                 WHERE w.grant_id = wanted.grant_id AND w.epochs = wanted.epochs",
            );
            let rows = query
                .build()
                .fetch_all(self.sql.read())
                .await
                .map_err(VaultError::sql("look up wraps"))?;
            for row in &rows {
                let row = Columns(row);
                let grant: GrantId = row.id(0, "grant")?;
                found.insert((grant, row.id::<[u8; 32]>(1, "epochs")?));
            }
        }
        Ok(wanted
            .iter()
            .map(|(grant, epochs)| found.contains(&(*grant, epochs.0.to_be_bytes::<32>())))
            .collect())
    }

    /// Deletes all wraps of a grant that has ended; returns how many there were.
    pub async fn delete_wraps(&self, grant: GrantId) -> Result<u64, VaultError> {
        let done = sqlx::query("DELETE FROM wraps WHERE grant_id = ?")
            .bind(grant.as_bytes().as_slice())
            .execute(self.sql.write())
            .await
            .map_err(VaultError::sql("delete wraps"))?;
        Ok(done.rows_affected())
    }

    /// Keeps back-links of a subject. Idempotent; a later one of the same lane and epoch replaces the former.
    pub async fn put_back_links(
        &self,
        subject: SubjectId,
        links: &[BackLink],
    ) -> Result<(), VaultError> {
        let doing = "put back-links";
        bounded("links", links.len(), MAX_BACK_LINKS)?;
        let key = self.keys.get_or_make(subject).await?;
        let mut tx = self.sql.begin(doing).await?;
        for link in links {
            bounded("link", link.link.len(), MAX_BACK_LINK_BYTES)?;
            let place: [&[u8]; 2] = [&[link.lane.number()], &link.epoch.to_be_bytes()];
            let sealed = key.seal("back-link", &place, &link.link)?;
            sqlx::query(
                "INSERT INTO back_links (subject, lane, epoch, sealed_link) VALUES (?, ?, ?, ?)
                 ON CONFLICT (subject, lane, epoch) DO UPDATE SET sealed_link = excluded.sealed_link",
            )
            .bind(subject.as_bytes().as_slice())
            .bind(i64::from(link.lane.number()))
            .bind(i64::from(link.epoch))
            .bind(sealed)
            .execute(&mut *tx)
            .await
            .map_err(VaultError::sql(doing))?;
        }
        tx.commit().await.map_err(VaultError::sql(doing))
    }

    /// Back-links of a subject's `lanes`, by lane and epoch.
    pub async fn back_links(
        &self,
        subject: SubjectId,
        lanes: LaneSet,
    ) -> Result<Vec<BackLink>, VaultError> {
        let Some(key) = self.keys.get(subject).await? else {
            return Ok(Vec::new());
        };
        let rows = sqlx::query(
            "SELECT lane, epoch, sealed_link FROM back_links WHERE subject = ? ORDER BY lane, epoch",
        )
        .bind(subject.as_bytes().as_slice())
        .fetch_all(self.sql.read())
        .await
        .map_err(VaultError::sql("read back-links"))?;
        let mut links = Vec::new();
        for row in &rows {
            let row = Columns(row);
            let number: u8 = row.number(0, "lane")?;
            let lane =
                Lane::try_from(number).map_err(|_| VaultError::Malformed { what: "lane" })?;
            if !lanes.contains(lane) {
                continue;
            }
            let epoch: u16 = row.number(1, "epoch")?;
            let place: [&[u8]; 2] = [&[number], &epoch.to_be_bytes()];
            let link = key.open("back-link", &place, row.bytes(2, "back-link")?)?;
            links.push(BackLink { lane, epoch, link });
        }
        Ok(links)
    }

    /// Keeps the encrypted keyset file of a subject.
    pub async fn put_keyset(
        &self,
        subject: SubjectId,
        keyset: &[u8],
        at: u64,
    ) -> Result<(), VaultError> {
        bounded("keyset", keyset.len(), MAX_KEYSET_BYTES)?;
        let key = self.keys.get_or_make(subject).await?;
        sqlx::query(
            "INSERT INTO keysets (subject, sealed_keyset, put_at) VALUES (?, ?, ?)
             ON CONFLICT (subject) DO UPDATE SET sealed_keyset = excluded.sealed_keyset,
             put_at = excluded.put_at",
        )
        .bind(subject.as_bytes().as_slice())
        .bind(key.seal("keyset", &[], keyset)?)
        .bind(int("time", at)?)
        .execute(self.sql.write())
        .await
        .map_err(VaultError::sql("put a keyset"))?;
        Ok(())
    }

    /// The encrypted keyset file of a subject.
    pub async fn keyset(&self, subject: SubjectId) -> Result<Option<Vec<u8>>, VaultError> {
        let row = sqlx::query("SELECT sealed_keyset FROM keysets WHERE subject = ?")
            .bind(subject.as_bytes().as_slice())
            .fetch_optional(self.sql.read())
            .await
            .map_err(VaultError::sql("read a keyset"))?;
        let Some(row) = row else { return Ok(None) };
        let Some(key) = self.keys.get(subject).await? else {
            return Ok(None);
        };
        let sealed: &[u8] = row.try_get(0).map_err(VaultError::sql("read a keyset"))?;
        key.open("keyset", &[], sealed).map(Some)
    }
}
