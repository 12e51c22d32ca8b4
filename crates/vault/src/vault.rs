//! The vault as a whole: opening, erasing, closing.

use std::path::{Path, PathBuf};

use carechain_domain::SubjectId;
use sqlx::migrate::Migrator;

use crate::VaultError;
use crate::erase::EraseKeys;
use crate::sql::{Columns, Db, Sql, Tx};

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/vault");

const VAULT_ID: &str = "vault-id";

/// Where the erase keys are kept: a file outside ordinary backups.
#[derive(Clone, Debug)]
pub struct VaultKeys {
    path: PathBuf,
}

impl VaultKeys {
    /// In the file at `path`, made if it is missing.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        VaultKeys { path: path.into() }
    }
}

/// The erasable store of wrapped keys, and of what a node remembers of its people beside the chain.
///
/// Every call is one transaction, durable when it returns; dropped half-way, it leaves nothing.
pub struct Vault {
    pub(crate) sql: Sql,
    pub(crate) keys: EraseKeys,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vault").finish_non_exhaustive()
    }
}

/// What an erasure leaves to be done by others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erasure {
    /// Blobs that nothing refers to any more: to be unpinned.
    pub cids: Vec<String>,
    /// Record versions whose keys are gone.
    pub records: u64,
}

impl Vault {
    /// Opens the vault at `path`, or makes it. Erasures that a restored backup has undone are done again first.
    ///
    /// Refuses a newer schema, and a file of erase keys that is not this vault's.
    pub async fn open(path: impl AsRef<Path>, keys: VaultKeys) -> Result<Vault, VaultError> {
        let sql = Sql::open(path.as_ref(), &MIGRATIONS).await?;
        let erase = EraseKeys::open(&keys.path).await?;
        let vault = Vault { sql, keys: erase };
        vault.bind_keys(&keys.path).await?;
        for subject in vault.keys.erased().await? {
            vault.purge(subject).await?;
        }
        // A crash may have come between an erasure and this.
        vault.keys.truncate_log().await?;
        vault.sql.truncate_log().await?;
        Ok(vault)
    }

    /// Vault and keys carry one random id. The keys' is written first, so that a crash between leaves a pair that fits.
    async fn bind_keys(&self, path: &Path) -> Result<(), VaultError> {
        let ours = self.setting(VAULT_ID).await?;
        let theirs = self.keys.vault_id().await?;
        match (ours, theirs) {
            (Some(ours), Some(theirs)) if ours == theirs => Ok(()),
            (None, Some(theirs)) => self.set_setting(VAULT_ID, &theirs).await,
            (None, None) => {
                let mut id = [0u8; 32];
                getrandom::fill(&mut id).map_err(VaultError::Randomness)?;
                self.keys.set_vault_id(&id).await?;
                self.set_setting(VAULT_ID, &id).await
            }
            (Some(_), _) => Err(VaultError::KeysForeign {
                path: path.display().to_string(),
            }),
        }
    }

    /// Destroys the subject's erase key, then the rows that it sealed. Whatever was readable by the vault's keys is
    /// not any more, in this file and in its backups. Later writes for the subject are refused. Receipts stay.
    ///
    /// Failing to empty a log means that all is deleted but may be found there until this is called again.
    pub async fn erase(&self, subject: SubjectId, at: u64) -> Result<Erasure, VaultError> {
        self.keys.destroy(subject, at).await?;
        let emptied = self.keys.truncate_log().await;
        let erasure = self.purge(subject).await?;
        emptied?;
        self.sql.truncate_log().await?;
        Ok(erasure)
    }

    /// Whether the subject was erased.
    pub async fn is_erased(&self, subject: SubjectId) -> Result<bool, VaultError> {
        self.keys.is_erased(subject).await
    }

    async fn purge(&self, subject: SubjectId) -> Result<Erasure, VaultError> {
        let doing = "erase a subject's rows";
        let mut tx = self.sql.begin(doing).await?;
        let id = subject.as_bytes().as_slice();
        let rows = sqlx::query(
            "SELECT cid FROM uploads WHERE subject = ?1 UNION SELECT cid FROM records WHERE subject = ?1",
        )
        .bind(id)
        .fetch_all(&mut *tx)
        .await
        .map_err(VaultError::sql(doing))?;
        let mut cids = Vec::with_capacity(rows.len());
        for row in &rows {
            cids.push(Columns(row).text(0, "cid")?.to_owned());
        }
        let records = delete(&mut tx, "DELETE FROM records WHERE subject = ?", id).await?;
        for statement in [
            "DELETE FROM uploads WHERE subject = ?",
            "DELETE FROM wraps WHERE subject = ?",
            "DELETE FROM back_links WHERE subject = ?",
            "DELETE FROM keysets WHERE subject = ?",
            "DELETE FROM mail WHERE recipient = ?",
            "DELETE FROM documents WHERE owner = ?",
            "DELETE FROM applications WHERE subject = ?",
            "DELETE FROM notifications WHERE recipient = ?",
            "DELETE FROM sessions WHERE subject = ?",
        ] {
            delete(&mut tx, statement, id).await?;
        }
        let mut unused = Vec::new();
        for cid in cids {
            if !in_use(&mut tx, &cid).await? {
                unused.push(cid);
            }
        }
        tx.commit().await.map_err(VaultError::sql(doing))?;
        Ok(Erasure {
            cids: unused,
            records,
        })
    }

    /// Waits for running statements and closes the files.
    pub async fn close(&self) {
        self.sql.close().await;
        self.keys.close().await;
    }
}

async fn delete(tx: &mut Tx, statement: &'static str, id: &[u8]) -> Result<u64, VaultError> {
    let done = sqlx::query::<Db>(statement)
        .bind(id)
        .execute(&mut **tx)
        .await
        .map_err(VaultError::sql("erase a subject's rows"))?;
    Ok(done.rows_affected())
}

async fn in_use(tx: &mut Tx, cid: &str) -> Result<bool, VaultError> {
    let row = sqlx::query(
        "SELECT 1 FROM records WHERE cid = ?1 UNION ALL SELECT 1 FROM uploads WHERE cid = ?1 LIMIT 1",
    )
    .bind(cid)
    .fetch_optional(&mut **tx)
    .await
    .map_err(VaultError::sql("look up a blob's use"))?;
    Ok(row.is_some())
}
