//! Who gets in: one-time codes (invitations, the claim of a new node) and the vouchers issued against them.
//!
//! A code is kept as its SHA-256. It buys one voucher; asking again with the same root key while that voucher lasts
//! gives the same voucher, so that a lost answer loses nothing.

use alloy_primitives::{Address, B256};
use carechain_domain::{Kind, SubjectId};

use crate::sessions::{hashed, random_text};
use crate::sql::{Columns, Tx, bounded, int};
use crate::{Vault, VaultError};

/// Codes that are outstanding.
pub const MAX_CODES: u32 = 10_000;
/// Vouchers that are outstanding; one more drops one that no code bought.
pub const MAX_VOUCHERS: u32 = 100_000;

/// What a voucher is asked for with.
#[derive(Clone, Copy)]
pub enum Gate<'a> {
    /// Anybody may have one.
    Open,
    /// An invitation code.
    Invitation(&'a str),
    /// The node's claim code. Good again for another root once the voucher it bought has expired; the gateway refuses
    /// it as soon as the chain has an administrator.
    Claim(&'a str),
}

impl std::fmt::Debug for Gate<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Gate::Open => "Gate::Open",
            Gate::Invitation(_) => "Gate::Invitation(…)",
            Gate::Claim(_) => "Gate::Claim(…)",
        })
    }
}

/// A signed voucher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredVoucher {
    /// Kind of subject.
    pub kind: Kind,
    /// Root address.
    pub root: Address,
    /// Organisation whose operator signed; zero is the node's own.
    pub organisation: B256,
    /// Spent once.
    pub nonce: B256,
    /// Until when.
    pub expiry: u64,
    /// The operator's signature.
    pub signature: Vec<u8>,
}

struct Code {
    hash: [u8; 32],
    voucher: Option<B256>,
    is_claim: bool,
}

impl Vault {
    /// Makes an invitation code for one subject of `kind`, good until `expires`.
    pub async fn new_invitation(
        &self,
        kind: Kind,
        issuer: SubjectId,
        expires: u64,
        now: u64,
    ) -> Result<String, VaultError> {
        let doing = "make an invitation";
        let code = random_text()?;
        let mut tx = self.sql.begin(doing).await?;
        let row = sqlx::query("SELECT COUNT(*) FROM codes WHERE expires >= ?")
            .bind(int("time", now)?)
            .fetch_one(&mut *tx)
            .await
            .map_err(VaultError::sql(doing))?;
        if Columns(&row).number::<i64>(0, "count")? >= i64::from(MAX_CODES) {
            return Err(VaultError::Full {
                what: "the list of codes",
                limit: MAX_CODES.into(),
            });
        }
        sqlx::query(
            "INSERT INTO codes (code_hash, purpose, kind, issuer, expires)
             VALUES (?, 'invitation', ?, ?, ?)",
        )
        .bind(hashed(&code).as_slice())
        .bind(i64::from(kind.number()))
        .bind(issuer.as_bytes().as_slice())
        .bind(int("expiry", expires)?)
        .execute(&mut *tx)
        .await
        .map_err(VaultError::sql(doing))?;
        tx.commit().await.map_err(VaultError::sql(doing))?;
        Ok(code)
    }

    /// Sets the code that claims the node, in place of a former one.
    pub async fn set_claim_code(&self, code: &str) -> Result<(), VaultError> {
        let doing = "set the claim code";
        let mut tx = self.sql.begin(doing).await?;
        sqlx::query("DELETE FROM codes WHERE purpose = 'claim' AND code_hash <> ?")
            .bind(hashed(code).as_slice())
            .execute(&mut *tx)
            .await
            .map_err(VaultError::sql(doing))?;
        sqlx::query(
            "INSERT INTO codes (code_hash, purpose, kind, issuer, expires)
             VALUES (?, 'claim', ?, NULL, ?) ON CONFLICT (code_hash) DO NOTHING",
        )
        .bind(hashed(code).as_slice())
        .bind(i64::from(Kind::Administrator.number()))
        .bind(i64::MAX)
        .execute(&mut *tx)
        .await
        .map_err(VaultError::sql(doing))?;
        tx.commit().await.map_err(VaultError::sql(doing))
    }

