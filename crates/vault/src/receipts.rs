//! Read receipts, chained per subject, and the nonces of releases.
//!
//! The hash of receipt n is SHA-256("carechain/receipt/v1" ‖ hash of n−1 ‖ digest ‖ signature ‖ u64 at), as
//! docs/records.md has it. The nonce is spent in the receipt's own transaction, so that a replay makes no receipt and
//! a receipt is never without its nonce.

use alloy_primitives::{Address, B256};
use carechain_domain::{RecordId, SubjectId};
use sha2::{Digest, Sha256};
use sqlx::sqlite::SqliteRow;

use crate::records::MAX_RELEASE_ROWS;
use crate::sql::{Columns, Tx, before, bounded, int};
use crate::{Vault, VaultError};

/// Largest statement, in bytes.
pub const MAX_STATEMENT_BYTES: usize = 4 << 10;
/// Largest signature, in bytes.
pub const MAX_SIGNATURE_BYTES: usize = 1 << 10;
/// Seconds that a nonce is kept beyond its expiry: were it forgotten in the second in which its release still counts as
/// fresh, by a clock that was read a little earlier, the release could be played again.
pub const NONCE_GRACE_SECS: u64 = 60;
/// Records named on one page of receipts, beyond which the page ends.
pub const MAX_PAGE_RECORDS: usize = 100_000;

const RECEIPT_DOMAIN: &[u8] = b"carechain/receipt/v1";
const RECORD_BYTES: usize = 36;

/// A release about to be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewReceipt {
    /// Whose records.
    pub subject: SubjectId,
    /// What the reader signed, as JSON.
    pub statement: String,
    /// The digest that was signed.
    pub digest: B256,
    /// Records released, or listed.
    pub records: Vec<(RecordId, u32)>,
    /// Reader's device.
    pub device: Address,
    /// Reader's signature.
    pub signature: Vec<u8>,
    /// Spent with the receipt.
    pub nonce: B256,
    /// Until when the nonce is remembered.
    pub expiry: u64,
    /// The server's time.
    pub at: u64,
}

/// A receipt in its subject's chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredReceipt {
    /// Number, from 1.
    pub number: u64,
    /// What the reader signed, as JSON.
    pub statement: String,
    /// The digest that was signed.
    pub digest: B256,
    /// Records released, or listed.
    pub records: Vec<(RecordId, u32)>,
    /// Reader's device.
    pub device: Address,
    /// Reader's signature.
    pub signature: Vec<u8>,
    /// The server's time.
    pub at: u64,
    /// Hash of the chain up to here.
    pub hash: B256,
}

/// Number and hash of a receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiptTip {
    /// Number, from 1.
    pub number: u64,
    /// Hash of the chain up to here.
    pub hash: B256,
}

/// The hash of a receipt that follows `previous` (zero at first).
pub fn receipt_hash(previous: B256, digest: B256, signature: &[u8], at: u64) -> B256 {
    let mut hasher = Sha256::new();
    hasher.update(RECEIPT_DOMAIN);
    hasher.update(previous);
    hasher.update(digest);
    hasher.update(signature);
    hasher.update(at.to_be_bytes());
    B256::from(<[u8; 32]>::from(hasher.finalize()))
}

