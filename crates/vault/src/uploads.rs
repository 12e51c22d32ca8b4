//! Who uploaded which blob: for quotas, and to find blobs that no record ever came for.

use carechain_domain::SubjectId;
use sqlx::{QueryBuilder, Row};

use crate::records::MAX_CID_BYTES;
use crate::sql::{CHUNK_ROWS, Columns, Db, bounded, int};
use crate::{Vault, VaultError};

/// Blobs in one call of `add_uploads`.
pub const MAX_UPLOADS: usize = 4_096;

impl Vault {
    /// Notes blobs that `subject` uploaded. Idempotent; uploading again renews the time.
    pub async fn add_uploads(
        &self,
        subject: SubjectId,
        blobs: &[(String, u64)],
        at: u64,
    ) -> Result<(), VaultError> {
        let doing = "note uploads";
        bounded("blobs", blobs.len(), MAX_UPLOADS)?;
        let at = int("time", at)?;
        let mut rows = Vec::with_capacity(blobs.len());
        let mut seen = std::collections::HashSet::with_capacity(blobs.len());
        for (cid, size) in blobs {
            bounded("cid", cid.len(), MAX_CID_BYTES)?;
            if seen.insert(cid.as_str()) {
                rows.push((cid.as_str(), int("size", *size)?));
            }
        }
        let mut tx = self.sql.begin(doing).await?;
        for chunk in rows.chunks(CHUNK_ROWS) {
            let mut query = QueryBuilder::<Db>::new(
                "INSERT INTO uploads (cid, subject, size_bytes, uploaded_at) ",
            );
            query.push_values(chunk, |mut tuple, (cid, size)| {
                tuple
                    .push_bind(*cid)
                    .push_bind(subject.as_bytes().as_slice())
                    .push_bind(*size)
                    .push_bind(at);
            });
            query.push(
                " ON CONFLICT (cid, subject) DO UPDATE
                 SET uploaded_at = excluded.uploaded_at, doomed = 0",
            );
            query
                .build()
                .execute(&mut *tx)
                .await
                .map_err(VaultError::sql(doing))?;
        }
        tx.commit().await.map_err(VaultError::sql(doing))
    }

    /// Bytes that `subject` has uploaded and that are still kept.
    pub async fn uploaded_bytes(&self, subject: SubjectId) -> Result<u64, VaultError> {
        let doing = "sum uploads";
        let row = sqlx::query("SELECT COALESCE(SUM(size_bytes), 0) FROM uploads WHERE subject = ?")
            .bind(subject.as_bytes().as_slice())
            .fetch_one(self.sql.read())
            .await
            .map_err(VaultError::sql(doing))?;
        let sum: i64 = row.try_get(0).map_err(VaultError::sql(doing))?;
        Ok(sum.unsigned_abs())
    }

    /// Those of `cids` that `subject` has not uploaded, or that are about to be removed.
    pub async fn missing_uploads(
        &self,
        subject: SubjectId,
        cids: &[&str],
    ) -> Result<Vec<String>, VaultError> {
        bounded("blobs", cids.len(), MAX_UPLOADS)?;
        let mut present = std::collections::HashSet::with_capacity(cids.len());
        for chunk in cids.chunks(CHUNK_ROWS) {
            let mut query = QueryBuilder::<Db>::new("SELECT cid FROM uploads WHERE subject = ");
            query.push_bind(subject.as_bytes().as_slice());
            query.push(" AND doomed = 0 AND cid IN (");
            let mut list = query.separated(", ");
            for cid in chunk {
                list.push_bind(*cid);
            }
            query.push(")");
            let rows = query
                .build()
                .fetch_all(self.sql.read())
                .await
                .map_err(VaultError::sql("look up uploads"))?;
            for row in &rows {
                present.insert(Columns(row).text(0, "cid")?.to_owned());
            }
        }
        Ok(cids
            .iter()
            .filter(|cid| !present.contains(**cid))
            .map(|cid| (*cid).to_owned())
            .collect())
    }

    /// Dooms blobs that no row refers to and that nobody uploaded since `before`, and lists all doomed ones. The
    /// caller removes them from the store and then calls `forget_uploads`; between the two no upload of them may
    /// be acknowledged.
    pub async fn doom_orphans(&self, before: u64, limit: u32) -> Result<Vec<String>, VaultError> {
        let doing = "find orphaned blobs";
        let mut tx = self.sql.begin(doing).await?;
        sqlx::query(
            "UPDATE uploads SET doomed = 1 WHERE cid IN (
               SELECT u.cid FROM uploads u
               WHERE u.uploaded_at < ?1 AND u.doomed = 0
               AND NOT EXISTS (SELECT 1 FROM records r WHERE r.cid = u.cid)
               AND NOT EXISTS (SELECT 1 FROM uploads v WHERE v.cid = u.cid AND v.uploaded_at >= ?1)
               LIMIT ?2)",
        )
        .bind(int("time", before)?)
        .bind(limit)
        .execute(&mut *tx)
        .await
        .map_err(VaultError::sql(doing))?;
        let rows = sqlx::query(
            "SELECT DISTINCT cid FROM uploads u WHERE doomed = 1
             AND NOT EXISTS (SELECT 1 FROM uploads v WHERE v.cid = u.cid AND v.doomed = 0)
             ORDER BY cid",
        )
        .fetch_all(&mut *tx)
        .await
        .map_err(VaultError::sql(doing))?;
        tx.commit().await.map_err(VaultError::sql(doing))?;
        rows.iter()
            .map(|row| Columns(row).text(0, "cid").map(str::to_owned))
            .collect()
    }

    /// Forgets doomed uploads whose blobs are gone.
    pub async fn forget_uploads(&self, cids: &[String]) -> Result<(), VaultError> {
        let doing = "forget uploads";
        let mut tx = self.sql.begin(doing).await?;
        for cid in cids {
            sqlx::query("DELETE FROM uploads WHERE cid = ? AND doomed = 1")
                .bind(cid.as_str())
                .execute(&mut *tx)
                .await
                .map_err(VaultError::sql(doing))?;
        }
        tx.commit().await.map_err(VaultError::sql(doing))
    }
}
