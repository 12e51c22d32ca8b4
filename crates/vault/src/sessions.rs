//! Sessions and the nonces of signing in. Tokens are kept as their SHA-256 alone.

use alloy_primitives::Address;
use carechain_domain::SubjectId;
use sha2::{Digest, Sha256};

use crate::sql::{Columns, int};
use crate::{Vault, VaultError};

/// Live sessions of one subject; one more ends the oldest.
pub const MAX_SESSIONS_PER_SUBJECT: u32 = 32;
/// Sign-in nonces that are outstanding; one more drops the oldest.
pub const MAX_SIGN_IN_NONCES: u32 = 100_000;

/// The text that stands for a session, in a cookie. Shown nowhere else.
#[derive(Clone)]
pub struct SessionToken(String);

impl SessionToken {
    /// For the cookie.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SessionToken(…)")
    }
}

/// Who a session acts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredSession {
    /// The subject.
    pub subject: SubjectId,
    /// The key that signed in.
    pub address: Address,
    /// First second at which it no longer holds.
    pub expires: u64,
}

/// 32 random bytes as hex.
pub(crate) fn random_text() -> Result<String, VaultError> {
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes).map_err(VaultError::Randomness)?;
    Ok(hex::encode(bytes))
}

pub(crate) fn hashed(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

impl Vault {
    /// Makes a nonce for signing in, good once until `expires`. 64 hex digits, so letters and digits alone.
    pub async fn new_sign_in_nonce(&self, expires: u64, now: u64) -> Result<String, VaultError> {
        let doing = "make a sign-in nonce";
        let nonce = random_text()?;
        let mut tx = self.sql.begin(doing).await?;
        sqlx::query("DELETE FROM sign_in_nonces WHERE expires < ?")
            .bind(int("time", now)?)
            .execute(&mut *tx)
            .await
            .map_err(VaultError::sql(doing))?;
        // Anybody may ask for one. Refusing when full would lock everybody out until they expire; dropping the oldest
        // harms only those who are slower to sign in than somebody is to ask for so many.
        sqlx::query(
            "DELETE FROM sign_in_nonces WHERE (SELECT COUNT(*) FROM sign_in_nonces) >= ?1 AND nonce IN
             (SELECT nonce FROM sign_in_nonces ORDER BY expires, nonce LIMIT 1)",
        )
        .bind(MAX_SIGN_IN_NONCES)
        .execute(&mut *tx)
        .await
        .map_err(VaultError::sql(doing))?;
        sqlx::query("INSERT INTO sign_in_nonces (nonce, expires) VALUES (?, ?)")
            .bind(nonce.as_str())
            .bind(int("expiry", expires)?)
            .execute(&mut *tx)
            .await
            .map_err(VaultError::sql(doing))?;
        tx.commit().await.map_err(VaultError::sql(doing))?;
        Ok(nonce)
    }

    /// Spends a sign-in nonce; `false` if it is unknown, used or expired.
    pub async fn spend_sign_in_nonce(&self, nonce: &str, now: u64) -> Result<bool, VaultError> {
        let done = sqlx::query("DELETE FROM sign_in_nonces WHERE nonce = ? AND expires >= ?")
            .bind(nonce)
            .bind(int("time", now)?)
            .execute(self.sql.write())
            .await
            .map_err(VaultError::sql("spend a sign-in nonce"))?;
        Ok(done.rows_affected() == 1)
    }

    /// Begins a session.
    pub async fn new_session(
        &self,
        subject: SubjectId,
        address: Address,
        expires: u64,
        now: u64,
    ) -> Result<SessionToken, VaultError> {
        let doing = "begin a session";
        if self.keys.is_erased(subject).await? {
            return Err(VaultError::Erased(subject));
        }
        let token = random_text()?;
        let mut tx = self.sql.begin(doing).await?;
        sqlx::query(
            "INSERT INTO sessions (token_hash, subject, address, created_at, expires)
             VALUES (?, ?, ?, ?, ?)",
        )
        .bind(hashed(&token).as_slice())
        .bind(subject.as_bytes().as_slice())
        .bind(address.as_slice())
        .bind(int("time", now)?)
        .bind(int("expiry", expires)?)
        .execute(&mut *tx)
        .await
        .map_err(VaultError::sql(doing))?;
        sqlx::query(
            "DELETE FROM sessions WHERE subject = ?1 AND token_hash <> ?2 AND token_hash NOT IN
             (SELECT token_hash FROM sessions WHERE subject = ?1
              ORDER BY created_at DESC, token_hash LIMIT ?3)",
        )
        .bind(subject.as_bytes().as_slice())
        .bind(hashed(&token).as_slice())
        .bind(MAX_SESSIONS_PER_SUBJECT)
        .execute(&mut *tx)
        .await
        .map_err(VaultError::sql(doing))?;
        tx.commit().await.map_err(VaultError::sql(doing))?;
        Ok(SessionToken(token))
    }

    /// The session that `token` stands for, while it lasts.
    pub async fn session(
        &self,
        token: &str,
        now: u64,
    ) -> Result<Option<StoredSession>, VaultError> {
        let row = sqlx::query(
            "SELECT subject, address, expires FROM sessions WHERE token_hash = ? AND expires > ?",
        )
        .bind(hashed(token).as_slice())
        .bind(int("time", now)?)
        .fetch_optional(self.sql.read())
        .await
        .map_err(VaultError::sql("look up a session"))?;
        let Some(row) = row else { return Ok(None) };
        let row = Columns(&row);
        Ok(Some(StoredSession {
            subject: row.id(0, "subject")?,
            address: row.address(1, "address")?,
            expires: row.number(2, "expiry")?,
        }))
    }

    /// Ends a session; says whether there was one.
    pub async fn end_session(&self, token: &str) -> Result<bool, VaultError> {
        let done = sqlx::query("DELETE FROM sessions WHERE token_hash = ?")
            .bind(hashed(token).as_slice())
            .execute(self.sql.write())
            .await
            .map_err(VaultError::sql("end a session"))?;
        Ok(done.rows_affected() > 0)
    }

    /// Ends the sessions that a key of `subject` signed, for a device that was removed.
    pub async fn end_sessions_of(
        &self,
        subject: SubjectId,
        address: Address,
    ) -> Result<u64, VaultError> {
        let done = sqlx::query("DELETE FROM sessions WHERE subject = ? AND address = ?")
            .bind(subject.as_bytes().as_slice())
            .bind(address.as_slice())
            .execute(self.sql.write())
            .await
            .map_err(VaultError::sql("end sessions"))?;
        Ok(done.rows_affected())
    }

    /// Deletes sessions and sign-in nonces that have expired.
    pub async fn sweep_sessions(&self, now: u64) -> Result<u64, VaultError> {
        let doing = "sweep sessions";
        let now = int("time", now)?;
        let mut tx = self.sql.begin(doing).await?;
        let mut swept = 0;
        for statement in [
            "DELETE FROM sessions WHERE expires <= ?",
            "DELETE FROM sign_in_nonces WHERE expires < ?",
        ] {
            swept += sqlx::query(statement)
                .bind(now)
                .execute(&mut *tx)
                .await
                .map_err(VaultError::sql(doing))?
                .rows_affected();
        }
        tx.commit().await.map_err(VaultError::sql(doing))?;
        Ok(swept)
    }
}