impl Vault {
    /// Spends the nonce and adds a receipt to the subject's chain. Refuses a nonce that was used before.
    pub async fn append_receipt(&self, receipt: &NewReceipt) -> Result<ReceiptTip, VaultError> {
        let doing = "append a receipt";
        bounded("statement", receipt.statement.len(), MAX_STATEMENT_BYTES)?;
        bounded("signature", receipt.signature.len(), MAX_SIGNATURE_BYTES)?;
        bounded("records", receipt.records.len(), MAX_RELEASE_ROWS)?;
        let at = int("time", receipt.at)?;
        let mut tx = self.sql.begin(doing).await?;
        if !spend(&mut tx, receipt.nonce, receipt.expiry).await? {
            return Err(VaultError::NonceSpent);
        }
        let subject = receipt.subject.as_bytes().as_slice();
        let last = sqlx::query(
            "SELECT number, hash FROM receipts WHERE subject = ? ORDER BY number DESC LIMIT 1",
        )
        .bind(subject)
        .fetch_optional(&mut *tx)
        .await
        .map_err(VaultError::sql(doing))?;
        let (number, previous) = match &last {
            Some(row) => (
                Columns(row).number::<i64>(0, "number")? + 1,
                Columns(row).hash(1, "hash")?,
            ),
            None => (1, B256::ZERO),
        };
        let hash = receipt_hash(previous, receipt.digest, &receipt.signature, receipt.at);
        sqlx::query(
            "INSERT INTO receipts (subject, number, statement, digest, records, device, signature, at, hash)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(subject)
        .bind(number)
        .bind(receipt.statement.as_str())
        .bind(receipt.digest.as_slice())
        .bind(packed(&receipt.records))
        .bind(receipt.device.as_slice())
        .bind(receipt.signature.as_slice())
        .bind(at)
        .bind(hash.as_slice())
        .execute(&mut *tx)
        .await
        .map_err(VaultError::sql(doing))?;
        tx.commit().await.map_err(VaultError::sql(doing))?;
        Ok(ReceiptTip {
            number: number.unsigned_abs(),
            hash,
        })
    }

    /// Receipts of a subject after number `after`, in order. A page also ends once it names `MAX_PAGE_RECORDS`
    /// records; it holds at least one receipt if there is one.
    pub async fn receipts_after(
        &self,
        subject: SubjectId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<StoredReceipt>, VaultError> {
        let doing = "read receipts";
        let after = int("after", after)?;
        let sizes = sqlx::query(
            "SELECT LENGTH(records) FROM receipts WHERE subject = ? AND number > ?
             ORDER BY number LIMIT ?",
        )
        .bind(subject.as_bytes().as_slice())
        .bind(after)
        .bind(limit)
        .fetch_all(self.sql.read())
        .await
        .map_err(VaultError::sql(doing))?;
        let mut named = 0usize;
        let mut count = 0u32;
        for row in &sizes {
            named += Columns(row).number::<usize>(0, "size")? / RECORD_BYTES;
            if count > 0 && named > MAX_PAGE_RECORDS {
                break;
            }
            count += 1;
        }
        let rows = sqlx::query(
            "SELECT number, statement, digest, records, device, signature, at, hash FROM receipts
             WHERE subject = ? AND number > ? ORDER BY number LIMIT ?",
        )
        .bind(subject.as_bytes().as_slice())
        .bind(after)
        .bind(count)
        .fetch_all(self.sql.read())
        .await
        .map_err(VaultError::sql(doing))?;
        rows.iter().map(unpacked).collect()
    }

    /// Spends the nonce of a release that makes no receipt (an owner's read); `false` if it was used before.
    pub async fn spend_nonce(&self, nonce: B256, expiry: u64) -> Result<bool, VaultError> {
        let doing = "spend a nonce";
        let mut tx = self.sql.begin(doing).await?;
        let fresh = spend(&mut tx, nonce, expiry).await?;
        tx.commit().await.map_err(VaultError::sql(doing))?;
        Ok(fresh)
    }

    /// Forgets nonces that expired [`NONCE_GRACE_SECS`] before `now`: a release that names one is refused for its age.
    pub async fn sweep_nonces(&self, now: u64) -> Result<u64, VaultError> {
        let done = sqlx::query("DELETE FROM nonces WHERE expires < ?")
            .bind(before(now, NONCE_GRACE_SECS))
            .execute(self.sql.write())
            .await
            .map_err(VaultError::sql("sweep nonces"))?;
        Ok(done.rows_affected())
    }
}

async fn spend(tx: &mut Tx, nonce: B256, expiry: u64) -> Result<bool, VaultError> {
    let done =
        sqlx::query("INSERT INTO nonces (nonce, expires) VALUES (?, ?) ON CONFLICT DO NOTHING")
            .bind(nonce.as_slice())
            .bind(int("expiry", expiry)?)
            .execute(&mut **tx)
            .await
            .map_err(VaultError::sql("spend a nonce"))?;
    Ok(done.rows_affected() == 1)
}

fn packed(records: &[(RecordId, u32)]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(records.len() * RECORD_BYTES);
    for (record, version) in records {
        bytes.extend_from_slice(record.as_bytes());
        bytes.extend_from_slice(&version.to_be_bytes());
    }
    bytes
}

fn unpacked(row: &SqliteRow) -> Result<StoredReceipt, VaultError> {
    let row = Columns(row);
    let (chunks, rest) = row.bytes(3, "records")?.as_chunks::<RECORD_BYTES>();
    if !rest.is_empty() {
        return Err(VaultError::Malformed { what: "receipt" });
    }
    let records = chunks
        .iter()
        .map(|chunk| {
            let (record, version) = chunk.split_at(32);
            let record: [u8; 32] = record.try_into().expect("split at 32");
            let version: [u8; 4] = version.try_into().expect("36 less 32");
            (RecordId::from(record), u32::from_be_bytes(version))
        })
        .collect();
    Ok(StoredReceipt {
        number: row.number(0, "number")?,
        statement: row.text(1, "statement")?.to_owned(),
        digest: row.hash(2, "digest")?,
        records,
        device: row.address(4, "device")?,
        signature: row.bytes(5, "signature")?.to_vec(),
        at: row.number(6, "time")?,
        hash: row.hash(7, "hash")?,
    })
}
