//! Public documents by their hash (key bundles, profiles), staged until the chain names them, and sealed applications.

use std::collections::HashMap;

use alloy_primitives::B256;
use carechain_domain::SubjectId;
use sqlx::QueryBuilder;

use crate::sql::{CHUNK_ROWS, Columns, Db, Tx, bounded, int};
use crate::{Vault, VaultError};

/// Largest public document, in bytes.
pub const MAX_DOCUMENT_BYTES: usize = 16 << 10;
/// Staged documents of one owner and kind; one more drops the one that expires first.
pub const MAX_STAGED_PER_OWNER: u32 = 8;
/// Staged documents in all; one more drops the owner's that expires first, else anybody's.
pub const MAX_STAGED_DOCUMENTS: u32 = 10_000;
/// Largest application as the gateway encodes it, in bytes.
pub const MAX_APPLICATION_BYTES: usize = 40 << 20;

/// What a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DocumentKind {
    /// Generation and public key.
    KeyBundle,
    /// What a doctor, pharmacy or organisation says of itself.
    Profile,
}

impl DocumentKind {
    fn number(self) -> i64 {
        match self {
            DocumentKind::KeyBundle => 1,
            DocumentKind::Profile => 2,
        }
    }
}

/// A doctor's application, as it was handed in.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredApplication {
    /// Commitment, as on chain.
    pub credential_hash: B256,
    /// Envelope and sealed keys, as the gateway encodes them.
    pub body: Vec<u8>,
    /// When it came.
    pub at: u64,
}

impl std::fmt::Debug for StoredApplication {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredApplication")
            .field("credential_hash", &self.credential_hash)
            .finish_non_exhaustive()
    }
}

impl Vault {
    /// Keeps a document that the chain does not name yet until `expires`. A live one stays live.
    pub async fn stage_document(
        &self,
        owner: SubjectId,
        kind: DocumentKind,
        hash: B256,
        body: &[u8],
        expires: u64,
    ) -> Result<(), VaultError> {
        let doing = "stage a document";
        bounded("document", body.len(), MAX_DOCUMENT_BYTES)?;
        let mut tx = self.begin_of(owner, doing).await?;
        make_room(&mut tx, owner).await?;
        sqlx::query(
            "INSERT INTO documents (owner, kind, hash, body, expires) VALUES (?, ?, ?, ?, ?)
             ON CONFLICT (owner, kind, hash) DO UPDATE SET expires = excluded.expires
             WHERE documents.expires IS NOT NULL",
        )
        .bind(owner.as_bytes().as_slice())
        .bind(kind.number())
        .bind(hash.as_slice())
        .bind(body)
        .bind(int("expiry", expires)?)
        .execute(&mut *tx)
        .await
        .map_err(VaultError::sql(doing))?;
        sqlx::query(
            "DELETE FROM documents WHERE owner = ?1 AND kind = ?2 AND expires IS NOT NULL
             AND hash <> ?3 AND hash NOT IN (SELECT hash FROM documents WHERE owner = ?1 AND kind = ?2
             AND expires IS NOT NULL ORDER BY expires DESC, hash LIMIT ?4)",
        )
        .bind(owner.as_bytes().as_slice())
        .bind(kind.number())
        .bind(hash.as_slice())
        .bind(MAX_STAGED_PER_OWNER)
        .execute(&mut *tx)
        .await
        .map_err(VaultError::sql(doing))?;
        tx.commit().await.map_err(VaultError::sql(doing))
    }

    /// Keeps a document whose hash is on chain, in place of the owner's former live one of this kind.
    pub async fn put_document(
        &self,
        owner: SubjectId,
        kind: DocumentKind,
        hash: B256,
        body: &[u8],
    ) -> Result<(), VaultError> {
        let doing = "put a document";
        bounded("document", body.len(), MAX_DOCUMENT_BYTES)?;
        let mut tx = self.begin_of(owner, doing).await?;
        sqlx::query(
            "INSERT INTO documents (owner, kind, hash, body, expires) VALUES (?, ?, ?, ?, NULL)
             ON CONFLICT (owner, kind, hash) DO UPDATE SET expires = NULL",
        )
        .bind(owner.as_bytes().as_slice())
        .bind(kind.number())
        .bind(hash.as_slice())
        .bind(body)
        .execute(&mut *tx)
        .await
        .map_err(VaultError::sql(doing))?;
        drop_former(&mut tx, owner, kind, hash).await?;
        tx.commit().await.map_err(VaultError::sql(doing))
    }

    /// The chain names this hash now: makes a staged document live, in place of the former. Says whether the vault
    /// has it. Idempotent.
    pub async fn promote_document(
        &self,
        owner: SubjectId,
        kind: DocumentKind,
        hash: B256,
    ) -> Result<bool, VaultError> {
        let doing = "promote a document";
        let mut tx = self.sql.begin(doing).await?;
        let done = sqlx::query(
            "UPDATE documents SET expires = NULL WHERE owner = ? AND kind = ? AND hash = ?",
        )
        .bind(owner.as_bytes().as_slice())
        .bind(kind.number())
        .bind(hash.as_slice())
        .execute(&mut *tx)
        .await
        .map_err(VaultError::sql(doing))?;
        let there = done.rows_affected() > 0;
        if there {
            drop_former(&mut tx, owner, kind, hash).await?;
        }
        tx.commit().await.map_err(VaultError::sql(doing))?;
        Ok(there)
    }

