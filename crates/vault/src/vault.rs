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

    /// Begins a transaction that writes rows of `subject`; refuses an erased one. The file has one writer and `erase`
    /// destroys the key first: a subject erased after this has its rows purged once the transaction has ended.
    pub(crate) async fn begin_of(
        &self,
        subject: SubjectId,
        doing: &'static str,
    ) -> Result<Tx, VaultError> {
        let tx = self.sql.begin(doing).await?;
        if self.keys.is_erased(subject).await? {
            return Err(VaultError::Erased(subject));
        }
        Ok(tx)
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Waker};

    use alloy_primitives::{Address, B256};
    use carechain_domain::{Kind, Lane, RecordId, Uid};
    use tempfile::TempDir;

    use super::*;
    use crate::{DocumentKind, Gate, MAX_STAGED_DOCUMENTS, MAX_VOUCHERS, StageRow, StoredVoucher};

    async fn open(folder: &TempDir) -> Vault {
        let keys = VaultKeys::at(folder.path().join("erase.db"));
        Vault::open(folder.path().join("vault.db"), keys)
            .await
            .unwrap()
    }

    fn subject(byte: u8) -> SubjectId {
        SubjectId::from([byte; 32])
    }

    fn row(byte: u8) -> StageRow {
        StageRow {
            record: RecordId(B256::repeat_byte(byte)),
            version: 1,
            commitment: B256::repeat_byte(byte),
            author: subject(1),
            uid: Uid(B256::repeat_byte(byte)),
            lane: Lane::try_from(1).unwrap(),
            epoch: 0,
            cid: format!("bafk{byte}"),
            size: 9,
            slot: Some(vec![7; 64]),
            inbox: None,
            inbox_key_version: 0,
        }
    }

    async fn number(vault: &Vault, statement: &'static str) -> i64 {
        let row = sqlx::query(statement)
            .fetch_one(vault.sql.read())
            .await
            .unwrap();
        Columns(&row).number(0, "number").unwrap()
    }

    #[tokio::test]
    async fn rows_staged_while_their_subject_is_erased_are_refused() {
        let folder = TempDir::new().unwrap();
        let vault = open(&folder).await;
        vault.stage(subject(1), &[row(1)], 100, 10).await.unwrap();
        let busy = vault.sql.begin("keep the writer").await.unwrap();
        let late = [row(2)];
        let mut staging = pin!(vault.stage(subject(1), &late, 100, 10));
        // The key is cached: the call has it, has sealed the rows, and waits for the writer.
        let mut ctx = Context::from_waker(Waker::noop());
        assert!(staging.as_mut().poll(&mut ctx).is_pending());
        vault.keys.destroy(subject(1), 20).await.unwrap();
        drop(busy);
        let refused = staging.await;
        assert!(matches!(refused, Err(VaultError::Erased(_))), "{refused:?}");
        vault.erase(subject(1), 20).await.unwrap();
        assert_eq!(number(&vault, "SELECT COUNT(*) FROM records").await, 0);
    }

    #[tokio::test]
    async fn the_place_for_staged_documents_is_never_shut() {
        let folder = TempDir::new().unwrap();
        let vault = open(&folder).await;
        // Two of one owner, all others of an owner each; they expire in order.
        sqlx::query(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
             INSERT INTO documents (owner, kind, hash, body, expires)
             SELECT CASE WHEN i > ?1 - 2 THEN ?2 ELSE randomblob(32) END, 2, randomblob(32), x'00', 1000 + i FROM n",
        )
        .bind(MAX_STAGED_DOCUMENTS)
        .bind(subject(5).as_bytes().as_slice())
        .execute(vault.sql.write())
        .await
        .unwrap();
        let first = "SELECT MIN(expires) FROM documents";
        let kind = DocumentKind::Profile;
        let stage = |owner, byte| {
            vault.stage_document(owner, kind, B256::repeat_byte(byte), b"x", 2_000_000)
        };
        stage(subject(5), 1).await.unwrap();
        assert_eq!(
            number(&vault, first).await,
            1_001,
            "the owner's own falls away"
        );
        stage(subject(6), 2).await.unwrap();
        assert_eq!(number(&vault, first).await, 1_002, "the first to expire");
        let count = number(&vault, "SELECT COUNT(*) FROM documents").await;
        assert_eq!(count, i64::from(MAX_STAGED_DOCUMENTS));
    }

    fn voucher(root: u8, nonce: u8) -> StoredVoucher {
        StoredVoucher {
            kind: Kind::Patient,
            root: Address::repeat_byte(root),
            organisation: B256::ZERO,
            nonce: B256::repeat_byte(nonce),
            expiry: 900_000,
            signature: vec![1; 65],
        }
    }

    #[tokio::test]
    async fn the_list_of_vouchers_is_never_shut_and_keeps_what_codes_bought() {
        let folder = TempDir::new().unwrap();
        let vault = open(&folder).await;
        let code = vault
            .new_invitation(Kind::Patient, subject(1), 500, 100)
            .await
            .unwrap();
        let bought = StoredVoucher {
            expiry: 200,
            ..voucher(1, 1)
        };
        vault
            .issue_voucher(&bought, Gate::Invitation(&code), 100)
            .await
            .unwrap();
        sqlx::query(
            "WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
             INSERT INTO vouchers (nonce, kind, root, organisation, signature, expires)
             SELECT randomblob(32), 1, randomblob(20), zeroblob(32), zeroblob(65), 1000 + i FROM n",
        )
        .bind(MAX_VOUCHERS)
        .execute(vault.sql.write())
        .await
        .unwrap();
        let first = "SELECT MIN(expires) FROM vouchers WHERE expires > 1000";
        for nonce in [2, 3] {
            vault
                .issue_voucher(&voucher(2, nonce), Gate::Open, 100)
                .await
                .unwrap();
            assert_eq!(
                number(&vault, first).await,
                1_003,
                "the root's own goes first"
            );
        }
        let last = vault.vouchers_for(Address::repeat_byte(2), 100).await;
        assert_eq!(last.unwrap(), [voucher(2, 3)]);
        let again = vault
            .issue_voucher(&voucher(1, 9), Gate::Invitation(&code), 100)
            .await;
        assert_eq!(again.unwrap(), bought, "what the code bought is kept");
    }
}
