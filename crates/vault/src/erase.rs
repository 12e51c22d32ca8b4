//! Erase keys: one random key a subject, in a file of its own. Rows that hold keys are sealed under it, so that
//! destroying 32 bytes makes them unreadable here and in every backup of the vault.
//!
//! Sealing is XChaCha20-Poly1305 under a random 24-byte nonce; its associated data names the column, the subject and
//! the row, so that no sealed value can stand in for another. Sealed = nonce ‖ ciphertext ‖ tag.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use carechain_domain::SubjectId;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use sqlx::Row;
use sqlx::migrate::Migrator;
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use crate::VaultError;
use crate::sql::{Columns, Sql, int};

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/erase");

/// Keys held in memory at most; beyond it, all are dropped and read again when needed.
const MAX_CACHED_KEYS: usize = 4_096;
const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;
const DOMAIN: &[u8] = b"carechain/vault/v1";

/// A subject's erase key, ready to seal and open.
#[derive(Clone)]
pub(crate) struct EraseKey {
    subject: SubjectId,
    cipher: Arc<XChaCha20Poly1305>,
}

impl EraseKey {
    fn new(subject: SubjectId, key: &[u8; 32]) -> Self {
        let cipher = Arc::new(XChaCha20Poly1305::new(key.into()));
        EraseKey { subject, cipher }
    }

    fn context(&self, column: &'static str, row: &[&[u8]]) -> Vec<u8> {
        let mut context = Vec::with_capacity(160);
        context.extend_from_slice(DOMAIN);
        for part in [column.as_bytes(), self.subject.as_bytes()]
            .iter()
            .chain(row)
        {
            context.extend_from_slice(&(part.len() as u64).to_be_bytes());
            context.extend_from_slice(part);
        }
        context
    }

    /// Seals a value of the row that `row` names.
    pub(crate) fn seal(
        &self,
        column: &'static str,
        row: &[&[u8]],
        value: &[u8],
    ) -> Result<Vec<u8>, VaultError> {
        let mut nonce = [0u8; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(VaultError::Randomness)?;
        let aad = self.context(column, row);
        let sealed = self
            .cipher
            .encrypt(
                &XNonce::from(nonce),
                Payload {
                    msg: value,
                    aad: &aad,
                },
            )
            .expect("values are bounded far below the cipher's limit of 256 GiB");
        let mut out = Vec::with_capacity(NONCE_BYTES + sealed.len());
        out.extend_from_slice(&nonce);
        out.extend_from_slice(&sealed);
        Ok(out)
    }

    /// Opens what `seal` made for the same column and row.
    pub(crate) fn open(
        &self,
        column: &'static str,
        row: &[&[u8]],
        sealed: &[u8],
    ) -> Result<Vec<u8>, VaultError> {
        let fault = || VaultError::Unreadable { what: column };
        if sealed.len() < NONCE_BYTES + TAG_BYTES {
            return Err(fault());
        }
        let (nonce, body) = sealed.split_at(NONCE_BYTES);
        let nonce = XNonce::try_from(nonce).map_err(|_| fault())?;
        let aad = self.context(column, row);
        self.cipher
            .decrypt(
                &nonce,
                Payload {
                    msg: body,
                    aad: &aad,
                },
            )
            .map_err(|_| fault())
    }
}

/// The file of erase keys.
pub(crate) struct EraseKeys {
    sql: Sql,
    /// Also the lock between loading and destroying, so that no destroyed key stays cached.
    cached: Mutex<HashMap<SubjectId, EraseKey>>,
}

impl EraseKeys {
    pub(crate) async fn open(path: &Path) -> Result<Self, VaultError> {
        let sql = Sql::open(path, &MIGRATIONS).await?;
        Ok(EraseKeys {
            sql,
            cached: Mutex::new(HashMap::new()),
        })
    }

    /// Which vault the keys belong to.
    pub(crate) async fn vault_id(&self) -> Result<Option<[u8; 32]>, VaultError> {
        let row = sqlx::query("SELECT id FROM vault")
            .fetch_optional(self.sql.read())
            .await
            .map_err(VaultError::sql("read the vault's id"))?;
        row.map(|row| Columns(&row).id(0, "vault id")).transpose()
    }

    pub(crate) async fn set_vault_id(&self, id: &[u8; 32]) -> Result<(), VaultError> {
        sqlx::query("INSERT INTO vault (id) VALUES (?)")
            .bind(id.as_slice())
            .execute(self.sql.write())
            .await
            .map_err(VaultError::sql("write the vault's id"))?;
        Ok(())
    }

    /// The subject's key; none if it never had one or was erased.
    pub(crate) async fn get(&self, subject: SubjectId) -> Result<Option<EraseKey>, VaultError> {
        let mut cached = self.cached.lock().await;
        self.load(&mut cached, subject).await
    }