    /// Whether a claim code was ever set.
    pub async fn has_claim_code(&self) -> Result<bool, VaultError> {
        let row = sqlx::query("SELECT COUNT(*) FROM codes WHERE purpose = 'claim'")
            .fetch_one(self.sql.read())
            .await
            .map_err(VaultError::sql("look up the claim code"))?;
        Ok(Columns(&row).number::<i64>(0, "count")? > 0)
    }

    /// Keeps `voucher`, freshly signed, if `gate` lets it through, and returns the voucher to hand out: this one, or
    /// the one that the same code bought the same root before.
    pub async fn issue_voucher(
        &self,
        voucher: &StoredVoucher,
        gate: Gate<'_>,
        now: u64,
    ) -> Result<StoredVoucher, VaultError> {
        let doing = "issue a voucher";
        bounded(
            "signature",
            voucher.signature.len(),
            crate::receipts::MAX_SIGNATURE_BYTES,
        )?;
        let mut tx = self.sql.begin(doing).await?;
        let code = match gate {
            Gate::Open => None,
            Gate::Invitation(code) => {
                Some(find_code(&mut tx, "invitation", code, voucher.kind, now).await?)
            }
            Gate::Claim(code) => Some(find_code(&mut tx, "claim", code, voucher.kind, now).await?),
        };
        if let Some(code) = &code
            && let Some(earlier) = earlier(&mut tx, code, voucher, now).await?
        {
            return Ok(earlier);
        }
        make_room(&mut tx, voucher.root, now).await?;
        insert(&mut tx, voucher).await?;
        if let Some(code) = code {
            sqlx::query("UPDATE codes SET voucher = ? WHERE code_hash = ?")
                .bind(voucher.nonce.as_slice())
                .bind(code.hash.as_slice())
                .execute(&mut *tx)
                .await
                .map_err(VaultError::sql(doing))?;
        }
        tx.commit().await.map_err(VaultError::sql(doing))?;
        Ok(voucher.clone())
    }

    /// Vouchers issued to a root key that still last: the admission of a register call asks for one.
    pub async fn vouchers_for(
        &self,
        root: Address,
        now: u64,
    ) -> Result<Vec<StoredVoucher>, VaultError> {
        let rows = sqlx::query(
            "SELECT nonce, kind, root, organisation, signature, expires FROM vouchers
             WHERE root = ? AND expires >= ? ORDER BY expires DESC, nonce LIMIT 16",
        )
        .bind(root.as_slice())
        .bind(int("time", now)?)
        .fetch_all(self.sql.read())
        .await
        .map_err(VaultError::sql("look up vouchers"))?;
        rows.iter().map(stored).collect()
    }

    /// Deletes codes and vouchers that have expired, codes 30 days later so that what they bought can be looked up.
    pub async fn sweep_vouchers(&self, now: u64) -> Result<u64, VaultError> {
        const KEEP_SECS: u64 = 30 * 86_400;
        let doing = "sweep vouchers";
        let mut tx = self.sql.begin(doing).await?;
        let vouchers = sqlx::query("DELETE FROM vouchers WHERE expires < ?")
            .bind(int("time", now)?)
            .execute(&mut *tx)
            .await
            .map_err(VaultError::sql(doing))?;
        let codes = sqlx::query("DELETE FROM codes WHERE expires < ?")
            .bind(crate::sql::before(now, KEEP_SECS))
            .execute(&mut *tx)
            .await
            .map_err(VaultError::sql(doing))?;
        tx.commit().await.map_err(VaultError::sql(doing))?;
        Ok(vouchers.rows_affected() + codes.rows_affected())
    }
}

async fn find_code(
    tx: &mut Tx,
    purpose: &'static str,
    code: &str,
    kind: Kind,
    now: u64,
) -> Result<Code, VaultError> {
    // The lookup is by hash: what its time tells is about the hash of a guess, not about a code.
    let hash = hashed(code);
    let row = sqlx::query(
        "SELECT voucher FROM codes WHERE code_hash = ? AND purpose = ? AND kind = ? AND expires >= ?",
    )
    .bind(hash.as_slice())
    .bind(purpose)
    .bind(i64::from(kind.number()))
    .bind(int("time", now)?)
    .fetch_optional(&mut **tx)
    .await
    .map_err(VaultError::sql("look up a code"))?;
    let row = row.ok_or(VaultError::CodeRefused)?;
    let voucher = Columns(&row)
        .maybe_id::<[u8; 32]>(0, "voucher nonce")?
        .map(B256::from);
    Ok(Code {
        hash,
        voucher,
        is_claim: purpose == "claim",
    })
}