    /// A document, staged or live.
    pub async fn document(
        &self,
        owner: SubjectId,
        kind: DocumentKind,
        hash: B256,
    ) -> Result<Option<Vec<u8>>, VaultError> {
        Ok(self.documents(kind, &[(owner, hash)]).await?.remove(&owner))
    }

    /// Documents of many owners, each with the hash on chain.
    pub async fn documents(
        &self,
        kind: DocumentKind,
        wanted: &[(SubjectId, B256)],
    ) -> Result<HashMap<SubjectId, Vec<u8>>, VaultError> {
        let mut found = HashMap::with_capacity(wanted.len());
        for chunk in wanted.chunks(CHUNK_ROWS) {
            let mut query = QueryBuilder::<Db>::new("WITH wanted (owner, hash) AS (");
            query.push_values(chunk, |mut tuple, (owner, hash)| {
                tuple
                    .push_bind(owner.as_bytes().to_vec())
                    .push_bind(hash.to_vec());
            });
            query.push(
                ") SELECT d.owner, d.body FROM wanted CROSS JOIN documents d
                 WHERE d.owner = wanted.owner AND d.hash = wanted.hash AND d.kind = ",
            );
            query.push_bind(kind.number());
            let rows = query
                .build()
                .fetch_all(self.sql.read())
                .await
                .map_err(VaultError::sql("read documents"))?;
            for row in &rows {
                let row = Columns(row);
                found.insert(row.id(0, "owner")?, row.bytes(1, "document")?.to_vec());
            }
        }
        Ok(found)
    }

    /// Deletes staged documents that the chain never named; returns how many.
    pub async fn sweep_documents(&self, now: u64) -> Result<u64, VaultError> {
        let done = sqlx::query("DELETE FROM documents WHERE expires IS NOT NULL AND expires < ?")
            .bind(int("time", now)?)
            .execute(self.sql.write())
            .await
            .map_err(VaultError::sql("sweep documents"))?;
        Ok(done.rows_affected())
    }

    /// Keeps an application in place of a former one.
    pub async fn put_application(
        &self,
        subject: SubjectId,
        credential_hash: B256,
        body: &[u8],
        at: u64,
    ) -> Result<(), VaultError> {
        bounded("application", body.len(), MAX_APPLICATION_BYTES)?;
        let key = self.keys.get_or_make(subject).await?;
        let sealed = key.seal("application", &[credential_hash.as_slice()], body)?;
        sqlx::query(
            "INSERT INTO applications (subject, credential_hash, sealed_body, put_at)
             VALUES (?, ?, ?, ?) ON CONFLICT (subject) DO UPDATE SET
             credential_hash = excluded.credential_hash, sealed_body = excluded.sealed_body,
             put_at = excluded.put_at",
        )
        .bind(subject.as_bytes().as_slice())
        .bind(credential_hash.as_slice())
        .bind(sealed)
        .bind(int("time", at)?)
        .execute(self.sql.write())
        .await
        .map_err(VaultError::sql("put an application"))?;
        Ok(())
    }

    /// The application of a subject.
    pub async fn application(
        &self,
        subject: SubjectId,
    ) -> Result<Option<StoredApplication>, VaultError> {
        let row = sqlx::query(
            "SELECT credential_hash, sealed_body, put_at FROM applications WHERE subject = ?",
        )
        .bind(subject.as_bytes().as_slice())
        .fetch_optional(self.sql.read())
        .await
        .map_err(VaultError::sql("read an application"))?;
        let Some(row) = row else { return Ok(None) };
        let Some(key) = self.keys.get(subject).await? else {
            return Ok(None);
        };
        let row = Columns(&row);
        let credential_hash = row.hash(0, "credential hash")?;
        let body = key.open(
            "application",
            &[credential_hash.as_slice()],
            row.bytes(1, "application")?,
        )?;
        Ok(Some(StoredApplication {
            credential_hash,
            body,
            at: row.number(2, "time")?,
        }))
    }
}

/// Drops one staged document when there are too many: the owner's that expires first, else anybody's. Refusing would
/// shut everybody out until they expire; this harms those alone who are slower to reach the chain than somebody is to
/// stage so many.
async fn make_room(tx: &mut Tx, owner: SubjectId) -> Result<(), VaultError> {
    sqlx::query(
        "DELETE FROM documents WHERE (SELECT COUNT(*) FROM documents WHERE expires IS NOT NULL) >= ?1
         AND (owner, kind, hash) IN (SELECT owner, kind, hash FROM documents
         WHERE expires IS NOT NULL ORDER BY owner <> ?2, expires, hash LIMIT 1)",
    )
    .bind(MAX_STAGED_DOCUMENTS)
    .bind(owner.as_bytes().as_slice())
    .execute(&mut **tx)
    .await
    .map_err(VaultError::sql("make room for a document"))?;
    Ok(())
}

async fn drop_former(
    tx: &mut Tx,
    owner: SubjectId,
    kind: DocumentKind,
    hash: B256,
) -> Result<(), VaultError> {
    sqlx::query(
        "DELETE FROM documents WHERE owner = ? AND kind = ? AND expires IS NULL AND hash <> ?",
    )
    .bind(owner.as_bytes().as_slice())
    .bind(kind.number())
    .bind(hash.as_slice())
    .execute(&mut **tx)
    .await
    .map_err(VaultError::sql("replace a document"))?;
    Ok(())
}