    /// The subject's key, made durable first if there is none. Refuses an erased subject.
    pub(crate) async fn get_or_make(&self, subject: SubjectId) -> Result<EraseKey, VaultError> {
        let mut cached = self.cached.lock().await;
        if let Some(key) = self.load(&mut cached, subject).await? {
            return Ok(key);
        }
        let doing = "make an erase key";
        let mut tx = self.sql.begin(doing).await?;
        let erased = sqlx::query("SELECT 1 FROM erased WHERE subject = ?")
            .bind(subject.as_bytes().as_slice())
            .fetch_optional(&mut *tx)
            .await
            .map_err(VaultError::sql(doing))?;
        if erased.is_some() {
            return Err(VaultError::Erased(subject));
        }
        let mut bytes = Zeroizing::new([0u8; 32]);
        getrandom::fill(bytes.as_mut()).map_err(VaultError::Randomness)?;
        sqlx::query("INSERT INTO keys (subject, key) VALUES (?, ?)")
            .bind(subject.as_bytes().as_slice())
            .bind(bytes.as_slice())
            .execute(&mut *tx)
            .await
            .map_err(VaultError::sql(doing))?;
        tx.commit().await.map_err(VaultError::sql(doing))?;
        let key = EraseKey::new(subject, &bytes);
        remember(&mut cached, key.clone());
        Ok(key)
    }

    async fn load(
        &self,
        cached: &mut HashMap<SubjectId, EraseKey>,
        subject: SubjectId,
    ) -> Result<Option<EraseKey>, VaultError> {
        if let Some(key) = cached.get(&subject) {
            return Ok(Some(key.clone()));
        }
        let row = sqlx::query("SELECT key FROM keys WHERE subject = ?")
            .bind(subject.as_bytes().as_slice())
            .fetch_optional(self.sql.read())
            .await
            .map_err(VaultError::sql("read an erase key"))?;
        let Some(row) = row else { return Ok(None) };
        let bytes: Zeroizing<[u8; 32]> = Zeroizing::new(Columns(&row).id(0, "erase key")?);
        let key = EraseKey::new(subject, &bytes);
        remember(cached, key.clone());
        Ok(Some(key))
    }

    /// Moves the log into the file, so that no destroyed key lies in it.
    pub(crate) async fn truncate_log(&self) -> Result<(), VaultError> {
        self.sql.truncate_log().await
    }

    /// Destroys the subject's key for ever and remembers that it was; `truncate_log` completes it. Idempotent.
    pub(crate) async fn destroy(&self, subject: SubjectId, at: u64) -> Result<(), VaultError> {
        let doing = "destroy an erase key";
        let mut cached = self.cached.lock().await;
        cached.remove(&subject);
        let mut tx = self.sql.begin(doing).await?;
        sqlx::query("INSERT INTO erased (subject, at) VALUES (?, ?) ON CONFLICT DO NOTHING")
            .bind(subject.as_bytes().as_slice())
            .bind(int("time of erasure", at)?)
            .execute(&mut *tx)
            .await
            .map_err(VaultError::sql(doing))?;
        sqlx::query("DELETE FROM keys WHERE subject = ?")
            .bind(subject.as_bytes().as_slice())
            .execute(&mut *tx)
            .await
            .map_err(VaultError::sql(doing))?;
        tx.commit().await.map_err(VaultError::sql(doing))
    }

    /// Everybody erased so far.
    pub(crate) async fn erased(&self) -> Result<Vec<SubjectId>, VaultError> {
        let rows = sqlx::query("SELECT subject FROM erased ORDER BY subject")
            .fetch_all(self.sql.read())
            .await
            .map_err(VaultError::sql("list erased subjects"))?;
        rows.iter()
            .map(|row| Columns(row).id(0, "erased subject"))
            .collect()
    }

    /// Whether the subject was erased.
    pub(crate) async fn is_erased(&self, subject: SubjectId) -> Result<bool, VaultError> {
        let row = sqlx::query("SELECT COUNT(*) FROM erased WHERE subject = ?")
            .bind(subject.as_bytes().as_slice())
            .fetch_one(self.sql.read())
            .await
            .map_err(VaultError::sql("look up an erasure"))?;
        let count: i64 = row
            .try_get(0)
            .map_err(VaultError::sql("look up an erasure"))?;
        Ok(count > 0)
    }

    pub(crate) async fn close(&self) {
        self.sql.close().await;
    }
}

fn remember(cached: &mut HashMap<SubjectId, EraseKey>, key: EraseKey) {
    if cached.len() >= MAX_CACHED_KEYS {
        cached.clear();
    }
    cached.insert(key.subject, key);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_sealed_value_opens_in_its_own_place_alone() {
        let subject = SubjectId::from([1; 32]);
        let key = EraseKey::new(subject, &[7; 32]);
        let sealed = key.seal("slot", &[b"a", b"bc"], b"secret").unwrap();
        assert_eq!(
            key.open("slot", &[b"a", b"bc"], &sealed).unwrap(),
            b"secret"
        );
        assert!(key.open("inbox", &[b"a", b"bc"], &sealed).is_err());
        assert!(key.open("slot", &[b"ab", b"c"], &sealed).is_err());
        assert!(
            EraseKey::new(SubjectId::from([2; 32]), &[7; 32])
                .open("slot", &[b"a", b"bc"], &sealed)
                .is_err()
        );
        assert!(
            EraseKey::new(subject, &[8; 32])
                .open("slot", &[b"a", b"bc"], &sealed)
                .is_err()
        );
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(key.open("slot", &[b"a", b"bc"], &changed).is_err());
            assert!(key.open("slot", &[b"a", b"bc"], &sealed[..at]).is_err());
        }
    }
}