/// What the code bought before: handed out again to the same root, a refusal to another.
async fn earlier(
    tx: &mut Tx,
    code: &Code,
    asked: &StoredVoucher,
    now: u64,
) -> Result<Option<StoredVoucher>, VaultError> {
    let Some(nonce) = code.voucher else {
        return Ok(None);
    };
    let row = sqlx::query(
        "SELECT nonce, kind, root, organisation, signature, expires FROM vouchers WHERE nonce = ?",
    )
    .bind(nonce.as_slice())
    .fetch_optional(&mut **tx)
    .await
    .map_err(VaultError::sql("look up a voucher"))?;
    let before = row.as_ref().map(stored).transpose()?;
    match before {
        Some(before) if before.expiry >= now && before.root == asked.root => Ok(Some(before)),
        Some(before) if before.expiry >= now => Err(VaultError::CodeRefused),
        _ if code.is_claim => Ok(None),
        Some(before) if before.root == asked.root => Ok(None),
        _ => Err(VaultError::CodeRefused),
    }
}

/// Drops one voucher when there are too many: an expired one first, then the root's own, then the one that expires
/// first. What a code bought stays, since the code buys nothing else; refuses when nothing else is left to drop.
async fn make_room(tx: &mut Tx, root: Address, now: u64) -> Result<(), VaultError> {
    let doing = "make room for a voucher";
    let row = sqlx::query("SELECT COUNT(*) FROM vouchers")
        .fetch_one(&mut **tx)
        .await
        .map_err(VaultError::sql(doing))?;
    if Columns(&row).number::<i64>(0, "count")? < i64::from(MAX_VOUCHERS) {
        return Ok(());
    }
    let done = sqlx::query(
        "DELETE FROM vouchers WHERE nonce IN (SELECT nonce FROM vouchers
         WHERE nonce NOT IN (SELECT voucher FROM codes WHERE voucher IS NOT NULL)
         ORDER BY expires >= ?1, root <> ?2, expires, nonce LIMIT 1)",
    )
    .bind(int("time", now)?)
    .bind(root.as_slice())
    .execute(&mut **tx)
    .await
    .map_err(VaultError::sql(doing))?;
    if done.rows_affected() == 0 {
        return Err(VaultError::Full {
            what: "the list of vouchers",
            limit: MAX_VOUCHERS.into(),
        });
    }
    Ok(())
}

async fn insert(tx: &mut Tx, voucher: &StoredVoucher) -> Result<(), VaultError> {
    sqlx::query(
        "INSERT INTO vouchers (nonce, kind, root, organisation, signature, expires)
         VALUES (?, ?, ?, ?, ?, ?)",
    )
    .bind(voucher.nonce.as_slice())
    .bind(i64::from(voucher.kind.number()))
    .bind(voucher.root.as_slice())
    .bind(voucher.organisation.as_slice())
    .bind(voucher.signature.as_slice())
    .bind(int("expiry", voucher.expiry)?)
    .execute(&mut **tx)
    .await
    .map_err(VaultError::sql("issue a voucher"))?;
    Ok(())
}

fn stored(row: &sqlx::sqlite::SqliteRow) -> Result<StoredVoucher, VaultError> {
    let row = Columns(row);
    let kind: u8 = row.number(1, "kind")?;
    Ok(StoredVoucher {
        nonce: row.hash(0, "nonce")?,
        kind: Kind::try_from(kind).map_err(|_| VaultError::Malformed { what: "kind" })?,
        root: row.address(2, "root")?,
        organisation: row.hash(3, "organisation")?,
        signature: row.bytes(4, "signature")?.to_vec(),
        expiry: row.number(5, "expiry")?,
    })
}
